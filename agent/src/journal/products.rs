//! What the journal knows of products, and which of them need sending.

use rusqlite::{CachedStatement, Connection, OptionalExtension as _};

use super::{DigestBytes, Journal, Result, exists, meta, now_ms, time, values::behind};
use crate::product::ProductId;

/// A doubt further away than this comes from a clock that was set back.
pub(super) const FARTHEST_DOUBT_MS: i64 = 3_600_000;

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
            let any_handed_over = exists(connection, "SELECT EXISTS (SELECT 1 FROM handed_over)")?;
            let mut products = connection.prepare_cached(
                "SELECT published, acknowledged_at, doubt FROM product WHERE id = ?1",
            )?;
            let mut handed_over =
                connection.prepare_cached("SELECT 1 FROM handed_over WHERE id = ?1")?;
            ids.iter()
                .map(|id| {
                    let mut known = acknowledged(&mut products, id)?;
                    if any_handed_over && known.doubt == Doubt::None && handed_over.exists([id])? {
                        known.doubt = Doubt::Open;
                    }
                    if any_parked {
                        (known.parked, known.retry) = parked(connection, id)?;
                    }
                    if any_removed {
                        known.removed = is_removed(connection, id)?;
                    }
                    Ok(known)
                })
                .collect()
        })
        .await
    }

    /// Products behind `after` that need sending without a change of theirs: in doubt and due, or
    /// parked and to be tried again. A parked product in doubt waits for a change or a person.
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
                     WHERE doubt > 0 AND id > ?1
                       AND (doubt < 3 OR doubt_due <= ?2 OR doubt_due > ?2 + ?3)
                       AND id NOT IN (SELECT id FROM parked WHERE retry = 0)
                     UNION
                     SELECT id FROM handed_over AS h
                     WHERE id > ?1
                       AND NOT EXISTS (SELECT 1 FROM product AS p WHERE p.id = h.id AND p.doubt > 0)
                       AND id NOT IN (SELECT id FROM parked WHERE retry = 0)
                     UNION
                     SELECT id FROM parked WHERE retry = 1 AND id > ?1
                     ORDER BY 1 LIMIT ?4",
                )?
                .query_map((behind(after), now, FARTHEST_DOUBT_MS, limit), |row| {
                    row.get(0)
                })?
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
                .prepare_cached(
                    "SELECT min(doubt_due) FROM product
                     WHERE doubt > 0 AND id NOT IN (SELECT id FROM parked WHERE retry = 0)",
                )?
                .query_row([], |row| row.get(0))
        })
        .await
    }

    /// Products behind `after` that the shop had: published, in doubt or parked.
    ///
    /// # Errors
    ///
    /// When SQLite fails.
    pub async fn in_shop(&self, after: Option<ProductId>, limit: u32) -> Result<Vec<ProductId>> {
        self.read("list the products of the shop", move |connection| {
            connection
                .prepare_cached(
                    "SELECT id FROM product WHERE id > ?1
                     UNION
                     SELECT id FROM handed_over WHERE id > ?1
                     UNION
                     SELECT id FROM parked WHERE id > ?1
                     ORDER BY 1 LIMIT ?2",
                )?
                .query_map((behind(after), limit), |row| row.get(0))?
                .collect()
        })
        .await
    }

    /// A product that Digible acknowledged and that is neither in doubt nor parked, other than `ids`.
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
                "SELECT id FROM product
                 WHERE published IS NOT NULL AND doubt = 0
                   AND NOT EXISTS (SELECT 1 FROM parked WHERE parked.id = product.id)
                   AND NOT EXISTS (SELECT 1 FROM handed_over AS h WHERE h.id = product.id)
                 LIMIT ?1",
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
            doubt_everything(transaction)
        })
        .await
    }

    /// Products behind `after` that Digible may have and that the upload `number` has not acknowledged.
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
                        "SELECT id FROM product WHERE upload <> ?1 AND id > ?2
                         UNION
                         SELECT id FROM handed_over AS h
                         WHERE id > ?2
                           AND NOT EXISTS (SELECT 1 FROM product AS p WHERE p.id = h.id)
                         ORDER BY 1 LIMIT ?3",
                    )?
                    .query_map((number, behind(after), limit), |row| row.get(0))?
                    .collect()
            },
        )
        .await
    }
}

/// What the product's own row says.
fn acknowledged(products: &mut CachedStatement<'_>, id: &ProductId) -> rusqlite::Result<Known> {
    let known = products
        .query_row([id], |row| {
            Ok(Known {
                published: row.get(0)?,
                acknowledged_at: row.get(1)?,
                doubt: row.get(2)?,
                ..Known::default()
            })
        })
        .optional()?;
    Ok(known.unwrap_or_default())
}

fn parked(
    connection: &Connection,
    id: &ProductId,
) -> rusqlite::Result<(Option<DigestBytes>, bool)> {
    let parked = connection
        .prepare_cached("SELECT digest, retry FROM parked WHERE id = ?1")?
        .query_row([id], |row| Ok((Some(row.get(0)?), row.get(1)?)))
        .optional()?;
    Ok(parked.unwrap_or_default())
}

fn is_removed(connection: &Connection, id: &ProductId) -> rusqlite::Result<bool> {
    connection
        .prepare_cached("SELECT 1 FROM removed WHERE id = ?1")?
        .exists([id])
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

/// Puts everything published in doubt, so that an upload is due. What is parked or removed stays so.
pub(super) fn doubt_everything(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute("UPDATE product SET doubt = 1 WHERE doubt = 0", [])?;
    connection.execute("DELETE FROM upload", [])?;
    meta::set(connection, "uploaded_at", &None::<i64>)
}
