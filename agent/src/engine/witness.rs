//! Proof that Digible takes anything at all: a product that it acknowledged before is sent once more.

use std::collections::HashSet;

use super::{
    core::Core,
    evidence::Evidence,
    halt::{Halt, StepError},
    live::Live,
};
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
    /// No answer that says anything about products.
    Unclear(Halt),
}

/// Sends a product that was acknowledged before and is not `aboard`, as a step of its own inside
/// the turn that is going.
pub(super) async fn ask(
    core: &Core,
    live: &Live,
    evidence: &Evidence,
    aboard: &HashSet<&ProductId>,
) -> Result<Testimony, StepError> {
    let Some(item) = find(core, aboard).await? else {
        return Ok(Testimony::Absent);
    };
    let id = item.id.clone();
    evidence.calls(id.clone());
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
        Answer::Refused { reason }
        | Answer::Partly { reason, .. }
        | Answer::TooLarge { reason }
        | Answer::Missing { reason } => {
            settlement.untouched.push((id, Doubt::None));
            Testimony::Refused(reason)
        }
        Answer::Broken { reason, fate } => {
            note(&mut settlement, id, fate);
            Testimony::Unclear(Halt::Unreachable(reason))
        }
        Answer::Misconfigured { reason } => {
            settlement.untouched.push((id, Doubt::None));
            Testimony::Unclear(Halt::Misconfigured(reason))
        }
        Answer::LoggedOut { reason } => {
            settlement.untouched.push((id, Doubt::None));
            Testimony::Unclear(Halt::LoggedOut(reason))
        }
        Answer::Retry { reason, wait, fate } => {
            note(&mut settlement, id, fate);
            Testimony::Unclear(match wait {
                Some(wait) => Halt::Hold { wait, reason },
                None => Halt::Unreachable(reason),
            })
        }
    };
    core.journal.settle(settlement).await?;
    Ok(testimony)
}

/// A product that still is as Digible acknowledged it, or else one that it acknowledged at all.
async fn find(core: &Core, aboard: &HashSet<&ProductId>) -> Result<Option<Item>, StepError> {
    let mut others: Vec<_> = aboard.iter().map(|id| (*id).clone()).collect();
    let mut second_best = None;
    for _ in 0..MOST_LOOKS {
        let Some(id) = core.journal.any_settled(others.clone()).await? else {
            break;
        };
        others.push(id.clone());
        let Some(Lookup::Found(row)) = core.catalog.read(std::slice::from_ref(&id)).await?.pop()
        else {
            continue;
        };
        let Ok(item) = Item::new(&row) else {
            continue;
        };
        if item.id != id {
            continue;
        }
        let known = core
            .journal
            .known(vec![id])
            .await?
            .pop()
            .unwrap_or_default();
        if known.published == Some(item.digest.0) {
            return Ok(Some(item));
        }
        second_best = second_best.or(Some(item));
    }
    Ok(second_best)
}

fn note(settlement: &mut Settlement, id: ProductId, fate: Fate) {
    match fate {
        Fate::NotApplied => settlement.untouched.push((id, Doubt::None)),
        Fate::MayStillLand => settlement.lost.push(id),
        Fate::Unknown => {}
    }
}
