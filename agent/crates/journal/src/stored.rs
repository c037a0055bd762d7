//! Reads and writes one product's [`Entry`], whose parts are rows of four tables.

use rusqlite::{OptionalExtension as _, Transaction};
use shopmaster_product::ProductId;

use super::{
    entry::{Doubt, Entry, Event, Published, Refusal, Times},
    has_rows,
};

/// Applies events to products inside one transaction.
pub(super) struct Entries<'a> {
    transaction: &'a Transaction<'a>,
    times: Times,
    /// Whether these tables have any rows: most of the time they are empty.
    any_doubt: bool,
    any_parked: bool,
    any_removed: bool,
}

impl<'a> Entries<'a> {
    pub(super) fn new(transaction: &'a Transaction<'a>, times: Times) -> rusqlite::Result<Self> {
        let any = |table| has_rows(transaction, table);
        Ok(Self {
            transaction,
            times,
            any_doubt: any("doubt")?,
            any_parked: any("parked")?,
            any_removed: any("removed")?,
        })
    }

    /// Applies an event to a product.
    pub(super) fn apply(&mut self, id: &ProductId, event: &Event) -> rusqlite::Result<()> {
        let before = self.read(id)?;
        let after = before.clone().after(event, &self.times);
        self.write(id, &before, &after)
    }

    fn read(&self, id: &ProductId) -> rusqlite::Result<Entry> {
        Ok(Entry {
            published: published(self.transaction, id)?,
            doubt: match self.any_doubt {
                true => doubt(self.transaction, id)?,
                false => None,
            },
            parked: match self.any_parked {
                true => parked(self.transaction, id)?,
                false => None,
            },
            removed: match self.any_removed {
                true => removed(self.transaction, id)?,
                false => None,
            },
        })
    }

    fn write(&mut self, id: &ProductId, before: &Entry, after: &Entry) -> rusqlite::Result<()> {
        if before.published != after.published {
            self.write_published(id, after.published.as_ref())?;
        }
        if before.doubt != after.doubt {
            self.write_doubt(id, after.doubt)?;
        }
        if before.parked != after.parked {
            self.write_parked(id, after.parked.as_ref())?;
        }
        if before.removed != after.removed {
            self.write_removed(id, after.removed)?;
        }
        Ok(())
    }

    fn write_published(
        &self,
        id: &ProductId,
        published: Option<&Published>,
    ) -> rusqlite::Result<()> {
        let Some(published) = published else {
            return self.delete("DELETE FROM published WHERE id = ?1", id);
        };
        self.transaction
            .prepare_cached(
                "INSERT INTO published (id, digest, acknowledged_at, upload) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (id) DO UPDATE SET digest = ?2, acknowledged_at = ?3, upload = ?4",
            )?
            .execute((id, published.digest, published.at, published.upload))?;
        Ok(())
    }

    fn write_doubt(&mut self, id: &ProductId, doubt: Option<Doubt>) -> rusqlite::Result<()> {
        let Some(doubt) = doubt else {
            return self.delete("DELETE FROM doubt WHERE id = ?1", id);
        };
        self.any_doubt = true;
        self.transaction
            .prepare_cached(
                "INSERT INTO doubt (id, lands_until, due) VALUES (?1, ?2, ?3)
                 ON CONFLICT (id) DO UPDATE SET lands_until = ?2, due = ?3",
            )?
            .execute((id, doubt.lands_until, doubt.due))?;
        Ok(())
    }

    fn write_parked(&mut self, id: &ProductId, parked: Option<&Refusal>) -> rusqlite::Result<()> {
        let Some(parked) = parked else {
            return self.delete("DELETE FROM parked WHERE id = ?1", id);
        };
        self.any_parked = true;
        self.transaction
            .prepare_cached(
                "INSERT INTO parked (id, digest, reason, since, discarded, retry)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                 ON CONFLICT (id) DO UPDATE SET digest = ?2, reason = ?3, since = ?4,
                     discarded = ?5, retry = ?6",
            )?
            .execute((
                id,
                parked.digest,
                &parked.reason,
                parked.since,
                parked.discarded,
                parked.retry,
            ))?;
        Ok(())
    }

    fn write_removed(&mut self, id: &ProductId, since: Option<i64>) -> rusqlite::Result<()> {
        let Some(since) = since else {
            return self.delete("DELETE FROM removed WHERE id = ?1", id);
        };
        self.any_removed = true;
        self.transaction
            .prepare_cached("INSERT INTO removed (id, since) VALUES (?1, ?2)")?
            .execute((id, since))?;
        Ok(())
    }

    fn delete(&self, sql: &str, id: &ProductId) -> rusqlite::Result<()> {
        self.transaction.prepare_cached(sql)?.execute([id])?;
        Ok(())
    }
}

/// The product's row in `published`, if it has one.
pub(super) fn published(
    connection: &rusqlite::Connection,
    id: &ProductId,
) -> rusqlite::Result<Option<Published>> {
    connection
        .prepare_cached("SELECT digest, acknowledged_at, upload FROM published WHERE id = ?1")?
        .query_row([id], |row| {
            Ok(Published {
                digest: row.get(0)?,
                at: row.get(1)?,
                upload: row.get(2)?,
            })
        })
        .optional()
}

pub(super) fn doubt(
    connection: &rusqlite::Connection,
    id: &ProductId,
) -> rusqlite::Result<Option<Doubt>> {
    connection
        .prepare_cached("SELECT lands_until, due FROM doubt WHERE id = ?1")?
        .query_row([id], |row| {
            Ok(Doubt {
                lands_until: row.get(0)?,
                due: row.get(1)?,
            })
        })
        .optional()
}

pub(super) fn parked(
    connection: &rusqlite::Connection,
    id: &ProductId,
) -> rusqlite::Result<Option<Refusal>> {
    connection
        .prepare_cached("SELECT digest, reason, since, discarded, retry FROM parked WHERE id = ?1")?
        .query_row([id], |row| {
            Ok(Refusal {
                digest: row.get(0)?,
                reason: row.get(1)?,
                since: row.get(2)?,
                discarded: row.get(3)?,
                retry: row.get(4)?,
            })
        })
        .optional()
}

pub(super) fn removed(
    connection: &rusqlite::Connection,
    id: &ProductId,
) -> rusqlite::Result<Option<i64>> {
    connection
        .prepare_cached("SELECT since FROM removed WHERE id = ?1")?
        .query_row([id], |row| row.get(0))
        .optional()
}
