//! The port at which Prometheus, on this computer, reads the metrics: `metrics.listen`.
//!
//! It follows the configuration and is no part of an engine. A port that is taken is an issue, and it is tried again;
//! everything else goes on.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use shopmaster_base::causes::with_causes;
use shopmaster_engine::{status_store::StatusStore, tasks::guarded};
use shopmaster_health::{Area, Severity, Trouble};
use shopmaster_metrics::Metrics;
use tokio::{net::TcpListener, sync::Mutex, task::JoinHandle};
use tokio_util::sync::CancellationToken;

mod answer;
mod serve;
#[cfg(test)]
mod tests;

/// From one attempt to open a port that is taken to the next.
const RETRY_INTERVAL: Duration = Duration::from_secs(30);

/// The port, open or not.
pub(crate) struct MetricsPort {
    shared: Shared,
    ending: CancellationToken,
    crashed: CancellationToken,
    current: Mutex<Option<Current>>,
}

/// What the port and its task share.
#[derive(Clone)]
struct Shared {
    metrics: Arc<Metrics>,
    status_store: Arc<StatusStore>,
}

/// The configured address, and the task that serves it.
struct Current {
    at: SocketAddr,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl MetricsPort {
    /// A port that is closed. It closes when `ending` is canceled; `crashed` is canceled when its task panics.
    pub(crate) fn new(
        metrics: Arc<Metrics>,
        status_store: Arc<StatusStore>,
        ending: CancellationToken,
        crashed: CancellationToken,
    ) -> Self {
        Self {
            shared: Shared {
                metrics,
                status_store,
            },
            ending,
            crashed,
            current: Mutex::new(None),
        }
    }

    /// Opens the port at this address, moves it there, or closes it. Does nothing when it is as it should be. When it
    /// returns, an address that is no longer configured is free.
    pub(crate) async fn follow(&self, listen: Option<SocketAddr>) {
        let mut current = self.current.lock().await;
        if current.as_ref().map(|current| current.at) == listen {
            return;
        }
        if let Some(old) = current.take() {
            old.stop.cancel();
            // Its guard reports a panic.
            let _ended = old.task.await;
        }
        *current = listen.map(|at| self.open(at));
    }

    fn open(&self, at: SocketAddr) -> Current {
        let stop = self.ending.child_token();
        let work = self.shared.clone().keep_open(at, stop.clone());
        Current {
            at,
            stop,
            task: tokio::spawn(guarded("metrics port", self.crashed.clone(), work)),
        }
    }
}

impl Shared {
    /// Serves the metrics at this address until `stop`, and reports while that is not possible.
    async fn keep_open(self, at: SocketAddr, stop: CancellationToken) {
        while !stop.is_cancelled() {
            match TcpListener::bind(at).await {
                Ok(listener) => {
                    tracing::info!(%at, "the metrics are served");
                    self.status_store.update(|facts| facts.works(Area::Metrics));
                    serve::serve(listener, &self.metrics, &stop).await;
                }
                Err(error) => {
                    self.fails(at, &error);
                    tokio::select! {
                        () = stop.cancelled() => {}
                        () = tokio::time::sleep(RETRY_INTERVAL) => {}
                    }
                }
            }
        }
        self.status_store.update(|facts| facts.works(Area::Metrics));
    }

    fn fails(&self, at: SocketAddr, error: &io::Error) {
        let text = format!(
            "The metrics cannot be read at `{at}` (`metrics.listen`): {}",
            with_causes(error)
        );
        tracing::warn!(%at, error = with_causes(error), "the metrics port cannot be opened");
        let trouble = Trouble {
            severity: Severity::Warning,
            ..Trouble::new(
                "METRICS_PORT",
                text,
                "End the program that uses this port, or choose another port with `shopmasterctl configure --metrics-listen`; shopMaster retries automatically",
            )
        };
        self.status_store
            .update(|facts| facts.fails(Area::Metrics, trouble.lasting()));
    }
}
