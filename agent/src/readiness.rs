//! Notifies systemd when the agent is ready and when it stops: `sd_notify(3)`, for a unit of `Type=notify`.
//!
//! Without `NOTIFY_SOCKET` in the environment, it does nothing.

use std::env;

use jiff::{Timestamp, tz::TimeZone};
use sd_notify::NotifyState;
use shopmaster_engine::status_store::Snapshot;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Reports that the agent listens. From now on `systemctl status` shows its headline, until `ending` is canceled.
pub fn ready(mut status_store: watch::Receiver<Snapshot>, ending: CancellationToken) {
    if env::var_os("NOTIFY_SOCKET").is_none_or(|socket| socket.is_empty()) {
        return;
    }
    notify(&[NotifyState::Ready]);
    tokio::spawn(async move {
        let mut reported = String::new();
        loop {
            let headline = {
                let facts = &status_store.borrow_and_update().facts;
                shopmaster_health::report(facts, Timestamp::now(), &TimeZone::system()).headline
            };
            if headline != reported {
                notify(&[NotifyState::Status(&headline)]);
                reported = headline;
            }
            tokio::select! {
                biased;
                () = ending.cancelled() => return,
                changed = status_store.changed() => if changed.is_err() { return },
            }
        }
    });
}

/// Reports that the agent stops.
pub fn stopping() {
    notify(&[NotifyState::Stopping, NotifyState::Status("Stopping")]);
}

fn notify(state: &[NotifyState]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!(%error, "cannot notify the service manager");
    }
}
