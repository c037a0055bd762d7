//! A page of a walk, past the rows that somebody holds.
//!
//! A program of the shop may hold a row for minutes, in a form that somebody left open. That must cost the row
//! and not the walk: where a page cannot be read in one piece, its keys alone are read past all locks, and each
//! row is then asked for by its key.

use shopmaster_catalog::{Lookup, Scanned};
use shopmaster_product::{ProductId, Row};

use super::{
    products::{Products, top},
    seeking::{End, Seeking},
};
use crate::{error::QueryResult, pool::Pool, session::Session};

/// A page of rows. Fails where somebody holds one of them.
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

/// A page of rows, and of the keys of rows that somebody holds.
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
        // Of those that were asked for some may have gone: a page is only short at the table's end.
        match last {
            Some(last) => after = Some(last.clone()),
            None => break,
        }
    }
    Ok(page)
}

/// A walk begins with a look at the table as it is.
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

/// Each key's row; keys without one are left out.
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
            Lookup::Gone => None,
        });
    Ok(scanned.collect())
}

/// Makes sure that nobody holds a row whose key is not to be seen: one that is deleted, and may come back.
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
        // Nothing is behind it.
        End::With(last) if from == Some(last) => Ok(()),
        end => products.check_gap(session, from, end).await,
    }
}
