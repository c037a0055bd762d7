//! One honest sentence.

use jiff::{Timestamp, tz::TimeZone};

use super::{
    Facts, Issue, State,
    words::{age, clock, grouped, noun, products, upper_first},
};
use crate::{
    journal::Pause,
    run::{Kind, Run, State as RunState},
};

pub(super) fn headline(
    facts: &Facts,
    state: State,
    issues: &[Issue],
    now: Timestamp,
    zone: &TimeZone,
) -> String {
    let worst = issues.first().map(|issue| issue.text.clone());
    match state {
        State::Unconfigured => "Not configured: run `shopmasterctl configure`".to_owned(),
        State::Paused => paused(facts.paused, now, zone),
        State::Broken => issues
            .first()
            .map(|issue| broken(issue, now, zone))
            .unwrap_or_default(),
        State::Sending => facts.current_run.as_ref().map(sending).unwrap_or_default(),
        State::Attention => worst.unwrap_or_default(),
        State::Pending => pending(facts, now),
        State::UpToDate => up_to_date(facts, now, zone),
    }
}

/// What is broken, in few words: the issue itself says more.
fn broken(issue: &Issue, now: Timestamp, zone: &TimeZone) -> String {
    let what = match issue.code {
        "SESSION_EXPIRED" => return first_part(&issue.text).to_owned(),
        "CAPTURE_NOT_INSTALLED" => return "Changes are not captured yet".to_owned(),
        "CONFIG_INVALID" => "The configuration file is not valid",
        "SECRETS_UNAVAILABLE" => "The credential store does not answer",
        "JOURNAL_FAILED" => "The journal cannot be written",
        "JOURNAL_NEWER" => "The journal is from a newer version",
        "DATABASE_UNREACHABLE"
        | "SERVER_NOT_FOUND"
        | "SERVER_PORT_CLOSED"
        | "SERVER_SILENT"
        | "BROWSER_SILENT"
        | "INSTANCE_UNKNOWN"
        | "NOT_SQL_SERVER"
        | "CONNECTION_LOST"
        | "DATABASE_TIMEOUT" => "Database not reachable",
        "SERVER_NAME_INVALID" => "The database server's name is not valid",
        "ENCRYPTION_REFUSED" | "ENCRYPTION_DEMANDED" | "TLS_REFUSED" => {
            "Database server: no encryption in common"
        }
        "CERTIFICATE_NOT_TRUSTED" => "Database server's certificate not trusted",
        "LOGIN_FAILED" | "WINDOWS_LOGIN_UNAVAILABLE" => "Database refuses the login",
        "SQL_PASSWORD_MISSING" => return "SQL password not set: run Configure".to_owned(),
        "DATABASE_MISSING" => "Database not found",
        "DATABASE_DENIED" | "DATABASE_READ_ONLY" => "Database: rights are missing",
        "DATABASE_BUSY" | "DATABASE_DEADLOCK" => "Database busy",
        "DATABASE_FAILED" => "Database fails",
        "CATALOG_CLAIMED" => "Another agent serves this shop",
        "CAPTURE_DRIFTED" => "Changes may be lost",
        "DIGIBLE_UNREACHABLE" => first_part(&issue.text),
        "DIGIBLE_REFUSES" => "Digible refuses everything",
        "DIGIBLE_MISCONFIGURED" => "Digible's address or certificate is wrong",
        _ => &upper_first(&issue.text),
    };
    match issue.since {
        Some(since) => format!("{what} since {}", clock(since, now, zone)),
        None => what.to_owned(),
    }
}

/// An issue's own sentence, without Digible's words behind it.
fn first_part(text: &str) -> &str {
    text.split(": ").next().unwrap_or(text)
}

/// `Paused until 14:30`, `Paused`.
pub(crate) fn paused(pause: Option<Pause>, now: Timestamp, zone: &TimeZone) -> String {
    match pause {
        Some(Pause::Until(until)) => format!("Paused until {}", clock(until, now, zone)),
        _ => "Paused".to_owned(),
    }
}

fn sending(run: &Run) -> String {
    if run.state == RunState::Waiting && !run.message.is_empty() {
        return run.message.clone();
    }
    let what = match run.kind {
        Kind::Sync => "Sending",
        Kind::Upload => "Uploading",
    };
    format!(
        "{what} {} of {}",
        grouped(run.done),
        grouped(run.total.max(run.done))
    )
}

fn pending(facts: &Facts, now: Timestamp) -> String {
    if facts.pending == 0 && facts.counts.in_doubt > 0 {
        return format!(
            "{} in doubt, to be sent once more",
            products(facts.counts.in_doubt)
        );
    }
    let read = facts.catalog.reachable == Some(true);
    if facts.pending == 0 && read && facts.scan.is_some() {
        return "Waiting for the next look at all products".to_owned();
    }
    if facts.pending == 0 {
        return "Waiting for the shop's database to answer".to_owned();
    }
    let waiting = format!("{} waiting", noun(facts.pending, "change"));
    let Some((then, asked_at)) = facts.oldest_age else {
        return waiting;
    };
    let passed = now.duration_since(asked_at).try_into().unwrap_or_default();
    format!("{waiting} (oldest {})", age(then.saturating_add(passed)))
}

fn up_to_date(facts: &Facts, now: Timestamp, zone: &TimeZone) -> String {
    // A walk has compared every product since.
    let compared_at = facts.scan.and_then(|scan| scan.compared_at);
    let equal = match compared_at.or(facts.checked_at) {
        Some(checked) => format!(
            "All {} equal, checked {}",
            products(facts.counts.published),
            clock(checked, now, zone)
        ),
        None => "Up to date".to_owned(),
    };
    match facts.counts.removed {
        0 => equal,
        removed => format!("{equal} ({} no longer in the shop)", grouped(removed)),
    }
}
