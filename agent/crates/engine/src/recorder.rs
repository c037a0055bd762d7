//! Records acknowledgements while the step's other requests are under way, and only then has the changes of these
//! products deleted.

use jiff::Timestamp;
use shopmaster_catalog::ChangeIdentity;
use shopmaster_digible::Fate;
use shopmaster_journal::{Acknowledged, InFlight};
use tokio::sync::mpsc::UnboundedReceiver;

use super::{
    ack_queue::AckQueue,
    core::Core,
    dispatch::{Accepted, Outgoing},
    stop_reason::StepError,
};

/// Records the acknowledgements of one step.
pub(super) struct Recorder<'a> {
    pub(super) core: &'a Core,
    pub(super) outgoing: &'a [Outgoing],
    /// The changes of each product; emptied for products that are recorded.
    pub(super) changes: &'a mut [Vec<ChangeIdentity>],
    /// When the oldest change of each product was made, by the database's clock.
    pub(super) changed_at: &'a [Option<Timestamp>],
    pub(super) in_flight: &'a mut InFlight,
    pub(super) ack_queue: &'a mut AckQueue,
}

impl Recorder<'_> {
    /// Records until the last request is answered. One commit holds all that was acknowledged during
    /// the commit before.
    ///
    /// # Errors
    ///
    /// When the journal fails. Then no change of these products is deleted, and they stay in doubt.
    pub(super) async fn run(
        mut self,
        mut acknowledged: UnboundedReceiver<Vec<Accepted>>,
    ) -> Result<(), StepError> {
        let mut requests = Vec::new();
        while acknowledged.recv_many(&mut requests, usize::MAX).await > 0 {
            self.record(&requests.concat()).await?;
            requests.clear();
        }
        Ok(())
    }

    async fn record(&mut self, accepted: &[Accepted]) -> Result<(), StepError> {
        let acknowledged = accepted.iter().filter_map(|accepted| {
            let product = self.outgoing.get(accepted.index)?;
            Some(Acknowledged {
                id: product.item.id.clone(),
                digest: product.item.digest.0,
                may_still_land: accepted.earlier == Fate::MayStillLand,
            })
        });
        let acknowledged = acknowledged.collect();
        self.core
            .journal
            .acknowledge(self.in_flight, acknowledged)
            .await?;
        self.measure(accepted);
        let mut settled = Vec::with_capacity(accepted.len());
        for accepted in accepted {
            if let Some(changes) = self.changes.get_mut(accepted.index) {
                settled.append(changes);
            }
        }
        self.ack_queue.begin(settled).await;
        Ok(())
    }

    /// Reports how long the changes of these products took to reach Digible.
    fn measure(&self, accepted: &[Accepted]) {
        let now = Timestamp::now();
        for accepted in accepted {
            let changed_at = self.changed_at.get(accepted.index).copied().flatten();
            let age = changed_at.and_then(|at| self.core.database_clock.age(at, now));
            if let Some(age) = age {
                self.core.observer.change_sent(age);
            }
        }
    }
}
