//! Uploads: everything is sent, in batches, from where one stopped.

use shopmaster_harness::world::{World, WorldError};
use shopmaster_proto::v1::{Icon, ProductState, RunKind, RunOutcome, RunState, State};
use shopmaster_standins::digible::{Endpoint, Fault, HangEffect};

use crate::help::{
    Tested, cancel, captured, id, ids, issue, pass, status, upload_from_start, uploaded,
};

/// 1,200 products in pages of 200, each of four batches of 50, one request at a time.
async fn paged() -> Result<World, WorldError> {
    let builder = World::builder()
        .products(1_200)
        .set("digible.batch_size", 50)
        .set("digible.max_in_flight", 1)
        .set("digible.timeout", "30s");
    captured(builder).await
}

/// Cancels an upload in the middle of its second page: after six batches, while the seventh hangs.
async fn cancelled_in_the_second_page(world: &World) -> Tested {
    world.digible.inject(pass(Endpoint::Batch, 6));
    let hang = Fault::hang(HangEffect::AtOnce).on(Endpoint::Batch).once();
    world.digible.inject(hang);
    let run = world.start_run(RunKind::Upload).await?;
    world
        .wait_digible(|digible| digible.counts().batches == 7)
        .await?;
    cancel(world, &run.id).await?;
    world.digible.release();
    let run = world.finished(&run.id).await?;
    assert_eq!(run.outcome(), RunOutcome::Cancelled);
    assert_eq!((run.total, run.sent), (1_200, 350), "{run:?}");
    assert!(
        run.message.contains("shopmasterctl upload"),
        "{}",
        run.message
    );
    world.digible.clear_requests();
    Ok(())
}

#[tokio::test]
async fn the_first_upload_sends_everything() -> Tested {
    let world = captured(World::builder()).await?;
    let before = status(&world).await?;
    assert!(issue(&before, "NEVER_UPLOADED").is_some(), "{before:?}");
    assert_eq!(before.state(), State::Attention);

    let run = world.upload().await?;
    assert_eq!(run.outcome(), RunOutcome::Completed, "{}", run.message);
    assert_eq!((run.total, run.done, run.sent), (100, 100, 100));
    assert_eq!((run.failed, run.parked, run.requests), (0, 0, 1));

    let after = status(&world).await?;
    assert_eq!(after.state(), State::UpToDate, "{after:?}");
    assert_eq!(after.icon(), Icon::Green);
    assert_eq!(
        (after.published, after.in_doubt, after.pending),
        (100, 0, 0)
    );
    assert!(after.issues.is_empty(), "{:?}", after.issues);
    assert!(
        after.headline.starts_with("All 100 products up to date"),
        "{}",
        after.headline
    );
    assert_eq!(world.digible.counts().logins, 1);
    assert_eq!(world.assert_equal().await?.equal, 100);
    Ok(())
}

#[tokio::test]
async fn thousands_go_in_full_batches_and_never_more_at_once_than_set() -> Tested {
    let builder = World::builder()
        .products(3_000)
        .set("digible.max_in_flight", 4)
        .set("digible.timeout", "30s");
    let world = captured(builder).await?;
    // All that may be under way at once is, before any of it ends: half of it before Digible has answered well,
    // and from then on the whole.
    for (at_once, before) in [(2, 0), (4, 15)] {
        world.digible.inject(
            Fault::hang(HangEffect::AtOnce)
                .on(Endpoint::Batch)
                .times(at_once),
        );
        let run = world.start_run(RunKind::Upload).await?;
        let under_way = before + at_once as usize;
        world
            .wait_digible(|digible| digible.requests_to(Endpoint::Batch).len() == under_way)
            .await?;
        world.digible.release();
        let run = world.finished(&run.id).await?;
        assert_eq!(run.outcome(), RunOutcome::Completed, "{}", run.message);
        assert_eq!(run.requests, 15);
        let batches = world.digible.requests_to(Endpoint::Batch);
        assert_eq!(batches.len(), before + 15);
        assert!(batches.iter().all(|batch| batch.product_ids.len() == 200));
    }
    assert_eq!(world.digible.counts().most_in_flight, 4);
    assert_eq!(world.assert_equal().await?.equal, 3_000);
    Ok(())
}

#[tokio::test]
async fn a_cancelled_upload_goes_on_at_its_checkpoint() -> Tested {
    let world = paged().await?;
    cancelled_in_the_second_page(&world).await?;
    let between = status(&world).await?;
    assert_eq!(
        (between.published, between.in_doubt),
        (350, 0),
        "{between:?}"
    );
    assert!(issue(&between, "NEVER_UPLOADED").is_some());

    let run = world.upload().await?;
    assert_eq!(run.outcome(), RunOutcome::Completed, "{}", run.message);
    assert_eq!((run.total, run.done, run.sent), (1_200, 1_200, 1_000));
    let batches = world.digible.requests_to(Endpoint::Batch);
    assert_eq!(batches.len(), 20);
    assert_eq!(ids(&batches[0])[0], id(201));
    assert_eq!(world.assert_equal().await?.equal, 1_200);
    assert!(issue(&status(&world).await?, "NEVER_UPLOADED").is_none());
    Ok(())
}

#[tokio::test]
async fn an_upload_from_the_start_ignores_the_checkpoint() -> Tested {
    let world = paged().await?;
    cancelled_in_the_second_page(&world).await?;
    let run = upload_from_start(&world).await?;
    assert_eq!(run.outcome(), RunOutcome::Completed, "{}", run.message);
    assert_eq!((run.total, run.done, run.sent), (1_200, 1_200, 1_200));
    assert_eq!(world.digible.counts().batches, 24);
    assert_eq!(world.assert_equal().await?.equal, 1_200);
    Ok(())
}

#[tokio::test]
async fn an_upload_repairs_what_digible_lost() -> Tested {
    let world = uploaded(World::builder().products(20)).await?;
    world.digible.lose(id(7));
    let run = world.sync().await?;
    assert_eq!((run.sent, run.requests), (0, 0), "a sync cannot know");
    let run = world.upload().await?;
    assert_eq!((run.sent, run.unchanged), (20, 0));
    assert_eq!(world.assert_equal().await?.equal, 20);
    Ok(())
}

#[tokio::test]
async fn an_upload_finds_what_is_gone_from_the_shop() -> Tested {
    let world = uploaded(World::builder().products(20)).await?;
    world.shop.delete(&id(3))?;
    world.shop.delete(&id(20))?;
    let run = world.upload().await?;
    assert_eq!(run.outcome(), RunOutcome::Completed, "{}", run.message);
    assert_eq!((run.sent, run.removed), (18, 2));
    assert_eq!(status(&world).await?.removed, 2);
    // Nothing is left to find.
    let run = world.sync().await?;
    assert_eq!((run.requests, run.removed), (0, 0), "{run:?}");
    assert_eq!(world.state_of(&id(3)).await?, ProductState::Removed);
    let result = world.assert_equal().await?;
    assert_eq!((result.equal, result.removed), (18, 2));
    Ok(())
}

#[tokio::test]
async fn a_products_change_before_an_upload_is_not_sent_twice() -> Tested {
    let world = uploaded(World::builder().products(5)).await?;
    world.shop.set_price(&id(1), "77.10")?;
    let run = world.upload().await?;
    assert_eq!((run.sent, run.total, run.done), (5, 5, 5), "{run:?}");
    assert_eq!(status(&world).await?.pending, 0);
    let run = world.sync().await?;
    assert_eq!((run.requests, run.unchanged), (0, 0), "{run:?}");
    assert_eq!(world.assert_equal().await?.equal, 5);
    Ok(())
}

#[tokio::test]
async fn progress_is_told_while_an_upload_goes() -> Tested {
    let builder = World::builder()
        .products(150)
        .set("digible.batch_size", 50)
        .set("digible.max_in_flight", 1)
        .set("digible.timeout", "30s");
    let world = captured(builder).await?;
    world.digible.inject(pass(Endpoint::Batch, 1));
    let hang = Fault::hang(HangEffect::AtOnce).on(Endpoint::Batch).once();
    world.digible.inject(hang);
    let run = world.start_run(RunKind::Upload).await?;
    assert_eq!(run.state(), RunState::Running);
    let half = world.wait_run(&run.id, |run| run.done == 50).await?;
    assert_eq!((half.total, half.sent), (150, 50), "{half:?}");
    world
        .wait_digible(|digible| digible.counts().batches == 2)
        .await?;
    assert_eq!(
        (half.state(), half.outcome()),
        (RunState::Running, RunOutcome::Unspecified)
    );
    world.digible.release();
    let end = world.finished(&run.id).await?;
    assert_eq!((end.done, end.requests), (150, 3));
    assert!(end.finished_at.is_some());
    assert_eq!(world.assert_equal().await?.equal, 150);
    Ok(())
}

#[tokio::test]
async fn a_batch_that_failed_stays_together() -> Tested {
    let builder = World::builder()
        .products(150)
        .set("digible.batch_size", 50)
        .set("digible.max_in_flight", 1);
    let world = captured(builder).await?;
    world.digible.inject(pass(Endpoint::Batch, 1));
    let fault = Fault::refuse(503).on(Endpoint::Batch).once();
    world.digible.inject(fault);
    let run = world.upload().await?;
    assert_eq!(run.outcome(), RunOutcome::Completed, "{}", run.message);
    let batches = world.digible.requests_to(Endpoint::Batch);
    let firsts: Vec<_> = batches.iter().map(|batch| ids(batch)[0].clone()).collect();
    // Reading goes on behind what failed.
    assert_eq!(firsts, [id(1), id(51), id(101), id(51)]);
    assert!(batches.iter().all(|batch| batch.product_ids.len() == 50));
    assert_eq!(world.assert_equal().await?.equal, 150);
    Ok(())
}
