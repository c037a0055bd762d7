//! The request of a call, read whole before the call goes on: within limits of size, of time, and of memory for all of them.

use std::time::Duration;

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

/// Reads a whole request, which is one message, and returns it as it is on the wire.
///
/// # Errors
///
/// When it is too large, takes too long, or is not one message; or when its client gives it up. A larger one waits for
/// `large`.
pub(super) async fn read(body: Body, large: &Semaphore) -> Result<Bytes, Status> {
    let read = timeout(DEADLINE, read_slowly(body, large)).await;
    read.unwrap_or_else(|_| {
        Err(Status::deadline_exceeded(format!(
            "the request took longer than {} s",
            DEADLINE.as_secs()
        )))
    })
}

/// The message in a request: behind one byte for compression and four for the length.
/// <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>
pub(super) fn message(request: &[u8]) -> &[u8] {
    request.get(FRAME_HEAD..).unwrap_or_default()
}

async fn read_slowly(mut body: Body, large: &Semaphore) -> Result<Bytes, Status> {
    let (mut bytes, mut permit) = (BytesMut::new(), None);
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
        if size > SMALL && permit.is_none() {
            let taken = large.acquire().await;
            permit = Some(taken.map_err(|_| Status::unavailable("the agent is stopping"))?);
        }
        bytes.extend_from_slice(&data);
    }
    check_one(&bytes)?;
    Ok(bytes.freeze())
}

/// The handlers take the first message and ignore the rest, so what is written to the log would be something else.
fn check_one(request: &[u8]) -> Result<(), Status> {
    let length = match request {
        [_, a, b, c, d, ..] => usize::try_from(u32::from_be_bytes([*a, *b, *c, *d])),
        _ => return Err(Status::invalid_argument("the request has no message")),
    };
    match length.is_ok_and(|length| length == message(request).len()) {
        true => Ok(()),
        false => Err(Status::invalid_argument("the request is not one message")),
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{Full, StreamBody};
    use tokio::time::Instant;
    use tokio_stream::StreamExt as _;
    use tonic::Code;

    use super::*;

    fn framed(size: usize) -> Vec<u8> {
        let length = u32::try_from(size).unwrap().to_be_bytes();
        [&[0][..], &length, &vec![0; size]].concat()
    }

    fn whole(bytes: Vec<u8>) -> Body {
        Body::new(Full::new(Bytes::from(bytes)).map_err(|never| match never {}))
    }

    /// So many bytes, and then nothing: it does not end.
    fn unfinished(size: usize) -> Body {
        let first = http_body::Frame::data(Bytes::from(vec![0; size]));
        let first = tokio_stream::once(Ok::<_, Status>(first));
        Body::new(StreamBody::new(first.chain(tokio_stream::pending())))
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_has_a_size_and_a_deadline() {
        let large = Semaphore::new(1);
        let most = framed(LARGEST_REQUEST);
        assert_eq!(read(whole(most.clone()), &large).await.unwrap(), most);
        let refused = read(whole(framed(LARGEST_REQUEST + 1)), &large).await;
        assert_eq!(refused.unwrap_err().code(), Code::ResourceExhausted);
        let start = Instant::now();
        let refused = read(unfinished(10), &large).await.unwrap_err();
        assert_eq!(refused.code(), Code::DeadlineExceeded);
        assert_eq!(start.elapsed(), DEADLINE);
    }

    #[tokio::test]
    async fn a_request_is_one_message() {
        let large = Semaphore::new(1);
        let twice = [framed(3), framed(0)].concat();
        for bytes in [vec![], vec![0; 4], framed(3)[..7].to_vec(), twice] {
            let refused = read(whole(bytes), &large).await.unwrap_err();
            assert_eq!(refused.code(), Code::InvalidArgument);
        }
        assert!(read(whole(framed(0)), &large).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_large_request_waits_and_a_small_one_does_not() {
        let large = Semaphore::new(1);
        let held = large.acquire().await.unwrap();
        assert!(read(whole(framed(100)), &large).await.is_ok());
        let refused = read(whole(framed(SMALL + 1)), &large).await.unwrap_err();
        assert_eq!(refused.code(), Code::DeadlineExceeded);
        drop(held);
        assert!(read(whole(framed(SMALL + 1)), &large).await.is_ok());
    }
}
