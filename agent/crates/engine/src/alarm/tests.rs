use jiff::{
    civil::{date, time},
    tz,
};
use proptest::prelude::*;

use super::*;

const ZONES: [&str; 7] = [
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kolkata",
    "Pacific/Apia",
    "Africa/Lagos",
    "Australia/Lord_Howe",
    "America/Nuuk",
];
const HOUR: SignedDuration = SignedDuration::from_hours(1);
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// Rings at this time of day, and not a minute later.
fn alarm(hour: i8, minute: i8) -> Alarm {
    Alarm {
        time: time(hour, minute, 0, 0),
        shift: Duration::ZERO,
    }
}

fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap()
}

/// An instant, written with its offset.
fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Each instant from `from` to `to` at which a check every `step` finds it due.
fn rings(
    alarm: Alarm,
    zone: &TimeZone,
    from: Timestamp,
    to: Timestamp,
    step: SignedDuration,
) -> Vec<Timestamp> {
    let mut last = Some(from);
    let mut rung = Vec::new();
    let mut now = from;
    while now <= to {
        if alarm.due(last, now, zone) {
            rung.push(now);
            last = Some(now);
        }
        now += step;
    }
    rung
}

#[test]
fn it_rings_once_each_local_day_at_its_time() {
    for (name, alarm, from, to, expected) in [
        (
            "Europe/Berlin",
            alarm(3, 0),
            "2026-11-29T12:00+01",
            "2026-12-01T12:00+01",
            vec!["2026-11-30T03:00+01", "2026-12-01T03:00+01"],
        ),
        // Skipped: 02:00 to 03:00.
        (
            "Europe/Berlin",
            alarm(2, 30),
            "2026-03-28T12:00+01",
            "2026-03-30T12:00+02",
            vec!["2026-03-29T03:00+02", "2026-03-30T02:30+02"],
        ),
        // Twice: 02:00 to 03:00.
        (
            "Europe/Berlin",
            alarm(2, 30),
            "2026-10-24T12:00+02",
            "2026-10-26T12:00+01",
            vec!["2026-10-25T02:30+02", "2026-10-26T02:30+01"],
        ),
        (
            "America/New_York",
            alarm(2, 15),
            "2026-03-07T12:00-05",
            "2026-03-09T12:00-04",
            vec!["2026-03-08T03:00-04", "2026-03-09T02:15-04"],
        ),
        (
            "America/New_York",
            alarm(1, 15),
            "2026-10-31T12:00-04",
            "2026-11-02T12:00-05",
            vec!["2026-11-01T01:15-04", "2026-11-02T01:15-05"],
        ),
        (
            "Asia/Kolkata",
            alarm(3, 0),
            "2026-11-29T12:00+05:30",
            "2026-12-01T12:00+05:30",
            vec!["2026-11-30T03:00+05:30", "2026-12-01T03:00+05:30"],
        ),
        // The whole of 30 December 2011 was skipped.
        (
            "Pacific/Apia",
            alarm(3, 0),
            "2011-12-28T12:00-10",
            "2012-01-01T12:00+14",
            vec![
                "2011-12-29T03:00-10",
                "2011-12-31T03:00+14",
                "2012-01-01T03:00+14",
            ],
        ),
        (
            "Africa/Lagos",
            alarm(23, 59),
            "2026-11-29T12:00+01",
            "2026-12-01T12:00+01",
            vec!["2026-11-29T23:59+01", "2026-11-30T23:59+01"],
        ),
        // Half an hour is skipped, and comes twice.
        (
            "Australia/Lord_Howe",
            alarm(2, 10),
            "2026-10-03T12:00+10:30",
            "2026-10-05T12:00+11",
            vec!["2026-10-04T02:30+11", "2026-10-05T02:10+11"],
        ),
        (
            "Australia/Lord_Howe",
            alarm(1, 45),
            "2026-04-04T12:00+11",
            "2026-04-06T12:00+10:30",
            vec!["2026-04-05T01:45+11", "2026-04-06T01:45+10:30"],
        ),
        // The skipped time ends with the day, so it rings as the next one begins.
        (
            "America/Nuuk",
            alarm(23, 30),
            "2026-03-27T12:00-02",
            "2026-03-30T12:00-01",
            vec![
                "2026-03-27T23:30-02",
                "2026-03-29T00:00-01",
                "2026-03-29T23:30-01",
            ],
        ),
    ] {
        let expected: Vec<_> = expected.into_iter().map(at).collect();
        let step = SignedDuration::from_mins(1);
        let rung = rings(alarm, &zone(name), at(from), at(to), step);
        assert_eq!(rung, expected, "{name} {from}");
    }
}

#[test]
fn an_alarm_that_was_slept_through_rings_once_after_waking() {
    let (alarm, berlin) = (alarm(3, 0), zone("Europe/Berlin"));
    let last = Some(at("2026-11-27T03:00+01"));
    for woken in [
        "2026-11-28T03:01+01",
        "2026-11-30T02:59+01",
        "2027-11-30T14:00+01",
    ] {
        let now = at(woken);
        assert!(alarm.due(last, now, &berlin), "{woken}");
        assert_eq!(alarm.next(last, now, &berlin), now, "{woken}");
        assert!(!alarm.due(Some(now), now + HOUR / 120, &berlin), "{woken}");
    }
}

#[test]
fn one_that_was_answered_late_is_on_time_the_next_night() {
    let (alarm, berlin) = (alarm(3, 0), zone("Europe/Berlin"));
    let (late, evening) = (at("2026-11-30T22:00+01"), at("2026-11-30T23:00+01"));
    assert_eq!(
        alarm.next(Some(late), evening, &berlin),
        at("2026-12-01T03:00+01")
    );
}

#[test]
fn a_clock_that_is_set_back_does_not_repeat_a_night() {
    let (alarm, berlin) = (alarm(3, 0), zone("Europe/Berlin"));
    for (last, now, next) in [
        // By some seconds, as it rang.
        (
            "2026-11-30T03:00:01+01",
            "2026-11-30T02:59:59+01",
            "2026-12-01T03:00+01",
        ),
        // By a day, a minute before the next one: a day and that minute.
        (
            "2026-11-30T03:10+01",
            "2026-11-30T02:59+01",
            "2026-12-01T03:00+01",
        ),
        // By a day, at noon.
        (
            "2026-11-30T03:10+01",
            "2026-11-29T12:00+01",
            "2026-12-01T03:00+01",
        ),
        // Within one night.
        (
            "2026-11-30T14:00+01",
            "2026-11-30T13:00+01",
            "2026-12-01T03:00+01",
        ),
    ] {
        let (last, now, next) = (Some(at(last)), at(now), at(next));
        assert!(!alarm.due(last, now, &berlin), "{now}");
        assert_eq!(alarm.next(last, now, &berlin), next, "{now}");
    }
}

#[test]
fn a_clock_that_was_far_ahead_does_not_silence_it() {
    let (alarm, berlin) = (alarm(3, 0), zone("Europe/Berlin"));
    let now = at("2026-11-30T12:00+01");
    for ahead in [
        "2026-12-02T03:00+01",
        "2027-11-30T12:00+01",
        "9999-01-01T00:00Z",
    ] {
        assert!(alarm.due(Some(at(ahead)), now, &berlin), "{ahead}");
    }
    assert_eq!(
        alarm.next(Some(now), now, &berlin),
        at("2026-12-01T03:00+01")
    );
}

#[test]
fn one_that_was_never_answered_rings() {
    assert!(alarm(3, 0).due(None, at("2026-11-30T12:00Z"), &TimeZone::UTC));
}

#[test]
fn at_the_ends_of_time_it_is_silent() {
    for now in [Timestamp::MIN, Timestamp::MAX] {
        assert!(!alarm(3, 0).due(None, now, &TimeZone::UTC));
        assert_eq!(alarm(3, 0).next(None, now, &TimeZone::UTC), Timestamp::MAX);
    }
}

#[test]
fn the_shift_belongs_to_the_installation_and_moves_over_midnight() {
    let shop = Alarm::new(time(23, 30, 0, 0), "shop 3");
    // An installation keeps its shift for good: with another one after an update, it would ring twice in a night.
    assert_eq!(shop.shift(), Duration::from_mins(32));
    let utc = TimeZone::UTC;
    let rung = at("2026-11-30T23:30Z") + SignedDuration::try_from(shop.shift()).unwrap();
    assert_eq!(utc.to_datetime(rung).date(), date(2026, 12, 1));
    assert!(shop.due(Some(at("2026-11-30T12:00Z")), rung, &utc));
    assert!(!shop.due(Some(rung), rung + 12 * HOUR, &utc));
}

#[test]
fn installations_are_spread_over_the_hour() {
    let mut shops = [0_u32; 60];
    for shop in 0..6000 {
        let shift = Alarm::new(time(3, 0, 0, 0), &format!("shop {shop}")).shift();
        assert_eq!(shift.as_secs() % 60, 0);
        shops[usize::try_from(shift.as_secs() / 60).unwrap()] += 1;
    }
    assert!(
        shops.iter().all(|count| (50..200).contains(count)),
        "{shops:?}"
    );
}

#[test]
fn a_gap_ends_where_the_clock_is_set_forward_in_a_zone_without_a_table() {
    let berlin = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
    let skipped = date(2026, 3, 29).at(2, 30, 0, 0);
    assert_eq!(
        first_instant(skipped, &berlin),
        Some(at("2026-03-29T03:00+02"))
    );
    let fixed = TimeZone::fixed(tz::offset(-3));
    assert_eq!(
        first_instant(skipped, &fixed),
        Some(at("2026-03-29T02:30-03"))
    );
}

fn any_alarm() -> impl Strategy<Value = Alarm> {
    (0..24_i8, 0..60_i8, 0..60_u64).prop_map(|(hour, minute, shift)| Alarm {
        shift: Duration::from_secs(shift * 60),
        ..alarm(hour, minute)
    })
}

fn any_zone() -> impl Strategy<Value = TimeZone> {
    prop::sample::select(&ZONES[..]).prop_map(zone)
}

/// Around days on which the clocks change, and other instants.
fn any_instant() -> impl Strategy<Value = Timestamp> {
    let change = prop::sample::select(vec![
        "2026-03-08T07:00Z",
        "2026-11-01T06:00Z",
        "2026-03-29T01:00Z",
        "2026-10-25T01:00Z",
        "2026-10-03T15:30Z",
        "2026-04-04T15:00Z",
        "2011-12-30T10:00Z",
    ]);
    let changes = (change, -200_000..200_000_i64)
        .prop_map(|(change, seconds)| at(change) + SignedDuration::from_secs(seconds));
    let others = (1_200_000_000..2_000_000_000_i64)
        .prop_map(|second| Timestamp::from_second(second).unwrap());
    prop_oneof![changes, others]
}

/// When it was last answered, by a clock that may have jumped since.
fn any_last(now: Timestamp) -> impl Strategy<Value = Option<Timestamp>> {
    let near = (-300_000..300_000_i64).prop_map(SignedDuration::from_secs);
    let far = (-500..500_i64).prop_map(|days| DAY * i32::try_from(days).unwrap());
    prop_oneof![
        1 => Just(None),
        8 => near.prop_map(move |away| Some(now + away)),
        2 => far.prop_map(move |away| Some(now + away)),
    ]
}

fn any_case() -> impl Strategy<Value = (Alarm, TimeZone, Timestamp, Option<Timestamp>)> {
    (any_alarm(), any_zone(), any_instant())
        .prop_flat_map(|(alarm, zone, now)| (Just(alarm), Just(zone), Just(now), any_last(now)))
}

proptest! {
    #[test]
    fn next_is_when_it_becomes_due((alarm, zone, now, last) in any_case(), part in 0.0..1.0_f64) {
        let next = alarm.next(last, now, &zone);
        prop_assert_eq!(next == now, alarm.due(last, now, &zone));
        prop_assert!(alarm.due(last, next, &zone));
        if next > now {
            let before = now + (next.duration_since(now) - SignedDuration::from_nanos(1)).mul_f64(part);
            prop_assert!(!alarm.due(last, before, &zone), "{}", before);
            prop_assert_eq!(alarm.next(last, before, &zone), next);
        }
    }

    #[test]
    fn answered_it_is_silent_until_the_next_night((alarm, zone, now, last) in any_case()) {
        if alarm.due(last, now, &zone) {
            let next = alarm.next(Some(now), now, &zone);
            prop_assert!(next > now);
            prop_assert!(!alarm.due(Some(now), now, &zone));
            prop_assert!(next.duration_since(now) <= DAY + 2 * HOUR, "{}", next);
        }
    }

    /// At most one alarm is skipped, whatever the clock did.
    #[test]
    fn nothing_silences_it_for_longer_than_two_nights((alarm, zone, now, last) in any_case()) {
        let next = alarm.next(last, now, &zone);
        prop_assert!(next.duration_since(now) <= 2 * DAY + 2 * HOUR, "{}", next);
    }

    /// No night rings twice while the clock is set back by less than a day.
    #[test]
    fn a_step_back_does_not_repeat_it(
        (alarm, zone, now, _) in any_case(),
        back in 0..22 * 3600_i64,
        later in 0..86_400_i64,
    ) {
        let jump = SignedDuration::from_secs(back);
        let last = now;
        let next = alarm.next(Some(last), now, &zone);
        let stepped = now - jump;
        prop_assert!(!alarm.due(Some(last), stepped, &zone));
        let then = stepped + SignedDuration::from_secs(later);
        prop_assert_eq!(alarm.due(Some(last), then, &zone), then >= next, "{}", then);
    }
}

proptest! {
    // Each case checks a thousand times.
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Checks now and then find it due exactly once for each local day that exists.
    #[test]
    fn it_rings_as_often_as_there_are_days((alarm, zone, from, _) in any_case()) {
        let to = from + DAY * 9;
        let rung = rings(alarm, &zone, from, to, SignedDuration::from_mins(13));
        for pair in rung.windows(2) {
            let apart = pair[1].duration_since(pair[0]);
            prop_assert!(apart >= DAY - 2 * HOUR, "{:?}", pair);
            prop_assert!(apart <= DAY + 2 * HOUR, "{:?}", pair);
        }
        prop_assert!((8..=10).contains(&rung.len()), "{}", rung.len());
    }
}
