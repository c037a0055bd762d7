//! The texts that read a product table, a view, and what is sold of a table.

use shopmaster_catalog::{Condition, Mapping, Scalar, Test};

use super::{column, mapping};
use crate::{
    filter::Filter,
    product_key::ProductKey,
    queue::{
        price::{NameType, PriceType},
        seeking::End,
        statements::{Content, Locked, Statements},
    },
    schema::{Kind, TableSchema},
};

/// The texts for one table; none for a type that cannot be a key.
pub(super) fn texts(table: &TableSchema) -> Option<Vec<(&'static str, String)>> {
    let products = statements(table, Filter::default())?;
    let mut sold = table.clone();
    let only = filtered(&mut sold);
    let filter = Filter::new(&only, &sold).ok()?;
    let sold = statements(&sold, filter)?;
    let at = product_key(table)?.any();
    let view = TableSchema {
        kind: Kind::View,
        ..table.clone()
    };
    let view = statements(&view, Filter::default())?;
    let null = product_key(table)?.null();
    let product = Content::Product;
    Some(vec![
        ("read waiting", products.read(10, Locked::Wait, product)),
        ("read skipping", products.read(10, Locked::Skip, product)),
        ("read failing", products.read(10, Locked::Fail, product)),
        ("read a key", products.read(1, Locked::Wait, Content::Key)),
        ("read_nothing", products.read_nothing()),
        ("read_odd", view.read_odd(&null, product)),
        ("scan_start", products.scan_start()),
        ("scan_behind seeking", products.scan_behind(&at, true)),
        ("scan_behind", products.scan_behind(&at, false)),
        ("scan_start of a view", view.scan_start()),
        ("scan_behind of a view", view.scan_behind(&at, true)),
        ("scan_behind NULL", view.scan_behind(&null, true)),
        ("scan_keys", products.scan_keys(None)),
        ("scan_keys behind", sold.scan_keys(Some(&at))),
        ("keys_start", products.keys_start()),
        ("keys_behind seeking", products.keys_behind(&at, true)),
        ("keys_behind", products.keys_behind(&at, false)),
        ("gap of a table", products.gap(None, End::Table)?),
        ("gap behind a key", products.gap(Some(&at), End::Table)?),
        (
            "gap between keys",
            products.gap(Some(&at), End::Before(&at))?,
        ),
        ("gap up to a key", products.gap(None, End::With(&at))?),
        ("read of what is sold", sold.read(10, Locked::Skip, product)),
        ("scan_start of what is sold", sold.scan_start()),
        ("scan_behind of what is sold", sold.scan_behind(&at, true)),
        ("count of what is sold", sold.count()),
        ("kept", sold.kept()?),
        ("view_keys", products.view_keys()),
        ("count", products.count()),
    ])
}

pub(super) fn product_key(table: &TableSchema) -> Option<ProductKey> {
    ProductKey::of(&mapping(table).columns.id, table).ok()
}

pub(super) fn statements(table: &TableSchema, filter: Filter) -> Option<Statements> {
    let key = product_key(table)?;
    let name = NameType::of(&table.names.data_type).ok()?;
    let price = PriceType::of(&table.price.data_type, None).ok()?;
    Some(Statements::new(table, &key, name, price, filter))
}

/// A mapping with conditions of each kind, whose columns the table gets.
fn filtered(table: &mut TableSchema) -> Mapping {
    let text = |text: &str| Scalar::Text(text.to_owned());
    let conditions = [
        (
            "bit",
            Test::Is(vec![Scalar::Integer(0), Scalar::Flag(true)]),
        ),
        ("decimal", Test::IsNot(vec![text("-1.0")])),
        ("money", Test::Is(vec![text("-1.50")])),
        (
            "varchar",
            Test::IsNot(vec![text("'); --"), text("\u{2603}")]),
        ),
        ("nvarchar", Test::Is(vec![text("it's"), text("%_")])),
        ("datetime", Test::IsNull),
        ("xml", Test::NotNull),
    ];
    let mut mapping = mapping(table);
    for (data_type, test) in conditions {
        let column = column(&table.names.name, data_type, 50, 9);
        mapping.only.push(Condition {
            column: column.name.clone(),
            test,
        });
        table.only.push(Some(column));
    }
    mapping
}
