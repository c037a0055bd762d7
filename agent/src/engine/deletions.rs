//! Deletes the changes that are dealt with, while the next products are sent.

use std::sync::Arc;

use tokio::{sync::mpsc, task::JoinHandle};

use crate::catalog::{Catalog, CatalogError, ChangeIdentity};

/// So many lots of changes wait at most; a database that is slower than that slows the sending down.
const MOST_WAITING: usize = 16;

/// Deletes changes in the order in which they are given.
pub(super) struct Deletions {
    queue: mpsc::Sender<Vec<ChangeIdentity>>,
    task: JoinHandle<Result<(), CatalogError>>,
}

impl Deletions {
    pub(super) fn start(catalog: Arc<dyn Catalog>) -> Self {
        let (queue, waiting) = mpsc::channel(MOST_WAITING);
        Self {
            queue,
            task: tokio::spawn(delete(catalog, waiting)),
        }
    }

    /// Deletes these soon. What they stood for must be recorded in the journal.
    pub(super) async fn add(&self, changes: Vec<ChangeIdentity>) {
        if !changes.is_empty() {
            // Refused only after a failure, which `finish` tells; the changes are found again.
            let _ = self.queue.send(changes).await;
        }
    }

    /// Whether deleting has failed: nothing more is deleted.
    pub(super) fn has_failed(&self) -> bool {
        self.queue.is_closed()
    }

    /// Waits until all are deleted.
    ///
    /// # Errors
    ///
    /// When the database failed: the changes that are left are found again.
    pub(super) async fn finish(self) -> Result<(), CatalogError> {
        drop(self.queue);
        self.task.await.unwrap_or_else(|error| {
            Err(CatalogError::Statement {
                operation: "delete acknowledged changes",
                source: Box::new(error),
            })
        })
    }
}

async fn delete(
    catalog: Arc<dyn Catalog>,
    mut waiting: mpsc::Receiver<Vec<ChangeIdentity>>,
) -> Result<(), CatalogError> {
    let mut lots = Vec::new();
    while waiting.recv_many(&mut lots, MOST_WAITING).await > 0 {
        catalog.acknowledge(&lots.concat()).await?;
        lots.clear();
    }
    Ok(())
}
