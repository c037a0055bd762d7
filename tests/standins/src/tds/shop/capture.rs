//! Capture: what the installing and removing batches do, and what is found of it.

use rusqlite::{Connection, OptionalExtension as _};

use super::{
    Installed, State, Trigger,
    catalogue::{self, SCHEMA},
    changes::{CHANGE_LOG, OWNER},
    exists,
    names::{Names, name_behind, quoted},
    types::SqlType,
};
use crate::tds::model::{Answer, ColumnType, ResultSet, SqlError, Statement, Value};

const NOW: &str = "CAST((julianday('now') - 2440587.5) * 86400000 + 0.5 AS INTEGER)";
const DROP_TRIGGERS: &str = "DROP TRIGGER IF EXISTS shopmaster_capture_insert;
    DROP TRIGGER IF EXISTS shopmaster_capture_update;
    DROP TRIGGER IF EXISTS shopmaster_capture_delete;";
/// How many triggers of SQLite's stand for the one.
const TRIGGERS: i64 = 3;

pub(super) fn answer(state: &mut State, statement: &Statement) -> Result<Answer, SqlError> {
    let State {
        connection,
        installed,
        ..
    } = state;
    let text = statement.text.as_str();
    match statement.name.as_deref().unwrap_or_default() {
        "found" => return found(connection, installed),
        "prove" | "prove_without_rights" => return prove(connection, statement),
        "install" => install(connection, installed, text)?,
        "release" => drop_triggers(connection, installed)?,
        "remove" => {
            drop_triggers(connection, installed)?;
            connection.execute_batch(
                "DROP TABLE IF EXISTS shopmaster_ChangeLog; DROP TABLE IF EXISTS shopmaster_Owner;",
            )?;
            *installed = Installed::default();
        }
        _ => return Err(SqlError::unknown(statement)),
    }
    Ok(Answer::default())
}

/// What of a text says that it is to be done, in the text's order.
fn install(connection: &Connection, installed: &mut Installed, text: &str) -> Result<(), SqlError> {
    let says = |words: &str| text.contains(words);
    if says("DROP TRIGGER ") {
        drop_triggers(connection, installed)?;
    }
    if executed(text, "CREATE SCHEMA ").is_some() {
        installed.has_schema = true;
    }
    if says("DROP VIEW ") {
        installed.pending = None;
    }
    if says("INTO #shopmaster_kept") {
        rebuild_log(connection, installed, text)?;
    } else if says("CREATE TABLE [shopmaster].[ChangeLog]") {
        if says("DROP TABLE [shopmaster].[ChangeLog]") {
            connection.execute_batch("DROP TABLE shopmaster_ChangeLog")?;
        }
        make_log(connection, installed, text)?;
    }
    if let Some(view) = executed(text, "CREATE VIEW ") {
        installed.pending = Some(view);
    }
    if says("DROP TABLE [shopmaster].[Owner]") {
        connection.execute_batch("DROP TABLE shopmaster_Owner")?;
    }
    if says("CREATE TABLE [shopmaster].[Owner]") {
        connection.execute_batch(
            "CREATE TABLE shopmaster_Owner (journal TEXT NOT NULL, generation INTEGER NOT NULL)",
        )?;
    }
    match executed(text, "CREATE TRIGGER ") {
        Some(trigger) => make_trigger(connection, installed, &trigger),
        None => Ok(()),
    }
}

/// The text inside of `EXEC(N'…')` that has these words.
fn executed(text: &str, words: &str) -> Option<String> {
    text.split("EXEC(N'").skip(1).find_map(|rest| {
        let mut inner = String::new();
        let mut rest = rest;
        loop {
            let (before, behind) = rest.split_once('\'')?;
            inner.push_str(before);
            rest = match behind.strip_prefix('\'') {
                Some(behind) => behind,
                None => break,
            };
            inner.push('\'');
        }
        inner.contains(words).then_some(inner)
    })
}

fn drop_triggers(connection: &Connection, installed: &mut Installed) -> Result<(), SqlError> {
    connection.execute_batch(DROP_TRIGGERS)?;
    installed.trigger = None;
    Ok(())
}

/// The ChangeLog, with the key's type read from the text: `[ProductID] varchar(25) COLLATE … NOT NULL`.
fn make_log(
    connection: &Connection,
    installed: &mut Installed,
    text: &str,
) -> Result<(), SqlError> {
    let declared = text
        .split_once("[ProductID] ")
        .and_then(|(_, rest)| rest.split_once(" NOT NULL"))
        .map(|(declared, _)| declared);
    let key = SqlType::parse(declared.unwrap_or_default());
    let column = key.sqlite();
    connection.execute_batch(&format!(
        "BEGIN IMMEDIATE;
         CREATE TABLE {CHANGE_LOG} (
             ChangeID INTEGER PRIMARY KEY AUTOINCREMENT,
             ChangeType TEXT NOT NULL,
             ProductID {column},
             ChangeDateTime INTEGER
         );
         -- As a rowversion, a number is never given twice.
         INSERT INTO sqlite_sequence (name, seq)
         SELECT '{CHANGE_LOG}', {NOW}
         WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = '{CHANGE_LOG}');
         COMMIT;"
    ))?;
    installed.key = Some(key);
    Ok(())
}

fn rebuild_log(
    connection: &Connection,
    installed: &mut Installed,
    text: &str,
) -> Result<(), SqlError> {
    connection.execute_batch(&format!(
        "DROP TABLE IF EXISTS temp.kept;
         CREATE TEMP TABLE kept AS
         SELECT ChangeType, ProductID, ChangeDateTime FROM {CHANGE_LOG} ORDER BY ChangeID;
         DROP TABLE {CHANGE_LOG};"
    ))?;
    make_log(connection, installed, text)?;
    connection.execute_batch(&format!(
        "INSERT INTO {CHANGE_LOG} (ChangeType, ProductID, ChangeDateTime)
         SELECT ChangeType, ProductID, ChangeDateTime FROM temp.kept ORDER BY rowid;
         DROP TABLE temp.kept;"
    ))?;
    Ok(())
}

fn make_trigger(
    connection: &Connection,
    installed: &mut Installed,
    text: &str,
) -> Result<(), SqlError> {
    let part = |mark| {
        let missing = || SqlError::number(102).message(format!("nothing behind `{mark}`"));
        name_behind(text, mark).ok_or_else(missing)
    };
    let (name, table, id) = (part("CREATE TRIGGER ")?, part(" ON ")?, part("WHEN d.")?);
    let (on, id) = (quoted(&table), quoted(&id));
    // An equal key with another spelling is another key, as in the text that it stands for.
    let moved = format!("OLD.{id} COLLATE BINARY IS NOT NEW.{id}");
    let write = format!("INSERT INTO {CHANGE_LOG} (ChangeType, ProductID, ChangeDateTime)");
    connection.execute_batch(&format!(
        "BEGIN IMMEDIATE;
         {DROP_TRIGGERS}
         CREATE TRIGGER shopmaster_capture_insert AFTER INSERT ON {on}
         BEGIN {write} VALUES ('INSERT', NEW.{id}, {NOW}); END;
         CREATE TRIGGER shopmaster_capture_update AFTER UPDATE ON {on}
         BEGIN
             {write} SELECT 'DELETE', OLD.{id}, {NOW} WHERE {moved};
             {write} SELECT CASE WHEN {moved} THEN 'INSERT' ELSE 'UPDATE' END, NEW.{id}, {NOW};
         END;
         CREATE TRIGGER shopmaster_capture_delete AFTER DELETE ON {on}
         BEGIN {write} VALUES ('DELETE', OLD.{id}, {NOW}); END;
         COMMIT;"
    ))?;
    installed.trigger = Some(Trigger {
        name,
        table,
        definition: text.to_owned(),
    });
    Ok(())
}

/// Writes a row over itself, looks whether that was captured, and takes it back.
fn prove(connection: &mut Connection, statement: &Statement) -> Result<Answer, SqlError> {
    let names = Names::of(statement)?;
    let (table, id) = (quoted(&names.table), quoted(names.column(0)?));
    let result = ResultSet::new([("", ColumnType::Int), ("", ColumnType::Int)]);
    let transaction = connection.transaction()?;
    let key: Option<rusqlite::types::Value> = transaction
        .query_row(&format!("SELECT {id} FROM {table} LIMIT 1"), [], |row| {
            row.get(0)
        })
        .optional()?;
    let count = format!("SELECT count(*) FROM {CHANGE_LOG}");
    let logged = || transaction.query_row(&count, [], |row| row.get::<_, i32>(0));
    let before = logged()?;
    let written = transaction.execute(
        &format!("UPDATE {table} SET {id} = {id} WHERE {id} IS ?1"),
        [key],
    )?;
    let seen = logged()? - before;
    transaction.rollback()?;
    let written = i32::try_from(written).unwrap_or_default();
    Ok(result.row([Value::Int(written), Value::Int(seen)]).into())
}

/// The schema, the objects in it and the trigger, the columns, the ChangeLog's index, and the database.
fn found(connection: &Connection, installed: &Installed) -> Result<Answer, SqlError> {
    let text = |text: &str| Value::Text(text.to_owned());
    let mut schema = ResultSet::new([("", ColumnType::Int), ("", ColumnType::Text)]);
    if installed.has_schema {
        schema = schema.row([Value::Int(catalogue::OWNER), text(SCHEMA)]);
    }
    let mut objects = ResultSet::new([
        ("", ColumnType::Text),
        ("", ColumnType::Text),
        ("", ColumnType::Text),
        ("", ColumnType::Int),
        ("", ColumnType::Text),
        ("", ColumnType::LongText),
        ("", ColumnType::Int),
    ]);
    let ours = |name, kind, definition: Value| {
        let nobody = [Value::Int(0), text("")];
        let [parent, parent_name] = nobody;
        [
            text("shopmaster"),
            text(name),
            text(kind),
            parent,
            parent_name,
            definition,
            Value::Int(0),
        ]
    };
    let has_log = exists(connection, "table", CHANGE_LOG)?;
    let has_owner = exists(connection, "table", OWNER)?;
    if has_log {
        objects = objects.row(ours("ChangeLog", "U", Value::Null));
    }
    if has_owner {
        objects = objects.row(ours("Owner", "U", Value::Null));
    }
    if let Some(definition) = installed.pending.as_deref().filter(|_| has_log) {
        objects = objects.row(ours("Pending", "V", text(definition)));
    }
    if let Some(trigger) = &installed.trigger {
        let left = triggers_on(connection, &trigger.table)?;
        let table = catalogue::object_id(connection, &trigger.table)?;
        if let Some(table) = table.filter(|_| left > 0) {
            objects = objects.row([
                text(SCHEMA),
                text(&trigger.name),
                text("TR"),
                Value::Int(table),
                text(&trigger.table),
                text(&trigger.definition),
                Value::Int((left < TRIGGERS).into()),
            ]);
        }
    }
    let mut columns = ResultSet::new([
        ("", ColumnType::Text),
        ("", ColumnType::Text),
        ("", ColumnType::Text),
        ("", ColumnType::Int),
        ("", ColumnType::Int),
        ("", ColumnType::Int),
        ("", ColumnType::Text),
    ]);
    let mut index = ResultSet::new([
        ("", ColumnType::Text),
        ("", ColumnType::Int),
        ("", ColumnType::Int),
    ]);
    let mut column = |table: &str, name: &str, kind: &str, length: i32| {
        columns.rows.push(vec![
            text(table),
            text(name),
            text(kind),
            Value::Int(length),
            Value::Int(0),
            Value::Int(0),
            text(""),
        ]);
    };
    if has_log {
        column("ChangeLog", "ChangeID", "timestamp", 8);
        column("ChangeLog", "ChangeType", "nvarchar", 20);
        column("ChangeLog", "ChangeDateTime", "datetime", 8);
        index = index.row([text("ChangeLog_ChangeID"), Value::Int(0), Value::Int(1)]);
    }
    if has_owner {
        column("Owner", "Journal", "nvarchar", 128);
        column("Owner", "Generation", "bigint", 8);
    }
    if let Some(key) = installed.key.as_ref().filter(|_| has_log) {
        columns = columns.row([
            text("ChangeLog"),
            text("ProductID"),
            text(&key.name),
            Value::Int(key.max_length),
            Value::Int(key.precision.into()),
            Value::Int(key.scale.into()),
            text(key.collation.as_deref().unwrap_or_default()),
        ]);
    }
    let database = ResultSet::new([("", ColumnType::Text)]).row([text("ProductsDB")]);
    Ok(Answer {
        results: vec![schema, objects, columns, index, database],
        affected: 0,
    })
}

fn triggers_on(connection: &Connection, table: &str) -> rusqlite::Result<i64> {
    let sql = "SELECT count(*) FROM sqlite_schema WHERE type = 'trigger'
        AND tbl_name = ?1 COLLATE NOCASE AND substr(name, 1, 19) = 'shopmaster_capture_'";
    connection.query_row(sql, [table], |row| row.get(0))
}
