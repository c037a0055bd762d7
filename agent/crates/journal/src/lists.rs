//! The lists of parked and removed products, and what a user can do with them.

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, Transaction};
use shopmaster_product::ProductId;

use super::{DigestBytes, Journal, Result, time, values::behind};

/// A product that Digible, or shopMaster, refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parked {
    /// The product's key.
    pub id: ProductId,
    /// Digest of the refused body.
    pub digest: DigestBytes,
    /// Why, for people.
    pub reason: String,
    /// Since when it is in the list.
    pub since: Timestamp,
    /// Whether a user dismissed it, so that it is no longer listed.
    pub discarded: bool,
}

/// A product that is gone from the shop and may be at Digible.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removed {
    /// The product's key.
    pub id: ProductId,
    /// Since when it is in the list.
    pub since: Timestamp,
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The entries, in the order of their ids.
    pub entries: Vec<T>,
    /// The id after which the next page starts; none on the last page.
    pub next: Option<ProductId>,
    /// How many there are in all.
    pub total: u64,
}

impl Journal {
    /// Lists parked products, with or without the discarded ones.
    ///
    /// # Errors
    ///
    /// When SQLite fails.
    pub async fn list_parked(
        &self,
        after: Option<ProductId>,
        limit: u32,
        discarded: bool,
    ) -> Result<Page<Parked>> {
        self.read("list refused products", move |connection| {
            let entries = connection
                .prepare_cached(
                    "SELECT id, digest, reason, since, discarded FROM parked
                     WHERE discarded <= ?3 AND id > ?1 ORDER BY id LIMIT ?2",
                )?
                .query_map((behind(after), limit.saturating_add(1), discarded), parked)?
                .collect::<rusqlite::Result<Vec<_>>>()?;
            let total: i64 = connection
                .prepare_cached("SELECT count(*) FROM parked WHERE discarded <= ?1")?
                .query_row([discarded], |row| row.get(0))?;
            Ok(page(entries, limit as usize, total, |entry| &entry.id))
        })
        .await
    }

    /// One parked product, discarded or not.
    ///
    /// # Errors
    ///
    /// When SQLite fails.
    pub async fn parked(&self, id: ProductId) -> Result<Option<Parked>> {
        self.read("look up a refused product", move |connection| {
            connection
                .prepare_cached(
                    "SELECT id, digest, reason, since, discarded FROM parked WHERE id = ?1",
                )?
                .query_row([id], parked)
                .optional()
        })
        .await
    }

    /// Lets the next sync send parked products again: these, or all that are listed.
    ///
    /// # Errors
    ///
    /// When SQLite fails.
    pub async fn retry_parked(&self, ids: Option<Vec<ProductId>>) -> Result<u64> {
        self.change(
            "retry refused products",
            ids,
            "UPDATE parked SET retry = 1, discarded = 0 WHERE id = ?1",
            "UPDATE parked SET retry = 1 WHERE discarded = 0",
        )
        .await
    }

    /// Keeps the refused digests of parked products, but no longer lists them.
    ///
    /// # Errors
    ///
    /// When SQLite fails.
    pub async fn discard_parked(&self, ids: Option<Vec<ProductId>>) -> Result<u64> {
        self.change(
            "dismiss refused products",
            ids,
            "UPDATE parked SET discarded = 1, retry = 0 WHERE id = ?1 AND discarded = 0",
            "UPDATE parked SET discarded = 1, retry = 0 WHERE discarded = 0",
        )
        .await
    }

    /// Lists removed products.
    ///
    /// # Errors
    ///
    /// When SQLite fails.
    pub async fn list_removed(
        &self,
        after: Option<ProductId>,
        limit: u32,
    ) -> Result<Page<Removed>> {
        self.read(
            "list products that are gone from the shop",
            move |connection| {
                let entries = connection
                    .prepare_cached(
                        "SELECT id, since FROM removed
                     WHERE id > ?1 ORDER BY id LIMIT ?2",
                    )?
                    .query_map((behind(after), limit.saturating_add(1)), removed)?
                    .collect::<rusqlite::Result<Vec<_>>>()?;
                let total: i64 = connection
                    .prepare_cached("SELECT count(*) FROM removed")?
                    .query_row([], |row| row.get(0))?;
                Ok(page(entries, limit as usize, total, |entry| &entry.id))
            },
        )
        .await
    }

    /// One removed product.
    ///
    /// # Errors
    ///
    /// When SQLite fails.
    pub async fn removed(&self, id: ProductId) -> Result<Option<Removed>> {
        self.read(
            "look up a product that is gone from the shop",
            move |connection| {
                connection
                    .prepare_cached("SELECT id, since FROM removed WHERE id = ?1")?
                    .query_row([id], removed)
                    .optional()
            },
        )
        .await
    }

    /// No longer lists removed products: these, or all.
    ///
    /// # Errors
    ///
    /// When SQLite fails.
    pub async fn forget_removed(&self, ids: Option<Vec<ProductId>>) -> Result<u64> {
        self.write(
            "forget products that are gone from the shop",
            move |transaction| {
                let count = match ids {
                    None => transaction.execute("DELETE FROM removed", [])?,
                    Some(ids) => each(&ids, |id| {
                        transaction
                            .prepare_cached("DELETE FROM removed WHERE id = ?1")?
                            .execute([id])
                    })?,
                };
                Ok(count as u64)
            },
        )
        .await
    }

    async fn change(
        &self,
        operation: &'static str,
        ids: Option<Vec<ProductId>>,
        one: &'static str,
        all: &'static str,
    ) -> Result<u64> {
        self.write(operation, move |transaction: &Transaction<'_>| {
            let count = match ids {
                None => transaction.execute(all, [])?,
                Some(ids) => each(&ids, |id| transaction.prepare_cached(one)?.execute([id]))?,
            };
            Ok(count as u64)
        })
        .await
    }
}

fn each(
    ids: &[ProductId],
    change: impl Fn(&ProductId) -> rusqlite::Result<usize>,
) -> rusqlite::Result<usize> {
    ids.iter().try_fold(0, |count, id| Ok(count + change(id)?))
}

fn parked(row: &rusqlite::Row<'_>) -> rusqlite::Result<Parked> {
    Ok(Parked {
        id: row.get(0)?,
        digest: row.get(1)?,
        reason: row.get(2)?,
        since: time(row.get(3)?),
        discarded: row.get(4)?,
    })
}

fn removed(row: &rusqlite::Row<'_>) -> rusqlite::Result<Removed> {
    Ok(Removed {
        id: row.get(0)?,
        since: time(row.get(1)?),
    })
}

fn page<T>(
    mut entries: Vec<T>,
    limit: usize,
    total: i64,
    id: impl Fn(&T) -> &ProductId,
) -> Page<T> {
    let more = entries.len() > limit;
    entries.truncate(limit);
    let next = entries.last().filter(|_| more).map(|last| id(last).clone());
    Page {
        entries,
        next,
        total: total.unsigned_abs(),
    }
}
