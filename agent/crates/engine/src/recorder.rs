//! Records what Digible acknowledged while the step's other requests are under way, and only then
//! gives the changes behind it to be deleted.

use shopmaster_catalog::ChangeIdentity;
use shopmaster_digible::Fate;
use shopmaster_journal::{Acknowledged, InFlight};
use tokio::sync::mpsc::UnboundedReceiver;

use super::{
    core::Core,
    courier::{Parcel, Passed},
    deletions::Deletions,
    halt::StepError,
};

/// Records the acknowledgements of one step.
pub(super) struct Recorder<'a> {
    pub(super) core: &'a Core,
    pub(super) parcels: &'a [Parcel],
    /// Of each parcel; taken from those that are recorded.
    pub(super) changes: &'a mut [Vec<ChangeIdentity>],
    pub(super) in_flight: &'a mut InFlight,
    pub(super) deletions: &'a mut Deletions,
}

impl Recorder<'_> {
    /// Records until the last request is answered. One commit holds all that was acknowledged during
    /// the commit before.
    ///
    /// # Errors
    ///
    /// When the journal fails: then no change of theirs is deleted, and the products stay in doubt.
    pub(super) async fn run(
        mut self,
        mut acknowledged: UnboundedReceiver<Vec<Passed>>,
    ) -> Result<(), StepError> {
        let mut requests = Vec::new();
        while acknowledged.recv_many(&mut requests, usize::MAX).await > 0 {
            self.record(&requests.concat()).await?;
            requests.clear();
        }
        Ok(())
    }

    async fn record(&mut self, passed: &[Passed]) -> Result<(), StepError> {
        let acknowledged = passed.iter().filter_map(|passed| {
            let parcel = self.parcels.get(passed.index)?;
            Some(Acknowledged {
                id: parcel.item.id.clone(),
                digest: parcel.item.digest.0,
                may_still_land: passed.earlier == Fate::MayStillLand,
            })
        });
        let acknowledged = acknowledged.collect();
        self.core
            .journal
            .acknowledge(self.in_flight, acknowledged)
            .await?;
        let mut settled = Vec::with_capacity(passed.len());
        for passed in passed {
            if let Some(changes) = self.changes.get_mut(passed.index) {
                settled.append(changes);
            }
        }
        self.deletions.begin(settled).await;
        Ok(())
    }
}
