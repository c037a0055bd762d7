//! What the journal promises, each topic in a file of its own.

use std::{path::PathBuf, time::Duration};

use tempfile::TempDir;

use super::{
    Acknowledged, Binding, DigestBytes, Doubt, Journal, Known, Opened, Parking, Settlement,
};
use crate::product::ProductId;

mod full;
mod lists;
mod migrations;
mod model;
mod opening;
mod power;
mod single;
mod steps;
mod uploads;

/// So long that it does not pass while a test runs.
const LONG: Duration = Duration::from_secs(1800);
/// Before every time that the journal notes.
const EARLY: i64 = 0;
/// After every time that the journal notes.
const LATE: i64 = i64::MAX;

/// A journal in a folder of its own.
struct Fixture {
    folder: TempDir,
    journal: Journal,
}

impl Fixture {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let journal = open(&folder).journal;
        Self { folder, journal }
    }

    /// Closes the journal and opens it again.
    fn reopen(self) -> Self {
        let Self { folder, journal } = self;
        drop(journal);
        let opened = open(&folder);
        assert_eq!(opened.kept, None);
        Self {
            folder,
            journal: opened.journal,
        }
    }

    async fn known(&self, id: &ProductId) -> Known {
        self.journal
            .known(vec![id.clone()])
            .await
            .unwrap()
            .remove(0)
    }

    async fn hand_over(&self, ids: &[&ProductId]) {
        let ids = ids.iter().map(|id| (*id).clone()).collect();
        self.journal.hand_over(ids).await.unwrap();
    }

    /// A step that Digible acknowledged.
    async fn publish(&self, ids: &[&ProductId], digest: u8) {
        self.hand_over(ids).await;
        self.acknowledge(ids, digest, EARLY, LONG).await;
    }

    async fn acknowledge(
        &self,
        ids: &[&ProductId],
        digest: u8,
        sent_at: i64,
        landing_time: Duration,
    ) {
        let settlement = Settlement {
            sent_at,
            landing_time,
            acknowledged: ids.iter().map(|id| acknowledged(id, digest)).collect(),
            ..Settlement::default()
        };
        self.journal.settle(settlement).await.unwrap();
    }

    async fn lose(&self, id: &ProductId) {
        let settlement = Settlement {
            lost: vec![id.clone()],
            ..Settlement::default()
        };
        self.journal.settle(settlement).await.unwrap();
    }

    async fn park(&self, id: &ProductId, digest: u8, reason: &str) {
        let settlement = Settlement {
            parked: vec![Parking {
                id: id.clone(),
                digest: body(digest),
                reason: reason.to_owned(),
            }],
            ..Settlement::default()
        };
        self.journal.settle(settlement).await.unwrap();
    }

    async fn remove(&self, id: &ProductId) {
        let settlement = Settlement {
            removed: vec![id.clone()],
            ..Settlement::default()
        };
        self.journal.settle(settlement).await.unwrap();
    }

    async fn due(&self) -> Vec<ProductId> {
        self.journal.due(None, 100).await.unwrap()
    }

    async fn published(&self) -> u64 {
        let counted = self.journal.counts().await.unwrap().published;
        assert_eq!(counted, really_published(&self.journal));
        counted
    }
}

fn file(folder: &TempDir) -> PathBuf {
    folder.path().join("journal.sqlite")
}

fn open(folder: &TempDir) -> Opened {
    Journal::open(&file(folder), &binding("a")).unwrap()
}

fn binding(account: &str) -> Binding {
    Binding {
        account: account.to_owned(),
        catalog: "sqlite:/shop.db:products".to_owned(),
    }
}

fn number(number: i64) -> ProductId {
    ProductId::Integer(number)
}

fn text(text: &str) -> ProductId {
    ProductId::Text(text.to_owned())
}

fn body(digest: u8) -> DigestBytes {
    [digest; 32]
}

fn acknowledged(id: &ProductId, digest: u8) -> Acknowledged {
    Acknowledged {
        id: id.clone(),
        digest: body(digest),
    }
}

/// What the counter in `meta` has to equal.
fn really_published(journal: &Journal) -> u64 {
    let connection = journal.connection.lock().unwrap();
    let rows: i64 = connection
        .query_row(
            "SELECT count(*) FROM product WHERE published IS NOT NULL",
            [],
            |row| row.get(0),
        )
        .unwrap();
    rows.unsigned_abs()
}

fn execute(journal: &Journal, sql: &str) {
    journal
        .connection
        .lock()
        .unwrap()
        .execute_batch(sql)
        .unwrap();
}
