//! Finds out in the middle of a step whether Digible accepts anything at all.

use super::{Dispatcher, Outgoing, lock};
use crate::{
    canary::{self, CanaryResult},
    stop_reason::StopReason,
};

/// At most this many products of the step serve as canaries when Digible acknowledged none before.
const MAX_STEP_CANARIES: usize = 4;

impl Dispatcher<'_> {
    /// Finds out whether the products or Digible are at fault, by sending a canary. `reason` is what Digible last
    /// answered. If Digible is at fault, the step stops.
    pub(super) async fn suspect(&self, outgoing: &[Outgoing], reason: &str) {
        let _one_at_a_time = self.canary_lock.lock().await;
        let is_answered =
            self.endpoint_health.has_proof() && self.endpoint_health.suspicion().is_none();
        if is_answered || self.is_stopped() {
            return;
        }
        match canary::send_any(self.core, self.handle, self.endpoint_health, &self.step_ids).await {
            Ok(CanaryResult::Passes) => {}
            Ok(CanaryResult::Absent) => self.ask_with_own_products(outgoing, reason).await,
            Ok(CanaryResult::Refused(reason)) => self.stop(StopReason::Refuses(reason)),
            Ok(CanaryResult::Unclear(stop_reason) | CanaryResult::Broken(stop_reason)) => {
                self.stop(stop_reason);
            }
            Err(error) => {
                *lock(&self.failure) = Some(error);
                self.stop(StopReason::Cancelled);
            }
        }
    }

    /// Before Digible acknowledged anything, products of this very step serve as canaries: one that was accepted, or
    /// otherwise some from all over the step. They are sent as they were read for the step.
    async fn ask_with_own_products(&self, outgoing: &[Outgoing], reason: &str) {
        let spacing = outgoing.len().div_ceil(MAX_STEP_CANARIES).max(1);
        let canaries: Vec<usize> = match *lock(&self.accepted) {
            Some(index) => vec![index],
            None => (0..outgoing.len()).rev().step_by(spacing).collect(),
        };
        let mut broken = None;
        for index in canaries {
            let Some(product) = outgoing.get(index) else {
                continue;
            };
            match canary::send(self.core, self.handle, self.endpoint_health, &product.item).await {
                Ok(CanaryResult::Passes) => return,
                Ok(CanaryResult::Refused(_) | CanaryResult::Absent) => {}
                Ok(CanaryResult::Broken(stop_reason)) => broken = Some(stop_reason),
                Ok(CanaryResult::Unclear(stop_reason)) => return self.stop(stop_reason),
                Err(error) => {
                    *lock(&self.failure) = Some(error);
                    return self.stop(StopReason::Cancelled);
                }
            }
        }
        self.stop(broken.unwrap_or_else(|| {
            StopReason::Refuses(format!(
                "nothing was accepted so far; Digible says: {reason}"
            ))
        }));
    }
}
