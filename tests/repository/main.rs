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

/// Every Rust source below the folders of the workspace: its path and its text.
fn rust_sources() -> Vec<(PathBuf, String)> {
    fn collect(folder: &Path, found: &mut Vec<(PathBuf, String)>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(&path, found);
            } else if path.extension().is_some_and(|end| end == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path, text));
            }
        }
    }
    let mut found = Vec::new();
    for folder in ["agent", "ctl", "proto", "tests"] {
        collect(&repository().join(folder), &mut found);
    }
    found
}
