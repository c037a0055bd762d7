//! Pauses: nothing is sent while one is on, and it ends when it should.

use prost_types::{Duration, Timestamp};
use shopmaster_harness::world::World;
use shopmaster_proto::v1::{
    ProductState, RunKind, RunOutcome, RunState, State, pause_request::End,
};
use shopmaster_standins::digible::{Endpoint, Fault, HangEffect};

use crate::help::{Tested, captured, id, pause, price, ready, refusal, resume, status, uploaded};

#[tokio::test]
async fn nothing_is_sent_while_paused() -> Tested {
    let builder = World::builder()
        .products(5)
        .automatic()
        .set("sync.probe", "100ms")
        .set("sync.interval", "1s");
    let world = uploaded(builder).await?;
    let paused = pause(&world, None).await?;
    assert_eq!((paused.state(), paused.paused), (State::Paused, true));
    assert_eq!(
        (paused.headline.as_str(), paused.paused_until),
        ("Paused", None)
    );
    world.shop.set_price(&id(1), "77.10")?;
    let refused = refusal(world.sync().await)?;
    assert_eq!(
        (refused.code.as_str(), refused.remedy.as_str()),
        ("PAUSED", "Run `shopmasterctl resume`")
    );
    assert_eq!(refusal(world.upload().await)?.code, "PAUSED");
    let told = world.ctl(&["sync"]).await?;
    assert_eq!(told.code, 1);
    assert!(
        told.stderr.contains("shopmasterctl resume"),
        "{}",
        told.stderr
    );
    assert_eq!(world.digible.counts().requests, 0);
    assert_eq!(world.state_of(&id(1)).await?, ProductState::Pending);

    resume(&world).await?;
    world
        .wait_digible(|digible| price(digible, &id(1)).as_deref() == Some("77.10"))
        .await?;
    world
        .wait_status(|status| status.state() == State::UpToDate)
        .await?;
    assert_eq!(world.assert_equal().await?.equal, 5);
    Ok(())
}

#[tokio::test]
async fn a_run_waits_for_the_end_of_a_pause() -> Tested {
    let builder = World::builder()
        .products(250)
        .set("digible.batch_size", 100)
        .set("digible.max_in_flight", 1)
        .set("digible.timeout", "30s");
    let world = captured(builder).await?;
    let hang = Fault::hang(HangEffect::AtOnce).on(Endpoint::Batch).once();
    world.digible.inject(hang);
    let run = world.start_run(RunKind::Upload).await?;
    world
        .wait_digible(|digible| digible.counts().batches == 1)
        .await?;
    pause(&world, None).await?;
    world.digible.release();
    // What is under way is finished: a page of two batches.
    let waiting = world
        .wait_run(&run.id, |run| run.state() == RunState::Waiting)
        .await?;
    assert_eq!((waiting.message.as_str(), waiting.done), ("Paused", 200));
    assert_eq!(status(&world).await?.headline, "Paused");
    assert_eq!(world.digible.counts().batches, 2);
    resume(&world).await?;
    let run = world.finished(&run.id).await?;
    assert_eq!((run.outcome(), run.sent), (RunOutcome::Completed, 250));
    assert_eq!(world.assert_equal().await?.equal, 250);
    Ok(())
}

#[tokio::test]
async fn a_pause_ends_by_itself() -> Tested {
    let builder = World::builder()
        .products(5)
        .automatic()
        .set("sync.probe", "100ms")
        .set("sync.interval", "1h");
    let world = uploaded(builder).await?;
    let paused = pause(
        &world,
        Some(End::Duration(Duration {
            seconds: 1,
            nanos: 0,
        })),
    )
    .await?;
    let until = paused.paused_until.ok_or("no end")?;
    assert!(
        paused.headline.starts_with("Paused until "),
        "{}",
        paused.headline
    );
    world.shop.set_price(&id(1), "77.10")?;
    let after = world.wait_status(|status| !status.paused).await?;
    assert!(now().seconds >= until.seconds, "{after:?}");
    world
        .wait_digible(|digible| price(digible, &id(1)).as_deref() == Some("77.10"))
        .await?;
    world
        .wait_status(|status| status.state() == State::UpToDate)
        .await?;
    assert_eq!(world.assert_equal().await?.equal, 5);
    Ok(())
}

/// The scheduler itself waits for a run that waits for the pause to end.
#[tokio::test]
async fn a_pause_ends_by_itself_under_an_automatic_sync() -> Tested {
    let builder = World::builder()
        .products(5)
        .automatic()
        .set("sync.probe", "100ms")
        .set("sync.interval", "1h")
        .set("digible.timeout", "30s");
    let world = uploaded(builder).await?;
    let hang = Fault::hang(HangEffect::AtOnce).on(Endpoint::Update).once();
    world.digible.inject(hang);
    world.shop.set_price(&id(1), "77.10")?;
    world
        .wait_digible(|digible| digible.counts().updates == 1)
        .await?;
    let end = End::Duration(Duration {
        seconds: 1,
        nanos: 0,
    });
    pause(&world, Some(end)).await?;
    world.digible.release();
    world
        .wait_status(|status| status.state() == State::UpToDate && status.current_run.is_none())
        .await?;
    assert_eq!(world.assert_equal().await?.equal, 5);
    Ok(())
}

#[tokio::test]
async fn a_pause_survives_a_restart() -> Tested {
    let mut world = uploaded(World::builder().products(5).automatic()).await?;
    let tomorrow = Timestamp {
        seconds: now().seconds + 86_400,
        nanos: 0,
    };
    pause(&world, Some(End::Until(tomorrow))).await?;
    world.shop.set_price(&id(1), "77.10")?;
    world.restart().await?;
    let after = ready(&world).await?;
    assert_eq!(
        (after.state(), after.paused_until),
        (State::Paused, Some(tomorrow))
    );
    assert_eq!(refusal(world.sync().await)?.code, "PAUSED");
    assert_eq!(world.digible.counts().requests, 0);
    resume(&world).await?;
    world.sync().await?;
    assert_eq!(price(&world.digible, &id(1)).as_deref(), Some("77.10"));
    assert_eq!(world.assert_equal().await?.equal, 5);
    Ok(())
}

fn now() -> Timestamp {
    std::time::SystemTime::now().into()
}
