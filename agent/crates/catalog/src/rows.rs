//! The rows of the product table, as they are looked up and walked.

use shopmaster_product::{ProductId, Row};

/// The shop's names for the columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Columns {
    /// The product's key.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its price.
    pub price: String,
}

/// What became of a key that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lookup {
    /// The row, with its own spelling of the key.
    Found(Row),
    /// A clean miss.
    Gone,
    /// Somebody holds it: still pending.
    Locked,
}

/// What a walk meets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scanned {
    /// A row.
    Row(Row),
    /// The key of a row that somebody holds; it may be that there is none in the end.
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
