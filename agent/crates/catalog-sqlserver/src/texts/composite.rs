//! The texts for a table whose key has several columns.

use shopmaster_catalog::SEPARATOR;

use super::{DATABASE, mapping, reading};
use crate::{
    capture::{found::Found, planned::Planned, self_test},
    captured::Captured,
    column::Column,
    data_type::DataType,
    filter::Filter,
    queue::statements,
    schema::{TableSchema, key_is_unique_text},
};

/// The texts for a table with this table's names, whose key has three columns.
pub(super) fn texts(table: &TableSchema) -> Option<Vec<(&'static str, String)>> {
    let second = Column {
        is_unique: false,
        ..table.names.clone()
    };
    let third = Column {
        name: table.price.name.clone(),
        data_type: DataType {
            name: "char".to_owned(),
            max_length: 5,
            ..table.names.data_type.clone()
        },
        ..second.clone()
    };
    let table = TableSchema {
        more_ids: vec![second, third],
        ..table.clone()
    };
    let planned = Planned::new(&mapping(&table), &table).ok()?;
    let captured = Captured::product(&table);
    let log = &planned.log;
    let nothing = Found::nothing_in(DATABASE);
    let key = reading::product_key(&table)?;
    let mut texts = vec![
        ("key_is_unique", key_is_unique_text(&[1, 2, 3])),
        (
            "ambiguous_keys",
            reading::statements(&table, Filter::default())?.ambiguous_keys()?,
        ),
        (
            "scan_behind several",
            reading::statements(&table, Filter::default())?.scan_behind(&key.any(), true),
        ),
        ("install", planned.install(&nothing).text()),
        ("pending", statements::pending(&log.key)),
        ("changes_of", statements::changes_of(&log.key, 10)),
        ("acknowledge", statements::acknowledge(&log.key, 10)),
    ];
    texts.extend(reading::texts(&table)?);
    texts.extend(planned.inner());
    texts.extend(self_test::texts(&captured, log, SEPARATOR, &table.names.name).ok()?);
    Some(texts)
}
