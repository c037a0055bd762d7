//! What goes wrong at Digible.

use std::{collections::BTreeSet, time::Duration};

use shopmaster_standins::digible::{DigibleSim, Fault, FaultKind, ProductId, RequestRecord, Told};

use super::plan::AgentPlan;

/// The latest time at which a request takes effect, in percent of the late window. The rest is a reserve for machines
/// that notice a timeout late.
pub(super) const LATEST_PERCENT: u8 = 70;

/// After this many answers with a fault that the product may have caused, the agent may set the product aside.
const STRIKES: usize = 3;

/// Digible in a case.
#[derive(Debug)]
pub(super) struct Sky {
    digible: DigibleSim,
    window: Duration,
    /// Refusals of products, and the answer to a dead token: they are Digible's own behavior, and stay to the end.
    lasting: Vec<Fault>,
    /// Products that Digible refuses, or once refused.
    refused: BTreeSet<ProductId>,
}

impl Sky {
    pub(super) fn new(digible: DigibleSim, agent: &AgentPlan) -> Self {
        Self {
            digible,
            window: Duration::from_millis(agent.late_window_ms),
            lasting: Vec::new(),
            refused: BTreeSet::new(),
        }
    }

    /// Whether Digible refuses this product, or once did, or has failed so often that the agent may believe so.
    pub(super) fn refuses(&self, id: &ProductId) -> bool {
        let failed = |request: &RequestRecord| {
            let broken = request.status == Some(500);
            let unreadable = request.status == Some(200) && !request.applied;
            (broken || unreadable) && request.product_ids.contains(id)
        };
        let requests = || self.digible.requests();
        self.refused.contains(id) || requests().iter().filter(|it| failed(it)).count() >= STRIKES
    }

    /// Whether a request with this product that took effect came after this many other requests.
    pub(super) fn was_applied_after(&self, id: &ProductId, requests: u64) -> bool {
        // A request may take effect for some of its products only.
        let states = self.digible.history(id.clone());
        states.iter().any(|state| state.sequence > requests)
    }

    /// Injects a fault.
    pub(super) fn inject(&mut self, fault: Fault) {
        match &fault.kind {
            FaultKind::Poison { ids, .. } | FaultKind::Except { ids, .. } => {
                self.refused.extend(ids.iter().cloned());
                self.lasting.push(fault.clone());
            }
            FaultKind::DeadToken { .. } => self.lasting.push(fault.clone()),
            _ => {}
        }
        self.digible.inject(fault);
    }

    /// Makes the next requests for products take effect late.
    pub(super) fn late(&self, told: Told, percent: u8, times: u32) {
        let after = self.window * u32::from(percent.min(LATEST_PERCENT)) / 100;
        self.digible
            .inject(Fault::late_on_time_only(told, after).times(times));
    }

    /// Ends all faults except Digible's own behavior.
    pub(super) fn calm(&self) {
        self.digible.clear_faults();
        for fault in &self.lasting {
            self.digible.inject(fault.clone());
        }
        self.digible
            .configure(|settings| settings.latency = Duration::ZERO);
        self.digible.release();
    }
}
