//! Streams that end when the agent stops, because the transport waits for all of them.

use std::pin::Pin;

use tokio::sync::mpsc;
use tokio_stream::{Stream, StreamExt as _, wrappers::ReceiverStream};
use tokio_util::sync::CancellationToken;
use tonic::Status;

/// Messages that are buffered for a slow client.
const AHEAD: usize = 16;

/// The answer of a streaming call.
pub(super) type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// The sending side of a stream. Messages are boxed: the channel has room for many, and a status has more than a kilobyte, which
/// each client that watches would cost so many times.
pub(super) struct Sink<T>(mpsc::Sender<Box<Result<T, Status>>>);

/// The client has disconnected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Disconnected;

impl<T> Sink<T> {
    /// Sends a message, and waits while the client is slow.
    pub(super) async fn send(&self, message: Result<T, Status>) -> Result<(), Disconnected> {
        let sent = self.0.send(Box::new(message)).await;
        sent.map_err(|_| Disconnected)
    }
}

/// A stream of what `produce` sends, until it returns, the client disconnects, or `ending` is canceled.
pub(super) fn stream<T, F>(
    ending: CancellationToken,
    produce: impl FnOnce(Sink<T>) -> F + Send + 'static,
) -> Answers<T>
where
    T: Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let (sink, answers) = mpsc::channel(AHEAD);
    tokio::spawn(async move {
        let left = sink.clone();
        tokio::select! {
            () = produce(Sink(sink)) => {}
            () = left.closed() => {}
            () = ending.cancelled() => {}
        }
    });
    Box::pin(ReceiverStream::new(answers).map(|answer| *answer))
}
