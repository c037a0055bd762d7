//! Records what Digible acknowledged while the step's other requests are under way, and only then
//! gives the changes behind it to be deleted.

use tokio::sync::mpsc::UnboundedReceiver;

use super::{core::Core, courier::Parcel, deletions::Deletions, halt::StepError};
use crate::{
    catalog::ChangeIdentity,
    journal::{Acknowledged, Settlement},
};

/// Records the acknowledgements of one step.
pub(super) struct Recorder<'a> {
    pub(super) core: &'a Core,
    pub(super) parcels: &'a [Parcel],
    /// Of each parcel; taken from those that are recorded.
    pub(super) changes: &'a mut [Vec<ChangeIdentity>],
    /// With the times of the step.
    pub(super) blank: Settlement,
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
        mut acknowledged: UnboundedReceiver<Vec<usize>>,
    ) -> Result<(), StepError> {
        let mut requests = Vec::new();
        while acknowledged.recv_many(&mut requests, usize::MAX).await > 0 {
            self.record(&requests.concat()).await?;
            requests.clear();
        }
        Ok(())
    }

    async fn record(&mut self, indices: &[usize]) -> Result<(), StepError> {
        let parcels = indices.iter().filter_map(|index| self.parcels.get(*index));
        let settlement = Settlement {
            acknowledged: parcels
                .map(|parcel| Acknowledged {
                    id: parcel.item.id.clone(),
                    digest: parcel.item.digest.0,
                })
                .collect(),
            ..self.blank.clone()
        };
        self.core.journal.settle(settlement).await?;
        let mut settled = Vec::with_capacity(indices.len());
        for index in indices {
            if let Some(changes) = self.changes.get_mut(*index) {
                settled.append(changes);
            }
        }
        self.deletions.begin(settled).await;
        Ok(())
    }
}
