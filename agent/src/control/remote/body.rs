//! The request of a call, read whole before the call goes on: within limits of size, of time, and of memory for all of them.

use std::{sync::Arc, time::Duration};

use http_body_util::BodyExt as _;
use prost::bytes::{Bytes, BytesMut};
use tokio::{sync::Semaphore, time::timeout};
use tonic::{Status, body::Body};

use crate::control::LARGEST_REQUEST;

/// How long a request may take, from its headers to its end.
const DEADLINE: Duration = Duration::from_secs(10);
/// What a message has in front of it on the wire, in bytes.
const FRAME_HEAD: usize = 5;
/// Up to this size, in bytes, any number of requests is read at once.
const SMALL: usize = 16 << 10;
/// Larger requests that are read at once.
const MOST_LARGE: usize = 8;

/// Reads requests.
#[derive(Debug, Clone)]
pub(super) struct Requests {
    large: Arc<Semaphore>,
}

impl Requests {
    pub(super) fn new() -> Self {
        Self {
            large: Arc::new(Semaphore::new(MOST_LARGE)),
        }
    }

    /// The whole request, as it is on the wire.
    ///
    /// # Errors
    ///
    /// When it is too large or takes too long, or when its client gives it up.
    pub(super) async fn read(&self, body: Body) -> Result<Bytes, Status> {
        let read = timeout(DEADLINE, self.read_slowly(body)).await;
        read.unwrap_or_else(|_| {
            Err(Status::deadline_exceeded(format!(
                "the request took longer than {} s",
                DEADLINE.as_secs()
            )))
        })
    }

    async fn read_slowly(&self, mut body: Body) -> Result<Bytes, Status> {
        let (mut bytes, mut large) = (BytesMut::new(), None);
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame?.into_data() else {
                continue;
            };
            let size = bytes.len() + data.len();
            if size > LARGEST_REQUEST + FRAME_HEAD {
                return Err(Status::resource_exhausted(format!(
                    "the request is larger than {LARGEST_REQUEST} bytes"
                )));
            }
            if size > SMALL && large.is_none() {
                let permit = self.large.acquire().await;
                large = Some(permit.map_err(|_| Status::unavailable("the agent is stopping"))?);
            }
            bytes.extend_from_slice(&data);
        }
        Ok(bytes.freeze())
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{Full, StreamBody};
    use tokio::time::Instant;
    use tokio_stream::StreamExt as _;
    use tonic::Code;

    use super::*;

    fn whole(size: usize) -> Body {
        Body::new(Full::new(Bytes::from(vec![0; size])).map_err(|never| match never {}))
    }

    /// So many bytes, and then nothing: it does not end.
    fn unfinished(size: usize) -> Body {
        let first = http_body::Frame::data(Bytes::from(vec![0; size]));
        let first = tokio_stream::once(Ok::<_, Status>(first));
        Body::new(StreamBody::new(first.chain(tokio_stream::pending())))
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_has_a_size_and_a_deadline() {
        let requests = Requests::new();
        let most = LARGEST_REQUEST + FRAME_HEAD;
        assert_eq!(requests.read(whole(most)).await.unwrap().len(), most);
        let refused = requests.read(whole(most + 1)).await.unwrap_err();
        assert_eq!(refused.code(), Code::ResourceExhausted);
        let start = Instant::now();
        let refused = requests.read(unfinished(10)).await.unwrap_err();
        assert_eq!(refused.code(), Code::DeadlineExceeded);
        assert_eq!(start.elapsed(), DEADLINE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_few_large_requests_are_read_at_once_and_any_number_of_small_ones() {
        let requests = Requests::new();
        let mut reading = tokio::task::JoinSet::new();
        for _ in 0..MOST_LARGE {
            let requests = requests.clone();
            reading.spawn(async move { requests.read(unfinished(SMALL + 1)).await });
        }
        tokio::task::yield_now().await;
        assert_eq!(requests.large.available_permits(), 0);
        assert!(requests.read(whole(SMALL)).await.is_ok());
        // It waits until one of them is over.
        let start = Instant::now();
        let waited = requests.read(whole(SMALL + 1)).await;
        assert!(waited.is_ok() || start.elapsed() == DEADLINE, "{waited:?}");
        assert_eq!(start.elapsed(), DEADLINE);
        while reading.join_next().await.is_some() {}
        assert!(requests.read(whole(SMALL + 1)).await.is_ok());
    }
}
