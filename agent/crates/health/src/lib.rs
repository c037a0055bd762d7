//! From what the agent knows to what people see: one pure function, shared by tray, command line and gRPC.

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
pub use issues::{Issue, Severity};

/// All that is known now. Products count, not changes.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    /// What is not set yet; empty when configured.
    pub missing: Vec<&'static str>,
    /// There is no engine yet, at the start and during a change of the configuration: what is known may be
    /// old.
    pub starting: bool,
    /// The pause that is on.
    pub paused: Option<Pause>,
    /// Products whose newest state was not acknowledged.
    pub pending: u64,
    /// When the oldest pending change was made, by the database's clock.
    pub oldest_pending_at: Option<Timestamp>,
    /// How old that was when it was asked for, and when that was: ages come from the database's clock.
    pub oldest_age: Option<(Duration, Timestamp)>,
    /// From the journal.
    pub counts: Counts,
    /// The runs that have not ended, the one that began last last.
    pub runs: Vec<Run>,
    /// The last sync that ended.
    pub last_sync: Option<Run>,
    /// When the scheduler starts the next sync.
    pub next_sync_at: Option<Timestamp>,
    /// The Digible login; none without email or password.
    pub session: Option<Session>,
    /// Whether changes are captured; none before the database was asked.
    pub capture: Option<CaptureStatus>,
    /// What walking the table has found; none where changes are captured.
    pub scan: Option<ScanFacts>,
    /// More products were missing at once than can be believed.
    pub shrank: Option<Shrank>,
    /// What the last verify found, as far as a person has to look at it.
    pub verified: Verified,
    /// ChangeLog rows that wait.
    pub changes: u64,
    /// The ChangeLog in the shop's database, read or not; none where there is none, and before it was asked.
    pub change_log: Option<ChangeLogFacts>,
    /// The shop's database.
    pub catalog: CatalogFacts,
    /// When an upload last finished; none when none did, or when one is due again.
    pub uploaded_at: Option<Timestamp>,
    /// When Digible last acknowledged something; none when it never did.
    pub last_sent_at: Option<Timestamp>,
    /// As of when every product was last compared, by an upload or by walking the table; none when that
    /// never happened.
    pub last_compared_at: Option<Timestamp>,
    /// Why the agent began anew with its configuration file, and where the old one is.
    pub config_replaced: Option<String>,
    /// Why the agent began anew with its journal, and where the old one is.
    pub journal_replaced: Option<String>,
    /// The product table, or how its prices are sent, is another than before.
    pub catalog_changed: bool,
    /// How the journal was found damaged, and where a copy of it is.
    pub journal_damaged: Option<String>,
    /// Until when Digible asked us to wait.
    pub blocked_until: Option<Timestamp>,
    /// When Digible is tried again after a failure by a run that waits for it; none while it works.
    pub next_try_at: Option<Timestamp>,
    /// Requests under way at once, while they are fewer than they could be because of Digible's answers.
    pub slowed: Option<usize>,
    /// What fails, by area: one trouble explains an area.
    pub troubles: BTreeMap<Area, Trouble>,
    /// Since when each issue is there.
    pub since: BTreeMap<&'static str, Timestamp>,
}

/// Where something can fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Area {
    /// The configuration file.
    Config,
    /// The engine, which could not be built for a reason of its own.
    Engine,
    /// The journal.
    Journal,
    /// The store of secrets.
    Secrets,
    /// The shop's database.
    Catalog,
    /// Digible and the way to it.
    Digible,
}

/// Something that failed the last time it was tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// Stable, for programs.
    pub code: &'static str,
    /// What is wrong, for people.
    pub text: String,
    /// What to do about it, for people.
    pub remedy: String,
    /// How often in a row the area failed, for whatever reason. Once may be a hiccup.
    pub failures: u32,
    /// Whether it is shown at the first failure, because trying again does not help.
    pub lasting: bool,
    /// How bad it is.
    pub severity: Severity,
    /// Since when.
    pub since: Timestamp,
}

/// The shop's database.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CatalogFacts {
    /// `sqlserver` or `sqlite`; empty when not configured.
    pub kind: &'static str,
    /// Whether it answered; none before it was asked.
    pub reachable: Option<bool>,
}

/// How large and how old the ChangeLog is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChangeLogFacts {
    /// Rows.
    pub changes: u64,
    /// What it takes of the disk, where the engine tells.
    pub bytes: Option<u64>,
    /// When the oldest of its changes was made, by the database's clock.
    pub oldest_at: Option<Timestamp>,
}

/// What walking the table and comparing it has found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ScanFacts {
    /// When the last walk began that left nothing to be sent; none when the last one left something,
    /// and before the first one of this process.
    pub compared_at: Option<Timestamp>,
}

/// What people see.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// The one word for the whole.
    pub state: State,
    /// One honest sentence.
    pub headline: String,
    /// Which picture.
    pub icon: Icon,
    /// What is wrong now, worst first.
    pub issues: Vec<Issue>,
}

/// The one word for the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// No shop or no account is set.
    Unconfigured,
    /// Nothing is open.
    UpToDate,
    /// Changes wait, or are being confirmed.
    Pending,
    /// A run is sending.
    Sending,
    /// Somebody paused it.
    Paused,
    /// A person should look.
    Attention,
    /// It does not work until something is mended.
    Broken,
}

/// Which picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Icon {
    /// Equal.
    Green,
    /// Sending.
    Blue,
    /// Paused or unconfigured.
    Grey,
    /// Waiting, or a person should look.
    Amber,
    /// Broken.
    Red,
}

/// What people see of these facts at this moment.
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

/// Whether products can be sent, a pause set aside; none while that is not known.
#[must_use]
pub fn can_send(facts: &Facts, now: Timestamp) -> Option<bool> {
    state::can_send(facts, &issues::issues(facts, now))
}

/// The codes of the issues that are there now, so that their beginning can be noted.
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
    /// Nothing is known yet.
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
            runs: Vec::new(),
            last_sync: None,
            next_sync_at: None,
            session: None,
            capture: None,
            scan: None,
            shrank: None,
            verified: Verified::default(),
            changes: 0,
            change_log: None,
            catalog: CatalogFacts::default(),
            uploaded_at: None,
            last_sent_at: None,
            last_compared_at: None,
            config_replaced: None,
            journal_replaced: None,
            catalog_changed: false,
            journal_damaged: None,
            blocked_until: None,
            next_try_at: None,
            slowed: None,
            troubles: BTreeMap::new(),
            since: BTreeMap::new(),
        }
    }

    /// The run that people are told of: one that sends, else the one that began last.
    #[must_use]
    pub fn current_run(&self) -> Option<&Run> {
        let sends = self.runs.iter().rev().find(|run| run.is_sending());
        sends.or(self.runs.last())
    }

    /// Shows a run as it is now; nothing when it is not one of those that are shown.
    pub fn show_run(&mut self, run: &Run) {
        if let Some(shown) = self.runs.iter_mut().find(|shown| shown.id == run.id) {
            shown.clone_from(run);
        }
    }

    fn is_uploading(&self) -> bool {
        self.runs.iter().any(|run| run.kind == Kind::Upload)
    }

    /// Notes a failure in an area. The same one again keeps its beginning, and so do hiccups of any
    /// kind in a row: a server that goes away is lost, then silent, then refuses.
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

    /// Notes that an area works.
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
    /// A trouble that begins now and may be a hiccup.
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

    /// The same as what is waited for: nothing is wrong, and nobody has to do anything.
    #[must_use]
    pub fn waiting(mut self) -> Self {
        self.severity = Severity::Info;
        self.lasting()
    }

    /// The same, shown at once: trying again does not help.
    #[must_use]
    pub fn lasting(mut self) -> Self {
        self.lasting = true;
        self
    }

    /// Whether people see it: a first failure that trying again may mend is not shown.
    #[must_use]
    pub fn is_shown(&self) -> bool {
        self.lasting || self.failures > 1
    }
}
