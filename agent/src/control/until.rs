//! Ends the answers of health and reflection when the agent stops: they would last as long as their clients are
//! connected, and the transport waits for all of them.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::{HeaderMap, HeaderName, HeaderValue};
use http_body::Frame;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::{Status, body::Body};

/// The same answer, which ends with status OK once `ending` is canceled and no more of it is ready.
pub(super) fn until(ending: CancellationToken, answer: Body) -> Body {
    Body::new(Until {
        answer,
        ending: Box::pin(ending.cancelled_owned()),
        is_over: false,
    })
}

struct Until {
    answer: Body,
    ending: Pin<Box<WaitForCancellationFutureOwned>>,
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
        ready!(this.ending.as_mut().poll(context));
        this.is_over = true;
        let well = HeaderMap::from_iter([(
            HeaderName::from_static("grpc-status"),
            HeaderValue::from_static("0"),
        )]);
        Poll::Ready(Some(Ok(Frame::trailers(well))))
    }

    fn is_end_stream(&self) -> bool {
        self.is_over || self.answer.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.answer.size_hint()
    }
}
