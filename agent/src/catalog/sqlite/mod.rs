//! The SQLite catalog, for shops whose till keeps its products in an SQLite file.
//!
//! The till comes first: reads are a page long, writes are short, and a file that the till holds for two
//! seconds is [`CatalogError::Busy`].

use std::{path::PathBuf, sync::Arc};

use async_trait::async_trait;
use rusqlite::Connection;

use super::{
    Backlog, CapturePlan, CaptureStatus, Catalog, CatalogError, Change, ChangeIdentity, Check,
    Columns, Lookup, Owner, Result,
};
use crate::{
    file_id::FileId,
    product::{ProductId, Row},
};
use claim::Claim;
use fault::Work;
use open::{Access, Database};

mod affinity;
mod capture;
mod claim;
mod facts;
mod fault;
mod key;
mod objects;
mod open;
mod pending;
mod preflight;
mod price;
mod quote;
mod rows;
mod statements;
#[cfg(test)]
mod tests;

/// Which products.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqliteOptions {
    /// The shop's file. It is never created.
    pub path: PathBuf,
    /// The product table: one name, without a schema.
    pub table: String,
    /// The shop's names for the columns.
    pub columns: Columns,
}

/// The products of an SQLite file.
#[derive(Debug, Clone)]
pub struct SqliteCatalog {
    database: Arc<Database>,
    claim: Arc<Claim>,
}

impl SqliteCatalog {
    /// Opens nothing yet: every call opens what it needs, and keeps it.
    #[must_use]
    pub fn new(options: SqliteOptions) -> Self {
        Self {
            database: Arc::new(Database::new(options)),
            claim: Arc::default(),
        }
    }

    async fn read_with<T: Send + 'static>(
        &self,
        operation: &'static str,
        work: impl FnOnce(&Connection, &Database) -> Work<T> + Send + 'static,
    ) -> Result<T> {
        let database = Arc::clone(&self.database);
        blocking(operation, move || {
            database.with(Access::Read, operation, work)
        })
        .await
    }

    async fn write_with<T: Send + 'static>(
        &self,
        operation: &'static str,
        work: impl FnOnce(&Connection, &Database) -> Work<T> + Send + 'static,
    ) -> Result<T> {
        let database = Arc::clone(&self.database);
        blocking(operation, move || {
            database.with(Access::Write, operation, work)
        })
        .await
    }
}

#[async_trait]
impl Catalog for SqliteCatalog {
    fn kind(&self) -> &'static str {
        "sqlite"
    }

    fn identity(&self) -> String {
        let options = &self.database.options;
        let parts = [
            // As it was written: where a link leads is another question each time it is asked.
            options.path.to_string_lossy().into_owned(),
            options.table.clone(),
            options.columns.id.clone(),
            options.columns.name.clone(),
            options.columns.price.clone(),
        ];
        format!("sqlite:{}", serde_json::Value::from_iter(parts))
    }

    async fn claim(&self) -> Result<()> {
        let (database, claim) = (Arc::clone(&self.database), Arc::clone(&self.claim));
        blocking("be claimed", move || {
            let path = database.options.path.canonicalize();
            claim.hold(&path.map_err(|error| database.no_file(error))?)
        })
        .await
    }

    async fn answers(&self) -> bool {
        let path = self.database.options.path.clone();
        // A folder on a computer that is away may take its time.
        let there = crate::blocking::run(move || FileId::of(&path).is_ok()).await;
        there.unwrap_or_default()
    }

    async fn inspect(&self) -> Result<Vec<Check>> {
        // On the writer: only it can tell whether the file may be written.
        let checks = self
            .write_with("be inspected", |connection, database| {
                Ok(preflight::inspect(connection, database))
            })
            .await;
        Ok(checks.unwrap_or_else(|error| preflight::unopened(&error)))
    }

    async fn plan(&self) -> Result<CapturePlan> {
        self.read_with("plan capture", capture::plan).await
    }

    async fn install(&self) -> Result<bool> {
        self.write_with("install capture", capture::install).await
    }

    async fn remove(&self) -> Result<bool> {
        self.write_with("remove capture", |connection, _| {
            capture::remove(connection)
        })
        .await
    }

    async fn capture(&self) -> Result<CaptureStatus> {
        self.read_with("look at capture", capture::status).await
    }

    async fn owner(&self) -> Result<Option<Owner>> {
        let owner = self
            .read_with("read its owner", |connection, _| pending::owner(connection))
            .await;
        none_without_capture(owner)
    }

    async fn set_owner(&self, owner: &Owner) -> Result<()> {
        let owner = owner.clone();
        let done = self
            .write_with("record its owner", move |connection, _| {
                pending::set_owner(connection, &owner)
            })
            .await;
        none_without_capture(done)
    }

    async fn newest_change(&self) -> Result<Option<i64>> {
        self.read_with("read the newest change", |connection, _| {
            pending::newest(connection)
        })
        .await
    }

    async fn backlog(&self) -> Result<Backlog> {
        self.read_with("count the pending changes", |connection, _| {
            pending::backlog(connection)
        })
        .await
    }

    async fn pending(&self, after: Option<&ChangeIdentity>, limit: usize) -> Result<Vec<Change>> {
        let after = after.map(|identity| identity.change);
        self.read_with("read the pending changes", move |connection, _| {
            pending::page(connection, after, limit)
        })
        .await
    }

    async fn changes_of(&self, keys: &[ProductId]) -> Result<Vec<Change>> {
        let keys = keys.to_vec();
        self.read_with("read the changes of products", move |connection, _| {
            pending::of_keys(connection, &keys)
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

    async fn acknowledge(&self, changes: &[ChangeIdentity]) -> Result<u64> {
        let changes = changes.to_vec();
        self.write_with("delete acknowledged changes", move |connection, _| {
            pending::acknowledge(connection, &changes)
        })
        .await
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

/// Without capture there is no owner, and nowhere to record one.
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
    crate::blocking::run(work).await.unwrap_or_else(|| {
        Err(CatalogError::Statement {
            operation,
            source: "the agent is ending".into(),
        })
    })
}
