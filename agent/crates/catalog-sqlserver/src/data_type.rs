//! Column types, as the catalog views describe them.

/// A column's type; an alias type is given by its base type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DataType {
    /// The type's name in lower case: `nvarchar`.
    pub(crate) name: String,
    /// The maximum length in bytes; -1 for `max`.
    pub(crate) max_length: i32,
    /// How many digits a number has.
    pub(crate) precision: u8,
    /// How many of them are after the decimal point.
    pub(crate) scale: u8,
    /// The collation of a text type.
    pub(crate) collation: Option<String>,
}
