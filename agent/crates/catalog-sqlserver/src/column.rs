//! The columns of a table or a view, as the catalog views describe them.

use shopmaster_catalog::template::fill;
use tiberius::{Row, ToSql};

use super::{
    data_type::DataType,
    error::QueryResult,
    row::{flag, number, small, text},
    session::Session,
};

/// A column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) column_id: i32,
    /// The column's real name.
    pub(crate) name: String,
    pub(crate) data_type: DataType,
    pub(crate) is_nullable: bool,
    pub(crate) is_computed: bool,
    pub(crate) is_identity: bool,
    /// Whether a unique index over all rows is on this column alone, whether or not it belongs to a primary
    /// key.
    pub(crate) is_unique: bool,
}

impl Column {
    /// Reads a column whose facts begin at `first`.
    pub(crate) fn read(row: &Row, first: usize) -> QueryResult<Self> {
        Ok(Self {
            column_id: number(row, first)?,
            name: text(row, first + 1)?,
            data_type: DataType {
                name: text(row, first + 2)?.to_lowercase(),
                max_length: number(row, first + 3)?,
                precision: small(row, first + 4)?,
                scale: small(row, first + 5)?,
                collation: Some(text(row, first + 6)?).filter(|name| !name.is_empty()),
            },
            is_nullable: flag(row, first + 7)?,
            is_computed: flag(row, first + 8)?,
            is_identity: flag(row, first + 9)?,
            is_unique: flag(row, first + 10)?,
        })
    }
}

/// The columns with these names, as the database compares names, in the same order; none for a name that the object
/// has no column for, as far as this login may see.
pub(crate) async fn named(
    session: &mut Session,
    object_id: i32,
    names: &[&str],
) -> QueryResult<Vec<Option<Column>>> {
    let mut found = vec![None; names.len()];
    if names.is_empty() {
        return Ok(found);
    }
    let mut parameters: Vec<&dyn ToSql> = vec![&object_id];
    parameters.extend(names.iter().map(|name| name as &dyn ToSql));
    for row in &session.rows(&named_text(names.len()), &parameters).await? {
        let place = usize::try_from(number(row, 0)?).unwrap_or(usize::MAX);
        if let Some(column) = found.get_mut(place) {
            *column = Some(Column::read(row, 1)?);
        }
    }
    Ok(found)
}

/// Finds this many columns by their names; parameters: the object's id, and the names.
pub(crate) fn named_text(names: usize) -> String {
    let names = (0..names).map(|n| format!("({n}, CAST(@P{} AS nvarchar(128)))", n + 2));
    let names = names.collect::<Vec<_>>().join(", ");
    with_facts(include_str!("sql/named_columns.sql"), &names)
}

/// Finds the three columns of a product; parameters: the object's id, and the names of key, name and price.
pub(crate) fn mapped_text() -> String {
    with_facts(include_str!("sql/columns.sql"), "")
}

fn with_facts(template: &str, names: &str) -> String {
    fill(template, &[("facts", facts_text()), ("names", names)])
}

/// The facts of a column `c`, for [`Column::read`].
pub(crate) fn facts_text() -> &'static str {
    include_str!("sql/column_facts.sql").trim_end()
}
