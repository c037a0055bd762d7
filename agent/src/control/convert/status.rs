//! Converts the status.

use jiff::{Timestamp, tz::TimeZone};
use shopmaster_digible::SessionState;
use shopmaster_health::{Facts, Icon, Issue, Severity, State};
use shopmaster_journal::Pause;
use shopmaster_proto::v1;

use super::{VERSION, capture::capture, run::run, time::timestamp};

pub(in crate::control) fn status(facts: &Facts, secrets_store: &str) -> v1::Status {
    let report = shopmaster_health::report(facts, Timestamp::now(), &TimeZone::system());
    v1::Status {
        version: VERSION.to_owned(),
        state: state(report.state).into(),
        headline: report.headline,
        pending: facts.pending,
        oldest_pending_at: facts.oldest_pending_at.map(timestamp),
        in_doubt: facts.counts.in_doubt,
        parked: facts.counts.parked,
        removed: facts.counts.removed,
        published: facts.counts.published,
        paused: facts.paused.is_some(),
        paused_until: match facts.paused {
            Some(Pause::Until(until)) => Some(timestamp(until)),
            Some(Pause::UntilResumed) | None => None,
        },
        next_sync_at: facts
            .next_sync_at
            .filter(|_| facts.paused.is_none())
            .map(timestamp),
        last_sync: facts.last_sync.as_ref().map(run),
        current_run: facts.current_run().map(run),
        session: Some(session(facts)),
        capture: Some(capture(facts.capture.as_ref(), facts.scan.is_some())),
        catalog: Some(catalog(facts)),
        issues: report.issues.iter().map(issue).collect(),
        icon: icon(report.icon).into(),
        secrets_store: secrets_store.to_owned(),
        blocked_until: facts.blocked_until.map(timestamp),
        dismissed: facts.counts.discarded,
        confirming: facts.counts.confirming,
        confirming_until: facts.counts.confirming_until.map(timestamp),
        last_sent_at: facts.last_sent_at.map(timestamp),
        last_compared_at: facts.last_compared_at.map(timestamp),
        change_log: facts.change_log.map(|log| v1::ChangeLog {
            changes: log.changes,
            bytes: log.bytes,
            oldest_at: log.oldest_at.map(timestamp),
        }),
        last_remote_change: facts
            .last_remote_change
            .as_ref()
            .map(|change| v1::RemoteChange {
                client: change.client.clone(),
                text: change.text.clone(),
                at: Some(timestamp(change.at)),
            }),
    }
}

fn session(facts: &Facts) -> v1::Session {
    let Some(session) = &facts.session else {
        return v1::Session {
            state: v1::SessionState::Unconfigured.into(),
            expires_at: None,
        };
    };
    v1::Session {
        state: match session.state {
            SessionState::Unknown => v1::SessionState::Unknown,
            SessionState::Active => v1::SessionState::Active,
            SessionState::Expired | SessionState::Refused => v1::SessionState::Expired,
        }
        .into(),
        expires_at: session.expires_at.map(timestamp),
    }
}

fn catalog(facts: &Facts) -> v1::CatalogState {
    let reach = match (facts.catalog.kind, facts.catalog.reachable) {
        ("", _) => v1::CatalogReach::Unconfigured,
        (_, None) => v1::CatalogReach::Unknown,
        (_, Some(true)) => v1::CatalogReach::Reachable,
        (_, Some(false)) => v1::CatalogReach::Unreachable,
    };
    v1::CatalogState {
        kind: facts.catalog.kind.to_owned(),
        state: reach.into(),
    }
}

fn state(state: State) -> v1::State {
    match state {
        State::Unconfigured => v1::State::Unconfigured,
        State::UpToDate => v1::State::UpToDate,
        State::Pending => v1::State::Pending,
        State::Sending => v1::State::Sending,
        State::Paused => v1::State::Paused,
        State::Attention => v1::State::Attention,
        State::Broken => v1::State::Broken,
    }
}

fn icon(icon: Icon) -> v1::Icon {
    match icon {
        Icon::Green => v1::Icon::Green,
        Icon::Blue => v1::Icon::Blue,
        Icon::Grey => v1::Icon::Grey,
        Icon::Amber => v1::Icon::Amber,
        Icon::Red => v1::Icon::Red,
    }
}

fn issue(issue: &Issue) -> v1::Issue {
    v1::Issue {
        code: issue.code.to_owned(),
        severity: match issue.severity {
            Severity::Info => v1::Severity::Info,
            Severity::Warning => v1::Severity::Warning,
            Severity::Error => v1::Severity::Error,
        }
        .into(),
        text: issue.text.clone(),
        remedy: issue.remedy.clone(),
        since: issue.since.map(timestamp),
        depends_on: issue.depends_on.unwrap_or_default().to_owned(),
    }
}
