//! A canary is a product that Digible acknowledged before, sent again to learn whether Digible accepts anything at all.
//! Messages call it a known-good product.

use std::collections::HashSet;

use shopmaster_catalog::Lookup;
use shopmaster_digible::{Answer, Item};
use shopmaster_journal::{Acknowledged, Landing, Settled};
use shopmaster_product::ProductId;

use super::{
    core::Core,
    dispatch::landing,
    endpoint_health::EndpointHealth,
    run_handle::RunHandle,
    stop_reason::{StepError, StopReason},
};

/// How many products are looked up before it counts as certain that none can serve as a canary.
const MAX_LOOKUPS: usize = 100;
/// How many canaries are tried until one is accepted. More than one, because a canary may be a product that Digible has
/// come to refuse.
const MAX_ATTEMPTS: usize = 3;

/// What canaries have shown.
pub(super) enum CanaryResult {
    /// Digible accepts the canary.
    Passes,
    /// Digible refuses the canary, although it acknowledged the product before.
    Refused(String),
    /// No product can serve as a canary.
    Absent,
    /// The answer says nothing about products.
    Unclear(StopReason),
    /// A failure that may be the canary's own fault: another canary may show more.
    Broken(StopReason),
}

/// Sends canaries until one is accepted. Products of the step itself, `step_ids`, are left out. The step lock must be
/// held.
pub(super) async fn send_any(
    core: &Core,
    handle: &RunHandle,
    endpoint_health: &EndpointHealth,
    step_ids: &HashSet<&ProductId>,
) -> Result<CanaryResult, StepError> {
    let mut result = CanaryResult::Absent;
    let mut asked: Vec<_> = step_ids.iter().map(|id| (*id).clone()).collect();
    for _ in 0..MAX_ATTEMPTS {
        let excluded = [asked.clone(), core.failed_canaries.now()].concat();
        let item = match find(core, &excluded).await? {
            Some(item) => Some(item),
            // A canary that failed before is better than none.
            None => find(core, &asked).await?,
        };
        let Some(item) = item else {
            break;
        };
        result = send(core, handle, endpoint_health, &item).await?;
        if !matches!(result, CanaryResult::Refused(_) | CanaryResult::Broken(_)) {
            break;
        }
        core.failed_canaries.note(&item.id);
        asked.push(item.id);
    }
    Ok(result)
}

/// Sends one product as a canary and records the outcome, as a step of its own. The step lock must be held. If Digible
/// accepts it, that counts as proof from now on.
pub(super) async fn send(
    core: &Core,
    handle: &RunHandle,
    endpoint_health: &EndpointHealth,
    item: &Item,
) -> Result<CanaryResult, StepError> {
    let id = item.id.clone();
    endpoint_health.note_canary(id.clone());
    let mut in_flight = core
        .journal
        .hand_over(Vec::new(), vec![id.clone()], None)
        .await?;
    handle.update(|run| run.requests += 1);
    let (result, landing) = match core.request(core.cloud.send_batch(&[item])).await {
        Answer::Acknowledged => {
            let acknowledged = Acknowledged {
                id,
                digest: item.digest.0,
                may_still_land: false,
            };
            core.journal
                .acknowledge(&mut in_flight, vec![acknowledged])
                .await?;
            core.journal.settle(in_flight, Vec::new(), None).await?;
            endpoint_health.batch_accepted();
            core.note_digible(true, None, None);
            return Ok(CanaryResult::Passes);
        }
        Answer::Refused { reason }
        | Answer::Partly { reason, .. }
        | Answer::TooLarge { reason }
        | Answer::Missing { reason } => (CanaryResult::Refused(reason), Landing::Nothing),
        Answer::Broken { reason, fate } => (
            CanaryResult::Broken(StopReason::Unreachable(reason)),
            landing(fate),
        ),
        Answer::Misconfigured { reason } => (
            CanaryResult::Unclear(StopReason::Misconfigured(reason)),
            Landing::Nothing,
        ),
        Answer::LoggedOut { reason } => (
            CanaryResult::Unclear(StopReason::LoggedOut(reason)),
            Landing::Nothing,
        ),
        Answer::Retry { reason, wait, fate } => {
            let stop_reason = match wait {
                Some(wait) => StopReason::Hold { wait, reason },
                None => StopReason::Unreachable(reason),
            };
            (CanaryResult::Unclear(stop_reason), landing(fate))
        }
    };
    let settled = Settled {
        id,
        landing,
        refused: None,
    };
    core.journal.settle(in_flight, vec![settled], None).await?;
    Ok(result)
}

/// A product that is still as Digible acknowledged it, or otherwise one that Digible acknowledged in another state.
async fn find(core: &Core, excluded: &[ProductId]) -> Result<Option<Item>, StepError> {
    let mut excluded = excluded.to_vec();
    let mut second_best = None;
    for _ in 0..MAX_LOOKUPS {
        let Some(id) = core.journal.any_settled(excluded.clone()).await? else {
            break;
        };
        excluded.push(id.clone());
        // A product that failed recently says nothing about others.
        if core.retry_queue.until(&id).is_some() {
            continue;
        }
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
        if known.published() == Some(item.digest.0) {
            return Ok(Some(item));
        }
        second_best = second_best.or(Some(item));
    }
    Ok(second_best)
}
