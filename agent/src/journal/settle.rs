//! One step's transactions: products are marked in doubt before they are sent, and the answers are
//! recorded as they come and at its end.

use std::time::Duration;

use rusqlite::{OptionalExtension as _, Transaction};

use super::{
    DigestBytes, Doubt, Journal, Result, exists, meta, now_ms, products::FARTHEST_DOUBT_MS, uploads,
};
use crate::product::ProductId;

/// What became of a product that was handed over is known.
const ANSWERED: &str = "DELETE FROM handed_over WHERE id = ?1";

/// One acknowledged product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acknowledged {
    /// Which one.
    pub id: ProductId,
    /// Digest of the body as acknowledged.
    pub digest: DigestBytes,
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

/// What became of a step's products, or of some of them: recorded in one commit.
///
/// A product that was handed over and is in none of the lists stays in doubt.
#[derive(Debug, Clone, Default)]
pub struct Settlement {
    /// When the step began to send, in milliseconds since 1970.
    pub sent_at: i64,
    /// How long a request may still land after it was given up; an hour at most.
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
    /// The number of the upload that the step belongs to.
    pub upload: Option<i64>,
    /// How far that upload is after the step.
    pub progress: Option<UploadProgress>,
}

/// How far an upload is after a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadProgress {
    /// The last key that it is through with.
    pub cursor: ProductId,
    /// Products that it is through with.
    pub done: u64,
}

impl Journal {
    /// Marks products in doubt, before they are handed to the network.
    ///
    /// # Errors
    ///
    /// When SQLite fails: then they must not be sent.
    pub async fn hand_over(&self, ids: Vec<ProductId>) -> Result<()> {
        self.write("mark products in doubt", move |transaction| {
            let mut statement =
                transaction.prepare_cached("INSERT OR IGNORE INTO handed_over (id) VALUES (?1)")?;
            for id in &ids {
                statement.execute([id])?;
            }
            Ok(())
        })
        .await
    }

    /// Records what became of a step's products. Nothing to record costs nothing.
    ///
    /// # Errors
    ///
    /// When SQLite fails: then no change may be deleted, and the products stay in doubt.
    pub async fn settle(&self, settlement: Settlement) -> Result<()> {
        if settlement.is_empty() {
            return Ok(());
        }
        self.write("record the answers", move |transaction| {
            acknowledge(transaction, &settlement)?;
            restore(transaction, &settlement.untouched)?;
            lose(transaction, &settlement.lost)?;
            park(transaction, &settlement.parked)?;
            for id in &settlement.unparked {
                unpark(transaction, id)?;
            }
            remove(transaction, &settlement.removed)?;
            for id in &settlement.returned {
                forget_removed(transaction, id)?;
            }
            if let (Some(number), Some(progress)) = (settlement.upload, &settlement.progress) {
                uploads::advance(transaction, number, progress)?;
            }
            Ok(())
        })
        .await
    }
}

fn acknowledge(transaction: &Transaction<'_>, settlement: &Settlement) -> rusqlite::Result<()> {
    let mut look_up = transaction.prepare_cached(
        "SELECT published IS NOT NULL, doubt, doubt_due FROM product WHERE id = ?1",
    )?;
    let mut record = transaction.prepare_cached(
        "INSERT INTO product (id, published, acknowledged_at, doubt, doubt_due, upload)
         VALUES (?1, ?2, ?3, ?4, ?5, coalesce(?6, 0))
         ON CONFLICT (id) DO UPDATE SET published = ?2, acknowledged_at = ?3, doubt = ?4,
             doubt_due = ?5, upload = coalesce(?6, upload)",
    )?;
    let mut answered = transaction.prepare_cached(ANSWERED)?;
    let any_parked = exists(transaction, "SELECT EXISTS (SELECT 1 FROM parked)")?;
    let now = now_ms();
    let mut new = 0;
    for product in &settlement.acknowledged {
        let (was_published, doubt, due) = look_up
            .query_row([&product.id], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })
            .optional()?
            .unwrap_or((false, Doubt::None, None));
        let (doubt, due) = settlement.left_of(doubt, due, now);
        record.execute((
            &product.id,
            product.digest,
            now,
            doubt,
            due,
            settlement.upload,
        ))?;
        answered.execute([&product.id])?;
        new += i64::from(!was_published);
        if any_parked {
            unpark(transaction, &product.id)?;
        }
    }
    meta::add_published(transaction, new)
}

impl Settlement {
    fn is_empty(&self) -> bool {
        self.acknowledged.is_empty()
            && self.untouched.is_empty()
            && self.lost.is_empty()
            && self.parked.is_empty()
            && self.unparked.is_empty()
            && self.removed.is_empty()
            && self.returned.is_empty()
            && self.progress.is_none()
    }

    /// What an acknowledgement leaves of a doubt, and when the product is to be sent once more.
    fn left_of(&self, doubt: Doubt, due: Option<i64>, now: i64) -> (Doubt, Option<i64>) {
        let landing = i64::try_from(self.landing_time.as_millis()).unwrap_or(FARTHEST_DOUBT_MS);
        let landed = now.saturating_add(landing.min(FARTHEST_DOUBT_MS));
        match (doubt, due) {
            (Doubt::MayStillLand, _) => (Doubt::Again, Some(landed)),
            // Sent too early to settle it. A later time than `landed` comes from a clock that was set back.
            (Doubt::Again, Some(due)) if due > self.sent_at => {
                (Doubt::Again, Some(due.min(landed)))
            }
            _ => (Doubt::None, None),
        }
    }
}

fn restore(transaction: &Transaction<'_>, products: &[(ProductId, Doubt)]) -> rusqlite::Result<()> {
    let mut answered = transaction.prepare_cached(ANSWERED)?;
    // Handing over raised nothing but a doubt that was none.
    let raised = products.iter().filter(|(_, before)| *before == Doubt::None);
    for (id, _) in raised {
        answered.execute([id])?;
    }
    Ok(())
}

fn lose(transaction: &Transaction<'_>, ids: &[ProductId]) -> rusqlite::Result<()> {
    let mut statement = transaction.prepare_cached(
        "INSERT INTO product (id, doubt) VALUES (?1, 2)
         ON CONFLICT (id) DO UPDATE SET doubt = 2, doubt_due = NULL",
    )?;
    let mut answered = transaction.prepare_cached(ANSWERED)?;
    for id in ids {
        statement.execute([id])?;
        answered.execute([id])?;
    }
    Ok(())
}

fn park(transaction: &Transaction<'_>, products: &[Parking]) -> rusqlite::Result<()> {
    let mut statement = transaction.prepare_cached(
        "INSERT INTO parked (id, digest, reason, since) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (id) DO UPDATE SET digest = ?2, reason = ?3, retry = 0,
             since = iif(digest = ?2, since, ?4),
             discarded = iif(digest = ?2, discarded, 0)",
    )?;
    for product in products {
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
        transaction.prepare_cached(ANSWERED)?.execute([id])?;
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
