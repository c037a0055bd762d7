//! What the journal promises, each topic in a file of its own.

use std::{path::PathBuf, time::Duration};

use shopmaster_product::ProductId;
use tempfile::TempDir;

use super::{
    Acknowledged, Binding, DigestBytes, Doubt, Finding, InFlight, Journal, Known, Landing, Opened,
    Settled, UploadProgress,
};

mod damage;
mod entry;
mod full;
mod integrity;
mod lists;
mod migrations;
mod model;
mod opening;
mod power;
mod single;
mod steps;
mod uploads;

/// How long a request may land after it was given up.
const WINDOW: Duration = Duration::from_secs(1800);

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

    async fn begin(&self, ids: &[&ProductId]) -> InFlight {
        let ids = ids.iter().map(|id| (*id).clone()).collect();
        self.journal.hand_over(Vec::new(), ids, None).await.unwrap()
    }

    /// A step that ends before it records anything.
    async fn hand_over(&self, ids: &[&ProductId]) {
        drop(self.begin(ids).await);
    }

    /// A step that Digible acknowledged.
    async fn publish(&self, ids: &[&ProductId], digest: u8) {
        let mut step = self.begin(ids).await;
        let acknowledged = ids.iter().map(|id| acknowledged(id, digest)).collect();
        self.journal
            .acknowledge(&mut step, acknowledged)
            .await
            .unwrap();
        self.journal.settle(step, Vec::new(), None).await.unwrap();
    }

    /// A step whose requests came to this.
    async fn land(&self, ids: &[&ProductId], landing: Landing) {
        let step = self.begin(ids).await;
        let settled = ids.iter().map(|id| settled(id, landing)).collect();
        self.journal.settle(step, settled, None).await.unwrap();
    }

    async fn lose(&self, id: &ProductId) {
        self.land(&[id], Landing::MayStillLand).await;
    }

    async fn find(&self, id: &ProductId, finding: Finding) {
        self.journal
            .record(vec![(id.clone(), finding)])
            .await
            .unwrap();
    }

    async fn park(&self, id: &ProductId, digest: u8, reason: &str) {
        let refused = Finding::Refused {
            digest: body(digest),
            reason: reason.to_owned(),
        };
        self.find(id, refused).await;
    }

    async fn remove(&self, id: &ProductId) {
        self.find(id, Finding::Gone).await;
    }

    async fn doubt(&self, id: &ProductId) -> Option<Doubt> {
        self.known(id).await.entry.doubt
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
    Journal::open(&file(folder), &binding("a"), WINDOW).unwrap()
}

fn binding(account: &str) -> Binding {
    Binding {
        account: account.to_owned(),
        catalog: "sqlite:/shop.db:products".to_owned(),
        captured: "sqlite:/shop.db:products".to_owned(),
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
        may_still_land: false,
    }
}

fn settled(id: &ProductId, landing: Landing) -> Settled {
    Settled {
        id: id.clone(),
        landing,
        refused: None,
    }
}

/// What the counter has to equal.
fn really_published(journal: &Journal) -> u64 {
    let connection = journal.connection.lock().unwrap();
    let rows: i64 = connection
        .query_row("SELECT count(*) FROM published", [], |row| row.get(0))
        .unwrap();
    rows.unsigned_abs()
}

fn execute(journal: &Journal, sql: &str) {
    let mut connection = journal.connection.lock().unwrap();
    journal
        .checksums
        .write(&mut connection, |transaction| {
            transaction.execute_batch(sql)
        })
        .unwrap();
}

/// What no transaction can do.
fn execute_alone(journal: &Journal, sql: &str) {
    let connection = journal.connection.lock().unwrap();
    connection.execute_batch(sql).unwrap();
}
