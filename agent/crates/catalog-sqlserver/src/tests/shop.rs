//! A shop's database of its own on the server that tests may use.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::{Duration, Instant},
};

use shopmaster_catalog::{KeyColumns, Mapping};
use tds_connect::{Connection, Login};
use tiberius::Row;
use tokio::sync::Mutex;

use super::server;
use crate::{SqlServerCatalog, SqlServerOptions, connect, quote::identifier};

pub(super) const PRODUCTS: &str = "CREATE TABLE Products (
    ProductID VARCHAR(25) NOT NULL PRIMARY KEY, ProductName VARCHAR(100), SellPrice NUMERIC(18,2)
)";

/// How long making and dropping a database is tried.
const DROP_TIMEOUT: Duration = Duration::from_secs(30);

/// A database, its till, and the catalog over it. It is gone when this is dropped.
pub(super) struct Shop {
    pub(super) options: SqlServerOptions,
    parts: Option<Parts>,
    /// It has a login of its own, of the same name.
    has_stranger: bool,
}

struct Parts {
    till: Mutex<Till>,
    catalog: SqlServerCatalog,
}

/// A connection as any program has it.
pub(super) struct Till(Connection);

impl Shop {
    /// With the usual table.
    pub(super) async fn usual() -> Self {
        Self::new(PRODUCTS).await
    }

    /// With a table `Products` of its own.
    pub(super) async fn new(schema: &str) -> Self {
        let columns = ["ProductID", "ProductName", "SellPrice"];
        Self::named(&[schema], "Products", columns).await
    }

    /// With a table of any name, made by some batches.
    pub(super) async fn named(batches: &[&str], table: &str, [id, name, price]: [&str; 3]) -> Self {
        let mut options = server::configured();
        options.database = create_database(&options).await;
        options.mapping.table = table.to_owned();
        options.mapping.columns.id = KeyColumns::one(id);
        options.mapping.columns.name = name.to_owned();
        options.mapping.columns.price = price.to_owned();
        // From here on the database is dropped, whatever happens.
        let mut shop = Self {
            options: options.clone(),
            parts: None,
            has_stranger: false,
        };
        let mut till = Till::open(&options).await;
        for batch in batches {
            till.run(batch).await;
        }
        shop.parts = Some(Parts {
            till: Mutex::new(till),
            catalog: SqlServerCatalog::new(options),
        });
        shop
    }

    pub(super) fn catalog(&self) -> &SqlServerCatalog {
        &self.parts.as_ref().unwrap().catalog
    }

    /// A catalog over another table of the same columns.
    pub(super) fn over(&self, table: &str) -> SqlServerCatalog {
        let mut options = self.options.clone();
        options.mapping.table = table.to_owned();
        self.with(options)
    }

    /// The same, with as many digits behind the decimal point of a price.
    pub(super) fn with_digits(&self, table: &str, digits: u8) -> SqlServerCatalog {
        let mut options = self.options.clone();
        options.mapping.table = table.to_owned();
        options.mapping.price_digits = Some(digits);
        self.with(options)
    }

    /// A catalog over the same table with another mapping.
    pub(super) fn mapped(&self, edit: impl FnOnce(&mut Mapping)) -> SqlServerCatalog {
        let mut options = self.options.clone();
        edit(&mut options.mapping);
        self.with(options)
    }

    /// Another agent's catalog, which is to be dropped before the shop is.
    pub(super) fn with(&self, mut options: SqlServerOptions) -> SqlServerCatalog {
        options.claimant = new_name();
        SqlServerCatalog::new(options)
    }

    /// The options for a login that may open the database, and nothing else. As a user it is named as the
    /// database.
    pub(super) async fn stranger(&mut self) -> SqlServerOptions {
        let name = identifier(&self.options.database);
        let password = format!("Aa1-{:016x}", fastrand::u64(..));
        self.run(&format!("CREATE LOGIN {name} WITH PASSWORD = '{password}'"))
            .await;
        self.has_stranger = true;
        self.run(&format!("CREATE USER {name} FOR LOGIN {name}"))
            .await;
        let mut options = self.options.clone();
        options.login = Login::Sql {
            username: self.options.database.clone(),
            password: Some(password.into()),
        };
        options
    }

    /// Runs a batch as the till.
    pub(super) async fn run(&self, sql: &str) -> Vec<Row> {
        let mut till = self.parts.as_ref().unwrap().till.lock().await;
        till.run(sql).await
    }

    /// Another program's connection.
    pub(super) async fn another_till(&self) -> Till {
        Till::open(&self.options).await
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        // Its connections first: a database that is in use cannot be dropped.
        self.parts = None;
        let (options, has_stranger) = (self.options.clone(), self.has_stranger);
        let dropped = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(drop_database(&options, has_stranger))
        })
        .join();
        if !matches!(dropped, Ok(true)) && !thread::panicking() {
            panic!("`{}` could not be dropped", self.options.database);
        }
    }
}

impl Till {
    pub(super) async fn open(options: &SqlServerOptions) -> Self {
        Self(connect::open(options).await.unwrap())
    }

    /// Runs a batch; the rows of its first result.
    pub(super) async fn run(&mut self, sql: &str) -> Vec<Row> {
        match self.try_run(sql).await {
            Ok(rows) => rows,
            Err(error) => panic!("{error}\n{sql}"),
        }
    }

    /// Every result of a batch.
    pub(super) async fn results(&mut self, sql: &str) -> Vec<Vec<Row>> {
        let stream = self.0.simple_query(sql).await.unwrap();
        stream.into_results().await.unwrap()
    }

    /// The row counts of a statement, as a program sees them.
    pub(super) async fn counts(&mut self, sql: &str) -> Vec<u64> {
        let done = self.0.execute(sql, &[]).await.unwrap();
        done.rows_affected().to_vec()
    }

    pub(super) async fn try_run(&mut self, sql: &str) -> tiberius::Result<Vec<Row>> {
        self.0.simple_query(sql).await?.into_first_result().await
    }
}

/// An engine makes one database at a time, and refuses who comes second.
async fn create_database(options: &SqlServerOptions) -> String {
    let mut master = Till::open(options).await;
    let begun = Instant::now();
    loop {
        let name = new_name();
        match master
            .try_run(&format!("CREATE DATABASE {}", identifier(&name)))
            .await
        {
            Ok(_) => return name,
            Err(error) if begun.elapsed() > DROP_TIMEOUT => panic!("{error}"),
            Err(_) => {}
        }
    }
}

/// Key, name and price, or why they cannot be sent.
pub(super) fn row_texts(row: &shopmaster_product::Row) -> [String; 3] {
    let name = row
        .name
        .clone()
        .unwrap_or_else(|problem| problem.to_string());
    let price = match &row.price {
        Ok(price) => price.to_string(),
        Err(problem) => problem.to_string(),
    };
    [row.id.to_string(), name, price]
}

/// The server notices late that a connection is closed.
async fn drop_database(options: &SqlServerOptions, has_stranger: bool) -> bool {
    let mut elsewhere = options.clone();
    elsewhere.database = "master".to_owned();
    let name = identifier(&options.database);
    let begun = Instant::now();
    while begun.elapsed() < DROP_TIMEOUT {
        let Ok(master) = connect::open(&elsewhere).await else {
            continue;
        };
        let mut master = Till(master);
        // Not every engine has it.
        let alone = format!("ALTER DATABASE {name} SET SINGLE_USER WITH ROLLBACK IMMEDIATE");
        let _ = master.try_run(&alone).await;
        if master
            .try_run(&format!("DROP DATABASE {name}"))
            .await
            .is_ok()
        {
            let drop = format!("DROP LOGIN {name}");
            return !has_stranger || master.try_run(&drop).await.is_ok();
        }
    }
    false
}

fn new_name() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let next = NEXT.fetch_add(1, Ordering::Relaxed);
    format!(
        "shopmaster_test_{}_{next}_{:08x}",
        std::process::id(),
        fastrand::u32(..)
    )
}
