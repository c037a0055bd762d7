//! What a step does with one product: decided from what is known of it alone, without asking anybody.

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
        /// It was parked for another body.
        unpark: bool,
    },
    /// It is as it was refused.
    StillParked,
    /// It cannot be sent as it is.
    Refuse,
    /// It is not its time yet.
    Wait,
    /// It is sent.
    Send(Route),
}

/// What is known when a product's row was read.
#[derive(Debug, Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) known: &'a Known,
    /// Of the body, or of the reason why there is none.
    pub(super) digest: DigestBytes,
    /// Whether its row makes a body.
    pub(super) can_be_sent: bool,
    /// All products are sent, whatever the digests say: an upload.
    pub(super) sends_all: bool,
    /// The strikes against this very body.
    pub(super) strikes: Strikes,
    /// Whether its own wait is over.
    pub(super) is_ready: bool,
    /// Now, in the journal's steady time.
    pub(super) now: i64,
}

impl View<'_> {
    pub(super) fn decide(&self) -> Decision {
        let Self { known, digest, .. } = *self;
        let is_parked_as_it_is = known.parked() == Some(digest) && !known.retry();
        if !self.can_be_sent {
            // Our own refusal: no request is needed to know it.
            return match is_parked_as_it_is {
                true => Decision::StillParked,
                false => Decision::Refuse,
            };
        }
        if self.sends_all {
            // Among others it would have them all sent again one by one.
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

/// Whether a product without a row is to be recorded as gone. `is_new`: its first pending change is an
/// INSERT, so that it was not in the shop before.
pub(super) fn is_gone(known: &Known, is_new: bool) -> bool {
    known.may_be_at_digible() || (!is_new && !known.removed())
}
