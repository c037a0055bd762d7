//! A view as the product table, with its changes captured in the tables that it reads.

use std::fmt;

/// A table whose changes count, and which rows of the view they concern.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Watch {
    /// The table that is captured, as configured.
    pub table: String,
    /// Its column that a trigger records at each change.
    pub key: String,
    /// The view's column with the same value.
    pub column: String,
}

/// The row of a watched table through which a change of a product was noticed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Via {
    /// The watched table, as the change's record names it.
    pub table: String,
    /// The value in the table's key column, as the change's record has it.
    pub key: String,
    /// Whether this stands for the rows that may have left the view or come to it, and not for a product.
    pub unlocated: bool,
}

impl fmt::Display for Watch {
    /// `` `dbo.Prices` by `Code` ``.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` by `{}`", self.table, self.key)
    }
}
