//! The ChangeLog as a queue.

use std::{
    thread,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use rusqlite::{Connection, Params, Transaction, TransactionBehavior, params};

use super::{fault::Work, key::Key};
use crate::{
    catalog::{Backlog, Change, ChangeIdentity, ChangeKind, Owner},
    product::ProductId,
};

/// The most changes that one transaction deletes: some milliseconds.
const CHUNK: usize = 1_000;
/// How long the till may go first between two transactions of ours: as long as ours took, but this at
/// least.
const GIVE_WAY: Duration = Duration::from_millis(1);

pub(super) fn newest(connection: &Connection) -> Work<Option<i64>> {
    let newest = connection
        .prepare_cached(include_str!("sql/newest_change.sql"))?
        .query_one([], |row| row.get(0))?;
    Ok(newest)
}

pub(super) fn backlog(connection: &Connection) -> Work<Backlog> {
    let backlog = connection
        .prepare_cached(include_str!("sql/backlog.sql"))?
        .query_one([], |row| {
            let age: Option<i64> = row.get(3)?;
            Ok(Backlog {
                // Its pages are not told apart from the others of the file without reading them all.
                bytes: None,
                changes: row.get::<_, i64>(0)?.unsigned_abs(),
                products: row.get::<_, i64>(1)?.unsigned_abs(),
                oldest_at: row.get::<_, Option<i64>>(2)?.map(timestamp),
                // Below zero when the clock was set back.
                oldest_age: age.map(|age| Duration::from_millis(age.max(0).unsigned_abs())),
            })
        })?;
    Ok(backlog)
}

pub(super) fn page(connection: &Connection, after: Option<i64>, limit: usize) -> Work<Vec<Change>> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let after = after.unwrap_or(i64::MIN);
    changes(
        connection,
        include_str!("sql/pending.sql"),
        params![after, limit],
    )
}

pub(super) fn of_keys(connection: &Connection, keys: &[ProductId]) -> Work<Vec<Change>> {
    let moment = connection.unchecked_transaction()?;
    let (listed, alone): (Vec<_>, Vec<_>) = keys
        .iter()
        .flat_map(Key::candidates)
        .partition(|key| literal(key).is_some());
    let list = listed
        .iter()
        .filter_map(literal)
        .collect::<Vec<_>>()
        .join(",");
    let mut found = changes(
        connection,
        include_str!("sql/changes_of.sql"),
        [format!("[{list}]")],
    )?;
    for key in &alone {
        let more = changes(connection, include_str!("sql/changes_of_one.sql"), [key])?;
        found.extend(more);
    }
    moment.commit()?;
    found.sort_by_key(|change| change.identity.change);
    found.dedup_by_key(|change| change.identity.change);
    Ok(found)
}

/// Deletes in short transactions, and lets the till go first between them.
pub(super) fn acknowledge(connection: &Connection, changes: &[ChangeIdentity]) -> Work<u64> {
    let mut deleted = 0;
    let mut turn = None;
    for chunk in changes.chunks(CHUNK) {
        if let Some(turn) = turn {
            thread::sleep(GIVE_WAY.max(turn));
        }
        let begun = Instant::now();
        deleted += delete(connection, chunk)?;
        turn = Some(begun.elapsed());
    }
    Ok(deleted)
}

pub(super) fn owner(connection: &Connection) -> Work<Option<Owner>> {
    let mut statement = connection.prepare_cached(include_str!("sql/owner.sql"))?;
    let mut rows = statement.query([])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    Ok(Some(Owner {
        journal: row.get(0)?,
        generation: row.get(1)?,
    }))
}

pub(super) fn set_owner(connection: &Connection, owner: &Owner) -> Work<()> {
    let short = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
    short.execute("DELETE FROM shopmaster_Owner", [])?;
    short.execute(
        "INSERT INTO shopmaster_Owner (journal, generation) VALUES (?1, ?2)",
        params![owner.journal, owner.generation],
    )?;
    short.commit()?;
    Ok(())
}

fn delete(connection: &Connection, changes: &[ChangeIdentity]) -> Work<u64> {
    let short = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
    let mut statement = short.prepare_cached(include_str!("sql/acknowledge.sql"))?;
    let mut deleted = 0;
    for ChangeIdentity { change, key } in changes {
        for key in Key::candidates(key) {
            deleted += statement.execute(params![change, key])?;
        }
    }
    drop(statement);
    short.commit()?;
    Ok(deleted as u64)
}

fn changes(connection: &Connection, statement: &str, parameters: impl Params) -> Work<Vec<Change>> {
    let mut statement = connection.prepare_cached(statement)?;
    let changes = statement
        .query_map(parameters, change)?
        .collect::<rusqlite::Result<_>>()?;
    Ok(changes)
}

fn change(row: &rusqlite::Row<'_>) -> rusqlite::Result<Change> {
    let (key, _) = Key::of(row.get_ref(1)?).shown();
    let kind = match row.get_ref(2)?.as_bytes_or_null()? {
        Some(b"INSERT") => ChangeKind::Insert,
        Some(b"DELETE") => ChangeKind::Delete,
        // Whatever it was: the row is looked at.
        _ => ChangeKind::Update,
    };
    Ok(Change {
        identity: ChangeIdentity {
            change: row.get(0)?,
            key,
        },
        kind,
        // SQLite gives NULL for a clock beyond the year 9999: no reason to refuse a sale, nor a change.
        changed_at: timestamp(row.get::<_, Option<i64>>(3)?.unwrap_or_default()),
    })
}

fn timestamp(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(milliseconds).unwrap_or_default()
}

/// The key in JSON; none for what JSON cannot hold.
fn literal(key: &Key) -> Option<String> {
    match key {
        Key::Integer(number) => Some(number.to_string()),
        Key::Text(bytes) if !bytes.contains(&0) => {
            let text = std::str::from_utf8(bytes).ok()?;
            serde_json::to_string(text).ok()
        }
        Key::Text(_) | Key::Null | Key::Real(_) | Key::Blob(_) => None,
    }
}
