//! However a change is left, an engine or an issue is there afterwards.

use std::{sync::Arc, time::Duration};

use jiff::{Timestamp, tz::TimeZone};
use shopmaster_engine::Engine;
use shopmaster_health::{Facts, State};
use shopmaster_product::ProductId;
use shopmaster_proto::{Endpoint, Folders, InstanceName};
use tokio::time::timeout;

use super::super::{
    config::{self, Edit, LogLevel},
    logging,
    paths::Paths,
};
use super::{Agreed, NewSecrets, Supervisor, Vacancy};

struct Fixture {
    folder: tempfile::TempDir,
    supervisor: Arc<Supervisor>,
}

impl Fixture {
    fn new(password: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let folders = Folders::below(folder.path(), &InstanceName::default());
        let endpoint = Endpoint::Unix(folder.path().join("agent.sock"));
        let paths = Paths::new(folders, None);
        paths.create().unwrap();
        let shop = folder.path().join("shop.db");
        let text = format!(
            "[catalog]\nkind = \"sqlite\"\npath = '{}'\ntable = \"Products\"\n\
             [digible]\nemail = \"a@b.example\"\nbase_url = \"http://127.0.0.1:9\"\n\
             [secrets]\nstore = \"file\"\n",
            shop.display()
        );
        std::fs::write(&paths.config, text).unwrap();
        let loaded = config::load(&paths.config, []);
        let logging = logging::for_tests(&paths.log_dir, LogLevel::Info);
        let environment = vec![(
            "SHOPMASTER_DIGIBLE_PASSWORD".to_owned(),
            password.to_owned(),
        )];
        let supervisor = Supervisor::new(
            paths,
            InstanceName::default(),
            endpoint,
            logging,
            loaded,
            environment,
        );
        Self { folder, supervisor }
    }

    async fn vacancy(&self) -> Vacancy {
        let changing = Arc::clone(&self.supervisor.changing).lock_owned().await;
        Vacancy::begin(&self.supervisor, changing)
    }

    async fn engine(&self) -> Option<Arc<Engine>> {
        // It waits for one that is being built.
        self.supervisor.engine().await
    }
}

#[tokio::test]
async fn a_vacancy_that_is_left_in_the_middle_ends_with_an_engine() {
    let fixture = Fixture::new("secret");
    fixture.supervisor.start().await;
    let before = fixture.engine().await.unwrap();
    // As when the call that began it is dropped before the old engine has ended.
    drop(fixture.vacancy().await);
    let after = fixture.engine().await.unwrap();
    assert!(!Arc::ptr_eq(&before, &after));
    // As when it panics in between.
    let vacancy = fixture.vacancy().await;
    let panicked = tokio::spawn(async move {
        let mut vacancy = vacancy;
        vacancy.emptied().await;
        panic!("a defect")
    });
    assert!(panicked.await.is_err());
    let last = fixture.engine().await.unwrap();
    assert!(!Arc::ptr_eq(&after, &last));
    fixture.supervisor.stop().await;
    assert!(fixture.engine().await.is_none());
}

#[tokio::test]
async fn a_yes_to_something_else_is_no_yes_to_another_table() {
    let fixture = Fixture::new("secret");
    fixture.supervisor.start().await;
    let journal = fixture.engine().await.unwrap().journal().clone();
    let sent = vec![ProductId::Integer(1)];
    journal.remove(sent).await.unwrap();
    let change = async |path: &str, value: &str, is_agreed| {
        let edit = Edit {
            path: path.to_owned(),
            value: value.into(),
        };
        let agreed = Agreed {
            catalog: is_agreed,
            ..Agreed::default()
        };
        let new = NewSecrets::default();
        let done = fixture.supervisor.configure(vec![edit], new, agreed).await;
        done.unwrap();
        let engine = fixture.engine().await.unwrap();
        engine.journal().is_catalog_confirmed().await.unwrap()
    };
    assert!(!change("catalog.table", "Goods", false).await);
    assert!(!change("log.level", "debug", true).await);
    assert!(change("catalog.table", "Items", true).await);
    fixture.supervisor.stop().await;
}

#[tokio::test]
async fn people_see_that_there_is_no_engine() {
    let fixture = Fixture::new("secret");
    let is_starting = || fixture.supervisor.status_store.read(|facts| facts.starting);
    assert!(is_starting());
    fixture.supervisor.start().await;
    assert!(!is_starting());
    let vacancy = fixture.vacancy().await;
    assert!(is_starting());
    vacancy.fill().await;
    assert!(!is_starting());
    fixture.supervisor.stop().await;
    assert!(is_starting());
}

#[test]
fn nothing_is_green_without_an_engine() {
    let report = |starting| {
        let mut facts = Facts::new();
        facts.catalog.reachable = Some(true);
        facts.uploaded_at = Some(Timestamp::now());
        facts.starting = starting;
        shopmaster_health::report(&facts, Timestamp::now(), &TimeZone::UTC)
    };
    assert_eq!(report(false).state, State::UpToDate);
    let between = report(true);
    assert_eq!(
        (between.state, between.headline.as_str()),
        (State::Pending, "Starting")
    );
}

/// Why there is none is said, and an earlier attempt is not repeated beside a later one.
#[tokio::test]
async fn without_an_engine_there_is_an_issue_and_one_attempt_to_come() {
    let fixture = Fixture::new("");
    let path = fixture.folder.path();
    let secrets = &fixture.supervisor.paths.secrets;
    assert!(secrets.starts_with(path));
    std::fs::write(secrets, "{").unwrap();
    fixture.supervisor.start().await;
    assert!(fixture.engine().await.is_none());
    let codes = || -> Vec<_> {
        shopmaster_health::codes(&fixture.supervisor.status_store.facts()).collect()
    };
    assert!(codes().contains(&"SECRETS_UNAVAILABLE"), "{:?}", codes());
    let first = attempt(&fixture);
    assert!(!first.is_cancelled());
    fixture.vacancy().await.fill().await;
    assert!(first.is_cancelled());
    let second = attempt(&fixture);
    fixture.supervisor.ending.cancel();
    let ended = timeout(Duration::from_secs(20), second.cancelled()).await;
    assert!(ended.is_ok());
}

fn attempt(fixture: &Fixture) -> tokio_util::sync::CancellationToken {
    fixture.supervisor.attempt.lock().unwrap().clone()
}
