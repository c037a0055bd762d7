//! The ChangeLog as a queue.

use jiff::Timestamp;
use shopmaster_catalog::{Change, ChangeIdentity, ChangeKind, Owner};
use shopmaster_product::ProductId;
use tiberius::{ColumnData, Row, ToSql};

use super::{batches, products::top, statements};
use crate::{
    change_log::LogForm,
    error::QueryResult,
    key::{KeyParameter, KeyType},
    pool::Pool,
    session::Session,
};

/// The days from 1900, where `datetime` begins, to 1970.
const DAYS_TO_1970: i64 = 25_567;
const DAY_MILLISECONDS: i64 = 86_400_000;

pub(crate) async fn newest(session: &mut Session) -> QueryResult<Option<i64>> {
    let rows = session.rows(include_str!("../sql/newest_change.sql"), &[]);
    let rows = rows.await?;
    rows.first().map(|row| change_id(row, 0)).transpose()
}

pub(crate) async fn page(
    pool: &Pool,
    session: &mut Session,
    after: Option<&ChangeIdentity>,
    limit: usize,
) -> QueryResult<Vec<Change>> {
    let key = log_key(pool, session).await?;
    // No change has the ChangeID 0.
    let change = after.map_or(0, |after| after.change);
    let behind = after
        .and_then(|after| key.parameter(&after.key))
        .unwrap_or_else(|| key.any());
    let rows = session
        .rows(&statements::pending(&key), &[&change, &behind, &top(limit)])
        .await?;
    changes(&key, &rows)
}

pub(crate) async fn of_keys(
    pool: &Pool,
    session: &mut Session,
    keys: &[ProductId],
) -> QueryResult<Vec<Change>> {
    let key = log_key(pool, session).await?;
    let asked = keys
        .iter()
        .filter_map(|id| key.parameter(id))
        .collect::<Vec<_>>();
    let mut found = Vec::new();
    for chunk in asked.chunks(batches::MAX_KEYS) {
        let parameters = batches::padded(chunk)
            .map(|parameter| parameter as &dyn ToSql)
            .collect::<Vec<_>>();
        let text = statements::changes_of(&key, batches::size(chunk.len()));
        found.extend(changes(&key, &session.rows(&text, &parameters).await?)?);
    }
    if asked.len() > batches::MAX_KEYS {
        // Two statements may have contained two spellings of one key.
        let mut met = std::collections::HashSet::new();
        found.retain(|change| met.insert(change.identity.clone()));
        found.sort_by_key(|change| change.identity.change);
    }
    Ok(found)
}

/// Deletes changes, a few hundred rows at a time, each time in a transaction of its own.
pub(crate) async fn acknowledge(
    pool: &Pool,
    session: &mut Session,
    changes: &[ChangeIdentity],
) -> QueryResult<u64> {
    let key = log_key(pool, session).await?;
    let asked = changes
        .iter()
        .filter_map(|identity| Some((identity.change, key.parameter(&identity.key)?)))
        .collect::<Vec<_>>();
    let mut deleted = 0;
    for chunk in asked.chunks(batches::MAX_KEYS) {
        let parameters = batches::padded(chunk)
            .flat_map(|(change, key): &(i64, KeyParameter)| [change as &dyn ToSql, key])
            .collect::<Vec<_>>();
        let text = statements::acknowledge(&key, batches::size(chunk.len()));
        deleted += session.write(&text, &parameters).await?;
    }
    Ok(deleted)
}

/// The type of the keys in the ChangeLog.
async fn log_key(pool: &Pool, session: &mut Session) -> QueryResult<KeyType> {
    let table = pool.table(session).await?;
    Ok(LogForm::of(&pool.options.mapping, &table)?.key)
}

pub(crate) async fn owner(session: &mut Session) -> QueryResult<Option<Owner>> {
    let rows = session.rows(include_str!("../sql/owner.sql"), &[]).await?;
    let Some(row) = rows.first() else {
        return Ok(None);
    };
    let journal: Option<&str> = row.try_get(0)?;
    let generation: Option<i64> = row.try_get(1)?;
    Ok(Some(Owner {
        journal: journal.unwrap_or_default().to_owned(),
        generation: generation.unwrap_or_default(),
    }))
}

pub(crate) async fn set_owner(session: &mut Session, owner: &Owner) -> QueryResult<()> {
    let text = include_str!("../sql/set_owner.sql");
    let parameters: [&dyn ToSql; 2] = [&owner.journal, &owner.generation];
    session.write(text, &parameters).await?;
    Ok(())
}

fn changes(key: &KeyType, rows: &[Row]) -> QueryResult<Vec<Change>> {
    let mut changes = Vec::with_capacity(rows.len());
    for row in rows {
        // The ChangeLog's column is NOT NULL.
        let Some(id) = key.read(row, 1)? else {
            continue;
        };
        let kind: Option<&str> = row.try_get(2)?;
        changes.push(Change {
            identity: ChangeIdentity::new(change_id(row, 0)?, id),
            kind: match kind {
                Some("INSERT") => ChangeKind::Insert,
                Some("DELETE") => ChangeKind::Delete,
                // Whatever it was, the row will be read.
                _ => ChangeKind::Update,
            },
            changed_at: timestamp(milliseconds(row, 3)?.unwrap_or_default()),
        });
    }
    Ok(changes)
}

/// Converts a rowversion, which is eight bytes, the highest first.
pub(crate) fn change_id(row: &Row, index: usize) -> QueryResult<i64> {
    let bytes: Option<&[u8]> = row.try_get(index)?;
    Ok(bytes
        .and_then(|bytes| bytes.try_into().ok())
        .map_or(0, i64::from_be_bytes))
}

pub(crate) fn count(row: &Row, index: usize) -> QueryResult<u64> {
    let count: Option<i64> = row.try_get(index)?;
    Ok(count.unwrap_or_default().unsigned_abs())
}

/// Converts a UTC `datetime` into milliseconds since 1970: it counts days since 1900, and 300ths of a second.
///
/// Source: MS-TDS 2.2.5.5.1.8.
pub(crate) fn milliseconds(row: &Row, index: usize) -> QueryResult<Option<i64>> {
    let ColumnData::DateTime(Some(at)) = row.get_column_data(index)? else {
        return Ok(None);
    };
    let of_day = (i64::from(at.seconds_fragments()) * 10 + 1) / 3;
    Ok(Some(
        (i64::from(at.days()) - DAYS_TO_1970) * DAY_MILLISECONDS + of_day,
    ))
}

pub(crate) fn timestamp(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(milliseconds).unwrap_or_default()
}
