//! Runs: what is sent, when, and with what result. The engine knows the traits of the catalog and of the cloud, and
//! the journal; it contains no SQL and no HTTP.
//!
//! Read in this order:
//!
//! - `engine` is what other crates call; `start` starts its tasks: the `scheduler`, `watch`, `compact`.
//! - `registry` holds the runs; other crates watch and cancel a run through `run_handle`.
//! - A run is a `sync`, an `upload` or a `verify`. Each is one or more `walk`s through a source of products: the
//!   ChangeLog, the table, or what the journal holds due. In scan mode a sync is a `scan`.
//! - A walk reads a `page` at a time and sends it in a `step`, one step at a time (`step_lock`): `plan` and `decide`
//!   say what is sent, `dispatch` sends it and gives the result for each product, `recorder` and
//!   `shopmaster_journal` record it, and `ack_queue` deletes the changes that are dealt with.
//! - When Digible refuses a product, a `canary` shows whether the product or Digible is at fault: a product that
//!   Digible acknowledged before, sent again to learn whether Digible accepts anything at all. `endpoint_health`
//!   counts failures, `stop_reason` says why sending stopped, `flow` limits the requests at once, and `retry_queue`
//!   holds the products that wait for another try.
//! - `absence` finds products that are gone from the shop; `table_check` and `owner` notice that capture has missed
//!   changes.
//! - `core` is what all of them share. `status` asks the database and the journal how they are, and `status_store`
//!   holds what is shown; an `observer` counts what is done.

mod absence;
mod ack_queue;
pub mod alarm;
mod backoff;
mod canary;
mod compact;
mod core;
mod database_clock;
mod decide;
mod dispatch;
mod doubt;
mod endpoint_health;
mod engine;
mod explain;
mod failed_canaries;
mod first_products;
mod flow;
mod inspection;
mod integrity;
mod lookup;
mod missing_since;
mod mode;
mod observer;
mod outage;
mod owner;
mod page;
mod plan;
mod preflight;
mod preview;
mod probe;
mod rebuilt;
mod recorder;
mod refused_rows;
mod registry;
mod retry_queue;
mod run_handle;
mod scan;
mod scheduler;
mod seen_set;
mod start;
mod state;
mod status;
pub mod status_store;
mod step;
mod step_lock;
mod stop_reason;
mod sync;
mod table_check;
pub mod tasks;
#[cfg(test)]
mod tests;
mod upload;
mod verify;
mod wait;
mod walk;
mod watch;

pub use core::{GONE_AFTER, Options, Reporting};
pub use engine::{Adopted, Engine};
pub use explain::{Explained, ProductState};
pub use observer::Observer;
pub use preflight::inspect_table;
pub use preview::CatalogEffect;
pub use registry::{StartError, Started};
pub use stop_reason::StepError;
