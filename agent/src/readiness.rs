//! Tells systemd when the agent is ready and when it stops: `sd_notify(3)`, for a unit of `Type=notify`.
//!
//! Without `NOTIFY_SOCKET` in the environment nothing is told.

use std::env;

use jiff::{Timestamp, tz::TimeZone};
use sd_notify::NotifyState;
use shopmaster_engine::status_store::Snapshot;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// The agent listens. From now on its headline is what `systemctl status` shows, until `ending`.
pub fn ready(mut status_store: watch::Receiver<Snapshot>, ending: CancellationToken) {
    if env::var_os("NOTIFY_SOCKET").is_none_or(|socket| socket.is_empty()) {
        return;
    }
    tell(&[NotifyState::Ready]);
    tokio::spawn(async move {
        let mut told = String::new();
        loop {
            let headline = {
                let facts = &status_store.borrow_and_update().facts;
                shopmaster_health::report(facts, Timestamp::now(), &TimeZone::system()).headline
            };
            if headline != told {
                tell(&[NotifyState::Status(&headline)]);
                told = headline;
            }
            tokio::select! {
                biased;
                () = ending.cancelled() => return,
                changed = status_store.changed() => if changed.is_err() { return },
            }
        }
    });
}

/// The agent stops.
pub fn stopping() {
    tell(&[NotifyState::Stopping, NotifyState::Status("Stopping")]);
}

fn tell(state: &[NotifyState]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!(%error, "cannot tell the service manager");
    }
}
