//! How far a ChangeLog whose rows are never deleted has been dealt with.

use rusqlite::{Connection, OptionalExtension as _};
use shopmaster_product::position::{Done, NewestDone, Position};

use super::{Journal, Result};

impl Journal {
    /// The position that was stored last; none if none has been stored yet.
    ///
    /// # Errors
    ///
    /// When SQLite fails.
    pub async fn position(&self) -> Result<Option<Position>> {
        self.read("read the ChangeLog position", read).await
    }

    /// Stores a position in place of the earlier one.
    ///
    /// # Errors
    ///
    /// When SQLite fails.
    pub async fn keep_position(&self, position: Position) -> Result<()> {
        self.write("store the ChangeLog position", move |transaction| {
            write(transaction, &position)
        })
        .await
    }
}

pub(super) fn read(connection: &Connection) -> rusqlite::Result<Option<Position>> {
    let found = connection
        .prepare_cached("SELECT began, newest, key, changed_at FROM position")?
        .query_row([], |row| {
            let newest: Option<i64> = row.get(1)?;
            let newest = newest.map(|change| {
                Ok::<_, rusqlite::Error>(NewestDone {
                    change,
                    key: row.get(2)?,
                    changed_at: row.get(3)?,
                })
            });
            Ok((row.get(0)?, newest.transpose()?))
        })
        .optional()?;
    let Some((began, newest)) = found else {
        return Ok(None);
    };
    Ok(Some(Position {
        began,
        done: done(connection)?,
        newest,
    }))
}

/// Writes only what differs: there may be many ranges, and most of them stay the same.
pub(super) fn write(connection: &Connection, position: &Position) -> rusqlite::Result<()> {
    let before = done(connection)?;
    let mut delete = connection.prepare_cached("DELETE FROM done WHERE first = ?1")?;
    for (first, last) in before.ranges() {
        if position.done.last_of(first) != Some(last) {
            delete.execute([first])?;
        }
    }
    let mut insert = connection.prepare_cached("INSERT INTO done (first, last) VALUES (?1, ?2)")?;
    for (first, last) in position.done.ranges() {
        if before.last_of(first) != Some(last) {
            insert.execute([first, last])?;
        }
    }
    connection.execute("DELETE FROM position", [])?;
    let newest = position.newest.as_ref();
    connection
        .prepare_cached(
            "INSERT INTO position (began, newest, key, changed_at) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute((
            position.began,
            newest.map(|it| it.change),
            newest.map(|it| &it.key),
            newest.map(|it| it.changed_at),
        ))?;
    Ok(())
}

/// Deletes the position: everything in the ChangeLog will be examined again.
pub(super) fn forget(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute("DELETE FROM done", [])?;
    connection.execute("DELETE FROM position", [])?;
    Ok(())
}

fn done(connection: &Connection) -> rusqlite::Result<Done> {
    connection
        .prepare_cached("SELECT first, last FROM done ORDER BY first")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}
