//! One step's two transactions: products are marked in doubt before they are sent, and the answers
//! are recorded in one commit after.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension as _, Row, Transaction};

use super::{DigestBytes, Journal, Result, meta, now_ms, time, uploads};
use crate::product::ProductId;

/// A doubt further away than this comes from a clock that was set back.
const FARTHEST_DOUBT_MS: i64 = 3_600_000;

/// Whether Digible may have something else than what it last acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Doubt {
    /// No.
    #[default]
    None,
    /// Handed over; the next acknowledgement settles it.
    Open,
    /// Handed over and may still land; the next acknowledgement does not settle it.
    MayStillLand,
    /// Acknowledged since, and to be sent once more when the first request cannot land any more.
    Again,
}

/// What the journal knows of one product.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Known {
    /// Digest of the body as last acknowledged.
    pub published: Option<DigestBytes>,
    /// When that was, in milliseconds since 1970.
    pub acknowledged_at: Option<i64>,
    /// Whether Digible may have something else.
    pub doubt: Doubt,
    /// The refused digest.
    pub parked: Option<DigestBytes>,
    /// Somebody asked to try the parked product again.
    pub retry: bool,
    /// It counts as gone from the shop.
    pub removed: bool,
}

/// One acknowledged product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acknowledged {
    /// Which one.
    pub id: ProductId,
    /// Digest of the body as acknowledged.
    pub digest: DigestBytes,
    /// Whether it had a digest before.
    pub was_published: bool,
}

/// One product to park.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parking {
    /// Which one.
    pub id: ProductId,
    /// Digest of the refused body.
    pub digest: DigestBytes,
    /// Why it is refused, for people.
    pub reason: String,
}

/// What became of a step's products: recorded in one commit.
#[derive(Debug, Clone, Default)]
pub struct Settlement {
    /// When the step began to send, in milliseconds since 1970.
    pub sent_at: i64,
    /// How long a request may still land after it was given up.
    pub landing_time: Duration,
    /// Digible has them.
    pub acknowledged: Vec<Acknowledged>,
    /// Nothing changed at Digible: their doubt is what it was before the step.
    pub untouched: Vec<(ProductId, Doubt)>,
    /// Their request may still land.
    pub lost: Vec<ProductId>,
    /// Digible, or we, refuse them.
    pub parked: Vec<Parking>,
    /// No longer parked, because their digest is the published one again.
    pub unparked: Vec<ProductId>,
    /// Gone from the shop.
    pub removed: Vec<ProductId>,
    /// In the shop again.
    pub returned: Vec<ProductId>,
    /// The number of the upload that the step belongs to, and where it goes on.
    pub upload: Option<UploadProgress>,
}

/// How far an upload is after a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadProgress {
    /// Its number.
    pub number: i64,
    /// The last key that it is through with.
    pub cursor: ProductId,
    /// Products that it is through with.
    pub done: u64,
}

impl Journal {
    /// What is known of each of these products, in their order.
    ///
    /// # Errors
    ///
    /// When SQLite fails.
    pub async fn known(&self, ids: Vec<ProductId>) -> Result<Vec<Known>> {
        self.read("look up products", move |connection| {
            let any_parked = exists(connection, "SELECT EXISTS (SELECT 1 FROM parked)")?;
            let any_removed = exists(connection, "SELECT EXISTS (SELECT 1 FROM removed)")?;
            ids.iter()
                .map(|id| known(connection, id, any_parked, any_removed))
                .collect()
        })
        .await
    }

    /// Marks products in doubt, before they are handed to the network.
    ///
    /// # Errors
    ///
    /// When SQLite fails: then they must not be sent.
    pub async fn hand_over(&self, ids: Vec<ProductId>) -> Result<()> {
        self.write("mark products in doubt", move |transaction| {
            let mut statement = transaction.prepare_cached(
                "INSERT INTO product (id, doubt) VALUES (?1, 1)
                 ON CONFLICT (id) DO UPDATE SET doubt = 1 WHERE doubt = 0",
            )?;
            for id in &ids {
                statement.execute([id])?;
            }
            Ok(())
        })
        .await
    }

    /// Records what became of a step's products.
    ///
    /// # Errors
    ///
    /// When SQLite fails: then no change may be deleted, and the products stay in doubt.
    pub async fn settle(&self, settlement: Settlement) -> Result<()> {
        self.write("record the answers", move |transaction| {
            acknowledge(transaction, &settlement)?;
            restore(transaction, &settlement.untouched)?;
            lose(transaction, &settlement.lost)?;
            park(transaction, &settlement)?;
            for id in &settlement.unparked {
                unpark(transaction, id)?;
            }
            remove(transaction, &settlement.removed)?;
            for id in &settlement.returned {
                forget_removed(transaction, id)?;
            }
            if let Some(progress) = &settlement.upload {
                uploads::advance(transaction, progress)?;
            }
            Ok(())
        })
        .await
    }

    /// Products behind `after` that need sending without a change of theirs: in doubt and due, or
    /// parked and to be tried again.
    ///
    /// # Errors
    ///
    /// When SQLite fails.
    pub async fn due(&self, after: Option<ProductId>, limit: u32) -> Result<Vec<ProductId>> {
        self.read("find products in doubt", move |connection| {
            let now = now_ms();
            connection
                .prepare_cached(
                    "SELECT id FROM product
                     WHERE doubt > 0 AND (?1 IS NULL OR id > ?1)
                       AND (doubt < 3 OR doubt_due <= ?2 OR doubt_due > ?2 + ?3)
                     UNION
                     SELECT id FROM parked WHERE retry = 1 AND (?1 IS NULL OR id > ?1)
                     ORDER BY 1 LIMIT ?4",
                )?
                .query_map((after, now, FARTHEST_DOUBT_MS, limit), |row| row.get(0))?
                .collect()
        })
        .await
    }

    /// When the next product in doubt is to be sent once more, in milliseconds since 1970.
    ///
    /// # Errors
    ///
    /// When SQLite fails.
    pub async fn next_due(&self) -> Result<Option<i64>> {
        self.read("find the next product in doubt", |connection| {
            connection
                .prepare_cached("SELECT min(doubt_due) FROM product WHERE doubt > 0")?
                .query_row([], |row| row.get(0))
        })
        .await
    }

    /// A product that Digible acknowledged and that is not in doubt, other than `ids`.
    ///
    /// # Errors
    ///
    /// When SQLite fails.
    pub async fn any_settled(&self, ids: Vec<ProductId>) -> Result<Option<ProductId>> {
        self.read("find an acknowledged product", move |connection| {
            let limit = u32::try_from(ids.len())
                .unwrap_or(u32::MAX)
                .saturating_add(1);
            let mut statement = connection.prepare_cached(
                "SELECT id FROM product WHERE published IS NOT NULL AND doubt = 0 LIMIT ?1",
            )?;
            let rows = statement.query_map([limit], |row| row.get::<_, ProductId>(0))?;
            for id in rows {
                let id = id?;
                if !ids.contains(&id) {
                    return Ok(Some(id));
                }
            }
            Ok(None)
        })
        .await
    }

    /// Puts everything published in doubt, because somebody else may have sent since.
    ///
    /// # Errors
    ///
    /// When SQLite fails.
    pub async fn doubt_everything(&self) -> Result<()> {
        self.write("put everything in doubt", |transaction| {
            transaction.execute("UPDATE product SET doubt = 1 WHERE doubt = 0", [])?;
            transaction.execute("DELETE FROM upload", [])?;
            meta::set(transaction, "uploaded_at", &None::<i64>)
        })
        .await
    }

    /// Published products behind `after` that the upload `number` has not acknowledged.
    ///
    /// # Errors
    ///
    /// When SQLite fails.
    pub async fn not_in_upload(
        &self,
        number: i64,
        after: Option<ProductId>,
        limit: u32,
    ) -> Result<Vec<ProductId>> {
        self.read(
            "find products that an upload did not meet",
            move |connection| {
                connection
                    .prepare_cached(
                        "SELECT id FROM product
                     WHERE upload <> ?1 AND (?2 IS NULL OR id > ?2) ORDER BY id LIMIT ?3",
                    )?
                    .query_map((number, after, limit), |row| row.get(0))?
                    .collect()
            },
        )
        .await
    }
}

fn exists(connection: &Connection, sql: &str) -> rusqlite::Result<bool> {
    connection
        .prepare_cached(sql)?
        .query_row([], |row| row.get(0))
}

fn known(
    connection: &Connection,
    id: &ProductId,
    any_parked: bool,
    any_removed: bool,
) -> rusqlite::Result<Known> {
    let mut known = connection
        .prepare_cached("SELECT published, acknowledged_at, doubt FROM product WHERE id = ?1")?
        .query_row([id], |row| {
            Ok(Known {
                published: row.get(0)?,
                acknowledged_at: row.get(1)?,
                doubt: doubt(row, 2)?,
                ..Known::default()
            })
        })
        .optional()?
        .unwrap_or_default();
    if any_parked {
        let parked = connection
            .prepare_cached("SELECT digest, retry FROM parked WHERE id = ?1")?
            .query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        if let Some((digest, retry)) = parked {
            known.parked = Some(digest);
            known.retry = retry;
        }
    }
    if any_removed {
        known.removed = connection
            .prepare_cached("SELECT 1 FROM removed WHERE id = ?1")?
            .exists([id])?;
    }
    Ok(known)
}

fn doubt(row: &Row<'_>, index: usize) -> rusqlite::Result<Doubt> {
    Ok(match row.get::<_, i64>(index)? {
        0 => Doubt::None,
        1 => Doubt::Open,
        2 => Doubt::MayStillLand,
        _ => Doubt::Again,
    })
}

fn acknowledge(transaction: &Transaction<'_>, settlement: &Settlement) -> rusqlite::Result<()> {
    let number = settlement.upload.as_ref().map(|progress| progress.number);
    let landing = i64::try_from(settlement.landing_time.as_millis()).unwrap_or(i64::MAX / 2);
    let now = now_ms();
    // A product that was sent before its doubt was due has to be sent once more.
    let mut statement = transaction.prepare_cached(
        "UPDATE product SET
             published = ?2,
             acknowledged_at = ?3,
             upload = coalesce(?4, upload),
             doubt_due = CASE WHEN doubt = 2 THEN ?3 + ?5
                              WHEN doubt = 3 AND doubt_due > ?6 AND doubt_due <= ?6 + ?7
                              THEN doubt_due END,
             doubt = CASE WHEN doubt = 2 THEN 3
                          WHEN doubt = 3 AND doubt_due > ?6 AND doubt_due <= ?6 + ?7
                          THEN 3 ELSE 0 END
         WHERE id = ?1",
    )?;
    let mut new = 0;
    for product in &settlement.acknowledged {
        statement.execute((
            &product.id,
            product.digest,
            now,
            number,
            landing,
            settlement.sent_at,
            FARTHEST_DOUBT_MS,
        ))?;
        new += i64::from(!product.was_published);
    }
    meta::add_published(transaction, new)?;
    let any_parked = exists(transaction, "SELECT EXISTS (SELECT 1 FROM parked)")?;
    if any_parked {
        for product in &settlement.acknowledged {
            unpark(transaction, &product.id)?;
        }
    }
    Ok(())
}

fn restore(transaction: &Transaction<'_>, products: &[(ProductId, Doubt)]) -> rusqlite::Result<()> {
    for (id, before) in products {
        if *before != Doubt::None {
            continue;
        }
        transaction
            .prepare_cached("UPDATE product SET doubt = 0 WHERE id = ?1")?
            .execute([id])?;
        // Never acknowledged and not in doubt: as if it had never been handed over.
        transaction
            .prepare_cached("DELETE FROM product WHERE id = ?1 AND published IS NULL")?
            .execute([id])?;
    }
    Ok(())
}

fn lose(transaction: &Transaction<'_>, ids: &[ProductId]) -> rusqlite::Result<()> {
    let mut statement = transaction
        .prepare_cached("UPDATE product SET doubt = 2, doubt_due = NULL WHERE id = ?1")?;
    for id in ids {
        statement.execute([id])?;
    }
    Ok(())
}

fn park(transaction: &Transaction<'_>, settlement: &Settlement) -> rusqlite::Result<()> {
    let mut statement = transaction.prepare_cached(
        "INSERT INTO parked (id, digest, reason, since) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (id) DO UPDATE SET digest = ?2, reason = ?3, retry = 0,
             since = iif(digest = ?2, since, ?4),
             discarded = iif(digest = ?2, discarded, 0)",
    )?;
    for product in &settlement.parked {
        statement.execute((&product.id, product.digest, &product.reason, now_ms()))?;
    }
    Ok(())
}

fn unpark(transaction: &Transaction<'_>, id: &ProductId) -> rusqlite::Result<()> {
    transaction
        .prepare_cached("DELETE FROM parked WHERE id = ?1")?
        .execute([id])?;
    Ok(())
}

fn remove(transaction: &Transaction<'_>, ids: &[ProductId]) -> rusqlite::Result<()> {
    let mut gone = 0;
    for id in ids {
        let published: Option<bool> = transaction
            .prepare_cached("DELETE FROM product WHERE id = ?1 RETURNING published IS NOT NULL")?
            .query_row([id], |row| row.get(0))
            .optional()?;
        gone += i64::from(published == Some(true));
        unpark(transaction, id)?;
        transaction
            .prepare_cached("INSERT OR IGNORE INTO removed (id, since) VALUES (?1, ?2)")?
            .execute((id, now_ms()))?;
    }
    meta::add_published(transaction, -gone)
}

pub(super) fn forget_removed(
    transaction: &Transaction<'_>,
    id: &ProductId,
) -> rusqlite::Result<usize> {
    transaction
        .prepare_cached("DELETE FROM removed WHERE id = ?1")?
        .execute([id])
}

impl Known {
    /// Whether Digible may have this product.
    #[must_use]
    pub fn may_be_at_digible(&self) -> bool {
        self.published.is_some() || self.doubt != Doubt::None
    }

    /// When Digible last acknowledged it.
    #[must_use]
    pub fn acknowledged_at(&self) -> Option<jiff::Timestamp> {
        self.acknowledged_at.map(time)
    }
}
