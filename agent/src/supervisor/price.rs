//! Checks the price column when it is configured.

use std::{sync::Arc, time::Duration};

use shopmaster_catalog::{CatalogError, Check, Verdict};

use super::{Supervisor, catalog, claimant::claimant, positions::InJournal};

/// How long the check may take, so that `configure` does not wait for a database that is unavailable.
const CHECK_TIMEOUT: Duration = Duration::from_secs(3);

impl Supervisor {
    /// A warning about the price column; none when the column is fine, or when the shop's database does not answer in
    /// time: that is an issue of its own.
    ///
    /// It needs no engine, because there is none before everything is configured.
    pub async fn price_warning(&self) -> Option<Check> {
        let judged = tokio::time::timeout(CHECK_TIMEOUT, self.judge_price()).await;
        judged
            .ok()
            .flatten()
            .filter(|check| check.verdict != Verdict::Ok)
    }

    async fn judge_price(&self) -> Option<Check> {
        let config = self.config().0;
        let is_of_catalog = |key: &&str| key.starts_with("catalog.");
        if config.missing().iter().any(is_of_catalog) {
            return None;
        }
        let secrets = self.secrets(&config).ok()?;
        let data = self.paths.journal.parent().unwrap_or(&self.paths.journal);
        let catalog = catalog::of(
            &config.catalog,
            &secrets,
            claimant(data),
            Arc::new(InJournal::default()),
        )
        .await
        .ok()?;
        match catalog.inspect_price().await {
            Ok(check) => Some(check),
            Err(error @ CatalogError::UnfitPrice { .. }) => {
                Some(Check::failed("catalog.price_type", &error))
            }
            Err(_) => None,
        }
    }
}
