//! How old a change is by the clock of the shop's database, which may be on another computer.
//!
//! The database is asked for its time only together with the oldest waiting change, so the difference between the two
//! clocks is unknown until changes were counted once. What is acknowledged before that is measured afterwards.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use shopmaster_catalog::Backlog;

/// How many changes wait to be measured, at most; more are left out.
const MAX_UNMEASURED: usize = 1_000;

/// How far the database's clock is ahead of this computer's.
#[derive(Debug, Default)]
pub(super) struct DatabaseClock(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    ahead: Option<SignedDuration>,
    unmeasured: Vec<Sent>,
}

/// A change that reached Digible.
#[derive(Debug, Clone, Copy)]
struct Sent {
    /// By the database's clock.
    changed_at: Timestamp,
    /// By this computer's clock.
    sent_at: Timestamp,
}

impl DatabaseClock {
    /// Compares the clocks: `backlog` was counted at the time `now`. Gives the ages of earlier changes that could not
    /// be measured until now.
    pub(super) fn compare(&self, backlog: &Backlog, now: Timestamp) -> Vec<Duration> {
        let (Some(oldest_at), Some(age)) = (backlog.oldest_at, backlog.oldest_age) else {
            return Vec::new();
        };
        let age = SignedDuration::try_from(age).unwrap_or_default();
        let ahead = oldest_at.duration_since(now) + age;
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.ahead = Some(ahead);
        let unmeasured = std::mem::take(&mut state.unmeasured);
        unmeasured.iter().map(|sent| sent.age(ahead)).collect()
    }

    /// How old a change was that Digible acknowledged at the time `now`; none when that is not known yet.
    pub(super) fn age(&self, changed_at: Timestamp, now: Timestamp) -> Option<Duration> {
        let sent = Sent {
            changed_at,
            sent_at: now,
        };
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let age = state.ahead.map(|ahead| sent.age(ahead));
        if age.is_none() && state.unmeasured.len() < MAX_UNMEASURED {
            state.unmeasured.push(sent);
        }
        age
    }
}

impl Sent {
    /// A clock that was set back makes no age negative.
    fn age(self, ahead: SignedDuration) -> Duration {
        let age = self.sent_at.duration_since(self.changed_at) + ahead;
        Duration::try_from(age).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + second).unwrap()
    }

    fn backlog(oldest_at: i64, age: u64) -> Backlog {
        Backlog {
            oldest_at: Some(at(oldest_at)),
            oldest_age: Some(Duration::from_secs(age)),
            ..Backlog::default()
        }
    }

    #[test]
    fn an_age_is_by_the_databases_clock_whatever_this_computer_thinks() {
        // The database's clock is an hour behind, then a minute ahead.
        for ahead in [-3_600, 60] {
            let clock = DatabaseClock::default();
            assert!(clock.compare(&backlog(ahead - 4, 4), at(0)).is_empty());
            let age = clock.age(at(ahead - 4), at(1));
            assert_eq!(age, Some(Duration::from_secs(5)));
        }
    }

    #[test]
    fn what_was_sent_before_the_clocks_were_compared_is_measured_afterwards() {
        let clock = DatabaseClock::default();
        assert_eq!(clock.age(at(57), at(0)), None);
        assert!(clock.compare(&Backlog::default(), at(1)).is_empty());
        let measured = clock.compare(&backlog(58, 4), at(2));
        assert_eq!(measured, [Duration::from_secs(3)]);
        assert!(clock.compare(&backlog(58, 5), at(3)).is_empty());
    }

    #[test]
    fn no_age_is_negative_and_no_list_is_endless() {
        let clock = DatabaseClock::default();
        for _ in 0..MAX_UNMEASURED + 1 {
            clock.age(at(0), at(0));
        }
        assert_eq!(clock.compare(&backlog(0, 0), at(0)).len(), MAX_UNMEASURED);
        assert_eq!(clock.age(at(9), at(0)), Some(Duration::ZERO));
    }
}
