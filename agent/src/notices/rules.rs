//! Decides which notifications are due, from those that were shown and the current status. It needs neither a clock nor
//! a desktop.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shopmaster_proto::v1::{CatalogReach, Issue, SessionState, Status};

use super::timestamp;

/// How long a database may be unavailable before a notification appears: computers restart, cables are moved.
const DATABASE_GRACE: Duration = Duration::from_secs(600);

/// One notification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// What happened, in a few words.
    pub title: String,
    /// Details, and what to do.
    pub body: String,
    /// Whether something is wrong; otherwise a problem has ended.
    pub wrong: bool,
}

/// The problems that need a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trouble {
    /// Digible refuses the login.
    SessionExpired,
    /// Digible refuses products.
    ProductsRefused,
    /// The shop's database does not answer.
    DatabaseAway,
}

/// A problem for which a notification was shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notified {
    /// When the problem began, according to the agent.
    pub since: Option<Timestamp>,
    /// When that agent process started.
    pub agent: Option<Timestamp>,
}

/// The problems that were notified and have not ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Memory(BTreeMap<Trouble, Notified>);

/// What to do after a status.
#[derive(Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The notifications to show now.
    pub notices: Vec<Notice>,
    /// What was notified once they are shown.
    pub memory: Memory,
    /// When to judge the same status again; none when nothing becomes due by time alone.
    pub due: Option<Timestamp>,
}

/// Whether a problem exists.
enum Stands<'a> {
    /// It exists.
    Wrong(&'a Issue),
    /// It does not exist: the agent has checked.
    Over,
    /// The agent has not checked yet.
    Unknown,
}

/// Decides which notifications are due after those in `memory`, when the agent that started at `agent` has this status.
///
/// A problem ends only when the agent has checked that it has. An agent that has just started has not checked yet, and
/// later finds the same problem with another beginning.
pub fn judge(
    memory: &Memory,
    status: &Status,
    agent: Option<Timestamp>,
    now: Timestamp,
) -> Verdict {
    let mut verdict = Verdict {
        notices: Vec::new(),
        memory: memory.clone(),
        due: None,
    };
    for trouble in [
        Trouble::SessionExpired,
        Trouble::ProductsRefused,
        Trouble::DatabaseAway,
    ] {
        let notified = &mut verdict.memory.0;
        match trouble.stands(status) {
            Stands::Unknown => {}
            Stands::Over => {
                if notified.remove(&trouble).is_some() {
                    verdict.notices.push(trouble.end());
                }
            }
            Stands::Wrong(issue) => {
                let since = issue.since.as_ref().and_then(timestamp);
                let from = since.unwrap_or(now);
                let before = notified.get(&trouble).copied();
                if before.is_some_and(|before| before.is_same(since, agent)) {
                    // The same problem, found again by a new agent process: from now on its beginning counts.
                    notified.insert(trouble, Notified { since, agent });
                } else if let Some(due) = trouble.due(from).filter(|due| *due > now) {
                    verdict.due = Some(due);
                } else {
                    notified.insert(trouble, Notified { since, agent });
                    verdict.notices.push(trouble.notice(issue));
                }
            }
        }
    }
    verdict
}

impl Notified {
    fn is_same(self, since: Option<Timestamp>, agent: Option<Timestamp>) -> bool {
        self.since == since || self.agent != agent
    }
}

impl Trouble {
    fn stands(self, status: &Status) -> Stands<'_> {
        let mut issues = status.issues.iter();
        let issue = issues.find(|issue| match self {
            Self::SessionExpired => issue.code == "SESSION_EXPIRED",
            Self::ProductsRefused => issue.code == "PRODUCTS_REFUSED",
            Self::DatabaseAway => is_about_database(&issue.code),
        });
        if let Some(issue) = issue {
            return Stands::Wrong(issue);
        }
        let reach = status.catalog.as_ref().map(|catalog| catalog.state());
        let looked = match self {
            Self::SessionExpired => status
                .session
                .as_ref()
                .is_some_and(|session| session.state() == SessionState::Active),
            // The agent opens the journal before it asks the database.
            Self::ProductsRefused => {
                matches!(
                    reach,
                    Some(CatalogReach::Reachable | CatalogReach::Unreachable)
                )
            }
            Self::DatabaseAway => reach == Some(CatalogReach::Reachable),
        };
        if looked {
            Stands::Over
        } else {
            Stands::Unknown
        }
    }

    /// When its notification is due; none for at once.
    fn due(self, since: Timestamp) -> Option<Timestamp> {
        match self {
            Self::DatabaseAway => since.checked_add(DATABASE_GRACE).ok(),
            Self::SessionExpired | Self::ProductsRefused => None,
        }
    }

    fn notice(self, issue: &Issue) -> Notice {
        let title = match self {
            Self::SessionExpired => "Digible refuses the login",
            Self::ProductsRefused => "Digible refuses products",
            Self::DatabaseAway => "The shop's database cannot be used",
        };
        Notice {
            title: title.to_owned(),
            // Remedies have commands in backticks, which desktops do not format.
            body: [&issue.text, &issue.remedy]
                .into_iter()
                .filter(|text| !text.is_empty())
                .map(|text| text.replace('`', ""))
                .collect::<Vec<_>>()
                .join(". "),
            wrong: true,
        }
    }

    fn end(self) -> Notice {
        let (title, body) = match self {
            Self::SessionExpired => ("Back to normal", "Digible accepts the login again"),
            Self::ProductsRefused => ("Back to normal", "No product is refused any more"),
            Self::DatabaseAway => ("Back to normal", "The shop's database can be used again"),
        };
        Notice {
            title: title.to_owned(),
            body: body.to_owned(),
            wrong: false,
        }
    }
}

/// Whether an issue with this code means that the shop's database cannot be used. A database that another program needs
/// exclusively for a while requires no action.
fn is_about_database(code: &str) -> bool {
    if code == "DATABASE_RESERVED" {
        return false;
    }
    ["DATABASE_", "SERVER_", "ENCRYPTION_"]
        .iter()
        .any(|start| code.starts_with(start))
        || matches!(
            code,
            "BROWSER_SILENT"
                | "INSTANCE_UNKNOWN"
                | "NOT_SQL_SERVER"
                | "CONNECTION_LOST"
                | "TLS_REFUSED"
                | "CERTIFICATE_NOT_TRUSTED"
                | "LOGIN_FAILED"
                | "WINDOWS_LOGIN_UNAVAILABLE"
                | "SQL_PASSWORD_MISSING"
        )
}

#[cfg(test)]
mod tests {
    use shopmaster_proto::v1::{CatalogState, Session, Severity};

    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + minute * 60).unwrap()
    }

    fn issue(code: &str, minute: i64) -> Issue {
        Issue {
            code: code.to_owned(),
            severity: Severity::Error.into(),
            text: format!("{code} is there"),
            remedy: "Run `shopmasterctl test`".to_owned(),
            since: Some(prost_types::Timestamp {
                seconds: at(minute).as_second(),
                nanos: 0,
            }),
            depends_on: String::new(),
        }
    }

    fn status(session: SessionState, reach: CatalogReach, issues: &[Issue]) -> Status {
        Status {
            session: Some(Session {
                state: session.into(),
                expires_at: None,
            }),
            catalog: Some(CatalogState {
                kind: "sqlite".to_owned(),
                state: reach.into(),
            }),
            issues: issues.to_vec(),
            ..Status::default()
        }
    }

    fn fine() -> Status {
        status(SessionState::Active, CatalogReach::Reachable, &[])
    }

    /// As an agent is that has just started.
    fn knows_nothing() -> Status {
        status(SessionState::Unknown, CatalogReach::Unknown, &[])
    }

    fn with(code: &str, minute: i64) -> Status {
        let issues = [issue(code, minute)];
        match code {
            "SESSION_EXPIRED" => status(SessionState::Expired, CatalogReach::Reachable, &issues),
            "PRODUCTS_REFUSED" => status(SessionState::Active, CatalogReach::Reachable, &issues),
            _ => status(SessionState::Active, CatalogReach::Unreachable, &issues),
        }
    }

    /// Titles of the notifications during these steps: minute, the agent's start, status.
    fn notified(steps: &[(i64, i64, Status)]) -> Vec<String> {
        let mut memory = Memory::default();
        let mut titles = Vec::new();
        for (minute, agent, status) in steps {
            let verdict = judge(&memory, status, Some(at(*agent)), at(*minute));
            titles.extend(
                verdict
                    .notices
                    .into_iter()
                    .map(|notice| format!("{minute}: {}", notice.title)),
            );
            // As after a restart of the tray: the memory is read from its file.
            let text = serde_json::to_string(&verdict.memory).unwrap();
            memory = serde_json::from_str(&text).unwrap();
        }
        titles
    }

    #[test]
    fn a_quiet_agent_tells_nothing() {
        assert_eq!(
            notified(&[(0, 0, knows_nothing()), (1, 0, fine()), (2, 0, fine())]),
            Vec::<String>::new()
        );
    }

    #[test]
    fn an_expired_session_is_told_once_and_so_is_its_end() {
        let expired = with("SESSION_EXPIRED", 1);
        assert_eq!(
            notified(&[
                (0, 0, fine()),
                (1, 0, expired.clone()),
                (2, 0, expired),
                (3, 0, fine()),
                (4, 0, fine()),
            ]),
            ["1: Digible refuses the login", "3: Back to normal"]
        );
    }

    #[test]
    fn the_notice_says_what_is_wrong_and_what_to_do() {
        let verdict = judge(&Memory::default(), &with("SESSION_EXPIRED", 1), None, at(1));
        assert_eq!(
            verdict.notices,
            [Notice {
                title: "Digible refuses the login".to_owned(),
                body: "SESSION_EXPIRED is there. Run shopmasterctl test".to_owned(),
                wrong: true,
            }]
        );
    }

    /// The user who needs the database exclusively knows about it, and no other user can do anything.
    #[test]
    fn a_reserved_database_is_told_to_nobody() {
        let reserved = with("DATABASE_RESERVED", 0);
        assert_eq!(
            notified(&[(5, 0, reserved.clone()), (60, 0, reserved), (61, 0, fine())]),
            Vec::<String>::new()
        );
    }

    #[test]
    fn refused_products_are_told_once_however_many_follow() {
        let refused = with("PRODUCTS_REFUSED", 1);
        let mut more = refused.clone();
        more.parked = 7;
        assert_eq!(
            notified(&[(1, 0, refused), (2, 0, more), (3, 0, fine())]),
            ["1: Digible refuses products", "3: Back to normal"]
        );
    }

    #[test]
    fn a_database_is_told_after_ten_minutes_in_a_row() {
        let away = with("DATABASE_UNREACHABLE", 0);
        assert_eq!(
            notified(&[
                (0, 0, away.clone()),
                (9, 0, away.clone()),
                (10, 0, away.clone()),
                (30, 0, away),
                (31, 0, fine()),
            ]),
            [
                "10: The shop's database cannot be used",
                "31: Back to normal"
            ]
        );
    }

    #[test]
    fn a_database_server_is_a_database_however_it_fails() {
        for code in [
            "SERVER_SILENT",
            "SERVER_PORT_CLOSED",
            "BROWSER_SILENT",
            "CONNECTION_LOST",
            "LOGIN_FAILED",
            "CERTIFICATE_NOT_TRUSTED",
        ] {
            let away = with(code, 0);
            assert_eq!(
                notified(&[(0, 0, away.clone()), (10, 0, away), (11, 0, fine())]),
                [
                    "10: The shop's database cannot be used",
                    "11: Back to normal"
                ],
                "{code}"
            );
        }
    }

    #[test]
    fn a_database_that_comes_and_goes_is_not_told() {
        let steps: Vec<_> = (0..20)
            .flat_map(|n| {
                let away = with("DATABASE_BUSY", n * 9);
                [
                    (n * 9, 0, away.clone()),
                    (n * 9 + 8, 0, away),
                    (n * 9 + 8, 0, fine()),
                ]
            })
            .collect();
        assert_eq!(notified(&steps), Vec::<String>::new());
    }

    #[test]
    fn time_alone_makes_a_database_due() {
        let away = with("DATABASE_UNREACHABLE", 5);
        let due = |minute| judge(&Memory::default(), &away, None, at(minute)).due;
        assert_eq!(due(5), Some(at(15)));
        assert_eq!(due(15), None);
        assert_eq!(judge(&Memory::default(), &fine(), None, at(0)).due, None);
    }

    #[test]
    fn a_restart_repeats_nothing() {
        // The tray alone: the agent still says the same beginning.
        let refused = with("PRODUCTS_REFUSED", 1);
        assert_eq!(
            notified(&[(1, 0, refused.clone()), (2, 0, refused.clone())]).len(),
            1
        );
        // The agent: it knows nothing first, and then finds the same with another beginning.
        assert_eq!(
            notified(&[
                (1, 0, refused),
                (5, 5, knows_nothing()),
                (6, 5, with("PRODUCTS_REFUSED", 6)),
                (7, 5, with("PRODUCTS_REFUSED", 6)),
                (8, 5, fine()),
            ]),
            ["1: Digible refuses products", "8: Back to normal"]
        );
    }

    #[test]
    fn what_ended_while_nobody_looked_and_came_back_is_told_again() {
        assert_eq!(
            notified(&[
                (1, 0, with("SESSION_EXPIRED", 1)),
                (9, 0, with("SESSION_EXPIRED", 8)),
            ]),
            [
                "1: Digible refuses the login",
                "9: Digible refuses the login"
            ]
        );
    }

    #[test]
    fn several_troubles_are_told_each() {
        let mut both = with("SESSION_EXPIRED", 1);
        both.issues.push(issue("PRODUCTS_REFUSED", 1));
        assert_eq!(
            notified(&[(1, 0, both), (2, 0, with("SESSION_EXPIRED", 1))]),
            [
                "1: Digible refuses the login",
                "1: Digible refuses products",
                "2: Back to normal"
            ]
        );
    }
}
