//! What some tests need and not every machine has.
//!
//! Such a test is `#[ignore]`d with one of these texts, so that the summary counts it as ignored, not as passed. If it
//! is run anyway (`cargo test -- --ignored`) without what it needs, it fails with the same text. `.ci/run` runs each
//! group where the machine has what it needs.

/// Tests of the tray icon and of notifications.
pub const BUS: &str = "needs a D-Bus daemon: install `dbus-daemon`";
/// Tests of disks that are full or read-only.
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
/// The check of the unit by systemd.
pub const SYSTEMD: &str = "needs `systemd-analyze`: install systemd";

/// All of these texts.
pub const ALL: [&str; 7] = [
    BUS,
    SMALL_DISK,
    OTHER_USERS,
    SQL_SERVER,
    TIME,
    PYTHON,
    SYSTEMD,
];
