//! The texts for a view whose base tables are watched.

use shopmaster_catalog::{SEPARATOR, Watch};

use super::{DATABASE, mapping, reading};
use crate::{
    capture::{adopt, found::Found, planned::Planned, self_test, watch::first_keys_text},
    captured::Captured,
    column::Column,
    filter::Filter,
    queue::statements::{self, Locked},
    schema::{Kind, TableSchema},
    watches::{FoundWatch, Watches},
};

/// The texts for a view with this table's names: one table has its key, another has many rows of one key.
pub(super) fn texts(table: &TableSchema) -> Option<Vec<(&'static str, String)>> {
    let other = Column {
        column_id: 2,
        is_unique: false,
        ..table.names.clone()
    };
    let mut mapping = mapping(table);
    let mut view = TableSchema {
        kind: Kind::View,
        names: other.clone(),
        ..table.clone()
    };
    for (id, name, key) in [
        (4_321, &table.name, &table.id),
        (5_432, &other.name, &other),
    ] {
        mapping.watches.push(Watch {
            table: name.clone(),
            key: key.name.clone(),
            column: key.name.clone(),
        });
        let found = FoundWatch::of(id, &table.schema, name, key);
        view.watches.push(found);
    }
    let planned = Planned::new(&mapping, &view).ok()?;
    let watches = Watches::of(&mapping, &view).ok()?;
    let log = &planned.log.key;
    let nothing = Found::nothing_in(DATABASE);
    let mut texts = vec![
        ("install", planned.install(&nothing).text()),
        ("remove", planned.remove(&nothing).text()),
        ("pending", statements::pending_of_watched(log)),
        ("acknowledge", statements::acknowledge_watched(log, 10)),
    ];
    let products = reading::statements(&view, Filter::default())?;
    let key = reading::product_key(&view)?;
    for watched in watches.tables() {
        let columns = &watched.columns;
        texts.extend([
            ("concerned", products.concerned(columns, 10, Locked::Wait)),
            (
                "concerned failing",
                products.concerned(columns, 1, Locked::Fail),
            ),
            (
                "concerned_behind",
                products.concerned_behind(columns, &key.any()),
            ),
            (
                "concerned_behind NULL",
                products.concerned_behind(columns, &key.null()),
            ),
            ("first_keys", first_keys_text(watched)),
        ]);
        for column in columns {
            texts.push(("watched_values", products.watched_values(&[column], 10)));
            let source = watched.table.object_id;
            let text = statements::records_of(source, &column.key, log, 10);
            texts.push(("records_of", text));
        }
        let proofs = self_test::texts(&watched.table, &planned.log, SEPARATOR, &table.price.name);
        texts.extend(proofs.ok()?);
    }
    let captured = Captured::all(&mapping, &view).ok()?;
    let written = adopt::Written::of(&mapping, &view, captured.first()?).ok()?;
    texts.push(("take_over", adopt::take_over_text(&written, 10)));
    texts.extend(planned.inner());
    let repairs = planned.repairs(DATABASE);
    texts.extend(repairs.map(|(name, script)| (name, script.text())));
    Some(texts)
}
