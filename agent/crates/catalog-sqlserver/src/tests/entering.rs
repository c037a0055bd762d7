//! How the shop's database is entered and left, over a stand-in for the wire.

use shopmaster_catalog::{Catalog, CatalogError, Closed};
use shopmaster_standins::tds::{At, DatabaseState, Fault, Outcome, SqlServerSim, UserAccess, Way};

use super::stand_in::Server;
use crate::SqlServerCatalog;

/// How often the shop's database was entered.
fn entries(sim: &SqlServerSim) -> usize {
    let entries = sim.statements_named("enter");
    entries
        .iter()
        .filter(|it| it.outcome == Outcome::Performed)
        .count()
}

/// Why nothing can be read.
async fn failure(agent: &SqlServerCatalog) -> CatalogError {
    agent.scan(None, 10).await.unwrap_err()
}

fn closed(error: &CatalogError) -> Option<Closed> {
    match error {
        CatalogError::Closed { database, state } if database == "ProductsDB" => Some(*state),
        _ => None,
    }
}

#[tokio::test]
async fn between_calls_nothing_of_ours_is_in_the_shops_database() {
    let server = Server::start().await;
    let (sim, agent) = (&server.sim, server.agent("till"));
    for _ in 0..3 {
        agent.claim().await.unwrap();
        agent.scan(None, 10).await.unwrap();
        agent.newest_change().await.unwrap_err();
        sim.inject(Fault::error("scan_start", 208).once());
        failure(&agent).await;
        assert_eq!(sim.inside(), 0);
        assert_eq!(sim.connected(), 2, "one at rest, and one for the claim");
    }
    let calls = (0..8).map(|_| agent.scan(None, 10));
    for done in futures_util::future::join_all(calls).await {
        done.unwrap();
    }
    assert_eq!(sim.inside(), 0);
    // A call that is given up leaves, too.
    sim.inject(Fault::stall("scan_start", At::Before).once());
    let given_up = agent.scan(None, 10);
    tokio::select! {
        done = given_up => panic!("{done:?}"),
        () = sim.wait_for(|sim| sim.stalled() == 1) => assert_eq!(sim.inside(), 1),
    }
    sim.wait_for(|sim| sim.inside() == 0).await;
    agent.claim().await.unwrap();
    assert!(sim.logins().iter().all(|login| login.database == "tempdb"));
}

#[tokio::test]
async fn a_database_that_is_not_open_to_everybody_is_named_and_not_entered() {
    use DatabaseState::{
        Emergency, Offline, Online, Recovering, RecoveryPending, Restoring, Suspect,
    };
    let server = Server::start().await;
    let (sim, agent) = (&server.sim, server.agent("till"));
    agent.claim().await.unwrap();
    let before = entries(sim);
    for (state, access, expected, word) in [
        (
            Online,
            UserAccess::Single,
            Closed::SingleUser,
            "single-user",
        ),
        (
            Online,
            UserAccess::Restricted,
            Closed::RestrictedUser,
            "restricted-user",
        ),
        (Restoring, UserAccess::Single, Closed::Restoring, "restored"),
        (
            Recovering,
            UserAccess::Multi,
            Closed::Recovering,
            "recovered",
        ),
        (
            RecoveryPending,
            UserAccess::Multi,
            Closed::RecoveryPending,
            "recovered",
        ),
        (Suspect, UserAccess::Multi, Closed::Suspect, "suspect"),
        (Emergency, UserAccess::Multi, Closed::Emergency, "emergency"),
        (Offline, UserAccess::Multi, Closed::Offline, "offline"),
    ] {
        sim.configure(|settings| (settings.state, settings.access) = (state, access));
        let error = failure(&agent).await;
        assert_eq!(closed(&error), Some(expected), "{error}");
        assert!(error.to_string().contains(word), "{error}");
        assert!(!agent.answers().await);
        // Also by one that has just started.
        let another = server.agent("office");
        assert_eq!(closed(&failure(&another).await), Some(expected));
        let check = another.inspect().await.unwrap().remove(0);
        assert_eq!((check.name, check.code), ("catalog.open", error.code()));
    }
    assert_eq!(entries(sim), before, "nobody took the only seat");
    // The claim, which needs no seat there, is still ours.
    agent.claim().await.unwrap();
    sim.configure(|settings| (settings.state, settings.access) = (Online, UserAccess::Multi));
    assert!(agent.answers().await);
    agent.scan(None, 10).await.unwrap();
    assert_eq!(sim.inside(), 0);
}

/// Between the look and the entry somebody else was faster.
#[tokio::test]
async fn who_is_refused_at_the_door_says_why() {
    let server = Server::start().await;
    let (sim, agent) = (&server.sim, server.agent("till"));
    for (number, expected) in [
        (922, Closed::Recovering),
        (924, Closed::SingleUser),
        (926, Closed::Suspect),
        (927, Closed::Restoring),
        (942, Closed::Offline),
        (952, Closed::Changing),
    ] {
        sim.inject(Fault::error("enter", number).once());
        assert_eq!(closed(&failure(&agent).await), Some(expected), "{number}");
    }
    for (number, code) in [
        (911, "DATABASE_MISSING"),
        (916, "DATABASE_MISSING"),
        (983, "DATABASE_UNREACHABLE"),
        (1222, "DATABASE_BUSY"),
    ] {
        sim.inject(Fault::error("enter", number).once());
        assert_eq!(failure(&agent).await.code(), code, "{number}");
    }
    agent.scan(None, 10).await.unwrap();
    assert_eq!(sim.logins().len(), 1);
}

#[tokio::test]
async fn a_missing_database_is_missing() {
    let server = Server::start().await;
    let mut options = server.options("till");
    options.database = "Elsewhere".to_owned();
    server.sim.inject(Fault::error("enter", 911));
    let error = failure(&SqlServerCatalog::new(options)).await;
    assert_eq!(error.code(), "DATABASE_MISSING");
}

#[tokio::test]
async fn who_was_thrown_out_stays_out() {
    let server = Server::start().await;
    let (sim, agent) = (&server.sim, server.agent("till"));
    agent.claim().await.unwrap();
    // By a word, by a closed connection, and in the middle of it.
    for (round, fault) in [
        Fault::kill("scan_start", At::Before),
        Fault::kill("scan_start", At::InAnswer),
        Fault::error("scan_start", 596),
    ]
    .into_iter()
    .enumerate()
    {
        sim.inject(fault.once());
        let error = failure(&agent).await;
        assert_eq!(closed(&error), Some(Closed::Taken), "{round} {error}");
        assert_eq!(error.code(), "DATABASE_RESERVED");
        // The database looks open again, and its next user is on the way.
        let before = entries(sim);
        for _ in 0..3 {
            assert!(!agent.answers().await);
            let error = failure(&agent).await;
            assert_eq!(closed(&error), Some(Closed::Taken), "{round} {error}");
        }
        assert_eq!(entries(sim), before, "{round}");
        // Another run of the server has forgotten who wanted what.
        sim.go_online().await.unwrap();
        agent.claim().await.unwrap();
        agent.scan(None, 10).await.unwrap();
    }
}

#[tokio::test]
async fn who_wants_it_alone_gets_it_and_keeps_it() {
    let server = Server::start().await;
    let (sim, agent) = (&server.sim, server.agent("till"));
    agent.claim().await.unwrap();
    assert_eq!(sim.throw_out(), 0, "between calls nobody is in the way");
    assert_eq!(closed(&failure(&agent).await), Some(Closed::SingleUser));
    sim.configure(|settings| settings.access = UserAccess::Multi);
    // Nobody was thrown out, so that nobody has to wait.
    agent.scan(None, 10).await.unwrap();
    sim.inject(Fault::stall("scan_start", At::Before).once());
    let (error, ()) = tokio::join!(failure(&agent), async {
        sim.wait_for(|sim| sim.stalled() == 1).await;
        assert_eq!(sim.throw_out(), 1);
    });
    assert_eq!(closed(&error), Some(Closed::Taken), "{error}");
    assert_eq!(closed(&failure(&agent).await), Some(Closed::SingleUser));
    sim.configure(|settings| settings.access = UserAccess::Multi);
    assert_eq!(closed(&failure(&agent).await), Some(Closed::Taken));
}

#[tokio::test]
async fn a_line_that_breaks_throws_nobody_out() {
    let server = Server::start().await;
    let (sim, agent) = (&server.sim, server.agent("till"));
    agent.claim().await.unwrap();
    for at in [At::Before, At::AfterEffect, At::InAnswer] {
        sim.inject(Fault::cut("scan_start", at).once());
        assert_eq!(failure(&agent).await.code(), "CONNECTION_LOST", "{at:?}");
        agent.claim().await.unwrap();
        agent.scan(None, 10).await.unwrap();
    }
}

#[tokio::test]
async fn a_look_at_the_port_logs_in_nowhere() {
    let server = Server::start().await;
    let (sim, agent) = (&server.sim, server.agent("till"));
    assert!(agent.answers().await);
    assert_eq!(sim.logins(), []);
    agent.claim().await.unwrap();
    let before = sim.logins().len();
    sim.go_offline().await;
    assert!(!agent.answers().await);
    sim.go_online().await.unwrap();
    assert!(agent.answers().await);
    assert_eq!(sim.logins().len(), before);
    agent.claim().await.unwrap();
}

/// A user that is contained in its database, and a server without `USE`.
#[tokio::test]
async fn who_gets_in_by_login_alone_gets_in() {
    for way in [Way::Contained, Way::OwnConnection] {
        let server = Server::start().await;
        let (sim, agent) = (&server.sim, server.agent("till"));
        sim.configure(|settings| settings.way = way);
        for _ in 0..3 {
            agent.claim().await.unwrap();
            agent.scan(None, 10).await.unwrap();
        }
        assert!(agent.answers().await);
        assert_eq!(sim.inside(), 2, "{way:?}");
        // Once it is known, no other way is tried.
        let logins = sim.logins();
        let outside = logins.iter().filter(|login| login.database == "tempdb");
        assert_eq!((outside.count(), logins.len()), (1, 3), "{way:?}");
        // In somebody's place it is not for a moment longer than it takes to see that.
        sim.disconnect_all();
        sim.wait_for(|sim| sim.connected() == 0).await;
        sim.configure(|settings| settings.access = UserAccess::Single);
        for _ in 0..3 {
            assert_eq!(closed(&failure(&agent).await), Some(Closed::SingleUser));
            assert!(!agent.answers().await);
        }
        sim.wait_for(|sim| sim.inside() == 0).await;
        assert_eq!(sim.logins().len(), logins.len() + 1, "{way:?}");
    }
}

/// The login lacks `VIEW ANY DATABASE`.
#[tokio::test]
async fn a_hidden_database_is_looked_at_from_inside() {
    let server = Server::start().await;
    let (sim, agent) = (&server.sim, server.agent("till"));
    sim.configure(|settings| settings.hidden = true);
    agent.claim().await.unwrap();
    agent.scan(None, 10).await.unwrap();
    sim.configure(|settings| settings.access = UserAccess::Single);
    assert_eq!(closed(&failure(&agent).await), Some(Closed::SingleUser));
    assert_eq!(sim.inside(), 0);
    sim.configure(|settings| settings.state = DatabaseState::Offline);
    assert_eq!(closed(&failure(&agent).await), Some(Closed::Offline));
}

/// Each counts towards locking the account.
#[tokio::test]
async fn a_wrong_password_is_not_tried_twice_as_often() {
    let server = Server::start().await;
    let agent = server.agent("till");
    server
        .sim
        .configure(|settings| "another".clone_into(&mut settings.password));
    for _ in 0..10 {
        assert_eq!(failure(&agent).await.code(), "LOGIN_FAILED");
    }
    assert_eq!(server.sim.logins().len(), 11);
}

#[tokio::test]
async fn a_database_that_closes_when_nobody_is_in_it_is_let_sleep() {
    let server = Server::start().await;
    let (sim, agent) = (&server.sim, server.agent("till"));
    agent.install().await.unwrap();
    sim.configure(|settings| settings.auto_close = true);
    assert_eq!(agent.newest_change().await.unwrap(), None);
    let before = entries(sim);
    for _ in 0..10 {
        assert_eq!(agent.newest_change().await.unwrap(), None);
    }
    assert_eq!(entries(sim), before, "each would open it");
    // Whatever is done there may change the answer.
    agent.backlog().await.unwrap();
    agent.newest_change().await.unwrap();
    assert_eq!(entries(sim), before + 2);
    sim.configure(|settings| settings.auto_close = false);
    agent.newest_change().await.unwrap();
    assert_eq!(entries(sim), before + 3, "the till is at work");
}

/// What an idle shop costs its server: no login, and four short round trips for each look for changes.
#[tokio::test]
async fn a_look_for_changes_is_four_round_trips() {
    let server = Server::start().await;
    let (sim, agent) = (&server.sim, server.agent("till"));
    agent.install().await.unwrap();
    agent.claim().await.unwrap();
    let (logins, statements) = (sim.logins().len(), sim.statements().len());
    agent.newest_change().await.unwrap();
    let names = sim.statements().split_off(statements);
    let names: Vec<_> = names.iter().filter_map(|it| it.name.as_deref()).collect();
    assert_eq!(names, ["database", "enter", "newest_change", "leave"]);
    agent.claim().await.unwrap();
    let last = sim.statements().pop().unwrap();
    assert_eq!(last.name.as_deref(), Some("claimed"));
    assert_eq!(sim.statements().len(), statements + 5);
    assert_eq!(sim.logins().len(), logins);
}
