//! Stores a catalog's position in the journal, once that is open.

use std::sync::OnceLock;

use async_trait::async_trait;
use shopmaster_journal::Journal;
use shopmaster_product::position::{Position, PositionError, Positions};

/// Positions in a journal. Before it is open, there is no position, and none is stored.
#[derive(Debug, Default)]
pub(super) struct InJournal(OnceLock<Journal>);

impl InJournal {
    /// Stores positions in this journal from now on.
    pub(super) fn open(&self, journal: Journal) {
        // A journal is opened once for each catalog.
        drop(self.0.set(journal));
    }
}

#[async_trait]
impl Positions for InJournal {
    async fn load(&self) -> Result<Option<Position>, PositionError> {
        match self.0.get() {
            Some(journal) => Ok(journal.position().await?),
            None => Ok(None),
        }
    }

    async fn store(&self, position: &Position) -> Result<(), PositionError> {
        match self.0.get() {
            Some(journal) => Ok(journal.keep_position(position.clone()).await?),
            None => Ok(()),
        }
    }
}
