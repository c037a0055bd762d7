//! Requests that take effect after their client has given up.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::oneshot,
    time::{Instant, sleep_until},
};

use super::{
    exchange::perform,
    fault::Told,
    shared::Shared,
    wire::{Call, Refusal},
};

/// How much later than its fault says still counts as on time.
const MOST_BEHIND: Duration = Duration::from_millis(50);

/// A request that takes effect after its client has given up.
#[derive(Debug)]
pub(super) struct Late {
    pub(super) sequence: u64,
    pub(super) call: Result<Call, Refusal>,
    /// How long after its client gave up or was told.
    pub(super) after: Duration,
    /// Whether it takes no effect if the machine was suspended meanwhile.
    pub(super) on_time_only: bool,
}

/// The client of a request: whether it has disconnected.
#[derive(Debug)]
pub(super) struct Client(oneshot::Receiver<()>);

/// Held as long as the client's connection waits for an answer.
#[derive(Debug)]
pub(super) struct Here(#[expect(dead_code, reason = "its end is the news")] oneshot::Sender<()>);

impl Client {
    /// A client that waits until [`Here`] is dropped.
    pub(super) fn connected() -> (Here, Self) {
        let (here, gone) = oneshot::channel();
        (Here(here), Self(gone))
    }

    /// Waits until the client has disconnected.
    pub(super) async fn gone(self) {
        // No value is ever sent: it ends when the other side is dropped.
        let _dropped = self.0.await;
    }
}

impl Late {
    /// Makes the request take effect in a task of its own. Returns when it is time to answer the client.
    pub(super) async fn land(self, shared: &Arc<Shared>, told: Told, client: Client) {
        let products = match &self.call {
            Ok(call) => call.products().to_vec(),
            Err(_) => Vec::new(),
        };
        shared.change(|memory| memory.to_land.insert(self.sequence, products));
        if told == Told::Nothing {
            client.gone().await;
        }
        let due = Instant::now() + self.after;
        let shared = Arc::clone(shared);
        tokio::spawn(async move {
            sleep_until(due).await;
            if !self.on_time_only || due.elapsed() <= MOST_BEHIND {
                perform(&shared, self.sequence, self.call);
            }
            shared.change(|memory| memory.to_land.remove(&self.sequence));
        });
    }
}
