//! A page of a scan, past the rows that other programs have locked, and those that the database cannot compute.
//!
//! A program of the shop may lock a row for minutes, for example in a form that was left open. That must affect
//! only this row and not the scan: if a page cannot be read in one piece, only its keys are read, past all
//! locks, and each row is then looked up by its key. The same goes for a row of a view, or a computed column, that has
//! no value: there the keys are read as they are committed.

use shopmaster_catalog::{CatalogError, Lookup, Scanned};
use shopmaster_product::{ProductId, Row};

use super::{
    page::Reading,
    products::{Products, top},
    seeking::{End, Seeking},
};
use crate::{error::QueryResult, pool::Pool, product_key::KeyValues, session::Session};

/// A key, and what was found for it.
type Found = (KeyValues, Scanned);

/// A page of rows. Fails if another session has locked one of them.
pub(crate) async fn scan(
    pool: &Pool,
    seeking: &Seeking,
    session: &mut Session,
    after: Option<&ProductId>,
    limit: usize,
) -> QueryResult<Vec<Row>> {
    let (products, after) = at(pool, seeking, session, after).await?;
    let page = products.page(session, seeking, after.as_ref(), top(limit));
    match page.await {
        Err(fault) if fault.is_of_a_row() => {}
        page => return page,
    }
    let mode = Reading::Committed;
    let page = by_keys(&products, seeking, session, mode, after, limit).await?;
    let rows = page.into_iter().map(|scanned| match scanned {
        Scanned::Row(row) => Ok(row),
        Scanned::Locked(_) => Err(CatalogError::Busy("read a page of products").into()),
    });
    rows.collect()
}

/// A page of rows, with only the keys of rows that another session has locked.
pub(crate) async fn past_locks(
    pool: &Pool,
    seeking: &Seeking,
    session: &mut Session,
    after: Option<&ProductId>,
    limit: usize,
) -> QueryResult<Vec<Scanned>> {
    let (products, after) = at(pool, seeking, session, after).await?;
    let page = products.page(session, seeking, after.as_ref(), top(limit));
    match page.await {
        Err(fault) if fault.is_lock_timeout() => {}
        Err(fault) if fault.is_of_a_row() => {
            let (mode, after) = (Reading::Committed, after.clone());
            match by_keys(&products, seeking, session, mode, after, limit).await {
                Err(fault) if fault.is_lock_timeout() => {}
                page => return page,
            }
        }
        page => return Ok(page?.into_iter().map(Scanned::Row).collect()),
    }
    by_keys(&products, seeking, session, Reading::Dirty, after, limit).await
}

/// A page of rows, each looked up by its key.
async fn by_keys(
    products: &Products<'_>,
    seeking: &Seeking,
    session: &mut Session,
    reading: Reading,
    after: Option<KeyValues>,
    limit: usize,
) -> QueryResult<Vec<Scanned>> {
    let mut page: Vec<Scanned> = Vec::new();
    let mut after = after;
    while page.len() < limit {
        let asked = limit - page.len();
        let keys = products
            .keys(session, seeking, reading, after.as_ref(), top(asked))
            .await?;
        let found = looked_up(products, session, &keys).await?;
        let last = keys.last().filter(|_| keys.len() == asked);
        if reading == Reading::Dirty {
            let end = last.map_or(End::Table, End::With);
            check_gaps(products, session, after.as_ref(), &found, end).await?;
        }
        for (_, scanned) in found {
            // Of a view's rows with one key, each finds all of them.
            if page.last().is_none_or(|before| before.id() != scanned.id()) {
                page.push(scanned);
            }
        }
        // Some of the rows that were looked up may be gone: a page may be short only at the table's end.
        match last {
            Some(last) => after = Some(last.clone()),
            None => break,
        }
    }
    Ok(page)
}

/// The product table, and the key after which the page begins. A scan starts by reading the table's description again.
async fn at<'a>(
    pool: &'a Pool,
    seeking: &Seeking,
    session: &mut Session,
    after: Option<&ProductId>,
) -> QueryResult<(Products<'a>, Option<KeyValues>)> {
    let Some(after) = after else {
        seeking.forget();
        let products = Products::new(&pool.options, pool.look(session).await?)?;
        return Ok((products, None));
    };
    let products = Products::new(&pool.options, pool.table(session).await?)?;
    let after = products.position(session, after).await?;
    Ok((products, Some(after)))
}

/// The row of each key; keys without a row that is sold are left out.
async fn looked_up(
    products: &Products<'_>,
    session: &mut Session,
    keys: &[KeyValues],
) -> QueryResult<Vec<Found>> {
    let lookups = products.lookups(session, keys).await?;
    let found = keys.iter().zip(lookups).filter_map(|(key, lookup)| {
        let scanned = match lookup {
            Lookup::Found(row) => Scanned::Row(row),
            Lookup::Locked => Scanned::Locked(products.key.shown(key).0),
            Lookup::Gone | Lookup::LeftOut(_) => return None,
        };
        Some((key.clone(), scanned))
    });
    Ok(found.collect())
}

/// Checks that no session has locked a row whose key is invisible: a deleted row that may come back.
async fn check_gaps(
    products: &Products<'_>,
    session: &mut Session,
    after: Option<&KeyValues>,
    found: &[Found],
    end: End<'_>,
) -> QueryResult<()> {
    let locked = found.iter().filter_map(|(key, scanned)| match scanned {
        Scanned::Locked(_) => Some(key),
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
