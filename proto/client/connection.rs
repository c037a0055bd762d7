//! What the generated clients call through: a channel, and the secret that each call carries.

use std::task::{Context, Poll};

use tonic::{
    body::Body,
    codegen::{
        Service,
        http::{HeaderValue, Request, Response, header::AUTHORIZATION},
    },
    transport::{self, Channel},
};

use super::network::EncryptedChannel;
use crate::remote::Secret;

/// A connection to an agent. A secret is only sent over TLS: a connection with one is made from an encrypted channel.
#[derive(Debug, Clone)]
pub struct Connection {
    channel: Channel,
    /// Sent with each call.
    authorization: Option<HeaderValue>,
}

impl Connection {
    /// Calls carry no secret: the operating system or another program has checked who calls.
    pub(super) fn plain(channel: Channel) -> Self {
        Self {
            channel,
            authorization: None,
        }
    }

    /// Each call carries `secret`.
    pub(super) fn authorized(channel: EncryptedChannel, secret: &Secret) -> Self {
        // A secret consists of letters, digits, `-` and `_`.
        let header = HeaderValue::from_str(&format!("Bearer {}", secret.expose()));
        let authorization = header.ok().map(|mut header| {
            // Neither shown nor kept in the compression's table.
            header.set_sensitive(true);
            header
        });
        Self {
            channel: channel.into_inner(),
            authorization,
        }
    }
}

impl Service<Request<Body>> for Connection {
    type Response = Response<Body>;
    type Error = transport::Error;
    type Future = <Channel as Service<Request<Body>>>::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Service::poll_ready(&mut self.channel, context)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        if let Some(authorization) = &self.authorization {
            let headers = request.headers_mut();
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        Service::call(&mut self.channel, request)
    }
}
