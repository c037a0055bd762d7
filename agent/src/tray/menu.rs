//! What the tray shows: one value that is made from the agent's status and compared as a whole.

use jiff::{Timestamp, tz::TimeZone};
use shopmaster_proto::{
    InstanceName,
    v1::{Run, RunKind, RunOutcome, State, Status},
};
use shopmaster_view::{day_and_clock, grouped, noun, products};

#[cfg(test)]
mod tests;

use super::format::{clipped, instant, plain};

/// The longest line of the menu, in characters: longer lines would cover the till's window.
const LONGEST_LINE: usize = 72;
/// The longest tooltip, in characters. Windows allows 127 UTF-16 units.
const LONGEST_TOOLTIP: usize = 100;

/// Everything that the tray shows. Two equal values look the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Menu {
    /// The picture.
    pub icon: Icon,
    /// The tooltip.
    pub tooltip: String,
    /// The items that are shown, from top to bottom, in the order of [`Id::ALL`].
    pub items: Vec<Item>,
}

/// The picture of the icon. Each has a shape of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Icon {
    /// All products are up to date.
    UpToDate,
    /// A run is sending.
    Sending,
    /// Sending is paused.
    Paused,
    /// Changes are waiting, or the state is not known yet.
    Waiting,
    /// Something needs the user's attention, or the agent is not configured.
    Attention,
    /// Syncing does not work, or the agent is not running.
    Broken,
}

/// One line of the menu.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Which item it is.
    pub id: Id,
    /// Its text; empty for a separator.
    pub label: String,
    /// Whether it can be clicked.
    pub enabled: bool,
    /// Whether it is checked; none for items that cannot be checked.
    pub checked: Option<bool>,
}

/// The items that the menu can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Id {
    /// The headline.
    Headline,
    /// The remedy of the worst issue, the open question, why the last action failed, or what a remote client did.
    Notice,
    /// The last sync.
    LastSync,
    /// A separator.
    Work,
    /// Sync now.
    SyncNow,
    /// Pause for 30 minutes.
    PauseShortly,
    /// Pause until tomorrow.
    PauseToday,
    /// Pause until the user resumes.
    Pause,
    /// Resume.
    Resume,
    /// Ask whether to upload.
    Upload,
    /// Upload.
    UploadYes,
    /// Do not upload.
    UploadNo,
    /// Cancel the upload.
    UploadCancel,
    /// Open the list of refused products.
    Refused,
    /// A separator.
    Rest,
    /// Open the log.
    Log,
    /// Start at login: a check mark.
    StartAtLogin,
    /// Open a text file about this program.
    About,
    /// Quit.
    Quit,
}

/// What the menu is made from.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// The agent's name.
    pub instance: &'a InstanceName,
    /// The process that shows the icon.
    pub host: IconHost,
    /// The connection to the agent.
    pub link: Link<'a>,
    /// Whether the agent starts at login; none when that is not known.
    pub starts_at_login: Option<bool>,
    /// Whether the question about an upload is open.
    pub asking: bool,
    /// Why the last action failed.
    pub notice: Option<&'a str>,
}

/// The process that shows the icon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IconHost {
    /// The agent itself: icon and agent end together.
    Agent,
    /// A process of its own, next to an agent that runs as a service.
    OwnProcess,
}

/// The connection to the agent.
#[derive(Debug, Clone, Copy)]
pub enum Link<'a> {
    /// Not connected yet.
    Starting,
    /// Connected, with the last status.
    Up(&'a Status),
    /// Not running, or no longer connected.
    Gone,
}

/// What the tray shows for this view at the time `now`; times are shown in `zone`.
#[must_use]
pub fn menu(view: &View<'_>, now: Timestamp, zone: &TimeZone) -> Menu {
    let headline = headline(view, now, zone);
    let mut items = vec![
        line(Id::Headline, &headline),
        separator(Id::Work),
        separator(Id::Rest),
        action(Id::Log, "Open log", true),
        Item {
            checked: Some(view.starts_at_login.unwrap_or_default()),
            ..action(
                Id::StartAtLogin,
                "Start at login",
                view.starts_at_login.is_some(),
            )
        },
        action(Id::About, "About shopMaster", true),
        action(Id::Quit, quit(view.host), true),
    ];
    let question = question(view);
    let second = failure(view)
        .or(question.clone())
        .or_else(|| remedy(view))
        .or_else(|| remote_change(view, now, zone));
    if let Some(second) = second {
        items.push(line(Id::Notice, &second));
    }
    match view.link {
        Link::Up(status) => {
            let last = last_sync(status, now, zone) + &compared(status, now, zone);
            items.push(line(Id::LastSync, &last));
            items.extend(work(view, status));
        }
        Link::Starting | Link::Gone => items.push(action(Id::SyncNow, "Sync now", false)),
    }
    items.sort_by_key(|item| item.id);
    Menu {
        icon: icon(view),
        tooltip: match question {
            Some(question) => tooltip(view.instance, &format!("{question} Answer in the menu")),
            None => tooltip(view.instance, &headline),
        },
        items,
    }
}

/// The items for an agent that is connected.
fn work<'a>(view: &View<'_>, status: &'a Status) -> impl Iterator<Item = Item> + use<'a> {
    let configured = status.state() != State::Unconfigured;
    let free = is_free(status);
    let mut items = vec![action(Id::SyncNow, "Sync now", free)];
    if status.paused {
        items.push(action(Id::Resume, "Resume", true));
    } else {
        items.extend([
            action(Id::PauseShortly, "Pause for 30 minutes", configured),
            action(Id::PauseToday, "Pause until tomorrow", configured),
            action(Id::Pause, "Pause until I resume", configured),
        ]);
    }
    if uploading(status).is_some() {
        items.push(action(Id::UploadCancel, "Cancel the upload", true));
    } else if may_answer(view, status) {
        let yes = format!("Yes, upload {}", every_product(status));
        items.push(action(Id::UploadYes, &yes, true));
        items.push(action(Id::UploadNo, "No, do not upload", true));
    } else {
        items.push(action(Id::Upload, "Upload all products…", free));
    }
    if status.parked > 0 {
        let refused = format!("{}…", noun(status.parked, "refused product"));
        items.push(action(Id::Refused, &refused, true));
    }
    items.into_iter()
}

fn headline(view: &View<'_>, now: Timestamp, zone: &TimeZone) -> String {
    let status = match view.link {
        Link::Starting => return "Connecting to the agent".to_owned(),
        Link::Gone => return "The agent is not running".to_owned(),
        Link::Up(status) => status,
    };
    match status.state() {
        // The menu stays for hours without a new status, and must stay true.
        State::Paused => match status.paused_until.and_then(instant) {
            Some(until) => format!("Paused until {}", day_and_clock(until, now, zone)),
            None => "Paused".to_owned(),
        },
        State::Pending if status.pending > 0 => waiting(status, now, zone),
        State::Unconfigured => "Not configured yet: run shopmasterctl configure".to_owned(),
        _ => plain(&status.headline),
    }
}

/// The waiting changes and the time of the oldest: an age would become wrong without a new status.
fn waiting(status: &Status, now: Timestamp, zone: &TimeZone) -> String {
    let waiting = format!("{} waiting", products(status.pending));
    match status.oldest_pending_at.and_then(instant) {
        Some(oldest) => format!("{waiting} since {}", day_and_clock(oldest, now, zone)),
        None => waiting,
    }
}

/// Why the last action failed.
fn failure(view: &View<'_>) -> Option<String> {
    view.notice.map(plain)
}

/// The open question.
fn question(view: &View<'_>) -> Option<String> {
    match view.link {
        Link::Up(status) if may_answer(view, status) => {
            Some(format!("Upload {}?", every_product(status)))
        }
        _ => None,
    }
}

fn may_answer(view: &View<'_>, status: &Status) -> bool {
    view.asking && is_free(status) && uploading(status).is_none()
}

/// Whether runs can be started.
fn is_free(status: &Status) -> bool {
    status.state() != State::Unconfigured && !status.paused
}

/// The remedy of the worst issue.
fn remedy(view: &View<'_>) -> Option<String> {
    let Link::Up(status) = view.link else {
        return None;
    };
    if !matches!(status.state(), State::Attention | State::Broken) {
        return None;
    }
    let worst = status.issues.first()?;
    // The menu itself has items for these.
    let known = matches!(worst.code.as_str(), "PRODUCTS_REFUSED" | "NEVER_UPLOADED");
    (!known && !worst.remedy.is_empty()).then(|| plain(&worst.remedy))
}

fn every_product(status: &Status) -> String {
    // Until an upload has finished, the shop may have more products than were ever sent.
    let uploaded = status
        .issues
        .iter()
        .all(|issue| issue.code != "NEVER_UPLOADED");
    match if uploaded { status.published } else { 0 } {
        0 => "all products".to_owned(),
        1 => "the only product".to_owned(),
        count => format!("all {}", products(count)),
    }
}

/// `support-7 started an upload at 10:02`, for a day: whoever sits here should know.
fn remote_change(view: &View<'_>, now: Timestamp, zone: &TimeZone) -> Option<String> {
    let Link::Up(status) = view.link else {
        return None;
    };
    let change = status.last_remote_change.as_ref()?;
    let at = change.at.and_then(instant)?;
    let is_recent = now.duration_since(at).as_hours() < 24;
    let text = format!(
        "{} {}, {}",
        change.client,
        change.text,
        day_and_clock(at, now, zone)
    );
    is_recent.then_some(text)
}

fn last_sync(status: &Status, now: Timestamp, zone: &TimeZone) -> String {
    let Some(run) = &status.last_sync else {
        return "No sync yet".to_owned();
    };
    let result = match run.outcome() {
        RunOutcome::Completed => completed(run),
        RunOutcome::Cancelled => "canceled".to_owned(),
        RunOutcome::Interrupted => "interrupted".to_owned(),
        RunOutcome::Failed | RunOutcome::Unspecified => "failed".to_owned(),
    };
    match run.finished_at.and_then(instant) {
        Some(finished) => format!(
            "Last sync: {}, {result}",
            day_and_clock(finished, now, zone)
        ),
        None => format!("Last sync: {result}"),
    }
}

/// `; all compared 03:10`.
fn compared(status: &Status, now: Timestamp, zone: &TimeZone) -> String {
    let at = status.last_compared_at.and_then(instant);
    at.map_or_else(String::new, |at| {
        format!("; all compared {}", day_and_clock(at, now, zone))
    })
}

fn completed(run: &Run) -> String {
    let counts = [
        (run.sent, "sent"),
        (run.parked, "refused"),
        (run.failed, "failed"),
    ];
    let parts: Vec<_> = counts
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .enumerate()
        .map(|(index, (count, what))| match index {
            0 => format!("{} {what}", products(count)),
            _ => format!("{} {what}", grouped(count)),
        })
        .collect();
    if parts.is_empty() {
        return "nothing to send".to_owned();
    }
    parts.join(", ")
}

/// The upload in progress.
pub(super) fn uploading(status: &Status) -> Option<&Run> {
    let run = status.current_run.as_ref()?;
    (run.kind() == RunKind::Upload).then_some(run)
}

fn icon(view: &View<'_>) -> Icon {
    let status = match view.link {
        Link::Starting => return Icon::Waiting,
        Link::Gone => return Icon::Broken,
        Link::Up(status) => status,
    };
    match status.state() {
        State::UpToDate => Icon::UpToDate,
        State::Sending => Icon::Sending,
        State::Paused => Icon::Paused,
        State::Pending | State::Unspecified => Icon::Waiting,
        State::Attention | State::Unconfigured => Icon::Attention,
        State::Broken => Icon::Broken,
    }
}

fn tooltip(instance: &InstanceName, headline: &str) -> String {
    let text = if *instance == InstanceName::default() {
        format!("shopMaster: {headline}")
    } else {
        format!("shopMaster ({instance}): {headline}")
    };
    clipped(&text, LONGEST_TOOLTIP)
}

fn quit(host: IconHost) -> &'static str {
    match host {
        IconHost::Agent => "Quit (syncing stops)",
        IconHost::OwnProcess => "Quit (closes only this icon; syncing continues)",
    }
}

fn line(id: Id, text: &str) -> Item {
    action(id, text, false)
}

fn separator(id: Id) -> Item {
    action(id, "", false)
}

fn action(id: Id, label: &str, enabled: bool) -> Item {
    Item {
        id,
        label: clipped(label, LONGEST_LINE),
        enabled,
        checked: None,
    }
}

impl Id {
    /// All items, from top to bottom.
    pub const ALL: [Self; 19] = [
        Self::Headline,
        Self::Notice,
        Self::LastSync,
        Self::Work,
        Self::SyncNow,
        Self::PauseShortly,
        Self::PauseToday,
        Self::Pause,
        Self::Resume,
        Self::Upload,
        Self::UploadYes,
        Self::UploadNo,
        Self::UploadCancel,
        Self::Refused,
        Self::Rest,
        Self::Log,
        Self::StartAtLogin,
        Self::About,
        Self::Quit,
    ];

    /// Whether it is a separator.
    #[must_use]
    pub fn is_separator(self) -> bool {
        matches!(self, Self::Work | Self::Rest)
    }

    /// Whether it can be checked.
    #[must_use]
    pub fn is_check(self) -> bool {
        self == Self::StartAtLogin
    }
}

impl Menu {
    /// The item of this id, when it is shown.
    #[must_use]
    pub fn item(&self, id: Id) -> Option<&Item> {
        self.items.iter().find(|item| item.id == id)
    }
}
