//! The SQLite catalog, for shops whose till keeps its products in an SQLite file.
//!
//! The till has priority: reads are one page long, writes are short, and a file that the till keeps locked for
//! two seconds is [`CatalogError::Busy`].

use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use rusqlite::Connection;
use shopmaster_base::file_id::FileId;
use shopmaster_catalog::{
    Backlog, CapturePlan, CaptureStatus, Catalog, CatalogError, Change, ChangeIdentity, Check,
    InstallOptions, Lookup, Mapping, Owner, Result, Suggestion, watched::Watched,
};
use shopmaster_product::{
    Price, ProductId, Row,
    position::{Position, Positions},
};

use change_log::Kind;
use claim::Claim;
use error::QueryResult;
use memory::Memory;
use open::{Access, Database};
use records::WatchRecords;

mod affinity;
mod capture;
mod change_log;
mod claim;
mod concerned;
mod conditions;
mod declared;
mod error;
mod footprint;
mod key;
mod key_expression;
mod key_sql;
mod memory;
mod objects;
mod open;
mod owner;
mod preflight;
mod price;
mod proof;
mod quote;
mod reader;
mod records;
mod row_format;
mod row_key;
mod rows;
mod schema;
mod statements;
mod suggest;
mod target;
#[cfg(test)]
mod tests;
mod tidy;
mod triggers;
mod unlocked;
mod watch_check;
mod watches;

/// How long the till must not have written before the agent makes a short write of its own.
const QUIET_PERIOD: Duration = Duration::from_secs(30);

/// Where the products are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqliteOptions {
    /// The shop's database file. It is never created.
    pub path: PathBuf,
    /// The product table, one name without a schema, and how its rows become products.
    pub mapping: Mapping,
    /// Scan mode: nothing is written beside the shop's file, and nothing is installed in it.
    pub scan: bool,
}

/// The products of an SQLite file.
#[derive(Debug, Clone)]
pub struct SqliteCatalog {
    database: Arc<Database>,
    claim: Arc<Claim>,
    memory: Arc<Mutex<Memory>>,
    positions: Arc<dyn Positions>,
    /// None before it was loaded. The lock is held while the position changes.
    position: Arc<tokio::sync::Mutex<Option<Position>>>,
    /// Which changes of the watched tables are being dealt with.
    watched: Arc<Watched>,
    /// Whether a task is waiting to close the connections.
    closes: Arc<AtomicBool>,
}

impl SqliteCatalog {
    /// Does not open the file yet: every call opens what it needs. How far the ChangeLog has been dealt with is
    /// recorded in `positions`.
    #[must_use]
    pub fn new(options: SqliteOptions, positions: Arc<dyn Positions>) -> Self {
        Self {
            claim: Arc::new(Claim::new(options.scan)),
            database: Arc::new(Database::new(options)),
            memory: Arc::default(),
            positions,
            position: Arc::default(),
            watched: Arc::default(),
            closes: Arc::default(),
        }
    }

    async fn read_with<T: Send + 'static>(
        &self,
        operation: &'static str,
        work: impl FnOnce(&Connection, &Database) -> QueryResult<T> + Send + 'static,
    ) -> Result<T> {
        self.with(Access::Read, operation, work).await
    }

    async fn write_with<T: Send + 'static>(
        &self,
        operation: &'static str,
        work: impl FnOnce(&Connection, &Database) -> QueryResult<T> + Send + 'static,
    ) -> Result<T> {
        self.with(Access::Write, operation, work).await
    }

    async fn with<T: Send + 'static>(
        &self,
        access: Access,
        operation: &'static str,
        work: impl FnOnce(&Connection, &Database) -> QueryResult<T> + Send + 'static,
    ) -> Result<T> {
        let database = Arc::clone(&self.database);
        let done = blocking(operation, move || database.with(access, operation, work)).await;
        self.close_when_idle();
        done
    }

    /// Closes the connections once no call has used them for a while.
    fn close_when_idle(&self) {
        if self.closes.swap(true, Ordering::SeqCst) {
            return;
        }
        let (database, closes) = (Arc::clone(&self.database), Arc::clone(&self.closes));
        tokio::spawn(async move {
            let mut rest = open::IDLE_TIMEOUT;
            loop {
                tokio::time::sleep(rest).await;
                // From here on, the next call that uses them starts the next such task.
                closes.store(false, Ordering::SeqCst);
                let database = Arc::clone(&database);
                match shopmaster_base::blocking::run(move || database.close_idle())
                    .await
                    .flatten()
                {
                    Some(more) if !closes.swap(true, Ordering::SeqCst) => rest = more,
                    _ => break,
                }
            }
        });
    }

    /// How far the ChangeLog has been dealt with.
    async fn position(&self) -> Result<Position> {
        self.loaded(&mut *self.position.lock().await).await
    }

    /// Loads the position, unless it was loaded before; a new position is stored at once.
    async fn loaded(&self, position: &mut Option<Position>) -> Result<Position> {
        if let Some(position) = position {
            return Ok(position.clone());
        }
        let stored = self
            .positions
            .load()
            .await
            .map_err(CatalogError::Position)?;
        let loaded = match stored {
            Some(stored) => stored,
            None => {
                let begun = self
                    .read_with("read the newest change", |connection, _| {
                        change_log::begin(connection)
                    })
                    .await?;
                self.keep(&begun).await?;
                begun
            }
        };
        *position = Some(loaded.clone());
        Ok(loaded)
    }

    async fn keep(&self, position: &Position) -> Result<()> {
        self.positions
            .store(position)
            .await
            .map_err(CatalogError::Position)?;
        self.memory().forget();
        Ok(())
    }

    /// Reuses an earlier answer as long as no program has written to the file since.
    async fn unless_unchanged<T: Clone>(
        &self,
        remembered: impl Fn(&mut Memory) -> &mut Option<T>,
        ask: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let before = self.look_at_footprint().await;
        if before != footprint::Step::Settled {
            return ask.await;
        }
        let forgotten = {
            let mut memory = self.memory();
            if let Some(answer) = remembered(&mut memory) {
                return Ok(answer.clone());
            }
            memory.forgotten()
        };
        let answer = ask.await?;
        let after = self.look_at_footprint().await;
        let mut memory = self.memory();
        // The till did not write during the call, and no change was dealt with.
        if after == footprint::Step::Settled && memory.forgotten() == forgotten {
            *remembered(&mut memory) = Some(answer.clone());
        }
        Ok(answer)
    }

    async fn look_at_footprint(&self) -> footprint::Step {
        let (database, memory) = (Arc::clone(&self.database), Arc::clone(&self.memory));
        let step = shopmaster_base::blocking::run(move || {
            let footprint = footprint::Footprint::of(&database.options.path).ok();
            let mut memory = memory.lock().unwrap_or_else(PoisonError::into_inner);
            memory.note(footprint, Instant::now())
        });
        step.await.unwrap_or(footprint::Step::Moved)
    }

    fn memory(&self) -> std::sync::MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Catalog for SqliteCatalog {
    fn kind(&self) -> &'static str {
        "sqlite"
    }

    fn identity(&self) -> String {
        self.in_the_database(self.database.options.mapping.identity())
    }

    fn captured(&self) -> String {
        self.in_the_database(self.database.options.mapping.captured())
    }

    async fn claim(&self) -> Result<()> {
        let (database, claim) = (Arc::clone(&self.database), Arc::clone(&self.claim));
        blocking("claim the product table", move || {
            claim.hold(&database.place()?)
        })
        .await
    }

    async fn answers(&self) -> bool {
        let path = self.database.options.path.clone();
        // A folder on a computer that is not available may take a long time to answer.
        let there = shopmaster_base::blocking::run(move || FileId::of(&path).is_ok()).await;
        there.unwrap_or_default()
    }

    async fn inspect(&self) -> Result<Vec<Check>> {
        let mut checks = self.inspect_table().await?;
        let claimed = match Check::allow_claim(&checks) {
            true => {
                let (database, claim) = (Arc::clone(&self.database), Arc::clone(&self.claim));
                let check = move || claim.check(&database.place()?);
                Some(blocking("look for another agent", check).await)
            }
            false => None,
        };
        checks.push(Check::of_claim(claimed));
        Ok(checks)
    }

    async fn inspect_table(&self) -> Result<Vec<Check>> {
        let access = match self.database.options.scan {
            true => Access::Read,
            // Only a connection for writing shows whether the file may be written.
            false => Access::Write,
        };
        let checks = self
            .with(
                access,
                "inspect the product table",
                |connection, database| Ok(preflight::inspect(connection, database)),
            )
            .await;
        let options = &self.database.options;
        Ok(checks.unwrap_or_else(|error| preflight::unopened(options, &error)))
    }

    async fn inspect_price(&self) -> Result<Check> {
        self.read_with("inspect the price column", |connection, database| {
            preflight::price(connection, &database.options)
        })
        .await
    }

    fn may_repeat_keys(&self) -> bool {
        self.kind_of_changes() == Kind::Watched
    }

    fn conditions(&self) -> Option<String> {
        self.database.options.mapping.conditions()
    }

    fn leaves_rows_out(&self) -> bool {
        self.database.options.mapping.leaves_rows_out()
    }

    async fn suggestions(&self) -> Result<Vec<Suggestion>> {
        self.read_with("look for suggestions", |connection, database| {
            suggest::suggestions(connection, &database.options)
        })
        .await
    }

    async fn plan(&self) -> Result<CapturePlan> {
        self.read_with("plan capture", capture::plan).await
    }

    async fn install_with(&self, _agreed: InstallOptions) -> Result<bool> {
        let installed = self.write_with("install capture", capture::install).await;
        self.memory().forget();
        installed
    }

    async fn remove(&self) -> Result<bool> {
        let removed = self
            .write_with("remove capture", |connection, _| {
                capture::remove(connection)
            })
            .await;
        self.memory().forget();
        removed
    }

    async fn capture(&self) -> Result<CaptureStatus> {
        let ask = self.read_with("inspect capture", capture::status);
        self.unless_unchanged(|memory| &mut memory.capture, ask)
            .await
    }

    async fn table_identity(&self) -> Result<Option<String>> {
        let ask = self.read_with("inspect the product table", |connection, database| {
            schema::identity(connection, &database.options)
        });
        self.unless_unchanged(|memory| &mut memory.table, ask).await
    }

    async fn owner(&self) -> Result<Option<Owner>> {
        let owner = self
            .read_with("read the table's owner", |connection, _| {
                owner::read(connection)
            })
            .await;
        none_without_capture(owner)
    }

    fn owner_is_renewed(&self) -> bool {
        // A restored file is recognized by the ChangeLog, to which only the till writes.
        false
    }

    async fn was_restored(&self) -> Result<bool> {
        let position = none_without_capture(self.position().await)?;
        let kind = self.kind_of_changes();
        let went_back = self
            .read_with("read the newest change", move |connection, _| {
                change_log::went_back(connection, kind, &position)
            })
            .await;
        none_without_capture(went_back)
    }

    async fn set_owner(&self, owner: &Owner) -> Result<()> {
        let owner = owner.clone();
        let done = self
            .write_with("record the table's owner", move |connection, _| {
                owner::write(connection, &owner)
            })
            .await;
        none_without_capture(done)?;
        if !self.was_restored().await? {
            return Ok(());
        }
        // The caller has marked every product as unconfirmed: reading starts from the beginning.
        let mut position = self.position.lock().await;
        let begun = self
            .read_with("read the newest change", |connection, _| {
                change_log::begin(connection)
            })
            .await?;
        self.keep(&begun).await?;
        *position = Some(begun);
        Ok(())
    }

    async fn newest_change(&self) -> Result<Option<i64>> {
        let (kind, position) = (self.kind_of_changes(), self.position().await?);
        let ask = self.read_with("read the newest change", move |connection, _| {
            match change_log::newest(connection, &position)? {
                // Reports a change, so that the caller examines the ChangeLog.
                None if change_log::went_back(connection, kind, &position)? => Ok(Some(i64::MIN)),
                newest => Ok(newest),
            }
        });
        self.unless_unchanged(|memory| &mut memory.newest, ask)
            .await
    }

    async fn backlog(&self) -> Result<Backlog> {
        // While no change is waiting, there is nothing to count.
        if self.newest_change().await?.is_none() {
            return Ok(Backlog::default());
        }
        let (kind, position) = (self.kind_of_changes(), self.position().await?);
        self.read_with("count the waiting changes", move |connection, _| {
            change_log::backlog(connection, kind, &position)
        })
        .await
    }

    async fn pending(&self, after: Option<&ChangeIdentity>, limit: usize) -> Result<Vec<Change>> {
        if let Some(records) = self.records().await? {
            return self.watched.pending(&records, after, limit).await;
        }
        let after = after.map(|identity| identity.change);
        let position = self.position().await?;
        self.read_with("read the waiting changes", move |connection, _| {
            change_log::page(connection, Kind::Products, &position, after, limit)
        })
        .await
    }

    async fn changes_of(&self, keys: &[ProductId]) -> Result<Vec<Change>> {
        if let Some(records) = self.records().await? {
            return self.watched.changes_of(&records, keys).await;
        }
        let keys = keys.to_vec();
        let position = self.position().await?;
        self.read_with("read the changes of products", move |connection, _| {
            change_log::waiting_of(connection, &position, &keys)
        })
        .await
    }

    async fn read(&self, keys: &[ProductId]) -> Result<Vec<Lookup>> {
        let keys = keys.to_vec();
        self.read_with("read products", move |connection, database| {
            rows::read(connection, database, &keys)
        })
        .await
    }

    async fn unrounded_price(&self, key: &ProductId) -> Result<Option<Price>> {
        let key = key.clone();
        self.read_with("read the price", move |connection, database| {
            rows::unrounded_price(connection, database, &key)
        })
        .await
    }

    async fn acknowledge(&self, changes: &[ChangeIdentity]) -> Result<u64> {
        if let Some(records) = self.records().await? {
            return self.watched.acknowledge(&records, changes).await;
        }
        self.settle(Kind::Products, changes.to_vec()).await
    }

    async fn tidy(&self) -> Result<()> {
        if self.database.options.scan || !self.is_quiet().await {
            return Ok(());
        }
        if let CaptureStatus::Outdated(_) = self.capture().await? {
            let work = capture::renew;
            self.with(Access::WriteIfFree, "renew capture", work)
                .await?;
            self.memory().forget();
            return Ok(());
        }
        if !self.memory().trim_is_due(Instant::now()) {
            return Ok(());
        }
        let position = none_without_capture(self.position().await)?;
        let trimmed = self
            .with(
                Access::WriteIfFree,
                "trim the ChangeLog",
                move |connection, _| tidy::trim(connection, &position),
            )
            .await;
        none_without_capture(trimmed)
    }

    async fn scan(&self, after: Option<&ProductId>, limit: usize) -> Result<Vec<Row>> {
        let after = after.cloned();
        self.read_with("read a page of products", move |connection, database| {
            rows::scan(connection, database, after.as_ref(), limit)
        })
        .await
    }

    async fn count(&self) -> Result<u64> {
        self.read_with("count the products", rows::count).await
    }
}

impl SqliteCatalog {
    /// The database and these parts of the mapping, as one string.
    fn in_the_database(&self, parts: Vec<String>) -> String {
        // The path as configured: the target of a symbolic link may change.
        let path = self.database.options.path.to_string_lossy().into_owned();
        let parts = [path].into_iter().chain(parts);
        format!("sqlite:{}", serde_json::Value::from_iter(parts))
    }

    /// What the ChangeLog has changes of.
    fn kind_of_changes(&self) -> Kind {
        match self.database.options.watches() {
            [] => Kind::Products,
            _ => Kind::Watched,
        }
    }

    /// The records of the tables that the view reads; none when the product table itself is captured.
    async fn records(&self) -> Result<Option<WatchRecords>> {
        if self.kind_of_changes() == Kind::Products {
            return Ok(None);
        }
        let view = self
            .read_with("inspect the watched tables", |connection, database| {
                watches::read(connection, &database.options)
            })
            .await?;
        Ok(Some(WatchRecords::new(self.clone(), view)))
    }

    /// Records that these changes have been dealt with, and returns how many of them were waiting.
    async fn settle(&self, kind: Kind, changes: Vec<ChangeIdentity>) -> Result<u64> {
        let mut position = self.position.lock().await;
        let before = self.loaded(&mut position).await?;
        let (settled, after) = self
            .read_with("find the acknowledged changes", move |connection, _| {
                change_log::settle(connection, kind, &before, &changes)
            })
            .await?;
        if position.as_ref() != Some(&after) {
            self.keep(&after).await?;
            *position = Some(after);
        }
        Ok(settled)
    }

    /// Whether no program has written for a while.
    async fn is_quiet(&self) -> bool {
        self.look_at_footprint().await == footprint::Step::Settled
            && self.memory().quiet_for(Instant::now()) >= QUIET_PERIOD
    }
}

/// Turns "capture is not installed" into an empty answer: without capture there is no owner, and nowhere to
/// record one.
fn none_without_capture<T: Default>(answer: Result<T>) -> Result<T> {
    match answer {
        Err(CatalogError::NotInstalled) => Ok(T::default()),
        answer => answer,
    }
}

async fn blocking<T: Send + 'static>(
    operation: &'static str,
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    shopmaster_base::blocking::run(work)
        .await
        .unwrap_or_else(|| {
            Err(CatalogError::Statement {
                operation,
                source: "the agent is stopping".into(),
            })
        })
}
