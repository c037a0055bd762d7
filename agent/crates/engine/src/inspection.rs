//! What a verify has found while it walks the table and sends nothing.

use std::collections::HashSet;

use shopmaster_product::ProductId;

use super::{core::Core, seen_set::SeenSet, stop_reason::StepError};

/// So many may differ in a small shop before somebody is asked, whatever their share.
const ALWAYS_SENT: u64 = 5;
/// So many are remembered of a small shop.
const MIN_REMEMBERED: usize = 1_000;

/// What walking the table without sending has found.
#[derive(Debug, Default)]
pub(super) struct Inspection {
    pub(super) seen: SeenSet,
    /// The first of those that differ, at most `most`.
    pub(super) differing: Vec<ProductId>,
    /// How many differ.
    pub(super) count: u64,
    /// So many are remembered; none when they are put in doubt as they are found.
    most: Option<usize>,
    /// Changes are captured, so that one that waits explains what differs.
    is_captured: bool,
    /// In percent.
    limit: u64,
    /// An earlier verify has asked, and nobody has answered.
    has_question: bool,
}

impl Inspection {
    /// Of a shop of about so many products. More of them than `limit`, in percent, are asked about.
    pub(super) fn new(
        products: u64,
        is_captured: bool,
        limit: u64,
        is_confirmed: bool,
        has_question: bool,
    ) -> Self {
        // The number of products is known roughly, and it is the walk that tells it in the end.
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

    /// Whether what differs is put in doubt as it is found: then nobody has to be asked.
    pub(super) fn queues_at_once(&self) -> bool {
        self.most.is_none()
    }

    /// Notes a page, and those of it that differ.
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

    /// Those of which no change waits, and how many the others are: a sync sends them.
    pub(super) async fn without_changes(
        &self,
        core: &Core,
        differing: Vec<ProductId>,
    ) -> Result<(Vec<ProductId>, u64), StepError> {
        if !self.is_captured || differing.is_empty() {
            return Ok((differing, 0));
        }
        // The database compares keys otherwise than we do: case at most is what tells two spellings apart.
        let folded = |id: &ProductId| id.to_string().to_lowercase();
        let changes = core.catalog.changes_of(&differing).await?;
        let told: HashSet<_> = changes.iter().map(|it| folded(&it.identity.key)).collect();
        let all = differing.len();
        let untold: Vec<_> = differing
            .into_iter()
            .filter(|id| !told.contains(&folded(id)))
            .collect();
        let waiting = (all - untold.len()) as u64;
        Ok((untold, waiting))
    }

    /// Whether more differ than are sent without a question.
    pub(super) fn is_doubtful(&self) -> bool {
        // A question stays one, however much of it is sent by and by.
        let few = match self.has_question {
            true => 0,
            false => (self.seen.count() * self.limit / 100).max(ALWAYS_SENT),
        };
        self.most.is_some() && (self.count > few || self.count > self.differing.len() as u64)
    }
}
