//! Slows failed logins down, so that nobody can try many.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// The most networks that are remembered; beyond that the one that failed longest ago is forgotten.
const MOST_NETWORKS: usize = 4_096;
/// Failures without a wait: a person may mistype.
const FREE_FAILURES: u32 = 3;
/// The first wait; each further failure doubles it.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// The longest wait.
const LONGEST_WAIT: Duration = Duration::from_secs(15 * 60);

/// The failed logins by network: an IPv4 address, or the /64 of an IPv6 address, of which one computer has as many
/// addresses as it wants.
#[derive(Debug, Default)]
pub struct Throttle(Mutex<HashMap<IpAddr, Failures>>);

/// The network must wait: its login is not looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Throttled {
    /// For how long.
    pub remaining: Duration,
}

#[derive(Debug, Clone, Copy)]
struct Failures {
    count: u32,
    last: Instant,
}

impl Throttle {
    /// Whether a login from `address` may be looked at now.
    ///
    /// # Errors
    ///
    /// When too many have failed and the wait is not over.
    pub fn check(&self, address: IpAddr, now: Instant) -> Result<(), Throttled> {
        let failures = self.locked().get(&network(address)).copied();
        let Some(failures) = failures else {
            return Ok(());
        };
        let remaining = (failures.last + failures.wait()).saturating_duration_since(now);
        match remaining.is_zero() {
            true => Ok(()),
            false => Err(Throttled { remaining }),
        }
    }

    /// A login from `address` failed. Returns how many have failed in a row.
    pub fn failed(&self, address: IpAddr, now: Instant) -> u32 {
        let mut all = self.locked();
        let network = network(address);
        if !all.contains_key(&network) && all.len() >= MOST_NETWORKS {
            let oldest = all.iter().min_by_key(|(_, failures)| failures.last);
            if let Some(oldest) = oldest.map(|(network, _)| *network) {
                all.remove(&oldest);
            }
        }
        let failures = all.entry(network).or_insert(Failures {
            count: 0,
            last: now,
        });
        // Whoever stayed away for the longest wait begins again.
        if now.saturating_duration_since(failures.last) > 2 * LONGEST_WAIT {
            failures.count = 0;
        }
        failures.count = failures.count.saturating_add(1);
        failures.last = now;
        failures.count
    }

    /// A login from `address` succeeded.
    pub fn succeeded(&self, address: IpAddr) {
        self.locked().remove(&network(address));
    }

    fn locked(&self) -> std::sync::MutexGuard<'_, HashMap<IpAddr, Failures>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Failures {
    fn wait(self) -> Duration {
        let Some(beyond) = self.count.checked_sub(FREE_FAILURES + 1) else {
            return Duration::ZERO;
        };
        let factor = 1_u32.checked_shl(beyond).unwrap_or(u32::MAX);
        FIRST_WAIT.saturating_mul(factor).min(LONGEST_WAIT)
    }
}

/// The network that an address belongs to: itself, or the /64 of an IPv6 address.
#[must_use]
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => {
            let network = u128::from(address) >> 64 << 64;
            Ipv6Addr::from(network).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFICE: &str = "192.0.2.7";

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn remaining(throttle: &Throttle, from: &str, now: Instant) -> u64 {
        let check = throttle.check(address(from), now);
        check
            .err()
            .map_or(0, |throttled| throttled.remaining.as_secs())
    }

    #[test]
    fn the_wait_doubles_up_to_a_limit_and_ends_with_a_success() {
        let (throttle, now) = (Throttle::default(), Instant::now());
        for expected in [0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900] {
            throttle.failed(address(OFFICE), now);
            assert_eq!(remaining(&throttle, OFFICE, now), expected);
        }
        assert_eq!(remaining(&throttle, "192.0.2.8", now), 0);
        assert_eq!(remaining(&throttle, OFFICE, now + LONGEST_WAIT), 0);
        throttle.succeeded(address(OFFICE));
        assert_eq!(remaining(&throttle, OFFICE, now), 0);
        for _ in 0..40 {
            throttle.failed(address(OFFICE), now);
        }
        assert_eq!(remaining(&throttle, OFFICE, now), 900);
    }

    #[test]
    fn who_stays_away_begins_again() {
        let (throttle, now) = (Throttle::default(), Instant::now());
        for _ in 0..9 {
            throttle.failed(address(OFFICE), now);
        }
        let later = now + 3 * LONGEST_WAIT;
        assert_eq!(throttle.failed(address(OFFICE), later), 1);
    }

    #[test]
    fn a_computer_with_many_addresses_is_one() {
        let (throttle, now) = (Throttle::default(), Instant::now());
        for last in 0..9 {
            throttle.failed(address(&format!("2001:db8:1:2::{last}")), now);
        }
        assert!(remaining(&throttle, "2001:db8:1:2:ffff::1", now) > 0);
        assert_eq!(remaining(&throttle, "2001:db8:1:3::1", now), 0);
        for _ in 0..9 {
            throttle.failed(address("::ffff:192.0.2.9"), now);
        }
        assert!(remaining(&throttle, "192.0.2.9", now) > 0);
    }

    #[test]
    fn the_memory_is_bounded_and_keeps_the_newest() {
        let (throttle, now) = (Throttle::default(), Instant::now());
        let many = u32::try_from(MOST_NETWORKS).unwrap() + 100;
        for n in 0..many {
            let from = IpAddr::V4(n.into());
            for _ in 0..5 {
                throttle.failed(from, now + Duration::from_micros(n.into()));
            }
        }
        assert_eq!(throttle.locked().len(), MOST_NETWORKS);
        let newest = IpAddr::V4((many - 1).into());
        assert!(throttle.check(newest, now).is_err());
        assert!(throttle.check(IpAddr::V4(0.into()), now).is_ok());
    }
}
