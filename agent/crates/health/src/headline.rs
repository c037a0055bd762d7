//! The headline: one sentence that says the most important thing about the agent.

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use shopmaster_journal::Pause;
use shopmaster_view::{age, clock, grouped, noun, products, upper_first};

use super::run::{Kind, Run, State as RunState};
use super::{Comparison, Facts, Issue, Severity, State};

pub(super) fn headline(
    facts: &Facts,
    state: State,
    issues: &[Issue],
    now: Timestamp,
    zone: &TimeZone,
) -> String {
    match state {
        State::Unconfigured => "Not configured: run `shopmasterctl configure`".to_owned(),
        State::Paused => paused(facts.paused, now, zone),
        State::Broken => issues
            .first()
            .map(|issue| {
                let parts = [
                    Some(broken(issue, now, zone)),
                    next_try(facts, issue, now, zone),
                ];
                joined(parts.into_iter().flatten())
            })
            .unwrap_or_default(),
        State::Sending => facts
            .current_run()
            .map(|run| sending(facts, run))
            .unwrap_or_default(),
        State::Attention => attention(facts, issues, now, zone),
        State::Pending => pending(facts, issues, now, zone),
        State::UpToDate => up_to_date(facts, now, zone),
    }
}

/// What does not work, in a few words: the issue itself says more.
fn broken(issue: &Issue, now: Timestamp, zone: &TimeZone) -> String {
    let what = match issue.code {
        "SESSION_EXPIRED" => return first_part(&issue.text).to_owned(),
        "CAPTURE_NOT_INSTALLED" => return "Changes are not captured yet".to_owned(),
        "CONFIG_INVALID" => "The configuration file is not valid",
        "SECRETS_UNAVAILABLE" => "Credential store locked or not responding",
        "JOURNAL_FAILED" => "The journal cannot be written",
        "JOURNAL_GONE" => "Journal missing or replaced",
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
            "Database server: encryption settings do not match"
        }
        "CERTIFICATE_NOT_TRUSTED" => "Database server's certificate not trusted",
        "LOGIN_FAILED" | "WINDOWS_LOGIN_UNAVAILABLE" => "Database refuses the login",
        "SQL_PASSWORD_MISSING" => {
            return "SQL password not set: run `shopmasterctl configure`".to_owned();
        }
        "DATABASE_MISSING" => "Database not found",
        "DATABASE_DENIED" | "DATABASE_READ_ONLY" => "Database: rights are missing",
        "DATABASE_BUSY" | "DATABASE_DEADLOCK" => "Database busy",
        "DATABASE_DAMAGED" => "Database is damaged",
        "DATABASE_FAILED" => "Database error",
        "CATALOG_CLAIMED" => "Another agent serves this shop",
        "CAPTURE_DRIFTED" => "Changes may be lost",
        "DIGIBLE_UNREACHABLE" => first_part(&issue.text),
        "DIGIBLE_REFUSES" => "Digible refuses everything",
        "DIGIBLE_MISCONFIGURED" => "Digible's address or certificate is wrong",
        _ => &upper_first(&issue.text),
    };
    match issue.since {
        Some(since) => format!("{what} (since {})", clock(since, now, zone)),
        None => what.to_owned(),
    }
}

/// `next try 11:07`: when shopMaster tries Digible again.
fn next_try(facts: &Facts, issue: &Issue, now: Timestamp, zone: &TimeZone) -> Option<String> {
    if !matches!(issue.code, "DIGIBLE_UNREACHABLE" | "DIGIBLE_REFUSES") {
        return None;
    }
    let is_waited_for = facts.runs.iter().any(|run| run.state == RunState::Waiting);
    let next = match is_waited_for {
        true => facts.next_try_at,
        false => facts.next_sync_at,
    };
    // The headline has whole minutes, so a time that has just passed stays while the attempt runs.
    let next = next.filter(|next| now.duration_since(*next) < SignedDuration::from_mins(1))?;
    Some(format!("next try {}", clock(next, now, zone)))
}

/// An issue's own sentence, without the words that it quotes from Digible.
fn first_part(text: &str) -> &str {
    text.split(": ").next().unwrap_or(text)
}

/// `Paused until 14:30`, `Paused`.
pub fn paused(pause: Option<Pause>, now: Timestamp, zone: &TimeZone) -> String {
    match pause {
        Some(Pause::Until(until)) => format!("Paused until {}", clock(until, now, zone)),
        _ => "Paused".to_owned(),
    }
}

fn sending(facts: &Facts, run: &Run) -> String {
    // Once the pause is over, the run is about to continue.
    if run.state == RunState::Waiting && !run.is_paused && !run.message.is_empty() {
        return run.message.clone();
    }
    let what = match run.kind {
        Kind::Sync => "Sending",
        Kind::Upload => "Uploading",
        Kind::Verify => "Verifying",
    };
    let sending = format!(
        "{what} {} of {}",
        grouped(run.done),
        grouped(run.total.max(run.done))
    );
    let slowed = facts.slowed.map(|limit| {
        let requests = noun(limit as u64, "request");
        format!("{requests} at a time because Digible is busy")
    });
    joined([sending].into_iter().chain(slowed))
}

fn attention(facts: &Facts, issues: &[Issue], now: Timestamp, zone: &TimeZone) -> String {
    match issues.first() {
        Some(issue) if issue.code == "PRODUCTS_REFUSED" => {
            let waiting = (facts.pending > 0).then(|| waiting(facts, now));
            let parts = [Some(issue.text.clone()), waiting];
            joined(parts.into_iter().flatten().chain(open(facts)))
        }
        Some(issue) if issue.severity == Severity::Warning => issue.text.clone(),
        _ => up_to_date(facts, now, zone),
    }
}

fn pending(facts: &Facts, issues: &[Issue], now: Timestamp, zone: &TimeZone) -> String {
    if facts.starting {
        return "Starting".to_owned();
    }
    if let Some(reserved) = issues.iter().find(|it| it.code == "DATABASE_RESERVED") {
        return format!("Waiting: {}", reserved.text);
    }
    let doubtful = facts
        .counts
        .in_doubt
        .saturating_sub(facts.counts.confirming);
    let first = if facts.pending > 0 {
        waiting(facts, now)
    } else if doubtful > 0 {
        format!("{} unconfirmed", products(doubtful))
    } else if facts.catalog.reachable != Some(true) {
        return "Waiting for the shop's database to answer".to_owned();
    } else if facts.scan.is_some_and(|scan| scan.compared_at.is_none()) {
        return "Waiting for the next scan".to_owned();
    } else if let Some(comparison) = comparison(facts, now, zone) {
        comparison
    } else {
        return up_to_date(facts, now, zone);
    };
    let held = facts.blocked_until.filter(|until| *until > now);
    let held = held.map(|until| {
        format!(
            "Digible asks shopMaster to wait until {}",
            clock(until, now, zone)
        )
    });
    joined([first].into_iter().chain(held).chain(open(facts)))
}

/// `All products will be compared at 12:41`.
fn comparison(facts: &Facts, now: Timestamp, zone: &TimeZone) -> Option<String> {
    match facts.comparison {
        Comparison::NotDue => None,
        Comparison::At(at) if at <= now => Some("All products are about to be compared".to_owned()),
        Comparison::At(at) => Some(format!(
            "All products will be compared at {}",
            clock(at, now, zone)
        )),
        Comparison::ByHand => {
            Some("All products have to be compared: run `shopmasterctl verify`".to_owned())
        }
    }
}

/// `3 changes waiting (oldest 40 s)`.
fn waiting(facts: &Facts, now: Timestamp) -> String {
    let waiting = format!("{} waiting", products(facts.pending));
    let Some((then, asked_at)) = facts.oldest_age else {
        return waiting;
    };
    let passed = now.duration_since(asked_at).try_into().unwrap_or_default();
    format!("{waiting} (oldest {})", age(then.saturating_add(passed)))
}

/// The products that are up to date, followed by everything that is not.
fn up_to_date(facts: &Facts, now: Timestamp, zone: &TimeZone) -> String {
    let counts = &facts.counts;
    let good = counts.published.saturating_sub(counts.outdated);
    let refused = counts.parked + counts.discarded;
    let first = if refused > 0 {
        format!(
            "{} of {} up to date",
            grouped(good),
            grouped(good + refused)
        )
    } else if counts.confirming > 0 || good == 0 {
        "Up to date".to_owned()
    } else if counts.removed > 0 {
        format!("{} up to date", grouped(good))
    } else if good == 1 {
        "The one product is up to date".to_owned()
    } else {
        format!("All {} up to date", products(good))
    };
    let gone = (counts.removed > 0).then(|| {
        format!(
            "{} gone from the shop and still at Digible",
            grouped(counts.removed)
        )
    });
    let confirming = (counts.confirming > 0).then(|| match counts.confirming_until {
        Some(until) => format!(
            "confirming {} until {}",
            products(counts.confirming),
            clock(until, now, zone)
        ),
        None => format!("confirming {}", products(counts.confirming)),
    });
    let parts = [Some(first), dismissed(facts), gone, confirming];
    joined(parts.into_iter().flatten())
}

/// What is open besides waiting and refused products, in a few words.
fn open(facts: &Facts) -> impl Iterator<Item = String> {
    let removed = facts.counts.removed;
    let gone = (removed > 0).then(|| format!("{} gone from the shop", grouped(removed)));
    [dismissed(facts), gone].into_iter().flatten()
}

fn dismissed(facts: &Facts) -> Option<String> {
    let dismissed = facts.counts.discarded;
    (dismissed > 0).then(|| format!("{} dismissed", grouped(dismissed)))
}

fn joined(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(", ")
}
