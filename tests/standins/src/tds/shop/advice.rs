//! What the preflight asks of a column before it suggests something: which values it has, and how many rows have one.

use rusqlite::{Connection, types::ValueRef};

use super::{
    State, as_text, catalogue,
    names::{column_of, name_behind, quoted},
};
use crate::tds::model::{Answer, ColumnType, ResultSet, SqlError, Statement, Value};

pub(super) fn answer(state: &State, statement: &Statement) -> Result<Answer, SqlError> {
    let connection = &state.connection;
    // The rows are those of a query in parentheses: its table is the last that is named.
    let text = &statement.text;
    let from = text.rfind("FROM ").unwrap_or_default();
    let unknown = || SqlError::unknown(statement);
    let table = name_behind(&text[from..], "FROM ").ok_or_else(unknown)?;
    let name = column_of(text).ok_or_else(unknown)?;
    let column = catalogue::column(connection, &table, &name)?;
    let of = Of {
        connection,
        table: quoted(&table),
        column: quoted(&column.name),
    };
    match statement.name.as_deref() {
        Some("flag_values") => of.values(),
        Some("filled_rows") => of.filled(),
        _ => of.key(),
    }
}

/// The column that is asked about.
struct Of<'c> {
    connection: &'c Connection,
    table: String,
    column: String,
}

impl Of<'_> {
    /// Its values as text, and how many rows have each.
    fn values(&self) -> Result<Answer, SqlError> {
        let (column, table) = (&self.column, &self.table);
        let sql = format!("SELECT {column}, count(*) FROM {table} GROUP BY 1 ORDER BY 2 DESC, 1");
        let mut result = ResultSet::new([("", ColumnType::Text), ("", ColumnType::BigInt)]);
        let mut select = self.connection.prepare_cached(&sql)?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            let value = text(row.get_ref(0)?);
            result.rows.push(vec![value, Value::BigInt(row.get(1)?)]);
        }
        Ok(result.into())
    }

    /// How many rows there are, and how many of them have a value.
    fn filled(&self) -> Result<Answer, SqlError> {
        let (column, table) = (&self.column, &self.table);
        let sql = format!("SELECT count(*), count({column}) FROM {table}");
        let counts = self.connection.query_row(&sql, [], |row| {
            Ok([Value::BigInt(row.get(0)?), Value::BigInt(row.get(1)?)])
        })?;
        Ok(ResultSet::new([("", ColumnType::BigInt); 2])
            .row(counts)
            .into())
    }

    /// How many rows and how many values there are, and one of them.
    fn key(&self) -> Result<Answer, SqlError> {
        let (column, table) = (&self.column, &self.table);
        let sql = format!(
            "SELECT count(*), count(DISTINCT nullif({column}, '')), max({column}) FROM {table}"
        );
        let found = self.connection.query_row(&sql, [], |row| {
            let example = text(row.get_ref(2)?);
            Ok([
                Value::BigInt(row.get(0)?),
                Value::BigInt(row.get(1)?),
                example,
            ])
        })?;
        let kinds = [ColumnType::BigInt, ColumnType::BigInt, ColumnType::Text];
        Ok(ResultSet::new(kinds.map(|kind| ("", kind)))
            .row(found)
            .into())
    }
}

fn text(value: ValueRef<'_>) -> Value {
    as_text(value).map_or(Value::Null, Value::Text)
}
