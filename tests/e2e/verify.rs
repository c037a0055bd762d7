//! A verify as people see it: its sentence, its questions, and what it leaves behind.

use shopmaster_harness::world::World;
use shopmaster_proto::v1::{RunKind, RunOutcome, State};
use shopmaster_standins::digible::Fault;

use crate::{
    help::{Tested, id, issue, price, status, uploaded},
    support::{wait_issue, wait_up_to_date},
};

#[tokio::test]
async fn a_verify_that_finds_nothing_says_so_and_costs_no_request() -> Tested {
    let world = uploaded(World::builder().products(300)).await?;
    let before = world.digible.counts();
    let output = world.ctl(&["verify"]).await?;
    assert_eq!(output.code, 0, "{output:?}");
    let sentence = "300 of 300 products up to date, compared at ";
    assert!(output.stdout.contains(sentence), "{}", output.stdout);
    let after = world.digible.counts();
    assert_eq!(
        (after.batches, after.updates),
        (before.batches, before.updates)
    );
    let json = world.ctl(&["verify", "--json"]).await?.json()?;
    assert_eq!(
        (&json["kind"], &json["outcome"]),
        (&"verify".into(), &"completed".into())
    );
    assert_eq!((&json["done"], &json["sent"]), (&300.into(), &0.into()));
    wait_up_to_date(&world).await;
    Ok(())
}

#[tokio::test]
async fn what_no_trigger_told_of_is_found_by_itself() -> Tested {
    let world = uploaded(World::builder().products(300).automatic()).await?;
    world.shop.past_the_triggers(
        "UPDATE Products SET SellPrice = 9.99 WHERE ProductID = 'P0000001';
         DELETE FROM Products WHERE ProductID = 'P0000002'",
    )?;
    // Nobody asks for a verify: a sync sees that the triggers were made anew.
    world.sync().await?;
    let missed = wait_issue(&world, "CAPTURE_MISSED_CHANGES").await;
    assert!(
        missed.text.starts_with("2 changes reached"),
        "{}",
        missed.text
    );
    assert_eq!(price(&world.digible, &id(1)).as_deref(), Some("9.99"));
    let removed = world.ctl(&["removed", "--json"]).await?.json()?;
    assert_eq!(removed["products"][0]["product_id"], "P0000002");
    world.verify().await?;
    assert!(issue(&status(&world).await?, "CAPTURE_MISSED_CHANGES").is_none());
    Ok(())
}

#[tokio::test]
async fn a_verify_asks_before_it_sends_much() -> Tested {
    let world = uploaded(World::builder().products(100)).await?;
    world
        .shop
        .past_the_triggers("UPDATE Products SET SellPrice = SellPrice * 100")?;
    let before = world.digible.counts();
    let output = world.ctl(&["verify"]).await?;
    assert_eq!(output.code, 1, "{output:?}");
    let asks = "Nothing sent: 100 of 100 products differ";
    assert!(output.stdout.contains(asks), "{}", output.stdout);
    assert!(
        output.stdout.contains("shopmasterctl verify --yes"),
        "{}",
        output.stdout
    );
    let after = world.digible.counts();
    assert_eq!(
        (after.batches, after.updates),
        (before.batches, before.updates)
    );
    let shown = wait_issue(&world, "VERIFY_ASKS").await;
    assert!(shown.remedy.contains("verify --yes"), "{}", shown.remedy);
    assert_eq!(status(&world).await?.state(), State::Attention);
    let output = world.ctl(&["verify", "--yes"]).await?;
    assert_eq!(output.code, 0, "{output:?}");
    assert!(output.stdout.contains("100 repaired"), "{}", output.stdout);
    assert!(issue(&status(&world).await?, "VERIFY_ASKS").is_none());
    Ok(())
}

#[tokio::test]
async fn a_killed_verify_leaves_nothing_behind_and_the_next_one_finds_all() -> Tested {
    let mut world = uploaded(World::builder().products(2_000)).await?;
    world
        .shop
        .past_the_triggers("UPDATE Products SET SellPrice = 9.99 WHERE ProductID = 'P0001999'")?;
    for _ in 0..3 {
        let run = world.start_run(RunKind::Verify).await?;
        let walking = world.wait_run(&run.id, |run| run.done > 0).await;
        world.kill9();
        world.launch().await?;
        drop(walking);
    }
    let run = world.verify().await?;
    assert_eq!(run.outcome(), RunOutcome::Completed, "{}", run.message);
    assert_eq!(price(&world.digible, &id(1_999)).as_deref(), Some("9.99"));
    Ok(())
}

#[tokio::test]
async fn a_verify_goes_on_while_digible_is_away() -> Tested {
    let world = uploaded(World::builder().products(100)).await?;
    world
        .shop
        .past_the_triggers("UPDATE Products SET SellPrice = 9.99 WHERE ProductID = 'P0000007'")?;
    world.digible.inject(Fault::refuse(503));
    let run = world.verify().await?;
    assert_eq!(run.outcome(), RunOutcome::Failed, "{}", run.message);
    assert!(
        run.message.contains("1 product differed"),
        "{}",
        run.message
    );
    world.digible.clear_faults();
    // It is known by now, and sent by the next sync.
    world.sync().await?;
    assert_eq!(price(&world.digible, &id(7)).as_deref(), Some("9.99"));
    Ok(())
}
