//! What another product table, view, key or condition would mean for the products that were sent before: the new catalog
//! compared with the journal. Nothing is sent or recorded.

use shopmaster_catalog::{Catalog, Scanned};
use shopmaster_digible::Item;
use shopmaster_product::ProductId;

use super::{engine::Engine, refused_rows::RefusedRows, seen_set::SeenSet, stop_reason::StepError};

/// Rows read at once.
const PAGE: usize = 2_000;
/// Keys read from the journal at once.
const JOURNAL_PAGE: u32 = 10_000;
/// How many of the products that would stay at Digible are named.
const NAMED: usize = 20;

/// What another catalog would mean for the products that were sent before.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CatalogEffect {
    /// Products that Digible has as they are in the new catalog.
    pub equal: u64,
    /// Products that differ, and would be sent again.
    pub differing: u64,
    /// Products that were not sent before.
    pub new: u64,
    /// Products that were sent, are not in the new catalog, and would stay at Digible.
    pub gone: u64,
    /// The first of them.
    pub gone_ids: Vec<ProductId>,
    /// Products that would be refused, whether or not they were sent before.
    pub refused: u64,
    /// The first of them, and why each would be refused, for people.
    pub refused_examples: Vec<String>,
}

impl Engine {
    /// Compares another catalog with what was sent before.
    ///
    /// # Errors
    ///
    /// When the database or the journal cannot be read.
    pub async fn preview(&self, catalog: &dyn Catalog) -> Result<CatalogEffect, StepError> {
        let mut effect = CatalogEffect::default();
        let mut refused = RefusedRows::default();
        let mut seen = SeenSet::default();
        let mut after: Option<ProductId> = None;
        loop {
            let page = catalog.scan_past_locks(after.as_ref(), PAGE).await?;
            let is_end = page.len() < PAGE;
            after = page.last().map(|row| row.id().clone());
            self.compare(page, &mut effect, &mut refused, &mut seen)
                .await?;
            if is_end {
                break;
            }
        }
        seen.seal();
        self.find_gone(&mut effect, &seen).await?;
        effect.refused = refused.count;
        effect.refused_examples = refused.examples;
        Ok(effect)
    }

    async fn compare(
        &self,
        page: Vec<Scanned>,
        effect: &mut CatalogEffect,
        refused: &mut RefusedRows,
        seen: &mut SeenSet,
    ) -> Result<(), StepError> {
        let ids: Vec<_> = page.iter().map(|row| row.id().clone()).collect();
        seen.add(&ids);
        let known = self.core.journal.known(ids).await?;
        for (row, known) in page.into_iter().zip(known) {
            let digest = match row {
                Scanned::Row(row) => match Item::new(&row) {
                    Ok(item) => Some(item.digest.0),
                    Err(problem) => {
                        refused.add(&row.id, &problem);
                        continue;
                    }
                },
                // What it holds is unknown, but it is there.
                Scanned::Locked(_) => known.published(),
            };
            match (known.may_be_at_digible(), digest) {
                (true, digest) if digest.is_some() && digest == known.published() => {
                    effect.equal += 1;
                }
                (true, _) => effect.differing += 1,
                (false, Some(_)) => effect.new += 1,
                // Whether it can be sent is unknown.
                (false, None) => {}
            }
        }
        Ok(())
    }

    async fn find_gone(&self, effect: &mut CatalogEffect, seen: &SeenSet) -> Result<(), StepError> {
        let mut after = None;
        loop {
            let ids = self.core.journal.in_shop(after, JOURNAL_PAGE).await?;
            let Some(last) = ids.last().cloned() else {
                return Ok(());
            };
            let unseen: Vec<_> = ids.into_iter().filter(|id| !seen.has(id)).collect();
            let known = self.core.journal.known(unseen.clone()).await?;
            // What was only ever refused is not there.
            let is_sent = unseen.into_iter().zip(known);
            let is_sent = is_sent.filter(|(_, known)| known.may_be_at_digible());
            for (id, _) in is_sent {
                effect.gone += 1;
                if effect.gone_ids.len() < NAMED {
                    effect.gone_ids.push(id);
                }
            }
            after = Some(last);
        }
    }
}
