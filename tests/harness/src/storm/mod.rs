//! The storm: random cases in which everything goes wrong at once, and the agent must not say anything
//! that is not so.
//!
//! A case is data, a [`Plan`], made from a seed or taken from the corpus of cases that failed once. It
//! says what the till writes, what goes wrong at Digible, and what happens to the agent's process, and
//! when. [`run()`] carries it out around a real agent, asks the oracle all the while, gives the agent
//! healthy surroundings at the end, waits until it is quiet, and asks the oracle of all products. What
//! is done when is determined by the plan; how the agent's threads run meanwhile is not, so a seed that
//! failed may have to be repeated. The binary `storm` runs many cases and prints what failed.

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
pub use plan::{AgentPlan, Journal, Key, Plan, ShopPlan, Step, What, When, Write};
pub use run::{Outcome, StormError, run};
pub use surroundings::{Abilities, Ability};

/// What the agent under test promises.
#[derive(Debug, Clone, Copy)]
pub struct Promises {
    /// It has the key `digible.late_window`; without, its `digible.timeout` stands for that too.
    pub late_window: bool,
    /// `up_to_date` means that nothing is gone from the shop, refused or dismissed either.
    pub green_is_nothing_open: bool,
}

/// What the agent of this tree promises.
pub const PROMISES: Promises = Promises {
    late_window: true,
    green_is_nothing_open: true,
};
