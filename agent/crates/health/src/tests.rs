//! From facts to what people see.

use shopmaster_digible::SessionState;

use super::run::{Cause, Kind, State as RunState};
use super::*;

fn at(text: &str) -> Timestamp {
    format!("2026-11-21T{text}Z").parse().unwrap()
}

fn healthy() -> Facts {
    Facts {
        counts: Counts {
            published: 12_431,
            ..Counts::default()
        },
        session: Some(Session {
            state: SessionState::Active,
            expires_at: None,
        }),
        capture: Some(CaptureStatus::Installed),
        catalog: CatalogFacts {
            kind: "sqlite",
            reachable: Some(true),
        },
        uploaded_at: Some(at("03:10:00")),
        ..Facts::new()
    }
}

fn see(facts: &Facts) -> (State, Icon, String, Vec<&'static str>) {
    let report = report(facts, at("12:00:00"), &TimeZone::UTC);
    let codes = report.issues.iter().map(|issue| issue.code).collect();
    (report.state, report.icon, report.headline, codes)
}

#[test]
fn up_to_date_is_green() {
    assert_eq!(
        see(&healthy()),
        (
            State::UpToDate,
            Icon::Green,
            "All 12,431 products up to date".to_owned(),
            vec![]
        )
    );
}

#[test]
fn what_the_shop_did_not_answer_is_not_green() {
    let mut facts = healthy();
    facts.catalog.reachable = None;
    let expected = (
        State::Pending,
        Icon::Amber,
        "Waiting for the shop's database to answer".to_owned(),
        vec![],
    );
    assert_eq!(see(&facts), expected);
    // Nor is anything claimed about the journal before the first look.
    facts.uploaded_at = None;
    assert_eq!(see(&facts), expected);
    facts.catalog.reachable = Some(false);
    assert_eq!(see(&facts).3, ["NEVER_UPLOADED"]);
}

#[test]
fn what_can_be_sent_is_what_the_state_says_but_for_a_pause() {
    let sends = |facts: &Facts| can_send(facts, at("12:00:00"));
    let mut facts = healthy();
    assert_eq!(sends(&facts), Some(true));
    facts.paused = Some(Pause::UntilResumed);
    assert_eq!(sends(&facts), Some(true));
    // A single failure may be a hiccup, and is not shown either.
    facts.fails(
        Area::Catalog,
        Trouble::new("DATABASE_FAILED", String::new(), ""),
    );
    assert_eq!(sends(&facts), Some(true));
    facts.fails(
        Area::Catalog,
        Trouble::new("DATABASE_FAILED", String::new(), ""),
    );
    assert_eq!(sends(&facts), Some(false));
    facts.works(Area::Catalog);
    facts.catalog.reachable = None;
    assert_eq!(sends(&facts), None);
    facts.missing = vec!["digible.email"];
    assert_eq!(sends(&facts), Some(false));
    facts = healthy();
    facts.starting = true;
    assert_eq!(sends(&facts), None);
}

/// Facts that differ from healthy ones in the counts, and what people see of them.
type Row = (fn(&mut Facts), State, &'static str);

#[test]
fn green_is_for_nothing_open_and_the_sentence_says_what_is() {
    let table: &[Row] = &[
        (|_| {}, State::UpToDate, "All 12,431 products up to date"),
        (
            |facts| facts.counts.published = 1,
            State::UpToDate,
            "The one product is up to date",
        ),
        (
            |facts| facts.counts.published = 0,
            State::UpToDate,
            "Up to date",
        ),
        (
            |facts| {
                facts.counts.discarded = 1;
                facts.counts.outdated = 1;
            },
            State::Attention,
            "12,430 of 12,431 up to date, 1 dismissed",
        ),
        (
            // One that Digible never had.
            |facts| facts.counts.discarded = 1,
            State::Attention,
            "12,431 of 12,432 up to date, 1 dismissed",
        ),
        (
            |facts| facts.counts.removed = 2,
            State::Attention,
            "12,431 up to date, 2 gone from the shop and still at Digible",
        ),
        (
            |facts| (facts.counts.removed, facts.notes_removed) = (2, true),
            State::UpToDate,
            "12,431 up to date, 2 gone from the shop and still at Digible",
        ),
        (
            |facts| {
                (facts.counts.discarded, facts.counts.outdated) = (1, 1);
                facts.counts.removed = 2;
            },
            State::Attention,
            "12,430 of 12,431 up to date, 1 dismissed, 2 gone from the shop and still at Digible",
        ),
        (
            |facts| confirming(facts, 3),
            State::Pending,
            "Up to date, confirming 3 products until 12:41",
        ),
        (
            |facts| {
                confirming(facts, 1);
                facts.counts.confirming_until = None;
            },
            State::Pending,
            "Up to date, confirming 1 product",
        ),
        (
            |facts| {
                confirming(facts, 3);
                facts.counts.removed = 2;
            },
            State::Attention,
            "Up to date, 2 gone from the shop and still at Digible, confirming 3 products until 12:41",
        ),
        (
            // One of them was never acknowledged.
            |facts| {
                confirming(facts, 3);
                facts.counts.in_doubt = 4;
            },
            State::Pending,
            "1 product unconfirmed",
        ),
        (
            |facts| {
                facts.pending = 3;
                facts.oldest_age = Some((Duration::from_secs(30), at("11:59:50")));
            },
            State::Pending,
            "3 products waiting (oldest 40 s)",
        ),
        (
            |facts| {
                facts.pending = 1;
                facts.counts.discarded = 1;
                facts.counts.removed = 2;
            },
            State::Pending,
            "1 product waiting, 1 dismissed, 2 gone from the shop",
        ),
        (
            |facts| facts.counts.parked = 2,
            State::Attention,
            "2 products refused",
        ),
        (
            |facts| {
                facts.counts.parked = 2;
                facts.counts.discarded = 1;
                facts.pending = 3;
            },
            State::Attention,
            "2 products refused, 3 products waiting, 1 dismissed",
        ),
        (
            |facts| facts.uploaded_at = None,
            State::Attention,
            "An upload is due: Digible may lack products or changes",
        ),
        (
            |facts| facts.catalog.reachable = Some(false),
            State::Pending,
            "Waiting for the shop's database to answer",
        ),
        (
            |facts| {
                facts.scan = Some(ScanFacts::default());
                facts.capture = Some(CaptureStatus::NotInstalled);
            },
            State::Pending,
            "Waiting for the next scan",
        ),
    ];
    for (number, (change, state, headline)) in table.iter().enumerate() {
        let mut facts = healthy();
        change(&mut facts);
        let (seen, icon, sentence, _) = see(&facts);
        assert_eq!(
            (seen, sentence.as_str()),
            (*state, *headline),
            "row {number}"
        );
        assert_eq!(icon == Icon::Green, seen == State::UpToDate, "row {number}");
    }
}

fn confirming(facts: &mut Facts, count: u64) {
    facts.counts.in_doubt = count;
    facts.counts.confirming = count;
    facts.counts.confirming_until = Some(at("12:41:00"));
}

#[test]
fn times_are_not_in_the_headline() {
    let facts = Facts {
        last_sent_at: Some(at("11:19:00")),
        last_compared_at: Some(at("11:05:00")),
        ..healthy()
    };
    assert_eq!(see(&facts), see(&healthy()));
}

#[test]
fn nothing_is_green_before_an_upload_has_finished() {
    let facts = Facts {
        uploaded_at: None,
        ..healthy()
    };
    let (state, icon, _, codes) = see(&facts);
    assert_eq!(
        (state, icon, codes),
        (State::Attention, Icon::Amber, vec!["NEVER_UPLOADED"])
    );
}

#[test]
fn sending_is_blue() {
    let mut run = Run::start(Kind::Sync, Cause::Scheduled);
    (run.total, run.sent) = (431, 120);
    run.balance();
    let facts = Facts {
        runs: vec![run],
        ..healthy()
    };
    assert_eq!(see(&facts).2, "Sending 120 of 431");
    assert_eq!(see(&facts).1, Icon::Blue);
}

#[test]
fn what_has_found_something_sends_until_it_ends() {
    let mut run = Run::start(Kind::Sync, Cause::Scheduled);
    let seen = |run: &Run| {
        let facts = Facts {
            runs: vec![run.clone()],
            ..healthy()
        };
        see(&facts).0
    };
    assert_eq!(seen(&run), State::UpToDate, "it only looks");
    run.expect(2);
    assert_eq!(seen(&run), State::Sending);
    // Between two pages, and while changes are deleted.
    run.count(run::Count::Sent, 2);
    assert_eq!(seen(&run), State::Sending);
}

#[test]
fn an_upload_sends_whatever_runs_beside_it() {
    let upload = Run::start(Kind::Upload, Cause::Requested);
    let look = Run::start(Kind::Sync, Cause::Scheduled);
    let facts = Facts {
        runs: vec![upload, look],
        uploaded_at: None,
        ..healthy()
    };
    let (state, _, headline, codes) = see(&facts);
    assert_eq!(
        (state, headline.as_str()),
        (State::Sending, "Uploading 0 of 0")
    );
    assert!(
        codes.is_empty(),
        "an upload is not due while one goes: {codes:?}"
    );
}

#[test]
fn a_pause_is_grey_and_says_its_end() {
    let facts = Facts {
        paused: Some(Pause::Until(at("14:30:00"))),
        ..healthy()
    };
    assert_eq!(see(&facts).2, "Paused until 14:30");
    assert_eq!(see(&facts).1, Icon::Grey);
    let facts = Facts {
        paused: Some(Pause::UntilResumed),
        ..healthy()
    };
    assert_eq!(see(&facts).2, "Paused");
}

#[test]
fn refused_products_want_a_look() {
    let mut facts = healthy();
    facts.counts.parked = 2;
    assert_eq!(
        see(&facts),
        (
            State::Attention,
            Icon::Amber,
            "2 products refused".to_owned(),
            vec!["PRODUCTS_REFUSED"]
        )
    );
}

#[test]
fn a_hiccup_is_not_shown_but_a_failure_is() {
    let mut facts = healthy();
    let trouble = || Trouble {
        since: at("10:02:00"),
        ..Trouble::new(
            "DATABASE_UNREACHABLE",
            "Database not reachable".to_owned(),
            "",
        )
    };
    facts.fails(Area::Catalog, trouble());
    assert_eq!(see(&facts).0, State::UpToDate);
    facts.fails(Area::Catalog, trouble());
    assert_eq!(
        see(&facts),
        (
            State::Broken,
            Icon::Red,
            "Database not reachable (since 10:02)".to_owned(),
            vec!["DATABASE_UNREACHABLE"]
        )
    );
    facts.works(Area::Catalog);
    assert_eq!(see(&facts).0, State::UpToDate);
}

#[test]
fn a_digible_that_is_away_is_told_with_its_next_try() {
    let mut facts = healthy();
    for _ in 0..2 {
        let text = "Digible not reachable: cannot connect".to_owned();
        let trouble = Trouble::new("DIGIBLE_UNREACHABLE", text, "");
        let since = at("11:02:00");
        facts.fails(Area::Digible, Trouble { since, ..trouble });
    }
    let away = "Digible not reachable (since 11:02)";
    assert_eq!(see(&facts).2, away);
    facts.next_sync_at = Some(at("12:00:40"));
    // Without a waiting run, the time of the next attempt does not count.
    facts.next_try_at = Some(at("12:07:00"));
    assert_eq!(see(&facts).2, format!("{away}, next try 12:00"));
    facts.runs.push(upload(RunState::Waiting));
    assert_eq!(see(&facts).2, format!("{away}, next try 12:07"));
    // It is being made.
    facts.next_try_at = Some(at("11:59:30"));
    assert_eq!(see(&facts).2, format!("{away}, next try 11:59"));
    facts.next_try_at = Some(at("11:58:00"));
    assert_eq!(see(&facts).2, away);
    // What waits for a person is not tried by itself.
    let trouble = Trouble::new("SESSION_EXPIRED", "Log in again".to_owned(), "");
    facts.fails(Area::Digible, trouble.lasting());
    facts.next_try_at = Some(at("12:07:00"));
    assert_eq!(see(&facts).2, "Log in again");
}

#[test]
fn a_busy_digible_is_told_with_what_is_sent_at_a_time() {
    let mut facts = healthy();
    facts.runs.push(upload(RunState::Running));
    let sending = "Uploading 300 of 5,000";
    assert_eq!(see(&facts).2, sending);
    facts.slowed = Some(2);
    let slowed = |requests| format!("{sending}, {requests} at a time because Digible is busy");
    assert_eq!(see(&facts).2, slowed("2 requests"));
    facts.slowed = Some(1);
    assert_eq!(see(&facts).2, slowed("1 request"));
    facts.runs.clear();
    facts.pending = 3;
    assert_eq!(see(&facts).2, "3 products waiting");
    facts.blocked_until = Some(at("12:40:00"));
    let waiting = "3 products waiting, Digible asks shopMaster to wait until 12:40";
    assert_eq!(see(&facts).2, waiting);
}

fn upload(state: RunState) -> Run {
    let mut run = Run::start(Kind::Upload, Cause::Requested);
    (run.state, run.done, run.total) = (state, 300, 5_000);
    run
}

#[test]
fn hiccups_of_any_kind_in_a_row_are_one_trouble() {
    let mut facts = healthy();
    let trouble = |code, since| Trouble {
        since: at(since),
        ..Trouble::new(code, "the connection was lost".to_owned(), "")
    };
    facts.fails(Area::Catalog, trouble("CONNECTION_LOST", "10:02:00"));
    assert_eq!(see(&facts).3, [""; 0]);
    facts.fails(Area::Catalog, trouble("SERVER_PORT_CLOSED", "10:03:00"));
    facts.fails(Area::Catalog, trouble("SERVER_SILENT", "10:04:00"));
    let (state, _, headline, codes) = see(&facts);
    assert_eq!(
        (state, headline.as_str(), codes),
        (
            State::Broken,
            "Database not reachable (since 10:02)",
            vec!["SERVER_SILENT"]
        )
    );
    // A lasting failure has a beginning of its own.
    facts.fails(Area::Catalog, trouble("LOGIN_FAILED", "10:05:00").lasting());
    assert_eq!(see(&facts).2, "Database refuses the login (since 10:05)");
    // A failure after that is not a passing one.
    facts.fails(Area::Catalog, trouble("SERVER_SILENT", "10:06:00"));
    assert_eq!(see(&facts).2, "Database not reachable (since 10:06)");
}

#[test]
fn a_headline_begins_with_a_capital() {
    let mut facts = healthy();
    let trouble = Trouble::new("TABLE_MISSING", "the shop's database fails".to_owned(), "");
    let trouble = Trouble {
        since: at("10:02:00"),
        ..trouble.lasting()
    };
    facts.fails(Area::Catalog, trouble);
    assert_eq!(see(&facts).2, "The shop's database fails (since 10:02)");
}

#[test]
fn a_dead_database_hides_what_depends_on_it() {
    let mut facts = healthy();
    facts.capture = Some(CaptureStatus::NotInstalled);
    facts.uploaded_at = None;
    assert_eq!(
        see(&facts).3,
        vec!["CAPTURE_NOT_INSTALLED", "NEVER_UPLOADED"]
    );
    let trouble = Trouble::new("DATABASE_UNREACHABLE", String::new(), "");
    facts.fails(Area::Catalog, trouble.lasting());
    assert_eq!(see(&facts).3, vec!["DATABASE_UNREACHABLE"]);
}

/// Digible fails since 10:00, last took something at 09:00 two days ago, and since yesterday at 11:00
/// something waits.
fn away_long() -> Facts {
    let mut facts = Facts {
        pending: 1_204,
        changes: 1_310,
        oldest_age: Some((Duration::from_secs(25 * 3600), at("12:00:00"))),
        last_sent_at: Some("2026-11-19T09:00:00Z".parse().unwrap()),
        ..healthy()
    };
    facts.fails(Area::Digible, unreachable_since("10:00:00"));
    facts
}

fn unreachable_since(since: &str) -> Trouble {
    let trouble = Trouble::new(
        "DIGIBLE_UNREACHABLE",
        "Digible is unavailable".to_owned(),
        "",
    );
    Trouble {
        since: at(since),
        ..trouble.lasting()
    }
}

#[test]
fn a_cloud_that_took_nothing_for_a_day_is_told_beside_what_is_wrong_with_it() {
    let facts = away_long();
    let report = report(&facts, at("12:00:00"), &TimeZone::UTC);
    assert_eq!(report.headline, "Digible is unavailable (since 10:00)");
    let [error, warning] = &report.issues[..] else {
        panic!("{:?}", report.issues);
    };
    assert_eq!(error.code, "DIGIBLE_UNREACHABLE");
    assert_eq!(warning.code, "DIGIBLE_AWAY_LONG");
    assert_eq!(warning.severity, Severity::Warning);
    assert_eq!(
        warning.text,
        "Digible has accepted nothing for 25 h: 1,204 products are waiting, and the ChangeLog in the shop's database grows (1,310 changes so far)"
    );
    assert_eq!(
        warning.since,
        Some("2026-11-20T11:00:00Z".parse().unwrap()),
        "since something waits"
    );
    assert!(!warning.remedy.is_empty());
}

#[test]
fn a_cloud_is_away_long_only_while_something_waits_for_a_day() {
    let is_told = |change: fn(&mut Facts)| {
        let mut facts = away_long();
        change(&mut facts);
        see(&facts).3.contains(&"DIGIBLE_AWAY_LONG")
    };
    assert!(is_told(|_| {}));
    assert!(!is_told(|facts| facts.pending = 0));
    assert!(!is_told(|facts| facts.paused = Some(Pause::UntilResumed)));
    // A shop that was closed for long has had nothing to send.
    assert!(!is_told(|facts| {
        facts.oldest_age = Some((Duration::from_secs(60), at("12:00:00")));
    }));
    // Others passed meanwhile.
    assert!(!is_told(|facts| facts.last_sent_at = Some(at("08:00:00"))));
    assert!(is_told(|facts| facts.last_sent_at = None));
    // Of a clock that was a year ahead.
    assert!(is_told(|facts| {
        facts.last_sent_at = Some("2027-11-21T09:00:00Z".parse().unwrap());
    }));
    // After a weekend, before the first try.
    assert!(!is_told(|facts| facts.works(Area::Digible)));
    // Whatever keeps Digible from taking it.
    assert!(is_told(|facts| {
        facts.works(Area::Digible);
        facts.blocked_until = Some(at("12:40:00"));
        facts.since.insert("DIGIBLE_BUSY", at("11:00:00"));
    }));
    // In scan mode it is not known since when a change has been waiting: the time counts from Digible's failure.
    assert!(!is_told(walk_instead));
    assert!(is_told(|facts| {
        walk_instead(facts);
        let since = "2026-11-20T11:30:00Z".parse().unwrap();
        let trouble = Trouble {
            since,
            ..unreachable_since("10:00:00")
        };
        facts.works(Area::Digible);
        facts.fails(Area::Digible, trouble);
    }));
}

fn walk_instead(facts: &mut Facts) {
    facts.scan = Some(ScanFacts::default());
    facts.oldest_age = None;
}

#[test]
fn without_a_shop_it_is_unconfigured() {
    let facts = Facts {
        missing: vec!["catalog.kind"],
        uploaded_at: None,
        ..Facts::new()
    };
    let (state, icon, headline, codes) = see(&facts);
    assert_eq!((state, icon), (State::Unconfigured, Icon::Grey));
    assert_eq!(headline, "Not configured: run `shopmasterctl configure`");
    assert_eq!(codes, vec!["UNCONFIGURED"]);
}

#[test]
fn a_new_journal_is_told_until_an_upload_has_finished() {
    let facts = Facts {
        journal_replaced: Some("it could not be read; the old one is `x`".to_owned()),
        ..healthy()
    };
    assert!(see(&facts).3.is_empty());
    let facts = Facts {
        uploaded_at: None,
        ..facts
    };
    assert_eq!(see(&facts).3, vec!["NEVER_UPLOADED", "JOURNAL_REPLACED"]);
}

#[test]
fn a_damaged_journal_is_told_until_an_upload_has_finished() {
    let facts = Facts {
        journal_damaged: Some("it is damaged; a copy is `x`".to_owned()),
        ..healthy()
    };
    assert!(see(&facts).3.is_empty());
    let facts = Facts {
        uploaded_at: None,
        ..facts
    };
    let issues = see(&facts).3;
    assert!(issues.contains(&"JOURNAL_DAMAGED"), "{issues:?}");
    assert!(issues.contains(&"NEVER_UPLOADED"), "{issues:?}");
}

/// As [`healthy`], by walking the table.
fn walked() -> Facts {
    Facts {
        capture: Some(CaptureStatus::NotInstalled),
        scan: Some(ScanFacts {
            compared_at: Some(at("11:58:00")),
        }),
        ..healthy()
    }
}

#[test]
fn a_walked_table_is_green_when_the_last_walk_left_nothing() {
    assert_eq!(
        see(&walked()),
        (
            State::UpToDate,
            Icon::Green,
            "All 12,431 products up to date".to_owned(),
            vec![]
        )
    );
    let mut facts = walked();
    facts.scan = Some(ScanFacts::default());
    assert_eq!(
        see(&facts),
        (
            State::Pending,
            Icon::Amber,
            "Waiting for the next scan".to_owned(),
            vec![]
        )
    );
    facts.uploaded_at = None;
    assert_eq!(see(&facts).3, ["NEVER_UPLOADED"]);
}

/// An earlier version's text works: people are told, and nothing turns amber.
#[test]
fn capture_of_an_earlier_version_is_a_hint() {
    let facts = Facts {
        capture: Some(CaptureStatus::Outdated(
            "the trigger is as an earlier version installed it".to_owned(),
        )),
        ..healthy()
    };
    let seen = report(&facts, at("12:00:00"), &TimeZone::UTC);
    assert_eq!((seen.state, seen.icon), (State::UpToDate, Icon::Green));
    let [issue] = seen.issues.as_slice() else {
        panic!("{:?}", seen.issues);
    };
    assert_eq!(
        (issue.code, issue.severity),
        ("CAPTURE_OUTDATED", Severity::Info)
    );
    assert!(issue.text.contains("earlier version"), "{}", issue.text);
    assert!(issue.remedy.contains("capture install"), "{}", issue.remedy);
}

/// A view, with or without what captured another table.
fn view(is_installed: bool) -> CaptureStatus {
    CaptureStatus::ScanOnly {
        reason: "it is a view".to_owned(),
        is_installed,
    }
}

#[test]
fn capture_that_nobody_reads_is_told() {
    let mut facts = walked();
    for (status, codes) in [
        (CaptureStatus::Installed, vec!["CAPTURE_UNUSED"]),
        (
            CaptureStatus::Outdated(String::new()),
            vec!["CAPTURE_UNUSED"],
        ),
        (
            CaptureStatus::Drifted(shopmaster_catalog::Drift::default()),
            vec!["CAPTURE_UNUSED"],
        ),
        (view(false), vec![]),
        (view(true), vec!["CAPTURE_UNUSED"]),
    ] {
        facts.capture = Some(status);
        assert_eq!(see(&facts).3, codes);
    }
}

#[test]
fn a_table_that_shrank_is_told_with_its_numbers() {
    let mut facts = walked();
    facts.shrank = Some(Shrank {
        missing: 2_000,
        known: 12_431,
    });
    let (state, _, headline, codes) = see(&facts);
    assert_eq!((state, codes), (State::Attention, vec!["CATALOG_SHRANK"]));
    assert!(
        !issues::issues(&facts, Timestamp::now())[0]
            .remedy
            .contains("condition")
    );
    // Leaving rows out is the likelier reason.
    facts.conditions = Some("`State` is 9".to_owned());
    let remedy = &issues::issues(&facts, Timestamp::now())[0].remedy;
    assert!(
        remedy.starts_with("Check the conditions of what is sold (`State` is 9; "),
        "{remedy}"
    );
    assert!(
        headline.starts_with("2,000 of 12,431 products are missing"),
        "{headline}"
    );
}
