//! Whether the agent slows down a till: a minute of sales with an agent that syncs all the time, or verifies over and
//! over, and the same minute without an agent.

pub(super) mod sqlite;
pub(super) mod sqlserver;

use std::time::Duration;

use shopmaster_harness::world::World;
use shopmaster_proto::v1::RunKind;

use super::{BenchError, Figure, Unit, run};

/// How long a till sells.
const SELLING: Duration = Duration::from_secs(60);
/// The time between reading and writing in a sale: 20 sales per second.
const THINKING: Duration = Duration::from_millis(50);
const PRODUCTS: usize = 2_000;

/// What the agent does during a minute of sales.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Load {
    /// It syncs what is sold.
    Syncs,
    /// It also compares all products, and begins again when it has compared them.
    Verifies,
}

impl Load {
    /// Sells while the agent does its work.
    async fn beside(
        self,
        world: &World,
        selling: impl Future<Output = Result<Takings, BenchError>>,
    ) -> Result<Takings, BenchError> {
        let verifying = async {
            loop {
                run(world, RunKind::Verify).await?;
            }
        };
        tokio::select! {
            takings = selling => takings,
            failed = verifying, if self == Self::Verifies => failed,
        }
    }
}

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
