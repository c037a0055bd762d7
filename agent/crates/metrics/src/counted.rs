//! Counters and histograms: what is counted when it happens.

use std::time::Duration;

use prometheus_client::{
    metrics::{counter::Counter, family::Family, histogram::Histogram},
    registry::{Registry, Unit},
};
use shopmaster_digible::{Endpoint, RequestOutcome};
use shopmaster_health::run::{Kind, Outcome};

use crate::{
    Series,
    labels::{self, KINDS, OUTCOMES},
};

/// From what nobody notices to what a shopkeeper calls about.
const CHANGE_SECONDS: [f64; 13] = [
    0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0,
];
/// Up to twice the default timeout of a request.
const REQUEST_SECONDS: [f64; 11] = [0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

const RUNS: &str = "Runs that have ended, by kind and outcome";
const REQUESTS: &str = "Requests to Digible, by endpoint and outcome";

type Pair = [(&'static str, &'static str); 2];
type One = [(&'static str, &'static str); 1];

/// What is counted when it happens.
#[derive(Debug)]
pub(crate) struct Counted {
    runs: Family<Pair, Counter>,
    requests: Family<Pair, Counter>,
    request_time: Family<One, Histogram, fn() -> Histogram>,
    change_time: Histogram,
}

impl Counted {
    /// Registers them. Every combination of labels is there from the beginning, so that the first increase of each
    /// shows.
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let counted = Self {
            runs: Family::default(),
            requests: Family::default(),
            request_time: Family::new_with_constructor(|| Histogram::new(REQUEST_SECONDS)),
            change_time: Histogram::new(CHANGE_SECONDS),
        };
        for kind in KINDS {
            for outcome in OUTCOMES {
                drop(counted.runs.get_or_create(&run(kind, outcome)));
            }
        }
        for endpoint in Endpoint::ALL {
            drop(counted.request_time.get_or_create(&at(endpoint)));
            for outcome in RequestOutcome::ALL {
                drop(counted.requests.get_or_create(&request(endpoint, outcome)));
            }
        }
        registry.register("runs", RUNS, counted.runs.clone());
        registry.register("digible_requests", REQUESTS, counted.requests.clone());
        registry.register_with_unit(
            "digible_request",
            "How long requests to Digible took, with or without an answer",
            Unit::Seconds,
            counted.request_time.clone(),
        );
        registry.register_with_unit(
            "change_to_cloud",
            "From the oldest waiting change of a product, by the clock of the shop's database, until Digible acknowledged the product",
            Unit::Seconds,
            counted.change_time.clone(),
        );
        counted
    }

    /// The counters.
    pub(crate) fn series(&self, prefix: &str) -> [Series; 2] {
        let runs = KINDS.into_iter().flat_map(|kind| {
            let outcomes = OUTCOMES.into_iter();
            outcomes.map(move |outcome| run(kind, outcome))
        });
        let requests = Endpoint::ALL.into_iter().flat_map(|endpoint| {
            let outcomes = RequestOutcome::ALL.into_iter();
            outcomes.map(move |outcome| request(endpoint, outcome))
        });
        [
            counter(prefix, "runs", RUNS, &self.runs, runs),
            counter(
                prefix,
                "digible_requests",
                REQUESTS,
                &self.requests,
                requests,
            ),
        ]
    }

    pub(crate) fn run(&self, kind: Kind, outcome: Outcome) {
        self.runs.get_or_create(&run(kind, outcome)).inc();
    }

    pub(crate) fn change(&self, after: Duration) {
        self.change_time.observe(after.as_secs_f64());
    }

    pub(crate) fn request(&self, endpoint: Endpoint, outcome: RequestOutcome, took: Duration) {
        let labels = request(endpoint, outcome);
        self.requests.get_or_create(&labels).inc();
        let time = self.request_time.get_or_create(&at(endpoint));
        time.observe(took.as_secs_f64());
    }
}

fn run(kind: Kind, outcome: Outcome) -> Pair {
    [("kind", labels::kind(kind)), ("outcome", outcome.word())]
}

fn request(endpoint: Endpoint, outcome: RequestOutcome) -> Pair {
    [("endpoint", endpoint.name()), ("outcome", outcome.word())]
}

fn at(endpoint: Endpoint) -> One {
    [("endpoint", endpoint.name())]
}

fn counter(
    prefix: &str,
    name: &str,
    help: &'static str,
    family: &Family<Pair, Counter>,
    all: impl Iterator<Item = Pair>,
) -> Series {
    #[expect(
        clippy::cast_precision_loss,
        reason = "2^53 requests take longer than anything runs"
    )]
    let value = |labels| family.get_or_create(&labels).get() as f64;
    Series {
        name: format!("{prefix}_{name}_total"),
        help,
        is_counter: true,
        samples: all.map(|labels| (labels.to_vec(), value(labels))).collect(),
    }
}
