//! What some tests need and not every machine has.
//!
//! Such a test is `#[ignore]`d with one of these texts, so that the summary counts it as ignored and not as
//! passed. When it is run all the same (`cargo test -- --ignored`) and what it needs is not there, it fails
//! with the same text. `.ci/run` runs each group where the machine has what it needs.

/// Tests of the tray icon and of notifications.
pub const BUS: &str = "needs a D-Bus daemon: install `dbus-daemon`";
/// Tests of disks that are full or may not be written.
pub const SMALL_DISK: &str = "needs to mount a small disk: run it as root";
/// Tests with two users.
pub const OTHER_USERS: &str = "needs to start programs as other users: run it as root";
/// The conformance of the catalog, on a real server.
pub const SQL_SERVER: &str =
    "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string";
/// Measurements that are too long for every run of the tests.
pub const TIME: &str = "needs half a minute";
/// The examples in Python.
pub const PYTHON: &str = "needs Python with what the examples require: set `SHOPMASTER_TEST_PYTHON` to what `.ci/python` prints";
/// What systemd says about our unit.
pub const SYSTEMD: &str = "needs `systemd-analyze`: install systemd";

/// All of them.
pub const ALL: [&str; 7] = [
    BUS,
    SMALL_DISK,
    OTHER_USERS,
    SQL_SERVER,
    TIME,
    PYTHON,
    SYSTEMD,
];

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

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
        let repository = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
        let mut found = Vec::new();
        for folder in ["agent", "ctl", "proto", "tests"] {
            reasons(&repository.join(folder), &mut found);
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
}
