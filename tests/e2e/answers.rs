//! What Digible answers, or does not, and what becomes of the products.

use std::time::Duration;

use shopmaster_proto::v1::{
    ConfigureRequest, ProductState, RunKind, RunOutcome, RunState, Secrets, SessionState, State,
};
use shopmaster_testkit::{
    digible::{CutAt, DigibleSim, Endpoint, Fault, HangEffect, RetryAfter, SimOptions, TokenSeen},
    world::World,
};

use crate::help::{Tested, captured, id, ids, issue, pass, price, ready, status, uploaded};

/// A name that makes the agent take no password from the environment.
const PASSWORD: &str = "SHOPMASTER_DIGIBLE_PASSWORD";

#[tokio::test]
async fn a_late_request_does_not_undo_a_newer_one() -> Tested {
    let builder = World::builder()
        .products(3)
        .automatic()
        .set("sync.interval", "1h")
        .set("sync.probe", "100ms")
        .set("digible.timeout", "2s");
    let world = captured(builder).await?;
    world.shop.set_price(&id(1), "10.00")?;
    world.upload().await?;
    world
        .wait_status(|status| status.state() == State::UpToDate)
        .await?;
    world.digible.clear_requests();

    let hang = Fault::hang(HangEffect::OnRelease)
        .on(Endpoint::Update)
        .once();
    world.digible.inject(hang);
    world.shop.set_price(&id(1), "20.00")?;
    world
        .wait_digible(|digible| digible.counts().updates == 1)
        .await?;
    world.shop.set_price(&id(1), "10.00")?;
    // The request with 20 is given up, and 10 is acknowledged.
    world
        .wait_digible(|digible| digible.counts().applied >= 1)
        .await?;
    world
        .wait_status(|status| status.pending == 0 && status.in_doubt == 1)
        .await?;
    assert_eq!(world.state_of(&id(1)).await?, ProductState::InDoubt);
    // Only now the request with 20 lands.
    world.digible.release();
    world
        .wait_digible(|digible| price(digible, &id(1)).as_deref() == Some("20.00"))
        .await?;
    world
        .wait_digible(|digible| price(digible, &id(1)).as_deref() == Some("10.00"))
        .await?;
    let end = world
        .wait_status(|status| status.state() == State::UpToDate)
        .await?;
    assert_eq!((end.pending, end.in_doubt), (0, 0));
    let history = world.digible.history(id(1));
    let prices: Vec<_> = history.iter().map(|it| it.listing.price.as_str()).collect();
    assert_eq!(prices, ["10.00", "10.00", "20.00", "10.00"]);
    assert_eq!(world.assert_equal().await?.equal, 3);
    Ok(())
}

#[tokio::test]
async fn a_refused_update_is_tried_as_a_create() -> Tested {
    let world = uploaded(World::builder().products(3)).await?;
    world.digible.lose(id(1));
    world.shop.set_price(&id(1), "77.10")?;
    let run = world.sync().await?;
    assert_eq!((run.sent, run.parked, run.requests), (1, 0, 2), "{run:?}");
    let requests = world.digible.requests();
    let answered: Vec<_> = requests.iter().map(|it| (it.endpoint, it.status)).collect();
    assert_eq!(
        answered,
        [
            (Some(Endpoint::Update), Some(404)),
            (Some(Endpoint::Batch), Some(200))
        ]
    );
    assert_eq!(world.assert_equal().await?.equal, 3);
    Ok(())
}

#[tokio::test]
async fn a_redirect_takes_neither_token_nor_products_elsewhere() -> Tested {
    let world = uploaded(World::builder().products(3)).await?;
    let other = DigibleSim::start(SimOptions::default()).await?;
    let elsewhere = format!(
        "{}/stores/product/external/update?secret=1",
        other.base_url()
    );
    world.digible.inject(Fault::redirect(elsewhere));
    for tokens in ["good", "void"] {
        if tokens == "void" {
            // The login is redirected, too: with the password in its body.
            world.digible.revoke_tokens();
        }
        world.shop.set_price(&id(1), "77.10")?;
        world.shop.insert(tokens, "New", "1.00")?;
        let run = world.sync().await?;
        assert_eq!(
            (run.outcome(), run.parked),
            (RunOutcome::Failed, 0),
            "{run:?}"
        );
        let now = status(&world).await?;
        assert_eq!(now.state(), State::Broken);
        let issue = issue(&now, "DIGIBLE_MISCONFIGURED").ok_or("no issue")?;
        assert!(issue.text.contains(&other.base_url()), "{}", issue.text);
        assert!(!issue.text.contains("secret"), "{}", issue.text);
        assert_eq!(now.in_doubt, 0, "{now:?}");
    }
    assert_eq!(other.counts().requests, 0);
    assert_eq!(world.state_of(&id(1)).await?, ProductState::Pending);

    world.digible.clear_faults();
    let run = world.sync().await?;
    assert_eq!(run.sent, 3, "{run:?}");
    let now = status(&world).await?;
    assert_eq!(
        (now.state(), now.issues.len()),
        (State::UpToDate, 0),
        "{now:?}"
    );
    assert_eq!(world.assert_equal().await?.equal, 5);
    Ok(())
}

#[tokio::test]
async fn a_wrong_base_url_parks_nothing() -> Tested {
    let mut world = captured(World::builder().products(3)).await?;
    let wrong = format!("{}/elsewhere", world.digible.base_url());
    world
        .reconfigure(|config| {
            config.set("digible.base_url", wrong);
        })
        .await?;
    ready(&world).await?;
    world.shop.set_price(&id(1), "77.10")?;
    for kind in [RunKind::Sync, RunKind::Upload] {
        let run = world.start_run(kind).await?;
        let run = world.finished(&run.id).await?;
        assert_eq!(
            (run.outcome(), run.parked),
            (RunOutcome::Failed, 0),
            "{run:?}"
        );
        let now = status(&world).await?;
        let issue = issue(&now, "DIGIBLE_REFUSES").ok_or_else(|| format!("{now:?}"))?;
        assert!(issue.remedy.contains("base_url"), "{}", issue.remedy);
        assert_eq!((now.parked, now.in_doubt), (0, 0));
    }
    assert_eq!(world.state_of(&id(1)).await?, ProductState::Pending);

    let right = world.digible.base_url();
    world
        .reconfigure(|config| {
            config.set("digible.base_url", right);
        })
        .await?;
    ready(&world).await?;
    world.upload().await?;
    let now = status(&world).await?;
    assert!(issue(&now, "DIGIBLE_REFUSES").is_none(), "{now:?}");
    assert_eq!(world.assert_equal().await?.equal, 3);
    Ok(())
}

#[tokio::test]
async fn who_refuses_everything_parks_nothing() -> Tested {
    let world = uploaded(World::builder().products(8)).await?;
    for code in [404, 405, 410, 400] {
        world.digible.inject(Fault::refuse(code));
        for number in 1..=4 {
            world.shop.set_price(&id(number), &format!("{code}.00"))?;
        }
        world.shop.insert(&format!("new {code}"), "New", "1.00")?;
        let run = world.sync().await?;
        assert_eq!(
            (run.outcome(), run.parked),
            (RunOutcome::Failed, 0),
            "{run:?}"
        );
        let now = status(&world).await?;
        assert!(issue(&now, "DIGIBLE_REFUSES").is_some(), "{code}: {now:?}");
        assert_eq!((now.parked, now.pending, now.in_doubt), (0, 5, 0), "{code}");
        world.digible.clear_faults();
        let run = world.sync().await?;
        assert_eq!(
            (run.outcome(), run.sent),
            (RunOutcome::Completed, 5),
            "{code}: {run:?}"
        );
        let now = status(&world).await?;
        assert_eq!(now.state(), State::UpToDate, "{now:?}");
    }
    assert_eq!(world.assert_equal().await?.equal, 12);
    Ok(())
}

#[tokio::test]
async fn poison_in_a_batch_is_parked_alone() -> Tested {
    let world = captured(World::builder().products(100)).await?;
    let poison = id(50);
    world.digible.inject(Fault::poison(422, [poison.as_str()]));
    let run = world.upload().await?;
    assert_eq!(run.outcome(), RunOutcome::Completed, "{}", run.message);
    assert_eq!((run.sent, run.parked, run.done), (99, 1, 100), "{run:?}");
    assert_eq!(run.refused[0].product_id, poison);
    let now = status(&world).await?;
    assert_eq!(
        (now.state(), now.parked, now.in_doubt),
        (State::Attention, 1, 0)
    );
    assert_eq!(now.headline, "1 product refused");
    let listed = world.ctl(&["parked", "--json"]).await?.json()?;
    assert_eq!(listed["products"][0]["product_id"], poison);
    let reason = listed["products"][0]["reason"].to_string();
    assert!(reason.contains("422"), "{reason}");
    world.digible.clear_requests();

    // The same once more is not tried again.
    world.shop.rewrite(&poison)?;
    let run = world.sync().await?;
    assert_eq!((run.requests, run.unchanged), (0, 1), "{run:?}");

    // Something else is.
    world.shop.set_price(&poison, "77.10")?;
    let run = world.sync().await?;
    assert_eq!((run.parked, run.sent), (1, 0), "{run:?}");
    assert!(run.requests > 0);
    assert_eq!(status(&world).await?.parked, 1);
    assert_eq!(world.assert_equal().await?.parked, 1);

    // So does a person's word.
    world.digible.clear_faults();
    let retried = world.ctl(&["parked", "retry", &poison]).await?;
    assert_eq!(retried.code, 0, "{}", retried.stderr);
    let run = world.sync().await?;
    assert_eq!((run.sent, run.parked), (1, 0), "{run:?}");
    let now = status(&world).await?;
    assert_eq!((now.state(), now.parked), (State::UpToDate, 0));
    assert_eq!(world.assert_equal().await?.equal, 100);
    Ok(())
}

#[tokio::test]
async fn a_discarded_product_is_shown_again_when_it_changes() -> Tested {
    let world = captured(World::builder().products(10)).await?;
    let poison = id(5);
    world.digible.inject(Fault::poison(422, [poison.as_str()]));
    world.upload().await?;
    let discarded = world.ctl(&["parked", "discard", "--all"]).await?;
    assert_eq!(discarded.code, 0, "{}", discarded.stderr);
    let now = status(&world).await?;
    assert_eq!((now.state(), now.parked), (State::UpToDate, 0), "{now:?}");
    world.shop.rewrite(&poison)?;
    assert_eq!(world.sync().await?.requests, 0);
    assert_eq!(status(&world).await?.parked, 0);
    assert_eq!(world.assert_equal().await?.parked, 1);

    world.shop.set_price(&poison, "77.10")?;
    assert_eq!(world.sync().await?.parked, 1);
    assert_eq!(status(&world).await?.parked, 1);
    world.digible.clear_faults();
    world.shop.set_price(&poison, "78.10")?;
    assert_eq!(world.sync().await?.sent, 1);
    assert_eq!(status(&world).await?.parked, 0);
    assert_eq!(world.assert_equal().await?.equal, 10);
    Ok(())
}

#[tokio::test]
async fn a_lone_poison_is_parked_after_a_witness_passed() -> Tested {
    let world = uploaded(World::builder().products(3)).await?;
    world.digible.inject(Fault::poison(422, [id(2).as_str()]));
    world.shop.set_price(&id(2), "77.10")?;
    let run = world.sync().await?;
    assert_eq!(run.outcome(), RunOutcome::Completed, "{}", run.message);
    assert_eq!((run.parked, run.requests), (1, 3), "{run:?}");
    let batches = world.digible.requests_to(Endpoint::Batch);
    let sent: Vec<_> = batches
        .iter()
        .map(|it| (ids(it)[0].clone(), it.status))
        .collect();
    assert_eq!(sent, [(id(2), Some(422)), (id(1), Some(200))]);
    let result = world.assert_equal().await?;
    assert_eq!((result.equal, result.parked), (2, 1));
    Ok(())
}

#[tokio::test]
async fn a_witness_is_a_product_that_the_shop_still_has() -> Tested {
    let world = uploaded(World::builder().products(4)).await?;
    world.digible.inject(Fault::poison(422, [id(4).as_str()]));
    world.shop.set_price(&id(4), "77.10")?;
    world.shop.delete(&id(1))?;
    world.shop.delete(&id(2))?;
    let run = world.sync().await?;
    assert_eq!(run.outcome(), RunOutcome::Completed, "{}", run.message);
    assert_eq!((run.parked, run.removed), (1, 2), "{run:?}");
    let result = world.assert_equal().await?;
    assert_eq!((result.equal, result.parked, result.removed), (1, 1, 2));
    Ok(())
}

#[tokio::test]
async fn without_a_witness_nothing_is_parked() -> Tested {
    let world = captured(World::builder().products(1)).await?;
    world.digible.inject(Fault::poison(422, [id(1).as_str()]));
    world.shop.set_price(&id(1), "77.10")?;
    let run = world.sync().await?;
    assert_eq!(
        (run.outcome(), run.parked),
        (RunOutcome::Failed, 0),
        "{run:?}"
    );
    let now = status(&world).await?;
    assert!(issue(&now, "DIGIBLE_REFUSES").is_some(), "{now:?}");
    assert_eq!((now.parked, now.pending), (0, 1));
    assert_eq!(world.assert_equal().await?.pending, 1);
    Ok(())
}

fn thirty_in_a_row() -> Vec<String> {
    (31..=60).map(id).collect()
}

#[tokio::test]
async fn thirty_poisons_in_a_row_are_all_parked_by_a_sync() -> Tested {
    let world = uploaded(
        World::builder()
            .products(100)
            .set("digible.max_in_flight", 2),
    )
    .await?;
    world.digible.inject(Fault::poison(422, thirty_in_a_row()));
    for number in 1..=80 {
        world.shop.set_price(&id(number), "77.10")?;
    }
    let run = world.sync().await?;
    assert_eq!(run.outcome(), RunOutcome::Completed, "{}", run.message);
    assert_eq!((run.sent, run.parked), (50, 30), "{run:?}");
    let result = world.assert_equal().await?;
    assert_eq!((result.equal, result.parked), (70, 30));
    Ok(())
}

#[tokio::test]
async fn thirty_poisons_in_a_row_are_all_parked_by_the_first_upload() -> Tested {
    for in_flight in [1, 8] {
        let builder = World::builder()
            .products(300)
            .set("digible.max_in_flight", in_flight);
        let world = captured(builder).await?;
        world.digible.inject(Fault::poison(422, thirty_in_a_row()));
        let run = world.upload().await?;
        assert_eq!(run.outcome(), RunOutcome::Completed, "{}", run.message);
        assert_eq!((run.sent, run.parked, run.done), (270, 30, 300), "{run:?}");
        let result = world.assert_equal().await?;
        assert_eq!((result.equal, result.parked), (270, 30));
    }
    Ok(())
}

#[tokio::test]
async fn a_product_that_breaks_digible_is_parked_in_the_end() -> Tested {
    let world = captured(World::builder().products(40)).await?;
    let poison = id(7);
    world.digible.inject(Fault::poison(500, [poison.as_str()]));
    let run = world.upload().await?;
    assert_eq!(run.outcome(), RunOutcome::Completed, "{}", run.message);
    assert_eq!((run.sent, run.parked), (39, 1), "{run:?}");
    assert_eq!(run.refused[0].product_id, poison);
    assert_eq!(status(&world).await?.parked, 1);
    let result = world.assert_equal().await?;
    assert_eq!((result.equal, result.parked), (39, 1));
    Ok(())
}

#[tokio::test]
async fn an_update_that_breaks_digible_is_parked_in_the_end() -> Tested {
    let builder = World::builder()
        .products(5)
        .automatic()
        .set("sync.probe", "100ms");
    let world = uploaded(builder).await?;
    let poison = id(3);
    world.digible.inject(Fault::poison(500, [poison.as_str()]));
    world.shop.set_price(&poison, "77.10")?;
    world.wait_status(|status| status.parked == 1).await?;
    let result = world.assert_equal().await?;
    assert_eq!((result.equal, result.parked), (4, 1));
    Ok(())
}

#[tokio::test]
async fn a_server_that_stumbles_parks_nothing() -> Tested {
    let builder = World::builder()
        .products(40)
        .automatic()
        .set("sync.probe", "100ms")
        .set("digible.batch_size", 5);
    let world = captured(builder).await?;
    world.digible.inject(Fault::refuse_share(503, 0.2));
    let run = world.upload().await?;
    assert_eq!(
        (run.outcome(), run.parked),
        (RunOutcome::Completed, 0),
        "{run:?}"
    );
    for number in 1..=20 {
        world.shop.set_price(&id(number), "77.10")?;
    }
    let has_arrived =
        |digible: &DigibleSim, number| price(digible, &id(number)).as_deref() == Some("77.10");
    world
        .wait_digible(|digible| (1..=20).all(|number| has_arrived(digible, number)))
        .await?;
    let end = world
        .wait_status(|status| status.state() == State::UpToDate)
        .await?;
    assert_eq!((end.parked, end.pending, end.in_doubt), (0, 0, 0));
    assert_eq!(world.assert_equal().await?.equal, 40);
    Ok(())
}

#[tokio::test]
async fn digibles_wish_to_wait_is_met_and_shown() -> Tested {
    let world = uploaded(World::builder().products(5)).await?;
    for (retry_after, at_least) in [
        (RetryAfter::Seconds(2), 2_000),
        (RetryAfter::Date(3), 1_900),
    ] {
        world.digible.clear_requests();
        world
            .digible
            .inject(Fault::refuse_for(429, retry_after).once());
        world.shop.set_price(&id(1), &format!("{at_least}.00"))?;
        let run = world.start_run(RunKind::Sync).await?;
        let waiting = world
            .wait_status(|status| status.blocked_until.is_some())
            .await?;
        assert!(
            issue(&waiting, "DIGIBLE_UNREACHABLE").is_none(),
            "{waiting:?}"
        );
        let waiting = world
            .wait_status(|status| {
                status
                    .headline
                    .starts_with("Digible asks us to wait until ")
            })
            .await?;
        assert!(waiting.blocked_until.is_some());
        assert_eq!(waiting.in_doubt, 0);
        let run = world.finished(&run.id).await?;
        assert_eq!(run.outcome(), RunOutcome::Completed, "{}", run.message);
        assert_eq!((run.sent, run.failed, run.requests), (1, 0, 2), "{run:?}");
        let requests = world.digible.requests();
        let waited = requests[1].at_ms - requests[0].at_ms;
        assert!(waited >= at_least, "{waited} ms");
        let after = status(&world).await?;
        assert_eq!(
            (after.state(), after.blocked_until),
            (State::UpToDate, None)
        );
    }
    assert_eq!(world.assert_equal().await?.equal, 5);
    Ok(())
}

/// A wait that nobody waits for any more is not shown for ever.
#[tokio::test]
async fn a_cancelled_wait_ends() -> Tested {
    let world = uploaded(World::builder().products(5)).await?;
    world
        .digible
        .inject(Fault::refuse_for(429, RetryAfter::Seconds(1)).once());
    world.shop.set_price(&id(1), "77.10")?;
    let run = world.start_run(RunKind::Sync).await?;
    world
        .wait_run(&run.id, |run| run.state() == RunState::Waiting)
        .await?;
    crate::help::cancel(&world, &run.id).await?;
    world.finished(&run.id).await?;
    world
        .wait_status(|status| status.blocked_until.is_none())
        .await?;
    assert_eq!(world.assert_equal().await?.pending, 1);
    Ok(())
}

#[tokio::test]
async fn many_refused_tokens_make_one_login() -> Tested {
    let world = uploaded(World::builder().products(20)).await?;
    world.digible.revoke_tokens();
    for number in 1..=20 {
        world.shop.set_price(&id(number), "77.10")?;
    }
    let run = world.sync().await?;
    assert_eq!(
        (run.outcome(), run.sent),
        (RunOutcome::Completed, 20),
        "{run:?}"
    );
    assert_eq!(world.digible.counts().logins, 1);
    assert_eq!(world.assert_equal().await?.equal, 20);
    Ok(())
}

#[tokio::test]
async fn a_session_is_renewed_before_its_end() -> Tested {
    let mut world = uploaded(World::builder().products(3)).await?;
    world.stop().await?;
    // 50 seconds are left of the hour, by Digible's clock.
    world
        .digible
        .configure(|settings| settings.clock_offset = 3_550);
    world.launch().await?;
    ready(&world).await?;
    for price in ["77.10", "78.10"] {
        world.shop.set_price(&id(1), price)?;
        assert_eq!(world.sync().await?.sent, 1);
    }
    assert_eq!(
        world.digible.counts().logins,
        1,
        "the first answer tells the time"
    );
    let updates = world.digible.requests_to(Endpoint::Update);
    assert!(
        updates.iter().all(|it| it.token == TokenSeen::Valid),
        "{updates:?}"
    );
    let session = status(&world).await?.session.ok_or("no session")?;
    assert_eq!(session.state(), SessionState::Active);
    assert_eq!(world.assert_equal().await?.equal, 3);
    Ok(())
}

#[tokio::test]
async fn an_expired_session_is_renewed() -> Tested {
    let world = uploaded(World::builder().products(10)).await?;
    world
        .digible
        .configure(|settings| settings.clock_offset = 4_000);
    for number in 1..=10 {
        world.shop.set_price(&id(number), "77.10")?;
    }
    let run = world.sync().await?;
    assert_eq!(
        (run.outcome(), run.sent, run.failed),
        (RunOutcome::Completed, 10, 0),
        "{run:?}"
    );
    assert_eq!(world.digible.counts().logins, 1);
    assert_eq!(world.assert_equal().await?.equal, 10);
    Ok(())
}

/// Sets the password of the Digible account.
async fn set_password(world: &World, password: &str) -> Tested {
    let request = ConfigureRequest {
        secrets: Some(Secrets {
            digible_password: Some(password.to_owned()),
            sql_password: None,
        }),
        ..ConfigureRequest::default()
    };
    world.client()?.config.configure(request).await?;
    ready(world).await?;
    Ok(())
}

#[tokio::test]
async fn a_wrong_password_is_tried_once_and_told() -> Tested {
    let builder = World::builder()
        .products(3)
        .automatic()
        .set("sync.probe", "100ms")
        .set("sync.interval", "1s")
        .env(PASSWORD, "");
    let world = captured(builder).await?;
    set_password(&world, "wrong").await?;
    world.shop.set_price(&id(1), "77.10")?;
    let expired = world
        .wait_status(|status| issue(status, "SESSION_EXPIRED").is_some())
        .await?;
    let told = issue(&expired, "SESSION_EXPIRED").ok_or("no issue")?;
    assert!(
        told.remedy.contains("shopmasterctl configure"),
        "{}",
        told.remedy
    );
    assert!(!told.text.contains("wrong"), "{}", told.text);
    assert_eq!(expired.state(), State::Broken);
    assert!(
        expired.headline.starts_with("Session expired"),
        "{}",
        expired.headline
    );
    let session = expired.session.ok_or("no session")?;
    assert_eq!(session.state(), SessionState::Expired);
    assert_eq!(world.ctl(&["status", "--check"]).await?.code, 4);
    // Asking again asks Digible nothing.
    for _ in 0..3 {
        let run = world.sync().await?;
        assert_eq!(
            (run.outcome(), run.parked),
            (RunOutcome::Failed, 0),
            "{run:?}"
        );
    }
    let counts = world.digible.counts();
    assert_eq!((counts.logins, counts.requests), (1, 1));

    set_password(&world, "secret").await?;
    let run = world.upload().await?;
    assert_eq!(run.outcome(), RunOutcome::Completed, "{}", run.message);
    let well = world
        .wait_status(|status| status.state() == State::UpToDate)
        .await?;
    assert!(well.issues.is_empty(), "{:?}", well.issues);
    assert_eq!(world.assert_equal().await?.equal, 3);
    Ok(())
}

#[tokio::test]
async fn the_cloud_goes_away_and_comes_back() -> Tested {
    let builder = World::builder()
        .products(3)
        .automatic()
        .set("sync.probe", "100ms")
        .set("sync.interval", "1h");
    let world = uploaded(builder).await?;
    world.digible.go_offline().await;
    world.shop.set_price(&id(1), "77.10")?;
    world.shop.insert("new", "New", "1.50")?;
    let away = world
        .wait_status(|status| issue(status, "DIGIBLE_UNREACHABLE").is_some() && status.pending == 2)
        .await?;
    assert_eq!(away.state(), State::Broken);
    assert!(
        away.headline.starts_with("Digible not reachable"),
        "{}",
        away.headline
    );
    assert_eq!(world.state_of("new").await?, ProductState::Pending);
    assert_eq!(world.assert_equal().await?.pending, 2);

    world.digible.go_online().await?;
    world.wait_digible(|digible| digible.count() == 4).await?;
    let back = world
        .wait_status(|status| status.state() == State::UpToDate)
        .await?;
    assert!(back.issues.is_empty(), "{:?}", back.issues);
    assert_eq!((back.pending, back.in_doubt), (0, 0));
    assert_eq!(world.assert_equal().await?.equal, 4);
    Ok(())
}

/// What was sent in vain and needs no sending any more leaves no trouble behind.
#[tokio::test]
async fn a_trouble_ends_when_there_is_nothing_left_to_send() -> Tested {
    let builder = World::builder()
        .products(3)
        .automatic()
        .set("sync.probe", "100ms")
        .set("sync.interval", "1s");
    let world = uploaded(builder).await?;
    let before = price(&world.digible, &id(1)).ok_or("lost")?;
    world.digible.go_offline().await;
    world.shop.set_price(&id(1), "77.10")?;
    world
        .wait_status(|status| issue(status, "DIGIBLE_UNREACHABLE").is_some())
        .await?;
    world.shop.set_price(&id(1), &before)?;
    world.digible.go_online().await?;
    world
        .wait_status(|status| status.state() == State::UpToDate)
        .await?;
    assert_eq!(world.assert_equal().await?.equal, 3);
    Ok(())
}

#[tokio::test]
async fn a_sign_in_page_is_no_acknowledgement() -> Tested {
    let world = captured(World::builder().products(10)).await?;
    // The login goes through, then the network asks for a sign-in.
    world.digible.inject(pass(Endpoint::Login, 1));
    world.digible.clear_faults();
    world
        .digible
        .inject(Fault::html().on(Endpoint::Batch).times(2));
    let run = world.upload().await?;
    assert_eq!(
        (run.outcome(), run.parked),
        (RunOutcome::Completed, 0),
        "{run:?}"
    );
    assert_eq!((run.sent, run.requests), (10, 3), "{run:?}");

    world
        .digible
        .inject(Fault::html().on(Endpoint::Update).times(2));
    world.shop.set_price(&id(1), "77.10")?;
    let run = world.sync().await?;
    assert_eq!(
        (run.outcome(), run.sent, run.parked),
        (RunOutcome::Completed, 1, 0),
        "{run:?}"
    );

    // It stands: nothing is parked, and it is told.
    world.digible.inject(Fault::html());
    world.shop.set_price(&id(1), "78.10")?;
    let run = world.sync().await?;
    assert_eq!(
        (run.outcome(), run.parked),
        (RunOutcome::Failed, 0),
        "{run:?}"
    );
    let now = status(&world).await?;
    assert!(issue(&now, "DIGIBLE_UNREACHABLE").is_some(), "{now:?}");
    assert_eq!((now.parked, now.pending), (0, 1));
    world.digible.clear_faults();
    world.sync().await?;
    assert_eq!(world.assert_equal().await?.equal, 10);
    Ok(())
}

#[tokio::test]
async fn cut_connections_lose_nothing() -> Tested {
    let builder = World::builder()
        .products(6)
        .automatic()
        .set("sync.probe", "100ms")
        .set("digible.timeout", "500ms");
    let world = captured(builder).await?;
    for (number, at) in [CutAt::BeforeApplying, CutAt::AfterApplying, CutAt::InAnswer]
        .into_iter()
        .enumerate()
    {
        for endpoint in [Endpoint::Login, Endpoint::Batch, Endpoint::Update] {
            world.digible.inject(Fault::cut(at).on(endpoint).once());
        }
        world.digible.revoke_tokens();
        let run = world.upload().await?;
        assert_eq!(
            (run.outcome(), run.parked),
            (RunOutcome::Completed, 0),
            "{at:?}: {run:?}"
        );
        world.wait_status(|status| status.in_doubt == 0).await?;
        world.shop.set_price(&id(1), &format!("{number}.00"))?;
        world
            .wait_digible(|digible| digible.faults().is_empty())
            .await?;
        world.sync().await?;
        let end = world.wait_status(|status| status.in_doubt == 0).await?;
        assert_eq!((end.pending, end.parked), (0, 0), "{at:?}");
        assert_eq!(world.assert_equal().await?.equal, 6, "{at:?}");
    }
    Ok(())
}

#[tokio::test]
async fn batches_that_are_too_large_are_split() -> Tested {
    let world = captured(World::builder().products(100)).await?;
    world.digible.inject(Fault::too_large(30));
    let run = world.upload().await?;
    assert_eq!(
        (run.outcome(), run.sent, run.parked),
        (RunOutcome::Completed, 100, 0),
        "{run:?}"
    );
    let applied = world.digible.requests().into_iter().filter(|it| it.applied);
    assert!(
        applied
            .map(|it| it.product_ids.len())
            .all(|size| size <= 30)
    );
    assert_eq!(world.assert_equal().await?.equal, 100);
    Ok(())
}

#[tokio::test]
async fn a_wrong_clock_makes_no_logins() -> Tested {
    for hours in [-6, 6] {
        let mut options = SimOptions::default();
        options.settings.clock_offset = hours * 3_600;
        options.settings.latency = Duration::from_millis(1);
        let world = captured(World::builder().products(5).digible(options)).await?;
        world.upload().await?;
        for round in 1..=5 {
            world.shop.set_price(&id(1), &format!("{round}.00"))?;
            assert_eq!(world.sync().await?.sent, 1);
        }
        assert_eq!(world.digible.counts().logins, 1, "{hours} h");
        // Told by this computer's clock.
        let session = status(&world).await?.session.ok_or("no session")?;
        let end = session.expires_at.ok_or("no end")?.seconds;
        let now = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)?
            .as_secs()
            .cast_signed();
        assert!(
            (3_000..=3_700).contains(&(end - now)),
            "{hours} h: {}",
            end - now
        );
        assert_eq!(world.assert_equal().await?.equal, 5);
    }
    Ok(())
}

/// A small shop whose first products are all bad: nothing was ever acknowledged when twenty are refused.
#[tokio::test]
async fn bad_products_at_the_start_do_not_keep_the_others_back() -> Tested {
    let world = captured(World::builder().products(100)).await?;
    let bad: Vec<_> = (1..=30).map(id).collect();
    world.digible.inject(Fault::poison(422, bad));
    let run = world.upload().await?;
    assert_eq!(run.outcome(), RunOutcome::Completed, "{}", run.message);
    assert_eq!((run.sent, run.parked), (70, 30), "{run:?}");
    let now = status(&world).await?;
    assert_eq!((now.published, now.parked, now.in_doubt), (70, 30, 0));
    let result = world.assert_equal().await?;
    assert_eq!((result.equal, result.parked), (70, 30));
    Ok(())
}

/// All are refused, and never was one accepted: it is not about products.
#[tokio::test]
async fn a_first_upload_that_is_refused_parks_nothing() -> Tested {
    let world = captured(World::builder().products(100)).await?;
    world.digible.inject(Fault::refuse(422).on(Endpoint::Batch));
    let run = world.upload().await?;
    assert_eq!(
        (run.outcome(), run.parked),
        (RunOutcome::Failed, 0),
        "{run:?}"
    );
    let now = status(&world).await?;
    assert!(issue(&now, "DIGIBLE_REFUSES").is_some(), "{now:?}");
    // Some may be in doubt: nobody knows whether a refused batch was applied in part.
    assert_eq!(now.parked, 0);
    assert!(run.requests < 50, "{}", run.requests);
    world.digible.clear_faults();
    assert_eq!(world.upload().await?.sent, 100);
    assert_eq!(world.assert_equal().await?.equal, 100);
    Ok(())
}

/// Each way of saying no with a 200.
#[tokio::test]
async fn a_no_in_a_success_is_a_no() -> Tested {
    let world = uploaded(World::builder().products(5)).await?;
    for (fault, euros) in [(Fault::unsuccessful(), 10), (Fault::errors(), 20)] {
        world
            .digible
            .inject(fault.clone().on(Endpoint::Update).once());
        world.digible.inject(fault.on(Endpoint::Batch).once());
        world.shop.set_price(&id(1), &format!("{euros}.00"))?;
        let run = world.sync().await?;
        assert_eq!((run.sent, run.parked), (0, 1), "{run:?}");
        let reason = &run.refused[0].reason;
        assert!(reason.contains("The product was not saved"), "{reason}");
        world.shop.set_price(&id(1), &format!("{euros}.50"))?;
        assert_eq!(world.sync().await?.sent, 1);
        assert_eq!(status(&world).await?.parked, 0);
    }
    assert_eq!(world.assert_equal().await?.equal, 5);
    Ok(())
}
