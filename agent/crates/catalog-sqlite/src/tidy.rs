//! The rare write that keeps the ChangeLog from growing with every key that ever existed.

use rusqlite::{Connection, Transaction, TransactionBehavior};
use shopmaster_product::position::Position;

use super::error::QueryResult;

/// How many deleted keys make a write worthwhile, at least.
const MIN_DELETED: usize = 1_000;
/// How many rows one write deletes, at most: this takes some milliseconds.
const MAX_DELETED: usize = 1_000;

/// Deletes the changes of keys that no longer exist, once they have been dealt with. The newest change stays:
/// it shows whether the file was restored.
pub(super) fn trim(connection: &Connection, position: &Position) -> QueryResult<()> {
    let Some(newest) = &position.newest else {
        return Ok(());
    };
    let mut gone = deletions(connection, newest.change)?;
    gone.retain(|change| position.done.contains(*change));
    if gone.len() < MIN_DELETED {
        return Ok(());
    }
    gone.truncate(MAX_DELETED);
    let short = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
    let ids = serde_json::Value::from(gone).to_string();
    let trimmed = short.execute(include_str!("sql/trim.sql"), [ids])?;
    short.commit()?;
    tracing::info!(
        trimmed,
        "deleted changes of products that no longer exist from the ChangeLog"
    );
    Ok(())
}

fn deletions(connection: &Connection, before: i64) -> QueryResult<Vec<i64>> {
    let mut statement = connection.prepare_cached(include_str!("sql/deletions.sql"))?;
    let deletions = statement
        .query_map([before], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    Ok(deletions)
}
