use prost_types::Timestamp as Time;
use shopmaster_proto::v1::{Issue, RemoteChange, RunState};

use super::*;

/// Noon in Berlin is 11:00 UTC.
const NOW: &str = "2026-11-21T11:00:00Z";

fn time(text: &str) -> Option<Time> {
    let time: Timestamp = text.parse().unwrap();
    Some(Time {
        seconds: time.as_second(),
        nanos: time.subsec_nanosecond(),
    })
}

fn status(state: State, headline: &str) -> Status {
    Status {
        state: state.into(),
        headline: headline.to_owned(),
        published: 12_431,
        last_sync: Some(Run {
            kind: RunKind::Sync.into(),
            state: RunState::Finished.into(),
            outcome: RunOutcome::Completed.into(),
            finished_at: time("2026-11-21T10:58:00Z"),
            sent: 12,
            ..Run::default()
        }),
        ..Status::default()
    }
}

fn running(kind: RunKind) -> Option<Run> {
    Some(Run {
        kind: kind.into(),
        state: RunState::Running.into(),
        ..Run::default()
    })
}

fn issue(code: &str, remedy: &str) -> Vec<Issue> {
    vec![Issue {
        code: code.to_owned(),
        remedy: remedy.to_owned(),
        ..Issue::default()
    }]
}

fn view<'a>(instance: &'a InstanceName, link: Link<'a>) -> View<'a> {
    View {
        instance,
        host: IconHost::Agent,
        link,
        starts_at_login: Some(true),
        asking: false,
        notice: None,
    }
}

/// The whole menu as a text: every field of it.
fn text(menu: &Menu) -> String {
    let items = menu.items.iter().map(|item| {
        let label = match (item.id.is_separator(), item.checked) {
            (true, _) => "-".to_owned(),
            (false, None) => item.label.clone(),
            (false, Some(true)) => format!("[x] {}", item.label),
            (false, Some(false)) => format!("[ ] {}", item.label),
        };
        let mark = if item.enabled { ">" } else { " " };
        format!("{mark} {label}")
    });
    let items: Vec<_> = items.collect();
    format!("{:?}: {}\n{}", menu.icon, menu.tooltip, items.join("\n"))
}

fn shown(view: &View<'_>) -> String {
    let zone = TimeZone::get("Europe/Berlin").unwrap();
    let menu = menu(view, NOW.parse().unwrap(), &zone);
    let ids: Vec<_> = menu.items.iter().map(|item| item.id).collect();
    assert!(ids.is_sorted() && ids.iter().all(|id| Id::ALL.contains(id)));
    text(&menu)
}

fn shown_status(status: &Status) -> String {
    shown(&view(&InstanceName::default(), Link::Up(status)))
}

const REST: &str = "
  -
> Open log
> [x] Start at login
> About shopMaster
> Quit (syncing stops)";

const PAUSES: &str = "> Pause for 30 minutes
> Pause until tomorrow
> Pause until I resume";

#[test]
fn up_to_date() {
    let status = status(State::UpToDate, "All 12,431 products up to date");
    assert_eq!(
        shown_status(&status),
        format!(
            "UpToDate: shopMaster: All 12,431 products up to date
  All 12,431 products up to date
  Last sync: today 11:58, 12 products sent
  -
> Sync now
{PAUSES}
> Upload all products…{REST}"
        )
    );
}

#[test]
fn unconfigured() {
    let status = Status {
        state: State::Unconfigured.into(),
        headline: "Not configured: run `shopmasterctl configure`".to_owned(),
        issues: issue("UNCONFIGURED", "Run `shopmasterctl configure`"),
        ..Status::default()
    };
    assert_eq!(
        shown_status(&status),
        format!(
            "Attention: shopMaster: Not configured yet: run shopmasterctl configure
  Not configured yet: run shopmasterctl configure
  No sync yet
  -
  Sync now
  Pause for 30 minutes
  Pause until tomorrow
  Pause until I resume
  Upload all products…{REST}"
        )
    );
}

#[test]
fn pending_names_the_time_and_not_the_age() {
    let mut status = Status {
        pending: 3,
        oldest_pending_at: time("2026-11-21T10:59:20Z"),
        ..status(State::Pending, "3 products waiting (oldest 40 s)")
    };
    assert_eq!(
        shown_status(&status),
        format!(
            "Waiting: shopMaster: 3 products waiting since today 11:59
  3 products waiting since today 11:59
  Last sync: today 11:58, 12 products sent
  -
> Sync now
{PAUSES}
> Upload all products…{REST}"
        )
    );
    status.pending = 1;
    status.oldest_pending_at = time("2026-11-20T22:00:00Z");
    let one = shown_status(&status);
    assert!(
        one.contains("  1 product waiting since yesterday 23:00\n"),
        "{one}"
    );
    status.oldest_pending_at = None;
    let one = shown_status(&status);
    assert!(one.contains("  1 product waiting\n"), "{one}");
    // In doubt: the agent's own words.
    status.pending = 0;
    status.headline = "2 products unconfirmed".to_owned();
    let doubt = shown_status(&status);
    assert!(doubt.contains("  2 products unconfirmed\n"), "{doubt}");
}

#[test]
fn sending() {
    let mut status = Status {
        current_run: running(RunKind::Sync),
        pending: 431,
        ..status(State::Sending, "Sending 120 of 431")
    };
    assert_eq!(
        shown_status(&status),
        format!(
            "Sending: shopMaster: Sending 120 of 431
  Sending 120 of 431
  Last sync: today 11:58, 12 products sent
  -
> Sync now
{PAUSES}
> Upload all products…{REST}"
        )
    );
    status.headline = "Uploading 1,200 of 12,431".to_owned();
    status.current_run = running(RunKind::Upload);
    assert_eq!(
        shown_status(&status),
        format!(
            "Sending: shopMaster: Uploading 1,200 of 12,431
  Uploading 1,200 of 12,431
  Last sync: today 11:58, 12 products sent
  -
> Sync now
{PAUSES}
> Cancel the upload{REST}"
        )
    );
}

#[test]
fn paused() {
    let mut status = Status {
        paused: true,
        paused_until: time("2026-11-21T13:30:00Z"),
        ..status(State::Paused, "Paused until 14:30")
    };
    assert_eq!(
        shown_status(&status),
        format!(
            "Paused: shopMaster: Paused until today 14:30
  Paused until today 14:30
  Last sync: today 11:58, 12 products sent
  -
  Sync now
> Resume
  Upload all products…{REST}"
        )
    );
    status.paused_until = time("2026-11-21T23:00:00Z");
    assert!(shown_status(&status).contains("  Paused until tomorrow 00:00\n"));
    status.paused_until = None;
    assert!(shown_status(&status).contains("  Paused\n"));
}

#[test]
fn attention() {
    let mut status = Status {
        parked: 2,
        issues: issue(
            "PRODUCTS_REFUSED",
            "See the reasons with `shopmasterctl parked`",
        ),
        ..status(State::Attention, "2 products refused")
    };
    assert_eq!(
        shown_status(&status),
        format!(
            "Attention: shopMaster: 2 products refused
  2 products refused
  Last sync: today 11:58, 12 products sent
  -
> Sync now
{PAUSES}
> Upload all products…
> 2 refused products…{REST}"
        )
    );
    status.parked = 1;
    assert!(shown_status(&status).contains("\n> 1 refused product…\n"));
    status.parked = 1_204;
    assert!(shown_status(&status).contains("\n> 1,204 refused products…\n"));
}

#[test]
fn broken() {
    let mut status = Status {
        issues: issue(
            "DATABASE_UNREACHABLE",
            "Look whether the database\nserver runs, then `shopmasterctl test`",
        ),
        ..status(State::Broken, "Database not reachable (since 10:02)")
    };
    status.last_sync = Some(Run {
        outcome: RunOutcome::Failed.into(),
        finished_at: time("2026-11-20T09:00:00Z"),
        ..Run::default()
    });
    assert_eq!(
        shown_status(&status),
        format!(
            "Broken: shopMaster: Database not reachable (since 10:02)
  Database not reachable (since 10:02)
  Look whether the database server runs, then shopmasterctl test
  Last sync: yesterday 10:00, failed
  -
> Sync now
{PAUSES}
> Upload all products…{REST}"
        )
    );
}

#[test]
fn the_last_sync_says_what_came_of_it() {
    let mut status = status(State::UpToDate, "Up to date");
    let run = Run {
        outcome: RunOutcome::Completed.into(),
        ..Run::default()
    };
    for (sent, parked, failed, said) in [
        (0, 0, 0, "nothing to send"),
        (1, 0, 0, "1 product sent"),
        (0, 1, 0, "1 product refused"),
        (1_200, 2, 3, "1,200 products sent, 2 refused, 3 failed"),
    ] {
        status.last_sync = Some(Run {
            sent,
            parked,
            failed,
            ..run.clone()
        });
        let shown = shown_status(&status);
        assert!(shown.contains(&format!("  Last sync: {said}\n")), "{shown}");
    }
}

#[test]
fn what_a_remote_client_did_is_said_for_a_day() {
    let mut status = status(State::UpToDate, "Up to date");
    for (at, is_said) in [
        ("2026-11-21T09:02:00Z", true),
        ("2026-11-20T09:02:00Z", false),
    ] {
        status.last_remote_change = Some(RemoteChange {
            client: "support-7".to_owned(),
            text: "started an upload".to_owned(),
            at: time(at),
        });
        let shown = shown_status(&status);
        let said = "  support-7 started an upload, today 10:02\n";
        assert_eq!(shown.contains(said), is_said, "{shown}");
    }
    // A remedy is more important.
    status.state = State::Attention.into();
    status.issues = issue("X", "Do something");
    status.last_remote_change.as_mut().unwrap().at = time("2026-11-21T09:02:00Z");
    let shown = shown_status(&status);
    assert!(!shown.contains("support-7"), "{shown}");
}

#[test]
fn without_an_agent() {
    let rest = "
  -
  Sync now
  -
> Open log
> [ ] Start at login
> About shopMaster
> Quit (closes only this icon; syncing continues)";
    let instance = "shop-2".parse().unwrap();
    let mut view = View {
        host: IconHost::OwnProcess,
        starts_at_login: Some(false),
        ..view(&instance, Link::Gone)
    };
    assert_eq!(
        shown(&view),
        format!(
            "Broken: shopMaster (shop-2): The agent is not running
  The agent is not running{rest}"
        )
    );
    view.link = Link::Starting;
    view.starts_at_login = None;
    let rest = rest.replace("> [ ] Start", "  [ ] Start");
    assert_eq!(
        shown(&view),
        format!(
            "Waiting: shopMaster (shop-2): Connecting to the agent
  Connecting to the agent{rest}"
        )
    );
}

#[test]
fn an_upload_asks_first() {
    let mut status = status(State::UpToDate, "Up to date");
    let instance = InstanceName::default();
    let asking = |status: &Status| {
        shown(&View {
            asking: true,
            ..view(&instance, Link::Up(status))
        })
    };
    assert_eq!(
        asking(&status),
        format!(
            "UpToDate: shopMaster: Upload all 12,431 products? Answer in the menu
  Up to date
  Upload all 12,431 products?
  Last sync: today 11:58, 12 products sent
  -
> Sync now
{PAUSES}
> Yes, upload all 12,431 products
> No, do not upload{REST}"
        )
    );
    status.published = 1;
    assert!(asking(&status).contains("\n> Yes, upload the only product\n"));
    status.published = 0;
    assert!(asking(&status).contains("\n> Yes, upload all products\n"));
    // What an upload that did not finish has sent is not what the shop has.
    status.published = 200;
    status.issues = issue("NEVER_UPLOADED", "Run `shopmasterctl upload`");
    assert!(asking(&status).contains("\n> Yes, upload all products\n"));
    // What was answered elsewhere is not asked any more.
    status.current_run = running(RunKind::Upload);
    let uploading = asking(&status);
    assert!(!uploading.contains('?') && uploading.contains("\n> Cancel the upload\n"));
    status.current_run = None;
    status.paused = true;
    assert!(!asking(&status).contains('?'));
}

#[test]
fn what_a_click_could_not_do_is_said() {
    let status = status(State::UpToDate, "Up to date");
    let instance = InstanceName::default();
    let view = View {
        notice: Some("Sync now: Nothing is sent while paused. Run `shopmasterctl resume`"),
        ..view(&instance, Link::Up(&status))
    };
    assert!(shown(&view).contains(
        "\n  Up to date\n  Sync now: Nothing is sent while paused. Run shopmasterctl resume\n"
    ));
}

#[test]
fn long_texts_are_cut() {
    let status = status(State::Attention, &"Ünsäglich ".repeat(40));
    let instance = "a-name-of-thirty-two-characters1".parse().unwrap();
    let menu = menu(
        &view(&instance, Link::Up(&status)),
        NOW.parse().unwrap(),
        &TimeZone::UTC,
    );
    for item in &menu.items {
        assert!(item.label.chars().count() <= LONGEST_LINE, "{}", item.label);
    }
    assert_eq!(menu.tooltip.chars().count(), LONGEST_TOOLTIP);
    assert!(menu.tooltip.encode_utf16().count() <= 127);
    assert!(menu.tooltip.ends_with('…') && menu.items[0].label.ends_with('…'));
}

#[test]
fn equal_states_make_equal_menus() {
    let one = status(State::UpToDate, "Up to date");
    // Changes that are not visible do not redraw.
    let other = Status {
        next_sync_at: time(NOW),
        version: "9".to_owned(),
        ..one.clone()
    };
    let instance = InstanceName::default();
    let now = NOW.parse().unwrap();
    let menu_of = |status| menu(&view(&instance, Link::Up(status)), now, &TimeZone::UTC);
    assert_eq!(menu_of(&one), menu_of(&other));
}
