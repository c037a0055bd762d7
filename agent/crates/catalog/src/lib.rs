//! The shop's product table, seen through one trait, and the change capture in its database.
//!
//! Behind the trait: the crates `catalog-sqlserver` and `catalog-sqlite`. SQL lives there and nowhere else.

use async_trait::async_trait;
use shopmaster_product::{ProductId, Row};

mod capture;
mod change;
mod check;
mod closed;
#[cfg(feature = "conformance")]
pub mod conformance;
mod connect_failure;
pub mod decimal;
mod error;
pub mod finding;
pub mod price_column;
mod rows;
pub mod template;

pub use capture::{Adoption, CapturePlan, CaptureStatus, InstallOptions, Owner};
pub use change::{Backlog, Change, ChangeIdentity, ChangeKind};
pub use check::{Check, Verdict};
pub use closed::Closed;
pub use connect_failure::{ConnectFailure, Passing};
pub use error::{BREAKS_PROGRAM, CatalogError};
pub use rows::{Columns, Lookup, Scanned};

/// What every call may answer.
pub type Result<T> = std::result::Result<T, CatalogError>;

/// The shop's product table.
///
/// The database compares keys, the callers do not: a key taken from a change may be spelled
/// otherwise than the row that it finds.
#[async_trait]
pub trait Catalog: Send + Sync {
    /// `sqlserver` or `sqlite`.
    fn kind(&self) -> &'static str;

    /// The database, table and columns, and what else decides what of a row is sent, as one text: when it is
    /// another one, nothing that was published counts as confirmed.
    fn identity(&self) -> String;

    /// Makes this agent the only one of this table, or makes sure that it still is.
    ///
    /// # Errors
    ///
    /// [`CatalogError::Claimed`] when another agent is.
    async fn claim(&self) -> Result<()>;

    /// Whether a database that was away may be asked again: a look that is so cheap that it is made each few
    /// seconds. It logs in nowhere, because failed logins lock accounts.
    async fn answers(&self) -> bool;

    /// The preflight: whether the table can be served and captured. Read only.
    async fn inspect(&self) -> Result<Vec<Check>>;

    /// The preflight's word on the price column alone, for when it is chosen. Read only.
    ///
    /// # Errors
    ///
    /// [`CatalogError::UnfitPrice`] when it holds no prices.
    async fn inspect_price(&self) -> Result<Check>;

    /// The exact text that [`install`](Self::install) and [`remove`](Self::remove) run.
    async fn plan(&self) -> Result<CapturePlan>;

    /// Installs capture and proves that it works. False when it was already as planned.
    async fn install(&self) -> Result<bool> {
        self.install_with(InstallOptions::default()).await
    }

    /// The same, with what somebody agreed to.
    async fn install_with(&self, agreed: InstallOptions) -> Result<bool>;

    /// Removes capture. False when nothing of ours was there.
    async fn remove(&self) -> Result<bool>;

    /// Whether capture is as it was installed.
    async fn capture(&self) -> Result<CaptureStatus>;

    /// What of the old program is in the database, and what adopting would do about it, a line each.
    /// Read only.
    ///
    /// # Errors
    ///
    /// [`CatalogError::NotApplicable`] where the old program never ran.
    async fn adoption(&self) -> Result<Adoption> {
        Err(CatalogError::NotApplicable(
            "the old program never kept products in this kind of database",
        ))
    }

    /// Takes over an installation of the old program. It can be called again after a failure at any
    /// point: it goes on where it stopped.
    ///
    /// # Errors
    ///
    /// As [`adoption`](Self::adoption).
    async fn adopt(&self) -> Result<Adoption> {
        self.adopt_with(InstallOptions::default()).await
    }

    /// The same, with what somebody agreed to.
    ///
    /// # Errors
    ///
    /// As [`adopt`](Self::adopt).
    async fn adopt_with(&self, _agreed: InstallOptions) -> Result<Adoption> {
        self.adoption().await
    }

    /// Who served this table last; none when nobody did or capture is not installed.
    async fn owner(&self) -> Result<Option<Owner>>;

    /// Records who serves this table. Does nothing when capture is not installed.
    async fn set_owner(&self, owner: &Owner) -> Result<()>;

    /// Whether the owner's generation is renewed from time to time, so that a database that was restored shows.
    fn owner_is_renewed(&self) -> bool {
        true
    }

    /// Whether the database is known to be restored from a copy that is older than what was acknowledged.
    async fn was_restored(&self) -> Result<bool> {
        Ok(false)
    }

    /// What names the table's present body: another one means that rows may have changed without capture
    /// seeing it. None where nothing tells.
    async fn table_identity(&self) -> Result<Option<String>> {
        Ok(None)
    }

    /// How many rows the product table has, by a count that the database keeps: it is had without reading any row,
    /// and rows that nobody committed yet may be in it. None where it keeps none.
    async fn kept_count(&self) -> Result<Option<u64>> {
        Ok(None)
    }

    /// Does what has to be written into the shop's database now and then, when nobody else writes: it can be
    /// called often.
    async fn tidy(&self) -> Result<()> {
        Ok(())
    }

    /// The id of the newest change that waits. Cheap: asked every two seconds.
    async fn newest_change(&self) -> Result<Option<i64>>;

    /// How much waits.
    async fn backlog(&self) -> Result<Backlog>;

    /// Changes in the order of their identities, behind `after`, at most `limit`.
    async fn pending(&self, after: Option<&ChangeIdentity>, limit: usize) -> Result<Vec<Change>>;

    /// All changes of these keys, as the database compares them, oldest first.
    async fn changes_of(&self, keys: &[ProductId]) -> Result<Vec<Change>>;

    /// The rows of these keys as they are now: one answer for each key, in their order.
    async fn read(&self, keys: &[ProductId]) -> Result<Vec<Lookup>>;

    /// Exactly these changes are dealt with: none of them is given again. Gives how many were waiting.
    async fn acknowledge(&self, changes: &[ChangeIdentity]) -> Result<u64>;

    /// Rows in the order of their keys, behind `after`, at most `limit`.
    ///
    /// # Errors
    ///
    /// [`CatalogError::Busy`] when somebody holds one of them.
    async fn scan(&self, after: Option<&ProductId>, limit: usize) -> Result<Vec<Row>>;

    /// The same, past the rows that somebody holds: of those it has the keys.
    ///
    /// # Errors
    ///
    /// [`CatalogError::Busy`] when somebody holds more than some rows.
    async fn scan_past_locks(
        &self,
        after: Option<&ProductId>,
        limit: usize,
    ) -> Result<Vec<Scanned>> {
        let rows = self.scan(after, limit).await?;
        Ok(rows.into_iter().map(Scanned::Row).collect())
    }

    /// About how many rows the table has, for people.
    async fn count(&self) -> Result<u64>;
}
