//! What holds for the repository as a whole: pages that name code, ignored tests, line ends.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests, in a crate of tests alone"
)]

use std::{
    fs,
    path::{Path, PathBuf},
};

mod codes;
mod guarantees;
mod ignored;
mod line_ends;
mod links;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn text(path: &str) -> String {
    fs::read_to_string(repository().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}
