//! What the engine knows about the shop's database and Digible, and bases its decisions on. The status store shows
//! what follows from it, and no decision is based on the status store.

use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use shopmaster_catalog::CaptureStatus;

/// What is known about the shop's database and Digible.
#[derive(Debug)]
pub(super) struct State {
    scan_chosen: bool,
    observed: Mutex<Observed>,
}

#[derive(Debug)]
struct Observed {
    /// None until the database was asked.
    capture: Option<CaptureStatus>,
    scans: bool,
    digible: Reach,
    sent_at: Option<Timestamp>,
}

/// How Digible answered the last time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// It worked, or nothing was sent yet.
    Works,
    /// It did not answer as it should, which may end without help.
    Lost,
    /// It does not work until the user does something.
    Broken,
}

impl State {
    /// Nothing is known yet, except what an earlier process recorded: `sent_at`, when Digible last acknowledged
    /// something.
    pub(super) fn new(scan_chosen: bool, sent_at: Option<Timestamp>) -> Self {
        Self {
            scan_chosen,
            observed: Mutex::new(Observed {
                capture: None,
                scans: scan_chosen,
                digible: Reach::Works,
                sent_at,
            }),
        }
    }

    /// Notes how capture is. Gives whether the table is walked from now on, because scan mode is configured or the
    /// table cannot be captured.
    pub(super) fn note_capture(&self, status: &CaptureStatus) -> bool {
        let mut observed = self.observed();
        observed.scans = self.scan_chosen || matches!(status, CaptureStatus::ScanOnly { .. });
        observed.capture = Some(status.clone());
        observed.scans
    }

    /// Whether changes are found by walking the table, so that shopMaster needs nothing in the shop's database.
    pub(super) fn scans(&self) -> bool {
        self.observed().scans
    }

    /// Whether several rows may have the same key, as in a view, because no constraint forbids it.
    pub(super) fn may_repeat_keys(&self) -> bool {
        matches!(
            self.observed().capture,
            Some(CaptureStatus::ScanOnly { .. })
        )
    }

    /// Whether shopMaster's ChangeLog is in the shop's database, whether or not syncs read it.
    pub(super) fn has_change_log(&self) -> bool {
        let observed = self.observed();
        observed
            .capture
            .as_ref()
            .is_some_and(CaptureStatus::is_there)
    }

    /// Whether changes are found by capture, and it works.
    pub(super) fn is_captured(&self) -> bool {
        let observed = self.observed();
        !observed.scans && observed.capture.as_ref().is_some_and(CaptureStatus::works)
    }

    /// Notes how Digible answered.
    pub(super) fn note_digible(&self, reach: Reach) {
        self.observed().digible = reach;
    }

    /// How Digible answered the last time.
    pub(super) fn digible(&self) -> Reach {
        self.observed().digible
    }

    /// Notes that Digible acknowledged something now, to the millisecond, as the journal stores it.
    pub(super) fn note_sent(&self) {
        let now = Timestamp::now().as_millisecond();
        self.observed().sent_at = Timestamp::from_millisecond(now).ok();
    }

    /// When Digible last acknowledged something; none when it never did.
    pub(super) fn sent_at(&self) -> Option<Timestamp> {
        self.observed().sent_at
    }

    fn observed(&self) -> MutexGuard<'_, Observed> {
        self.observed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_changes_are_found_follows_from_capture_and_the_choice() {
        let view = CaptureStatus::ScanOnly {
            reason: "a view".to_owned(),
            is_installed: false,
        };
        for (chosen, status, scans, may_repeat, has_change_log) in [
            (false, CaptureStatus::NotInstalled, false, false, false),
            (false, CaptureStatus::Installed, false, false, true),
            (
                false,
                CaptureStatus::Outdated(String::new()),
                false,
                false,
                true,
            ),
            (
                false,
                CaptureStatus::Drifted(shopmaster_catalog::Drift::default()),
                false,
                false,
                true,
            ),
            (false, view.clone(), true, true, false),
            (true, CaptureStatus::NotInstalled, true, false, false),
            (true, CaptureStatus::Installed, true, false, true),
            (true, view, true, true, false),
        ] {
            let state = State::new(chosen, None);
            assert_eq!(state.scans(), chosen, "before the database was asked");
            assert_eq!(state.note_capture(&status), scans);
            assert_eq!(
                (
                    state.scans(),
                    state.may_repeat_keys(),
                    state.has_change_log()
                ),
                (scans, may_repeat, has_change_log),
                "{chosen} {status:?}"
            );
        }
    }
}
