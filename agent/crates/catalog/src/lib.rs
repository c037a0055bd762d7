//! The shop's product table behind one trait, and the change capture in its database.
//!
//! The crates `catalog-sqlserver` and `catalog-sqlite` implement the trait. All SQL is in them.

use async_trait::async_trait;
use shopmaster_product::{Price, ProductId, Row};

mod capture;
mod change;
mod check;
mod closed;
pub mod column_names;
mod condition;
#[cfg(feature = "conformance")]
pub mod conformance;
mod connect_failure;
pub mod decimal;
mod error;
pub mod finding;
pub mod flags;
mod key_columns;
mod mapping;
pub mod price_column;
mod price_text;
mod rows;
mod suggestion;
pub mod template;
mod view_keys;
mod watch;
pub mod watched;

pub use capture::{Adoption, CapturePlan, CaptureStatus, Drift, InstallOptions, Owner};
pub use change::{Backlog, Change, ChangeIdentity, ChangeKind};
pub use check::{Check, Verdict};
pub use closed::Closed;
pub use condition::{Condition, Scalar, Test};
pub use connect_failure::{ConnectFailure, Passing};
pub use error::{BREAKS_PROGRAM, CatalogError};
pub use key_columns::{KeyColumns, SEPARATOR};
pub use mapping::Mapping;
pub use price_text::{NoPriceText, PriceText};
pub use rows::{Columns, Lookup, Scanned};
pub use suggestion::Suggestion;
pub use view_keys::ViewKeys;
pub use watch::{Via, Watch};

/// The result of a call to a catalog.
pub type Result<T> = std::result::Result<T, CatalogError>;

/// The shop's product table.
///
/// The database compares keys, the callers do not: a key taken from a change may be spelled differently from
/// the row that it finds.
#[async_trait]
pub trait Catalog: Send + Sync {
    /// `sqlserver` or `sqlite`.
    fn kind(&self) -> &'static str;

    /// The database, table and columns, and whatever else decides what is sent of a row, as one string: when
    /// this string changes, no published product counts as confirmed any more.
    fn identity(&self) -> String;

    /// The database, table and key, as one string: what the ChangeLog is about. While it stays the same, a change that was
    /// dealt with stays so, whatever else is configured.
    fn captured(&self) -> String;

    /// Makes this agent the only one that serves this table, or checks that it still is.
    ///
    /// # Errors
    ///
    /// [`CatalogError::Claimed`] when another agent serves it.
    async fn claim(&self) -> Result<()>;

    /// Whether a database that was unavailable can be reached again. This check is cheap enough to be made
    /// every few seconds. It does not log in, because failed logins lock accounts.
    async fn answers(&self) -> bool;

    /// The preflight: whether the table can be served and captured. Changes nothing.
    async fn inspect(&self) -> Result<Vec<Check>>;

    /// The same without asking whether another agent serves the table, for a catalog that is only being chosen.
    async fn inspect_table(&self) -> Result<Vec<Check>>;

    /// The preflight's verdict on the price column alone, for when the column is being chosen. Changes nothing.
    ///
    /// # Errors
    ///
    /// [`CatalogError::UnfitPrice`] when the column holds no prices.
    async fn inspect_price(&self) -> Result<Check>;

    /// What the database suggests to configure. Changes nothing.
    async fn suggestions(&self) -> Result<Vec<Suggestion>> {
        Ok(Vec::new())
    }

    /// Whether several rows may have the same key although the table is captured, because it is a view. A view that is
    /// only scanned says so by [`CaptureStatus::ScanOnly`].
    fn may_repeat_keys(&self) -> bool {
        false
    }

    /// Which rows are sold, for people: see [`Mapping::conditions`].
    fn conditions(&self) -> Option<String> {
        None
    }

    /// Whether rows may be left out: see [`Mapping::leaves_rows_out`].
    fn leaves_rows_out(&self) -> bool {
        false
    }

    /// The exact SQL that [`install`](Self::install) and [`remove`](Self::remove) run.
    async fn plan(&self) -> Result<CapturePlan>;

    /// Installs capture and tests that it works. False when capture was already installed as planned.
    async fn install(&self) -> Result<bool> {
        self.install_with(InstallOptions::default()).await
    }

    /// As [`install`](Self::install), but carries on despite what `agreed` allows.
    async fn install_with(&self, agreed: InstallOptions) -> Result<bool>;

    /// Removes capture. False when nothing of shopMaster's was installed.
    async fn remove(&self) -> Result<bool>;

    /// Whether capture is still as it was installed.
    async fn capture(&self) -> Result<CaptureStatus>;

    /// What remains of the old program in the database, and what adopting would do about it, one line each.
    /// Changes nothing.
    ///
    /// # Errors
    ///
    /// [`CatalogError::NotApplicable`] for a kind of database that the old program never used.
    async fn adoption(&self) -> Result<Adoption> {
        Err(CatalogError::NotApplicable(
            "the old program never kept products in this kind of database",
        ))
    }

    /// Takes over an installation of the old program. After a failure at any point it can be called again and
    /// resumes where it stopped.
    ///
    /// # Errors
    ///
    /// As [`adoption`](Self::adoption).
    async fn adopt(&self) -> Result<Adoption> {
        self.adopt_with(InstallOptions::default()).await
    }

    /// As [`adopt`](Self::adopt), but carries on despite what `agreed` allows.
    ///
    /// # Errors
    ///
    /// As [`adopt`](Self::adopt).
    async fn adopt_with(&self, _agreed: InstallOptions) -> Result<Adoption> {
        self.adoption().await
    }

    /// Which agent served this table last; none when no agent has, or when capture is not installed.
    async fn owner(&self) -> Result<Option<Owner>>;

    /// Records which agent serves this table. Does nothing when capture is not installed.
    async fn set_owner(&self, owner: &Owner) -> Result<()>;

    /// Whether the owner's generation is renewed from time to time, so that a restored database can be
    /// recognized.
    fn owner_is_renewed(&self) -> bool {
        true
    }

    /// Whether the database is known to have been restored from a copy that is older than what was
    /// acknowledged.
    async fn was_restored(&self) -> Result<bool> {
        Ok(false)
    }

    /// Identifies the table's current storage: when it changes, rows may have changed without capture recording
    /// it. None where the database has no such identity.
    async fn table_identity(&self) -> Result<Option<String>> {
        Ok(None)
    }

    /// How many rows the product table has, by a count that the database maintains: reading it reads no row,
    /// and rows that are not committed yet may be included. None where the database maintains no such count.
    async fn kept_count(&self) -> Result<Option<u64>> {
        Ok(None)
    }

    /// Writes what has to be written to the shop's database now and then, at a time when no other program
    /// writes. It may be called often.
    async fn tidy(&self) -> Result<()> {
        Ok(())
    }

    /// The id of the newest waiting change. Cheap: called every two seconds.
    async fn newest_change(&self) -> Result<Option<i64>>;

    /// How many changes are waiting, and for how long.
    async fn backlog(&self) -> Result<Backlog>;

    /// Changes in the order of their identities, after `after`, at most `limit`.
    async fn pending(&self, after: Option<&ChangeIdentity>, limit: usize) -> Result<Vec<Change>>;

    /// All changes of these keys, as the database compares them, oldest first.
    async fn changes_of(&self, keys: &[ProductId]) -> Result<Vec<Change>>;

    /// The rows of these keys as they are now: one answer per key, in the same order.
    async fn read(&self, keys: &[ProductId]) -> Result<Vec<Lookup>>;

    /// The price of a row as its column has it, before it is rounded to the digits that the shop asks for. None without
    /// a row, without a price, and when the shop asks for no digits.
    async fn unrounded_price(&self, _key: &ProductId) -> Result<Option<Price>> {
        Ok(None)
    }

    /// Marks exactly these changes as dealt with, so that none of them is returned again. Returns how many of
    /// them were waiting.
    async fn acknowledge(&self, changes: &[ChangeIdentity]) -> Result<u64>;

    /// Rows in the order of their keys, after `after`, at most `limit`.
    ///
    /// # Errors
    ///
    /// [`CatalogError::Busy`] when another program has locked one of them.
    async fn scan(&self, after: Option<&ProductId>, limit: usize) -> Result<Vec<Row>>;

    /// As [`scan`](Self::scan), but continues past locked rows: for those it returns only the keys.
    ///
    /// # Errors
    ///
    /// [`CatalogError::Busy`] when another program has locked more than some rows.
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
