//! Cuts the power under the agent's journal, at any point of what it writes.
//!
//! A kill proves nothing of what is on the disk: the operating system writes the rest. Here SQLite
//! writes through a VFS that notes every write, truncation, sync, creation and deletion in their order
//! (`vfs`, `log`). From the notes before any cut point `rebuild` makes what a disk may hold
//! then: everything before the last sync of each file, and of what came later some 512-byte sectors,
//! some not, some torn. The agent's own journal opens the result (`check`). It must
//!
//! - be ours, and whole,
//! - hold every call that had returned before the cut, and the one that was running wholly or not at all,
//! - conserve: what was handed over is in doubt, and what was published is published.
//!
//! Sometimes a life goes on from there, to be cut again (`life`). What the journal is asked to do is
//! in `workload`, and nowhere else.
//!
//! `cargo test -p shopmaster-powercut` takes a few seconds. For more, with any of
//!
//! - `POWERCUT_WORKLOADS`: how many seeds (8),
//! - `POWERCUT_CUTS`: cut points of each (20),
//! - `POWERCUT_SEED`: the first seed (1); a failure prints its own,
//! - `POWERCUT_FLIPS`: how many bits of each file are flipped, one at a time (150).
//!
//! ```sh
//! POWERCUT_WORKLOADS=500 POWERCUT_CUTS=200 cargo test --release -p shopmaster-powercut
//! ```

#[cfg(test)]
mod check;
#[cfg(test)]
mod ledger;
#[cfg(test)]
mod life;
#[cfg(test)]
mod log;
#[cfg(test)]
mod observed;
#[cfg(test)]
mod rebuild;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod vfs;
#[cfg(test)]
mod workload;
