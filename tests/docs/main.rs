//! The pages of `docs/` against the sources.

use std::{
    fs,
    path::{Path, PathBuf},
};

mod codes;
mod guarantees;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn text(path: &str) -> String {
    fs::read_to_string(repository().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}
