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

/// A request that would land so much later than its fault says, because the machine stood still, never
/// lands: whoever set the fault relies on the time.
const MOST_BEHIND: Duration = Duration::from_millis(50);

/// The client of a request, as far as it can be told that it hung up.
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

    /// Waits until it has hung up.
    pub(super) async fn gone(self) {
        // Nothing is ever sent: it ends when the other side is dropped.
        let _dropped = self.0.await;
    }
}

/// Lets a good request take effect `after` its client gave up or was told, in a task of its own.
/// Returns when it is time to tell the client.
pub(super) async fn land(
    shared: &Arc<Shared>,
    sequence: u64,
    call: Result<Call, Refusal>,
    told: Told,
    after: Duration,
    client: Client,
) {
    let products = match &call {
        Ok(call) => call.products().to_vec(),
        Err(_) => Vec::new(),
    };
    shared.change(|memory| memory.to_land.insert(sequence, products));
    if told == Told::Nothing {
        client.gone().await;
    }
    let due = Instant::now() + after;
    let shared = Arc::clone(shared);
    tokio::spawn(async move {
        sleep_until(due).await;
        if due.elapsed() <= MOST_BEHIND {
            perform(&shared, sequence, call);
        }
        shared.change(|memory| memory.to_land.remove(&sequence));
    });
}
