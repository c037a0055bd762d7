//! What each event makes of a product: every rule of the late window, one row each.

use crate::{Doubt, Entry, Event, Published, Refusal, Times};

/// A step that started at 100 records at 110 what it sent; a request may land for 50 after it was given up.
const TIMES: Times = Times {
    now: 110,
    wall: 9_000,
    started: 100,
    late_window: 50,
    others_until: 0,
};

fn published(digest: u8) -> Entry {
    Entry {
        published: Some(Published {
            digest: [digest; 32],
            at: 9_000,
            upload: 0,
        }),
        ..Entry::default()
    }
}

fn removed() -> Entry {
    Entry {
        removed: Some(1_000),
        ..Entry::default()
    }
}

fn parked(digest: u8) -> Entry {
    Entry {
        parked: Some(Refusal {
            digest: [digest; 32],
            reason: "400".to_owned(),
            since: 9_000,
            discarded: false,
            retry: false,
        }),
        ..Entry::default()
    }
}

fn acknowledged(digest: u8) -> Event {
    Event::Acknowledged {
        digest: [digest; 32],
        upload: None,
        may_still_land: false,
    }
}

fn refused(digest: u8) -> Event {
    Event::Refused {
        digest: [digest; 32],
        reason: "400".to_owned(),
    }
}

impl Entry {
    fn doubted(self, lands_until: i64, due: i64) -> Self {
        Self {
            doubt: Some(Doubt { lands_until, due }),
            ..self
        }
    }

    fn without_digest(self) -> Self {
        Self {
            published: None,
            ..self
        }
    }
}

#[test]
fn each_event_makes_of_a_product_what_the_rules_say() {
    let new = Entry::default;
    let gone_now = Entry {
        removed: Some(9_000),
        ..new()
    };
    let rows = [
        // A plain life.
        ("sent", new(), Event::HandedOver, new()),
        ("acknowledged", new(), acknowledged(1), published(1)),
        (
            "acknowledged again",
            published(1),
            acknowledged(2),
            published(2),
        ),
        (
            "refused",
            published(1),
            refused(2),
            Entry {
                parked: parked(2).parked,
                ..published(1)
            },
        ),
        ("good again", parked(2), acknowledged(1), published(1)),
        (
            "as before again",
            Entry {
                parked: parked(2).parked,
                ..published(1)
            },
            Event::Unparked,
            published(1),
        ),
        ("gone", published(1), Event::Gone, gone_now.clone()),
        ("gone, parked", parked(1), Event::Gone, gone_now.clone()),
        ("still gone", removed(), Event::Gone, removed()),
        // Digible may have it from before it was gone, and only the list of the removed said so.
        ("back", removed(), Event::HandedOver, new().doubted(0, 0)),
        (
            "back, and refused",
            removed(),
            refused(1),
            parked(1).doubted(0, 0),
        ),
        (
            "back, acknowledged",
            new().doubted(0, 0),
            acknowledged(1),
            published(1),
        ),
        (
            "acknowledged while listed",
            removed(),
            acknowledged(1),
            published(1),
        ),
        // Answered, but not whether it was applied: any acknowledgement settles it.
        (
            "500",
            published(1),
            Event::Answered,
            published(1).doubted(0, 0),
        ),
        (
            "500, then acknowledged",
            published(1).doubted(0, 0),
            acknowledged(2),
            published(2),
        ),
        (
            "500, then gone",
            published(1).doubted(0, 0),
            Event::Gone,
            gone_now.clone(),
        ),
        // Given up: nothing settles it but an acknowledgement that was started behind the window.
        (
            "given up",
            published(1),
            Event::GivenUp,
            published(1).doubted(160, 0),
        ),
        (
            "given up again",
            new().doubted(120, 120),
            Event::GivenUp,
            new().doubted(160, 0),
        ),
        (
            "given up, a longer window",
            new().doubted(200, 0),
            Event::GivenUp,
            new().doubted(200, 0),
        ),
        (
            "500 in the window",
            new().doubted(160, 160),
            Event::Answered,
            new().doubted(160, 0),
        ),
        (
            "in the window",
            published(1).doubted(160, 0),
            acknowledged(2),
            published(2).doubted(160, 160),
        ),
        (
            "started one before its end",
            new().doubted(101, 0),
            acknowledged(2),
            published(2).doubted(101, 101),
        ),
        (
            "started at its end",
            new().doubted(100, 100),
            acknowledged(2),
            published(2),
        ),
        (
            "started behind it",
            new().doubted(99, 99),
            acknowledged(2),
            published(2),
        ),
        (
            "refused in the window",
            new().doubted(160, 0),
            refused(2),
            parked(2).doubted(160, 0),
        ),
        // Whatever else becomes of it meanwhile.
        (
            "gone in the window",
            published(1).doubted(160, 0),
            Event::Gone,
            gone_now.clone().doubted(160, 160),
        ),
        (
            "gone behind it",
            published(1).doubted(110, 0),
            Event::Gone,
            gone_now.clone(),
        ),
        (
            "back in the window",
            removed().doubted(160, 160),
            Event::HandedOver,
            new().doubted(160, 160),
        ),
        (
            "forgotten, gone, in the window",
            new().doubted(160, 160),
            Event::Gone,
            gone_now.clone().doubted(160, 160),
        ),
        (
            "forgotten, gone, behind it",
            new().doubted(110, 110),
            Event::Gone,
            gone_now,
        ),
    ];
    for (name, before, event, after) in rows {
        assert_eq!(before.after(&event, &TIMES), after, "{name}");
    }
}

#[test]
fn an_acknowledgement_beside_a_request_that_was_given_up_does_not_settle() {
    let event = Event::Acknowledged {
        digest: [1; 32],
        upload: None,
        may_still_land: true,
    };
    let after = Entry::default().after(&event, &TIMES);
    assert_eq!(after, published(1).doubted(160, 160));
}

#[test]
fn what_another_agent_sent_may_land_upon_every_acknowledgement() {
    let times = Times {
        others_until: 130,
        ..TIMES
    };
    let after = Entry::default().after(&acknowledged(1), &times);
    assert_eq!(after, published(1).doubted(130, 130));
    let gone = Entry::default().after(&Event::Gone, &times);
    assert_eq!(gone.doubt.map(|doubt| doubt.due), Some(130), "listed again");
    let later = Times {
        started: 130,
        ..times
    };
    assert_eq!(after.after(&acknowledged(1), &later), published(1));
}

#[test]
fn an_upload_leaves_its_number() {
    let in_upload = Event::Acknowledged {
        digest: [1; 32],
        upload: Some(3),
        may_still_land: false,
    };
    let entry = Entry::default().after(&in_upload, &TIMES);
    let entry = entry.after(&acknowledged(2), &TIMES);
    assert_eq!(entry.published.map(|it| it.upload), Some(3));
}

#[test]
fn the_same_refusal_keeps_its_age_and_that_it_was_dismissed() {
    let mut entry = parked(1);
    let refusal = entry.parked.as_mut().unwrap();
    (refusal.since, refusal.discarded, refusal.retry) = (1_000, true, true);
    let same = entry.clone().after(&refused(1), &TIMES).parked.unwrap();
    assert_eq!(
        (same.since, same.discarded, same.retry),
        (1_000, true, false)
    );
    let other = entry.after(&refused(2), &TIMES).parked.unwrap();
    assert_eq!((other.since, other.discarded), (9_000, false));
}

#[test]
fn the_digest_goes_with_the_product() {
    let entry = published(1).doubted(160, 0).after(&Event::Gone, &TIMES);
    assert_eq!(entry.clone().without_digest(), entry);
}
