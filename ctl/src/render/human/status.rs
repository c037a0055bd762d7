//! The status as text for people.

use shopmaster_proto::v1::{CaptureState, Issue, RemoteChange, Run, Severity, Status};
use shopmaster_view::{grouped, products};

use super::{Clock, Text, capture, run, table};
use crate::enums::Word as _;

/// The headline, the numbers, and the issues.
pub fn status(status: &Status, clock: &Clock) -> Text {
    let mut text = Text::of(&status.headline);
    text.gap();
    text.add(&facts(status, clock));
    text.with(&issues(&status.issues, clock))
}

/// One line for a change while watching.
pub fn change(status: &Status, clock: &Clock) -> Text {
    Text::of(format!("{}  {}", clock.time_of_day(), status.headline))
}

/// The issues, each with its remedy.
pub fn issues(issues: &[Issue], clock: &Clock) -> Text {
    issues.iter().map(|one| issue(one, clock)).collect()
}

fn facts(status: &Status, clock: &Clock) -> Text {
    let mut lines = Vec::new();
    if let Some(run) = &status.current_run {
        lines.push(("running", running(run)));
    }
    if status.paused {
        let until = clock.at(status.paused_until);
        lines.push((
            "paused",
            until.map_or_else(
                || "until resumed".to_owned(),
                |until| format!("until {until}"),
            ),
        ));
    }
    if let Some(until) = clock.at(status.blocked_until) {
        lines.push(("on hold", format!("until {until}, as Digible asked")));
    }
    if let Some(change) = &status.last_remote_change {
        lines.push(("remote", remote_change(change, clock)));
    }
    lines.extend([
        ("waiting", pending(status, clock)),
        ("unconfirmed", unconfirmed(status, clock)),
        ("refused", grouped(status.parked)),
        ("dismissed", grouped(status.dismissed)),
        ("gone", grouped(status.removed)),
        ("published", grouped(status.published)),
        ("last sent", last_time(status.last_sent_at, clock)),
        ("last compared", last_time(status.last_compared_at, clock)),
        ("last sync", last_sync(status.last_sync.as_ref(), clock)),
        ("next sync", next_sync(status, clock)),
        ("session", session(status, clock)),
        ("capture", capturing(status)),
        ("change log", change_log(status, clock)),
        ("catalog", catalog(status)),
        ("secrets", secrets(status)),
        ("agent", status.version.clone()),
    ]);
    // Without a ChangeLog there is nothing to show.
    lines.retain(|(name, text)| *name != "change log" || !text.is_empty());
    table::pairs(&lines)
}

/// `1,234 changes, 0.3 MB, oldest 3 days`.
fn change_log(status: &Status, clock: &Clock) -> String {
    let Some(log) = &status.change_log else {
        return String::new();
    };
    let changes = match log.changes {
        1 => "1 change".to_owned(),
        changes => format!("{} changes", grouped(changes)),
    };
    // Megabytes of 10^6 bytes, as for disks.
    let size = log.bytes.map(|bytes| {
        let tenths = bytes.div_ceil(100_000);
        format!("{}.{} MB", grouped(tenths / 10), tenths % 10)
    });
    let age = clock.age(log.oldest_at).map(|age| format!("oldest {age}"));
    let parts: Vec<_> = [Some(changes), size, age].into_iter().flatten().collect();
    parts.join(", ")
}

fn running(run: &Run) -> String {
    format!(
        "{}, {} of {}",
        run.id,
        grouped(run.done),
        products(run.total)
    )
}

fn pending(status: &Status, clock: &Clock) -> String {
    match clock.age(status.oldest_pending_at) {
        Some(age) if status.pending > 0 => {
            format!("{}, oldest {age}", grouped(status.pending))
        }
        _ => grouped(status.pending),
    }
}

fn unconfirmed(status: &Status, clock: &Clock) -> String {
    match clock.at(status.confirming_until) {
        Some(until) if status.confirming == status.in_doubt => {
            format!(
                "{}, being confirmed until {until}",
                grouped(status.in_doubt)
            )
        }
        _ => grouped(status.in_doubt),
    }
}

fn last_time(time: Option<prost_types::Timestamp>, clock: &Clock) -> String {
    match (clock.age(time), clock.at(time)) {
        (Some(age), Some(at)) => format!("{age} ago ({at})"),
        _ => "never".to_owned(),
    }
}

fn last_sync(last: Option<&Run>, clock: &Clock) -> String {
    let Some(last) = last else {
        return "none yet".to_owned();
    };
    let how = format!("{}: {}", last.outcome().plain_word(), run::counts(last));
    match (clock.age(last.finished_at), clock.at(last.finished_at)) {
        (Some(age), Some(at)) => format!("{age} ago ({at}), {how}"),
        _ => how,
    }
}

fn next_sync(status: &Status, clock: &Clock) -> String {
    match (
        clock.wait(status.next_sync_at),
        clock.at(status.next_sync_at),
    ) {
        (Some(wait), Some(at)) => format!("in {wait} ({at})"),
        _ => "not scheduled".to_owned(),
    }
}

/// `support-7 started an upload, today 10:02`.
fn remote_change(change: &RemoteChange, clock: &Clock) -> String {
    let text = format!("{} {}", change.client, change.text);
    match clock.at(change.at) {
        Some(at) => format!("{text}, {at}"),
        None => text,
    }
}

fn session(status: &Status, clock: &Clock) -> String {
    let session = status.session.unwrap_or_default();
    let state = session.state().plain_word();
    match clock.at(session.expires_at) {
        Some(until) => format!("{state}, until {until}"),
        None => state,
    }
}

fn capturing(status: &Status) -> String {
    let now = status.capture.clone().unwrap_or_default();
    let text = capture::now(&now);
    if now.state() == CaptureState::Drifted && !now.drift.is_empty() {
        return format!("{text}: {}", now.drift.join("; "));
    }
    text
}

fn catalog(status: &Status) -> String {
    let catalog = status.catalog.clone().unwrap_or_default();
    let state = catalog.state().plain_word();
    if catalog.kind.is_empty() {
        return state;
    }
    format!("{}, {state}", catalog.kind)
}

fn secrets(status: &Status) -> String {
    match status.secrets_store.as_str() {
        "os" => "in the operating system's credential store".to_owned(),
        "file" => "in a file that only this user can read".to_owned(),
        _ => "unknown".to_owned(),
    }
}

fn issue(issue: &Issue, clock: &Clock) -> Text {
    let severity = match issue.severity() {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info | Severity::Unspecified => "info",
    };
    let since = clock
        .at(issue.since)
        .map(|since| format!(" (since {since})"))
        .unwrap_or_default();
    let mut text = Text::default();
    text.gap();
    text.line(format!(
        "{severity}: {}{since} [{}]",
        issue.text, issue.code
    ));
    if !issue.remedy.is_empty() {
        text.line(format!("hint: {}", issue.remedy));
    }
    text
}

#[cfg(test)]
mod tests {
    use shopmaster_proto::v1::{
        Capture, CaptureMode, CatalogReach, CatalogState, ChangeLog, RunOutcome, Session,
        SessionState, State,
    };

    use super::{
        super::clock::tests::{clock, local},
        *,
    };

    fn good() -> Status {
        Status {
            version: "0.1.0".to_owned(),
            state: State::UpToDate.into(),
            headline: "12,430 of 12,431 up to date, 1 dismissed".to_owned(),
            dismissed: 1,
            in_doubt: 3,
            confirming: 3,
            confirming_until: local("2026-11-21T14:32:00"),
            last_sent_at: local("2026-11-21T14:28:00"),
            last_compared_at: local("2026-11-20T09:00:00"),
            removed: 2,
            published: 12_431,
            next_sync_at: local("2026-11-21T14:31:00"),
            last_sync: Some(Run {
                outcome: RunOutcome::Completed.into(),
                finished_at: local("2026-11-21T14:28:00"),
                sent: 12,
                unchanged: 3,
                ..Run::default()
            }),
            session: Some(Session {
                state: SessionState::Active.into(),
                expires_at: local("2026-11-22T08:00:00"),
            }),
            capture: Some(Capture {
                mode: CaptureMode::Trigger.into(),
                state: CaptureState::Installed.into(),
                drift: Vec::new(),
                reason: String::new(),
            }),
            catalog: Some(CatalogState {
                kind: "sqlite".to_owned(),
                state: CatalogReach::Reachable.into(),
            }),
            secrets_store: "file".to_owned(),
            ..Status::default()
        }
    }

    #[test]
    fn a_good_status() {
        assert_eq!(
            status(&good(), &clock()),
            "\
12,430 of 12,431 up to date, 1 dismissed

waiting        0
unconfirmed    3, being confirmed until today 14:32
refused        0
dismissed      1
gone           2
published      12,431
last sent      2 min ago (today 14:28)
last compared  29 h ago (yesterday 09:00)
last sync      2 min ago (today 14:28), completed: 12 sent, 3 unchanged
next sync      in 1 min (today 14:31)
session        active, until tomorrow 08:00
capture        trigger, installed
catalog        sqlite, reachable
secrets        in a file that only this user can read
agent          0.1.0
"
        );
    }

    #[test]
    fn the_change_log_is_told_with_its_size_and_age() {
        let yesterday = local("2026-11-20T12:29:20");
        for (log, expected) in [
            (None, ""),
            (Some((0, None, None)), "0 changes"),
            (Some((1, Some(8_192), None)), "1 change, 0.1 MB"),
            (Some((7, None, yesterday)), "7 changes, oldest 26 h"),
            (
                Some((12_345, Some(1_234_567_890), yesterday)),
                "12,345 changes, 1,234.6 MB, oldest 26 h",
            ),
        ] {
            let change_log = log.map(|(changes, bytes, oldest_at)| ChangeLog {
                changes,
                bytes,
                oldest_at,
            });
            let told = Status {
                change_log,
                ..good()
            };
            assert_eq!(super::change_log(&told, &clock()), expected);
            let line = status(&told, &clock());
            assert_eq!(line.contains("change log"), change_log.is_some(), "{line}");
        }
    }

    #[test]
    fn a_status_with_everything_wrong() {
        let bad = Status {
            headline: "Paused until 15:00".to_owned(),
            state: State::Paused.into(),
            pending: 1_003,
            oldest_pending_at: local("2026-11-21T14:29:20"),
            in_doubt: 4,
            parked: 2,
            last_sent_at: None,
            last_compared_at: None,
            paused: true,
            paused_until: local("2026-11-21T15:00:00"),
            blocked_until: local("2026-11-21T14:40:00"),
            next_sync_at: None,
            last_sync: None,
            current_run: Some(Run {
                id: "upload-1".to_owned(),
                done: 120,
                total: 4_310,
                ..Run::default()
            }),
            session: Some(Session {
                state: SessionState::Expired.into(),
                expires_at: None,
            }),
            capture: Some(Capture {
                mode: CaptureMode::Trigger.into(),
                state: CaptureState::Drifted.into(),
                drift: vec!["the trigger is disabled".to_owned()],
                reason: String::new(),
            }),
            issues: vec![
                Issue {
                    code: "SESSION_EXPIRED".to_owned(),
                    severity: Severity::Error.into(),
                    text: "Digible refuses the login".to_owned(),
                    remedy: "run `shopmasterctl configure`".to_owned(),
                    since: local("2026-11-21T10:02:00"),
                    depends_on: String::new(),
                },
                Issue {
                    code: "PRODUCTS_REFUSED".to_owned(),
                    severity: Severity::Warning.into(),
                    text: "2 products are refused".to_owned(),
                    ..Issue::default()
                },
            ],
            secrets_store: "os".to_owned(),
            ..good()
        };
        assert_eq!(
            status(&bad, &clock()),
            "\
Paused until 15:00

running        upload-1, 120 of 4,310 products
paused         until today 15:00
on hold        until today 14:40, as Digible asked
waiting        1,003, oldest 40 s
unconfirmed    4
refused        2
dismissed      1
gone           2
published      12,431
last sent      never
last compared  never
last sync      none yet
next sync      not scheduled
session        expired
capture        trigger, drifted: the trigger is disabled
catalog        sqlite, reachable
secrets        in the operating system's credential store
agent          0.1.0

error: Digible refuses the login (since today 10:02) [SESSION_EXPIRED]
hint: run `shopmasterctl configure`

warning: 2 products are refused [PRODUCTS_REFUSED]
"
        );
    }

    #[test]
    fn a_status_that_knows_nothing_yet() {
        let text = status(&Status::default(), &clock());
        assert!(text.contains("session        unknown\n"), "{text}");
        assert!(text.contains("catalog        unknown\n"), "{text}");
    }
}
