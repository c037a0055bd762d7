//! An outage of the shop's database: every few seconds, a check shows whether it is available again.
//!
//! Tries wait longer and longer, because each try logs in, and failed logins lock accounts. A check does not log in, so
//! it can be frequent, and the first price after an outage does not wait for the next try.

use std::sync::{Mutex, MutexGuard, PoisonError};

use shopmaster_catalog::CatalogError;

/// What the last failure said, and what checks have shown since.
#[derive(Debug, Default)]
pub(super) struct Outage(Mutex<Phase>);

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// It is available, or it fails in a way that checks cannot show.
    #[default]
    Nothing,
    /// It does not answer.
    Gone,
    /// A check found it available again, and no try has failed since.
    Back,
    /// A check found it available, but the next try failed as before. Checks show too little, so only the time of the
    /// next try counts.
    Doubtful,
    /// Another program needs it exclusively. Nothing is tried before a check shows that this is over.
    Reserved,
}

impl Outage {
    /// Notes why a call to the database failed.
    pub(super) fn note(&self, error: &CatalogError) {
        let mut phase = self.phase();
        *phase = match *phase {
            _ if error.is_reserved() => Phase::Reserved,
            _ if !error.is_away() => Phase::Nothing,
            Phase::Back | Phase::Doubtful => Phase::Doubtful,
            Phase::Nothing | Phase::Gone | Phase::Reserved => Phase::Gone,
        };
    }

    /// Whether checks make sense, because they may show that it is available again.
    pub(super) fn is_on(&self) -> bool {
        matches!(
            *self.phase(),
            Phase::Gone | Phase::Doubtful | Phase::Reserved
        )
    }

    /// Whether another program needs it exclusively.
    pub(super) fn is_reserved(&self) -> bool {
        *self.phase() == Phase::Reserved
    }

    /// Notes whether the database answered a check. True when it is available again.
    pub(super) fn found(&self, answers: bool) -> bool {
        let mut phase = self.phase();
        let (next, is_back) = match (*phase, answers) {
            (Phase::Gone | Phase::Reserved, true) => (Phase::Back, true),
            (Phase::Doubtful, false) => (Phase::Gone, false),
            (same, _) => (same, false),
        };
        *phase = next;
        is_back
    }

    fn phase(&self) -> MutexGuard<'_, Phase> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shopmaster_catalog::{Closed, ConnectFailure, Passing};

    fn failed(is_away: bool) -> CatalogError {
        CatalogError::Connect {
            server: "shop".to_owned(),
            cause: ConnectFailure {
                code: "CODE",
                remedy: "".into(),
                passing: Passing::Perhaps,
                is_away,
                fingerprint: None,
                error: "failed".into(),
            },
        }
    }

    fn gone() -> CatalogError {
        failed(true)
    }

    #[test]
    fn only_what_was_gone_comes_back_and_once() {
        let outage = Outage::default();
        assert!(!outage.is_on() && !outage.found(true));
        outage.note(&gone());
        assert!(outage.is_on());
        assert!(!outage.found(false));
        assert!(outage.found(true));
        assert!(!outage.is_on() && !outage.found(true));
    }

    #[test]
    fn a_check_that_shows_too_little_hurries_no_try() {
        let outage = Outage::default();
        outage.note(&gone());
        assert!(outage.found(true));
        // Something answers in its place, such as a forwarded port.
        outage.note(&gone());
        assert!(!outage.found(true));
        outage.note(&gone());
        assert!(!outage.found(true));
        assert!(!outage.found(false));
        assert!(outage.found(true));
    }

    #[test]
    fn a_refused_login_is_not_hurried() {
        let outage = Outage::default();
        outage.note(&gone());
        outage.note(&failed(false));
        assert!(!outage.is_on() && !outage.found(true));
    }

    #[test]
    fn a_reserved_database_is_waited_for_however_long() {
        let outage = Outage::default();
        outage.note(&CatalogError::Closed {
            database: "shop".to_owned(),
            state: Closed::SingleUser,
        });
        assert!(outage.is_reserved() && !outage.found(false));
        assert!(outage.is_reserved() && outage.found(true));
        assert!(!outage.is_reserved());
    }
}
