//! What a change of the configuration means for the products that were sent before.

use std::{sync::Arc, time::Duration};

use shopmaster_engine::CatalogEffect;

use super::{Supervisor, build::account, catalog, claimant::claimant, positions::InJournal};
use crate::config::{Config, Edit};

/// How long the comparison may take. It reads the whole table once: about 20,000 rows a second on a slow computer.
const COMPARISON_TIMEOUT: Duration = Duration::from_secs(60);

impl Supervisor {
    /// What these edits would mean for the products that were sent before: another catalog at the same account. None when
    /// the catalog or the account stays the same, or another one, when nothing was sent yet, and when the database does
    /// not answer in time.
    pub async fn effect(&self, edits: &[Edit]) -> Option<CatalogEffect> {
        let (before, overridden) = self.config();
        let free = |edit: &&Edit| !overridden.contains(&edit.path);
        let edits: Vec<_> = edits.iter().filter(free).cloned().collect();
        let mut after = before.clone();
        after.edit(&edits).ok()?;
        if !after.missing().is_empty() || account(&after) != account(&before) {
            return None;
        }
        tokio::time::timeout(COMPARISON_TIMEOUT, self.compare(&after))
            .await
            .ok()
            .flatten()
    }

    async fn compare(&self, after: &Config) -> Option<CatalogEffect> {
        let engine = self.engine().await?;
        let secrets = self.secrets(after).ok()?;
        let data = self.paths.journal.parent().unwrap_or(&self.paths.journal);
        let positions = Arc::new(InJournal::default());
        let catalog = catalog::of(&after.catalog, &secrets, claimant(data), positions)
            .await
            .ok()?;
        let counts = engine.journal().counts().await.ok()?;
        if catalog.identity() == engine.catalog().identity() || counts.in_shop() == 0 {
            return None;
        }
        match engine.preview(catalog.as_ref()).await {
            Ok(effect) => Some(effect),
            Err(error) => {
                tracing::info!(%error, "the new product table could not be compared with what was sent before");
                None
            }
        }
    }
}
