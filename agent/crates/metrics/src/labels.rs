//! The values that labels may have: closed sets of words.

use shopmaster_catalog::CaptureStatus;
use shopmaster_health::{
    Severity, State,
    run::{Kind, Outcome},
};

/// Labels of one sample. Names and values are part of the program, so none of them can name a product, a person or
/// an address.
pub type Labels = Vec<(&'static str, &'static str)>;

pub(crate) const STATES: [State; 7] = [
    State::Unconfigured,
    State::UpToDate,
    State::Pending,
    State::Sending,
    State::Paused,
    State::Attention,
    State::Broken,
];
pub(crate) const KINDS: [Kind; 3] = [Kind::Sync, Kind::Upload, Kind::Verify];
pub(crate) const OUTCOMES: [Outcome; 4] = [
    Outcome::Completed,
    Outcome::Failed,
    Outcome::Cancelled,
    Outcome::Interrupted,
];
/// What is known of capture.
pub(crate) const CAPTURES: [&str; 6] = [
    "unknown",
    "installed",
    "outdated",
    "not_installed",
    "drifted",
    "not_needed",
];

/// As in `state` of `status --json`.
pub(crate) fn state(state: State) -> &'static str {
    match state {
        State::Unconfigured => "unconfigured",
        State::UpToDate => "up_to_date",
        State::Pending => "pending",
        State::Sending => "sending",
        State::Paused => "paused",
        State::Attention => "attention",
        State::Broken => "broken",
    }
}

pub(crate) fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Sync => "sync",
        Kind::Upload => "upload",
        Kind::Verify => "verify",
    }
}

pub(crate) fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "info",
        Severity::Warning => "warning",
        Severity::Error => "error",
    }
}

/// One of [`CAPTURES`]: as in `capture.state` of `status --json`. `scans`: the table is scanned, whatever is installed.
pub(crate) fn capture(status: Option<&CaptureStatus>, scans: bool) -> &'static str {
    match status {
        None => "unknown",
        Some(CaptureStatus::Installed) => "installed",
        Some(CaptureStatus::Outdated(_)) => "outdated",
        Some(CaptureStatus::NotInstalled) if !scans => "not_installed",
        Some(CaptureStatus::Drifted(_)) => "drifted",
        Some(CaptureStatus::NotInstalled | CaptureStatus::ScanOnly { .. }) => "not_needed",
    }
}
