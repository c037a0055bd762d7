//! What the journal holds of one product, and what each event makes of it: the only place that decides
//! when a product is in doubt, published, parked or removed.
//!
//! Digible has neither versions nor idempotency keys, so the order in which it applies two requests is
//! unknown once one of them was given up. Hence the rule of the late window: after a give-up the product is
//! in doubt until a request that was *started* behind the window is acknowledged, whatever else becomes of
//! it meanwhile. Each state is sent as it comes; one more request at the window's end confirms.

use super::DigestBytes;

/// What the journal holds of one product.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Entry {
    /// What Digible last acknowledged; none once the product is removed.
    pub published: Option<Published>,
    /// Digible may have something else than what it last acknowledged.
    pub doubt: Option<Doubt>,
    /// Digible, or we, refuse it.
    pub parked: Option<Refusal>,
    /// Since when it is gone from the shop, in milliseconds since 1970.
    pub removed: Option<i64>,
}

/// What Digible last acknowledged of a product.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Published {
    /// Digest of the body.
    pub digest: DigestBytes,
    /// When, in milliseconds since 1970.
    pub at: i64,
    /// The upload that it was part of last; 0 for none.
    pub upload: i64,
}

/// Why a product may be another one at Digible, and when it is sent next. Times are steady milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Doubt {
    /// Until when a request that was given up may still land; 0 when none may, and the next
    /// acknowledgement settles it.
    pub lands_until: i64,
    /// When it is to be sent next; 0 at once.
    pub due: i64,
}

/// Why a product is parked.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Refusal {
    /// Digest of the refused body.
    pub digest: DigestBytes,
    /// Why, for people.
    pub reason: String,
    /// Since when, in milliseconds since 1970.
    pub since: i64,
    /// It is no longer shown.
    pub discarded: bool,
    /// It is to be tried again.
    pub retry: bool,
}

/// Something that happens to a product.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Event {
    /// It is about to be sent: the shop has it.
    HandedOver,
    /// Digible has it.
    Acknowledged {
        /// Digest of the body.
        digest: DigestBytes,
        /// The upload that it was part of.
        upload: Option<i64>,
        /// An earlier request of the same step was given up.
        may_still_land: bool,
    },
    /// It was answered, but not whether it was applied.
    Answered,
    /// No answer came: the request may be applied later.
    GivenUp,
    /// Digible, or we, refuse it. The shop has it.
    Refused {
        /// Digest of the refused body.
        digest: DigestBytes,
        /// Why, for people.
        reason: String,
    },
    /// What was refused is no longer what the shop has.
    Unparked,
    /// The shop has it no longer, and Digible may.
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
    /// How long a request may still land after it was given up, in milliseconds.
    pub late_window: i64,
    /// Until when a request of another agent may still land, in steady milliseconds; 0 when there is none.
    pub others_until: i64,
}

impl Entry {
    /// What an event makes of it.
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
                // Being listed says that Digible may have it; what lands later, it does not.
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

    /// The shop has it. Digible may still have it from before it was removed, which only the list of
    /// removed products said.
    fn is_in_shop(&mut self) {
        if self.removed.take().is_some() {
            self.doubt = self.doubt.or(Some(Doubt::default()));
        }
    }

    /// What an acknowledgement leaves of the doubt: all of it while something older may still land.
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
