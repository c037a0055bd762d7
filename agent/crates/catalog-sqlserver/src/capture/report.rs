//! The preflight's findings, one per check.

use shopmaster_catalog::{CatalogError, Check, Mapping, finding::Finding};

use crate::error::{QueryError, QueryResult};

/// The checks, in their order.
const CHECKS: [&str; 15] = [
    "catalog.open",
    "catalog.version",
    "catalog.database",
    "catalog.table",
    "catalog.columns",
    "catalog.table_kind",
    "catalog.key",
    "catalog.key_type",
    "catalog.price_type",
    ONLY,
    WATCH,
    "catalog.triggers",
    "catalog.output",
    "catalog.names",
    "catalog.rights",
];

/// The check of the conditions, which is listed only when there are some.
pub(super) const ONLY: &str = "catalog.only";
/// The check of the watched tables, which is listed only when there are some.
pub(super) const WATCH: &str = "catalog.watch";

/// What was found, check by check: a failure prevents only the checks that depend on it.
#[derive(Debug, Default)]
pub(crate) struct Report {
    findings: Vec<(&'static str, QueryResult<Finding>)>,
    /// The check that is being made.
    current: Option<&'static str>,
}

impl Report {
    /// Starts a check: any failure from here on belongs to it.
    pub(crate) fn begin(&mut self, name: &'static str) {
        self.current = Some(name);
    }

    /// Ends the current check with its verdict.
    pub(crate) fn end(&mut self, found: QueryResult<Finding>) {
        // Before the first check, nothing is known except that there is a session.
        let name = self.current.take().unwrap_or(CHECKS[0]);
        self.findings.push((name, found));
    }

    /// Starts and ends a check.
    pub(crate) fn add(&mut self, name: &'static str, found: QueryResult<Finding>) {
        self.begin(name);
        self.end(found);
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.findings.iter().any(|(_, found)| found.is_err())
    }

    /// Returns the first failure, except those that the user agreed to.
    pub(crate) fn failure(self, is_agreed: impl Fn(&QueryError) -> bool) -> QueryResult<()> {
        let failures = self
            .findings
            .into_iter()
            .filter_map(|(_, found)| found.err());
        match failures.into_iter().find(|fault| !is_agreed(fault)) {
            Some(fault) => Err(fault),
            None => Ok(()),
        }
    }

    /// Every check that was made, with its finding.
    pub(crate) fn into_findings(self) -> Vec<(&'static str, QueryResult<Finding>)> {
        self.findings
    }
}

/// Every check, in order; checks that were not made are marked as skipped.
pub(crate) fn checks(
    mapping: &Mapping,
    mut found: Vec<(&'static str, Result<Finding, CatalogError>)>,
) -> Vec<Check> {
    let one = |name| {
        let place = found.iter().position(|(made, _)| *made == name);
        match place.map(|place| found.swap_remove(place).1) {
            Some(Ok(finding)) => finding.check(name),
            Some(Err(error)) => Check::failed(name, &error),
            None => Check::skipped(name),
        }
    };
    listed(mapping).map(one).collect()
}

/// The result of every check when the server cannot be used.
pub(crate) fn unopened(mapping: &Mapping, error: &CatalogError) -> Vec<Check> {
    let mut all = listed(mapping);
    let first = all.next().map(|first| Check::failed(first, error));
    first.into_iter().chain(all.map(Check::skipped)).collect()
}

/// The checks that are made of this mapping.
fn listed(mapping: &Mapping) -> impl Iterator<Item = &'static str> {
    let has_only = !mapping.only.is_empty();
    let has_watches = !mapping.watches.is_empty();
    CHECKS.into_iter().filter(move |name| match *name {
        ONLY => has_only,
        WATCH => has_watches,
        _ => true,
    })
}
