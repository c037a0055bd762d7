//! Types of columns, as the catalogue views have them.

/// A column's type, an alias type by what it stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DataType {
    /// In lower case: `nvarchar`.
    pub(crate) name: String,
    /// In bytes; -1 for `max`.
    pub(crate) max_length: i32,
    /// Digits of a number.
    pub(crate) precision: u8,
    /// Digits behind the point.
    pub(crate) scale: u8,
    /// Of texts.
    pub(crate) collation: Option<String>,
}
