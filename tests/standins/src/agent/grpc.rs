//! gRPC frames: a byte of flags, four of length, and the message.

use std::{
    collections::VecDeque,
    convert::Infallible,
    future::pending,
    pin::Pin,
    task::{Context, Poll},
};

use http_body_util::BodyExt as _;
use hyper::{
    HeaderMap, Request, Response,
    body::{Body, Bytes, Frame, Incoming},
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue},
};

use super::{Answer, Call};

const PREFIX: usize = 5;

/// Frames that are sent one after the other.
pub(super) struct Frames {
    frames: VecDeque<Frame<Bytes>>,
    stays_open: bool,
}

/// Reads a call, and answers as `decide` says.
pub(super) async fn answer(
    request: Request<Incoming>,
    decide: impl FnOnce(Call) -> Answer,
) -> Result<Response<Frames>, hyper::Error> {
    let path = request.uri().path().to_owned();
    let authorization = request.headers().get(AUTHORIZATION);
    let authorization = authorization.and_then(|value| Some(value.to_str().ok()?.to_owned()));
    let body = request.into_body().collect().await?.to_bytes();
    let call = Call {
        path,
        authorization,
        message: body.get(PREFIX..).unwrap_or_default().to_vec(),
    };
    Ok(match decide(call) {
        Answer::Messages(messages) => good(messages, false),
        Answer::Open(messages) => good(messages, true),
        Answer::Error(status) => failed(&status),
        Answer::Silence => pending().await,
    })
}

fn good(messages: Vec<Vec<u8>>, stays_open: bool) -> Response<Frames> {
    let mut frames: VecDeque<_> = messages
        .into_iter()
        .map(|message| {
            let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
            let mut frame = vec![0];
            frame.extend(length.to_be_bytes());
            frame.extend(message);
            Frame::data(frame.into())
        })
        .collect();
    if !stays_open {
        let trailers = HeaderMap::from_iter([("grpc-status", "0")].map(|(name, value)| {
            (
                hyper::header::HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        }));
        frames.push_back(Frame::trailers(trailers));
    }
    response(Frames { frames, stays_open })
}

fn failed(status: &tonic::Status) -> Response<Frames> {
    let (parts, ()) = status.clone().into_http::<()>().into_parts();
    let frames = Frames {
        frames: VecDeque::new(),
        stays_open: false,
    };
    Response::from_parts(parts, frames)
}

fn response(frames: Frames) -> Response<Frames> {
    let mut response = Response::new(frames);
    let kind = HeaderValue::from_static("application/grpc");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

impl Body for Frames {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.frames.pop_front() {
            Some(frame) => Poll::Ready(Some(Ok(frame))),
            // Nothing wakes it: it stays open until the connection ends.
            None if self.stays_open => Poll::Pending,
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.frames.is_empty() && !self.stays_open
    }
}
