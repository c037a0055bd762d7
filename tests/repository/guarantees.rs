//! `docs/guarantees.md` and `docs/security.md` against the sources: each promise names the tests behind it, and they exist.

use std::collections::BTreeSet;

use super::{rust_sources, text};

/// The page's parts that promise nothing.
const ELSE: [&str; 3] = ["not promise", "What it costs", "How it is tested"];

/// The pages that promise something.
const PAGES: [&str; 2] = ["docs/guarantees.md", "docs/security.md"];

fn pages() -> String {
    PAGES.map(text).join("\n")
}

/// The names of the tests in a Rust source.
fn tests_of(source: &str) -> Vec<String> {
    let mut is_test = false;
    let mut names = Vec::new();
    for line in source.lines().map(str::trim) {
        is_test |= line == "#[test]" || line.starts_with("#[tokio::test");
        let Some((_, rest)) = line.split_once("fn ").filter(|_| !line.starts_with("//")) else {
            continue;
        };
        // A behaviour that the conformance suite asks of every kind of shop is a test of each.
        if std::mem::take(&mut is_test) || rest.contains("<S: Shop>(") {
            let end = rest.find(['(', '<']).unwrap_or(rest.len());
            names.push(rest[..end].to_owned());
        }
    }
    names
}

/// What stands in a text between `open` and `close`.
fn between<'a>(text: &'a str, open: &str, close: &str) -> Vec<&'a str> {
    let parts = text.split(open).skip(1);
    parts
        .filter_map(|part| Some(part.split_once(close)?.0))
        .collect()
}

/// The tests that a line names.
fn named(line: &str) -> Vec<&str> {
    let lists = between(line, "<sub>", "</sub>").into_iter();
    lists
        .flat_map(|list| list.split('`').skip(1).step_by(2))
        .collect()
}

#[test]
fn each_test_that_the_guarantees_name_exists() {
    let sources = rust_sources();
    let tests: BTreeSet<_> = sources
        .iter()
        .flat_map(|(_, text)| tests_of(text))
        .collect();
    let page = pages();
    let named: BTreeSet<_> = page.lines().flat_map(named).collect();
    assert!(named.len() > 100, "only {} tests are named", named.len());
    let unknown: Vec<_> = named
        .iter()
        .filter(|name| !tests.contains(**name))
        .collect();
    assert!(unknown.is_empty(), "no such tests: {unknown:?}");
    // Nor is one named where nobody checks it; settings and states have shorter names.
    let code = page.split('`').skip(1).step_by(2);
    let unchecked: Vec<_> = code
        .filter(|word| word.matches('_').count() > 2)
        .filter(|word| !word.contains(|c: char| c.is_uppercase()) && !named.contains(word))
        .collect();
    assert!(unchecked.is_empty(), "not within <sub>: {unchecked:?}");
}

/// Promises are the items of lists, and the rows of tables.
#[test]
fn each_promise_names_its_tests() {
    let page = pages();
    let lines: Vec<_> = page.lines().collect();
    let (mut promises, mut is_promising) = (0, true);
    for (line, next) in lines.iter().zip(lines.iter().skip(1).chain([&""])) {
        if line.starts_with('#') {
            is_promising = !ELSE.iter().any(|part| line.contains(part));
        }
        let is_head = line.starts_with("|--") || next.starts_with("|--");
        let is_limit = line.starts_with("- **Not protected**");
        let is_promise =
            (line.starts_with("- ") && !is_limit) || (line.starts_with('|') && !is_head);
        if is_promising && is_promise {
            promises += 1;
            assert!(!named(line).is_empty(), "no test: {line}");
        }
    }
    assert!(promises > 50, "only {promises} promises");
}
