//! Answers, and how an answer is cut off in the middle.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use hyper::{
    Response, StatusCode,
    body::{Body, Bytes, Frame, SizeHint},
    header::{CONTENT_LENGTH, CONTENT_TYPE, DATE, HeaderName},
};
use serde::Serialize;
use serde_json::{Value, json};

use super::{settings::Settings, wire::Refusal};

/// An answer before it is sent.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    content_type: Option<String>,
    extra: Option<(HeaderName, String)>,
    body: String,
}

/// Makes hyper close the connection without sending anything more.
#[derive(Debug, thiserror::Error)]
#[error("the connection is closed on purpose")]
pub(super) struct Cut;

/// A body that can end too early.
#[derive(Debug)]
pub(super) struct AnswerBody {
    rest: Bytes,
    ending: Ending,
}

#[derive(Debug)]
enum Ending {
    Clean,
    /// Cut, once what was written has reached the client.
    CutAfterFlush,
    Cut,
}

impl Answer {
    /// A JSON answer.
    pub(super) fn json(status: StatusCode, body: &impl Serialize) -> Self {
        let (status, body) = match serde_json::to_string(body) {
            Ok(body) => (status, body),
            Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
        };
        Self::raw(status, Some("application/json".to_owned()), body)
    }

    /// Digible's answer to an accepted request.
    pub(super) fn success(message: &str, data: Value) -> Self {
        let body = json!({ "success": true, "message": message, "data": data });
        Self::json(StatusCode::OK, &body)
    }

    /// Digible's answer to a refused request.
    pub(super) fn failure(status: StatusCode, message: &str) -> Self {
        Self::json(status, &json!({ "success": false, "message": message }))
    }

    /// Any answer.
    pub(super) fn raw(status: StatusCode, content_type: Option<String>, body: String) -> Self {
        Self {
            status,
            content_type,
            extra: None,
            body,
        }
    }

    /// The same answer with one more header.
    pub(super) fn with(mut self, name: HeaderName, value: String) -> Self {
        self.extra = Some((name, value));
        self
    }

    /// Sends it, dated by the stand-in's own clock.
    pub(super) fn send(self, settings: &Settings) -> Result<Response<AnswerBody>, Cut> {
        self.respond(settings, Ending::Clean)
    }

    /// Sends its head and half of its body, and closes the connection.
    pub(super) fn send_half(self, settings: &Settings) -> Result<Response<AnswerBody>, Cut> {
        self.respond(settings, Ending::CutAfterFlush)
    }

    fn respond(self, settings: &Settings, ending: Ending) -> Result<Response<AnswerBody>, Cut> {
        let whole = Bytes::from(self.body);
        let mut head = Response::builder()
            .status(self.status)
            .header(DATE, httpdate::fmt_http_date(settings.now()))
            .header(CONTENT_LENGTH, whole.len());
        if let Some(content_type) = self.content_type {
            head = head.header(CONTENT_TYPE, content_type);
        }
        if let Some((name, value)) = self.extra {
            head = head.header(name, value);
        }
        let rest = match ending {
            Ending::Clean => whole,
            Ending::CutAfterFlush | Ending::Cut => whole.slice(..whole.len() / 2),
        };
        // Only a header value from a fault can be invalid here.
        head.body(AnswerBody { rest, ending }).map_err(|_| Cut)
    }
}

impl From<Refusal> for Answer {
    fn from(refusal: Refusal) -> Self {
        Self::failure(refusal.status, &refusal.message)
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        if !self.rest.is_empty() {
            let rest = std::mem::take(&mut self.rest);
            return Poll::Ready(Some(Ok(Frame::data(rest))));
        }
        match self.ending {
            Ending::Clean => Poll::Ready(None),
            Ending::CutAfterFlush => {
                // hyper flushes when a body has no more data for now.
                self.ending = Ending::Cut;
                context.waker().wake_by_ref();
                Poll::Pending
            }
            Ending::Cut => Poll::Ready(Some(Err(Cut))),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.ending, Ending::Clean) && self.rest.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        match self.ending {
            Ending::Clean => SizeHint::with_exact(self.rest.len() as u64),
            Ending::CutAfterFlush | Ending::Cut => SizeHint::default(),
        }
    }
}
