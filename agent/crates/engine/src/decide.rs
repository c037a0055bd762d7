//! Decides what a step does with one product, from what is known about the product alone: a pure function.

use shopmaster_journal::{DigestBytes, Known};

use super::{
    dispatch::{MAX_STRIKES, Route},
    retry_queue::Strikes,
};

/// What a step does with a product that the shop has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decision {
    /// Digible has it as it is.
    Equal {
        /// It was parked because of another body, which no longer counts.
        unpark: bool,
    },
    /// It has not changed since it was refused.
    StillParked,
    /// It cannot be sent as it is, so shopMaster refuses it.
    Refuse,
    /// Its next try is later.
    Wait,
    /// It is sent on this route.
    Send(Route),
}

/// What is known about a product when its row was read.
#[derive(Debug, Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) known: &'a Known,
    /// The digest of the body, or of the reason why there is none.
    pub(super) digest: DigestBytes,
    /// Whether a body can be made of its row.
    pub(super) can_be_sent: bool,
    /// Whether all products are sent, whatever the digests say: in an upload.
    pub(super) sends_all: bool,
    /// How often this very body has failed.
    pub(super) strikes: Strikes,
    /// Whether the time of its next try has come.
    pub(super) is_ready: bool,
    /// Now, in the journal's steady time.
    pub(super) now: i64,
}

impl View<'_> {
    pub(super) fn decide(&self) -> Decision {
        let Self { known, digest, .. } = *self;
        let is_parked_as_it_is = known.parked() == Some(digest) && !known.retry();
        if !self.can_be_sent {
            // shopMaster refuses it itself, without a request.
            return match is_parked_as_it_is {
                true => Decision::StillParked,
                false => Decision::Refuse,
            };
        }
        if self.sends_all {
            // In a batch, it would have the whole batch refused, split and sent again.
            return Decision::Send(match is_parked_as_it_is {
                true => Route::Alone,
                false => self.batch(),
            });
        }
        if is_parked_as_it_is {
            return Decision::StillParked;
        }
        if known.published() == Some(digest) && known.is_settled_until(self.now) && !known.retry() {
            return Decision::Equal {
                unpark: known.parked().is_some(),
            };
        }
        if !self.is_ready {
            return Decision::Wait;
        }
        let is_update = known.published().is_some() && !known.is_in_doubt();
        match self.batch() {
            Route::Batch if is_update && self.strikes.update < MAX_STRIKES => {
                Decision::Send(Route::Update)
            }
            route => Decision::Send(route),
        }
    }

    fn batch(&self) -> Route {
        match self.strikes.alone {
            0 => Route::Batch,
            _ => Route::Alone,
        }
    }
}

/// Whether a product without a row has to be recorded as gone from the shop. `is_unsent`: unless the journal knows of it,
/// Digible never had it.
pub(super) fn is_gone(known: &Known, is_unsent: bool) -> bool {
    known.may_be_at_digible() || (!is_unsent && !known.removed())
}
