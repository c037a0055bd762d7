//! Ends an answer from outside: when the agent stops, because the transport waits for all answers, or when a remote client
//! loses its access.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::HeaderMap;
use http_body::Frame;
use tonic::{Status, body::Body};

/// The same answer, which ends with the status of `end` once that is ready and no more of the answer is.
pub(super) fn until(end: impl Future<Output = Status> + Send + 'static, answer: Body) -> Body {
    Body::new(Until {
        answer,
        end: Box::pin(end),
        is_over: false,
    })
}

struct Until {
    answer: Body,
    end: Pin<Box<dyn Future<Output = Status> + Send>>,
    is_over: bool,
}

impl http_body::Body for Until {
    type Data = <Body as http_body::Body>::Data;
    type Error = Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Status>>> {
        let this = self.get_mut();
        if this.is_over {
            return Poll::Ready(None);
        }
        if let Poll::Ready(frame) = Pin::new(&mut this.answer).poll_frame(context) {
            return Poll::Ready(frame);
        }
        let status = ready!(this.end.as_mut().poll(context));
        this.is_over = true;
        let mut trailers = HeaderMap::new();
        Poll::Ready(Some(match status.add_header(&mut trailers) {
            Ok(()) => Ok(Frame::trailers(trailers)),
            Err(status) => Err(status),
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.is_over || self.answer.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.answer.size_hint()
    }
}
