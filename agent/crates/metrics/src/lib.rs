//! What the agent measures, as OpenMetrics text for Prometheus.
//!
//! Gauges are not kept here: each scrape makes them from the facts that `status` shows, so the two cannot differ.
//! Counters and histograms are fed by the engine and the Digible client through their observers. The values of labels
//! are words of the program; their type admits nothing that comes from a shop.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use prometheus_client::{encoding::text::encode, registry::Registry};
use shopmaster_digible::{Endpoint, RequestObserver, RequestOutcome};
use shopmaster_engine::{Observer, status_store::StatusStore};
use shopmaster_health::run::{Kind, Outcome};

mod counted;
mod from_status;
mod gauges;
mod labels;
#[cfg(test)]
mod tests;

use counted::Counted;
use from_status::FromStatus;
pub use labels::Labels;

/// The content type of [`Metrics::text`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The prefix of every metric's name.
const PREFIX: &str = "shopmaster";

/// Everything that the agent measures. It outlives every engine.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    counted: Counted,
    from_status: Arc<FromStatus>,
}

/// A gauge or a counter, for other formats than text.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Its whole name.
    pub name: String,
    /// What it says.
    pub help: &'static str,
    /// Whether it only grows.
    pub is_counter: bool,
    /// Its values.
    pub samples: Vec<(Labels, f64)>,
}

impl Metrics {
    /// Nothing is counted yet. The gauges come from `status_store`; the process started at `started_at`.
    #[must_use]
    pub fn new(status_store: Arc<StatusStore>, started_at: Timestamp) -> Self {
        let mut registry = Registry::with_prefix(PREFIX);
        let counted = Counted::register(&mut registry);
        let from_status = Arc::new(FromStatus {
            status_store,
            started_at,
        });
        registry.register_collector(Box::new(Arc::clone(&from_status)));
        Self {
            registry,
            counted,
            from_status,
        }
    }

    /// All gauges and counters as they are now; histograms are only in the text.
    #[must_use]
    pub fn series(&self) -> Vec<Series> {
        let gauges = self.from_status.gauges().into_iter();
        let gauges = gauges.map(|gauge| Series {
            name: gauge.full_name(PREFIX),
            help: gauge.help,
            is_counter: false,
            samples: gauge.samples,
        });
        gauges.chain(self.counted.series(PREFIX)).collect()
    }

    /// The metrics as they are now, in the format that [`CONTENT_TYPE`] names.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail; a text without its end would be refused by whoever reads it.
        let _infallible = encode(&mut text, &self.registry);
        text
    }
}

impl Observer for Metrics {
    fn run_ended(&self, kind: Kind, outcome: Outcome) {
        self.counted.run(kind, outcome);
    }

    fn change_sent(&self, after: Duration) {
        self.counted.change(after);
    }
}

impl RequestObserver for Metrics {
    fn request_ended(&self, endpoint: Endpoint, outcome: RequestOutcome, took: Duration) {
        self.counted.request(endpoint, outcome, took);
    }
}
