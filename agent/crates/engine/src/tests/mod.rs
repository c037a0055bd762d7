//! The engine with a shop and a cloud in memory, and a real journal.

use std::{sync::Arc, time::Duration};

use shopmaster_health::run::{Cause, Kind, Run, Wish};
use shopmaster_journal::{AgentState, Binding, Journal, Known};
use shopmaster_product::ProductId;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::{
    Engine, Observer, Options, Reporting, run_handle::RunHandle, status_store::StatusStore,
};
use cloud::FakeCloud;
use observed::Observed;
use shop::FakeShop;

mod cloud;
mod coalescing;
mod compacting;
mod exhaustive;
mod flow;
mod gaps;
mod late;
mod left_out;
mod observed;
mod outages;
mod poison;
mod rebuilt;
mod registry;
mod scanning;
mod scheduling;
mod shop;
mod shown;
mod status_store;
mod step_lock;
mod steps;
mod trial;
mod uploads;
mod verify;

/// A shop, a cloud, and the engine between them.
struct World {
    folder: TempDir,
    shop: Arc<FakeShop>,
    cloud: Arc<FakeCloud>,
    status_store: Arc<StatusStore>,
    observed: Arc<Observed>,
    engine: Arc<Engine>,
    late_window: Duration,
    /// Cancelled when a task of the engine panicked.
    crashed: CancellationToken,
}

impl World {
    async fn new() -> Self {
        Self::with(options()).await
    }

    async fn with(options: Options) -> Self {
        Self::with_window(options, Duration::ZERO).await
    }

    /// A world in which a request may land for so long after it was given up.
    async fn with_window(options: Options, late_window: Duration) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let shop = Arc::new(FakeShop::default());
        let cloud = Arc::new(FakeCloud::default());
        let status_store = Arc::new(StatusStore::new());
        let observed = Arc::new(Observed::default());
        let crashed = CancellationToken::new();
        let engine = watched(
            &folder,
            &shop,
            &cloud,
            reporting(&status_store, &observed),
            options,
            late_window,
            &crashed,
        )
        .await;
        Self {
            folder,
            shop,
            cloud,
            status_store,
            observed,
            engine,
            late_window,
            crashed,
        }
    }

    /// Stops the engine and starts another one with the same journal.
    async fn restart(&mut self, options: Options) {
        self.engine.stop().await;
        self.engine = engine(
            &self.folder,
            &self.shop,
            &self.cloud,
            &self.status_store,
            options,
            self.late_window,
        )
        .await;
    }

    /// The same with another catalog.
    async fn restart_elsewhere(&mut self, options: Options) {
        self.engine.stop().await;
        let elsewhere = Binding {
            account: "account".to_owned(),
            catalog: "another".to_owned(),
            captured: "another".to_owned(),
        };
        let file = self.folder.path().join("journal.sqlite");
        let opened = Journal::open(&file, &elsewhere, self.late_window).unwrap();
        assert!(opened.catalog_changed);
        drop(opened);
        self.restart(options).await;
    }

    async fn sync(&self) -> Run {
        self.run(Kind::Sync).await
    }

    async fn upload(&self) -> Run {
        self.run(Kind::Upload).await
    }

    /// A run whose questions are answered with yes.
    async fn confirmed(&self, kind: Kind) -> Run {
        self.begin_confirmed(kind).ended().await
    }

    /// The same, while it is in progress.
    fn begin_confirmed(&self, kind: Kind) -> Arc<RunHandle> {
        let yes = Wish {
            confirmed: true,
            ..Wish::default()
        };
        let begun = self.engine.runs.begin(kind, Cause::Requested, yes);
        begun.unwrap().0
    }

    async fn run(&self, kind: Kind) -> Run {
        self.begin(kind).ended().await
    }

    /// A run in progress.
    fn begin(&self, kind: Kind) -> Arc<RunHandle> {
        let wish = Wish::default();
        self.engine
            .runs
            .begin(kind, Cause::Requested, wish)
            .unwrap()
            .0
    }

    async fn known(&self, key: &str) -> Known {
        let known = self.engine.journal().known(vec![id(key)]).await;
        known.unwrap().remove(0)
    }

    async fn is_parked(&self, key: &str) -> bool {
        self.engine
            .journal()
            .parked(id(key))
            .await
            .unwrap()
            .is_some()
    }

    async fn is_removed(&self, key: &str) -> bool {
        self.engine
            .journal()
            .removed(id(key))
            .await
            .unwrap()
            .is_some()
    }

    /// The codes of the issues that are shown now.
    /// The state and the headline.
    fn report(&self) -> shopmaster_health::Report {
        let zone = jiff::tz::TimeZone::UTC;
        shopmaster_health::report(&self.status_store.facts(), jiff::Timestamp::now(), &zone)
    }

    fn codes(&self) -> Vec<&'static str> {
        shopmaster_health::codes(&self.status_store.facts()).collect()
    }
}

async fn engine(
    folder: &TempDir,
    shop: &Arc<FakeShop>,
    cloud: &Arc<FakeCloud>,
    status_store: &Arc<StatusStore>,
    options: Options,
    late_window: Duration,
) -> Arc<Engine> {
    let crashed = CancellationToken::new();
    watched(
        folder,
        shop,
        cloud,
        reporting(status_store, &Arc::default()),
        options,
        late_window,
        &crashed,
    )
    .await
}

async fn watched(
    folder: &TempDir,
    shop: &Arc<FakeShop>,
    cloud: &Arc<FakeCloud>,
    reporting: Reporting,
    options: Options,
    late_window: Duration,
    crashed: &CancellationToken,
) -> Arc<Engine> {
    let binding = Binding {
        account: "account".to_owned(),
        catalog: "catalog".to_owned(),
        captured: "catalog".to_owned(),
    };
    let opened =
        Journal::open(&folder.path().join("journal.sqlite"), &binding, late_window).unwrap();
    assert_eq!(opened.kept, None);
    Engine::new(
        Arc::clone(shop) as _,
        Arc::clone(cloud) as _,
        opened.journal,
        reporting,
        Arc::new(AgentState::open(&folder.path().join("state.json"))),
        options,
        crashed.clone(),
    )
    .await
    .unwrap()
}

fn reporting(status_store: &Arc<StatusStore>, observed: &Arc<Observed>) -> Reporting {
    Reporting {
        status_store: Arc::clone(status_store),
        observer: Arc::clone(observed) as Arc<dyn Observer>,
    }
}

/// Pages of 80 products.
fn options() -> Options {
    Options {
        batch_size: 10,
        max_in_flight: 4,
        bulk_threshold: 200,
        automatic: true,
        interval: Duration::from_secs(120),
        probe: Duration::from_secs(2),
        scan: false,
        scans_too: false,
        gone_after: super::GONE_AFTER,
        verify: None,
        verify_limit: 10,
    }
}

fn id(key: &str) -> ProductId {
    ProductId::Text(key.to_owned())
}
