//! What is wrong now.

use std::time::Duration;

use jiff::Timestamp;
use shopmaster_catalog::CaptureStatus;
use shopmaster_view::{age, grouped, noun, products};

use super::{Area, Facts};

/// One thing that is wrong now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issue {
    /// Stable, for programs.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, for people.
    pub text: String,
    /// What to do about it, for people.
    pub remedy: String,
    /// Since when.
    pub since: Option<Timestamp>,
    /// Code of the issue that explains this one.
    pub depends_on: Option<&'static str>,
}

/// With so many changes in it, the ChangeLog is an issue, long before it can hurt anybody: some tens
/// of megabytes in the shop's database.
const LARGE_CHANGE_LOG: u64 = 100_000;

/// When Digible has taken nothing for so long although something waits, it is no outage of an evening.
const LONG: Duration = Duration::from_secs(24 * 3600);

/// How bad an issue is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Good to know.
    Info,
    /// A person should look; syncing goes on.
    Warning,
    /// Syncing does not work.
    Error,
}

/// What is wrong, worst first. What another issue explains is left out.
pub(super) fn issues(facts: &Facts, now: Timestamp) -> Vec<Issue> {
    let mut all: Vec<Issue> = troubles(facts)
        .chain(configuration(facts))
        .chain(session(facts))
        .chain(digible_away_long(facts, now))
        .chain(capture(facts))
        .chain(capture_unused(facts))
        .chain(catalog_shrank(facts))
        .chain(verify_asks(facts))
        .chain(missed_changes(facts))
        .chain(change_log_large(facts))
        .chain(upload(facts))
        .chain(parked(facts))
        .chain(busy(facts))
        .chain(config_replaced(facts))
        .chain(journal_replaced(facts))
        .chain(catalog_changed(facts))
        .chain(journal_damaged(facts))
        .collect();
    let codes: Vec<_> = all.iter().map(|issue| issue.code).collect();
    all.retain(|issue| issue.depends_on.is_none_or(|code| !codes.contains(&code)));
    all.sort_by_key(|issue| std::cmp::Reverse(issue.severity));
    all
}

fn troubles(facts: &Facts) -> impl Iterator<Item = Issue> {
    facts
        .troubles
        .values()
        .filter(|trouble| trouble.is_shown())
        .map(|trouble| Issue {
            code: trouble.code,
            severity: trouble.severity,
            text: trouble.text.clone(),
            remedy: trouble.remedy.clone(),
            since: Some(trouble.since),
            depends_on: None,
        })
}

fn configuration(facts: &Facts) -> Option<Issue> {
    if facts.missing.is_empty() {
        return None;
    }
    Some(Issue {
        depends_on: Some("CONFIG_INVALID"),
        ..new(
            facts,
            "UNCONFIGURED",
            Severity::Warning,
            format!("Not set yet: {}", facts.missing.join(", ")),
            "Run `shopmasterctl configure`",
        )
    })
}

fn session(facts: &Facts) -> Option<Issue> {
    let state = facts.session.as_ref()?.state;
    // The trouble of the area says it better, with Digible's own words.
    if !state.is_refused() || facts.troubles.contains_key(&Area::Digible) {
        return None;
    }
    Some(new(
        facts,
        "SESSION_EXPIRED",
        Severity::Error,
        state.sentence().to_owned(),
        "Run `shopmasterctl configure` with the account's email and password",
    ))
}

/// It stands beside the issue that says what is wrong with Digible now, and says what that has come to.
fn digible_away_long(facts: &Facts, now: Timestamp) -> Option<Issue> {
    if facts.pending == 0 || facts.paused.is_some() {
        return None;
    }
    let failing_since = digible_failing_since(facts)?;
    let waiting_since = match facts.oldest_age {
        // By this computer's clock: the database's may be another one.
        Some((age, asked_at)) => asked_at.checked_sub(age).ok()?,
        // A walk does not tell when a product was changed.
        None => failing_since,
    };
    // A time ahead is of a clock that was set back.
    let sent_at = facts.last_sent_at.filter(|at| *at <= now);
    let since = sent_at.map_or(waiting_since, |at| at.max(waiting_since));
    let away = Duration::try_from(now.duration_since(since)).ok()?;
    if away < LONG {
        return None;
    }
    let waiting = match facts.pending {
        1 => "1 product waits".to_owned(),
        count => format!("{} wait", products(count)),
    };
    let text = format!("Digible has accepted nothing for {}: {waiting}", age(away));
    let text = match facts.scan {
        Some(_) => text,
        None => format!(
            "{text}, and the ChangeLog in the shop's database grows ({} so far)",
            noun(facts.changes, "change")
        ),
    };
    Some(Issue {
        since: Some(since),
        ..new(
            facts,
            "DIGIBLE_AWAY_LONG",
            Severity::Warning,
            text,
            "Run `shopmasterctl test` and fix what it says of Digible, or ask Digible; nothing is lost, and sending resumes automatically",
        )
    })
}

/// Since when Digible cannot be used, or asks us to wait; none when it works as far as is known.
fn digible_failing_since(facts: &Facts) -> Option<Timestamp> {
    let trouble = facts.troubles.get(&Area::Digible);
    if let Some(trouble) = trouble.filter(|trouble| trouble.is_shown()) {
        return Some(trouble.since);
    }
    let issue = session(facts).or_else(|| busy(facts))?;
    issue.since
}

fn capture(facts: &Facts) -> Option<Issue> {
    if !facts.missing.is_empty() || facts.scan.is_some() {
        return None;
    }
    let (code, severity, text, remedy) = match facts.capture.as_ref()? {
        CaptureStatus::Installed | CaptureStatus::ScanOnly(_) => return None,
        CaptureStatus::Outdated(what) => (
            "CAPTURE_OUTDATED",
            Severity::Info,
            format!("Changes are captured; {what}"),
            "Run `shopmasterctl capture install` when it suits: it brings today's text and keeps what waits",
        ),
        CaptureStatus::NotInstalled => (
            "CAPTURE_NOT_INSTALLED",
            Severity::Error,
            "Changes are not captured: nothing is installed in the shop's database".to_owned(),
            "Look at `shopmasterctl capture plan`, then run `shopmasterctl capture install`",
        ),
        CaptureStatus::Drifted(lines) => (
            "CAPTURE_DRIFTED",
            Severity::Error,
            format!("Changes may be lost: {}", lines.join("; ")),
            "Run `shopmasterctl capture install`, then `shopmasterctl verify`",
        ),
    };
    Some(Issue {
        depends_on: catalog_trouble(facts),
        ..new(facts, code, severity, text, remedy)
    })
}

/// Code of what is wrong with the shop's database.
fn catalog_trouble(facts: &Facts) -> Option<&'static str> {
    let trouble = facts.troubles.get(&Area::Catalog);
    trouble.map(|trouble| trouble.code)
}

/// The till pays for it, and its ChangeLog only grows.
fn capture_unused(facts: &Facts) -> Option<Issue> {
    facts.scan?;
    match facts.capture.as_ref()? {
        CaptureStatus::NotInstalled | CaptureStatus::ScanOnly(_) => return None,
        CaptureStatus::Installed | CaptureStatus::Outdated(_) | CaptureStatus::Drifted(_) => {}
    }
    Some(new(
        facts,
        "CAPTURE_UNUSED",
        Severity::Warning,
        "Scan mode is on, and capture is still installed: its ChangeLog grows and nobody reads it"
            .to_owned(),
        "Run `shopmasterctl capture remove`, or `shopmasterctl configure --capture trigger` to use it",
    ))
}

fn catalog_shrank(facts: &Facts) -> Option<Issue> {
    let shrank = facts.shrank?;
    Some(new(
        facts,
        "CATALOG_SHRANK",
        Severity::Warning,
        format!(
            "{} of {} are missing from the shop's table at once; none of them counts as removed",
            grouped(shrank.missing),
            products(shrank.known)
        ),
        "Check the shop's table or view with its own program; if the products are really gone, run `shopmasterctl verify --yes`",
    ))
}

fn verify_asks(facts: &Facts) -> Option<Issue> {
    let asks = facts.verified.asks?;
    // While an upload is due, nobody said that changes would tell.
    let untold = match facts.uploaded_at {
        Some(_) => ", and no change was recorded for them",
        None => "",
    };
    Some(new(
        facts,
        "VERIFY_ASKS",
        Severity::Warning,
        format!(
            "{} of {} differ from what Digible has{untold}; none of them is sent",
            grouped(asks.differing),
            products(asks.products)
        ),
        "Check that it is the right database and that nobody loaded wrong prices; if all is as it should be, run `shopmasterctl verify --yes`",
    ))
}

fn missed_changes(facts: &Facts) -> Option<Issue> {
    let verified = &facts.verified;
    if verified.missed == 0 {
        return None;
    }
    Some(new(
        facts,
        "CAPTURE_MISSED_CHANGES",
        Severity::Warning,
        format!(
            "{} reached the shop's table without being captured, and the last verify found them: {}",
            noun(verified.missed, "change"),
            verified.cause
        ),
        "Find the program that does it, and run `shopmasterctl verify` after it; this ends with the next verify that finds none",
    ))
}

fn change_log_large(facts: &Facts) -> Option<Issue> {
    if facts.changes < LARGE_CHANGE_LOG {
        return None;
    }
    Some(new(
        facts,
        "CHANGELOG_LARGE",
        Severity::Warning,
        format!(
            "{} wait in the shop's database, more than are sent in the same time",
            noun(facts.changes, "change")
        ),
        "Mend what keeps them from being sent, as the other issues say, or end the pause with `shopmasterctl resume`; `shopmasterctl runs` shows whether they are going down",
    ))
}

fn upload(facts: &Facts) -> Option<Issue> {
    // Before the first look nothing is known of the journal either.
    let unknown = facts.catalog.reachable.is_none();
    if facts.uploaded_at.is_some() || !facts.missing.is_empty() || unknown {
        return None;
    }
    // It is on its way.
    if facts.is_uploading() {
        return None;
    }
    Some(Issue {
        depends_on: catalog_trouble(facts),
        ..new(
            facts,
            "NEVER_UPLOADED",
            Severity::Warning,
            "An upload is due: Digible may lack products or changes".to_owned(),
            "Run `shopmasterctl upload`",
        )
    })
}

fn parked(facts: &Facts) -> Option<Issue> {
    let count = facts.counts.parked;
    if count == 0 {
        return None;
    }
    Some(new(
        facts,
        "PRODUCTS_REFUSED",
        Severity::Warning,
        format!("{} refused", products(count)),
        "See the reasons with `shopmasterctl parked`, mend the products, or run `shopmasterctl parked discard`",
    ))
}

fn config_replaced(facts: &Facts) -> Option<Issue> {
    let why = facts.config_replaced.as_ref()?;
    Some(new(
        facts,
        "CONFIG_REPLACED",
        Severity::Info,
        format!("The configuration began anew: {why}"),
        "Look at `shopmasterctl configure --show`, and set what is missing",
    ))
}

fn journal_replaced(facts: &Facts) -> Option<Issue> {
    let why = facts.journal_replaced.as_ref()?;
    // An upload has made up for it.
    if facts.uploaded_at.is_some() {
        return None;
    }
    Some(new(
        facts,
        "JOURNAL_REPLACED",
        Severity::Info,
        format!("The journal began anew: {why}"),
        "Run `shopmasterctl upload`",
    ))
}

fn catalog_changed(facts: &Facts) -> Option<Issue> {
    // An upload has found what is gone.
    if !facts.catalog_changed || facts.uploaded_at.is_some() {
        return None;
    }
    Some(new(
        facts,
        "CATALOG_CHANGED",
        Severity::Info,
        "The product table, or how its prices are sent, was changed: nothing says yet what differs from what Digible has"
            .to_owned(),
        "Run `shopmasterctl verify`: it asks before it sends much, and lists what the table does not have",
    ))
}

fn journal_damaged(facts: &Facts) -> Option<Issue> {
    let why = facts.journal_damaged.as_ref()?;
    // An upload has made up for it.
    if facts.uploaded_at.is_some() {
        return None;
    }
    Some(new(
        facts,
        "JOURNAL_DAMAGED",
        Severity::Warning,
        format!("The journal was damaged, and may lack products that are refused or gone: {why}"),
        "Run `shopmasterctl upload`, and check the disk",
    ))
}

fn busy(facts: &Facts) -> Option<Issue> {
    facts.blocked_until?;
    Some(new(
        facts,
        "DIGIBLE_BUSY",
        Severity::Info,
        "Digible asks shopMaster to wait".to_owned(),
        "Nothing: sending goes on by itself",
    ))
}

fn new(facts: &Facts, code: &'static str, severity: Severity, text: String, remedy: &str) -> Issue {
    Issue {
        code,
        severity,
        text,
        remedy: remedy.to_owned(),
        since: facts.since.get(code).copied(),
        depends_on: None,
    }
}
