//! What the journal records about one product, and how each event changes it: the only place that decides when
//! a product is in doubt, published, parked or removed.
//!
//! Digible has neither versions nor idempotency keys, so the order in which it applies two requests is unknown
//! once one of them was given up. This leads to the rule of the late window: after a request was given up, the
//! product is in doubt until a request that was *started* after the window is acknowledged, whatever else
//! happens to it meanwhile. Each state is sent as it comes; one more request at the window's end confirms it.

use super::DigestBytes;

/// What the journal records about one product.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Entry {
    /// What Digible last acknowledged; none once the product is removed.
    pub published: Option<Published>,
    /// Set when Digible may have something other than what it last acknowledged.
    pub doubt: Option<Doubt>,
    /// Set when Digible, or shopMaster, refuses it.
    pub parked: Option<Refusal>,
    /// Since when it has been gone from the shop, in milliseconds since 1970.
    pub removed: Option<i64>,
}

/// What Digible last acknowledged for a product.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Published {
    /// Digest of the body.
    pub digest: DigestBytes,
    /// When Digible acknowledged it, in milliseconds since 1970.
    pub at: i64,
    /// The number of the last upload that it was part of; 0 for none.
    pub upload: i64,
}

/// Why a product may be different at Digible, and when it is sent next. Times are in steady milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Doubt {
    /// Until when a request that was given up may still be applied; 0 when none may, and the next
    /// acknowledgement ends the doubt.
    pub lands_until: i64,
    /// When the product must be sent next; 0 for at once.
    pub due: i64,
}

/// Why a product is parked.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Refusal {
    /// Digest of the refused body.
    pub digest: DigestBytes,
    /// Why, for people.
    pub reason: String,
    /// Since when it has been refused, in milliseconds since 1970.
    pub since: i64,
    /// Whether it was dismissed and is no longer listed.
    pub discarded: bool,
    /// Whether it must be sent again.
    pub retry: bool,
}

/// Something that happens to a product.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Event {
    /// The product is about to be sent; the shop has it.
    HandedOver,
    /// Digible acknowledged the product.
    Acknowledged {
        /// Digest of the body.
        digest: DigestBytes,
        /// The upload that the request was part of.
        upload: Option<i64>,
        /// Whether an earlier request of the same step was given up.
        may_still_land: bool,
    },
    /// The request was answered, but the answer does not say whether it was applied.
    Answered,
    /// No answer arrived: the request may be applied later.
    GivenUp,
    /// Digible, or shopMaster, refuses the product. The shop has it.
    Refused {
        /// Digest of the refused body.
        digest: DigestBytes,
        /// Why, for people.
        reason: String,
    },
    /// The shop no longer has what was refused.
    Unparked,
    /// The shop no longer has the product, but Digible may.
    Gone,
}

/// When an event happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// Now, in steady milliseconds.
    pub now: i64,
    /// Now by the wall clock, in milliseconds since 1970.
    pub wall: i64,
    /// No request of the step was started before this steady time.
    pub started: i64,
    /// How long a request may still be applied after it was given up, in milliseconds.
    pub late_window: i64,
    /// Until when a request of another agent may still be applied, in steady milliseconds; 0 when there is
    /// none.
    pub others_until: i64,
}

impl Entry {
    /// The entry after an event.
    #[must_use]
    pub fn after(mut self, event: &Event, times: &Times) -> Self {
        match event {
            Event::HandedOver => self.is_in_shop(),
            Event::Acknowledged {
                digest,
                upload,
                may_still_land,
            } => {
                let before = self.published.as_ref().map_or(0, |before| before.upload);
                self.published = Some(Published {
                    digest: *digest,
                    at: times.wall,
                    upload: upload.unwrap_or(before),
                });
                self.parked = None;
                self.removed = None;
                let lands_until = if *may_still_land { times.late() } else { 0 };
                self.doubt = self.left_after_acknowledgement(lands_until, times);
            }
            Event::Answered => {
                self.doubt = Some(Doubt {
                    due: 0,
                    ..self.doubt.unwrap_or_default()
                });
            }
            Event::GivenUp => {
                let before = self.doubt.unwrap_or_default().lands_until;
                self.doubt = Some(Doubt {
                    lands_until: before.max(times.late()),
                    due: 0,
                });
            }
            Event::Refused { digest, reason } => {
                self.is_in_shop();
                self.parked = Some(self.refusal(*digest, reason, times));
            }
            Event::Unparked => self.parked = None,
            Event::Gone => {
                self.published = None;
                self.parked = None;
                self.removed = self.removed.or(Some(times.wall));
                // Being listed shows that Digible may have the product, but says nothing about requests that
                // are applied later.
                let before = self.doubt.unwrap_or_default().lands_until;
                let lands_until = before.max(times.others_until);
                self.doubt = (lands_until > times.now).then_some(Doubt {
                    lands_until,
                    due: lands_until,
                });
            }
        }
        self
    }

    /// Whether Digible may have this product.
    #[must_use]
    pub fn may_be_at_digible(&self) -> bool {
        self.published.is_some() || self.doubt.is_some()
    }

    /// Records that the shop has the product. Digible may still have its state from before it was removed,
    /// which only the list of removed products recorded.
    fn is_in_shop(&mut self) {
        if self.removed.take().is_some() {
            self.doubt = self.doubt.or(Some(Doubt::default()));
        }
    }

    /// What remains of the doubt after an acknowledgement: all of it while an older request may still be
    /// applied.
    fn left_after_acknowledgement(&self, lands_until: i64, times: &Times) -> Option<Doubt> {
        let before = self.doubt.unwrap_or_default().lands_until;
        let lands_until = before.max(lands_until).max(times.others_until);
        (lands_until > times.started).then_some(Doubt {
            lands_until,
            due: lands_until,
        })
    }

    fn refusal(&self, digest: DigestBytes, reason: &str, times: &Times) -> Refusal {
        let same = self
            .parked
            .as_ref()
            .filter(|before| before.digest == digest);
        Refusal {
            digest,
            reason: reason.to_owned(),
            since: same.map_or(times.wall, |before| before.since),
            discarded: same.is_some_and(|before| before.discarded),
            retry: false,
        }
    }
}

impl Times {
    fn late(&self) -> i64 {
        self.now.saturating_add(self.late_window)
    }
}
