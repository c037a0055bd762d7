//! The ChangeLog and who serves it.

use rusqlite::{Connection, OptionalExtension as _, Row, params_from_iter, types::Value as Sqlite};

use super::{State, bound, exists, parameter, text_parameter, types::SqlType};
use crate::tds::model::{Answer, ColumnType, ResultSet, SqlError, Statement, Value};

/// Our tables in SQLite, which has no schemas.
pub(super) const CHANGE_LOG: &str = "shopmaster_ChangeLog";
pub(super) const OWNER: &str = "shopmaster_Owner";
const COLUMNS: &str =
    "SELECT c.ChangeID, c.ProductID, c.ChangeType, c.ChangeDateTime FROM shopmaster_ChangeLog AS c";

pub(super) fn answer(state: &mut State, statement: &Statement) -> Result<Answer, SqlError> {
    let connection = &mut state.connection;
    let key = state.installed.key.clone();
    match statement.name.as_deref().unwrap_or_default() {
        "installed" => installed(connection, state.installed.pending.is_some()),
        "owner" => owner(connection),
        "set_owner" => set_owner(connection, statement),
        "newest_change" => newest(connection),
        "backlog" => backlog(connection),
        "change_log_size" => size(connection),
        "pending" => pending(connection, key.as_ref(), statement),
        "changes_of" => changes_of(connection, key.as_ref(), statement),
        _ => acknowledge(connection, statement),
    }
}

fn installed(connection: &Connection, has_view: bool) -> Result<Answer, SqlError> {
    let has_log = exists(connection, "table", CHANGE_LOG)?;
    let has_owner = exists(connection, "table", OWNER)?;
    let flags = [has_view && has_log, has_log, has_owner];
    let result = ResultSet::new([("", ColumnType::Int); 3]);
    Ok(result.row(flags.map(|flag| Value::Int(flag.into()))).into())
}

fn owner(connection: &Connection) -> Result<Answer, SqlError> {
    let mut result = ResultSet::new([("", ColumnType::Text), ("", ColumnType::BigInt)]);
    let sql = "SELECT journal, generation FROM shopmaster_Owner";
    let found = connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)));
    if let Some((journal, generation)) = found.optional()? {
        result = result.row([Value::Text(journal), Value::BigInt(generation)]);
    }
    Ok(result.into())
}

fn set_owner(connection: &mut Connection, statement: &Statement) -> Result<Answer, SqlError> {
    let (journal, generation) = (text_parameter(statement, 1)?, parameter(statement, 2)?);
    let transaction = connection.transaction()?;
    transaction.execute("DELETE FROM shopmaster_Owner", [])?;
    let sql = "INSERT INTO shopmaster_Owner (journal, generation) VALUES (?1, ?2)";
    transaction.execute(sql, (journal, generation))?;
    transaction.commit()?;
    Ok(Answer::affected(1))
}

fn newest(connection: &Connection) -> Result<Answer, SqlError> {
    let sql = "SELECT max(ChangeID) FROM shopmaster_ChangeLog";
    let newest: Option<i64> = connection.query_row(sql, [], |row| row.get(0))?;
    let result = ResultSet::new([("", ColumnType::Binary)]);
    Ok(match newest {
        Some(newest) => result.row([rowversion(newest)]),
        None => result,
    }
    .into())
}

fn backlog(connection: &Connection) -> Result<Answer, SqlError> {
    let sql = "SELECT count(*), count(DISTINCT ProductID), min(ChangeDateTime),
        CAST((julianday('now') - 2440587.5) * 86400000 + 0.5 AS INTEGER) FROM shopmaster_ChangeLog";
    let row = connection.query_row(sql, [], |row| {
        let oldest: Option<i64> = row.get(2)?;
        Ok([
            Value::BigInt(row.get(0)?),
            Value::BigInt(row.get(1)?),
            oldest.map_or(Value::Null, Value::DateTime),
            Value::DateTime(row.get(3)?),
        ])
    })?;
    let columns = [
        ColumnType::BigInt,
        ColumnType::BigInt,
        ColumnType::DateTime,
        ColumnType::DateTime,
    ];
    Ok(ResultSet::new(columns.map(|kind| ("", kind)))
        .row(row)
        .into())
}

/// A page of 8,192 bytes for each hundred rows.
fn size(connection: &Connection) -> Result<Answer, SqlError> {
    let sql = "SELECT (count(*) + 99) / 100 * 8192 FROM shopmaster_ChangeLog";
    let bytes = connection.query_row(sql, [], |row| row.get(0))?;
    Ok(ResultSet::new([("", ColumnType::BigInt)])
        .row([Value::BigInt(bytes)])
        .into())
}

fn pending(
    connection: &Connection,
    key: Option<&SqlType>,
    statement: &Statement,
) -> Result<Answer, SqlError> {
    let sql = format!(
        "{COLUMNS} WHERE c.ChangeID > ?1 OR (c.ChangeID = ?1 AND c.ProductID > ?2)
         ORDER BY c.ChangeID LIMIT ?3"
    );
    let parameters = [1, 2, 3].map(|number| parameter(statement, number));
    let [after, behind, limit] = parameters;
    changes(connection, key, &sql, vec![after?, behind?, limit?])
}

fn changes_of(
    connection: &Connection,
    key: Option<&SqlType>,
    statement: &Statement,
) -> Result<Answer, SqlError> {
    let keys: Vec<_> = statement.parameters.iter().map(bound).collect();
    let places = vec!["?"; keys.len()].join(", ");
    let sql = format!("{COLUMNS} WHERE c.ProductID IN ({places}) ORDER BY c.ChangeID");
    changes(connection, key, &sql, keys)
}

fn changes(
    connection: &Connection,
    key: Option<&SqlType>,
    sql: &str,
    parameters: Vec<Sqlite>,
) -> Result<Answer, SqlError> {
    let text = SqlType::parse("nvarchar(450)");
    let key = key.unwrap_or(&text);
    let change = |row: &Row<'_>| -> rusqlite::Result<_> {
        Ok(vec![
            rowversion(row.get(0)?),
            key.value(row.get_ref(1)?),
            Value::Text(row.get(2)?),
            Value::DateTime(row.get(3)?),
        ])
    };
    let mut select = connection.prepare_cached(sql)?;
    let rows = select.query_map(params_from_iter(parameters), change)?;
    let mut result = ResultSet::new([
        ("", ColumnType::Binary),
        ("", key.column()),
        ("", ColumnType::Text),
        ("", ColumnType::DateTime),
    ]);
    result.rows = rows.collect::<rusqlite::Result<_>>()?;
    Ok(result.into())
}

fn acknowledge(connection: &mut Connection, statement: &Statement) -> Result<Answer, SqlError> {
    let transaction = connection.transaction()?;
    let mut deleted = 0;
    {
        let mut delete = transaction.prepare_cached(
            "DELETE FROM shopmaster_ChangeLog WHERE ChangeID = ?1 AND ProductID COLLATE BINARY IS ?2",
        )?;
        for pair in statement.parameters.as_chunks::<2>().0 {
            deleted += delete.execute(pair.each_ref().map(bound))?;
        }
    }
    transaction.commit()?;
    Ok(Answer::affected(deleted as u64))
}

/// `binary(8)`: in the order of the numbers.
fn rowversion(change: i64) -> Value {
    Value::Binary(change.to_be_bytes().into())
}
