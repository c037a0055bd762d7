//! What the database says about the product table and about the objects with shopMaster's names.

use rusqlite::{Connection, OptionalExtension as _, params};
use sha2::{Digest as _, Sha256};
use shopmaster_catalog::CatalogError;

use super::{SqliteOptions, affinity::Affinity, error::QueryResult};

/// A table or view as the database describes it.
#[derive(Debug)]
pub(super) struct TableSchema {
    /// Its name, as the database spells it.
    pub(super) name: String,
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
    pub(super) primary: bool,
    not_null: bool,
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

/// How the values of a column compare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KeyColumn {
    pub(super) affinity: Affinity,
    pub(super) collation: String,
}

/// How the columns of a key compare, in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KeySchema {
    parts: Vec<KeyColumn>,
}

impl TableSchema {
    /// Reads the product table's description from the database; a missing table is an error.
    pub(super) fn read(connection: &Connection, options: &SqliteOptions) -> QueryResult<Self> {
        let table = options.mapping.table.as_str();
        let found = Self::of(connection, table)?;
        Ok(found.ok_or_else(|| CatalogError::NoTable(table.to_owned()))?)
    }

    /// Reads a table's description from the database; none when there is no such table.
    pub(super) fn of(connection: &Connection, table: &str) -> QueryResult<Option<Self>> {
        let found = connection
            .query_row(
                "SELECT name, type, strict, wr FROM pragma_table_list
                 WHERE schema = 'main' AND name = ?1 COLLATE NOCASE",
                [table],
                |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)),
            )
            .optional()?;
        let Some((name, kind, strict, without_rowid)) = found else {
            return Ok(None);
        };
        Ok(Some(Self {
            name,
            kind,
            strict,
            without_rowid,
            columns: columns(connection, table)?,
            uniques: uniques(connection, table)?,
            triggers: triggers(connection, table)?,
        }))
    }

    pub(super) fn is_view(&self) -> bool {
        self.kind == "view"
    }

    /// Whether it has this name; names that differ only in the case of ASCII letters are the same.
    pub(super) fn is_named(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    /// Whether it is a table that SQLite or shopMaster made.
    pub(super) fn is_internal(&self) -> bool {
        let name = self.name.to_ascii_lowercase();
        name.starts_with("sqlite_") || name.starts_with("shopmaster_")
    }

    /// A column by its mapped name; names that differ only in the case of ASCII letters are the same.
    pub(super) fn column(&self, options: &SqliteOptions, name: &str) -> QueryResult<&Column> {
        let column = self.find(name).ok_or_else(|| CatalogError::NoColumn {
            table: options.mapping.table.clone(),
            column: name.to_owned(),
        })?;
        Ok(column)
    }

    /// A column by its name; none when there is no such column.
    pub(super) fn find(&self, name: &str) -> Option<&Column> {
        self.columns
            .iter()
            .find(|column| column.name.eq_ignore_ascii_case(name))
    }

    /// The columns of the key.
    pub(super) fn key_columns(&self, options: &SqliteOptions) -> QueryResult<Vec<&Column>> {
        let names = options.mapping.columns.id.names();
        names.map(|name| self.column(options, name)).collect()
    }

    pub(super) fn affinity(&self, column: &Column) -> Affinity {
        Affinity::of(&column.declared, self.strict)
    }

    /// How the key compares.
    pub(super) fn key(
        &self,
        connection: &Connection,
        options: &SqliteOptions,
    ) -> QueryResult<KeySchema> {
        let columns = self.key_columns(options)?.into_iter();
        let parts = columns.map(|column| self.compared(connection, column));
        Ok(KeySchema {
            parts: parts.collect::<QueryResult<_>>()?,
        })
    }

    /// How a column of a table compares.
    pub(super) fn compared(
        &self,
        connection: &Connection,
        column: &Column,
    ) -> QueryResult<KeyColumn> {
        let (_, collation, ..) =
            connection.column_metadata(Some("main"), self.name.as_str(), column.name.as_str())?;
        Ok(KeyColumn {
            affinity: self.affinity(column),
            collation: collation.map_or_else(
                || "BINARY".to_owned(),
                |collation| collation.to_string_lossy().into_owned(),
            ),
        })
    }

    /// Why the key columns cannot be the key, for people.
    pub(super) fn unfit(&self, columns: &[&Column], key: &KeySchema) -> Option<String> {
        if let [column] = columns
            && self.is_rowid(column)
        {
            return None;
        }
        let unknown = key.parts.iter().find(|part| !part.is_known());
        if let Some(part) = unknown {
            return Some(format!(
                "its collation `{}` is known only to the shop's program",
                part.collation
            ));
        }
        let mut alone = self
            .uniques
            .iter()
            .filter_map(|unique| unique.only(columns))
            .peekable();
        if alone.peek().is_none() {
            return Some(self.without_unique(columns));
        }
        if !alone.any(|collations| key.has_collations(&collations)) {
            return Some(format!(
                "its unique index does not use its collation `{}`",
                key.collations()
            ));
        }
        None
    }

    /// Whether a column of a table could be the key on its own.
    pub(super) fn is_unique(&self, connection: &Connection, column: &Column) -> QueryResult<bool> {
        let key = KeySchema {
            parts: vec![self.compared(connection, column)?],
        };
        Ok(self.unfit(&[column], &key).is_none())
    }

    /// Whether rows may have no key at all: SQLite allows NULL in every primary key except a rowid, unless the
    /// column is declared NOT NULL.
    ///
    /// Source: <https://www.sqlite.org/quirks.html#primary_keys_can_sometimes_contain_nulls>.
    pub(super) fn may_be_null(&self, column: &Column) -> bool {
        let stricter = (self.strict || self.without_rowid) && column.primary;
        !column.not_null && !stricter && !self.is_rowid(column)
    }

    fn without_unique(&self, columns: &[&Column]) -> String {
        let primary = self.columns.iter().filter(|other| other.primary);
        let names: Vec<_> = primary.map(|other| other.name.as_str()).collect();
        if names.len() > 1 && columns.iter().any(|column| column.primary) {
            return format!(
                "the primary key consists of `{}` together: set all of them with `--column-id '{}'`",
                names.join("`, `"),
                names.join(",")
            );
        }
        match columns {
            [_] => "it has no primary key or unique index of its own".to_owned(),
            _ => "no primary key or unique index consists of exactly these columns".to_owned(),
        }
    }

    /// The unique indexes through which `INSERT OR REPLACE` may delete a row with another key.
    pub(super) fn other_uniques(&self, columns: &[&Column]) -> Vec<&str> {
        let is_key = |other: &Column| columns.iter().any(|column| column.name == other.name);
        let rowid = self
            .columns
            .iter()
            .filter(|other| !is_key(other) && self.is_rowid(other))
            .map(|other| other.name.as_str());
        self.uniques
            .iter()
            .filter(|unique| unique.only(columns).is_none())
            .map(|unique| unique.name.as_str())
            .chain(rowid)
            .collect()
    }

    /// The unique indexes that a column is no part of.
    pub(super) fn uniques_without(&self, column: &Column) -> Vec<&str> {
        let has_it = |unique: &&Unique| {
            let mut names = unique.columns.iter().map(|(name, _)| name.as_deref());
            names.any(|name| name == Some(&column.name))
        };
        let rowid = self.columns.iter().filter(|other| self.is_rowid(other));
        let rowid = rowid.filter(|other| other.name != column.name);
        let others = self.uniques.iter().filter(|unique| !has_it(unique));
        others
            .map(|unique| unique.name.as_str())
            .chain(rowid.map(|other| other.name.as_str()))
            .collect()
    }

    /// The columns of each unique index in which two spellings of the column are equal.
    pub(super) fn respelling(&self, column: &Column) -> Vec<Vec<String>> {
        let respells = |unique: &&Unique| {
            unique.columns.iter().any(|(name, collation)| {
                name.as_deref() == Some(&column.name) && !collation.eq_ignore_ascii_case("BINARY")
            })
        };
        let names = |unique: &Unique| {
            let names = unique.columns.iter().map(|(name, _)| name.clone());
            names.collect::<Option<Vec<_>>>()
        };
        self.uniques
            .iter()
            .filter(respells)
            .filter_map(names)
            .collect()
    }

    /// The name by which each row can be addressed on its own: the rowid, or the columns of the primary key.
    pub(super) fn row_names(&self) -> Vec<&str> {
        let is_free = |name: &&str| self.find(name).is_none();
        let rowid = ["rowid", "_rowid_", "oid"].into_iter().find(is_free);
        match rowid.filter(|_| !self.without_rowid) {
            Some(rowid) => vec![rowid],
            None => {
                let primary = self.columns.iter().filter(|column| column.primary);
                primary.map(|column| column.name.as_str()).collect()
            }
        }
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
    /// The collations of the columns, in their order, if the index is on exactly these.
    fn only(&self, columns: &[&Column]) -> Option<Vec<&str>> {
        let collation = |column: &&Column| {
            let mut found = self.columns.iter();
            let found = found.find(|(name, _)| name.as_deref() == Some(&column.name))?;
            Some(found.1.as_str())
        };
        let collations: Option<Vec<_>> = columns.iter().map(collation).collect();
        collations.filter(|collations| collations.len() == self.columns.len())
    }
}

impl KeySchema {
    /// How the keys in the ChangeLog compare. A key of several columns is text there, and ignores case only if all of
    /// its columns do.
    pub(super) fn in_change_log(&self) -> KeyColumn {
        if let [part] = &self.parts[..] {
            return part.clone();
        }
        let ignores_case = self.parts.iter().all(|part| part.is("NOCASE"));
        KeyColumn {
            affinity: Affinity::Text,
            collation: if ignores_case { "NOCASE" } else { "BINARY" }.to_owned(),
        }
    }

    /// Whether no two spellings of a key are equal.
    pub(super) fn is_binary(&self) -> bool {
        self.parts.iter().all(|part| part.is("BINARY"))
    }

    /// For people: `NOCASE`, or one for each column.
    pub(super) fn collations(&self) -> String {
        let collations: Vec<_> = self.parts.iter().map(|it| it.collation.as_str()).collect();
        collations.join(", ")
    }

    fn has_collations(&self, collations: &[&str]) -> bool {
        self.parts
            .iter()
            .zip(collations)
            .all(|(part, it)| part.is(it))
    }
}

impl KeyColumn {
    pub(super) fn is(&self, collation: &str) -> bool {
        self.collation.eq_ignore_ascii_case(collation)
    }

    /// Whether every program knows how it compares.
    fn is_known(&self) -> bool {
        ["BINARY", "NOCASE", "RTRIM"]
            .iter()
            .any(|known| self.is(known))
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

/// Identifies the current storage of the captured tables: their root pages in the file, the schema entries of the tables
/// and their triggers, the text of the view that reads them, and the schema version. A table that was recreated has at
/// least another schema version; the same is true after the file was reorganized or got another index.
pub(super) fn identity(
    connection: &Connection,
    options: &SqliteOptions,
) -> QueryResult<Option<String>> {
    let product = &options.mapping.table;
    let mut parts = Vec::new();
    for watch in options.watches() {
        parts.extend(parts_of(connection, &watch.table)?);
    }
    match options.watches() {
        [] => parts.extend(parts_of(connection, product)?),
        _ => parts.extend(view_text(connection, product)?),
    }
    if parts.is_empty() {
        return Ok(None);
    }
    let version: i64 = connection.pragma_query_value(None, "schema_version", |row| row.get(0))?;
    Ok(Some(format!("{version} {}", parts.join(" "))))
}

/// The storage of one table.
fn parts_of(connection: &Connection, table: &str) -> QueryResult<Vec<String>> {
    let mut statement = connection.prepare_cached(include_str!("sql/table_identity.sql"))?;
    let parts = statement.query_map([table], |row| row.get(0))?;
    Ok(parts.collect::<rusqlite::Result<_>>()?)
}

/// What stands for the text of a view; none when there is no such view.
fn view_text(connection: &Connection, view: &str) -> QueryResult<Option<String>> {
    let text: Option<String> = connection
        .prepare_cached(include_str!("sql/view_text.sql"))?
        .query_row([view], |row| row.get(0))
        .optional()?;
    let shortened = |text: String| {
        let digest = Sha256::digest(text);
        let bytes = digest.iter().take(8);
        bytes.map(|byte| format!("{byte:02x}")).collect()
    };
    Ok(text.map(shortened))
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
