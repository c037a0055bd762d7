//! What the catalogue views say of the product table.

use rusqlite::{Connection, OptionalExtension as _};

use super::{
    State, exists,
    names::name_behind,
    parameter, text_parameter,
    types::{NO_CASE, SqlType},
};
use crate::tds::model::{Answer, ColumnType, ResultSet, SqlError, Statement, Value};

/// The only schema of the shop's own, and its owner's number.
pub(super) const SCHEMA: &str = "dbo";
pub(super) const OWNER: i32 = 1;
/// The table of Entity Framework Core.
const HISTORY: &str = "__EFMigrationsHistory";
/// Objects of the shop have numbers from here on.
const FIRST_OBJECT: i64 = 1_000;
const TABLES: &str = "SELECT rowid, name, type FROM sqlite_schema
    WHERE type IN ('table', 'view') AND substr(name, 1, 7) <> 'sqlite_'
        AND substr(name, 1, 11) <> 'shopmaster_'";
const COLUMNS: &str = "SELECT c.cid, c.name, c.type, c.\"notnull\", c.hidden, c.pk,
        (SELECT x.coll FROM pragma_index_list(?1) AS l, pragma_index_xinfo(l.name) AS x
         WHERE x.name = c.name AND x.key = 1 LIMIT 1),
        EXISTS (SELECT 1 FROM pragma_index_list(?1) AS l
         WHERE l.\"unique\" = 1 AND l.partial = 0
            AND (SELECT group_concat(x.name, char(0)) FROM pragma_index_xinfo(l.name) AS x
                 WHERE x.key = 1) = c.name),
        (SELECT count(*) FROM pragma_table_xinfo(?1) AS k WHERE k.pk > 0)
    FROM pragma_table_xinfo(?1) AS c";

/// A column of the product table.
#[derive(Debug, Clone)]
pub(super) struct Column {
    pub(super) number: i32,
    pub(super) name: String,
    pub(super) kind: SqlType,
    pub(super) is_nullable: bool,
    pub(super) is_computed: bool,
    pub(super) is_unique: bool,
}

pub(super) fn answer(state: &State, statement: &Statement) -> Result<Answer, SqlError> {
    match statement.name.as_deref() {
        Some("table") => table(&state.connection, statement),
        Some("named_columns") => named_columns(&state.connection, statement),
        Some("table_columns") => table_columns(&state.connection, statement),
        Some("columns") => columns(&state.connection, statement),
        Some("table_identity") => identity(state, statement),
        Some("migrations") => migrations(&state.connection),
        Some("newest_migration") => newest_migration(&state.connection),
        _ => look(&state.connection, statement),
    }
}

/// The number of a table or view; none when it does not exist.
pub(super) fn object_id(connection: &Connection, name: &str) -> rusqlite::Result<Option<i32>> {
    let sql = format!("{TABLES} AND name = ?1 COLLATE NOCASE");
    let found = connection.query_row(&sql, [name], |row| row.get::<_, i64>(0));
    Ok(found.optional()?.map(number))
}

/// The name of the table or view that has this number.
pub(super) fn table_of(
    connection: &Connection,
    number: &rusqlite::types::Value,
) -> Result<String, SqlError> {
    let sql = format!("{TABLES} AND rowid + {FIRST_OBJECT} = ?1");
    let found = connection.query_row(&sql, [number], |row| row.get(1));
    let missing = || SqlError::number(208).message(format!("no object {number:?}"));
    found.optional()?.ok_or_else(missing)
}

/// A column by its name.
pub(super) fn column(connection: &Connection, table: &str, name: &str) -> Result<Column, SqlError> {
    let mut all = all_columns(connection, table)?.into_iter();
    let found = all.find(|column| column.name.eq_ignore_ascii_case(name));
    found.ok_or_else(|| SqlError::number(207).message(format!("Invalid column name '{name}'.")))
}

fn number(rowid: i64) -> i32 {
    i32::try_from(rowid + FIRST_OBJECT).unwrap_or(i32::MAX)
}

fn table(connection: &Connection, statement: &Statement) -> Result<Answer, SqlError> {
    let (schema, name) = (text_parameter(statement, 1)?, text_parameter(statement, 2)?);
    let mut result = ResultSet::new([
        ("", ColumnType::Int),
        ("", ColumnType::Text),
        ("", ColumnType::Text),
        ("", ColumnType::Text),
        ("", ColumnType::Int),
        ("", ColumnType::Text),
        ("", ColumnType::Int),
    ]);
    if !schema.is_empty() && !schema.eq_ignore_ascii_case(SCHEMA) {
        return Ok(result.into());
    }
    let sql = format!("{TABLES} AND name = ?1 COLLATE NOCASE");
    let found = connection.query_row(&sql, [name], |row| {
        let kind: String = row.get(2)?;
        Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, kind))
    });
    if let Some((rowid, name, kind)) = found.optional()? {
        let kind = if kind == "view" { "V" } else { "U" };
        result = result.row([
            Value::Int(number(rowid)),
            Value::Text(SCHEMA.to_owned()),
            Value::Text(name),
            Value::Text(kind.to_owned()),
            Value::Int(OWNER),
            Value::Text(SCHEMA.to_owned()),
            Value::Int(0),
        ]);
    }
    Ok(result.into())
}

/// Its number, and the trigger's; SQLite keeps no times.
fn identity(state: &State, statement: &Statement) -> Result<Answer, SqlError> {
    let name = table_of(&state.connection, &parameter(statement, 1)?)?;
    let number = object_id(&state.connection, &name)?.unwrap_or_default();
    let has_trigger = state.installed.trigger.is_some();
    let result = ResultSet::new([
        ("", ColumnType::Int),
        ("", ColumnType::Text),
        ("", ColumnType::Int),
        ("", ColumnType::Text),
    ]);
    Ok(result
        .row([
            Value::Int(number),
            Value::Null,
            Value::Int(has_trigger.into()),
            Value::Null,
        ])
        .into())
}

/// The columns of key, name and price, each marked with which of them it is.
fn columns(connection: &Connection, statement: &Statement) -> Result<Answer, SqlError> {
    let names = wanted(statement)?;
    let mut result = described::<3>();
    for column in columns_of(connection, statement)? {
        let is = |at: usize| names.get(at).is_some_and(|name| column.is(name));
        let marks = [is(0), is(1), is(2)];
        if marks.contains(&true) {
            let mut row = marks.map(flag).to_vec();
            row.extend(column.facts());
            result.rows.push(row);
        }
    }
    Ok(result.into())
}

/// The columns of some names, each with the number of its name.
fn named_columns(connection: &Connection, statement: &Statement) -> Result<Answer, SqlError> {
    let mut result = described::<1>();
    let columns = columns_of(connection, statement)?;
    for (n, name) in (0..).zip(wanted(statement)?) {
        let Some(column) = columns.iter().find(|column| column.is(&name)) else {
            continue;
        };
        let mut row = vec![Value::Int(n)];
        row.extend(column.facts());
        result.rows.push(row);
    }
    Ok(result.into())
}

/// All columns of a table, each with whether it is in a key: one of several columns is not told apart.
fn table_columns(connection: &Connection, statement: &Statement) -> Result<Answer, SqlError> {
    let mut result = described::<1>();
    for column in columns_of(connection, statement)? {
        let mut row = vec![flag(column.is_unique)];
        row.extend(column.facts());
        result.rows.push(row);
    }
    Ok(result.into())
}

/// The names that a statement asks for.
fn wanted(statement: &Statement) -> Result<Vec<String>, SqlError> {
    let names = 2..=statement.parameters.len();
    names
        .map(|number| text_parameter(statement, number))
        .collect()
}

/// The columns of the table that a statement asks for.
fn columns_of(connection: &Connection, statement: &Statement) -> Result<Vec<Column>, SqlError> {
    let rusqlite::types::Value::Integer(wanted) = parameter(statement, 1)? else {
        return Err(SqlError::number(8114).message("@P1 is no number"));
    };
    let sql = format!("{TABLES} AND rowid = ?1");
    let table = connection.query_row(&sql, [wanted - FIRST_OBJECT], |row| row.get(1));
    let table: Option<String> = table.optional()?;
    Ok(match table {
        Some(table) => all_columns(connection, &table)?,
        None => Vec::new(),
    })
}

/// Rows of so many marks, and the facts of a column.
fn described<const MARKS: usize>() -> ResultSet {
    let mut kinds = vec![ColumnType::Int; MARKS + 11];
    for text in [1, 2, 6] {
        kinds[MARKS + text] = ColumnType::Text;
    }
    let mut result = ResultSet::new::<0>([]);
    result.columns = kinds
        .into_iter()
        .map(|kind| (String::new(), kind))
        .collect();
    result
}

fn flag(flag: bool) -> Value {
    Value::Int(flag.into())
}

impl Column {
    fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    /// What the catalogue views say of it.
    fn facts(&self) -> [Value; 11] {
        let kind = &self.kind;
        [
            Value::Int(self.number),
            Value::Text(self.name.clone()),
            Value::Text(kind.name.clone()),
            Value::Int(kind.max_length),
            Value::Int(kind.precision.into()),
            Value::Int(kind.scale.into()),
            Value::Text(kind.collation.clone().unwrap_or_default()),
            flag(self.is_nullable),
            flag(self.is_computed),
            flag(false),
            flag(self.is_unique),
        ]
    }
}

fn all_columns(connection: &Connection, table: &str) -> rusqlite::Result<Vec<Column>> {
    let mut select = connection.prepare_cached(COLUMNS)?;
    let rows = select.query_map([table], |row| {
        let mut kind = SqlType::parse(&row.get::<_, String>(2)?);
        let collation: Option<String> = row.get(6)?;
        if kind.is_text() && collation.is_some_and(|it| it.eq_ignore_ascii_case("NOCASE")) {
            kind.collation = Some(NO_CASE.to_owned());
        }
        // The key of a table with rowids: unique without an index, and never NULL.
        let is_rowid = row.get::<_, i64>(5)? > 0 && row.get::<_, i64>(8)? == 1 && !kind.is_text();
        Ok(Column {
            number: row.get::<_, i32>(0)? + 1,
            name: row.get(1)?,
            is_nullable: row.get::<_, i64>(3)? == 0 && !is_rowid,
            is_computed: row.get::<_, i64>(4)? != 0,
            is_unique: row.get(7).map(|unique: bool| unique || is_rowid)?,
            kind,
        })
    })?;
    rows.collect()
}

/// Whether Entity Framework Core left its table in the shop's database.
fn migrations(connection: &Connection) -> Result<Answer, SqlError> {
    let mut result = ResultSet::new([("", ColumnType::Text), ("", ColumnType::Text)]);
    if exists(connection, "table", HISTORY)? {
        result = result.row([SCHEMA, HISTORY].map(|name| Value::Text(name.to_owned())));
    }
    Ok(result.into())
}

/// By which version it was written last.
fn newest_migration(connection: &Connection) -> Result<Answer, SqlError> {
    let sql = format!("SELECT ProductVersion FROM {HISTORY} ORDER BY MigrationId DESC LIMIT 1");
    let version = connection
        .query_row(&sql, [], |row| row.get(0))
        .optional()?;
    let result = ResultSet::new([("", ColumnType::Text)]);
    Ok(match version {
        Some(version) => result.row([Value::Text(version)]).into(),
        None => result.into(),
    })
}

/// A look at a table that the catalogue views do not show: is it there at all?
fn look(connection: &Connection, statement: &Statement) -> Result<Answer, SqlError> {
    let name = name_behind(&statement.text, "FROM ").unwrap_or_default();
    for kind in ["table", "view"] {
        if exists(connection, kind, &name)? {
            return Ok(ResultSet::new([("", ColumnType::Int)]).into());
        }
    }
    Err(SqlError::number(208).message(format!("Invalid object name '{name}'.")))
}
