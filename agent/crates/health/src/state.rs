//! From facts and issues to the state in one word.

use super::{Comparison, Facts, Issue, Severity, State};

/// Whether the agent, the shop's database and Digible allow products to be sent, apart from a pause: false exactly
/// where the state would be unconfigured or broken. None while that is not known.
pub(super) fn can_send(facts: &Facts, issues: &[Issue]) -> Option<bool> {
    if !facts.missing.is_empty() || is_broken(issues) {
        return Some(false);
    }
    let is_known = !facts.starting && facts.catalog.reachable.is_some();
    is_known.then_some(true)
}

fn is_broken(issues: &[Issue]) -> bool {
    issues.iter().any(|issue| issue.severity == Severity::Error)
}

/// The first state that applies. Up to date comes last because it is a claim: an upload has finished, the shop
/// could be read, and nothing is open.
pub(super) fn state(facts: &Facts, issues: &[Issue]) -> State {
    let worst = issues.iter().map(|issue| issue.severity).max();
    if facts.paused.is_some() && facts.missing.is_empty() {
        return State::Paused;
    }
    if is_broken(issues) {
        return State::Broken;
    }
    if !facts.missing.is_empty() {
        return State::Unconfigured;
    }
    if facts.runs.iter().any(super::run::Run::is_sending) {
        return State::Sending;
    }
    if worst == Some(Severity::Warning) {
        return State::Attention;
    }
    if waits(facts) {
        return State::Pending;
    }
    let removed = match facts.notes_removed {
        true => 0,
        false => facts.counts.removed,
    };
    if facts.counts.parked + facts.counts.discarded + removed > 0 {
        return State::Attention;
    }
    if facts.counts.in_doubt > 0 {
        return State::Pending;
    }
    State::UpToDate
}

/// Whether something is still to be sent, as far as is known.
fn waits(facts: &Facts) -> bool {
    let counts = &facts.counts;
    let unread = facts.starting || facts.catalog.reachable != Some(true);
    let uncompared = facts.scan.is_some_and(|scan| scan.compared_at.is_none());
    facts.pending > 0
        || counts.in_doubt > counts.confirming
        || unread
        || uncompared
        || facts.comparison != Comparison::NotDue
        || facts.uploaded_at.is_none()
}
