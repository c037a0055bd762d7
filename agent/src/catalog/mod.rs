//! The shop's product table, seen through one trait, and the change capture in its database.
//!
//! Behind the trait: `sqlserver` and `sqlite`. SQL lives here and nowhere else.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use shopmaster_base::causes::with_causes;
use shopmaster_product::{ProductId, Row};

mod closed;
#[cfg(test)]
mod conformance;
mod connect_error;
mod decimal;
mod error;
mod finding;
mod price_column;
pub mod sqlite;
pub mod sqlserver;
mod template;

pub use closed::Closed;
pub use connect_error::ConnectError;
pub use error::CatalogError;

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

/// The shop's names for the columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Columns {
    /// The product's key.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its price.
    pub price: String,
}

/// One ChangeLog row: which key, what happened, when. It holds no product values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// What it is deleted by.
    pub identity: ChangeIdentity,
    /// What happened.
    pub kind: ChangeKind,
    /// When, by the database's clock.
    pub changed_at: Timestamp,
}

/// What names one ChangeLog row: the pair, because engines exist that give all rows of one statement
/// the same rowversion.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ChangeIdentity {
    /// `ChangeID`.
    pub change: i64,
    /// `ProductID` as the ChangeLog spells it.
    pub key: ProductId,
}

/// What happened to a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    /// It is new.
    Insert,
    /// It was changed.
    Update,
    /// It is gone.
    Delete,
}

/// What became of a key that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lookup {
    /// The row, with its own spelling of the key.
    Found(Row),
    /// A clean miss.
    Gone,
    /// Somebody holds it: still pending.
    Locked,
}

/// What a walk meets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scanned {
    /// A row.
    Row(Row),
    /// The key of a row that somebody holds; it may be that there is none in the end.
    Locked(ProductId),
}

impl Scanned {
    /// The key.
    #[must_use]
    pub fn id(&self) -> &ProductId {
        match self {
            Self::Row(row) => &row.id,
            Self::Locked(id) => id,
        }
    }
}

/// How much waits in the ChangeLog.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Backlog {
    /// Rows.
    pub changes: u64,
    /// Distinct keys in them.
    pub products: u64,
    /// When the oldest was made, by the database's clock.
    pub oldest_at: Option<Timestamp>,
    /// How long ago that was, by the same clock.
    pub oldest_age: Option<Duration>,
    /// How much of the disk the ChangeLog takes, where the engine tells.
    pub bytes: Option<u64>,
}

/// The exact text of what installing and removing run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CapturePlan {
    /// Installs.
    pub install: String,
    /// Removes.
    pub remove: String,
}

/// What somebody agreed to, who installs capture all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct InstallOptions {
    /// [`CatalogError::BreaksProgram`] is no reason not to.
    pub ignore_output: bool,
}

impl InstallOptions {
    /// Whether this refusal was agreed to.
    #[must_use]
    pub fn allow(self, refusal: &CatalogError) -> bool {
        self.ignore_output && matches!(refusal, CatalogError::BreaksProgram { .. })
    }

    /// Whether the failure of a check was.
    #[must_use]
    pub fn allow_check(self, check: &Check) -> bool {
        self.ignore_output && check.code == error::BREAKS_PROGRAM
    }
}

/// Whether capture is as it was installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CaptureStatus {
    /// Nothing of ours is there.
    NotInstalled,
    /// As planned.
    Installed,
    /// As an earlier version of shopMaster installed it. It works; installing again brings today's text, and
    /// keeps what waits. What is older, for people.
    Outdated(String),
    /// There, but different; what differs, a line each, for people.
    Drifted(Vec<String>),
    /// It cannot be captured, only scanned: a view. Why, for people.
    ScanOnly(String),
}

impl CaptureStatus {
    /// Whether every change is captured, by today's text or by an earlier one.
    #[must_use]
    pub fn works(&self) -> bool {
        matches!(self, Self::Installed | Self::Outdated(_))
    }

    /// Whether there is a ChangeLog of ours, whatever has become of the rest.
    #[must_use]
    pub fn is_there(&self) -> bool {
        self.works() || matches!(self, Self::Drifted(_))
    }
}

/// What of the old program was found in a database.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Adoption {
    /// What was recognised and what is, or was, done about it; and what only looks like it and is left
    /// alone. A line each, for people.
    pub steps: Vec<String>,
    /// Something is left to adopt.
    pub is_needed: bool,
}

/// Who served a table last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// The journal's id.
    pub journal: String,
    /// Grows from time to time: a restored database has an older one.
    pub generation: i64,
}

/// One check and its verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// Stable, for programs: `catalog.key`.
    pub name: &'static str,
    /// The verdict.
    pub verdict: Verdict,
    /// What was found, for people.
    pub text: String,
    /// What to do about it; empty when nothing is to be done.
    pub remedy: String,
    /// Why it failed, for programs; empty where it did not.
    pub code: &'static str,
    /// Of a server's certificate that is not trusted, as 64 hexadecimal digits; else empty.
    pub fingerprint: String,
}

impl Check {
    /// A check that did not fail, or that was not tried.
    #[must_use]
    pub fn new(name: &'static str, verdict: Verdict, text: String, remedy: String) -> Self {
        Self {
            name,
            verdict,
            text,
            remedy,
            code: "",
            fingerprint: String::new(),
        }
    }

    /// Whether enough is known of the table to claim it. Nothing of capture is needed for that.
    fn allow_claim(checks: &[Self]) -> bool {
        let is_good = |check: &Self| matches!(check.verdict, Verdict::Ok | Verdict::Warning);
        let mut columns = checks
            .iter()
            .filter(|check| check.name == "catalog.columns");
        columns.any(is_good)
    }

    /// Whether another agent serves the table: what came of claiming it. None when an earlier check failed, so
    /// that it was not tried.
    fn of_claim(claimed: Option<Result<()>>) -> Self {
        let name = "catalog.claim";
        match claimed {
            None => Self::skipped(name),
            Some(Ok(())) => {
                let text = "no other agent serves the table".to_owned();
                Self::new(name, Verdict::Ok, text, String::new())
            }
            Some(Err(error)) => Self::failed(name, &error),
        }
    }

    /// A check that was not tried, because an earlier one failed.
    #[must_use]
    pub fn skipped(name: &'static str) -> Self {
        let text = "not tried, because an earlier check failed".to_owned();
        Self::new(name, Verdict::Skipped, text, String::new())
    }

    /// A check that could not be made, or whose answer was no.
    #[must_use]
    pub fn failed(name: &'static str, error: &CatalogError) -> Self {
        let text = with_causes(error);
        let fingerprint = match error {
            CatalogError::Connect {
                cause: ConnectError::CertificateNotTrusted { fingerprint, .. },
                ..
            } => fingerprint.clone(),
            _ => String::new(),
        };
        Self {
            code: error.code(),
            fingerprint,
            ..Self::new(name, Verdict::Failed, text, error.remedy().into_owned())
        }
    }
}

/// A check's verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Good.
    Ok,
    /// Works, but a person should know.
    Warning,
    /// Does not work: capture is not installed over it.
    Failed,
    /// Not tried, because an earlier check failed.
    Skipped,
}
