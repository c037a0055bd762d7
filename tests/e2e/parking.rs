//! Products that Digible refuses: parked when others pass, and only then.

use shopmaster_harness::world::World;
use shopmaster_proto::v1::{ProductState, RunOutcome, State};
use shopmaster_standins::digible::{DigibleSim, Endpoint, Fault};

use crate::help::{Tested, captured, id, ids, issue, price, status, uploaded};

#[tokio::test]
async fn who_refuses_everything_parks_nothing() -> Tested {
    let world = uploaded(World::builder().products(8)).await?;
    for code in [404, 405, 410, 400] {
        // All but a login: told 400 there, it may be the login that is shown, whichever comes first.
        for endpoint in [Endpoint::Batch, Endpoint::Update] {
            world.digible.inject(Fault::refuse(code).on(endpoint));
        }
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
    assert_eq!((run.requests, run.still_parked), (0, 1), "{run:?}");

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
    assert_eq!(
        (now.state(), now.parked, now.dismissed),
        (State::Attention, 0, 1),
        "{now:?}"
    );
    assert_eq!(now.headline, "9 of 10 up to date, 1 dismissed");
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
async fn a_lone_poison_is_parked_after_a_canary_passed() -> Tested {
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
async fn a_canary_is_a_product_that_the_shop_still_has() -> Tested {
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
async fn without_a_canary_nothing_is_parked() -> Tested {
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
    let state = world.state_of(&poison).await?;
    assert_eq!(state, ProductState::Parked);
    let result = world.assert_equal().await?;
    assert_eq!((result.equal, result.parked), (4, 1), "{result:?}");
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
