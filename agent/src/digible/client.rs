//! The client: sends products, logs in when it must, and says what came of it.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use httpdate::parse_http_date;
use jiff::Timestamp;
use reqwest::header::DATE;
use secrecy::{ExposeSecret, SecretString};
use tracing::{debug, info, warn};

use super::judge::{Reply, Verdict, judge};
use super::login::{self, Credentials, LoginError};
use super::session::{Moment, Next, Pass, SharedSession};
use super::setup::chain;
use super::token::Token;
use super::transport::Transport;
use super::wire::{self, Endpoint};
use super::{Answer, Cloud, DigibleOptions, Item, Session, SessionState};

/// Gets each new token, so that it outlives the process. It is called between requests and must not
/// wait.
pub type KeepToken = Box<dyn Fn(&SecretString) + Send + Sync>;

const NO_CREDENTIALS: &str = "no email or password for Digible: run `shopmasterctl configure`";

/// The most shapes of answers that are remembered.
const MOST_SHAPES: usize = 64;

/// Digible, over HTTP.
///
/// Any of its futures may be dropped at any time: the session stays usable.
#[derive(Debug)]
pub struct Digible {
    /// Or what a person has to mend first.
    inner: Result<Inner, String>,
}

struct Inner {
    transport: Transport,
    session: SharedSession,
    credentials: Option<Credentials>,
    keep_token: KeepToken,
    shapes: Mutex<HashSet<String>>,
}

impl Digible {
    /// A client for these options. It never fails: when they cannot be used, every call answers
    /// [`Answer::Misconfigured`].
    #[must_use]
    pub fn new(options: DigibleOptions, keep_token: KeepToken) -> Self {
        let inner = Transport::new(&options)
            .map(|transport| Inner::new(transport, options, keep_token))
            .map_err(|error| chain(&error));
        if let Err(reason) = &inner {
            warn!(reason, "Digible cannot be used");
        }
        Self { inner }
    }
}

#[async_trait]
impl Cloud for Digible {
    async fn send_batch(&self, items: &[&Item]) -> Answer {
        match &self.inner {
            Ok(inner) => {
                let body = || wire::batch_body(items);
                inner.send(Endpoint::Batch, &body).await
            }
            Err(reason) => misconfigured(reason),
        }
    }

    async fn send_update(&self, item: &Item) -> Answer {
        match &self.inner {
            Ok(inner) => {
                let body = || wire::update_body(item);
                inner.send(Endpoint::Update, &body).await
            }
            Err(reason) => misconfigured(reason),
        }
    }

    async fn log_in(&self) -> Answer {
        match &self.inner {
            Ok(inner) => inner.log_in_anyway().await,
            Err(reason) => misconfigured(reason),
        }
    }

    fn session(&self) -> Session {
        match &self.inner {
            Ok(inner) => inner.session.known(Moment::now()),
            Err(_) => Session {
                state: SessionState::Unknown,
                expires_at: None,
            },
        }
    }
}

impl Inner {
    fn new(transport: Transport, options: DigibleOptions, keep_token: KeepToken) -> Self {
        let kept = options
            .token
            .and_then(|token| Token::kept(token.expose_secret()));
        Self {
            transport,
            session: SharedSession::new(kept),
            credentials: Credentials::new(options.email, options.password),
            keep_token,
            shapes: Mutex::default(),
        }
    }

    /// Sends one request, and once more under a new token when the old one is turned away.
    async fn send(&self, endpoint: Endpoint, body: &(dyn Fn() -> Vec<u8> + Sync)) -> Answer {
        let pass = match self.pass().await {
            Ok(pass) => pass,
            Err(answer) => return answer,
        };
        match self.exchange(endpoint, &pass, body()).await {
            Verdict::Final(answer) => return answer,
            Verdict::Forbidden { reason } if pass.token.is_fresh(Moment::now().steady) => {
                return Answer::Refused { reason };
            }
            Verdict::Forbidden { .. } | Verdict::Unauthorized { .. } => {}
        }
        let renewed = match self.renew(pass.generation).await {
            Ok(renewed) => renewed,
            Err(answer) => return answer,
        };
        match self.exchange(endpoint, &renewed, body()).await {
            Verdict::Final(answer) => answer,
            Verdict::Forbidden { reason } => Answer::Refused { reason },
            Verdict::Unauthorized { reason } => {
                let reason = format!("{reason}, right after a new login");
                self.session
                    .turned_away(renewed.generation, reason, Moment::now())
            }
        }
    }

    async fn exchange(&self, endpoint: Endpoint, pass: &Pass, body: Vec<u8>) -> Verdict {
        let token = &pass.token;
        let exchanged = self
            .transport
            .exchange(endpoint, Some(token.header()), body);
        let reply = match exchanged.await {
            Ok(reply) => reply,
            Err(answer) => return Verdict::Final(answer),
        };
        self.heard(endpoint, &reply);
        let verdict = judge(endpoint, &reply, &[token.text()]);
        if verdict == Verdict::Final(Answer::Acknowledged) {
            self.session.accepted(pass.generation);
        }
        verdict
    }

    /// The token to send with, from a login when there is none or it is about to end.
    async fn pass(&self) -> Result<Pass, Answer> {
        let can_log_in = self.credentials.is_some();
        match self.session.next(Moment::now(), can_log_in)? {
            Next::Send(pass) => Ok(pass),
            Next::LogIn { generation } => self.renew(generation).await,
        }
    }

    /// A token newer than `generation`: one login for all who ask at the same time.
    async fn renew(&self, generation: u64) -> Result<Pass, Answer> {
        let logins = self.session.logins();
        let _turn = self.session.turn().await;
        let meanwhile = self.session.meanwhile(generation, logins, Moment::now())?;
        if let Some(pass) = meanwhile {
            return Ok(pass);
        }
        match &self.credentials {
            Some(credentials) => self.log_in(credentials).await,
            None => Err(self.session.login_refused(NO_CREDENTIALS.to_owned())),
        }
    }

    async fn log_in_anyway(&self) -> Answer {
        let Some(credentials) = &self.credentials else {
            // A kept token may still be good.
            return Answer::LoggedOut {
                reason: NO_CREDENTIALS.to_owned(),
            };
        };
        let _turn = self.session.turn().await;
        match self.log_in(credentials).await {
            Ok(_) => Answer::Acknowledged,
            Err(answer) => answer,
        }
    }

    /// Logs in; whoever calls has the turn.
    async fn log_in(&self, credentials: &Credentials) -> Result<Pass, Answer> {
        match self.ask_for_token(credentials).await {
            Ok(token) => {
                let kept = SecretString::from(token.text());
                let pass = self.session.logged_in(token);
                let expires_at = pass.token.end().map(tracing::field::display);
                info!(expires_at, "logged in to Digible");
                (self.keep_token)(&kept);
                Ok(pass)
            }
            Err(LoginError::Refused { reason }) => {
                warn!(reason, "Digible refuses the login");
                Err(self.session.login_refused(reason))
            }
            Err(LoginError::Failed(answer)) => {
                debug!(?answer, "no login");
                self.session.login_failed(&answer);
                Err(answer)
            }
        }
    }

    async fn ask_for_token(&self, credentials: &Credentials) -> Result<Token, LoginError> {
        let password = &credentials.password;
        let body = wire::login_body(&credentials.email, password);
        let reply = self
            .transport
            .exchange(Endpoint::Login, None, body)
            .await
            .map_err(LoginError::new)?;
        self.heard(Endpoint::Login, &reply);
        let text = login::token(&reply, password)?;
        let now = Moment::now();
        Token::obtained(text, self.session.server_time(now), now.steady)
            .ok_or_else(|| LoginError::no_token(&reply))
    }

    /// Takes from an answer what it tells besides: the server's time, and what its bodies look like.
    fn heard(&self, endpoint: Endpoint, reply: &Reply) {
        if let Some(date) = date(reply) {
            self.session.heard(date, Moment::now());
        }
        let (name, status) = (endpoint.name(), reply.status.as_u16());
        let shape = reply.content.shape();
        if self.is_new(format!("{name} {status} {shape}")) {
            info!(endpoint = name, status, shape, "a new shape of answer");
        }
    }

    fn is_new(&self, shape: String) -> bool {
        let mut shapes = self.shapes.lock().unwrap_or_else(PoisonError::into_inner);
        shapes.len() < MOST_SHAPES && shapes.insert(shape)
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inner")
            .field("transport", &self.transport)
            .field("session", &self.session)
            .finish_non_exhaustive()
    }
}

fn misconfigured(reason: &str) -> Answer {
    Answer::Misconfigured {
        reason: reason.to_owned(),
    }
}

fn date(reply: &Reply) -> Option<Timestamp> {
    let date = parse_http_date(reply.header(DATE)?).ok()?;
    Timestamp::try_from(date).ok()
}

#[cfg(test)]
mod tests;
