//! Scan mode: the table is walked and compared, and nothing of ours is in the shop's database.

use serde_json::Value;
use shopmaster_harness::world::{World, WorldBuilder, WorldError};
use shopmaster_proto::v1::{
    CaptureMode, CaptureState, ProductState, RunKind, RunOutcome, State, Status,
};
use shopmaster_standins::digible::{Endpoint, Fault, HangEffect};

use crate::{
    help::{Tested, id, price, ready, refusal, status},
    support::{codes, wait_up_to_date},
};

/// A shop in scan mode, in which an upload has finished.
async fn scanning(builder: WorldBuilder) -> Result<World, WorldError> {
    let world = builder.set("catalog.capture", "scan").start().await?;
    uploaded(&world).await?;
    Ok(world)
}

async fn uploaded(world: &World) -> Result<(), WorldError> {
    ready(world).await?;
    let run = world.upload().await?;
    assert_eq!(run.outcome(), RunOutcome::Completed, "{}", run.message);
    world.digible.clear_requests();
    Ok(())
}

/// Turns the product table into a view over one of another name.
fn hide_behind_a_view(world: &World) -> Tested {
    world.shop.connection().execute_batch(
        "ALTER TABLE Products RENAME TO Goods; CREATE VIEW Products AS SELECT * FROM Goods",
    )?;
    Ok(())
}

fn objects_of_ours(world: &World) -> Result<i64, Box<dyn std::error::Error>> {
    let sql = "SELECT count(*) FROM sqlite_schema WHERE sql LIKE '%shopmaster%'";
    Ok(world
        .shop
        .connection()
        .query_row(sql, [], |row| row.get(0))?)
}

fn capture(status: &Status) -> (CaptureMode, CaptureState) {
    let capture = status.capture.clone().unwrap_or_default();
    (capture.mode(), capture.state())
}

async fn json(world: &World, arguments: &[&str]) -> Result<Value, WorldError> {
    let arguments = [arguments, &["--json"]].concat();
    let done = world.ctl(&arguments).await?;
    assert_eq!(done.code, 0, "{}", done.stderr);
    done.json()
}

#[tokio::test]
async fn a_scan_finds_what_changed_and_leaves_nothing_in_the_database() -> Tested {
    let world = scanning(World::builder()).await?;
    assert_eq!(status(&world).await?.state(), State::UpToDate);
    world.shop.insert("new", "New", "1.50")?;
    world.shop.set_price(&id(1), "77.10")?;
    world.shop.rewrite(&id(2))?;
    world.shop.delete(&id(3))?;
    let run = world.sync().await?;
    assert_eq!(run.outcome(), RunOutcome::Completed, "{}", run.message);
    assert_eq!((run.sent, run.unchanged, run.requests), (2, 98, 2));
    assert_eq!(price(&world.digible, &id(1)).as_deref(), Some("77.10"));

    // One look is not enough to say that a product is gone.
    assert_eq!(world.state_of(&id(3)).await?, ProductState::Pending);
    let now = status(&world).await?;
    assert_eq!(
        (now.state(), now.pending, now.removed),
        (State::Pending, 1, 0)
    );
    let result = world.assert_equal().await?;
    assert_eq!((result.equal, result.pending), (100, 1));

    let json = json(&world, &["status"]).await?;
    assert_eq!(json["capture"]["mode"], "scan");
    assert_eq!(json["capture"]["state"], "not_needed");
    assert_eq!(json["capture"]["reason"], Value::Null);
    assert_eq!(objects_of_ours(&world)?, 0);

    world.shop.insert(&id(3), "Back", "2.00")?;
    world.sync().await?;
    assert_eq!(status(&world).await?.state(), State::UpToDate);
    assert_eq!(world.assert_equal().await?.equal, 101);
    Ok(())
}

#[tokio::test]
async fn scans_come_by_themselves() -> Tested {
    let builder = World::builder().products(10).automatic();
    let world = scanning(builder.set("sync.interval", "1s")).await?;
    world.shop.set_price(&id(1), "77.10")?;
    let arrived = |digible: &_| price(digible, &id(1)).as_deref() == Some("77.10");
    world.wait_digible(arrived).await?;
    wait_up_to_date(&world).await;
    assert_eq!(world.assert_equal().await?.equal, 10);
    Ok(())
}

#[tokio::test]
async fn installing_says_that_scan_mode_is_on() -> Tested {
    let world = scanning(World::builder().products(3)).await?;
    let failure = refusal(world.install_capture().await)?;
    assert_eq!(failure.code, "SCAN_CHOSEN");
    assert!(failure.message.contains("scan mode"), "{failure:?}");
    assert!(failure.remedy.contains("--capture trigger"), "{failure:?}");
    assert_eq!(objects_of_ours(&world)?, 0);
    let now = json(&world, &["capture", "status"]).await?;
    assert_eq!(
        (&now["mode"], &now["state"]),
        (&"scan".into(), &"not_needed".into())
    );
    let human = world.ctl(&["capture", "status"]).await?;
    assert!(human.stdout.contains("scan, not needed"), "{human:?}");
    Ok(())
}

#[tokio::test]
async fn capture_that_is_left_over_is_told_until_it_is_removed() -> Tested {
    let mut world = World::builder().products(10).start().await?;
    ready(&world).await?;
    world.install_capture().await?;
    uploaded(&world).await?;
    world
        .reconfigure(|config| {
            config.set("catalog.capture", "scan");
        })
        .await?;
    ready(&world).await?;
    world.shop.set_price(&id(1), "77.10")?;
    assert_eq!(world.sync().await?.sent, 1);
    let now = status(&world).await?;
    assert_eq!(codes(&now), ["CAPTURE_UNUSED"]);
    assert_eq!(
        capture(&now),
        (CaptureMode::Scan, CaptureState::Installed),
        "it is there, and not used"
    );
    let removed = world.ctl(&["capture", "remove", "--yes"]).await?;
    assert_eq!(removed.code, 0, "{}", removed.stderr);
    let now = wait_up_to_date(&world).await;
    assert_eq!(capture(&now), (CaptureMode::Scan, CaptureState::NotNeeded));
    assert_eq!(objects_of_ours(&world)?, 0);
    assert_eq!(world.assert_equal().await?.equal, 10);
    Ok(())
}

#[tokio::test]
async fn a_view_as_the_product_table_is_walked() -> Tested {
    let mut world = World::builder().products(20).prepare().await?;
    hide_behind_a_view(&world)?;
    world.launch().await?;
    uploaded(&world).await?;
    world.shop.connection().execute(
        "UPDATE Goods SET SellPrice = 77.1 WHERE ProductID = ?1",
        [id(1)],
    )?;
    let run = world.sync().await?;
    assert_eq!((run.sent, run.unchanged), (1, 19), "{run:?}");
    let now = json(&world, &["status"]).await?;
    assert_eq!(now["state"], "up_to_date");
    assert_eq!(now["capture"]["mode"], "scan");
    assert_eq!(now["capture"]["state"], "not_needed");
    let reason = now["capture"]["reason"].as_str().unwrap_or_default();
    assert!(reason.contains("view"), "{reason}");
    let tested = json(&world, &["test"]).await?;
    let checks = tested["checks"].as_array().ok_or("no checks")?;
    let check = |name: &str| checks.iter().find(|check| check["name"] == name);
    let capture = check("catalog.capture").ok_or("no check of capture")?;
    assert_eq!(capture["verdict"], "ok");
    assert!(
        capture["text"]
            .as_str()
            .unwrap_or_default()
            .contains("view")
    );
    let failure = refusal(world.install_capture().await)?;
    assert_eq!(failure.code, "SCAN_ONLY");
    assert_eq!(world.assert_equal().await?.equal, 20);
    Ok(())
}

/// Wherever the pages end: 200 products are in the first one.
#[tokio::test]
async fn a_product_that_a_view_gives_twice_is_parked() -> Tested {
    let builder = World::builder()
        .products(210)
        .set("digible.batch_size", 25)
        .set("digible.max_in_flight", 8);
    let mut world = builder.prepare().await?;
    world.shop.connection().execute_batch(
        "ALTER TABLE Products RENAME TO Goods;
         CREATE VIEW Products AS SELECT * FROM Goods UNION ALL
         SELECT ProductID, 'Other', 1, QrCode, Status FROM Goods
         WHERE ProductID IN ('P0000001', 'P0000199', 'P0000200', 'P0000210')",
    )?;
    world.launch().await?;
    uploaded(&world).await?;
    for _ in 0..2 {
        let now = status(&world).await?;
        assert_eq!((now.parked, now.published), (4, 206), "{now:?}");
        for number in [1, 199, 200, 210] {
            assert_eq!(world.state_of(&id(number)).await?, ProductState::Parked);
        }
        let run = world.sync().await?;
        assert_eq!((run.sent, run.unchanged, run.still_parked), (0, 206, 4));
    }
    Ok(())
}

#[tokio::test]
async fn a_table_that_shrinks_is_asked_about() -> Tested {
    let world = scanning(World::builder()).await?;
    world
        .shop
        .connection()
        .execute("DELETE FROM Products WHERE ProductID <= ?1", [id(20)])?;
    world.sync().await?;
    let now = status(&world).await?;
    assert_eq!(codes(&now), ["CATALOG_SHRANK"]);
    assert_eq!((now.state(), now.removed), (State::Attention, 0));
    assert!(
        now.headline.starts_with("20 of 100 products"),
        "{}",
        now.headline
    );
    // A person says that they are really gone.
    let run = world.start_confirmed(RunKind::Upload).await?;
    assert_eq!(world.finished(&run.id).await?.removed, 20);
    let now = wait_up_to_date(&world).await;
    assert_eq!((now.issues.len(), now.removed), (0, 20));
    let result = world.assert_equal().await?;
    assert_eq!((result.equal, result.removed), (80, 20));
    Ok(())
}

#[tokio::test]
async fn nothing_is_lost_when_the_agent_is_killed_in_a_scan() -> Tested {
    let builder = World::builder().set("digible.bulk_threshold", 10);
    let mut world = scanning(builder).await?;
    world.shop.raise_prices()?;
    world
        .digible
        .inject(Fault::hang(HangEffect::OnRelease).on(Endpoint::Batch));
    world.start_run(RunKind::Sync).await?;
    world
        .wait_digible(|digible| digible.counts().batches > 0)
        .await?;
    world.kill9();
    world.digible.clear_faults();
    world.digible.release();
    world.launch().await?;
    let now = ready(&world).await?;
    assert_ne!(now.state(), State::UpToDate, "{}", now.headline);
    let run = world.sync().await?;
    assert_eq!(run.outcome(), RunOutcome::Completed, "{}", run.message);
    world.wait_status(|status| status.pending == 0).await?;
    assert_eq!(world.assert_equal().await?.equal, 100);
    Ok(())
}
