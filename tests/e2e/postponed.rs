//! Products that wait their own time while an upload goes on behind them.

use shopmaster_harness::world::World;
use shopmaster_proto::v1::RunOutcome;
use shopmaster_standins::digible::{Endpoint, Fault};

use crate::support::wait_up_to_date;

/// Two refusals in a row stop the step; its page is tried again while most of the refused products
/// still wait, and the upload's cursor goes past them.
#[tokio::test]
async fn an_upload_comes_back_for_those_who_had_to_wait() {
    let world = World::builder()
        .products(400)
        .set("digible.batch_size", 20)
        .set("digible.max_in_flight", 1)
        .start()
        .await
        .unwrap();
    world.install_capture().await.unwrap();
    let busy = Fault::refuse(429).on(Endpoint::Batch);
    world.digible.inject(busy.times(2));
    let run = world.upload().await.unwrap();
    assert_eq!(run.outcome(), RunOutcome::Completed, "{run:?}");
    assert_eq!(world.digible.count(), 400);
    wait_up_to_date(&world).await;
    assert_eq!(world.assert_equal().await.unwrap().equal, 400);
}
