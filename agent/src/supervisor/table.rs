//! Checks the product table when it is configured: its price column, and whether its rows can be read and captured.

use std::{sync::Arc, time::Duration};

use shopmaster_catalog::{CatalogError, Check, Verdict};

use super::{Supervisor, catalog, claimant::claimant, positions::InJournal};

/// How long the check may take, so that `configure` does not wait for a database that is unavailable.
const CHECK_TIMEOUT: Duration = Duration::from_secs(3);

/// The check that a wrong setting fails; none for a database that cannot be used at all.
fn unfit(error: &CatalogError) -> Option<Check> {
    let name = match error {
        CatalogError::UnfitPrice { .. } => "catalog.price_type",
        CatalogError::UnfitCondition { .. } => "catalog.only",
        CatalogError::UnfitWatch { .. } => "catalog.watch",
        CatalogError::UnfitKey { .. } => "catalog.key",
        CatalogError::NoColumn { .. } => "catalog.columns",
        CatalogError::NoTable(_)
        | CatalogError::NoVisibleTable(_)
        | CatalogError::UnfitTable { .. } => "catalog.table",
        _ => return None,
    };
    Some(Check::failed(name, error))
}

impl Supervisor {
    /// A warning about the price column, or why no row can be read; none when both are fine, or when the shop's database
    /// does not answer in time: that is an issue of its own.
    ///
    /// It needs no engine, because there is none before everything is configured.
    pub async fn table_warning(&self) -> Option<Check> {
        let judged = tokio::time::timeout(CHECK_TIMEOUT, self.judge_table()).await;
        judged
            .ok()
            .flatten()
            .filter(|check| check.verdict != Verdict::Ok)
    }

    async fn judge_table(&self) -> Option<Check> {
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
        let check = match catalog.inspect_price().await {
            Ok(check) => check,
            Err(error) => return unfit(&error),
        };
        let read = match catalog.scan(None, 1).await {
            // Watched tables are only looked at here.
            Ok(_) => catalog.capture().await.map(drop),
            Err(error) => Err(error),
        };
        match read {
            Ok(()) => Some(check),
            Err(error) => unfit(&error).or(Some(check)),
        }
    }
}
