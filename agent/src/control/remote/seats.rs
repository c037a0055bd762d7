//! How many connections there may be, in all and from one network.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use shopmaster_access::network;

/// The most connections at once.
const MOST: usize = 256;
/// The most from one network, so that one cannot keep the others out.
const MOST_FROM_ONE: usize = 64;

/// The connections that there are, by their networks.
#[derive(Debug, Clone, Default)]
pub(super) struct Seats(Arc<Mutex<HashMap<IpAddr, usize>>>);

/// The place of one connection, free again once it is dropped.
#[derive(Debug)]
pub(super) struct Seat {
    network: IpAddr,
    seats: Seats,
}

impl Seats {
    /// A seat for a connection from `address`; none when there are enough.
    pub(super) fn take(&self, address: IpAddr) -> Option<Seat> {
        let network = network(address);
        let mut taken = self.locked();
        let all: usize = taken.values().sum();
        let own = taken.get(&network).copied().unwrap_or_default();
        if all >= MOST || own >= MOST_FROM_ONE {
            return None;
        }
        taken.insert(network, own + 1);
        Some(Seat {
            network,
            seats: self.clone(),
        })
    }

    /// How many are taken.
    pub(super) fn count(&self) -> usize {
        self.locked().values().sum()
    }

    fn locked(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.locked();
        let left = taken
            .get(&self.network)
            .map(|count| count.saturating_sub(1));
        match left {
            Some(left) if left > 0 => taken.insert(self.network, left),
            _ => taken.remove(&self.network),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(n: u8) -> IpAddr {
        [192, 0, 2, n].into()
    }

    #[test]
    fn one_network_does_not_keep_the_others_out() {
        let seats = Seats::default();
        let mut held = Vec::new();
        while let Some(seat) = seats.take(address(1)) {
            held.push(seat);
        }
        assert_eq!(held.len(), MOST_FROM_ONE);
        let other = seats.take(address(2));
        assert!(other.is_some());
        held.pop();
        assert!(seats.take(address(1)).is_some());
    }

    #[test]
    fn there_are_only_so_many_and_none_is_forgotten() {
        let seats = Seats::default();
        let mut held: Vec<_> = (1..=255).filter_map(|n| seats.take(address(n))).collect();
        held.extend(seats.take("2001:db8::1".parse().ok().unwrap()));
        assert_eq!((held.len(), seats.count()), (MOST, MOST));
        assert!(seats.take("2001:db8:1::1".parse().unwrap()).is_none());
        held.clear();
        assert_eq!(seats.count(), 0);
        assert!(seats.locked().is_empty());
    }
}
