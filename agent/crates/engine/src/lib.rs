//! Runs: what is sent, when, and what becomes of it. Knows the catalog's and the cloud's trait and the journal; no
//! SQL, no HTTP.
//!
//! Read in this order:
//!
//! - `engine` is what others call; `start` starts its tasks: the `scheduler`, `watch`, `compact`.
//! - `registry` holds the runs; `run_handle` is how others watch one and cancel it.
//! - A run is a `sync`, an `upload` or a `verify`. Each is one or more `walk`s through a source of products: the
//!   ChangeLog, the table, or what the journal holds due. In scan mode a sync is a `scan`.
//! - A walk reads a `page` at a time and sends it in a `step`, one step at a time (`step_lock`): `plan` and `decide`
//!   say what is sent, `dispatch` sends it and says what became of each product, `recorder` and
//!   `shopmaster_journal` record it, and `ack_queue` deletes the changes that are dealt with.
//! - When Digible refuses a product, a `canary` tells whether the product or Digible is at fault;
//!   `endpoint_health` counts, `stop_reason` says why sending stopped, `flow` how much may be sent at once, and
//!   `retry_queue` what waits for another try.
//! - `absence` finds what is gone from the shop, `table_check` and `owner` what no capture has seen.
//! - `core` is what all of them work with, and `look` asks how things are; `status_store` is what is shown.

mod absence;
mod ack_queue;
pub mod alarm;
mod backoff;
mod canary;
mod compact;
mod core;
mod decide;
mod dispatch;
mod doubt;
mod endpoint_health;
mod engine;
mod explain;
mod failed_canaries;
mod flow;
mod inspection;
mod integrity;
mod lookup;
mod missing_since;
mod mode;
mod outage;
mod owner;
mod page;
mod plan;
mod preflight;
mod probe;
mod rebuilt;
mod recorder;
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

pub use core::{GONE_AFTER, Options};
pub use engine::{Adopted, Engine};
pub use explain::{Explained, ProductState};
pub use registry::{StartError, Started};
pub use stop_reason::StepError;
