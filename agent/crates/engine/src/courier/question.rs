//! Asks whether Digible takes anything at all, in the middle of a step.

use super::{Courier, Parcel, lock};
use crate::{
    halt::Halt,
    witness::{self, Testimony},
};

/// So many products of the step are asked for a witness when none was acknowledged before.
const MOST_WITNESSES: usize = 4;

impl Courier<'_> {
    /// Is it the products or Digible, of which `reason` was the last word? A product that it acknowledged
    /// before tells them apart.
    pub(super) async fn question(&self, parcels: &[Parcel], reason: &str) {
        let _one_at_a_time = self.asking.lock().await;
        let is_answered = self.evidence.has_proof() && self.evidence.suspicion().is_none();
        if is_answered || self.is_stopped() {
            return;
        }
        match witness::ask(self.core, self.live, self.evidence, &self.aboard).await {
            Ok(Testimony::Passes) => {}
            Ok(Testimony::Absent) => self.question_aboard(parcels, reason).await,
            Ok(Testimony::Refused(reason)) => self.stop(Halt::Refuses(reason)),
            Ok(Testimony::Unclear(halt) | Testimony::Broken(halt)) => self.stop(halt),
            Err(error) => {
                *lock(&self.failure) = Some(error);
                self.stop(Halt::Cancelled);
            }
        }
    }

    /// Before anything was settled, a product of this very step has to do: one that passed, or else
    /// some from all over the step. What is sent here is sent as it was read for the step.
    async fn question_aboard(&self, parcels: &[Parcel], reason: &str) {
        let spacing = parcels.len().div_ceil(MOST_WITNESSES).max(1);
        let witnesses: Vec<usize> = match *lock(&self.passed) {
            Some(index) => vec![index],
            None => (0..parcels.len()).rev().step_by(spacing).collect(),
        };
        let mut broken = None;
        for index in witnesses {
            let Some(parcel) = parcels.get(index) else {
                continue;
            };
            match witness::send(self.core, self.live, self.evidence, &parcel.item).await {
                Ok(Testimony::Passes) => return,
                Ok(Testimony::Refused(_) | Testimony::Absent) => {}
                Ok(Testimony::Broken(halt)) => broken = Some(halt),
                Ok(Testimony::Unclear(halt)) => return self.stop(halt),
                Err(error) => {
                    *lock(&self.failure) = Some(error);
                    return self.stop(Halt::Cancelled);
                }
            }
        }
        self.stop(broken.unwrap_or_else(|| {
            Halt::Refuses(format!(
                "nothing was accepted so far; Digible says: {reason}"
            ))
        }));
    }
}
