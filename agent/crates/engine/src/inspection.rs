//! What a verify finds while it walks the table and sends nothing.

use std::collections::HashSet;

use shopmaster_product::ProductId;

use super::{core::Core, seen_set::SeenSet, stop_reason::StepError};

/// Up to this many products may differ without a question, whatever their share of a small shop.
const ALWAYS_SENT: u64 = 5;
/// At least this many products are remembered, however small the shop is.
const MIN_REMEMBERED: usize = 1_000;

/// What a walk has found that sends nothing.
#[derive(Debug, Default)]
pub(super) struct Inspection {
    /// Which products the table has.
    pub(super) seen: SeenSet,
    /// The first products that differ, at most `most`.
    pub(super) differing: Vec<ProductId>,
    /// How many products differ.
    pub(super) count: u64,
    /// How many are remembered; none when they are put in doubt as they are found.
    most: Option<usize>,
    /// Changes are captured, so a waiting change explains why a product differs.
    is_captured: bool,
    /// The part of the shop, in percent, that may differ without a question.
    limit: u64,
    /// An earlier verify has asked, and the user has not answered.
    has_question: bool,
}

impl Inspection {
    /// For a shop of about so many `products`. If more than `limit` percent of them differ, the verify asks.
    pub(super) fn new(
        products: u64,
        is_captured: bool,
        limit: u64,
        is_confirmed: bool,
        has_question: bool,
    ) -> Self {
        // The number is rough and the walk gives the exact one, so twice the limit is remembered.
        let most = usize::try_from(products * limit / 50)
            .unwrap_or(usize::MAX)
            .max(MIN_REMEMBERED);
        let asks = !is_confirmed && limit < 100;
        Self {
            seen: SeenSet::default(),
            differing: Vec::new(),
            count: 0,
            most: asks.then_some(most),
            is_captured,
            limit,
            has_question,
        }
    }

    /// Whether what differs is put in doubt as it is found, because there will be no question.
    pub(super) fn queues_at_once(&self) -> bool {
        self.most.is_none()
    }

    /// Notes the products of a page, and which of them differ.
    pub(super) fn add<'a>(
        &mut self,
        ids: impl IntoIterator<Item = &'a ProductId>,
        differing: Vec<ProductId>,
    ) {
        self.seen.add(ids);
        self.count += differing.len() as u64;
        let room = self
            .most
            .map_or(0, |most| most.saturating_sub(self.differing.len()));
        self.differing.extend(differing.into_iter().take(room));
    }

    /// The products for which no change waits, and the number of the others, which a sync will send.
    pub(super) async fn without_changes(
        &self,
        core: &Core,
        differing: Vec<ProductId>,
    ) -> Result<(Vec<ProductId>, u64), StepError> {
        if !self.is_captured || differing.is_empty() {
            return Ok((differing, 0));
        }
        // The database may ignore case when it compares keys, so case is ignored here, too.
        let folded = |id: &ProductId| id.to_string().to_lowercase();
        let changes = core.catalog.changes_of(&differing).await?;
        let changed: HashSet<_> = changes.iter().map(|it| folded(&it.identity.key)).collect();
        let all = differing.len();
        let without_change: Vec<_> = differing
            .into_iter()
            .filter(|id| !changed.contains(&folded(id)))
            .collect();
        let waiting = (all - without_change.len()) as u64;
        Ok((without_change, waiting))
    }

    /// Whether more products differ than are sent without a question.
    pub(super) fn is_doubtful(&self) -> bool {
        // A question stays open until it is answered, even if syncs send what differs one by one.
        let limit = match self.has_question {
            true => 0,
            false => (self.seen.count() * self.limit / 100).max(ALWAYS_SENT),
        };
        self.most.is_some() && (self.count > limit || self.count > self.differing.len() as u64)
    }
}
