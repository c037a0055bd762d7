//! The status as JSON.

use serde::Serialize;
use shopmaster_proto::v1::{Capture, CatalogState, Issue, Session, Status, WatchStatusResponse};

use super::RunJson;
use crate::{enums::Word as _, time::rfc3339};

/// The state of one agent.
#[derive(Debug, Serialize)]
pub struct StatusJson {
    /// Version of the agent.
    version: String,
    /// `unconfigured`, `up_to_date`, `pending`, `sending`, `paused`, `attention` or `broken`.
    state: Option<String>,
    /// One sentence for people.
    headline: String,
    /// Products whose newest state is not yet acknowledged, without refused ones.
    pending: u64,
    /// When the oldest waiting change was made, by the database's clock.
    oldest_pending_at: Option<String>,
    /// Products that are unconfirmed.
    in_doubt: u64,
    /// Those of them that were acknowledged since, and wait until no earlier request can arrive any more.
    confirming: u64,
    /// Until when; null when nothing is being confirmed.
    confirming_until: Option<String>,
    /// Products that Digible refuses, without dismissed ones.
    parked: u64,
    /// Products that Digible refuses and that were dismissed.
    dismissed: u64,
    /// Products gone from the shop that may still be at Digible, without forgotten ones.
    removed: u64,
    /// Products that Digible acknowledged at least once and that are not gone from the shop.
    published: u64,
    /// True while sending is paused.
    paused: bool,
    /// When the pause ends automatically; null when not paused, or paused until resumed.
    paused_until: Option<String>,
    /// Until when Digible asked shopMaster to wait.
    blocked_until: Option<String>,
    /// When the scheduler starts the next sync.
    next_sync_at: Option<String>,
    /// When Digible last acknowledged a product; null before the first time.
    last_sent_at: Option<String>,
    /// The time as of which every product was last compared; null before the first time.
    last_compared_at: Option<String>,
    /// The last sync that ended; null before the first.
    last_sync: Option<RunJson>,
    /// The run in progress.
    current_run: Option<RunJson>,
    /// The Digible login.
    session: SessionJson,
    /// The change capture in the shop's database.
    capture: CaptureJson,
    /// The ChangeLog in the shop's database; null where there is none.
    change_log: Option<ChangeLogJson>,
    /// The last change that a remote client asked for; null when none did.
    last_remote_change: Option<RemoteChangeJson>,
    /// The shop's database.
    catalog: CatalogJson,
    /// What is wrong now, worst first.
    issues: Vec<IssueJson>,
    /// The color of the tray icon: `green`, `blue`, `grey`, `amber` or `red`.
    icon: Option<String>,
    /// Where secrets are kept: `os` or `file`.
    secrets_store: String,
}

/// The state after a change.
#[derive(Debug, Serialize)]
pub struct WatchedStatusJson {
    /// Grows with each change; starts over with each agent process.
    sequence: u64,
    /// True when states in between were left out because this client was too slow.
    lagged: bool,
    /// The whole state.
    #[serde(flatten)]
    status: StatusJson,
}

/// A change that a remote client asked for.
#[derive(Debug, Serialize)]
struct RemoteChangeJson {
    /// The client's name.
    client: String,
    /// What it did, for people.
    text: String,
    /// When.
    at: Option<String>,
}

/// The Digible login.
#[derive(Debug, Serialize)]
struct SessionJson {
    /// `unconfigured`, `unknown`, `active` or `expired`.
    state: Option<String>,
    /// When the token expires.
    expires_at: Option<String>,
}

/// The change capture.
#[derive(Debug, Serialize)]
pub struct CaptureJson {
    /// `trigger` or `scan`.
    mode: Option<String>,
    /// `unknown`, `not_installed`, `installed`, `outdated`, `drifted` or `not_needed`.
    state: Option<String>,
    /// What differs from what was installed.
    drift: Vec<String>,
    /// Why the table can only be scanned, or which part of capture is from an earlier version; else null.
    reason: Option<String>,
}

/// How large and how old the ChangeLog is.
#[derive(Debug, Serialize)]
struct ChangeLogJson {
    /// Rows.
    changes: u64,
    /// Its size on disk; null where the database does not report it.
    bytes: Option<u64>,
    /// When the oldest of them was made, by the database's clock; null when there is none.
    oldest_at: Option<String>,
}

/// The shop's database.
#[derive(Debug, Serialize)]
struct CatalogJson {
    /// `sqlserver` or `sqlite`; empty when not configured.
    kind: String,
    /// `unconfigured`, `unknown`, `reachable` or `unreachable`.
    state: Option<String>,
}

/// Something that is wrong now, or worth knowing.
#[derive(Debug, Serialize)]
struct IssueJson {
    /// Stable, upper case.
    code: String,
    /// `info`, `warning` or `error`.
    severity: Option<String>,
    /// What is wrong, for people.
    text: String,
    /// What to do about it, for people.
    remedy: String,
    /// Since when, as RFC 3339 in UTC.
    since: Option<String>,
    /// Code of the issue that explains this one; null when it stands alone.
    depends_on: Option<String>,
}

impl From<Status> for StatusJson {
    fn from(status: Status) -> Self {
        Self {
            state: status.state().word(),
            icon: status.icon().word(),
            version: status.version,
            headline: status.headline,
            pending: status.pending,
            oldest_pending_at: rfc3339(status.oldest_pending_at),
            in_doubt: status.in_doubt,
            confirming: status.confirming,
            confirming_until: rfc3339(status.confirming_until),
            parked: status.parked,
            dismissed: status.dismissed,
            removed: status.removed,
            published: status.published,
            paused: status.paused,
            paused_until: rfc3339(status.paused_until),
            blocked_until: rfc3339(status.blocked_until),
            next_sync_at: rfc3339(status.next_sync_at),
            last_sent_at: rfc3339(status.last_sent_at),
            last_compared_at: rfc3339(status.last_compared_at),
            last_sync: status.last_sync.map(RunJson::from),
            current_run: status.current_run.map(RunJson::from),
            session: status.session.unwrap_or_default().into(),
            capture: status.capture.unwrap_or_default().into(),
            change_log: status.change_log.map(|log| ChangeLogJson {
                changes: log.changes,
                bytes: log.bytes,
                oldest_at: rfc3339(log.oldest_at),
            }),
            last_remote_change: status.last_remote_change.map(|change| RemoteChangeJson {
                client: change.client,
                text: change.text,
                at: rfc3339(change.at),
            }),
            catalog: status.catalog.unwrap_or_default().into(),
            issues: status.issues.into_iter().map(IssueJson::from).collect(),
            secrets_store: status.secrets_store,
        }
    }
}

impl From<WatchStatusResponse> for WatchedStatusJson {
    fn from(change: WatchStatusResponse) -> Self {
        Self {
            sequence: change.sequence,
            lagged: change.lagged,
            status: change.status.unwrap_or_default().into(),
        }
    }
}

impl From<Session> for SessionJson {
    fn from(session: Session) -> Self {
        Self {
            state: session.state().word(),
            expires_at: rfc3339(session.expires_at),
        }
    }
}

impl From<Capture> for CaptureJson {
    fn from(capture: Capture) -> Self {
        Self {
            mode: capture.mode().word(),
            state: capture.state().word(),
            drift: capture.drift,
            reason: Some(capture.reason).filter(|reason| !reason.is_empty()),
        }
    }
}

impl From<CatalogState> for CatalogJson {
    fn from(catalog: CatalogState) -> Self {
        Self {
            state: catalog.state().word(),
            kind: catalog.kind,
        }
    }
}

impl From<Issue> for IssueJson {
    fn from(issue: Issue) -> Self {
        Self {
            severity: issue.severity().word(),
            code: issue.code,
            text: issue.text,
            remedy: issue.remedy,
            since: rfc3339(issue.since),
            depends_on: Some(issue.depends_on).filter(|code| !code.is_empty()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use shopmaster_proto::v1::{
        CaptureMode, CaptureState, CatalogReach, ChangeLog, Icon, RemoteChange, SessionState,
        Severity, State,
    };

    use super::*;

    #[test]
    fn a_status_has_all_of_its_keys() {
        let time = |seconds| Some(prost_types::Timestamp { seconds, nanos: 0 });
        let status = Status {
            version: "0.1.0".to_owned(),
            state: State::Attention.into(),
            headline: "1 product refused".to_owned(),
            pending: 3,
            oldest_pending_at: time(1),
            in_doubt: 1,
            parked: 1,
            removed: 2,
            published: 12_431,
            paused: true,
            paused_until: time(2),
            next_sync_at: time(3),
            last_sync: None,
            current_run: None,
            session: Some(Session {
                state: SessionState::Active.into(),
                expires_at: time(4),
            }),
            capture: Some(Capture {
                mode: CaptureMode::Trigger.into(),
                state: CaptureState::Drifted.into(),
                drift: vec!["the trigger is disabled".to_owned()],
                reason: String::new(),
            }),
            catalog: Some(CatalogState {
                kind: "sqlite".to_owned(),
                state: CatalogReach::Reachable.into(),
            }),
            issues: vec![Issue {
                code: "PRODUCTS_REFUSED".to_owned(),
                severity: Severity::Warning.into(),
                text: "1 product is refused".to_owned(),
                remedy: "run `shopmasterctl parked`".to_owned(),
                since: time(5),
                depends_on: String::new(),
            }],
            icon: Icon::Amber.into(),
            secrets_store: "file".to_owned(),
            blocked_until: time(6),
            dismissed: 4,
            confirming: 1,
            confirming_until: time(7),
            last_sent_at: time(8),
            last_compared_at: time(9),
            change_log: Some(ChangeLog {
                changes: 12,
                bytes: Some(16_384),
                oldest_at: time(10),
            }),
            last_remote_change: Some(RemoteChange {
                client: "support-7".to_owned(),
                text: "started an upload".to_owned(),
                at: time(11),
            }),
        };
        let watched = WatchedStatusJson::from(WatchStatusResponse {
            sequence: 7,
            status: Some(status),
            lagged: false,
        });
        assert_eq!(
            serde_json::to_value(watched).unwrap(),
            json!({
                "sequence": 7,
                "lagged": false,
                "version": "0.1.0",
                "state": "attention",
                "headline": "1 product refused",
                "pending": 3,
                "oldest_pending_at": "1970-01-01T00:00:01Z",
                "in_doubt": 1,
                "confirming": 1,
                "confirming_until": "1970-01-01T00:00:07Z",
                "parked": 1,
                "dismissed": 4,
                "removed": 2,
                "published": 12431,
                "paused": true,
                "paused_until": "1970-01-01T00:00:02Z",
                "blocked_until": "1970-01-01T00:00:06Z",
                "next_sync_at": "1970-01-01T00:00:03Z",
                "last_sent_at": "1970-01-01T00:00:08Z",
                "last_compared_at": "1970-01-01T00:00:09Z",
                "last_sync": null,
                "current_run": null,
                "session": {"state": "active", "expires_at": "1970-01-01T00:00:04Z"},
                "capture": {
                    "mode": "trigger",
                    "state": "drifted",
                    "drift": ["the trigger is disabled"],
                    "reason": null,
                },
                "change_log": {
                    "changes": 12,
                    "bytes": 16384,
                    "oldest_at": "1970-01-01T00:00:10Z",
                },
                "last_remote_change": {
                    "client": "support-7",
                    "text": "started an upload",
                    "at": "1970-01-01T00:00:11Z",
                },
                "catalog": {"kind": "sqlite", "state": "reachable"},
                "issues": [{
                    "code": "PRODUCTS_REFUSED",
                    "severity": "warning",
                    "text": "1 product is refused",
                    "remedy": "run `shopmasterctl parked`",
                    "since": "1970-01-01T00:00:05Z",
                    "depends_on": null,
                }],
                "icon": "amber",
                "secrets_store": "file",
            })
        );
    }
}
