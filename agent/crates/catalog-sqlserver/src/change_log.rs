//! How the ChangeLog keeps keys.

use shopmaster_catalog::{CatalogError, Mapping};

use super::{
    data_type::DataType,
    error::QueryResult,
    key::{BINARY, KeyType},
    schema::{TableSchema, label},
    watches::LONGEST_KEY,
};

/// The ChangeLog's columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogForm {
    /// The type of `ProductID`.
    pub(crate) key: KeyType,
    /// The same as the catalog views describe it.
    pub(crate) column: DataType,
    /// Whether `ProductID` is text that is made of other columns' values: of a key of several columns, or of a watched
    /// table's key. Otherwise it has the type of the key column.
    pub(crate) is_text: bool,
    /// Whether each change has the table that it is of, because several may be watched.
    pub(crate) has_source: bool,
}

impl LogForm {
    /// # Errors
    ///
    /// [`CatalogError::UnfitKey`] for a key that the ChangeLog cannot keep.
    pub(crate) fn of(mapping: &Mapping, table: &TableSchema) -> QueryResult<Self> {
        let has_source = !mapping.watches.is_empty();
        let column = match has_source || !table.more_ids.is_empty() {
            true => text_column(),
            false => table.id.data_type.clone(),
        };
        let key = KeyType::of(&column).map_err(|reason| CatalogError::UnfitKey {
            table: label(table),
            column: table.key_label(),
            reason,
        })?;
        Ok(Self {
            key,
            is_text: has_source || !table.more_ids.is_empty(),
            column,
            has_source,
        })
    }

    /// Whether a column of this type keeps the keys as it should. The collation of text made of other columns' values
    /// does not matter, and engines name it in their own way.
    pub(crate) fn is_kept_in(&self, column: &DataType) -> bool {
        match self.is_text {
            true => column.name == self.column.name && column.max_length == self.column.max_length,
            false => *column == self.column,
        }
    }

    /// How many columns the ChangeLog has.
    pub(crate) fn width(&self) -> usize {
        4 + usize::from(self.has_source)
    }
}

/// `nvarchar(450)`, which compares byte for byte.
pub(crate) fn text_column() -> DataType {
    let bytes = i32::try_from(LONGEST_KEY * 2).unwrap_or(i32::MAX);
    DataType {
        name: "nvarchar".to_owned(),
        max_length: bytes,
        precision: 0,
        scale: 0,
        collation: Some(BINARY.to_owned()),
    }
}
