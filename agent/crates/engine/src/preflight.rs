//! The checks of a catalog that is only being chosen, and which of a catalog's checks count when the table is only
//! scanned.

use shopmaster_catalog::{CaptureStatus, Catalog, CatalogError, Check, Verdict};

use super::first_products;

/// Names of the checks that say nothing about walking the table.
const ONLY_FOR_CAPTURE: [&str; 4] = [
    "catalog.table_kind",
    "catalog.triggers",
    "catalog.output",
    "catalog.names",
];
/// The check of rights. Some rights are needed only for capture, and only the catalog knows which.
const RIGHTS_CHECK: &str = "catalog.rights";

/// The checks of a table that is only being chosen, and of its first products. `scan`: the table is to be scanned, even
/// if it could be captured. Changes nothing.
///
/// # Errors
///
/// When the database cannot be asked.
pub async fn inspect_table(catalog: &dyn Catalog, scan: bool) -> Result<Vec<Check>, CatalogError> {
    // A database that does not answer fails the checks anyway.
    let scans = scan || matches!(catalog.capture().await, Ok(CaptureStatus::ScanOnly { .. }));
    let mut checks = catalog.inspect_table().await?;
    if scans {
        checks = for_walking(checks);
    }
    if checks.iter().all(|check| check.verdict != Verdict::Failed) {
        checks.push(first_products::first_page(catalog).await);
    }
    Ok(checks)
}

/// The result of the preflight where no capture is installed.
pub(super) fn for_walking(checks: Vec<Check>) -> Vec<Check> {
    let mut checks: Vec<_> = checks.into_iter().map(without_capture).collect();
    if checks.iter().all(|check| check.verdict != Verdict::Failed) {
        // What was skipped was skipped because of a check that only capture needs.
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
