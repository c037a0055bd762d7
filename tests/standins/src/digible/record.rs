//! What the stand-in remembers.

use serde::{Deserialize, Serialize};

use super::{
    token::TokenSeen,
    wire::{Endpoint, ProductId},
};

/// One request and its result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestRecord {
    /// Its number in the order of arrival, from 1 on.
    pub sequence: u64,
    /// When it had arrived completely, in milliseconds since the stand-in started.
    pub at_ms: u64,
    /// The number of its connection, from 1 on.
    pub connection: u64,
    /// Its method.
    pub method: String,
    /// Its path, with the query if there is one.
    pub path: String,
    /// The documented call that the path names.
    pub endpoint: Option<Endpoint>,
    /// Its header `Content-Type`.
    pub content_type: Option<String>,
    /// Its header `x-access-token`.
    pub token: TokenSeen,
    /// The products in its body, in order; empty when the body was not as documented.
    pub product_ids: Vec<ProductId>,
    /// The status of the answer; none while there is no answer, or if there was none.
    pub status: Option<u16>,
    /// Whether it took effect.
    pub applied: bool,
}

/// A product as Digible shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listing {
    /// The name.
    pub name: String,
    /// The price, as it was sent.
    pub price: String,
}

/// A state that a product went through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applied {
    /// The number of the request that set it.
    pub sequence: u64,
    /// The state.
    #[serde(flatten)]
    pub listing: Listing,
}

/// Sums over all requests since the start or since they were cleared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// All requests, including those to unknown paths.
    pub requests: u64,
    /// Logins.
    pub logins: u64,
    /// Batches.
    pub batches: u64,
    /// Updates.
    pub updates: u64,
    /// Requests that took effect.
    pub applied: u64,
    /// Products in batches and updates that took effect, counted each time.
    pub products_applied: u64,
    /// The largest number of requests in progress at once.
    pub most_in_flight: u64,
}
