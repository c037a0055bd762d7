//! Deletes changes that are dealt with, while the next products are sent.

use std::{panic, sync::Arc};

use shopmaster_catalog::{Catalog, CatalogError, ChangeIdentity};
use tokio::task::JoinHandle;

/// Deletes one list of changes after the other. After a failure it deletes nothing more; the next walk finds what is
/// left.
pub(super) struct AckQueue {
    catalog: Arc<dyn Catalog>,
    deleting: Option<JoinHandle<Result<u64, CatalogError>>>,
    failure: Option<CatalogError>,
}

impl AckQueue {
    pub(super) fn new(catalog: Arc<dyn Catalog>) -> Self {
        Self {
            catalog,
            deleting: None,
            failure: None,
        }
    }

    /// Begins to delete these changes, once the previous ones are deleted. The journal must hold the outcome for their
    /// products.
    pub(super) async fn begin(&mut self, changes: Vec<ChangeIdentity>) {
        if changes.is_empty() {
            return;
        }
        self.wait().await;
        if self.failure.is_some() {
            return;
        }
        let catalog = Arc::clone(&self.catalog);
        let delete = async move { catalog.acknowledge(&changes).await };
        self.deleting = Some(tokio::spawn(delete));
    }

    /// Whether changes could not be deleted, as far as is known without waiting.
    pub(super) fn has_failed(&self) -> bool {
        self.failure.is_some()
    }

    /// Waits until all changes are deleted.
    ///
    /// # Errors
    ///
    /// When some could not be deleted.
    pub(super) async fn finish(&mut self) -> Result<(), CatalogError> {
        self.wait().await;
        self.failure.take().map_or(Ok(()), Err)
    }

    async fn wait(&mut self) {
        let Some(deleting) = self.deleting.take() else {
            return;
        };
        let ended = match deleting.await {
            Ok(ended) => ended,
            Err(error) => match error.try_into_panic() {
                // The run that these changes belong to must not continue.
                Ok(payload) => panic::resume_unwind(payload),
                Err(error) => Err(CatalogError::Statement {
                    operation: "delete acknowledged changes",
                    source: Box::new(error),
                }),
            },
        };
        self.failure = self.failure.take().or(ended.err());
    }
}
