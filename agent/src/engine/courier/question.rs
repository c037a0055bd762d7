//! Asks whether Digible takes anything at all, in the middle of a step.

use super::{Courier, Fortune, Parcel, lock};
use crate::{
    digible::Answer,
    engine::{
        halt::Halt,
        witness::{self, Testimony},
    },
};

/// So many products of the step are asked for a witness when none was acknowledged before.
const MOST_WITNESSES: usize = 16;

impl Courier<'_> {
    /// Too many refusals in a row: is it the products or Digible? One that it acknowledged before
    /// tells them apart.
    pub(super) async fn question(&self, parcels: &[Parcel]) {
        let _one_at_a_time = self.asking.lock().await;
        if !self.evidence.is_suspicious() || self.is_stopped() {
            return;
        }
        match witness::ask(self.core, self.live, self.evidence, &self.aboard).await {
            Ok(Testimony::Passes) => self.evidence.batch_passed(),
            Ok(Testimony::Absent) => self.question_aboard(parcels).await,
            Ok(Testimony::Refused(reason)) => self.stop(Halt::Refuses(reason)),
            Ok(Testimony::Unclear(halt)) => self.stop(halt),
            Err(error) => {
                *lock(&self.failure) = Some(error);
                self.stop(Halt::Cancelled);
            }
        }
    }

    /// Before anything was settled, a product of this very step has to do: one that passed, or else
    /// some from all over the step. What is sent here is sent as it was read for the step.
    async fn question_aboard(&self, parcels: &[Parcel]) {
        let spacing = parcels.len().div_ceil(MOST_WITNESSES).max(1);
        let witnesses: Vec<usize> = match *lock(&self.passed) {
            Some(index) => vec![index],
            None => (0..parcels.len()).rev().step_by(spacing).collect(),
        };
        for index in witnesses {
            let Some(parcel) = parcels.get(index) else {
                continue;
            };
            self.count_request();
            let fortune = match self.core.cloud.send_batch(&[&parcel.item]).await {
                Answer::Acknowledged => {
                    self.evidence.batch_passed();
                    Fortune::Acknowledged
                }
                Answer::Refused { .. } | Answer::TooLarge { .. } | Answer::Partly { .. } => {
                    continue;
                }
                Answer::Missing { reason } => return self.stop(Halt::Refuses(reason)),
                Answer::Broken { reason, fate } => Fortune::Deferred {
                    reason,
                    fate,
                    wait: None,
                    strikes: parcel.strikes,
                },
                other => self.later(other, parcel.strikes),
            };
            if let Fortune::Deferred { reason, .. } = &fortune {
                self.stop(Halt::Unreachable(reason.clone()));
            }
            lock(&self.witnessed).push((index, fortune));
            return;
        }
        self.stop(Halt::Refuses(
            "20 requests in a row, and nothing was ever accepted".to_owned(),
        ));
    }
}
