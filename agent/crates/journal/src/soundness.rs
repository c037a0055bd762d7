//! Whether a journal's file can be used.

use rusqlite::{Connection, config::DbConfig};

use super::{
    checksums::{self, Soundness},
    migrations,
};

/// Whether the file can be used, and whether its content is reliable.
pub(super) fn soundness(connection: &Connection, format: i64) -> rusqlite::Result<Soundness> {
    if !migrations::fits(connection, format)? {
        return Ok(Soundness::Unusable("it is not a journal".to_owned()));
    }
    if let Some(damage) = damage(connection)? {
        return Ok(Soundness::Unusable(format!("it is damaged ({damage})")));
    }
    match migrations::has_checksums(format) {
        true => checksums::verify(connection),
        false => Ok(Soundness::Sound),
    }
}

/// The first damage that SQLite finds in the file.
fn damage(connection: &Connection) -> rusqlite::Result<Option<String>> {
    let found: String = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    // The text may have several lines, but is used within a sentence.
    Ok((found != "ok").then(|| found.replace('\n', " ")))
}

/// Sets whether closing leaves the WAL as it is.
pub(super) fn keep_wal(connection: &Connection, keep: bool) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, keep)?;
    Ok(())
}
