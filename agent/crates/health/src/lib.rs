//! From what the agent knows to what people see: [`report`], one pure function whose result the tray, the command
//! line and the contract show.

use std::{collections::BTreeMap, time::Duration};

use jiff::{Timestamp, tz::TimeZone};
use shopmaster_catalog::CaptureStatus;
use shopmaster_digible::Session;
use shopmaster_journal::{Counts, Pause, Shrank, Verified};

mod headline;
mod issues;
pub mod run;
mod state;
#[cfg(test)]
mod tests;

use self::run::{Kind, Run};

pub use headline::paused;
pub use issues::{Issue, Severity, differing};

/// Everything that is known now. Numbers are of products unless they say otherwise.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    /// Settings that are required and not set yet; empty when configured.
    pub missing: Vec<&'static str>,
    /// There is no engine: the agent is starting, or applies a changed configuration. What is known may be
    /// outdated.
    pub starting: bool,
    /// The pause in effect.
    pub paused: Option<Pause>,
    /// Products whose newest state was not acknowledged.
    pub pending: u64,
    /// When the oldest pending change was made, by the database's clock.
    pub oldest_pending_at: Option<Timestamp>,
    /// How old that change was by the database's clock, and when the agent asked by its own clock.
    pub oldest_age: Option<(Duration, Timestamp)>,
    /// The numbers that the journal keeps.
    pub counts: Counts,
    /// Products that are gone from the shop are named in the headline and need no attention.
    pub notes_removed: bool,
    /// The runs that have not ended, in the order in which they began.
    pub runs: Vec<Run>,
    /// The last sync that ended.
    pub last_sync: Option<Run>,
    /// When the scheduler starts the next sync.
    pub next_sync_at: Option<Timestamp>,
    /// The Digible login; none without email or password.
    pub session: Option<Session>,
    /// Whether changes are captured; none before the database was asked.
    pub capture: Option<CaptureStatus>,
    /// What scanning the table found; none where changes are captured.
    pub scan: Option<ScanFacts>,
    /// So many products were missing at once that none of them is listed as gone; none when that is not so.
    pub shrank: Option<Shrank>,
    /// Which rows are sold, for people; none when all of them are.
    pub conditions: Option<String>,
    /// What the last verify found, as far as it needs a person's attention.
    pub verified: Verified,
    /// Whether all products have to be compared.
    pub comparison: Comparison,
    /// Rows of the ChangeLog that are waiting.
    pub changes: u64,
    /// The ChangeLog in the shop's database, also where nothing reads it; none where there is none, and before the
    /// database was asked.
    pub change_log: Option<ChangeLogFacts>,
    /// The shop's database.
    pub catalog: CatalogFacts,
    /// When an upload last finished; none when none has, or when one is due again.
    pub uploaded_at: Option<Timestamp>,
    /// When Digible last acknowledged a product; none when it never did.
    pub last_sent_at: Option<Timestamp>,
    /// The time as of which every product was last compared, by an upload, a verify or a scan; none when that never happened.
    pub last_compared_at: Option<Timestamp>,
    /// Why the configuration file was reset, and where the old one is.
    pub config_replaced: Option<String>,
    /// Why the journal was replaced, and where the old one is.
    pub journal_replaced: Option<String>,
    /// The product table, or which of its rows are sent and how, differs from what it was at the last upload.
    pub catalog_changed: bool,
    /// How the journal was found damaged, and where a copy of it is.
    pub journal_damaged: Option<String>,
    /// Until when Digible asked shopMaster to wait.
    pub blocked_until: Option<Timestamp>,
    /// When a run that waits for Digible tries it again after a failure; none while Digible works.
    pub next_try_at: Option<Timestamp>,
    /// How many requests at once are allowed now, while Digible's answers have lowered that number.
    pub slowed: Option<usize>,
    /// The last change that a remote client asked for; none when none did.
    pub last_remote_change: Option<RemoteChange>,
    /// What fails, by area: at most one trouble for each.
    pub troubles: BTreeMap<Area, Trouble>,
    /// Since when each issue exists, by its code.
    pub since: BTreeMap<&'static str, Timestamp>,
}

/// A change that a remote client asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteChange {
    /// The client's name.
    pub client: String,
    /// What it did, for people: `started an upload`.
    pub text: String,
    /// When.
    pub at: Timestamp,
}

/// Whether all products have to be compared, because some may have changed without a trigger, or a change of a watched table
/// names none of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Comparison {
    /// Nothing calls for it.
    #[default]
    NotDue,
    /// It begins by itself, at this time.
    At(Timestamp),
    /// A person has to start it, because syncs do not start automatically.
    ByHand,
}

/// Where something can fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Area {
    /// The configuration file.
    Config,
    /// The engine itself, which could not start.
    Engine,
    /// The journal.
    Journal,
    /// The store of secrets.
    Secrets,
    /// The shop's database.
    Catalog,
    /// Digible and the connection to it.
    Digible,
    /// The listener on the network.
    Remote,
    /// The port for the metrics.
    Metrics,
}

/// Something that failed at the last attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// Stable, for programs.
    pub code: &'static str,
    /// What is wrong, for people.
    pub text: String,
    /// What to do about it, for people.
    pub remedy: String,
    /// How often in a row the area failed, for whatever reason. A single failure may be a coincidence.
    pub failures: u32,
    /// Whether it is shown at the first failure, because another attempt does not help.
    pub lasting: bool,
    /// How bad it is.
    pub severity: Severity,
    /// Since when.
    pub since: Timestamp,
}

/// What is known of the shop's database.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CatalogFacts {
    /// `sqlserver` or `sqlite`; empty when not configured.
    pub kind: &'static str,
    /// Whether it answered the last time; none before it was asked.
    pub reachable: Option<bool>,
}

/// How large and how old the ChangeLog is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChangeLogFacts {
    /// Rows.
    pub changes: u64,
    /// Its size on disk, where the database reports it.
    pub bytes: Option<u64>,
    /// When the oldest of its changes was made, by the database's clock.
    pub oldest_at: Option<Timestamp>,
}

/// What scanning the table found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ScanFacts {
    /// When the last scan began, if it left nothing to send; none when it left something, and before the
    /// first scan of this process.
    pub compared_at: Option<Timestamp>,
}

/// What people see of the agent's state.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// The state in one word.
    pub state: State,
    /// The state in one sentence.
    pub headline: String,
    /// The color of the tray icon.
    pub icon: Icon,
    /// What is wrong now, worst first.
    pub issues: Vec<Issue>,
}

/// The state in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// No shop or no account is set.
    Unconfigured,
    /// All products are up to date and nothing is open.
    UpToDate,
    /// Changes are waiting, or products are being confirmed.
    Pending,
    /// A run is sending.
    Sending,
    /// A person or a tool has paused sending.
    Paused,
    /// Something needs a person's attention.
    Attention,
    /// Syncing does not work until something is fixed.
    Broken,
}

/// The color of the tray icon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Icon {
    /// Up to date.
    Green,
    /// Sending.
    Blue,
    /// Paused or unconfigured.
    Grey,
    /// Waiting, or in need of a person's attention.
    Amber,
    /// Broken.
    Red,
}

/// What people see of these facts at the time `now`; times in texts are in `zone`.
#[must_use]
pub fn report(facts: &Facts, now: Timestamp, zone: &TimeZone) -> Report {
    let issues = issues::issues(facts, now);
    let state = state::state(facts, &issues);
    Report {
        state,
        headline: headline::headline(facts, state, &issues, now, zone),
        icon: icon(state),
        issues,
    }
}

/// Whether products can be sent, apart from a pause; none while that is not known.
#[must_use]
pub fn can_send(facts: &Facts, now: Timestamp) -> Option<bool> {
    state::can_send(facts, &issues::issues(facts, now))
}

/// The codes of the current issues, so that the time at which each began can be recorded.
pub fn codes(facts: &Facts) -> impl Iterator<Item = &'static str> {
    issues::issues(facts, Timestamp::now())
        .into_iter()
        .map(|issue| issue.code)
}

fn icon(state: State) -> Icon {
    match state {
        State::UpToDate => Icon::Green,
        State::Sending => Icon::Blue,
        State::Paused | State::Unconfigured => Icon::Grey,
        State::Pending | State::Attention => Icon::Amber,
        State::Broken => Icon::Red,
    }
}

impl Facts {
    /// The facts at the start, when nothing is known yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            missing: Vec::new(),
            starting: false,
            paused: None,
            pending: 0,
            oldest_pending_at: None,
            oldest_age: None,
            counts: Counts::default(),
            notes_removed: false,
            runs: Vec::new(),
            last_sync: None,
            next_sync_at: None,
            session: None,
            capture: None,
            scan: None,
            shrank: None,
            conditions: None,
            verified: Verified::default(),
            comparison: Comparison::NotDue,
            changes: 0,
            change_log: None,
            catalog: CatalogFacts::default(),
            uploaded_at: None,
            last_sent_at: None,
            last_compared_at: None,
            config_replaced: None,
            journal_replaced: None,
            catalog_changed: false,
            last_remote_change: None,
            journal_damaged: None,
            blocked_until: None,
            next_try_at: None,
            slowed: None,
            troubles: BTreeMap::new(),
            since: BTreeMap::new(),
        }
    }

    /// The run to show to people: one that sends, else the one that began last.
    #[must_use]
    pub fn current_run(&self) -> Option<&Run> {
        let sends = self.runs.iter().rev().find(|run| run.is_sending());
        sends.or(self.runs.last())
    }

    /// Updates a run among those that are shown; does nothing when it is not one of them.
    pub fn show_run(&mut self, run: &Run) {
        if let Some(shown) = self.runs.iter_mut().find(|shown| shown.id == run.id) {
            shown.clone_from(run);
        }
    }

    fn is_uploading(&self) -> bool {
        self.runs.iter().any(|run| run.kind == Kind::Upload)
    }

    /// Records a failure in an area. If the same failure comes again, its `since` stays. The same applies to
    /// passing failures of any kind in a row: when a server stops, the connection breaks, then the server
    /// does not answer, then it refuses connections.
    pub fn fails(&mut self, area: Area, trouble: Trouble) {
        let Some(before) = self.troubles.get_mut(&area) else {
            self.troubles.insert(area, trouble);
            return;
        };
        let are_hiccups = !before.lasting && !trouble.lasting;
        let goes_on = before.code == trouble.code || are_hiccups;
        let since = if goes_on { before.since } else { trouble.since };
        *before = Trouble {
            failures: before.failures.saturating_add(1),
            since,
            ..trouble
        };
    }

    /// Records that an area works.
    pub fn works(&mut self, area: Area) {
        self.troubles.remove(&area);
    }
}

impl Default for Facts {
    fn default() -> Self {
        Self::new()
    }
}

impl Trouble {
    /// A trouble that begins now and may pass by itself.
    #[must_use]
    pub fn new(code: &'static str, text: String, remedy: &str) -> Self {
        Self {
            code,
            text,
            remedy: remedy.to_owned(),
            failures: 1,
            lasting: false,
            severity: Severity::Error,
            since: Timestamp::now(),
        }
    }

    /// The same as something to wait for: nothing is wrong, and no action is needed.
    #[must_use]
    pub fn waiting(mut self) -> Self {
        self.severity = Severity::Info;
        self.lasting()
    }

    /// The same, shown at once, because another attempt does not help.
    #[must_use]
    pub fn lasting(mut self) -> Self {
        self.lasting = true;
        self
    }

    /// Whether people see it: a first failure that the next attempt may fix is not shown.
    #[must_use]
    pub fn is_shown(&self) -> bool {
        self.lasting || self.failures > 1
    }
}
