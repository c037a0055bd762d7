//! What became of a product on its way.

use std::time::Duration;

use crate::{digible::Fate, engine::waits::Strikes};

/// What became of a product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::engine) enum Fortune {
    /// Digible has it.
    Acknowledged,
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
    Kept { fate: Fate },
}

impl Fortune {
    pub(super) const KEPT: Self = Self::Kept {
        fate: Fate::NotApplied,
    };

    /// With a request before this one in mind. A product that is refused alone was not applied in
    /// a group either.
    pub(super) fn after(mut self, before: Fate) -> Self {
        if let Self::Deferred { fate, .. } | Self::Kept { fate } = &mut self
            && *fate == Fate::NotApplied
        {
            *fate = before;
        }
        self
    }

    pub(super) fn may_still_land(&self) -> bool {
        matches!(self, Self::Deferred { fate, .. } if *fate == Fate::MayStillLand)
    }

    /// Leaves the product in doubt unless Digible acknowledged it.
    pub(in crate::engine) fn doubtful(mut self) -> Self {
        if let Self::Refused { fate, .. } | Self::Deferred { fate, .. } | Self::Kept { fate } =
            &mut self
            && *fate == Fate::NotApplied
        {
            *fate = Fate::Unknown;
        }
        self
    }

    /// A refused product is tried again later.
    pub(in crate::engine) fn put_off(self) -> Self {
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
        let mut fortune = self.clone();
        if let Self::Deferred { strikes, .. } | Self::Refused { strikes, .. } = &mut fortune {
            *strikes = own;
        }
        fortune
    }
}
