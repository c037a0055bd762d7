//! What of the catalog's checks counts when the table is only scanned.

use shopmaster_catalog::{Check, Verdict};

/// The checks of the preflight that say nothing about walking the table.
const ONLY_FOR_CAPTURE: [&str; 4] = [
    "catalog.table_kind",
    "catalog.triggers",
    "catalog.output",
    "catalog.names",
];
/// The check of rights: some of them are for capture alone, and which, only the catalog knows.
const RIGHTS_CHECK: &str = "catalog.rights";

/// What the preflight says where nothing is installed.
pub(super) fn for_walking(checks: Vec<Check>) -> Vec<Check> {
    let mut checks: Vec<_> = checks.into_iter().map(without_capture).collect();
    if checks.iter().all(|check| check.verdict != Verdict::Failed) {
        // What was not tried then stands behind a check of capture alone.
        let skipped = |check: &&mut Check| check.verdict == Verdict::Skipped;
        for check in checks.iter_mut().filter(skipped) {
            *check = not_needed(check.name);
        }
    }
    checks
}

fn without_capture(check: Check) -> Check {
    if ONLY_FOR_CAPTURE.contains(&check.name) {
        return not_needed(check.name);
    }
    if check.name == RIGHTS_CHECK && check.verdict == Verdict::Failed {
        return Check::new(check.name, Verdict::Warning, check.text, check.remedy);
    }
    check
}

fn not_needed(name: &'static str) -> Check {
    let text = "not needed, because nothing is installed in scan mode".to_owned();
    Check::new(name, Verdict::Skipped, text, String::new())
}
