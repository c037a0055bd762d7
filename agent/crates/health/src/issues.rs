//! The issues: what is wrong now, or worth knowing.

use std::time::Duration;

use jiff::Timestamp;
use shopmaster_catalog::CaptureStatus;
use shopmaster_journal::Asks;
use shopmaster_view::{age, grouped, noun, products};

use super::{Area, Facts};

/// Something that is wrong now, or worth knowing.
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

/// Rows from which the ChangeLog is an issue. They take some tens of megabytes in the shop's database, which
/// is long before they do harm.
const LARGE_CHANGE_LOG: u64 = 100_000;

/// How long Digible must have accepted nothing, while changes are waiting, to make it more than an outage of
/// one evening.
const LONG_OUTAGE: Duration = Duration::from_secs(24 * 3600);

/// How bad an issue is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing; needs no action soon.
    Info,
    /// Needs a person's attention; syncing continues.
    Warning,
    /// Syncing does not work until it is fixed.
    Error,
}

/// The issues, worst first. An issue that follows from another one in the list is left out.
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
            format!("Not configured yet: {}", facts.missing.join(", ")),
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

/// Appears next to the issue that says what is wrong with Digible now, and says what that has led to.
fn digible_away_long(facts: &Facts, now: Timestamp) -> Option<Issue> {
    if facts.pending == 0 || facts.paused.is_some() {
        return None;
    }
    let failing_since = digible_failing_since(facts)?;
    let waiting_since = match facts.oldest_age {
        // In this computer's time: the database's clock may differ.
        Some((age, asked_at)) => asked_at.checked_sub(age).ok()?,
        // A scan does not show when a product was changed.
        None => failing_since,
    };
    // A time in the future comes from a clock that was set back.
    let sent_at = facts.last_sent_at.filter(|at| *at <= now);
    let since = sent_at.map_or(waiting_since, |at| at.max(waiting_since));
    let away = Duration::try_from(now.duration_since(since)).ok()?;
    if away < LONG_OUTAGE {
        return None;
    }
    let waiting = match facts.pending {
        1 => "1 product is waiting".to_owned(),
        count => format!("{} are waiting", products(count)),
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
            "Run `shopmasterctl test` and fix what it reports about Digible, or ask Digible; nothing is lost, and sending resumes automatically",
        )
    })
}

/// Since when Digible has been unusable, or has asked shopMaster to wait; none when it works as far as is known.
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
        CaptureStatus::Installed | CaptureStatus::ScanOnly { .. } => return None,
        CaptureStatus::Outdated(what) => (
            "CAPTURE_OUTDATED",
            Severity::Info,
            format!("Changes are captured; {what}"),
            "Run `shopmasterctl capture install` when it suits you: it installs the current version and keeps waiting changes",
        ),
        CaptureStatus::NotInstalled => (
            "CAPTURE_NOT_INSTALLED",
            Severity::Error,
            "Changes are not captured: capture is not installed in the shop's database".to_owned(),
            "Check `shopmasterctl capture plan`, then run `shopmasterctl capture install`",
        ),
        CaptureStatus::Drifted(drift) => (
            "CAPTURE_DRIFTED",
            Severity::Error,
            format!("Changes may be lost: {}", drift.text()),
            drift.remedy(),
        ),
    };
    Some(Issue {
        depends_on: catalog_trouble(facts),
        ..new(facts, code, severity, text, remedy)
    })
}

/// Code of the trouble with the shop's database, if there is one.
fn catalog_trouble(facts: &Facts) -> Option<&'static str> {
    let trouble = facts.troubles.get(&Area::Catalog);
    trouble.map(|trouble| trouble.code)
}

/// The triggers slow down the till for nothing, and the ChangeLog only grows.
fn capture_unused(facts: &Facts) -> Option<Issue> {
    facts.scan?;
    if !facts.capture.as_ref()?.is_there() {
        return None;
    }
    Some(new(
        facts,
        "CAPTURE_UNUSED",
        Severity::Warning,
        "The table is scanned, but capture is still installed: its ChangeLog grows, and no agent reads it"
            .to_owned(),
        "Run `shopmasterctl capture remove`, or, to use it, `shopmasterctl configure --capture trigger`, and for a view `--watch`",
    ))
}

fn catalog_shrank(facts: &Facts) -> Option<Issue> {
    let shrank = facts.shrank?;
    let check = match &facts.conditions {
        None => "Check the shop's table or view with its own program".to_owned(),
        Some(conditions) => format!(
            "Check the conditions of what is sold ({conditions}; set them with `shopmasterctl configure --only` and `--sold-when`), and the shop's table or view with its own program"
        ),
    };
    Some(new(
        facts,
        "CATALOG_SHRANK",
        Severity::Warning,
        format!(
            "{} of {} are missing from the shop's table at once; none of them is listed as gone from the shop",
            grouped(shrank.missing),
            products(shrank.known)
        ),
        &format!("{check}; if the products are really gone, run `shopmasterctl verify --yes`"),
    ))
}

fn verify_asks(facts: &Facts) -> Option<Issue> {
    let asks = facts.verified.asks?;
    Some(new(
        facts,
        "VERIFY_ASKS",
        Severity::Warning,
        // While an upload is due, changes may be missing that no trigger recorded.
        format!(
            "{}; none of them was sent",
            differing(asks, facts.uploaded_at.is_some())
        ),
        "Check that this is the right database and that no wrong prices were loaded; if everything is right, run `shopmasterctl verify --yes`",
    ))
}

/// The reason why a verify asks: so many products differ. `are_recorded`: changes in the shop are recorded, so the
/// missing record is worth mentioning.
#[must_use]
pub fn differing(asks: Asks, are_recorded: bool) -> String {
    let unrecorded = match are_recorded {
        true => ", and no change was recorded for them",
        false => "",
    };
    format!(
        "{} of {} differ from what Digible has{unrecorded}",
        grouped(asks.differing),
        products(asks.products)
    )
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
            "{} reached the shop's table without being captured; the last verify found them: {}",
            noun(verified.missed, "change"),
            verified.cause
        ),
        "Find the program that makes these changes, and run `shopmasterctl verify` after it; this issue ends with the next verify that finds none",
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
            "{} are waiting in the shop's database",
            noun(facts.changes, "change")
        ),
        "Fix what blocks sending, as the other issues say, or end the pause with `shopmasterctl resume`; `shopmasterctl runs` shows whether the number goes down",
    ))
}

fn upload(facts: &Facts) -> Option<Issue> {
    // Before the first check of the database nothing is known of the journal either.
    let unknown = facts.catalog.reachable.is_none();
    if facts.uploaded_at.is_some() || !facts.missing.is_empty() || unknown {
        return None;
    }
    // The upload is in progress.
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
        "See the reasons with `shopmasterctl parked`, fix the products, or run `shopmasterctl parked discard`",
    ))
}

fn config_replaced(facts: &Facts) -> Option<Issue> {
    let why = facts.config_replaced.as_ref()?;
    Some(new(
        facts,
        "CONFIG_REPLACED",
        Severity::Info,
        format!("The configuration was reset: {why}"),
        "Check `shopmasterctl configure --show`, and set what is missing",
    ))
}

fn journal_replaced(facts: &Facts) -> Option<Issue> {
    let why = facts.journal_replaced.as_ref()?;
    // The upload since then has made up for it.
    if facts.uploaded_at.is_some() {
        return None;
    }
    Some(new(
        facts,
        "JOURNAL_REPLACED",
        Severity::Info,
        format!("The journal was replaced: {why}"),
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
        "The product table, or which of its rows are sent and how, was changed; what differs from what Digible has is not known yet"
            .to_owned(),
        "Run `shopmasterctl verify`: it asks before it sends much, and lists products that the table does not have",
    ))
}

fn journal_damaged(facts: &Facts) -> Option<Issue> {
    let why = facts.journal_damaged.as_ref()?;
    // The upload since then has made up for it.
    if facts.uploaded_at.is_some() {
        return None;
    }
    Some(new(
        facts,
        "JOURNAL_DAMAGED",
        Severity::Warning,
        format!(
            "The journal was damaged, and may lack products that are refused or gone from the shop: {why}"
        ),
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
        "No action needed: sending resumes automatically",
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
