//! Streams that end when the agent stops, because the transport waits for all of them.

use std::pin::Pin;

use tokio::sync::mpsc;
use tokio_stream::{Stream, wrappers::ReceiverStream};
use tokio_util::sync::CancellationToken;
use tonic::Status;

/// Messages that are buffered for a slow client.
const AHEAD: usize = 16;

/// The answer of a streaming call.
pub(super) type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// The sending side of a stream.
pub(super) type Sink<T> = mpsc::Sender<Result<T, Status>>;

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
            () = produce(sink) => {}
            () = left.closed() => {}
            () = ending.cancelled() => {}
        }
    });
    Box::pin(ReceiverStream::new(answers))
}
