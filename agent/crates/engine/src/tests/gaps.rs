//! Changes that were not captured: an upload is due, however capture is repaired.

use shopmaster_catalog::InstallOptions;
use shopmaster_health::run::{Cause, Kind, Outcome};

use super::World;

#[tokio::test(start_paused = true)]
async fn an_upload_is_due_before_capture_is_repaired() {
    let world = World::new().await;
    world.upload().await;
    world.shop.has_trigger(false);
    world.shop.fails_to_install();
    world
        .engine
        .install_capture(InstallOptions::default())
        .await
        .unwrap_err();
    let journal = world.engine.journal();
    assert_eq!(journal.uploaded_at().await.unwrap(), None);
}

async fn is_uploaded(world: &World) -> bool {
    world.engine.refresh().await;
    !world.codes().contains(&"NEVER_UPLOADED")
}

#[tokio::test(start_paused = true)]
async fn a_trigger_that_was_missing_for_a_while_makes_an_upload_due() {
    let world = World::new().await;
    world.upload().await;
    assert!(is_uploaded(&world).await);
    world.shop.has_trigger(false);
    world.engine.refresh().await;
    world.shop.has_trigger(true);
    assert!(!is_uploaded(&world).await);
    world.upload().await;
    assert!(is_uploaded(&world).await);
}

#[tokio::test(start_paused = true)]
async fn capture_that_was_installed_again_by_hand_makes_an_upload_due() {
    // Also when nothing checked meanwhile, and a sync is the first to notice.
    for syncs in [false, true] {
        let world = World::new().await;
        world.upload().await;
        world.shop.remove_by_hand();
        world.shop.install_by_hand();
        if syncs {
            world.sync().await;
        }
        assert!(!is_uploaded(&world).await);
        world.upload().await;
        assert!(is_uploaded(&world).await);
    }
}

#[tokio::test(start_paused = true)]
async fn an_upload_that_began_before_capture_was_there_does_not_count() {
    let world = World::new().await;
    world.shop.remove_by_hand();
    world.upload().await;
    world.shop.install_by_hand();
    assert!(!is_uploaded(&world).await);
    world.upload().await;
    assert!(is_uploaded(&world).await);
}

#[tokio::test(start_paused = true)]
async fn an_upload_during_which_capture_is_repaired_does_not_count() {
    for has_trigger in [true, false] {
        let world = World::new().await;
        world.shop.put("a", 1);
        match has_trigger {
            true => _ = world.shop.remove_by_hand(),
            false => world.shop.has_trigger(false),
        }
        let gate = world.cloud.close_gate();
        let begun = world.engine.runs.begin(
            Kind::Upload,
            Cause::Requested,
            shopmaster_health::run::Wish::default(),
        );
        world.cloud.arrived(1).await;
        world.shop.install_by_hand();
        world.shop.has_trigger(true);
        gate.add_permits(100);
        let run = begun.unwrap().0.ended().await;
        assert_eq!(run.outcome, Some(Outcome::Completed));
        assert!(!is_uploaded(&world).await);
    }
}

#[tokio::test(start_paused = true)]
async fn an_upload_is_due_before_the_old_program_is_taken_over() {
    let world = World::new().await;
    world.upload().await;
    let nothing = world.engine.adopt(InstallOptions::default()).await.unwrap();
    assert!(!nothing.was_needed);
    assert!(is_uploaded(&world).await);
    world.shop.has_old_program();
    world
        .engine
        .adopt(InstallOptions::default())
        .await
        .unwrap_err();
    assert!(!is_uploaded(&world).await);
    let again = world.engine.adopt(InstallOptions::default()).await.unwrap();
    assert!(again.was_needed && !again.adoption.is_needed);
    assert!(!is_uploaded(&world).await);
    world.upload().await;
    assert!(is_uploaded(&world).await);
}
