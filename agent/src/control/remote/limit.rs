//! How many connections there may be.
//!
//! A connection on which no call was admitted yet costs whoever opens it nothing, so there are only a few of those, and the
//! oldest gives way to a new one. The others belong to known clients.

use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use shopmaster_access::network;
use shopmaster_base::{blocking, memory};
use tokio::{runtime::Handle, time::sleep};
use tokio_util::sync::CancellationToken;

/// From so many connections on, the memory that they used is given back when the last one has ended.
const MANY: usize = 4;
/// How long their tasks may take to end, most of them and all.
const RELEASE_AFTER: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(30)];
/// The most connections of known clients at once.
const MOST_ADMITTED: usize = 256;
/// The most of those from one network.
const MOST_ADMITTED_FROM_ONE: usize = 64;
/// The most connections without an admitted call.
const MOST_UNKNOWN: usize = 128;
/// The most of those from one network, so that one cannot drive the others out.
const MOST_UNKNOWN_FROM_ONE: usize = 32;

/// The connections that there are.
#[derive(Debug, Clone, Default)]
pub(super) struct ConnectionLimit(Arc<Mutex<Connections>>);

/// One connection's permit, which ends when it is dropped.
#[derive(Debug)]
pub(super) struct Permit {
    id: u64,
    network: IpAddr,
    is_admitted: AtomicBool,
    /// Canceled when the connection has to give way to another.
    evicted: CancellationToken,
    limit: ConnectionLimit,
}

#[derive(Debug, Default)]
struct Connections {
    next: u64,
    /// Those without an admitted call, in the order of their arrival.
    unknown: BTreeMap<u64, Unknown>,
    /// How many of known clients there are, by network.
    admitted: HashMap<IpAddr, usize>,
    /// How many there were at once since there was none.
    most: usize,
}

#[derive(Debug)]
struct Unknown {
    network: IpAddr,
    evicted: CancellationToken,
}

impl ConnectionLimit {
    /// A permit for a connection from `address`. When there are too many already, the oldest without an admitted call is
    /// evicted: of the same network, or else of the one that has most of them.
    pub(super) fn take(&self, address: IpAddr) -> Permit {
        let network = network(address);
        let mut connections = self.locked();
        connections.make_room(network);
        let id = connections.next;
        connections.next += 1;
        let evicted = CancellationToken::new();
        let unknown = Unknown {
            network,
            evicted: evicted.clone(),
        };
        connections.unknown.insert(id, unknown);
        connections.most = connections.most.max(connections.count());
        Permit {
            id,
            network,
            is_admitted: AtomicBool::new(false),
            evicted,
            limit: self.clone(),
        }
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.locked().count()
    }

    fn locked(&self) -> MutexGuard<'_, Connections> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Permit {
    /// Canceled when the connection has to give way to another.
    pub(super) fn evicted(&self) -> &CancellationToken {
        &self.evicted
    }

    /// A call is admitted on this connection: from now on it does not give way. False when known clients have too many
    /// connections, or when it was evicted already.
    pub(super) fn admit(&self) -> bool {
        if self.is_admitted.load(Ordering::Acquire) {
            return true;
        }
        let mut connections = self.limit.locked();
        let all: usize = connections.admitted.values().sum();
        let own = connections.admitted.get(&self.network).copied();
        let own = own.unwrap_or_default();
        if all >= MOST_ADMITTED || own >= MOST_ADMITTED_FROM_ONE {
            return false;
        }
        // Two calls may arrive at once.
        if connections.unknown.remove(&self.id).is_none() {
            return self.is_admitted.load(Ordering::Acquire);
        }
        connections.admitted.insert(self.network, own + 1);
        self.is_admitted.store(true, Ordering::Release);
        true
    }
}

/// Gives back what the connections used, once their tasks have ended, too.
fn release_memory() {
    // There is no runtime any more when the agent has ended.
    if let Ok(runtime) = Handle::try_current() {
        runtime.spawn(async {
            for wait in RELEASE_AFTER {
                sleep(wait).await;
                blocking::run(memory::release).await;
            }
        });
    }
}

impl Connections {
    fn count(&self) -> usize {
        self.unknown.len() + self.admitted.values().sum::<usize>()
    }

    fn end_admitted(&mut self, network: IpAddr) {
        let left = self.admitted.get(&network);
        match left.map(|count| count.saturating_sub(1)) {
            Some(left) if left > 0 => self.admitted.insert(network, left),
            _ => self.admitted.remove(&network),
        };
    }

    fn make_room(&mut self, network: IpAddr) {
        let mut by_network: HashMap<IpAddr, usize> = HashMap::new();
        for unknown in self.unknown.values() {
            *by_network.entry(unknown.network).or_default() += 1;
        }
        let own = by_network.get(&network).copied().unwrap_or_default();
        let from = if own >= MOST_UNKNOWN_FROM_ONE {
            network
        } else if self.unknown.len() >= MOST_UNKNOWN {
            let most = by_network.into_iter().max_by_key(|(_, count)| *count);
            most.map_or(network, |(network, _)| network)
        } else {
            return;
        };
        let mut ids = self.unknown.iter();
        let oldest = ids.find(|(_, unknown)| unknown.network == from);
        let oldest = oldest.map(|(id, _)| *id);
        if let Some(oldest) = oldest.and_then(|id| self.unknown.remove(&id)) {
            oldest.evicted.cancel();
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut connections = self.limit.locked();
        if self.is_admitted.load(Ordering::Acquire) {
            connections.end_admitted(self.network);
        } else {
            connections.unknown.remove(&self.id);
        }
        if connections.count() == 0 && std::mem::take(&mut connections.most) >= MANY {
            release_memory();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(n: u8) -> IpAddr {
        [192, 0, 2, n].into()
    }

    fn evicted(permits: &[Permit]) -> usize {
        let evicted = |permit: &&Permit| permit.evicted().is_cancelled();
        permits.iter().filter(evicted).count()
    }

    #[test]
    fn the_oldest_unknown_one_of_the_same_network_gives_way() {
        let limit = ConnectionLimit::default();
        let other = limit.take(address(2));
        let flood: Vec<_> = (0..10_000).map(|_| limit.take(address(1))).collect();
        assert_eq!(evicted(&flood), 10_000 - MOST_UNKNOWN_FROM_ONE);
        assert!(!flood.last().unwrap().evicted().is_cancelled());
        assert!(!other.evicted().is_cancelled() && other.admit());
        drop(flood);
        assert_eq!(limit.count(), 1);
        drop(other);
        assert_eq!(limit.count(), 0);
        assert!(limit.locked().admitted.is_empty());
    }

    #[test]
    fn many_networks_do_not_keep_a_client_out() {
        let limit = ConnectionLimit::default();
        let flood: Vec<_> = (10..=250)
            .flat_map(|n| [address(n), address(n)])
            .map(|address| limit.take(address))
            .collect();
        assert_eq!(evicted(&flood), flood.len() - MOST_UNKNOWN);
        let client = limit.take(address(1));
        assert!(client.admit());
        let more: Vec<_> = (10..=250).map(|n| limit.take(address(n))).collect();
        assert!(!client.evicted().is_cancelled());
        assert_eq!(limit.count(), MOST_UNKNOWN + 1);
        drop((flood, more));
    }

    #[test]
    fn known_clients_have_their_own_limit() {
        let limit = ConnectionLimit::default();
        let admitted = |n| {
            let permit = limit.take(address(n));
            permit.admit().then_some(permit)
        };
        let one: Vec<_> = (0..100).filter_map(|_| admitted(1)).collect();
        assert_eq!(one.len(), MOST_ADMITTED_FROM_ONE);
        let many: Vec<_> = (2..=255).filter_map(admitted).collect();
        assert_eq!(one.len() + many.len(), MOST_ADMITTED);
        drop(one);
        assert!(admitted(1).is_some());
    }

    #[test]
    fn whoever_was_evicted_is_not_admitted() {
        let limit = ConnectionLimit::default();
        let first = limit.take(address(1));
        let _others: Vec<_> = (0..MOST_UNKNOWN_FROM_ONE)
            .map(|_| limit.take(address(1)))
            .collect();
        assert!(first.evicted().is_cancelled() && !first.admit());
        drop(first);
        assert_eq!(limit.count(), MOST_UNKNOWN_FROM_ONE);
    }
}
