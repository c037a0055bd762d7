//! Numbered steps from an older format to the newest. A released step is never changed.

use rusqlite::Connection;

use super::checksums;

/// The first format with checksums.
const CHECKED: i64 = 2;

const STEPS: [&str; 4] = [
    include_str!("migrations/0001-first.sql"),
    include_str!("migrations/0002-doubt.sql"),
    include_str!("migrations/0003-run-sequence.sql"),
    include_str!("migrations/0004-position.sql"),
];

/// The newest format that this version supports.
pub(super) const NEWEST: i64 = STEPS.len() as i64;

/// The format of an open journal; 0 when it is empty.
pub(super) fn format(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("PRAGMA user_version", [], |row| row.get(0))
}

/// Whether an open file is a journal of this format, or empty, and not another program's file.
pub(super) fn fits(connection: &Connection, format: i64) -> rusqlite::Result<bool> {
    let sql = match format {
        ..0 => return Ok(false),
        0 => "SELECT NOT EXISTS (SELECT 1 FROM sqlite_schema)",
        _ => "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'meta')",
    };
    connection.query_row(sql, [], |row| row.get(0))
}

/// Whether a journal of this format has checksums.
pub(super) fn has_checksums(format: i64) -> bool {
    format >= CHECKED
}

/// Migrates an open journal to the newest format, each step in a transaction of its own.
pub(super) fn run(connection: &mut Connection) -> rusqlite::Result<()> {
    let from = usize::try_from(format(connection)?).unwrap_or_default();
    for (number, step) in (1_i64..).zip(STEPS).skip(from) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(step)?;
        if has_checksums(number) {
            checksums::take(&transaction)?;
        }
        transaction.pragma_update(None, "user_version", number)?;
        transaction.commit()?;
    }
    Ok(())
}
