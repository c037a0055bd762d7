//! Ends an answer from outside: when the agent stops, because the transport waits for all answers, or when a remote client
//! loses its access.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use http::HeaderMap;
use http_body::Frame;
use tonic::{Status, body::Body};

/// What is still sent of an answer after its end: the message and the trailers of a call that has just been answered.
const LAST_FRAMES: usize = 2;

/// The same answer, which ends with the status of `end` once that is ready. An answer that is complete by then still arrives.
pub(super) fn until(end: impl Future<Output = Status> + Send + 'static, answer: Body) -> Body {
    Body::new(Until {
        answer,
        end: End::Awaited(Box::pin(end)),
    })
}

struct Until {
    answer: Body,
    end: End,
}

enum End {
    Awaited(Pin<Box<dyn Future<Output = Status> + Send>>),
    /// It is ready, and so many frames may still be sent.
    Ready(Status, usize),
    /// Nothing is sent any more.
    Sent,
}

impl http_body::Body for Until {
    type Data = <Body as http_body::Body>::Data;
    type Error = Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Status>>> {
        let this = self.get_mut();
        if let End::Awaited(end) = &mut this.end
            && let Poll::Ready(status) = end.as_mut().poll(context)
        {
            this.end = End::Ready(status, LAST_FRAMES);
        }
        match &mut this.end {
            End::Sent => return Poll::Ready(None),
            // A stream that always has a message would never end.
            End::Ready(_, 0) => {}
            End::Ready(_, left) => {
                *left -= 1;
                if let Poll::Ready(frame) = Pin::new(&mut this.answer).poll_frame(context) {
                    let is_message = |frame: &Result<Frame<_>, _>| {
                        frame.as_ref().is_ok_and(|frame| frame.is_data())
                    };
                    if !frame.as_ref().is_some_and(is_message) {
                        this.end = End::Sent;
                    }
                    return Poll::Ready(frame);
                }
            }
            End::Awaited(_) => return Pin::new(&mut this.answer).poll_frame(context),
        }
        let End::Ready(status, _) = std::mem::replace(&mut this.end, End::Sent) else {
            return Poll::Ready(None);
        };
        let mut trailers = HeaderMap::new();
        Poll::Ready(Some(match status.add_header(&mut trailers) {
            Ok(()) => Ok(Frame::trailers(trailers)),
            Err(status) => Err(status),
        }))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.end, End::Sent) || self.answer.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.answer.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt as _, Full, StreamBody};
    use prost::bytes::Bytes;
    use tonic::Code;

    use super::*;

    fn over() -> Status {
        Status::unauthenticated("over")
    }

    async fn code(mut body: Body) -> (usize, Option<Code>) {
        let (mut messages, mut code) = (0, None);
        while let Some(frame) = body.frame().await {
            let frame = frame.unwrap();
            match frame.into_trailers() {
                Ok(trailers) => code = Status::from_header_map(&trailers).map(|it| it.code()),
                Err(_) => messages += 1,
            }
        }
        (messages, code)
    }

    #[tokio::test]
    async fn a_stream_that_always_has_a_message_ends_all_the_same() {
        let endless = std::iter::repeat_with(|| Ok::<_, Status>(Frame::data(Bytes::new())));
        let endless = Body::new(StreamBody::new(tokio_stream::iter(endless)));
        let ended = code(until(async { over() }, endless)).await;
        assert_eq!(ended, (LAST_FRAMES, Some(Code::Unauthenticated)));
    }

    #[tokio::test]
    async fn an_answer_that_is_complete_still_arrives() {
        let answer = Full::new(Bytes::from_static(b"done")).map_err(|never| match never {});
        let answer = Body::new(answer.with_trailers(async { Some(Ok(HeaderMap::new())) }));
        assert_eq!(code(until(async { over() }, answer)).await, (1, None));
    }

    #[tokio::test]
    async fn one_that_waits_ends_at_once() {
        let waiting = StreamBody::new(tokio_stream::pending::<Result<Frame<Bytes>, Status>>());
        let ended = code(until(async { over() }, Body::new(waiting))).await;
        assert_eq!(ended, (0, Some(Code::Unauthenticated)));
    }
}
