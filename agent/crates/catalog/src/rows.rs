//! The rows of the product table, as lookups and scans return them.

use shopmaster_product::{ProductId, Row};

use super::key_columns::KeyColumns;

/// The shop's names for the columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Columns {
    /// The product's key.
    pub id: KeyColumns,
    /// Its name.
    pub name: String,
    /// Its price.
    pub price: String,
}

/// The answer for a key that was looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lookup {
    /// The row, with the key spelled as in the row.
    Found(Row),
    /// The table certainly has no row with this key.
    Gone,
    /// The row does not meet the shop's conditions, so it is not sold. Holds the key as in the row.
    LeftOut(ProductId),
    /// Another program has locked the row: it is still waiting.
    Locked,
}

/// What a scan returns for one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scanned {
    /// A row.
    Row(Row),
    /// The key of a row that another program has locked; it may turn out that there is no such row.
    Locked(ProductId),
}

impl Scanned {
    /// The key.
    #[must_use]
    pub fn id(&self) -> &ProductId {
        match self {
            Self::Row(row) => &row.id,
            Self::Locked(id) => id,
        }
    }
}
