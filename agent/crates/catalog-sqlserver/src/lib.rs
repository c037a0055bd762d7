//! The SQL Server catalog, for shops whose till keeps its products in SQL Server.
//!
//! The till has priority: statements are short, every one has a timeout, and in a conflict the agent gives way.
//! T-SQL is in `sql/`, as constant texts: their first line names them for an administrator of the server.

use std::sync::Arc;

use async_trait::async_trait;
use shopmaster_catalog::{
    Adoption, Backlog, CapturePlan, CaptureStatus, Catalog, CatalogError, Change, ChangeIdentity,
    Check, InstallOptions, Lookup, Mapping, Owner, Result, Scanned, Suggestion, watched::Watched,
};
use shopmaster_product::{Price, ProductId, Row};

use capture::{adopt, preflight, report};
use error::Target;
use names::one_spelling;
use pool::Pool;
use queue::{backlog::Counted, changes, lookup, products, seeking::Seeking, walk, watched};

mod capture;
mod captured;
mod change_log;
mod claim;
mod column;
mod connect;
mod data_type;
mod diagnose;
mod entry;
mod error;
mod filter;
mod guards;
mod key;
mod lexer;
mod names;
mod object;
mod pool;
mod product_key;
mod queue;
mod quote;
mod row;
mod schema;
mod session;
mod sight;
mod state;
mod suggest;
#[cfg(test)]
mod tests;
mod texts;
mod view_query;
mod watches;

pub use tds_connect::{Encryption, Login, Trust};

#[doc(hidden)]
pub use texts::texts;

/// Where the products are, and how to reach them.
#[derive(Clone)]
pub struct SqlServerOptions {
    /// `host`, `host,port`, `host\instance`, `.` or `(local)`.
    pub server: String,
    /// The database's name.
    pub database: String,
    /// The product table, with or without its schema (`Products`, `dbo.Products`, `[a b].[c.d]`), and how its rows
    /// become products.
    pub mapping: Mapping,
    /// How to log in.
    pub login: Login,
    /// How much of a connection is encrypted; none for the default.
    pub encryption: Option<Encryption>,
    /// Which certificate is trusted; none for the default.
    pub trust: Option<Trust>,
    /// A name for this agent that survives restarts. It tells this agent's own broken connection, which the
    /// server still keeps, from another agent's.
    pub claimant: String,
}

/// The products of a SQL Server database.
#[derive(Clone)]
pub struct SqlServerCatalog {
    pool: Arc<Pool>,
    seeking: Arc<Seeking>,
    counted: Arc<Counted>,
    watched: Arc<Watched>,
}

impl SqlServerCatalog {
    /// Does not connect yet: every call opens the connections that it needs, and keeps them.
    #[must_use]
    pub fn new(options: SqlServerOptions) -> Self {
        Self {
            pool: Arc::new(Pool::new(options)),
            seeking: Arc::default(),
            counted: Arc::default(),
            watched: Arc::default(),
        }
    }

    /// Whether changes are captured in the tables that a view reads.
    fn is_watched(&self) -> bool {
        !self.pool.options.mapping.watches.is_empty()
    }

    /// The database and these parts of the mapping, as one string.
    fn in_the_database(&self, parts: Vec<String>) -> String {
        let options = &self.pool.options;
        let place = [one_spelling(&options.server), options.database.clone()];
        let parts = place.into_iter().chain(parts);
        format!("sqlserver:{}", serde_json::Value::from_iter(parts))
    }
}

#[async_trait]
impl Catalog for SqlServerCatalog {
    fn kind(&self) -> &'static str {
        "sqlserver"
    }

    fn identity(&self) -> String {
        self.in_the_database(self.pool.options.mapping.identity())
    }

    fn captured(&self) -> String {
        self.in_the_database(self.pool.options.mapping.captured())
    }

    async fn claim(&self) -> Result<()> {
        self.pool.claim().await
    }

    async fn answers(&self) -> bool {
        self.pool.answers().await
    }

    async fn inspect(&self) -> Result<Vec<Check>> {
        let mut checks = self.inspect_table().await?;
        let claimed = match Check::allow_claim(&checks) {
            true => Some(self.claim().await),
            false => None,
        };
        checks.push(Check::of_claim(claimed));
        Ok(checks)
    }

    async fn inspect_table(&self) -> Result<Vec<Check>> {
        // The user who runs a test also wants to know whether connecting works.
        self.pool.begin_anew();
        let checks = self
            .pool
            .call(
                "inspect the product table",
                Target::Nothing,
                async |session| Ok(preflight::inspect(session, &self.pool.options).await),
            )
            .await;
        let mapping = &self.pool.options.mapping;
        Ok(checks.unwrap_or_else(|error| report::unopened(mapping, &error)))
    }

    async fn inspect_price(&self) -> Result<Check> {
        self.pool
            .call(
                "inspect the price column",
                Target::Products,
                async |session| {
                    let table = self.pool.look(session).await?;
                    preflight::price(session, &self.pool.options, &table).await
                },
            )
            .await
    }

    async fn suggestions(&self) -> Result<Vec<Suggestion>> {
        self.pool
            .call("look for suggestions", Target::Products, async |session| {
                let table = self.pool.look(session).await?;
                suggest::suggestions(session, &self.pool.options, &table).await
            })
            .await
    }

    fn conditions(&self) -> Option<String> {
        self.pool.options.mapping.conditions()
    }

    fn leaves_rows_out(&self) -> bool {
        self.pool.options.mapping.leaves_rows_out()
    }

    async fn plan(&self) -> Result<CapturePlan> {
        self.pool
            .call("plan capture", Target::Products, async |session| {
                let table = self.pool.look(session).await?;
                capture::plan(session, &self.pool.options.mapping, &table).await
            })
            .await
    }

    async fn install_with(&self, agreed: InstallOptions) -> Result<bool> {
        self.pool
            .long_call("install capture", Target::Products, async |session| {
                self.counted.forget();
                capture::install(session, &self.pool.options, agreed).await
            })
            .await
    }

    async fn remove(&self) -> Result<bool> {
        self.pool
            .long_call("remove capture", Target::Nothing, async |session| {
                capture::remove(session, &self.pool.options).await
            })
            .await
    }

    async fn capture(&self) -> Result<CaptureStatus> {
        self.pool
            .call("inspect capture", Target::Products, async |session| {
                let table = self.pool.look(session).await?;
                capture::status(session, &self.pool.options.mapping, &table).await
            })
            .await
    }

    async fn adoption(&self) -> Result<Adoption> {
        self.pool
            .call(
                "look for the old program",
                Target::Products,
                async |session| {
                    let table = self.pool.look(session).await?;
                    adopt::adoption(session, &self.pool.options.mapping, &table).await
                },
            )
            .await
    }

    async fn adopt_with(&self, agreed: InstallOptions) -> Result<Adoption> {
        self.pool
            .long_call("adopt the old program", Target::Products, async |session| {
                adopt::adopt(session, &self.pool.options, agreed).await
            })
            .await
    }

    async fn owner(&self) -> Result<Option<Owner>> {
        let owner = self
            .pool
            .call("read the table's owner", Target::Owner, async |session| {
                changes::owner(session).await
            })
            .await;
        none_without_capture(owner)
    }

    async fn set_owner(&self, owner: &Owner) -> Result<()> {
        let done = self
            .pool
            .call("record the table's owner", Target::Owner, async |session| {
                changes::set_owner(session, owner).await
            })
            .await;
        none_without_capture(done)
    }

    async fn newest_change(&self) -> Result<Option<i64>> {
        self.pool
            .newest("read the newest change", async |session| {
                changes::newest(session).await
            })
            .await
    }

    async fn backlog(&self) -> Result<Backlog> {
        self.pool
            .call(
                "count the waiting changes",
                Target::ChangeLog,
                async |session| self.counted.backlog(session).await,
            )
            .await
    }

    async fn pending(&self, after: Option<&ChangeIdentity>, limit: usize) -> Result<Vec<Change>> {
        self.pool
            .call(
                "read the waiting changes",
                Target::ChangeLog,
                async |session| match self.is_watched() {
                    false => changes::page(&self.pool, session, after, limit).await,
                    true => {
                        watched::pending(&self.pool, &self.watched, session, after, limit).await
                    }
                },
            )
            .await
    }

    async fn changes_of(&self, keys: &[ProductId]) -> Result<Vec<Change>> {
        self.pool
            .call(
                "read the changes of products",
                Target::ChangeLog,
                async |session| match self.is_watched() {
                    false => changes::of_keys(&self.pool, session, keys).await,
                    true => watched::of_keys(&self.pool, &self.watched, session, keys).await,
                },
            )
            .await
    }

    async fn read(&self, keys: &[ProductId]) -> Result<Vec<Lookup>> {
        self.pool
            .call("read products", Target::Products, async |session| {
                lookup::read(&self.pool, session, keys).await
            })
            .await
    }

    async fn unrounded_price(&self, key: &ProductId) -> Result<Option<Price>> {
        self.pool
            .call("read the price", Target::Products, async |session| {
                lookup::unrounded_price(&self.pool, session, key).await
            })
            .await
    }

    async fn acknowledge(&self, changes: &[ChangeIdentity]) -> Result<u64> {
        let deleted = self
            .pool
            .call(
                "delete acknowledged changes",
                Target::ChangeLog,
                async |session| match self.is_watched() {
                    false => changes::acknowledge(&self.pool, session, changes).await,
                    true => watched::acknowledge(&self.pool, &self.watched, session, changes).await,
                },
            )
            .await;
        // Also after a failure: some changes may have been deleted.
        self.counted.forget();
        deleted
    }

    async fn scan(&self, after: Option<&ProductId>, limit: usize) -> Result<Vec<Row>> {
        self.pool
            .call(
                "read a page of products",
                Target::Products,
                async |session| walk::scan(&self.pool, &self.seeking, session, after, limit).await,
            )
            .await
    }

    async fn scan_past_locks(
        &self,
        after: Option<&ProductId>,
        limit: usize,
    ) -> Result<Vec<Scanned>> {
        self.pool
            .call(
                "read a page of products",
                Target::Products,
                async |session| {
                    walk::past_locks(&self.pool, &self.seeking, session, after, limit).await
                },
            )
            .await
    }

    async fn table_identity(&self) -> Result<Option<String>> {
        self.pool
            .call(
                "inspect the product table",
                Target::Products,
                async |session| {
                    let table = self.pool.look(session).await?;
                    capture::table_identity(session, &self.pool.options.mapping, &table).await
                },
            )
            .await
    }

    async fn kept_count(&self) -> Result<Option<u64>> {
        self.pool
            .call("count the products", Target::Products, async |session| {
                let table = self.pool.table(session).await?;
                let products = products::Products::new(&self.pool.options, table)?;
                products.kept_count(session).await
            })
            .await
    }

    async fn count(&self) -> Result<u64> {
        self.pool
            .call("count the products", Target::Products, async |session| {
                products::count(&self.pool, session).await
            })
            .await
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
