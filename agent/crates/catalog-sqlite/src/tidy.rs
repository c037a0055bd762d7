//! The rare write that keeps the ChangeLog from growing with each key that ever was.

use rusqlite::{Connection, Transaction, TransactionBehavior};
use shopmaster_product::position::Position;

use super::fault::Work;

/// Fewer keys that are gone are not worth a write.
const FEWEST: usize = 1_000;
/// The most rows of one write: some milliseconds.
const MOST: usize = 1_000;

/// Deletes changes of keys that are gone, once they are dealt with. The newest one stays: it tells whether the
/// file was restored.
pub(super) fn trim(connection: &Connection, position: &Position) -> Work<()> {
    let Some(newest) = &position.newest else {
        return Ok(());
    };
    let mut gone = deletions(connection, newest.change)?;
    gone.retain(|change| position.done.contains(*change));
    if gone.len() < FEWEST {
        return Ok(());
    }
    gone.truncate(MOST);
    let short = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
    let ids = serde_json::Value::from(gone).to_string();
    let trimmed = short.execute(include_str!("sql/trim.sql"), [ids])?;
    short.commit()?;
    tracing::info!(
        trimmed,
        "kept the ChangeLog small: changes of products that are gone"
    );
    Ok(())
}

fn deletions(connection: &Connection, before: i64) -> Work<Vec<i64>> {
    let mut statement = connection.prepare_cached(include_str!("sql/deletions.sql"))?;
    let deletions = statement
        .query_map([before], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    Ok(deletions)
}
