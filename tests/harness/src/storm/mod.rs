//! The storm: random cases in which everything goes wrong at once, and the agent must not report anything that is not
//! true.
//!
//! A case is data: a [`Plan`], generated from a seed or taken from the corpus of cases that once failed. It lists what
//! the till writes, what goes wrong at Digible, what happens to the agent's process, and when. [`run()`] runs it around
//! a real agent and checks with the oracle all the time. In the end it gives the agent healthy surroundings, waits until
//! the agent is quiet, and checks all products. The plan determines what is done and when, but not how the agent's
//! threads run meanwhile, so a failed seed may have to be repeated. The binary `storm` runs many cases and prints the
//! failures.

mod cloud;
mod corpus;
mod crew;
mod generate;
mod oracle;
mod plan;
mod process;
mod run;
mod surroundings;
mod till;
mod trace;

pub use corpus::corpus;
pub use crew::run_all;
pub use oracle::{Finding, Violation};
pub use plan::{AgentPlan, Journal, Key, Plan, Serves, ShopPlan, Step, What, When, Write};
pub use run::{Outcome, StormError, run};
pub use surroundings::{Abilities, Ability};

/// What the agent under test promises.
#[derive(Debug, Clone, Copy)]
pub struct Promises {
    /// It has the key `digible.late_window`; otherwise `digible.timeout` is the late window, too.
    pub late_window: bool,
    /// `up_to_date` also means that nothing is gone from the shop, refused or dismissed.
    pub green_is_nothing_open: bool,
}

/// The promises of the agent in this repository.
pub const PROMISES: Promises = Promises {
    late_window: true,
    green_is_nothing_open: true,
};
