//! Whether the agent slows down a till: a minute of sales with an agent that syncs all the time, and the same minute
//! without an agent.

pub(super) mod sqlite;
pub(super) mod sqlserver;

use std::time::Duration;

use super::{Figure, Unit};

/// How long a till sells.
const SELLING: Duration = Duration::from_secs(60);
/// The time between reading and writing in a sale: 20 sales per second.
const THINKING: Duration = Duration::from_millis(50);
const PRODUCTS: usize = 2_000;

/// The result of a minute of sales.
#[derive(Debug, Default)]
struct Takings {
    sales: u32,
    failed: u32,
    /// The longest of all statements.
    longest: Duration,
}

impl Takings {
    fn note(&mut self, statement: Duration) {
        self.longest = self.longest.max(statement);
    }
}

fn figures(till: &str, with: &Takings, without: &Takings) -> Vec<Figure> {
    vec![
        Figure::new(
            format!("{till}: sales with the agent"),
            f64::from(with.sales),
            Unit::Count,
        ),
        Figure::new("  failed", f64::from(with.failed), Unit::Count),
        Figure::new(
            "  failed without the agent",
            f64::from(without.failed),
            Unit::Count,
        ),
        Figure::new(
            "  longest statement",
            milliseconds(with.longest),
            Unit::Milliseconds,
        ),
        Figure::new(
            "  longest statement without the agent",
            milliseconds(without.longest),
            Unit::Milliseconds,
        ),
    ]
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}
