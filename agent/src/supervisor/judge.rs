//! What a change of the configuration would lead to, before it is made: whether the product table can be served, what
//! the change means for the products that were sent before, and whether it needs a new journal.

use std::{sync::Arc, time::Duration};

use secrecy::{ExposeSecret as _, SecretString};
use shopmaster_catalog::{Catalog, CatalogError, Check, Verdict};
use shopmaster_engine::{CatalogEffect, inspect_table};

use super::{Supervisor, build::account, catalog, claimant::claimant, positions::InJournal};
use shopmaster_secrets::SecretError;

use crate::config::{CaptureMode, Config, Edit};

/// How long the database may take to answer at all, so that `configure` does not wait for one that is unavailable.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);
/// How long the checks may take. Some of them read the whole table.
const INSPECTION_TIMEOUT: Duration = Duration::from_secs(20);
/// How long the comparison may take. It reads the whole table once: about 20,000 rows a second on a slow computer.
const COMPARISON_TIMEOUT: Duration = Duration::from_secs(60);

/// The checks whose warnings are about the settings. What the others warn of does not follow from a change of them.
const OF_SETTINGS: [&str; 3] = ["catalog.price_type", ONLY, PRODUCTS];
const ONLY: &str = "catalog.only";
const PRODUCTS: &str = "catalog.products";

/// What a change of the configuration would lead to.
#[derive(Debug, Default)]
pub struct Judged {
    /// The checks that fail, and the warnings about prices, conditions and products that would be refused. None when
    /// nothing about the catalog changes, and when the database does not answer in time: that is an issue of its own.
    pub warnings: Vec<Check>,
    /// What it would mean for the products that were sent before. None when the catalog or the account stays the same,
    /// when nothing was sent yet, and when the rows cannot be read.
    pub effect: Option<CatalogEffect>,
}

impl Judged {
    fn failed(name: &'static str, error: &CatalogError) -> Self {
        Self {
            warnings: vec![Check::failed(name, error)],
            effect: None,
        }
    }
}

impl Supervisor {
    /// What these edits would lead to. `password`: of the SQL login, if it changes as well.
    ///
    /// It needs no engine, because there is none before everything is configured.
    pub async fn judge(&self, edits: &[Edit], password: Option<&SecretString>) -> Judged {
        let (before, _) = self.config();
        let Some(after) = self.after(&before, edits) else {
            return Judged::default();
        };
        let is_of_catalog = |key: &&str| key.starts_with("catalog.");
        let is_incomplete = after.missing().iter().any(is_of_catalog);
        if is_incomplete || (after.catalog == before.catalog && password.is_none()) {
            return Judged::default();
        }
        let Ok(password) = self.password(&after, password).await else {
            return Judged::default();
        };
        let data = self.paths.journal.parent().unwrap_or(&self.paths.journal);
        let positions = Arc::new(InJournal::default());
        let catalog = catalog::of(&after.catalog, password, claimant(data), positions);
        let scan = after.catalog.capture == CaptureMode::Scan;
        let mut judged = inspect(catalog.as_ref(), scan).await;
        let is_unfit = |check: &Check| check.code == "KEY_UNFIT";
        let same_account = account(&after) == account(&before);
        if after.missing().is_empty() && same_account && !judged.warnings.iter().any(is_unfit) {
            judged.effect = tokio::time::timeout(COMPARISON_TIMEOUT, self.compare(catalog))
                .await
                .ok()
                .flatten();
        }
        if judged.effect.is_some() {
            // It counts all products that would be refused, not only the first ones.
            let is_counted =
                |check: &Check| check.name == PRODUCTS && check.verdict == Verdict::Warning;
            judged.warnings.retain(|check| !is_counted(check));
        }
        judged
    }

    /// The configuration with these edits, where the environment does not override them. None when they are not valid.
    pub(super) fn after(&self, before: &Config, edits: &[Edit]) -> Option<Config> {
        let overridden = self.config().1;
        let free = |edit: &&Edit| !overridden.contains(&edit.path);
        let edits: Vec<_> = edits.iter().filter(free).cloned().collect();
        let mut after = before.clone();
        after.edit(&edits).ok()?;
        Some(after)
    }

    async fn password(
        &self,
        config: &Config,
        new: Option<&SecretString>,
    ) -> Result<Option<SecretString>, SecretError> {
        match new {
            _ if !catalog::needs_password(&config.catalog) => Ok(None),
            // An empty one removes it.
            Some(new) => Ok(Some(new.clone()).filter(|it| !it.expose_secret().is_empty())),
            None => catalog::password(&config.catalog, &self.secrets(config)?).await,
        }
    }

    async fn compare(&self, catalog: Arc<dyn Catalog>) -> Option<CatalogEffect> {
        let engine = self.engine().await?;
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

/// The checks of a catalog that fail or warn.
async fn inspect(catalog: &dyn Catalog, scan: bool) -> Judged {
    let price = match tokio::time::timeout(ANSWER_TIMEOUT, catalog.inspect_price()).await {
        Err(_) => return Judged::default(),
        // Another program is at work.
        Ok(Err(CatalogError::Busy(_) | CatalogError::Deadlock(_))) => return Judged::default(),
        // A second attempt to log in could lock the account.
        Ok(Err(error)) if error.is_unreachable() => return Judged::failed("catalog.open", &error),
        Ok(price) => price.ok(),
    };
    let checks = tokio::time::timeout(INSPECTION_TIMEOUT, inspect_table(catalog, scan)).await;
    let mut warnings = match checks {
        Ok(Ok(checks)) => checks,
        Ok(Err(error)) => return Judged::failed("catalog.open", &error),
        // The table is too large to be looked at here; `test` does it.
        Err(_) => price.into_iter().collect(),
    };
    warnings.retain(|check| match check.verdict {
        Verdict::Failed => true,
        Verdict::Warning => OF_SETTINGS.contains(&check.name),
        Verdict::Ok | Verdict::Skipped => false,
    });
    if warnings.iter().any(|check| check.name == ONLY) {
        // That no row is sold is said already.
        warnings.retain(|check| check.name != PRODUCTS);
    }
    Judged {
        warnings,
        effect: None,
    }
}
