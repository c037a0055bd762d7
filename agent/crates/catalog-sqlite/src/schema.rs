//! What the database says about the product table and about the objects with shopMaster's names.

use rusqlite::{Connection, OptionalExtension as _, params};
use shopmaster_catalog::CatalogError;

use super::{SqliteOptions, affinity::Affinity, error::QueryResult};

/// The product table as the database describes it.
#[derive(Debug)]
pub(super) struct TableSchema {
    /// `table`, `view`, `virtual` or `shadow`.
    pub(super) kind: String,
    pub(super) columns: Vec<Column>,
    pub(super) uniques: Vec<Unique>,
    /// The table's triggers that are not shopMaster's.
    pub(super) triggers: Vec<String>,
    strict: bool,
    without_rowid: bool,
}

#[derive(Debug)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) declared: String,
    /// Whether the database computes the column, so that it cannot be written.
    pub(super) generated: bool,
    not_null: bool,
    primary: bool,
}

/// A unique index over all rows.
#[derive(Debug)]
pub(super) struct Unique {
    pub(super) name: String,
    /// Whether the index belongs to the primary key.
    primary: bool,
    /// The name and the collation of each column; an expression has no name.
    columns: Vec<(Option<String>, String)>,
}

/// The properties of the key column that decide how keys compare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KeyColumn {
    pub(super) affinity: Affinity,
    pub(super) collation: String,
}

impl TableSchema {
    /// Reads the table's description from the database; a missing table is an error.
    pub(super) fn read(connection: &Connection, options: &SqliteOptions) -> QueryResult<Self> {
        let table = options.mapping.table.as_str();
        let (kind, strict, without_rowid) = connection
            .query_row(
                "SELECT type, strict, wr FROM pragma_table_list
                 WHERE schema = 'main' AND name = ?1 COLLATE NOCASE",
                [table],
                |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
            )
            .optional()?
            .ok_or_else(|| CatalogError::NoTable(table.to_owned()))?;
        Ok(Self {
            kind,
            strict,
            without_rowid,
            columns: columns(connection, table)?,
            uniques: uniques(connection, table)?,
            triggers: triggers(connection, table)?,
        })
    }

    pub(super) fn is_view(&self) -> bool {
        self.kind == "view"
    }

    /// A column by its mapped name; names that differ only in the case of ASCII letters are the same.
    pub(super) fn column(&self, options: &SqliteOptions, name: &str) -> QueryResult<&Column> {
        let column = self
            .columns
            .iter()
            .find(|column| column.name.eq_ignore_ascii_case(name));
        let column = column.ok_or_else(|| CatalogError::NoColumn {
            table: options.mapping.table.clone(),
            column: name.to_owned(),
        })?;
        Ok(column)
    }

    pub(super) fn affinity(&self, column: &Column) -> Affinity {
        Affinity::of(&column.declared, self.strict)
    }

    /// How the key column compares.
    pub(super) fn key(
        &self,
        connection: &Connection,
        options: &SqliteOptions,
    ) -> QueryResult<KeyColumn> {
        let column = self.column(options, options.mapping.columns.id.first())?;
        let (_, collation, ..) = connection.column_metadata(
            Some("main"),
            options.mapping.table.as_str(),
            column.name.as_str(),
        )?;
        Ok(KeyColumn {
            affinity: self.affinity(column),
            collation: collation.map_or_else(
                || "BINARY".to_owned(),
                |collation| collation.to_string_lossy().into_owned(),
            ),
        })
    }

    /// Why the key column cannot be the key, for people.
    pub(super) fn unfit(&self, column: &Column, key: &KeyColumn) -> Option<String> {
        if self.is_rowid(column) {
            return None;
        }
        if !["BINARY", "NOCASE", "RTRIM"]
            .iter()
            .any(|known| known.eq_ignore_ascii_case(&key.collation))
        {
            return Some(format!(
                "its collation `{}` is known only to the shop's program",
                key.collation
            ));
        }
        let mut alone = self
            .uniques
            .iter()
            .filter_map(|unique| unique.only(column))
            .peekable();
        if alone.peek().is_none() {
            return Some(self.without_unique(column));
        }
        if !alone.any(|collation| collation.eq_ignore_ascii_case(&key.collation)) {
            return Some(format!(
                "its unique index does not use its collation `{}`",
                key.collation
            ));
        }
        None
    }

    /// Whether rows may have no key at all: SQLite allows NULL in every primary key except a rowid, unless the
    /// column is declared NOT NULL.
    ///
    /// Source: <https://www.sqlite.org/quirks.html#primary_keys_can_sometimes_contain_nulls>.
    pub(super) fn may_be_null(&self, column: &Column) -> bool {
        let stricter = (self.strict || self.without_rowid) && column.primary;
        !column.not_null && !stricter && !self.is_rowid(column)
    }

    fn without_unique(&self, column: &Column) -> String {
        let primary = self.columns.iter().filter(|other| other.primary);
        let names: Vec<_> = primary.map(|other| other.name.as_str()).collect();
        match names.len() > 1 && column.primary {
            true => format!(
                "the primary key consists of `{}` together; a view that combines them into one column can be served in scan mode",
                names.join("`, `")
            ),
            false => "it has no primary key or unique index of its own".to_owned(),
        }
    }

    /// The unique indexes through which `INSERT OR REPLACE` may delete a row with another key.
    pub(super) fn other_uniques(&self, column: &Column) -> Vec<&str> {
        let rowid = self
            .columns
            .iter()
            .filter(|other| other.name != column.name && self.is_rowid(other))
            .map(|other| other.name.as_str());
        self.uniques
            .iter()
            .filter(|unique| unique.only(column).is_none())
            .map(|unique| unique.name.as_str())
            .chain(rowid)
            .collect()
    }

    /// Whether the column is an `INTEGER PRIMARY KEY`, which is the rowid itself: it has no index, and is never
    /// NULL.
    fn is_rowid(&self, column: &Column) -> bool {
        column.primary
            && self.columns.iter().filter(|other| other.primary).count() == 1
            && !self.uniques.iter().any(|unique| unique.primary)
    }
}

impl Unique {
    /// The collation, if the index is on `column` alone.
    fn only(&self, column: &Column) -> Option<&str> {
        match self.columns.as_slice() {
            [(Some(name), collation)] if *name == column.name => Some(collation),
            _ => None,
        }
    }
}

/// Whether it is a view. False for a table that does not exist.
pub(super) fn is_view(connection: &Connection, table: &str) -> QueryResult<bool> {
    let is_view = connection
        .prepare_cached(include_str!("sql/is_view.sql"))?
        .query_row([table], |row| row.get(0))
        .optional()?;
    Ok(is_view.unwrap_or_default())
}

/// Identifies the table's current storage: its root page in the file, the schema entries of the table and its
/// triggers, and the schema version. A table that was recreated has at least another schema version; the same
/// is true after the file was reorganized or got another index.
pub(super) fn identity(
    connection: &Connection,
    options: &SqliteOptions,
) -> QueryResult<Option<String>> {
    let mut statement = connection.prepare_cached(include_str!("sql/table_identity.sql"))?;
    let parts = statement
        .query_map([&options.mapping.table], |row| row.get(0))?
        .collect::<rusqlite::Result<Vec<String>>>()?;
    if parts.is_empty() {
        return Ok(None);
    }
    let version: i64 = connection.pragma_query_value(None, "schema_version", |row| row.get(0))?;
    Ok(Some(format!("{version} {}", parts.join(" "))))
}

fn columns(connection: &Connection, table: &str) -> QueryResult<Vec<Column>> {
    let mut statement = connection.prepare(
        "SELECT name, type, \"notnull\", pk, hidden FROM pragma_table_xinfo(?1, 'main')",
    )?;
    let columns = statement.query_map([table], |row| {
        Ok(Column {
            name: row.get(0)?,
            declared: row.get(1)?,
            not_null: row.get(2)?,
            primary: row.get::<_, i64>(3)? > 0,
            generated: row.get::<_, i64>(4)? > 1,
        })
    })?;
    Ok(columns.collect::<rusqlite::Result<_>>()?)
}

fn uniques(connection: &Connection, table: &str) -> QueryResult<Vec<Unique>> {
    let mut indexes = connection.prepare(
        "SELECT name, origin = 'pk' FROM pragma_index_list(?1, 'main')
         WHERE \"unique\" AND NOT partial",
    )?;
    let mut columns = connection.prepare(
        "SELECT name, coll FROM pragma_index_xinfo(?1, 'main') WHERE key ORDER BY seqno",
    )?;
    let mut uniques = Vec::new();
    let mut rows = indexes.query([table])?;
    while let Some(row) = rows.next()? {
        let name: String = row.get(0)?;
        let columns = columns
            .query_map([&name], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<rusqlite::Result<_>>()?;
        uniques.push(Unique {
            primary: row.get(1)?,
            name,
            columns,
        });
    }
    Ok(uniques)
}

fn triggers(connection: &Connection, table: &str) -> QueryResult<Vec<String>> {
    let mut statement = connection.prepare(
        "SELECT name FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = ?1 COLLATE NOCASE
         AND name NOT LIKE 'shopmaster\\_capture\\_%' ESCAPE '\\' ORDER BY name",
    )?;
    let names = statement.query_map(params![table], |row| row.get(0))?;
    Ok(names.collect::<rusqlite::Result<_>>()?)
}
