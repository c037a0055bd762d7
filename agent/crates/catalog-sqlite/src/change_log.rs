//! The ChangeLog as a queue. It is only read: what has been dealt with is recorded elsewhere, as a
//! [`Position`].

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use rusqlite::{CachedStatement, Connection, OptionalExtension as _, Params, params};
use shopmaster_catalog::{Backlog, Change, ChangeIdentity, ChangeKind, Via};
use shopmaster_product::{
    ProductId,
    position::{Done, NewestDone, Position},
};

use super::{error::QueryResult, key::Key};

/// The column of a watched table's change that names the table.
const SOURCE: usize = 5;

/// What the changes of a ChangeLog are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The product table.
    Products,
    /// The tables that a view reads.
    Watched,
}

impl Kind {
    fn pending(self) -> &'static str {
        match self {
            Self::Products => include_str!("sql/pending.sql"),
            Self::Watched => include_str!("sql/watched/pending.sql"),
        }
    }

    fn backlog(self) -> &'static str {
        match self {
            Self::Products => include_str!("sql/backlog.sql"),
            Self::Watched => include_str!("sql/watched/backlog.sql"),
        }
    }
}

/// A row of the ChangeLog.
struct Entry {
    change: Change,
    /// `BornID`; 0 when the key already existed.
    born: i64,
}

/// Where an agent that has dealt with nothing yet starts to read.
pub(super) fn begin(connection: &Connection) -> QueryResult<Position> {
    Ok(Position {
        began: newest_of_all(connection)?.unwrap_or_default(),
        ..Position::default()
    })
}

/// The newest change of all, dealt with or not.
pub(super) fn newest_of_all(connection: &Connection) -> QueryResult<Option<i64>> {
    newest_within(connection, (i64::MIN, i64::MAX))
}

/// The newest waiting change.
pub(super) fn newest(connection: &Connection, position: &Position) -> QueryResult<Option<i64>> {
    for gap in position.done.gaps().into_iter().rev() {
        let newest = newest_within(connection, gap)?;
        if newest.is_some() {
            return Ok(newest);
        }
    }
    Ok(None)
}

/// Whether the ChangeLog is older than what has been dealt with: the file was restored from a copy.
pub(super) fn went_back(
    connection: &Connection,
    kind: Kind,
    position: &Position,
) -> QueryResult<bool> {
    let Some(newest) = &position.newest else {
        return Ok(false);
    };
    let moment = connection.unchecked_transaction()?;
    let changes = match kind {
        Kind::Products => {
            let keys = std::slice::from_ref(&newest.key);
            of_keys(connection, position, keys, All::Yes)?
        }
        Kind::Watched => of_name(connection, &newest.key)?,
    };
    let mut went_back = true;
    for change in changes {
        let same = change.identity.change == newest.change
            && change.changed_at == timestamp(newest.changed_at);
        if name(&change.identity) == newest.key && (same || change.identity.change > newest.change)
        {
            went_back = false;
        }
    }
    moment.commit()?;
    Ok(went_back)
}

/// What identifies the key of a change, of all that the ChangeLog has.
fn name(identity: &ChangeIdentity) -> ProductId {
    match &identity.via {
        None => identity.key.clone(),
        Some(via) => {
            let parts = serde_json::Value::from_iter([via.table.as_str(), via.key.as_str()]);
            ProductId::Text(parts.to_string())
        }
    }
}

/// The changes of a watched table's key, by its [`name`].
fn of_name(connection: &Connection, name: &ProductId) -> QueryResult<Vec<Change>> {
    let parts: Option<[String; 2]> = match name {
        ProductId::Text(name) => serde_json::from_str(name).ok(),
        ProductId::Integer(_) => None,
    };
    let Some([table, key]) = parts else {
        return Ok(Vec::new());
    };
    let mut statement = connection.prepare_cached(include_str!("sql/watched/changes_of.sql"))?;
    let mut changes = Vec::new();
    for key in Key::recorded(&key) {
        let found = entries(&mut statement, params![table, key])?;
        changes.extend(found.into_iter().map(|it| it.change));
    }
    Ok(changes)
}

/// How many changes are waiting.
pub(super) fn backlog(
    connection: &Connection,
    kind: Kind,
    position: &Position,
) -> QueryResult<Backlog> {
    let gaps = json(&position.done.gaps());
    let backlog = connection
        .prepare_cached(kind.backlog())?
        .query_one([gaps], |row| {
            let age: Option<i64> = row.get(3)?;
            Ok(Backlog {
                // The ChangeLog's pages cannot be told from the file's other pages without reading all of them.
                bytes: None,
                changes: row.get::<_, i64>(0)?.unsigned_abs(),
                products: row.get::<_, i64>(1)?.unsigned_abs(),
                oldest_at: row.get::<_, Option<i64>>(2)?.map(timestamp),
                // The age is negative when the clock was set back.
                oldest_age: age.map(|age| Duration::from_millis(age.max(0).unsigned_abs())),
            })
        })?;
    Ok(backlog)
}

/// A page of waiting changes, in the order of their ids.
pub(super) fn page(
    connection: &Connection,
    kind: Kind,
    position: &Position,
    after: Option<i64>,
    limit: usize,
) -> QueryResult<Vec<Change>> {
    let moment = connection.unchecked_transaction()?;
    let start = after.map_or(Some(i64::MIN), |after| after.checked_add(1));
    let mut page = Vec::new();
    for (first, last) in position.done.gaps() {
        let Some(first) = start.map(|start| first.max(start)).filter(|it| *it <= last) else {
            continue;
        };
        let rest = i64::try_from(limit - page.len()).unwrap_or(i64::MAX);
        let mut statement = connection.prepare_cached(kind.pending())?;
        page.extend(
            entries(&mut statement, params![first, last, rest])?
                .into_iter()
                .map(|it| it.change),
        );
        if page.len() >= limit {
            break;
        }
    }
    moment.commit()?;
    Ok(page)
}

/// The waiting changes of these keys, oldest first.
pub(super) fn waiting_of(
    connection: &Connection,
    position: &Position,
    keys: &[ProductId],
) -> QueryResult<Vec<Change>> {
    let moment = connection.unchecked_transaction()?;
    let found = of_keys(connection, position, keys, All::No)?;
    moment.commit()?;
    Ok(found)
}

/// Whether changes that have been dealt with are returned, too.
#[derive(Clone, Copy, PartialEq, Eq)]
enum All {
    Yes,
    No,
}

fn of_keys(
    connection: &Connection,
    position: &Position,
    keys: &[ProductId],
    all: All,
) -> QueryResult<Vec<Change>> {
    let (listed, alone): (Vec<_>, Vec<_>) = keys
        .iter()
        .flat_map(Key::candidates)
        .partition(|key| literal(key).is_some());
    let list = listed
        .iter()
        .filter_map(literal)
        .collect::<Vec<_>>()
        .join(",");
    let mut statement = of_either_version(connection, include_str!("sql/changes_of.sql"))?;
    let mut found = entries(&mut statement, [format!("[{list}]")])?;
    for key in &alone {
        let mut statement = of_either_version(connection, include_str!("sql/changes_of_one.sql"))?;
        found.extend(entries(&mut statement, [key])?);
    }
    let mut changes = Vec::with_capacity(found.len());
    for Entry { change, born } in found {
        let id = change.identity.change;
        if all == All::No && position.done.contains(id) {
            continue;
        }
        // The key is newer than the last change that was dealt with, so the product was never sent.
        if change.kind == ChangeKind::Delete
            && born > position.began
            && !position.done.contains(born)
        {
            let mut birth = change.clone();
            birth.identity.change = born;
            birth.kind = ChangeKind::Insert;
            changes.push(birth);
        }
        changes.push(change);
    }
    changes.sort_by_key(|change| change.identity.change);
    changes.dedup_by_key(|change| change.identity.change);
    Ok(changes)
}

/// The position once these changes have been dealt with, and how many of them were waiting.
pub(super) fn settle(
    connection: &Connection,
    kind: Kind,
    position: &Position,
    changes: &[ChangeIdentity],
) -> QueryResult<(u64, Position)> {
    let mut position = position.clone();
    let ids = || changes.iter().map(|identity| identity.change);
    let (Some(first), Some(last)) = (ids().min(), ids().max()) else {
        return Ok((0, position));
    };
    let asked: std::collections::HashSet<_> = changes.iter().collect();
    let moment = connection.unchecked_transaction()?;
    // Ids only increase: no change will ever appear between two that exist.
    let mut behind = newest_within(connection, (i64::MIN, first.saturating_sub(1)))?;
    let mut settled = 0;
    let mut statement = connection.prepare_cached(kind.pending())?;
    for Entry { change, .. } in entries(&mut statement, params![first, last, i64::MAX])? {
        let id = change.identity.change;
        if asked.contains(&change.identity) {
            settled += u64::from(!position.done.contains(id));
            position.done.add(behind.map_or(i64::MIN, |it| it + 1), id);
            if position
                .newest
                .as_ref()
                .is_none_or(|newest| newest.change <= id)
            {
                position.newest = Some(NewestDone {
                    change: id,
                    key: name(&change.identity),
                    changed_at: change.changed_at.as_millisecond(),
                });
            }
        }
        behind = Some(id);
    }
    drop(statement);
    close_gaps(connection, &mut position.done)?;
    moment.commit()?;
    Ok((settled, position))
}

/// Closes the gaps without a change: the changes in them were replaced by newer ones.
fn close_gaps(connection: &Connection, done: &mut Done) -> QueryResult<()> {
    let mut gaps = done.gaps();
    // After the newest change, others will follow.
    gaps.pop();
    if gaps.is_empty() {
        return Ok(());
    }
    let mut statement = connection.prepare_cached(include_str!("sql/empty_gaps.sql"))?;
    let empty = statement.query_map([json(&gaps)], |row| Ok((row.get(0)?, row.get(1)?)))?;
    for gap in empty {
        let (first, last) = gap?;
        done.add(first, last);
    }
    Ok(())
}

fn newest_within(connection: &Connection, (first, last): (i64, i64)) -> QueryResult<Option<i64>> {
    let newest = connection
        .prepare_cached(include_str!("sql/newest_change.sql"))?
        .query_row([first, last], |row| row.get(0))
        .optional()?;
    Ok(newest.flatten())
}

/// The first version's ChangeLog does not know when a key was born.
fn of_either_version<'a>(
    connection: &'a Connection,
    sql: &str,
) -> QueryResult<CachedStatement<'a>> {
    const BORN: &str = "c.BornID";
    match connection.prepare_cached(sql) {
        Err(rusqlite::Error::SqlInputError { msg, .. }) if msg.ends_with(BORN) => {
            Ok(connection.prepare_cached(&sql.replace(BORN, "0"))?)
        }
        prepared => Ok(prepared?),
    }
}

/// The changes that a statement with the columns of `concerning.sql` returns, except those that have been dealt with.
pub(super) fn waiting(
    position: &Position,
    statement: &mut CachedStatement<'_>,
    parameters: impl Params,
) -> QueryResult<Vec<Change>> {
    let found = entries(statement, parameters)?.into_iter();
    let changes = found.map(|it| it.change);
    Ok(changes
        .filter(|change| !position.done.contains(change.identity.change))
        .collect())
}

fn entries(
    statement: &mut CachedStatement<'_>,
    parameters: impl Params,
) -> QueryResult<Vec<Entry>> {
    let entries = statement
        .query_map(parameters, entry)?
        .collect::<rusqlite::Result<_>>()?;
    Ok(entries)
}

fn entry(row: &rusqlite::Row<'_>) -> rusqlite::Result<Entry> {
    let (key, _) = Key::of(row.get_ref(1)?).shown();
    let identity = match row.as_ref().column_count() > SOURCE {
        false => ChangeIdentity::new(row.get(0)?, key),
        true => through(row.get(0)?, row.get(SOURCE)?, key.to_string()),
    };
    let kind = match row.get_ref(2)?.as_bytes_or_null()? {
        Some(b"INSERT") => ChangeKind::Insert,
        Some(b"DELETE") => ChangeKind::Delete,
        // Whatever it was, the row will be read.
        _ => ChangeKind::Update,
    };
    Ok(Entry {
        change: Change {
            identity,
            kind,
            // SQLite returns NULL for a clock beyond the year 9999, which must stop neither a sale nor a
            // change.
            changed_at: timestamp(row.get::<_, Option<i64>>(3)?.unwrap_or_default()),
        },
        born: row.get(4)?,
    })
}

/// The identity of a change of a watched table's row.
fn through(change: i64, table: String, key: String) -> ChangeIdentity {
    identity(
        change,
        &Arc::new(Via {
            table,
            key,
            unlocated: false,
        }),
    )
}

/// The same, given the row.
pub(super) fn identity(change: i64, via: &Arc<Via>) -> ChangeIdentity {
    ChangeIdentity {
        change,
        key: ProductId::Text(via.key.clone()),
        via: Some(Arc::clone(via)),
    }
}

fn timestamp(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(milliseconds).unwrap_or_default()
}

/// The key as JSON; none for a value that JSON cannot represent.
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

/// Ranges as JSON, as a parameter of a statement.
fn json(ranges: &[(i64, i64)]) -> String {
    serde_json::Value::from_iter(ranges.iter().map(|(first, last)| vec![*first, *last])).to_string()
}
