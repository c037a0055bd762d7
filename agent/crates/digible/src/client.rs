//! The client: sends products, logs in when necessary, and reports the result.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use async_trait::async_trait;
use httpdate::parse_http_date;
use jiff::Timestamp;
use reqwest::header::DATE;
use secrecy::{ExposeSecret, SecretString};
use shopmaster_base::{SPAN_TARGET, causes::with_causes};
use shopmaster_product::ProductId;
use tracing::{Instrument as _, Span, debug, field, info, info_span, warn};

use super::judge::{Reply, Verdict, is_about_sessions, judge};
use super::login::{self, Credentials, LoginError};
use super::observer::{RequestObserver, RequestOutcome};
use super::session::{Doubt, Moment, Next, Pass, SharedSession, Suspicion};
use super::token::Token;
use super::transport::Transport;
use super::wire::{self, Endpoint};
use super::{Answer, Cloud, DigibleOptions, Fate, Item, Session, SessionState};

/// Receives each new token, so that it outlives the process. It is called between requests and must not block.
pub type KeepToken = Box<dyn Fn(&SecretString) + Send + Sync>;

const NO_CREDENTIALS: &str = "no email or password for Digible: run `shopmasterctl configure`";

/// How many shapes of answers are remembered, at most.
const MOST_SHAPES: usize = 64;

/// The client for Digible, over HTTP.
///
/// Any of its futures may be dropped at any time; the session stays usable.
#[derive(Debug)]
pub struct Digible {
    /// Or what you have to fix first.
    inner: Result<Inner, String>,
}

struct Inner {
    transport: Transport,
    session: SharedSession,
    credentials: Option<Credentials>,
    keep_token: KeepToken,
    observer: Arc<dyn RequestObserver>,
    shapes: Mutex<HashSet<String>>,
}

/// One request with products.
struct Outgoing<'a> {
    endpoint: Endpoint,
    items: Vec<&'a Item>,
    ids: Vec<&'a ProductId>,
}

/// A request that is in progress, as it is counted and traced.
struct Timed {
    endpoint: Endpoint,
    began: Instant,
    span: Span,
}

/// What came back from a request.
enum Heard {
    /// No answer arrived; this is what that means.
    Nothing(Answer),
    Said(Answer),
    Unauthorized {
        reason: String,
    },
}

/// What to try before an answer is reported.
enum Remedy {
    None,
    /// Log in. The answer stands.
    LogIn,
    /// Log in and send the request again. The request was not applied, or not all of it.
    TryAgain {
        /// An earlier batch was reported as refused under the same token.
        was_reported: bool,
    },
}

impl Digible {
    /// Creates a client with these options. This never fails: when the options cannot be used, every call
    /// returns [`Answer::Misconfigured`]. `observer` counts its requests.
    #[must_use]
    pub fn new(
        options: DigibleOptions,
        keep_token: KeepToken,
        observer: Arc<dyn RequestObserver>,
    ) -> Self {
        let inner = Transport::new(&options)
            .map(|transport| Inner::new(transport, options, keep_token, observer))
            .map_err(|error| with_causes(&error));
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
            Ok(inner) => inner.send(&Outgoing::batch(items)).await,
            Err(reason) => misconfigured(reason),
        }
    }

    async fn send_update(&self, item: &Item) -> Answer {
        match &self.inner {
            Ok(inner) => inner.send(&Outgoing::update(item)).await,
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

    fn logins(&self) -> u64 {
        self.inner
            .as_ref()
            .map_or(0, |inner| inner.session.logins())
    }
}

impl Inner {
    fn new(
        transport: Transport,
        options: DigibleOptions,
        keep_token: KeepToken,
        observer: Arc<dyn RequestObserver>,
    ) -> Self {
        let kept = options
            .token
            .and_then(|token| Token::kept(token.expose_secret()));
        Self {
            transport,
            session: SharedSession::new(kept),
            credentials: Credentials::new(options.email, options.password),
            keep_token,
            observer,
            shapes: Mutex::default(),
        }
    }

    /// Sends one request, and sends it again with a new token when the old token may be the cause of the
    /// answer. The second answer then counts.
    async fn send(&self, request: &Outgoing<'_>) -> Answer {
        let pass = match self.pass().await {
            Ok(pass) => pass,
            Err(answer) => return answer,
        };
        let sent_at = Moment::now().steady;
        let (first, was_reported) = match self.exchange(request, &pass).await {
            Heard::Nothing(answer) => return answer,
            Heard::Unauthorized { .. } => (None, false),
            Heard::Said(answer) => match self.remedy(request.endpoint, &answer, &pass, sent_at) {
                Remedy::None => return answer,
                Remedy::LogIn => {
                    // The next request finds out whether the login worked.
                    let _renewed = self.renew(pass.generation).await;
                    return answer;
                }
                Remedy::TryAgain { was_reported } => (Some(answer), was_reported),
            },
        };
        let renewed = match (self.renew(pass.generation).await, &first) {
            (Ok(renewed), _) => renewed,
            (Err(answer @ Answer::LoggedOut { .. }), _) | (Err(answer), None) => return answer,
            // The session may have ended without Digible saying so: the products are not to blame for that.
            (Err(Answer::Retry { .. }), Some(first)) => return unproven(first),
            // Nothing new is known about the token.
            (Err(_), Some(first)) => return first.clone(),
        };
        let second = match self.exchange(request, &renewed).await {
            Heard::Nothing(answer) | Heard::Said(answer) => answer,
            Heard::Unauthorized { reason } => {
                self.session
                    .turned_away(renewed.generation, &reason, Moment::now())
            }
        };
        let Some(first) = first else {
            return second;
        };
        if has_passed(&second) {
            self.session.suspicion_was_right();
            if was_reported {
                return after_false_refusals();
            }
        }
        match request.ids.len() {
            0 | 1 => second,
            _ => after_refused_group(first, second),
        }
    }

    /// What to try before an answer is reported: whatever its status, it may mean that the token is no longer
    /// valid.
    fn remedy(&self, endpoint: Endpoint, answer: &Answer, pass: &Pass, sent_at: Instant) -> Remedy {
        let (reason, is_refusal) = match answer {
            Answer::Refused { reason }
            | Answer::Missing { reason }
            | Answer::Misconfigured { reason } => (reason, true),
            // It may have been applied, or may be applied later: the caller decides whether it is sent again.
            Answer::Broken { reason, .. }
            | Answer::Retry {
                reason,
                wait: None,
                fate: Fate::MayStillLand,
            } => (reason, false),
            Answer::Acknowledged
            | Answer::Partly { .. }
            | Answer::TooLarge { .. }
            | Answer::Retry { .. }
            | Answer::LoggedOut { .. } => return Remedy::None,
        };
        if self.credentials.is_none() {
            return Remedy::None;
        }
        let doubt = match (is_refusal, endpoint) {
            _ if is_about_sessions(reason) => Doubt::Words,
            (false, _) => Doubt::Fault,
            (true, Endpoint::Update) => Doubt::Update,
            (true, _) => Doubt::Batch,
        };
        let suspicion = self.session.suspects(pass, doubt, sent_at, Moment::now());
        match (suspicion, is_refusal) {
            (Suspicion::None, _) => Remedy::None,
            (Suspicion::LogIn { .. }, false) => Remedy::LogIn,
            (Suspicion::LogIn { was_reported }, true) => Remedy::TryAgain { was_reported },
        }
    }

    async fn exchange(&self, request: &Outgoing<'_>, pass: &Pass) -> Heard {
        let token = &pass.token;
        let products = request.ids.len();
        let endpoint = request.endpoint;
        let timed = Timed::begin(endpoint, products);
        let exchanged =
            self.transport
                .exchange(endpoint, Some(token.header()), request.body(), products);
        let reply = match exchanged.instrument(timed.span.clone()).await {
            Ok(reply) => reply,
            Err(answer) => {
                self.count(&timed, RequestOutcome::NoAnswer);
                return Heard::Nothing(answer);
            }
        };
        self.heard(endpoint, &reply);
        let verdict = judge(endpoint, &request.ids, &reply, &[token.text()]);
        self.count(&timed, RequestOutcome::of_verdict(&verdict));
        match verdict {
            Verdict::Said(answer) => {
                if has_passed(&answer) {
                    self.session.accepted(pass.generation, Moment::now());
                }
                Heard::Said(answer)
            }
            Verdict::Unauthorized { reason } => Heard::Unauthorized { reason },
        }
    }

    /// The token to send with; logs in when there is none or it is about to expire.
    async fn pass(&self) -> Result<Pass, Answer> {
        let can_log_in = self.credentials.is_some();
        match self.session.next(Moment::now(), can_log_in)? {
            Next::Send(pass) => Ok(pass),
            Next::LogIn { generation } => self.renew(generation).await,
        }
    }

    /// A token newer than `generation`: one login for all callers that ask at the same time.
    async fn renew(&self, generation: u64) -> Result<Pass, Answer> {
        let logins = self.session.logins();
        let _turn = self.session.turn().await;
        let meanwhile = self.session.meanwhile(generation, logins, Moment::now())?;
        if let Some(pass) = meanwhile {
            return Ok(pass);
        }
        match &self.credentials {
            Some(credentials) => self.log_in(credentials).await,
            None => Err(self.session.no_login(NO_CREDENTIALS.to_owned())),
        }
    }

    async fn log_in_anyway(&self) -> Answer {
        let Some(credentials) = &self.credentials else {
            // A stored token may still be valid.
            return Answer::LoggedOut {
                reason: NO_CREDENTIALS.to_owned(),
            };
        };
        let logins = self.session.logins();
        let _turn = self.session.turn().await;
        let result = match self.session.shared(logins) {
            Some(shared) => shared,
            None => self.log_in(credentials).await,
        };
        match result {
            Ok(_) => Answer::Acknowledged,
            Err(answer) => answer,
        }
    }

    /// Logs in; the caller must hold the login turn.
    async fn log_in(&self, credentials: &Credentials) -> Result<Pass, Answer> {
        match self.ask_for_token(credentials).await {
            Ok(token) => {
                let kept = SecretString::from(token.text());
                let pass = self.session.logged_in(token, Moment::now());
                let expires_at = pass.token.end().map(field::display);
                info!(expires_at, "logged in to Digible");
                (self.keep_token)(&kept);
                Ok(pass)
            }
            Err(LoginError::Refused { reason }) => {
                warn!(reason, "Digible refuses the login");
                Err(self.session.login_refused(&reason))
            }
            Err(LoginError::Failed(answer)) => {
                debug!(?answer, "the login failed");
                self.session.login_failed(&answer);
                Err(answer)
            }
        }
    }

    async fn ask_for_token(&self, credentials: &Credentials) -> Result<Token, LoginError> {
        let password = &credentials.password;
        let body = wire::login_body(&credentials.email, password);
        let timed = Timed::begin(Endpoint::Login, 0);
        let exchanged = self.transport.exchange(Endpoint::Login, None, body, 0);
        let exchanged = exchanged.instrument(timed.span.clone());
        let reply = exchanged.await.map_err(|answer| {
            self.count(&timed, RequestOutcome::NoAnswer);
            LoginError::new(answer)
        })?;
        self.heard(Endpoint::Login, &reply);
        let text = login::token(&reply, password);
        let outcome = match &text {
            Ok(_) => RequestOutcome::Accepted,
            Err(LoginError::Refused { .. }) => RequestOutcome::Unauthorized,
            Err(LoginError::Failed(answer)) => RequestOutcome::of_answer(answer),
        };
        self.count(&timed, outcome);
        let text = text?;
        let now = Moment::now();
        Token::obtained(text, self.session.server_time(now), now.steady)
            .ok_or_else(|| LoginError::no_token(&reply, &[password.expose_secret()]))
    }

    /// Counts a request that has ended.
    fn count(&self, timed: &Timed, outcome: RequestOutcome) {
        timed.span.record("outcome", outcome.word());
        self.observer
            .request_ended(timed.endpoint, outcome, timed.began.elapsed());
    }

    /// Records what else an answer shows: the server's time, and the shape of its body.
    fn heard(&self, endpoint: Endpoint, reply: &Reply) {
        if let Some(date) = date(reply) {
            self.session.heard(date, Moment::now());
        }
        let (name, status) = (endpoint.name(), reply.status.as_u16());
        let shape = reply.content.shape();
        if self.is_new(format!("{name} {status} {shape}")) {
            info!(
                endpoint = name,
                status, shape, "Digible's answer has a new shape"
            );
        }
    }

    fn is_new(&self, shape: String) -> bool {
        let mut shapes = self.shapes.lock().unwrap_or_else(PoisonError::into_inner);
        shapes.len() < MOST_SHAPES && shapes.insert(shape)
    }
}

impl Timed {
    fn begin(endpoint: Endpoint, products: usize) -> Self {
        Self {
            endpoint,
            began: Instant::now(),
            span: info_span!(
                target: SPAN_TARGET,
                "request",
                endpoint = endpoint.name(),
                products,
                outcome = field::Empty,
            ),
        }
    }
}

impl<'a> Outgoing<'a> {
    fn batch(items: &[&'a Item]) -> Self {
        Self {
            endpoint: Endpoint::Batch,
            items: items.to_vec(),
            ids: items.iter().map(|item| &item.id).collect(),
        }
    }

    fn update(item: &'a Item) -> Self {
        Self {
            endpoint: Endpoint::Update,
            items: vec![item],
            ids: vec![&item.id],
        }
    }

    fn body(&self) -> Vec<u8> {
        match (self.endpoint, self.items.as_slice()) {
            (Endpoint::Update, [item]) => wire::update_body(item),
            (_, items) => wire::batch_body(items),
        }
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

/// Whether Digible accepted something, which shows that the token is valid.
fn has_passed(answer: &Answer) -> bool {
    matches!(answer, Answer::Acknowledged | Answer::Partly { .. })
}

/// The result of a request that succeeded with a new token after others were refused with the old one:
/// reporting it as acknowledged would suggest that those other products are to blame.
fn after_false_refusals() -> Answer {
    Answer::Retry {
        reason:
            "the Digible session had ended, which Digible reported as a refusal; logged in again"
                .to_owned(),
        wait: None,
        fate: Fate::Unknown,
    }
}

/// The second answer for a group whose first answer was a refusal: some of the group may have been applied the
/// first time, which an answer that does not mention products must not hide.
fn after_refused_group(first: Answer, second: Answer) -> Answer {
    match second {
        Answer::Retry {
            reason,
            wait,
            fate: Fate::NotApplied,
        } => Answer::Retry {
            reason,
            wait,
            fate: Fate::Unknown,
        },
        Answer::Missing { .. } | Answer::Misconfigured { .. } | Answer::LoggedOut { .. }
            if matches!(first, Answer::Refused { .. }) =>
        {
            first
        }
        second => second,
    }
}

/// A refusal that may be due to the session: some of a refused group may have been applied.
fn unproven(refusal: &Answer) -> Answer {
    match refusal {
        Answer::Refused { reason }
        | Answer::Missing { reason }
        | Answer::Misconfigured { reason } => Answer::Retry {
            reason: reason.clone(),
            wait: None,
            fate: Fate::Unknown,
        },
        other => other.clone(),
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
