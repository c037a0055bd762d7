//! A page of a scan, past the rows that other programs have locked.
//!
//! A program of the shop may lock a row for minutes, for example in a form that was left open. That must affect
//! only this row and not the scan: if a page cannot be read in one piece, only its keys are read, past all
//! locks, and each row is then looked up by its key.

use shopmaster_catalog::{Lookup, Scanned};
use shopmaster_product::{ProductId, Row};

use super::{
    products::{Products, top},
    seeking::{End, Seeking},
};
use crate::{error::QueryResult, pool::Pool, session::Session};

/// A page of rows. Fails if another session has locked one of them.
pub(crate) async fn scan(
    pool: &Pool,
    seeking: &Seeking,
    session: &mut Session,
    after: Option<&ProductId>,
    limit: usize,
) -> QueryResult<Vec<Row>> {
    let products = at(pool, seeking, session, after).await?;
    products.page(session, seeking, after, top(limit)).await
}

/// A page of rows, with only the keys of rows that another session has locked.
pub(crate) async fn past_locks(
    pool: &Pool,
    seeking: &Seeking,
    session: &mut Session,
    after: Option<&ProductId>,
    limit: usize,
) -> QueryResult<Vec<Scanned>> {
    let products = at(pool, seeking, session, after).await?;
    match products.page(session, seeking, after, top(limit)).await {
        Err(fault) if fault.is_lock_timeout() => {}
        page => return Ok(page?.into_iter().map(Scanned::Row).collect()),
    }
    let mut page = Vec::new();
    let mut after = after.cloned();
    while page.len() < limit {
        let asked = limit - page.len();
        let keys = products
            .keys(session, seeking, after.as_ref(), top(asked))
            .await?;
        let scanned = by_key(&products, session, &keys).await?;
        let last = keys.last().filter(|_| keys.len() == asked);
        let end = last.map_or(End::Table, End::With);
        check_gaps(&products, session, after.as_ref(), &scanned, end).await?;
        page.extend(scanned);
        // Some of the rows that were looked up may be gone: a page may be short only at the table's end.
        match last {
            Some(last) => after = Some(last.clone()),
            None => break,
        }
    }
    Ok(page)
}

/// The product table. A scan starts by reading the table's description again.
async fn at<'a>(
    pool: &'a Pool,
    seeking: &Seeking,
    session: &mut Session,
    after: Option<&ProductId>,
) -> QueryResult<Products<'a>> {
    let table = match after {
        None => {
            seeking.forget();
            pool.look(session).await?
        }
        Some(_) => pool.table(session).await?,
    };
    Products::new(&pool.options, table)
}

/// The row of each key; keys without a row are left out.
async fn by_key(
    products: &Products<'_>,
    session: &mut Session,
    keys: &[ProductId],
) -> QueryResult<Vec<Scanned>> {
    let lookups = products.lookups(session, keys).await?;
    let scanned = keys
        .iter()
        .zip(lookups)
        .filter_map(|(key, lookup)| match lookup {
            Lookup::Found(row) => Some(Scanned::Row(row)),
            Lookup::Locked => Some(Scanned::Locked(key.clone())),
            Lookup::Gone | Lookup::LeftOut(_) => None,
        });
    Ok(scanned.collect())
}

/// Checks that no session has locked a row whose key is invisible: a deleted row that may come back.
async fn check_gaps(
    products: &Products<'_>,
    session: &mut Session,
    after: Option<&ProductId>,
    scanned: &[Scanned],
    end: End<'_>,
) -> QueryResult<()> {
    let locked = scanned.iter().filter_map(|one| match one {
        Scanned::Locked(key) => Some(key),
        Scanned::Row(_) => None,
    });
    let mut from = after;
    for key in locked {
        products.check_gap(session, from, End::Before(key)).await?;
        from = Some(key);
    }
    match end {
        // Nothing comes after the last key.
        End::With(last) if from == Some(last) => Ok(()),
        end => products.check_gap(session, from, end).await,
    }
}
