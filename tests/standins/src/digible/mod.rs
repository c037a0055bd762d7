//! The stand-in for Digible: the three documented calls on loopback. It accepts only documented requests, has faults that
//! can be set at any time, and remembers every request.
//!
//! ```no_run
//! # async fn example() -> std::io::Result<()> {
//! use shopmaster_standins::digible::{DigibleSim, Endpoint, Fault, SimOptions};
//!
//! let digible = DigibleSim::start(SimOptions::default()).await?;
//! digible.inject(Fault::refuse(503).times(2).on(Endpoint::Batch));
//! // … point a client at `digible.base_url()` …
//! digible.wait_for(|digible| digible.count() == 5_000).await;
//! # Ok(())
//! # }
//! ```
//!
//! What Digible itself does in undocumented cases is unknown; the stand-in refuses them.

mod admin;
mod answer;
mod exchange;
mod fault;
mod late;
mod memory;
mod part;
mod record;
mod server;
mod settings;
mod shared;
#[cfg(test)]
mod tests;
mod token;
mod wire;

use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::{net::TcpListener, task::JoinHandle};

pub use fault::{CutAt, Fault, FaultKind, HangEffect, RetryAfter, Told};
pub use part::Naming;
pub use record::{Applied, Counts, Listing, RequestRecord};
pub use settings::{PASSWORD, Remember, Settings, SimOptions};
pub use token::TokenSeen;
pub use wire::{BATCH_LIMIT, Endpoint, Product, ProductId};

use shared::{Gate, Shared};

/// A running stand-in. Clones are the same one; it stops when the last of them is dropped.
#[derive(Debug, Clone)]
pub struct DigibleSim {
    shared: Arc<Shared>,
    server: Arc<Server>,
}

/// The task that listens; absent while the stand-in is offline.
#[derive(Debug)]
struct Server {
    address: SocketAddr,
    task: Mutex<Option<JoinHandle<()>>>,
    shared: Arc<Shared>,
}

impl DigibleSim {
    /// Starts on 127.0.0.1.
    ///
    /// # Errors
    ///
    /// When the port is taken.
    pub async fn start(options: SimOptions) -> io::Result<Self> {
        let listener = server::listen(options.port).await?;
        let shared = Arc::new(Shared::new(options));
        let server = Arc::new(Server {
            address: listener.local_addr()?,
            task: Mutex::new(None),
            shared: Arc::clone(&shared),
        });
        server.run(listener);
        Ok(Self { shared, server })
    }

    /// The base URL for clients: `http://127.0.0.1:PORT/v1/business`.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}{}", self.server.address, wire::BASE_PATH)
    }

    /// Where the stand-in's own calls are: `http://127.0.0.1:PORT/_sim`.
    #[must_use]
    pub fn admin_url(&self) -> String {
        format!("http://{}/_sim", self.server.address)
    }

    /// The address that it listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.server.address
    }

    /// Closes the port and all connections. What was remembered stays.
    pub async fn go_offline(&self) {
        let task = self.server.take();
        if let Some(task) = task {
            task.abort();
            // The task ends canceled, and then the port is free.
            let _cancelled = task.await;
        }
    }

    /// Listens again on the same port after [`go_offline`](Self::go_offline).
    ///
    /// # Errors
    ///
    /// When another program has taken the port.
    pub async fn go_online(&self) -> io::Result<()> {
        self.go_offline().await;
        let listener = server::listen(self.server.address.port()).await?;
        self.server.run(listener);
        Ok(())
    }

    /// Sets one more fault.
    pub fn inject(&self, fault: Fault) {
        self.shared.change(|memory| memory.faults.inject(fault));
    }

    /// The faults, with the remaining times of each.
    #[must_use]
    pub fn faults(&self) -> Vec<Fault> {
        self.shared.read().faults.list().to_vec()
    }

    /// Ends all faults. Hanging requests still hang until [`release`](Self::release).
    pub fn clear_faults(&self) {
        self.shared
            .change(|memory| memory.faults.replace(Vec::new()));
    }

    /// Releases the requests that hang now.
    pub fn release(&self) {
        self.shared.open(Gate::Released);
    }

    /// Makes all tokens invalid: the next request with one is answered with 401.
    pub fn revoke_tokens(&self) {
        self.shared.change(|memory| memory.tokens.revoke_all());
    }

    /// The settings now.
    #[must_use]
    pub fn settings(&self) -> Settings {
        self.shared.read().settings.clone()
    }

    /// Changes the settings.
    pub fn configure(&self, change: impl FnOnce(&mut Settings)) {
        self.shared.change(|memory| change(&mut memory.settings));
    }

    /// All products, by id.
    #[must_use]
    pub fn products(&self) -> BTreeMap<ProductId, Listing> {
        self.shared.read().listings.clone()
    }

    /// One product; none if it never arrived.
    #[must_use]
    pub fn product(&self, id: impl Into<ProductId>) -> Option<Listing> {
        self.shared.read().listings.get(&id.into()).cloned()
    }

    /// How many products there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.shared.read().listings.len()
    }

    /// The products of requests that have yet to take effect, in the order of arrival.
    #[must_use]
    pub fn still_to_land(&self) -> Vec<Product> {
        let memory = self.shared.read();
        memory.to_land.values().flatten().cloned().collect()
    }

    /// The states that a product went through, oldest first.
    #[must_use]
    pub fn history(&self, id: impl Into<ProductId>) -> Vec<Applied> {
        let memory = self.shared.read();
        memory.history.get(&id.into()).cloned().unwrap_or_default()
    }

    /// All requests since the start or since they were cleared, in the order of arrival.
    #[must_use]
    pub fn requests(&self) -> Vec<RequestRecord> {
        self.shared.read().requests.clone()
    }

    /// The requests to one endpoint, in the order of arrival.
    #[must_use]
    pub fn requests_to(&self, endpoint: Endpoint) -> Vec<RequestRecord> {
        let memory = self.shared.read();
        let records = memory.requests.iter();
        records
            .filter(|record| record.endpoint == Some(endpoint))
            .cloned()
            .collect()
    }

    /// Sums over the requests since the start or since they were cleared.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.shared.read().counts
    }

    /// Forgets requests and sums; products, their history and all settings stay.
    pub fn clear_requests(&self) {
        self.shared.change(|memory| memory.clear_requests());
    }

    /// Removes a product, as Digible itself might lose one.
    pub fn lose(&self, id: impl Into<ProductId>) {
        self.shared
            .change(|memory| memory.listings.remove(&id.into()));
    }

    /// Waits until `condition` is true, without a time limit. It is checked now, and after each request's arrival, effect
    /// and end.
    pub async fn wait_for(&self, condition: impl Fn(&Self) -> bool) {
        let mut changes = self.shared.changes();
        while !condition(self) {
            if changes.changed().await.is_err() {
                return;
            }
        }
    }
}

impl Server {
    fn run(&self, listener: TcpListener) {
        let task = tokio::spawn(server::serve(listener, Arc::clone(&self.shared)));
        let before = self
            .task
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .replace(task);
        if let Some(before) = before {
            before.abort();
        }
    }

    fn take(&self) -> Option<JoinHandle<()>> {
        self.task
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(task) = self.take() {
            task.abort();
        }
        self.shared.open(Gate::Stopped);
    }
}
