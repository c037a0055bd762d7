//! Every ignored test says what it needs.

use shopmaster_standins::needs::ALL;

use super::rust_sources;

/// A part of another test, which that one starts in a process of its own.
const PART: &str = "started by ";

/// The reasons of the ignored tests in a Rust source.
fn reasons(source: &str) -> impl Iterator<Item = &str> {
    let lines = source.lines().map(str::trim);
    lines
        .filter(|line| line.starts_with(concat!("#[", "ignore")))
        .map(|line| line.split('"').nth(1).unwrap_or_default())
}

/// Whoever reads the summary finds out here what to install, and the failure says the same.
#[test]
fn every_ignored_test_says_what_it_needs() {
    let sources = rust_sources();
    let found = sources
        .iter()
        .flat_map(|(path, text)| reasons(text).map(move |it| (path, it)));
    let found: Vec<_> = found.collect();
    for (path, reason) in &found {
        assert!(
            ALL.contains(reason) || reason.starts_with(PART),
            "{}: `{reason}`",
            path.display()
        );
    }
    for need in ALL {
        assert!(found.iter().any(|(_, reason)| *reason == need), "{need}");
    }
}
