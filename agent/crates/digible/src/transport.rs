//! One request and its reply.

use std::fs;
use std::path::Path;
use std::time::Duration;

use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, ClientBuilder, Response};

use super::address::Address;
use super::content::{Content, Limits};
use super::judge::Reply;
use super::setup::SetupError;
use super::wire::{Endpoint, TOKEN_HEADER};
use super::{Answer, DigibleOptions, transport_error};

/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long an idle connection is kept: less than servers usually keep one, so that none is closed during a
/// request.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

const USER_AGENT: &str = concat!("shopmaster/", env!("CARGO_PKG_VERSION"));

/// The connections to Digible.
#[derive(Debug)]
pub(super) struct Transport {
    client: Client,
    address: Address,
    timeout: Duration,
}

impl Transport {
    /// Sets up the client; it does not connect yet.
    ///
    /// # Errors
    ///
    /// When the address or the certificates of `options` cannot be used.
    pub(super) fn new(options: &DigibleOptions) -> Result<Self, SetupError> {
        let address = Address::new(&options.base_url)?;
        let certificates = match &options.ca_file {
            Some(path) => certificates(path)?,
            None => Vec::new(),
        };
        let builder = Client::builder()
            .user_agent(USER_AGENT)
            .default_headers(default_headers())
            // reqwest's own policy sends the token, and the body of the login, to any host.
            .redirect(Policy::none())
            .timeout(options.timeout)
            .connect_timeout(CONNECT_TIMEOUT.min(options.timeout))
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_max_idle_per_host(options.max_in_flight.max(1));
        let client = trust(builder, &address, certificates)
            .build()
            .map_err(|source| SetupError::Build { source })?;
        Ok(Self {
            client,
            address,
            timeout: options.timeout,
        })
    }

    /// Sends `body` and reads the reply, within the limits for an answer about this many `products`.
    ///
    /// # Errors
    ///
    /// What it means that there is no reply, or that a successful reply was cut off.
    pub(super) async fn exchange(
        &self,
        endpoint: Endpoint,
        token: Option<&HeaderValue>,
        body: Vec<u8>,
        products: usize,
    ) -> Result<Reply, Answer> {
        let limits = Limits::of(products);
        let mut request = self
            .client
            .request(endpoint.method(), self.address.of(endpoint).clone())
            .body(body);
        if let Some(token) = token {
            request = request.header(TOKEN_HEADER, token);
        }
        let mut response = request.send().await.map_err(|error| self.failed(error))?;
        let status = response.status();
        let headers = std::mem::take(response.headers_mut());
        let mut bytes = Vec::new();
        match read(&mut response, &mut bytes, limits.bytes).await {
            // A refusal counts even if its text is incomplete.
            Err(error) if status.is_success() => return Err(self.failed(error)),
            Ok(()) | Err(_) => {}
        }
        Ok(Reply {
            status,
            headers,
            content: Content::read(&bytes, limits),
        })
    }

    fn failed(&self, error: reqwest::Error) -> Answer {
        transport_error::answer(error, &self.address.server(), self.timeout)
    }
}

fn default_headers() -> HeaderMap {
    let json = HeaderValue::from_static("application/json");
    HeaderMap::from_iter([(CONTENT_TYPE, json.clone()), (ACCEPT, json)])
}

fn trust(
    builder: ClientBuilder,
    address: &Address,
    certificates: Vec<Certificate>,
) -> ClientBuilder {
    let builder = if address.is_loopback {
        builder.no_proxy()
    } else {
        builder
    };
    if address.is_plain() {
        // No certificate is ever checked, so a computer without any must work.
        return builder.tls_certs_only([]);
    }
    if certificates.is_empty() {
        return builder;
    }
    builder.tls_certs_merge(certificates)
}

fn certificates(path: &Path) -> Result<Vec<Certificate>, SetupError> {
    let pem = fs::read(path).map_err(|source| SetupError::ReadCaFile {
        path: path.to_owned(),
        source,
    })?;
    match Certificate::from_pem_bundle(&pem) {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        Ok(_) | Err(_) => Err(SetupError::NoCertificate {
            path: path.to_owned(),
        }),
    }
}

/// Reads up to one byte more than `most`, which shows that there was more.
async fn read(
    response: &mut Response,
    bytes: &mut Vec<u8>,
    most: usize,
) -> Result<(), reqwest::Error> {
    while let Some(chunk) = response.chunk().await? {
        let room = most + 1 - bytes.len();
        bytes.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if chunk.len() > room {
            break;
        }
    }
    Ok(())
}
