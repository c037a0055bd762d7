//! Who may use the agent over the network, and what they did: shared by the gate and the service.

use std::{io, sync::Arc, time::Duration};

use jiff::Timestamp;
use shopmaster_access::{Caller, Clients, Entry, Outcome, Refusal, RemoteLog, Throttle};
use shopmaster_base::blocking;
use shopmaster_engine::status_store::StatusStore;
use shopmaster_health::RemoteChange;
use shopmaster_metrics::Metrics;
use tokio::{sync::Mutex, time::sleep};
use tonic::{Code, Status};

use super::{connection::Peer, counters::Counters, share::Shares};
use crate::control::failure::failure;

/// Who may use the agent over the network, and what they did.
#[derive(Debug)]
pub(super) struct Access {
    pub(super) clients: Arc<Clients>,
    pub(super) throttle: Throttle,
    pub(super) shares: Shares,
    pub(super) log: Arc<RemoteLog>,
    /// Held while the log is written, so that however many calls there are, one thread waits for the disk.
    pub(super) writing: Mutex<()>,
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

/// What is written to the log of a call.
pub(super) fn entry(
    peer: &Peer,
    caller: Option<&Caller>,
    call: &str,
    text: &str,
    outcome: Outcome,
) -> Entry {
    Entry {
        at: Timestamp::now(),
        client: caller
            .map(|caller| caller.name.to_string())
            .unwrap_or_default(),
        role: caller.map(Caller::role),
        address: peer.address.to_string(),
        call: call.to_owned(),
        text: text.to_owned(),
        outcome,
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
        self.show(RemoteChange {
            client: entry.client,
            text: entry.text,
            at: entry.at,
        });
    }

    /// Writes to the log that a change begins. Returns what to [show](Self::show) once it is made.
    ///
    /// # Errors
    ///
    /// When it cannot be written: then nothing may be changed.
    pub(super) async fn begin(
        &self,
        peer: &Peer,
        caller: &Caller,
        call: &str,
        text: &str,
    ) -> Result<RemoteChange, Status> {
        let entry = entry(peer, Some(caller), call, text, Outcome::Began);
        tracing::info!(client = %entry.client, address = %entry.address, "a remote client {text}");
        let change = RemoteChange {
            client: entry.client.clone(),
            text: text.to_owned(),
            at: entry.at,
        };
        let written = self.write(entry).await;
        written.map(|()| change).map_err(|error| {
            tracing::error!(%error, "the log of remote changes cannot be written");
            failure(
                Code::Unavailable,
                "REMOTE_LOG_UNAVAILABLE",
                "Nothing was changed, because the log of remote changes cannot be written"
                    .to_owned(),
                "Check the disk of the agent's computer, or make the change there",
            )
        })
    }

    /// Shows a change in the status.
    pub(super) fn show(&self, change: RemoteChange) {
        self.status_store
            .update(|facts| facts.last_remote_change = Some(change));
    }

    /// Adds an entry of something that is over; that it cannot be written changes nothing about it. Of many refusals, some
    /// are left out.
    pub(super) async fn note(&self, mut entry: Entry) {
        if entry.outcome == Outcome::Refused {
            match self.log.room(entry.at) {
                Some(0) => {}
                Some(left_out) => entry.text += &format!("; {left_out} others were not written"),
                None => return,
            }
        }
        if let Err(error) = self.write(entry).await {
            tracing::warn!(%error, "the log of remote changes cannot be written");
        }
    }

    async fn write(&self, entry: Entry) -> io::Result<()> {
        let _writing = self.writing.lock().await;
        let log = Arc::clone(&self.log);
        let written = blocking::run(move || log.add(entry)).await;
        written.unwrap_or_else(|| Err(io::Error::other("the agent is stopping")))
    }

    /// Notes that a client called.
    pub(super) async fn record_call(&self, caller: &Caller) {
        if !self.clients.record_call(&caller.name, Timestamp::now()) {
            return;
        }
        let clients = Arc::clone(&self.clients);
        if let Some(Err(error)) = blocking::run(move || clients.save()).await {
            tracing::warn!(%error, "cannot record when a remote client last called");
        }
    }
}
