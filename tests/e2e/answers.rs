//! What Digible answers, or does not, and what becomes of the products.

use shopmaster_harness::world::World;
use shopmaster_proto::v1::{ProductState, RunKind, RunOutcome, RunState, State};
use shopmaster_standins::digible::{
    CutAt, DigibleSim, Endpoint, Fault, FaultKind, HangEffect, PASSWORD, RetryAfter, SimOptions,
};

use crate::help::{Tested, cancel, captured, id, issue, price, ready, status, uploaded};

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

    let before = world.digible.history(id(1)).len();
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
    let prices: Vec<_> = history[before..]
        .iter()
        .map(|it| it.listing.price.as_str())
        .collect();
    assert_eq!(prices, ["10.00", "20.00", "10.00"]);
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
        assert!(!issue.text.contains(PASSWORD), "{}", issue.text);
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
                    .starts_with("Digible asks shopMaster to wait until ")
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
    cancel(&world, &run.id).await?;
    world.finished(&run.id).await?;
    world
        .wait_status(|status| status.blocked_until.is_none())
        .await?;
    assert_eq!(world.assert_equal().await?.pending, 1);
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

fn success(body: &str) -> Fault {
    Fault::of(FaultKind::Reply {
        status: 200,
        content_type: Some("application/json".to_owned()),
        body: body.to_owned(),
        applied: false,
    })
    .once()
}

#[tokio::test]
async fn a_refusal_inside_a_success_is_no_acknowledgement() -> Tested {
    let world = uploaded(World::builder().products(10)).await?;
    let named = r#"{"message":"success","data":{"count":3,"failed":[
        {"productId":"bad","error":"price too high"}]}}"#;
    // Not at Digible, for the stand-in applies nothing: what is acknowledged here is not there.
    world.digible.inject(success(named).on(Endpoint::Batch));
    for key in ["bad", "one", "two"] {
        world.shop.insert(key, "New", "1.00")?;
    }
    let run = world.sync().await?;
    assert_eq!((run.sent, run.parked), (2, 1), "{run:?}");
    assert_eq!(world.state_of("bad").await?, ProductState::Parked);
    let now = status(&world).await?;
    assert_eq!((now.state(), now.parked), (State::Attention, 1));

    // Nothing is named: each of them is sent again.
    for body in [
        r#"{"message":"success","data":{"count":1}}"#,
        r#"{"errors":["P: no"]}"#,
    ] {
        world.digible.inject(success(body).on(Endpoint::Batch));
        for key in ["three", "four"] {
            world
                .shop
                .insert(&format!("{key}{}", body.len()), "New", "1.00")?;
        }
        let run = world.sync().await?;
        assert_eq!((run.sent, run.parked), (2, 0), "{run:?}");
        for key in ["three", "four"] {
            let key = format!("{key}{}", body.len());
            assert!(world.digible.product(key.as_str()).is_some(), "{key}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_wish_to_wait_is_met_whatever_number_tells_of_it() -> Tested {
    let world = uploaded(World::builder().products(5)).await?;
    for (round, fault) in [
        Fault::refuse_for(403, RetryAfter::Seconds(1)),
        Fault::refuse_for(400, RetryAfter::Seconds(1)),
        Fault::refuse(425),
        Fault::refuse(430),
        success(r#"{"statusCode":429,"message":"slow down"}"#),
    ]
    .into_iter()
    .enumerate()
    {
        world.digible.inject(fault.once());
        world.shop.set_price(&id(1), &format!("{round}.50"))?;
        let run = world.sync().await?;
        assert_eq!(
            (run.outcome(), run.sent, run.parked),
            (RunOutcome::Completed, 1, 0),
            "{round}: {run:?}"
        );
    }
    assert_eq!(world.digible.counts().logins, 0);
    assert_eq!(world.assert_equal().await?.equal, 5);
    Ok(())
}
