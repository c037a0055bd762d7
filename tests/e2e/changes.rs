//! Changes in the shop: what is sent, what is not, in which order, and when.

use std::cell::Cell;

use shopmaster_harness::world::World;
use shopmaster_proto::v1::{ProductState, Run, RunCause, RunKind, RunOutcome, RunState, State};
use shopmaster_standins::digible::{CutAt, Endpoint, Fault, HangEffect};

use crate::help::{Tested, captured, id, ids, issue, price, ready, status, uploaded};

#[tokio::test]
async fn a_sync_sends_what_changed_and_nothing_else() -> Tested {
    let world = uploaded(World::builder()).await?;
    world.shop.insert("new", "New", "1.50")?;
    world.shop.set_price(&id(1), "77.10")?;
    world.shop.rename(&id(2), "Renamed")?;
    world.shop.delete(&id(3))?;
    let run = world.sync().await?;
    assert_eq!(run.outcome(), RunOutcome::Completed, "{}", run.message);
    assert_eq!((run.sent, run.removed, run.unchanged), (3, 1, 0), "{run:?}");
    assert_eq!((run.done, run.total, run.requests), (4, 4, 3), "{run:?}");

    let counts = world.digible.counts();
    assert_eq!((counts.batches, counts.updates, counts.logins), (1, 2, 0));
    assert_eq!(price(&world.digible, &id(1)).as_deref(), Some("77.10"));
    assert_eq!(world.digible.product(id(2)).ok_or("lost")?.name, "Renamed");
    assert_eq!(price(&world.digible, "new").as_deref(), Some("1.50"));
    let result = world.assert_equal().await?;
    assert_eq!((result.equal, result.removed), (100, 1));
    Ok(())
}

#[tokio::test]
async fn a_changed_key_is_a_new_product_and_a_removed_one() -> Tested {
    let world = uploaded(World::builder().products(3)).await?;
    world.shop.connection().execute(
        "UPDATE Products SET ProductID = 'other' WHERE ProductID = ?1",
        [id(2)],
    )?;
    let run = world.sync().await?;
    assert_eq!((run.sent, run.removed), (1, 1), "{run:?}");
    assert_eq!(world.state_of("other").await?, ProductState::Equal);
    assert_eq!(world.state_of(&id(2)).await?, ProductState::Removed);
    let result = world.assert_equal().await?;
    assert_eq!((result.equal, result.removed), (3, 1));
    Ok(())
}

#[tokio::test]
async fn changes_go_out_by_themselves() -> Tested {
    let builder = World::builder()
        .products(10)
        .automatic()
        .set("sync.interval", "1h")
        .set("sync.probe", "100ms");
    let world = uploaded(builder).await?;
    world.shop.set_price(&id(1), "77.10")?;
    world.shop.insert("new", "New", "1.50")?;
    let arrived = |digible: &_| {
        price(digible, &id(1)).as_deref() == Some("77.10") && price(digible, "new").is_some()
    };
    world.wait_digible(arrived).await?;
    world
        .wait_status(|status| status.state() == State::UpToDate && status.pending == 0)
        .await?;
    assert_eq!(world.assert_equal().await?.equal, 11);
    Ok(())
}

#[tokio::test]
async fn rewriting_a_row_sends_nothing() -> Tested {
    let world = uploaded(World::builder().products(10)).await?;
    for number in 1..=10 {
        world.shop.rewrite(&id(number))?;
    }
    // There and back again is no change either.
    world.shop.rename(&id(1), "Other")?;
    let name = world.digible.product(id(1)).ok_or("lost")?.name;
    world.shop.rename(&id(1), &name)?;
    let run = world.sync().await?;
    assert_eq!(
        (run.sent, run.unchanged, run.requests),
        (0, 10, 0),
        "{run:?}"
    );
    assert_eq!(world.digible.counts().requests, 0);
    assert_eq!(status(&world).await?.state(), State::UpToDate);
    assert_eq!(world.assert_equal().await?.equal, 10);
    Ok(())
}

#[tokio::test]
async fn a_product_that_came_and_went_between_two_runs_is_nothing() -> Tested {
    let world = uploaded(World::builder().products(3)).await?;
    world.shop.insert("brief", "Brief", "1.00")?;
    world.shop.set_price("brief", "2.00")?;
    world.shop.delete("brief")?;
    let run = world.sync().await?;
    assert_eq!((run.sent, run.removed, run.requests), (0, 0, 0), "{run:?}");
    let now = status(&world).await?;
    assert_eq!((now.removed, now.pending), (0, 0));
    assert_eq!(world.state_of("brief").await?, ProductState::Unknown);
    let run = world.sync().await?;
    assert_eq!(run.total, 0, "{run:?}");
    assert_eq!(world.assert_equal().await?.equal, 3);
    Ok(())
}

#[tokio::test]
async fn a_deleted_product_is_told_until_somebody_forgets_it() -> Tested {
    let world = uploaded(World::builder().products(3)).await?;
    world.shop.delete(&id(2))?;
    world.sync().await?;
    let now = status(&world).await?;
    assert_eq!(
        (now.state(), now.removed, now.published),
        (State::Attention, 1, 2)
    );
    assert_eq!(
        now.headline,
        "2 up to date, 1 gone from the shop and still at Digible"
    );
    assert_eq!(
        world.digible.counts().requests,
        0,
        "there is no call that deletes"
    );

    let listed = world.ctl(&["removed", "--json"]).await?.json()?;
    assert_eq!(listed["total"], 1);
    assert_eq!(listed["products"][0]["product_id"], id(2));
    assert_eq!(world.assert_equal().await?.removed, 1);

    // A person deletes it there and says so.
    world.digible.lose(id(2));
    let forgotten = world.ctl(&["removed", "forget", &id(2)]).await?;
    assert_eq!(forgotten.code, 0, "{}", forgotten.stderr);
    let now = status(&world).await?;
    assert_eq!((now.state(), now.removed), (State::UpToDate, 0));
    assert_eq!(now.headline, "All 2 products up to date");
    assert_eq!(world.assert_equal().await?.equal, 2);
    Ok(())
}

#[tokio::test]
async fn coming_back_is_no_longer_removed() -> Tested {
    let world = uploaded(World::builder().products(3)).await?;
    let before = world.digible.product(id(2)).ok_or("lost")?;
    world.shop.delete(&id(2))?;
    assert_eq!(world.sync().await?.removed, 1);
    // Exactly as it was: nobody knows whether Digible still has it, so it is sent.
    world.shop.insert(&id(2), &before.name, &before.price)?;
    let run = world.sync().await?;
    assert_eq!((run.sent, run.removed), (1, 0), "{run:?}");
    assert_eq!(world.digible.counts().batches, 1, "a create");
    let now = status(&world).await?;
    assert_eq!((now.removed, now.published), (0, 3));
    assert_eq!(world.assert_equal().await?.equal, 3);
    Ok(())
}

#[tokio::test]
async fn a_key_that_only_changed_its_case_leaves_its_old_spelling_behind() -> Tested {
    let mut world = World::builder().products(0).prepare().await?;
    world.shop.connection().execute_batch(
        "DROP TABLE Products;
         CREATE TABLE Products (
             ProductID TEXT COLLATE NOCASE NOT NULL PRIMARY KEY,
             ProductName TEXT, SellPrice NUMERIC(18,2), QrCode TEXT, Status INT);",
    )?;
    world.shop.insert("abc", "Soap", "1.00")?;
    world.shop.insert("def", "Salt", "2.00")?;
    world.launch().await?;
    ready(&world).await?;
    world.install_capture().await?;
    world.upload().await?;
    world.shop.connection().execute(
        "UPDATE Products SET ProductID = 'ABC' WHERE ProductID = 'abc'",
        [],
    )?;
    let run = world.sync().await?;
    assert_eq!((run.sent, run.removed), (1, 1), "{run:?}");
    assert_eq!(price(&world.digible, "ABC").as_deref(), Some("1.00"));
    assert_eq!(world.state_of("abc").await?, ProductState::Removed);
    assert_eq!(world.state_of("ABC").await?, ProductState::Equal);
    let result = world.assert_equal().await?;
    assert_eq!((result.equal, result.removed), (2, 1));
    // It is settled: neither an upload nor a sync finds more.
    assert_eq!(world.upload().await?.removed, 0);
    assert_eq!(status(&world).await?.removed, 1);
    Ok(())
}

#[tokio::test]
async fn few_updates_go_one_by_one_and_at_once() -> Tested {
    let builder = World::builder()
        .products(20)
        .set("digible.bulk_threshold", 6)
        .set("digible.max_in_flight", 3)
        .set("digible.timeout", "30s");
    let world = uploaded(builder).await?;
    for number in 1..=6 {
        world.shop.set_price(&id(number), "77.10")?;
    }
    let hang = Fault::hang(HangEffect::AtOnce)
        .on(Endpoint::Update)
        .times(3);
    world.digible.inject(hang);
    let run = world.start_run(RunKind::Sync).await?;
    world
        .wait_digible(|digible| digible.counts().updates == 3)
        .await?;
    world.digible.release();
    let run = world.finished(&run.id).await?;
    assert_eq!((run.sent, run.requests), (6, 6), "{run:?}");
    let counts = world.digible.counts();
    assert_eq!(
        (counts.updates, counts.batches, counts.most_in_flight),
        (6, 0, 3)
    );
    assert_eq!(world.assert_equal().await?.equal, 20);
    Ok(())
}

#[tokio::test]
async fn many_updates_go_through_the_batch_endpoint() -> Tested {
    let builder = World::builder()
        .products(20)
        .set("digible.bulk_threshold", 6)
        .set("digible.batch_size", 5);
    let world = uploaded(builder).await?;
    for number in 1..=7 {
        world.shop.set_price(&id(number), "77.10")?;
    }
    let run = world.sync().await?;
    assert_eq!((run.sent, run.requests), (7, 2), "{run:?}");
    let counts = world.digible.counts();
    assert_eq!((counts.updates, counts.batches), (0, 2));
    assert_eq!(world.assert_equal().await?.equal, 20);
    Ok(())
}

#[tokio::test]
async fn the_journal_and_not_the_change_decides_between_create_and_update() -> Tested {
    let world = captured(World::builder().products(2)).await?;
    // Updated in the shop, and never sent before.
    world.shop.set_price(&id(1), "77.10")?;
    let run = world.sync().await?;
    assert_eq!((run.sent, run.requests), (1, 1), "{run:?}");
    assert_eq!(world.digible.counts().batches, 1);
    world.digible.clear_requests();

    // Inserted in the shop, and sent before.
    let name = world.digible.product(id(1)).ok_or("lost")?.name;
    world.shop.delete(&id(1))?;
    world.shop.insert(&id(1), &name, "78.10")?;
    let run = world.sync().await?;
    assert_eq!((run.sent, run.removed, run.requests), (1, 0, 1), "{run:?}");
    let updates = world.digible.requests_to(Endpoint::Update);
    assert_eq!(updates.len(), 1);
    assert_eq!(ids(&updates[0]), [id(1)]);
    assert_eq!(price(&world.digible, &id(1)).as_deref(), Some("78.10"));
    Ok(())
}

/// Raises all prices by a cent each time that Digible has heard something, for ever.
async fn raise_prices(world: &World, products: usize, cents: &Cell<u32>) -> Tested {
    loop {
        let heard = world.digible.counts().requests;
        cents.set(cents.get() + 1);
        for number in 1..=products {
            world.shop.set_price(&id(number), &euros(cents))?;
        }
        world
            .digible
            .wait_for(|digible| digible.counts().requests > heard)
            .await;
    }
}

fn euros(cents: &Cell<u32>) -> String {
    format!("{}.{:02}", cents.get() / 100, cents.get() % 100)
}

#[tokio::test]
async fn no_product_ever_goes_back() -> Tested {
    const PRODUCTS: usize = 12;
    let builder = World::builder()
        .products(PRODUCTS)
        .automatic()
        .set("sync.probe", "100ms")
        .set("digible.bulk_threshold", 8)
        .set("digible.batch_size", 5);
    let world = captured(builder).await?;
    world.digible.inject(Fault::refuse_share(503, 0.05));
    world
        .digible
        .inject(Fault::cut(CutAt::AfterApplying).times(3));
    let cents = Cell::new(1_000);
    for number in 1..=PRODUCTS {
        world.shop.set_price(&id(number), &euros(&cents))?;
    }
    let runs = async {
        for _ in 0..2 {
            let upload = world.start_run(RunKind::Upload).await.unwrap();
            for _ in 0..2 {
                world.sync().await.unwrap();
            }
            let upload = world.finished(&upload.id).await.unwrap();
            assert_eq!(
                upload.outcome(),
                RunOutcome::Completed,
                "{}",
                upload.message
            );
        }
    };
    tokio::select! {
        () = runs => {}
        ended = raise_prices(&world, PRODUCTS, &cents) => ended?,
    }
    world.digible.clear_faults();
    world
        .wait_status(|status| status.pending == 0 && status.in_doubt == 0)
        .await?;
    let mut states = 0;
    for number in 1..=PRODUCTS {
        let history = world.digible.history(id(number));
        let prices: Vec<u32> = history
            .iter()
            .map(|state| state.listing.price.replace('.', "").parse().unwrap())
            .collect();
        assert!(prices.is_sorted(), "{}: {prices:?}", id(number));
        states += prices.len();
    }
    assert!(states > 2 * PRODUCTS, "{states} states say little");
    assert_eq!(world.assert_equal().await?.equal, PRODUCTS);
    Ok(())
}

/// Somebody writes for long, as an import or a stock-taking does: we are the ones who wait.
#[tokio::test]
async fn a_shop_that_is_busy_is_waited_for() -> Tested {
    let mut world = World::builder().products(5).prepare().await?;
    // In WAL mode nobody waits for a writer.
    let shop = world.shop.connection();
    shop.execute_batch("PRAGMA journal_mode = DELETE")?;
    world.launch().await?;
    world.install_capture().await?;
    let shop = world.shop.connection();
    for kind in [RunKind::Upload, RunKind::Sync] {
        world.shop.set_price(&id(1), "77.10")?;
        shop.execute_batch("BEGIN EXCLUSIVE")?;
        let run = world.start_run(kind).await?;
        let waiting = world
            .wait_run(&run.id, |run| run.state() == RunState::Waiting)
            .await?;
        assert!(waiting.message.contains("locked"), "{}", waiting.message);
        shop.execute_batch("COMMIT")?;
        let run = world.finished(&run.id).await?;
        assert_eq!(run.outcome(), RunOutcome::Completed, "{}", run.message);
    }
    let now = status(&world).await?;
    assert_eq!((now.state(), now.pending), (State::UpToDate, 0), "{now:?}");
    assert_eq!(world.assert_equal().await?.equal, 5);
    Ok(())
}

#[tokio::test]
async fn a_sync_that_joins_an_automatic_one_reads_once_more() -> Tested {
    let builder = World::builder()
        .products(5)
        .automatic()
        .set("sync.interval", "1h")
        .set("sync.probe", "100ms")
        .set("digible.timeout", "30s");
    let world = uploaded(builder).await?;
    let hang = Fault::hang(HangEffect::AtOnce).on(Endpoint::Update).once();
    world.digible.inject(hang);
    world.shop.set_price(&id(1), "77.10")?;
    world
        .wait_digible(|digible| digible.counts().updates == 1)
        .await?;
    world.shop.set_price(&id(2), "78.20")?;
    let joined = world.start_run(RunKind::Sync).await?;
    assert_eq!(joined.cause(), RunCause::Scheduled, "{joined:?}");
    world.digible.release();
    let run = world.finished(&joined.id).await?;
    assert_eq!((run.id, run.sent), (joined.id, 2));
    assert_eq!(price(&world.digible, &id(2)).as_deref(), Some("78.20"));
    assert_eq!(world.assert_equal().await?.equal, 5);
    Ok(())
}

/// Who asks for a sync finds what was written before at Digible, whatever syncs go or end just then.
#[tokio::test]
async fn what_was_written_before_a_sync_is_sent_by_it() -> Tested {
    let world = uploaded(World::builder().products(5)).await?;
    let others = async {
        loop {
            world.sync().await.unwrap();
        }
    };
    let mine = async {
        for cents in 10..70 {
            // Not always in step with the others.
            for _ in 0..cents % 5 {
                world.state_of(&id(2)).await.unwrap();
            }
            let wanted = format!("5.{cents}");
            world.shop.set_price(&id(1), &wanted).unwrap();
            let run = world.sync().await.unwrap();
            assert_eq!(run.outcome(), RunOutcome::Completed, "{}", run.message);
            assert_eq!(price(&world.digible, &id(1)), Some(wanted), "{run:?}");
        }
    };
    tokio::select! {
        () = mine => {}
        () = others => {}
    }
    assert_eq!(world.assert_equal().await?.equal, 5);
    Ok(())
}

/// The sum of what a sync reports.
#[tokio::test]
async fn what_a_sync_reports_adds_up() -> Tested {
    let world = uploaded(World::builder().products(10)).await?;
    world.shop.insert("new", "New", "1.50")?;
    world.shop.set_price(&id(1), "77.10")?;
    world.shop.rewrite(&id(2))?;
    world.shop.delete(&id(3))?;
    world.shop.set_price(&id(4), "on request")?;
    let run = world.sync().await?;
    let Run {
        sent,
        unchanged,
        removed,
        parked,
        ..
    } = run;
    assert_eq!((sent, unchanged, removed, parked), (2, 1, 1, 1), "{run:?}");
    assert_eq!((run.done, run.total, run.failed), (5, 5, 0), "{run:?}");
    assert_eq!(run.refused.len(), 1);
    assert_eq!(run.refused[0].product_id, id(4));
    let last = status(&world).await?.last_sync.ok_or("no last sync")?;
    assert_eq!(last, run);
    let result = world.assert_equal().await?;
    assert_eq!((result.equal, result.removed, result.parked), (9, 1, 1));
    Ok(())
}

/// What was captured is sent, but nobody may take that for everything.
#[tokio::test]
async fn a_sync_says_that_capture_is_broken() -> Tested {
    let world = uploaded(World::builder().products(3)).await?;
    let shop = world.shop.connection();
    shop.execute_batch("DROP TRIGGER shopmaster_capture_update")?;
    world.shop.set_price(&id(1), "7.00")?;
    let run = world.sync().await?;
    assert_eq!(run.outcome(), RunOutcome::Failed);
    assert!(run.message.contains("capture install"), "{}", run.message);
    assert!(issue(&status(&world).await?, "CAPTURE_DRIFTED").is_some());
    world.install_capture().await?;
    assert!(issue(&status(&world).await?, "NEVER_UPLOADED").is_some());
    world.upload().await?;
    assert_eq!(world.assert_equal().await?.equal, 3);
    Ok(())
}
