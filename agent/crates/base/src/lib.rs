//! What the crates of the agent share and no library gives: files, locks, threads for work that blocks, and the
//! text of an error with its causes.
//!
//! Nothing here knows what a product is.

pub mod atomic_file;
pub mod blocking;
pub mod causes;
pub mod file_id;
pub mod lock_file;
