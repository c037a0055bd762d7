//! The health of each service, as `grpc.health.v1` reports it.

use jiff::Timestamp;
use shopmaster_engine::status_store::Snapshot;
use shopmaster_proto::v1::{
    agent_server, config_server, products_server, runs_server::SERVICE_NAME as RUNS,
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic_health::{ServingStatus, server::HealthReporter};

/// The name that stands for the agent as a whole.
const WHOLE: &str = "";
/// The services that are served as long as the agent runs.
const ALWAYS: [&str; 4] = [
    WHOLE,
    agent_server::SERVICE_NAME,
    config_server::SERVICE_NAME,
    products_server::SERVICE_NAME,
];

/// Sets the health of each service before the first call. Whether products can be sent is not known yet.
pub(super) async fn begin(reporter: &HealthReporter) {
    for service in ALWAYS {
        reporter
            .set_service_status(service, ServingStatus::Serving)
            .await;
    }
    reporter
        .set_service_status(RUNS, ServingStatus::NotServing)
        .await;
}

/// Follows the facts until the agent stops: `Runs` is served while products can be sent. In the end no service is
/// served.
pub(super) async fn follow(
    reporter: HealthReporter,
    mut snapshots: watch::Receiver<Snapshot>,
    ending: CancellationToken,
) {
    let mut reported = false;
    loop {
        let can_send =
            shopmaster_health::can_send(&snapshots.borrow_and_update().facts, Timestamp::now());
        // While it is not known, for example during a change of the configuration, the last report stays.
        let can_send = can_send.unwrap_or(reported);
        if can_send != reported {
            let status = match can_send {
                true => ServingStatus::Serving,
                false => ServingStatus::NotServing,
            };
            reporter.set_service_status(RUNS, status).await;
            reported = can_send;
        }
        tokio::select! {
            () = ending.cancelled() => break,
            changed = snapshots.changed() => if changed.is_err() { break },
        }
    }
    for service in ALWAYS.into_iter().chain([RUNS]) {
        reporter
            .set_service_status(service, ServingStatus::NotServing)
            .await;
    }
}
