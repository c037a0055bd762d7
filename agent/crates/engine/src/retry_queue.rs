//! Products that failed and wait for their own next try, so that they do not hold up the others.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use shopmaster_digible::Digest;
use shopmaster_product::ProductId;
use tokio::time::Instant;

use super::backoff::Jitter;

/// Products that wait. They are kept in memory only: after a restart, they are tried again at once.
#[derive(Debug, Default)]
pub struct RetryQueue {
    products: Mutex<HashMap<ProductId, Deferral>>,
}

/// How often the same body of a product failed in a way that may be its own fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Strikes {
    /// In a batch with other products.
    pub grouped: u8,
    /// In a batch of its own.
    pub alone: u8,
    /// Through the update endpoint.
    pub update: u8,
}

#[derive(Debug)]
struct Deferral {
    digest: Option<Digest>,
    failures: u32,
    strikes: Strikes,
    until: Instant,
}

impl RetryQueue {
    /// Whether a product may be tried now.
    pub fn is_ready(&self, id: &ProductId) -> bool {
        self.lock()
            .get(id)
            .is_none_or(|wait| wait.until <= Instant::now())
    }

    /// The strikes of this body of a product; none for a body that has not failed.
    pub fn strikes(&self, id: &ProductId, digest: Digest) -> Strikes {
        self.lock()
            .get(id)
            .filter(|wait| wait.digest == Some(digest))
            .map(|wait| wait.strikes)
            .unwrap_or_default()
    }

    /// Lets a product wait for `asked`, or otherwise longer with each failure. `jitter` is a draw that it shares with
    /// the products that failed together with it.
    pub fn defer(
        &self,
        id: &ProductId,
        digest: Option<Digest>,
        strikes: Strikes,
        asked: Option<Duration>,
        jitter: Jitter,
    ) {
        let mut products = self.lock();
        let failures = products.get(id).map_or(0, |wait| wait.failures) + 1;
        let wait = Deferral {
            digest,
            failures,
            strikes,
            until: Instant::now() + asked.unwrap_or_else(|| jitter.delay(failures)),
        };
        products.insert(id.clone(), wait);
    }

    /// Ends the wait of a product, and forgets its failures.
    pub fn clear(&self, id: &ProductId) {
        self.lock().remove(id);
    }

    /// Ends all waits, because what made the products fail has changed.
    pub fn clear_all(&self) {
        self.lock().clear();
    }

    /// When the first product may be tried; none when none waits.
    pub fn earliest(&self) -> Option<Instant> {
        self.lock().values().map(|wait| wait.until).min()
    }

    /// Whether the next try of some product became due after `since`, when the last sync began. A product that this
    /// sync tried without success has a new time. One that it did not try although due is no reason for another sync.
    pub fn came_due(&self, since: Option<Instant>) -> bool {
        let now = Instant::now();
        let products = self.lock();
        let mut untils = products.values().map(|wait| wait.until);
        untils.any(|until| until <= now && since.is_none_or(|since| since < until))
    }

    /// When this product may be tried; none when it does not wait.
    pub fn until(&self, id: &ProductId) -> Option<Instant> {
        self.lock().get(id).map(|wait| wait.until)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ProductId, Deferral>> {
        self.products.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_product_waits_its_own_time() {
        let retry_queue = RetryQueue::default();
        let id = ProductId::Integer(1);
        let strikes = Strikes {
            grouped: 1,
            ..Strikes::default()
        };
        let digest = Digest::of(b"body");
        let asked = Some(Duration::from_secs(7));
        retry_queue.defer(&id, Some(digest), strikes, asked, Jitter::draw());
        assert!(!retry_queue.is_ready(&id));
        assert!(retry_queue.is_ready(&ProductId::Integer(2)));
        assert_eq!(retry_queue.strikes(&id, digest), strikes);
        assert_eq!(
            retry_queue.strikes(&id, Digest::of(b"other")),
            Strikes::default()
        );
        tokio::time::advance(Duration::from_secs(7)).await;
        assert!(retry_queue.is_ready(&id));
    }

    #[tokio::test(start_paused = true)]
    async fn those_that_failed_together_wait_as_long() {
        let retry_queue = RetryQueue::default();
        let ids = [1, 2].map(ProductId::Integer);
        let jitter = Jitter::draw();
        for id in &ids {
            retry_queue.defer(id, None, Strikes::default(), None, jitter);
        }
        assert_eq!(retry_queue.until(&ids[0]), retry_queue.until(&ids[1]));
    }
}
