//! Types of columns, as the catalogue views have them.

/// A column's type, an alias type by what it stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DataType {
    /// In lower case: `nvarchar`.
    pub(super) name: String,
    /// In bytes; -1 for `max`.
    pub(super) max_length: i32,
    /// Digits of a number.
    pub(super) precision: u8,
    /// Digits behind the point.
    pub(super) scale: u8,
    /// Of texts.
    pub(super) collation: Option<String>,
}
