//! Product ids as SQLite values.

use rusqlite::types::Value;
use shopmaster_product::ProductId;

/// The bound that `after` sets for a list in the order of ids: all are behind none.
///
/// A bound that is always there keeps the statement a range search. SQLite orders numbers before texts.
pub(super) fn behind(after: Option<ProductId>) -> Value {
    match after {
        None => Value::Real(f64::NEG_INFINITY),
        Some(ProductId::Integer(number)) => Value::Integer(number),
        Some(ProductId::Text(text)) => Value::Text(text),
    }
}
