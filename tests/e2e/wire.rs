//! What only the wire between the agent and SQL Server shows: as the user sees it, and that nothing is lost.

use std::time::{Duration, Instant};

use serde_json::Value;
use shopmaster_harness::world::World;
use shopmaster_proto::v1::{RunKind, RunOutcome, RunState, Severity, State};
use shopmaster_standins::tds::{
    At, Certificate, Encryption, Fault, FaultKind, Outcome, Point, SqlError, UserAccess,
};

use crate::{
    help::{Tested, captured, id, issue, price, status, uploaded},
    support::{SECONDS, ctl_with, wait_issue, wait_up_to_date},
};

/// The first check that failed: its name, text and remedy.
async fn failed_check(world: &World) -> Result<[String; 3], Box<dyn std::error::Error>> {
    let output = world.ctl(&["test", "--json"]).await?;
    assert_eq!(output.code, 1, "{output:?}");
    let json = output.json()?;
    let checks = json["checks"].as_array().ok_or("no checks")?;
    let failed = |check: &&Value| check["verdict"] == "failed";
    let check = checks.iter().find(failed).ok_or("nothing failed")?;
    Ok(["name", "text", "remedy"].map(|key| check[key].as_str().unwrap_or_default().to_owned()))
}

#[tokio::test]
async fn each_cause_why_no_login_is_made_is_named() -> Tested {
    let world = uploaded(World::builder().products(3)).await?;
    let server = world.sql_server()?;
    let login = |number, state| Fault::login(SqlError::number(number).state(state));
    let garbage = FaultKind::Garbage(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec());
    for (fault, code, text, remedy) in [
        (
            login(18_456, 1),
            "LOGIN_FAILED",
            "18456",
            "Check the name and password",
        ),
        (
            login(18_456, 7),
            "LOGIN_FAILED",
            "state 7",
            "enable it on the server",
        ),
        (
            login(18_456, 38),
            "LOGIN_FAILED",
            "state 38",
            "create a user for it",
        ),
        (
            login(18_456, 58),
            "LOGIN_FAILED",
            "state 58",
            "accepts only Windows logins",
        ),
        (
            login(4060, 1),
            "DATABASE_MISSING",
            "ProductsDB",
            "configure --database",
        ),
        (
            Fault::new(Point::Connect, garbage),
            "NOT_SQL_SERVER",
            "is not SQL Server",
            "Check the port",
        ),
    ] {
        server.inject(fault);
        world.sql_server()?.disconnect_all();
        let [name, found, advice] = failed_check(&world).await?;
        assert_eq!(name, "catalog.open", "{code}");
        assert!(found.contains(text), "{code}: {found}");
        assert!(advice.contains(remedy), "{code}: {advice}");
        let run = world.upload().await?;
        assert_eq!(run.outcome(), RunOutcome::Failed, "{code}: {run:?}");
        let issue = wait_issue(&world, code).await;
        assert!(issue.text.contains(text), "{issue:?}");
        assert!(issue.remedy.contains(remedy), "{issue:?}");
        let json = world.ctl(&["status", "--json"]).await?.json()?;
        let issues = json["issues"].as_array().ok_or("no issues")?;
        assert!(issues.iter().any(|issue| issue["code"] == code), "{json}");
        server.clear_faults();
        assert_eq!(world.upload().await?.outcome(), RunOutcome::Completed);
    }
    wait_up_to_date(&world).await;
    Ok(())
}

#[tokio::test]
async fn a_sync_after_the_server_dropped_everybody_connects_anew() -> Tested {
    let world = uploaded(World::builder().products(3)).await?;
    world.shop.set_price(&id(1), "77.10")?;
    world.sql_server()?.disconnect_all();
    let run = world.sync().await?;
    assert_eq!(
        (run.outcome(), run.sent),
        (RunOutcome::Completed, 1),
        "{run:?}"
    );
    Ok(())
}

#[tokio::test]
async fn a_server_that_is_away_is_named_and_comes_back() -> Tested {
    let world = uploaded(World::builder().products(3)).await?;
    let server = world.sql_server()?;
    server.go_offline().await;
    world.sql_server()?.disconnect_all();
    let [_, text, remedy] = failed_check(&world).await?;
    assert!(text.contains("nothing listens on port"), "{text}");
    assert!(remedy.contains("TCP/IP"), "{remedy}");
    world.shop.set_price(&id(1), "77.10")?;
    let run = world.sync().await?;
    assert_eq!(run.outcome(), RunOutcome::Failed, "{run:?}");
    wait_issue(&world, "SERVER_PORT_CLOSED").await;
    server.go_online().await?;
    assert_eq!(world.sync().await?.sent, 1);
    wait_up_to_date(&world).await;
    Ok(())
}

/// Long enough for the waits between tries to have grown, and a try would come at some time in the next quarter
/// of a minute.
#[tokio::test]
async fn the_first_price_after_an_outage_does_not_wait() -> Tested {
    const AWAY: Duration = Duration::from_secs(15);
    const SOON: Duration = Duration::from_secs(6);
    let world = uploaded(World::builder().products(3).automatic()).await?;
    let server = world.sql_server()?;
    server.go_offline().await;
    let gone = Instant::now();
    world
        .wait_status(|status| {
            issue(status, "SERVER_PORT_CLOSED").is_some() && gone.elapsed() > AWAY
        })
        .await?;
    let logins = server.logins().len();
    world.shop.set_price(&id(1), "77.10")?;
    server.go_online().await?;
    let back = Instant::now();
    world
        .wait_digible(|digible| price(digible, &id(1)).as_deref() == Some("77.10"))
        .await?;
    assert!(back.elapsed() < SOON, "{:?}", back.elapsed());
    assert!(server.logins().len() <= logins + 4, "{:?}", server.logins());
    wait_up_to_date(&world).await;
    Ok(())
}

/// For a restore, to take it off, to move it: nobody is in the way, nobody takes the only seat, and nothing has
/// failed.
#[tokio::test]
async fn whoever_wants_the_database_alone_gets_it() -> Tested {
    let world = uploaded(World::builder().products(3).automatic()).await?;
    let server = world.sql_server()?;
    let count = |name: &str| server.statements_named(name).len();
    server.wait_for(|server| server.inside() == 0).await;
    server.configure(|settings| settings.access = UserAccess::Single);
    let reserved = wait_issue(&world, "DATABASE_RESERVED").await;
    assert!(reserved.text.contains("single-user mode"), "{reserved:?}");
    assert!(reserved.remedy.contains("No action needed"), "{reserved:?}");
    assert_eq!(reserved.severity(), Severity::Info);
    world.shop.set_price(&id(1), "77.10")?;
    let (looks, entries) = (count("database"), count("enter"));
    server.wait_for(|_| count("database") > looks + 3).await;
    assert_eq!((count("enter"), server.inside()), (entries, 0));
    let now = status(&world).await?;
    assert_eq!(now.state(), State::Pending, "{now:?}");
    assert!(now.headline.contains("single-user mode"), "{now:?}");
    let [name, text, _] = failed_check(&world).await?;
    assert_eq!(name, "catalog.open");
    assert!(text.contains("single-user mode"), "{text}");
    server.configure(|settings| settings.access = UserAccess::Multi);
    wait_up_to_date(&world).await;
    assert_eq!(price(&world.digible, &id(1)).as_deref(), Some("77.10"));
    Ok(())
}

#[tokio::test]
async fn who_was_thrown_out_of_the_database_stays_out() -> Tested {
    let world = uploaded(World::builder().products(3)).await?;
    let server = world.sql_server()?;
    world.shop.set_price(&id(1), "77.10")?;
    server.inject(Fault::kill("pending", At::Before).once());
    let run = world.sync().await?;
    assert_eq!(run.outcome(), RunOutcome::Failed, "{run:?}");
    assert!(
        run.message.contains("ended shopMaster's session"),
        "{run:?}"
    );
    wait_issue(&world, "DATABASE_RESERVED").await;
    let entries = server.statements_named("enter").len();
    for _ in 0..3 {
        assert_eq!(world.sync().await?.outcome(), RunOutcome::Failed);
    }
    assert_eq!(server.statements_named("enter").len(), entries);
    // Its next start has forgotten who wanted what.
    server.go_online().await?;
    assert_eq!(world.sync().await?.sent, 1);
    wait_up_to_date(&world).await;
    Ok(())
}

#[tokio::test]
async fn encryption_is_not_given_up_in_silence() -> Tested {
    let mut world = uploaded(World::builder().products(3)).await?;
    let server = world.sql_server()?.clone();
    let demand = |encryption| server.configure(|settings| settings.encryption = encryption);
    demand(Encryption::Required);
    world.sql_server()?.disconnect_all();
    let [_, text, remedy] = failed_check(&world).await?;
    assert!(text.contains("requires encryption"), "{text}");
    assert!(remedy.contains("--encryption required"), "{remedy}");
    demand(Encryption::NotSupported);
    world
        .reconfigure(|config| {
            config.set("catalog.encryption", "required");
        })
        .await?;
    wait_issue(&world, "ENCRYPTION_REFUSED").await;
    let [_, text, remedy] = failed_check(&world).await?;
    assert!(text.contains("does not offer encryption"), "{text}");
    assert!(remedy.contains("--encryption none"), "{remedy}");
    assert!(server.logins().iter().all(|login| login.refused.is_none()));
    Ok(())
}

/// Which certificate is trusted: as pinned, none but what the system trusts, another one.
#[tokio::test]
async fn a_certificate_is_trusted_as_configured() -> Tested {
    let mut world = World::builder().products(3).prepare().await?;
    let server = world.sql_server()?.clone();
    let certificate = Certificate::of("127.0.0.1")?;
    server.configure(|settings| {
        settings.encryption = Encryption::Offered;
        settings.certificate = Some(certificate.clone());
    });
    let other = "0".repeat(64);
    for encryption in ["required", "login-only"] {
        for (trust, is_trusted) in [
            ("any".to_owned(), true),
            (format!("pin:{}", certificate.fingerprint()), true),
            (format!("pin:{other}"), false),
            ("system".to_owned(), false),
        ] {
            let before = server.logins().len();
            world
                .reconfigure(|config| {
                    config
                        .set("catalog.encryption", encryption)
                        .set("catalog.trust", trust.as_str());
                })
                .await?;
            if !is_trusted {
                wait_issue(&world, "CERTIFICATE_NOT_TRUSTED").await;
                let [_, text, _] = failed_check(&world).await?;
                let shown = text.to_lowercase().replace(':', "");
                assert!(shown.contains(certificate.fingerprint()), "{trust}: {text}");
                assert_eq!(server.logins().len(), before, "{encryption} {trust}");
                continue;
            }
            crate::help::ready(&world).await?;
            world.install_capture().await?;
            let run = world.upload().await?;
            assert_eq!(run.outcome(), RunOutcome::Completed, "{encryption} {trust}");
            let logins = server.logins().split_off(before);
            assert!(logins.iter().all(|login| login.encrypted), "{logins:?}");
        }
    }
    Ok(())
}

/// A till of Entity Framework Core could save no sale any more.
#[tokio::test]
async fn a_program_that_a_trigger_breaks_is_a_reason_not_to_install() -> Tested {
    let world = World::builder().products(3).start().await?;
    world.shop.connection().execute_batch(
        "CREATE TABLE __EFMigrationsHistory (MigrationId TEXT PRIMARY KEY, ProductVersion TEXT);
         INSERT INTO __EFMigrationsHistory VALUES ('20240101_First', '8.0.4');",
    )?;
    let [name, text, remedy] = failed_check(&world).await?;
    assert_eq!(name, "catalog.output");
    assert!(text.contains("Entity Framework Core 8.0.4"), "{text}");
    assert!(remedy.contains("configure --capture scan"), "{remedy}");

    let refused = world.ctl(&["capture", "install"]).await?;
    assert_eq!(refused.code, 1, "{refused:?}");
    for words in [
        "Entity Framework Core 8.0.4",
        "--capture scan",
        "--ignore-output",
    ] {
        assert!(refused.stderr.contains(words), "{refused:?}");
    }
    let server = world.sql_server()?;
    assert!(server.statements_named("install").is_empty());

    let agreed = world
        .ctl(&["capture", "install", "--ignore-output"])
        .await?;
    assert_eq!(agreed.code, 0, "{agreed:?}");
    assert_eq!(server.statements_named("install").len(), 1);

    // In scan mode nothing is installed, and nothing of it is asked.
    world.ctl(&["capture", "remove"]).await?;
    let scans = world.ctl(&["configure", "--capture", "scan"]).await?;
    assert_eq!(scans.code, 0, "{scans:?}");
    let tested = world.ctl(&["test"]).await?;
    assert_eq!(tested.code, 0, "{tested:?}");
    Ok(())
}

/// A server whose TLS is too old, or broken: it ends the handshake.
#[tokio::test]
async fn a_refused_handshake_is_named() -> Tested {
    let mut world = World::builder().products(3).prepare().await?;
    let server = world.sql_server()?.clone();
    server.configure(|settings| settings.encryption = Encryption::Required);
    world
        .reconfigure(|config| {
            config
                .set("catalog.encryption", "required")
                .set("catalog.trust", "any");
        })
        .await?;
    wait_issue(&world, "TLS_REFUSED").await;
    let [_, _, remedy] = failed_check(&world).await?;
    assert!(remedy.contains("TLS 1.2"), "{remedy}");
    assert_eq!(server.logins(), []);
    Ok(())
}

#[tokio::test]
async fn errors_by_number_are_named() -> Tested {
    let world = uploaded(World::builder().products(3)).await?;
    let server = world.sql_server()?;
    for (number, code) in [
        (229, "DATABASE_DENIED"),
        (207, "DATABASE_FAILED"),
        (208, "DATABASE_FAILED"),
    ] {
        server.inject(Fault::error("scan_start", number));
        for _ in 0..2 {
            // The second one in a row is no hiccup any more.
            let run = world.upload().await?;
            assert_eq!(run.outcome(), RunOutcome::Failed, "{number}: {run:?}");
        }
        wait_issue(&world, code).await;
        server.clear_faults();
        assert_eq!(world.upload().await?.outcome(), RunOutcome::Completed);
    }
    wait_up_to_date(&world).await;
    Ok(())
}

/// A deadlock that we lost, and a lock that the till held for too long: the run goes on by itself.
#[tokio::test]
async fn who_is_in_the_way_is_waited_for() -> Tested {
    let world = uploaded(World::builder().products(3)).await?;
    let server = world.sql_server()?;
    for number in [1205, 1222] {
        for statement in ["scan_start", "pending", "read", "acknowledge"] {
            world.shop.set_price(&id(1), &format!("{number}.00"))?;
            world.shop.rename(&id(2), statement)?;
            // A page that a lock keeps from being read is not asked for again: its keys are.
            let times = match (statement, number) {
                ("scan_start", 1222) => 1,
                _ => 2,
            };
            server.inject(Fault::error(statement, number).times(times));
            let (upload, sync) = (world.upload().await?, world.sync().await?);
            let outcomes = (upload.outcome(), sync.outcome());
            let both = (RunOutcome::Completed, RunOutcome::Completed);
            assert_eq!(outcomes, both, "{number} {statement}");
            let seen = server.statements_named(statement);
            let refused = Outcome::Refused(number);
            let refused = seen.iter().filter(|it| it.outcome == refused);
            assert_eq!(refused.count(), times as usize, "{number} {statement}");
            assert_eq!(world.assert_equal().await?.equal, 3);
        }
    }
    wait_up_to_date(&world).await;
    Ok(())
}

/// At each statement of a sync, before, inside and after its answer.
#[tokio::test]
async fn a_connection_that_is_cut_loses_nothing() -> Tested {
    let world = uploaded(World::builder().products(5)).await?;
    let server = world.sql_server()?;
    let mut cents = 100;
    for statement in ["pending", "changes_of", "read", "acknowledge"] {
        for at in [At::Before, At::AfterEffect, At::InAnswer, At::AfterAnswer] {
            cents += 1;
            let wanted = format!("{}.{:02}", cents / 100, cents % 100);
            world.shop.set_price(&id(1), &wanted)?;
            server.inject(Fault::cut(statement, at).once());
            let run = world.sync().await?;
            assert_eq!(run.state(), RunState::Finished, "{statement} {at:?}");
            let now = world.assert_equal().await?;
            assert_eq!(now.equal + now.pending, 5, "{statement} {at:?}");
            server.clear_faults();
            let run = world.sync().await?;
            let outcome = run.outcome();
            assert_eq!(
                outcome,
                RunOutcome::Completed,
                "{statement} {at:?}: {run:?}"
            );
            assert_eq!(world.assert_equal().await?.equal, 5, "{statement} {at:?}");
            assert_eq!(price(&world.digible, &id(1)), Some(wanted));
            assert_eq!(status(&world).await?.pending, 0, "{statement} {at:?}");
        }
    }
    wait_up_to_date(&world).await;
    Ok(())
}

#[tokio::test]
async fn an_upload_over_a_bad_line_is_whole_in_the_end() -> Tested {
    let world = captured(World::builder().products(3_000)).await?;
    let server = world.sql_server()?;
    for at in [At::InAnswer, At::AfterEffect, At::AfterAnswer] {
        server.inject(Fault::cut("scan_behind", at).once());
    }
    for _ in 0..10 {
        if world.upload().await?.outcome() == RunOutcome::Completed {
            break;
        }
    }
    wait_up_to_date(&world).await;
    assert_eq!(world.assert_equal().await?.equal, 3_000);
    Ok(())
}

#[tokio::test]
async fn a_deadlock_that_is_lost_is_tried_again() -> Tested {
    let world = uploaded(World::builder().products(3)).await?;
    let server = world.sql_server()?;
    world.shop.set_price(&id(1), "77.10")?;
    server.inject(Fault::error("acknowledge", 1205).times(2));
    let run = world.sync().await?;
    assert_eq!(run.outcome(), RunOutcome::Completed, "{run:?}");
    let tries = server.statements_named("acknowledge");
    let victims = tries
        .iter()
        .filter(|it| it.outcome == Outcome::Refused(1205));
    assert_eq!(victims.count(), 2);
    assert_eq!(price(&world.digible, &id(1)).as_deref(), Some("77.10"));
    assert_eq!(world.digible.counts().products_applied, 1, "sent once");
    wait_up_to_date(&world).await;
    assert_eq!(world.assert_equal().await?.equal, 3);
    Ok(())
}

#[tokio::test]
async fn a_slow_server_is_only_slow() -> Tested {
    let world = captured(World::builder().products(300)).await?;
    let slow = FaultKind::Slow(50);
    world
        .sql_server()?
        .inject(Fault::new(Point::AnyStatement, slow));
    assert_eq!(world.upload().await?.outcome(), RunOutcome::Completed);
    world.shop.set_price(&id(1), "77.10")?;
    assert_eq!(world.sync().await?.sent, 1);
    assert_eq!(world.assert_equal().await?.equal, 300);
    Ok(())
}

/// However it stalls, the agent ends when it is asked to.
#[tokio::test]
async fn a_server_that_stalls_does_not_keep_the_agent() -> Tested {
    let mut world = uploaded(World::builder().products(3)).await?;
    let server = world.sql_server()?.clone();
    for at in [At::Before, At::InAnswer] {
        world.shop.set_price(&id(1), "77.10")?;
        server.inject(Fault::stall("pending", at));
        world.start_run(RunKind::Sync).await?;
        tokio::time::timeout(SECONDS, server.wait_for(|server| server.stalled() > 0)).await?;
        world.stop().await?;
        server.clear_faults();
        server.wait_for(|server| server.stalled() == 0).await;
        world.launch().await?;
        crate::help::ready(&world).await?;
        world.sync().await?;
        assert_eq!(world.assert_equal().await?.equal, 3);
    }
    Ok(())
}

/// The one test here that takes as long as a statement may: half a minute.
#[tokio::test]
async fn a_server_that_stalls_is_given_up() -> Tested {
    const LONGER_THAN_A_STATEMENT: Duration = Duration::from_secs(55);
    let world = uploaded(World::builder().products(3)).await?;
    let server = world.sql_server()?;
    world.shop.set_price(&id(1), "77.10")?;
    server.inject(Fault::stall("pending", At::InAnswer).once());
    let run = tokio::time::timeout(LONGER_THAN_A_STATEMENT, world.sync()).await??;
    assert_eq!(run.outcome(), RunOutcome::Failed, "{run:?}");
    let said = &run.message;
    assert!(said.contains("did not answer in time"), "{said}");
    let now = status(&world).await?;
    assert_eq!((now.state(), now.pending), (State::Pending, 1), "{now:?}");
    tokio::time::timeout(SECONDS, server.wait_for(|server| server.stalled() == 0)).await?;
    assert_eq!(world.sync().await?.outcome(), RunOutcome::Completed);
    assert_eq!(world.assert_equal().await?.equal, 3);
    Ok(())
}

#[tokio::test]
async fn a_wrong_password_is_an_issue_until_it_is_configured() -> Tested {
    let mut world = uploaded(World::builder().products(3)).await?;
    world.stop().await?;
    world.set_env("SHOPMASTER_SQL_PASSWORD", "");
    world.launch().await?;
    wait_issue(&world, "SQL_PASSWORD_MISSING").await;
    let configure = ["configure", "--sql-password-stdin"];
    let output = ctl_with(&world, &configure, "guess\n", &[]).await;
    assert!(output.status.success(), "{output:?}");
    let wrong = wait_issue(&world, "LOGIN_FAILED").await;
    assert!(wrong.text.contains("shopmaster"), "{wrong:?}");
    assert!(wrong.remedy.contains("--sql-password-stdin"), "{wrong:?}");
    assert_eq!(status(&world).await?.state(), State::Broken);
    let output = ctl_with(&world, &configure, "Secret-1\n", &[]).await;
    assert!(output.status.success(), "{output:?}");
    world
        .wait_status(|status| issue(status, "LOGIN_FAILED").is_none())
        .await?;
    world.shop.set_price(&id(1), "77.10")?;
    assert_eq!(world.sync().await?.sent, 1);
    Ok(())
}
