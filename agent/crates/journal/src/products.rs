//! What the journal knows about products, and which of them need to be sent.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _};
use shopmaster_product::ProductId;
use tokio::time::Instant;

use super::{
    DigestBytes, Entry, Journal, Result,
    clock::{self, steady_ms},
    has_rows, stored, time, uploads,
    values::behind,
};

/// What the journal knows about one product.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Known {
    /// The record of the product.
    pub entry: Entry,
    /// Whether it was sent and no answer is recorded.
    pub in_flight: bool,
}

impl Known {
    /// Digest of the body that Digible last acknowledged.
    #[must_use]
    pub fn published(&self) -> Option<DigestBytes> {
        self.entry.published.as_ref().map(|it| it.digest)
    }

    /// When Digible last acknowledged the product.
    #[must_use]
    pub fn acknowledged_at(&self) -> Option<Timestamp> {
        self.entry.published.as_ref().map(|it| time(it.at))
    }

    /// The digest of the refused body, if the product is parked.
    #[must_use]
    pub fn parked(&self) -> Option<DigestBytes> {
        self.entry.parked.as_ref().map(|it| it.digest)
    }

    /// Whether the parked product must be sent again.
    #[must_use]
    pub fn retry(&self) -> bool {
        self.entry.parked.as_ref().is_some_and(|it| it.retry)
    }

    /// Whether it counts as gone from the shop.
    #[must_use]
    pub fn removed(&self) -> bool {
        self.entry.removed.is_some()
    }

    /// Whether Digible may have something other than what it last acknowledged.
    #[must_use]
    pub fn is_in_doubt(&self) -> bool {
        self.entry.doubt.is_some() || self.in_flight
    }

    /// Whether nothing of what is published has to be sent at `now`, in steady time: nothing is in doubt, or
    /// the product was acknowledged since and will be sent once more later.
    #[must_use]
    pub fn is_settled_until(&self, now: i64) -> bool {
        !self.in_flight && self.entry.doubt.is_none_or(|doubt| doubt.due > now)
    }

    /// Whether anything is recorded about the product.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.entry != Entry::default() || self.in_flight
    }

    /// Whether Digible may have this product.
    #[must_use]
    pub fn may_be_at_digible(&self) -> bool {
        self.entry.may_be_at_digible() || self.in_flight
    }

    /// Until when a request that was given up may still be applied, if the product's newest state is
    /// acknowledged.
    #[must_use]
    pub fn confirmed_at(&self) -> Option<Timestamp> {
        let doubt = self.entry.doubt.filter(|doubt| doubt.due > 0)?;
        Some(clock::shown(doubt.lands_until))
    }
}

impl Journal {
    /// What is known about each of these products, in the same order.
    ///
    /// # Errors
    ///
    /// When SQLite fails.
    pub async fn known(&self, ids: Vec<ProductId>) -> Result<Vec<Known>> {
        self.read("look up products", move |connection| {
            let any = |table| has_rows(connection, table);
            let (any_doubt, any_parked) = (any("doubt")?, any("parked")?);
            let (any_removed, any_in_flight) = (any("removed")?, any("in_flight")?);
            let mut in_flight =
                connection.prepare_cached("SELECT 1 FROM in_flight WHERE id = ?1")?;
            ids.iter()
                .map(|id| {
                    let mut known = Known::default();
                    known.entry.published = stored::published(connection, id)?;
                    if any_doubt {
                        known.entry.doubt = stored::doubt(connection, id)?;
                    }
                    if any_parked {
                        known.entry.parked = stored::parked(connection, id)?;
                    }
                    if any_removed {
                        known.entry.removed = stored::removed(connection, id)?;
                    }
                    known.in_flight = any_in_flight && in_flight.exists([id])?;
                    Ok(known)
                })
                .collect()
        })
        .await
    }

    /// Products after `after` that need to be sent although no change was recorded for them: in doubt and due,
    /// or parked and to be sent again. A parked product in doubt waits for a change or for the user.
    ///
    /// # Errors
    ///
    /// When SQLite fails.
    pub async fn due(&self, after: Option<ProductId>, limit: u32) -> Result<Vec<ProductId>> {
        let now = steady_ms();
        self.read("find unconfirmed products", move |connection| {
            connection
                .prepare_cached(
                    "SELECT id FROM doubt
                     WHERE due <= ?2 AND id > ?1
                       AND id NOT IN (SELECT id FROM parked WHERE retry = 0)
                     UNION
                     SELECT id FROM parked WHERE retry = 1 AND id > ?1
                     ORDER BY 1 LIMIT ?3",
                )?
                .query_map((behind(after), now, limit), |row| row.get(0))?
                .collect()
        })
        .await
    }

    /// When the next product must be sent once more to confirm it; none when there is no such product.
    ///
    /// # Errors
    ///
    /// When SQLite fails.
    pub async fn next_confirmation(&self) -> Result<Option<Instant>> {
        let due = self.read("find the next unconfirmed product", |connection| {
            connection
                .prepare_cached(
                    "SELECT due FROM doubt
                     WHERE due > 0 AND id NOT IN (SELECT id FROM parked WHERE retry = 0)
                     ORDER BY due LIMIT 1",
                )?
                .query_row([], |row| row.get::<_, i64>(0))
                .optional()
        });
        Ok(due.await?.and_then(clock::instant))
    }

    /// Products after `after` that the shop had, and that are not listed as gone: published, in doubt or
    /// parked.
    ///
    /// # Errors
    ///
    /// When SQLite fails.
    pub async fn in_shop(&self, after: Option<ProductId>, limit: u32) -> Result<Vec<ProductId>> {
        self.read("list the products of the shop", move |connection| {
            of_shop(connection, None, after, limit)
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
                "SELECT id FROM published AS p
                 WHERE NOT EXISTS (SELECT 1 FROM doubt AS d WHERE d.id = p.id)
                   AND NOT EXISTS (SELECT 1 FROM parked AS r WHERE r.id = p.id)
                   AND NOT EXISTS (SELECT 1 FROM in_flight AS f WHERE f.id = p.id)
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

    /// Marks everything published as in doubt, because another agent may have sent since.
    ///
    /// # Errors
    ///
    /// When SQLite fails.
    pub async fn doubt_everything(&self) -> Result<()> {
        self.write("mark every product as unconfirmed", |transaction| {
            doubt_everything(transaction)
        })
        .await
    }

    /// Products after `after` that the shop had, that are not listed as gone, and that the upload `number` has
    /// not acknowledged.
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
            "find products that an upload did not send",
            move |connection| of_shop(connection, Some(number), after, limit),
        )
        .await
    }
}

/// Products after `after` that the shop had, and that are not listed as gone, except those that the upload
/// `but` has acknowledged.
fn of_shop(
    connection: &Connection,
    but: Option<i64>,
    after: Option<ProductId>,
    limit: u32,
) -> rusqlite::Result<Vec<ProductId>> {
    // Each part is a range of its table's key, so that they are merged without being sorted.
    connection
        .prepare_cached(
            "SELECT id FROM published WHERE id > ?1 AND upload IS NOT ?3
             UNION
             SELECT id FROM doubt AS k WHERE id > ?1
               AND NOT EXISTS (SELECT 1 FROM published AS p WHERE p.id = k.id)
               AND NOT EXISTS (SELECT 1 FROM removed AS r WHERE r.id = k.id)
             UNION
             SELECT id FROM in_flight AS k WHERE id > ?1
               AND NOT EXISTS (SELECT 1 FROM published AS p WHERE p.id = k.id)
               AND NOT EXISTS (SELECT 1 FROM removed AS r WHERE r.id = k.id)
             UNION
             SELECT id FROM parked AS k WHERE id > ?1
               AND NOT EXISTS (SELECT 1 FROM published AS p WHERE p.id = k.id)
               AND NOT EXISTS (SELECT 1 FROM removed AS r WHERE r.id = k.id)
             ORDER BY 1 LIMIT ?2",
        )?
        .query_map((behind(after), limit, but), |row| row.get(0))?
        .collect()
}

/// Marks everything published as in doubt, so that an upload is due. What is parked or removed stays so.
pub(super) fn doubt_everything(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute(
        "INSERT INTO doubt (id, lands_until, due) SELECT id, 0, 0 FROM published WHERE true
         ON CONFLICT (id) DO UPDATE SET due = 0",
        [],
    )?;
    uploads::need(connection)
}
