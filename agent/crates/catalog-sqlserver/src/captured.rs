//! The tables whose changes are captured: the product table, or those that a view reads.

use shopmaster_catalog::{CatalogError, Mapping};

use super::{
    column::Column,
    error::QueryResult,
    object::qualified,
    schema::{Kind, TableSchema, label},
    watches::Watches,
};

/// Why a view is not captured, for people.
pub(crate) const A_VIEW: &str = "it is a view, which has no rows of its own to capture";

/// A table that has a trigger of shopMaster's, or gets one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Captured {
    pub(crate) object_id: i32,
    /// The schema's real name.
    pub(crate) schema: String,
    /// The table's real name.
    pub(crate) name: String,
    /// The principal that owns the table, or else its schema.
    pub(crate) owner_id: Option<i32>,
    /// The owner's name; none when this login may not see it.
    pub(crate) owner: Option<String>,
    /// The columns that the trigger writes down; never empty.
    pub(crate) key: Vec<Column>,
    /// Whether the table is watched: its key is not the products' key.
    pub(crate) is_watched: bool,
}

impl Captured {
    /// The tables that have to be captured; one, unless the product table is a view.
    ///
    /// # Errors
    ///
    /// [`CatalogError::ScanOnly`] for a view without watched tables, and as [`Watches::of`].
    pub(crate) fn all(mapping: &Mapping, table: &TableSchema) -> QueryResult<Vec<Self>> {
        let watches = Watches::of(mapping, table)?;
        if !watches.is_empty() {
            return Ok(watches
                .tables()
                .map(|watched| watched.table.clone())
                .collect());
        }
        match table.kind {
            Kind::Table => Ok(vec![Self::product(table)]),
            Kind::View => Err(CatalogError::ScanOnly {
                table: label(table),
                reason: A_VIEW.to_owned(),
            }
            .into()),
        }
    }

    /// The product table itself.
    pub(crate) fn product(table: &TableSchema) -> Self {
        Self {
            object_id: table.object_id,
            schema: table.schema.clone(),
            name: table.name.clone(),
            owner_id: table.owner_id,
            owner: table.owner.clone(),
            key: table.ids().cloned().collect(),
            is_watched: false,
        }
    }

    /// The table's name, quoted for T-SQL.
    pub(crate) fn quoted(&self) -> String {
        qualified(&self.schema, &self.name)
    }

    /// The table, for people.
    pub(crate) fn label(&self) -> String {
        format!("{}.{}", self.schema, self.name)
    }
}
