//! Every ignored test says what it needs.

use std::{fs, path::Path};

use shopmaster_standins::needs::ALL;

use super::repository;

/// A part of another test, which that one starts in a process of its own.
const PART: &str = "started by ";

fn reasons(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            reasons(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let lines = text.lines().map(str::trim);
            for line in lines.filter(|line| line.starts_with(concat!("#[", "ignore"))) {
                let reason = line.split('"').nth(1).unwrap_or_default().to_owned();
                found.push((path.display().to_string(), reason));
            }
        }
    }
}

/// Whoever reads the summary finds out here what to install, and the failure says the same.
#[test]
fn every_ignored_test_says_what_it_needs() {
    let mut found = Vec::new();
    for folder in ["agent", "ctl", "proto", "tests"] {
        reasons(&repository().join(folder), &mut found);
    }
    for (path, reason) in &found {
        assert!(
            ALL.contains(&reason.as_str()) || reason.starts_with(PART),
            "{path}: `{reason}`"
        );
    }
    for need in ALL {
        assert!(found.iter().any(|(_, reason)| reason == need), "{need}");
    }
}
