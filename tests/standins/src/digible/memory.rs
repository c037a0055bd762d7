//! Digible's state as the stand-in keeps it, and the effect of a valid request on it.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use fastrand::Rng;
use hyper::{Method, StatusCode};
use serde_json::json;

use super::{
    answer::Answer,
    fault::{FaultKind, Faults},
    record::{Applied, Counts, Listing, RequestRecord},
    settings::{Remember, Settings, SimOptions},
    token::{TokenSeen, Tokens},
    wire::{Call, Credentials, Endpoint, Product, ProductId, Refusal},
};

/// All state.
#[derive(Debug)]
pub(super) struct Memory {
    pub(super) settings: Settings,
    pub(super) faults: Faults,
    pub(super) tokens: Tokens,
    pub(super) listings: BTreeMap<ProductId, Listing>,
    pub(super) history: HashMap<ProductId, Vec<Applied>>,
    /// In the order of `sequence`.
    pub(super) requests: Vec<RequestRecord>,
    pub(super) counts: Counts,
    /// The products of requests that take effect late, by their number.
    pub(super) to_land: BTreeMap<u64, Vec<Product>>,
    remember: Remember,
    sequence: u64,
    in_flight: u64,
    rng: Rng,
}

/// The parts of a request's head that the stand-in uses.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) method: Method,
    pub(super) target: String,
    pub(super) content_type: Option<String>,
    pub(super) token: Option<String>,
    pub(super) connection: u64,
}

/// A complete request, judged but not yet carried out.
#[derive(Debug)]
pub(super) struct Arrival {
    pub(super) sequence: u64,
    pub(super) call: Result<Call, Refusal>,
    pub(super) fault: Option<FaultKind>,
    pub(super) latency: Duration,
}

impl Memory {
    pub(super) fn new(options: SimOptions) -> Self {
        Self {
            settings: options.settings,
            faults: Faults::default(),
            tokens: Tokens::default(),
            listings: BTreeMap::new(),
            history: HashMap::new(),
            requests: Vec::new(),
            counts: Counts::default(),
            to_land: BTreeMap::new(),
            remember: options.remember,
            sequence: 0,
            in_flight: 0,
            rng: Rng::with_seed(options.seed),
        }
    }

    /// Records a request, whose body was already read, and judges it.
    pub(super) fn arrive(
        &mut self,
        head: Head,
        endpoint: Option<Endpoint>,
        parsed: Option<Result<Call, Refusal>>,
        at_ms: u64,
    ) -> Arrival {
        let token = self
            .tokens
            .judge(head.token.as_deref(), self.settings.unix_now());
        let product_ids = match &parsed {
            Some(Ok(call)) if self.remember == Remember::Everything => {
                call.products().iter().map(|each| each.id.clone()).collect()
            }
            _ => Vec::new(),
        };
        let refusal = self.settings.token_refusal();
        let call = judge(&head, endpoint, (token, refusal), parsed);
        let fault = self.faults.strike(endpoint, call.as_ref(), &mut self.rng);

        self.sequence += 1;
        self.count(endpoint);
        if self.remember == Remember::Everything {
            self.requests.push(RequestRecord {
                sequence: self.sequence,
                at_ms,
                connection: head.connection,
                method: head.method.to_string(),
                path: head.target,
                endpoint,
                content_type: head.content_type,
                token,
                product_ids,
                status: None,
                applied: false,
            });
        }
        Arrival {
            sequence: self.sequence,
            call,
            fault,
            latency: self.settings.latency,
        }
    }

    /// Carries out a valid request.
    pub(super) fn perform(&mut self, sequence: u64, call: &Call) -> Answer {
        let answer = match call {
            Call::Login(credentials) => self.log_in(credentials),
            Call::Batch(products) => self.save_all(sequence, products),
            Call::Update(product) => self.update(sequence, product),
        };
        if answer.status.is_success() {
            self.counts.applied += 1;
            if let Some(record) = self.record(sequence) {
                record.applied = true;
            }
        }
        answer
    }

    /// Records how a request ended.
    pub(super) fn end(&mut self, sequence: u64, status: Option<StatusCode>) {
        self.in_flight = self.in_flight.saturating_sub(1);
        if let Some(record) = self.record(sequence) {
            record.status = status.map(|status| status.as_u16());
        }
    }

    /// Forgets requests and sums; products, their history and all settings stay.
    pub(super) fn clear_requests(&mut self) {
        self.requests.clear();
        self.counts = Counts::default();
    }

    /// Forgets everything except the settings.
    pub(super) fn reset(&mut self) {
        self.clear_requests();
        self.listings.clear();
        self.history.clear();
        self.tokens.revoke_all();
        self.faults.replace(Vec::new());
    }

    fn log_in(&mut self, credentials: &Credentials) -> Answer {
        let settings = &self.settings;
        if credentials.email != settings.email || credentials.password != settings.password {
            return Answer::failure(StatusCode::UNAUTHORIZED, "Invalid email or password");
        }
        let token = self.tokens.issue(
            &settings.email,
            settings.unix_now(),
            settings.token_lifetime,
            settings.token_tells_end,
        );
        Answer::success("Login successful", json!({ "token": token }))
    }

    fn save_all(&mut self, sequence: u64, products: &[Product]) -> Answer {
        for product in products {
            self.save(sequence, product);
        }
        Answer::success("Products synced", json!({ "count": products.len() }))
    }

    fn update(&mut self, sequence: u64, product: &Product) -> Answer {
        if !self.settings.upsert && !self.listings.contains_key(&product.id) {
            return Answer::failure(StatusCode::NOT_FOUND, "Product not found");
        }
        self.save(sequence, product);
        Answer::success("Product updated", json!({ "productId": product.id }))
    }

    fn save(&mut self, sequence: u64, product: &Product) {
        let listing = Listing {
            name: product.name.clone(),
            price: product.price.clone(),
        };
        self.counts.products_applied += 1;
        if self.remember == Remember::Everything {
            let states = self.history.entry(product.id.clone()).or_default();
            states.push(Applied {
                sequence,
                listing: listing.clone(),
            });
        }
        self.listings.insert(product.id.clone(), listing);
    }

    fn count(&mut self, endpoint: Option<Endpoint>) {
        self.in_flight += 1;
        let counts = &mut self.counts;
        counts.requests += 1;
        counts.most_in_flight = counts.most_in_flight.max(self.in_flight);
        match endpoint {
            Some(Endpoint::Login) => counts.logins += 1,
            Some(Endpoint::Batch) => counts.batches += 1,
            Some(Endpoint::Update) => counts.updates += 1,
            None => {}
        }
    }

    fn record(&mut self, sequence: u64) -> Option<&mut RequestRecord> {
        let index = self
            .requests
            .binary_search_by_key(&sequence, |record| record.sequence);
        self.requests.get_mut(index.ok()?)
    }
}

/// What is wrong with a request, the outermost fault first.
fn judge(
    head: &Head,
    endpoint: Option<Endpoint>,
    (token, refusal): (TokenSeen, StatusCode),
    parsed: Option<Result<Call, Refusal>>,
) -> Result<Call, Refusal> {
    let refuse = |status, message: &str| {
        Err(Refusal {
            status,
            message: message.to_owned(),
        })
    };
    let (Some(endpoint), Some(parsed)) = (endpoint, parsed) else {
        return refuse(StatusCode::NOT_FOUND, "no such path");
    };
    if head.method != endpoint.method() {
        return refuse(StatusCode::METHOD_NOT_ALLOWED, "no such method here");
    }
    if !head.content_type.as_deref().is_some_and(is_json) {
        return refuse(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "Content-Type must be application/json",
        );
    }
    match token {
        _ if endpoint == Endpoint::Login => parsed,
        TokenSeen::Valid => parsed,
        TokenSeen::Absent => refuse(refusal, "no x-access-token"),
        TokenSeen::Expired => refuse(refusal, "the token has expired"),
        TokenSeen::Unknown => refuse(refusal, "the token is not valid"),
    }
}

/// Whether a media type (RFC 9110, section 8.3.1) is JSON, with any parameters.
fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("application/json")
}
