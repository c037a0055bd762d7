//! Proof that Digible takes anything at all: a product that it acknowledged before is sent once more.

use std::collections::HashSet;

use super::{core::Core, halt::StepError, run::Live};
use crate::{
    catalog::Lookup,
    digible::{Answer, Fate, Item},
    journal::{Acknowledged, Doubt, Settlement},
    product::ProductId,
};

/// So many products are looked at before there counts as none that could be asked.
const MOST_LOOKS: usize = 100;

/// What the witness says.
pub(super) enum Testimony {
    /// Digible takes it.
    Passes,
    /// Digible refuses it too, although it took it before.
    Refused(String),
    /// Nothing was acknowledged before that could be asked.
    Absent,
    /// No answer that says anything.
    Unclear(String),
}

/// Sends a product that was acknowledged before and is not `aboard`, as a step of its own inside
/// the turn that is going.
pub(super) async fn ask(
    core: &Core,
    live: &Live,
    aboard: &HashSet<&ProductId>,
) -> Result<Testimony, StepError> {
    let Some(item) = find(core, aboard).await? else {
        return Ok(Testimony::Absent);
    };
    let id = item.id.clone();
    let mut settlement = core.settlement();
    core.journal.hand_over(vec![id.clone()]).await?;
    live.update(|run| run.requests += 1);
    let testimony = match core.cloud.send_batch(&[&item]).await {
        Answer::Acknowledged => {
            settlement.acknowledged.push(Acknowledged {
                id,
                digest: item.digest.0,
            });
            Testimony::Passes
        }
        Answer::Refused { reason } | Answer::TooLarge { reason } | Answer::Missing { reason } => {
            settlement.untouched.push((id, Doubt::None));
            Testimony::Refused(reason)
        }
        Answer::Broken { reason } => Testimony::Unclear(reason),
        Answer::Misconfigured { reason } | Answer::LoggedOut { reason } => {
            settlement.untouched.push((id, Doubt::None));
            Testimony::Unclear(reason)
        }
        Answer::Retry { reason, fate, .. } => {
            note(&mut settlement, id, fate);
            Testimony::Unclear(reason)
        }
    };
    core.journal.settle(settlement).await?;
    Ok(testimony)
}

/// One that can be sent as it is now. The first ones found may be gone from the shop meanwhile.
async fn find(core: &Core, aboard: &HashSet<&ProductId>) -> Result<Option<Item>, StepError> {
    let mut others: Vec<ProductId> = aboard.iter().map(|id| (*id).clone()).collect();
    for _ in 0..MOST_LOOKS {
        let Some(id) = core.journal.any_settled(others.clone()).await? else {
            return Ok(None);
        };
        let lookup = core.catalog.read(std::slice::from_ref(&id)).await?.pop();
        if let Some(Lookup::Found(row)) = lookup
            && row.id == id
            && let Ok(item) = Item::new(&row)
        {
            return Ok(Some(item));
        }
        others.push(id);
    }
    Ok(None)
}

fn note(settlement: &mut Settlement, id: ProductId, fate: Fate) {
    match fate {
        Fate::NotApplied => settlement.untouched.push((id, Doubt::None)),
        Fate::MayStillLand => settlement.lost.push(id),
        Fate::Unknown => {}
    }
}
