//! What became of a product on its way.

use std::time::Duration;

use shopmaster_digible::Fate;
use shopmaster_journal::Landing;

use crate::retry_queue::Strikes;

/// What became of a product, and what may still become of its requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// Digible has it.
    Acknowledged {
        /// What may have become of earlier requests of this step.
        earlier: Fate,
    },
    /// Digible refuses it, alone.
    Refused {
        reason: String,
        fate: Fate,
        strikes: Strikes,
    },
    /// To be tried again later.
    Deferred {
        reason: String,
        fate: Fate,
        wait: Option<Duration>,
        strikes: Strikes,
    },
    /// Not handed over: sending stopped before. Or only in a group that was then split.
    NotSent { fate: Fate },
}

impl Delivery {
    pub(super) const ACKNOWLEDGED: Self = Self::Acknowledged {
        earlier: Fate::NotApplied,
    };
    pub(super) const NOT_SENT: Self = Self::NotSent {
        fate: Fate::NotApplied,
    };

    /// With an earlier request of the step in mind. A product that is refused alone was not applied in a
    /// group either, unless that request may still land.
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

    /// A refused product is tried again later.
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

    pub(super) fn with(&self, own: Strikes) -> Self {
        let mut delivery = self.clone();
        if let Self::Deferred { strikes, .. } | Self::Refused { strikes, .. } = &mut delivery {
            *strikes = own;
        }
        delivery
    }
}

/// What becomes of a product whose request ended so.
pub(crate) fn landing(fate: Fate) -> Landing {
    match fate {
        Fate::NotApplied => Landing::Nothing,
        Fate::Unknown => Landing::Answered,
        Fate::MayStillLand => Landing::MayStillLand,
    }
}
