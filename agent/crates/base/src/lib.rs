//! What the agent's crates share and no library provides: files, locks, threads for blocking work, and the text
//! of an error with its causes.
//!
//! Nothing here knows what a product is.

pub mod atomic_file;
pub mod blocking;
pub mod causes;
pub mod exclusive_file;
pub mod file_id;
pub mod lock_file;
pub mod memory;

/// The target of all spans. The log leaves it out; a build that exports spans takes it and nothing else.
pub const SPAN_TARGET: &str = "span";
