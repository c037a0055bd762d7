//! The result of sending a product.

use std::time::Duration;

use shopmaster_digible::Fate;
use shopmaster_journal::Landing;

use crate::retry_queue::Strikes;

/// The result of sending a product, and what may still become of its requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// Digible accepted it as it was sent.
    Acknowledged {
        /// What may have become of earlier requests of this step.
        earlier: Fate,
    },
    /// Digible refuses it on its own, not because of others in the request.
    Refused {
        reason: String,
        fate: Fate,
        strikes: Strikes,
    },
    /// It is tried again later: after `wait` if Digible said when, otherwise after its own backoff.
    Deferred {
        reason: String,
        fate: Fate,
        wait: Option<Duration>,
        strikes: Strikes,
    },
    /// Sending stopped before it was sent, or after it was sent only in a group that was then split.
    NotSent { fate: Fate },
}

impl Delivery {
    pub(super) const ACKNOWLEDGED: Self = Self::Acknowledged {
        earlier: Fate::NotApplied,
    };
    pub(super) const NOT_SENT: Self = Self::NotSent {
        fate: Fate::NotApplied,
    };

    /// Takes an earlier request of the step into account, of which `before` may have become. A product that is refused
    /// on its own was not applied in a group either, unless that request may still land.
    pub(super) fn after(mut self, before: Fate) -> Self {
        match &mut self {
            Self::Refused { fate, .. } => {
                if before == Fate::MayStillLand {
                    *fate = before;
                }
            }
            Self::Acknowledged { earlier: fate }
            | Self::Deferred { fate, .. }
            | Self::NotSent { fate } => *fate = before.max(*fate),
        }
        self
    }

    /// Makes a refusal a deferral; other deliveries stay.
    pub(crate) fn put_off(self) -> Self {
        match self {
            Self::Refused {
                reason,
                fate,
                strikes,
            } => Self::Deferred {
                reason,
                fate,
                wait: None,
                strikes,
            },
            other => other,
        }
    }

    /// The same delivery for a product with these strikes.
    pub(super) fn with(&self, own: Strikes) -> Self {
        let mut delivery = self.clone();
        if let Self::Deferred { strikes, .. } | Self::Refused { strikes, .. } = &mut delivery {
            *strikes = own;
        }
        delivery
    }
}

/// What the journal records about a request that ended like this.
pub(crate) fn landing(fate: Fate) -> Landing {
    match fate {
        Fate::NotApplied => Landing::Nothing,
        Fate::Unknown => Landing::Answered,
        Fate::MayStillLand => Landing::MayStillLand,
    }
}
