//! Product ids as SQLite values.

use rusqlite::types::Value;
use shopmaster_product::ProductId;

/// The lower bound that `after` sets for a list in the order of ids: every id comes after none.
///
/// A bound that is always present keeps the statement a range search. SQLite sorts numbers before text.
pub(super) fn behind(after: Option<ProductId>) -> Value {
    match after {
        None => Value::Real(f64::NEG_INFINITY),
        Some(ProductId::Integer(number)) => Value::Integer(number),
        Some(ProductId::Text(text)) => Value::Text(text),
    }
}
