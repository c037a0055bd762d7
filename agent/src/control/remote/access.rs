//! Who may use the agent over the network, and what they did: shared by the gate and the service.

use std::{io, sync::Arc, time::Duration};

use jiff::Timestamp;
use shopmaster_access::{Caller, Clients, Entry, Refusal, RemoteLog, Throttle};
use shopmaster_base::blocking;
use shopmaster_engine::status_store::StatusStore;
use shopmaster_health::RemoteChange;
use shopmaster_metrics::Metrics;
use tokio::time::sleep;

use super::counters::Counters;

/// Who may use the agent over the network, and what they did.
#[derive(Debug)]
pub(super) struct Access {
    pub(super) clients: Arc<Clients>,
    pub(super) throttle: Throttle,
    pub(super) log: Arc<RemoteLog>,
    pub(super) counters: Arc<Counters>,
    pub(super) status_store: Arc<StatusStore>,
    pub(super) metrics: Arc<Metrics>,
}

/// Waits until the client may no longer use the agent, and returns why.
pub(super) async fn end(caller: Caller) -> Refusal {
    let expiry = async {
        let left = caller
            .expires_at
            .map(|end| end.duration_since(Timestamp::now()));
        match left {
            Some(left) => sleep(Duration::try_from(left).unwrap_or_default()).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = caller.revoked.cancelled() => Refusal::Unknown,
        () = expiry => Refusal::Expired,
    }
}

impl Access {
    /// Shows the last change that the log has.
    pub(super) async fn show_last_change(&self) {
        let log = Arc::clone(&self.log);
        let last = blocking::run(move || log.last_change()).await.flatten();
        let Some(entry) = last else {
            return;
        };
        self.status_store.update(|facts| {
            facts.last_remote_change.get_or_insert(RemoteChange {
                client: entry.client,
                text: entry.text,
                at: entry.at,
            });
        });
    }

    /// Adds an entry to the log.
    pub(super) async fn write(&self, entry: Entry) -> io::Result<()> {
        let log = Arc::clone(&self.log);
        let written = blocking::run(move || log.add(entry)).await;
        written.unwrap_or_else(|| Err(io::Error::other("the agent is stopping")))
    }

    /// Adds an entry of something that is over; that it cannot be written changes nothing about it.
    pub(super) async fn note(&self, entry: Entry) {
        if let Err(error) = self.write(entry).await {
            tracing::warn!(%error, "the log of remote changes cannot be written");
        }
    }

    /// Notes that a client called.
    pub(super) async fn saw(&self, caller: &Caller) {
        if !self.clients.saw(&caller.name, Timestamp::now()) {
            return;
        }
        let clients = Arc::clone(&self.clients);
        if let Some(Err(error)) = blocking::run(move || clients.save()).await {
            tracing::warn!(%error, "cannot record when a remote client last called");
        }
    }
}
