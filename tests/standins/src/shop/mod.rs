//! A shop on SQLite, with the documented product table, and a till that keeps changing it.

mod goods;
mod till;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, OpenFlags, params, types::ValueRef};

pub use till::{Till, TillStep};

/// The product table as the old program's documentation describes it.
const TABLE: &str = "CREATE TABLE Products (
    ProductID   VARCHAR(25) NOT NULL PRIMARY KEY,
    ProductName VARCHAR(75),
    SellPrice   NUMERIC(18,2),
    QrCode      VARCHAR(100),
    Status      INT
)";
const INSERT: &str = "INSERT INTO Products (ProductID, ProductName, SellPrice, QrCode, Status)
    VALUES (?1, ?2, ?3, ?4, 1)";
/// How long a writer waits for a lock, as a point-of-sale program does.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// A shop's database and a connection to it.
#[derive(Debug)]
pub struct Shop {
    path: PathBuf,
    connection: Connection,
}

/// What Digible should show for a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// The name.
    pub name: String,
    /// The price with two decimals.
    pub price: String,
}

/// Why an action in a shop's database failed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} in the shop `{}`", path.display())]
pub struct ShopError {
    action: &'static str,
    path: PathBuf,
    #[source]
    source: rusqlite::Error,
}

impl Shop {
    /// Creates a database in WAL mode with `count` plausible products, `P0000001` and so on.
    ///
    /// # Errors
    ///
    /// When the file cannot be written, or already has a table `Products`.
    pub fn create(path: impl AsRef<Path>, count: usize) -> Result<Self, ShopError> {
        let path = path.as_ref();
        let make = || -> rusqlite::Result<Connection> {
            let mut connection = Connection::open(path)?;
            connection.busy_timeout(BUSY_TIMEOUT)?;
            connection.pragma_update(None, "journal_mode", "WAL")?;
            let transaction = connection.transaction()?;
            transaction.execute_batch(TABLE)?;
            {
                let mut insert = transaction.prepare(INSERT)?;
                for number in 1..=count {
                    let id = goods::id(number);
                    insert.execute(params![id, goods::name(number), goods::price(number), id])?;
                }
            }
            transaction.commit()?;
            Ok(connection)
        };
        Ok(Self {
            path: path.to_owned(),
            connection: make().map_err(failed("make the products", path))?,
        })
    }

    /// Opens an existing shop.
    ///
    /// # Errors
    ///
    /// When the database does not exist.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, ShopError> {
        let path = path.as_ref();
        let flags = OpenFlags::default() & !OpenFlags::SQLITE_OPEN_CREATE;
        let open = || {
            let connection = Connection::open_with_flags(path, flags)?;
            connection.busy_timeout(BUSY_TIMEOUT)?;
            Ok(connection)
        };
        Ok(Self {
            path: path.to_owned(),
            connection: open().map_err(failed("open the database", path))?,
        })
    }

    /// The database file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The connection, for everything that has no method here.
    #[must_use]
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Adds a product; `price` is a decimal number as text.
    ///
    /// # Errors
    ///
    /// When the id is taken.
    pub fn insert(&self, id: &str, name: &str, price: &str) -> Result<(), ShopError> {
        self.execute("add a product", INSERT, params![id, name, price, id])
    }

    /// Changes a price, a decimal number as text; does nothing if the product does not exist.
    ///
    /// # Errors
    ///
    /// When the database refuses.
    pub fn set_price(&self, id: &str, price: &str) -> Result<(), ShopError> {
        self.execute(
            "change a price",
            "UPDATE Products SET SellPrice = ?2 WHERE ProductID = ?1",
            params![id, price],
        )
    }

    /// Raises every price by a cent, in one statement.
    ///
    /// # Errors
    ///
    /// When the database refuses.
    pub fn raise_prices(&self) -> Result<(), ShopError> {
        self.execute(
            "raise the prices",
            "UPDATE Products SET SellPrice = round(SellPrice + 0.01, 2)",
            [],
        )
    }

    /// Changes rows as a bulk load does: no trigger records it, and all triggers exist before and after.
    ///
    /// # Errors
    ///
    /// When the database refuses.
    pub fn past_the_triggers(&self, sql: &str) -> rusqlite::Result<()> {
        let list = "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'";
        let mut triggers = self.connection.prepare(list)?;
        let triggers: Vec<(String, String)> = triggers
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<rusqlite::Result<_>>()?;
        let drops = triggers
            .iter()
            .map(|(name, _)| format!("DROP TRIGGER {name};"));
        let makes = triggers.iter().map(|(_, text)| format!("{text};"));
        let batch: String = ["BEGIN IMMEDIATE;".to_owned()]
            .into_iter()
            .chain(drops)
            .chain([format!("{sql};")])
            .chain(makes)
            .chain(["COMMIT;".to_owned()])
            .collect();
        self.connection.execute_batch(&batch)
    }

    /// Changes a name; does nothing if the product does not exist.
    ///
    /// # Errors
    ///
    /// When the database refuses.
    pub fn rename(&self, id: &str, name: &str) -> Result<(), ShopError> {
        self.execute(
            "change a name",
            "UPDATE Products SET ProductName = ?2 WHERE ProductID = ?1",
            params![id, name],
        )
    }

    /// Writes a row without a change, as point-of-sale programs do; does nothing if the product does not exist.
    ///
    /// # Errors
    ///
    /// When the database refuses.
    pub fn rewrite(&self, id: &str) -> Result<(), ShopError> {
        self.execute(
            "rewrite a product",
            "UPDATE Products SET ProductName = ProductName, SellPrice = SellPrice WHERE ProductID = ?1",
            params![id],
        )
    }

    /// Deletes a product; does nothing if it does not exist.
    ///
    /// # Errors
    ///
    /// When the database refuses.
    pub fn delete(&self, id: &str) -> Result<(), ShopError> {
        self.execute(
            "delete a product",
            "DELETE FROM Products WHERE ProductID = ?1",
            params![id],
        )
    }

    /// How many products there are.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub fn count(&self) -> Result<u64, ShopError> {
        self.connection
            .query_row("SELECT count(*) FROM Products", [], |row| {
                row.get(0).map(i64::cast_unsigned)
            })
            .map_err(failed("count the products", &self.path))
    }

    /// What Digible should show, by id. Rows that cannot be sent are in [`Self::unsendable`].
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub fn all(&self) -> Result<BTreeMap<String, Expected>, ShopError> {
        let rows = self.rows()?.into_iter();
        Ok(rows
            .filter_map(|(id, expected)| Some((id, expected?)))
            .collect())
    }

    /// The ids of rows without a name or without a price that is a number.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub fn unsendable(&self) -> Result<BTreeSet<String>, ShopError> {
        let rows = self.rows()?.into_iter();
        Ok(rows
            .filter(|(_, expected)| expected.is_none())
            .map(|(id, _)| id)
            .collect())
    }

    fn rows(&self) -> Result<Vec<(String, Option<Expected>)>, ShopError> {
        let read = || -> rusqlite::Result<_> {
            let mut select = self
                .connection
                .prepare("SELECT ProductID, ProductName, SellPrice FROM Products")?;
            let rows = select.query_map([], |row| {
                let name: Option<String> = row.get(1)?;
                let price = price_text(row.get_ref(2)?);
                let expected = name
                    .zip(price)
                    .map(|(name, price)| Expected { name, price });
                Ok((row.get(0)?, expected))
            })?;
            rows.collect()
        };
        read().map_err(failed("read the products", &self.path))
    }

    fn execute(
        &self,
        action: &'static str,
        sql: &str,
        values: impl rusqlite::Params,
    ) -> Result<(), ShopError> {
        self.connection
            .prepare_cached(sql)
            .and_then(|mut statement| statement.execute(values))
            .map(drop)
            .map_err(failed(action, &self.path))
    }
}

/// Adds the action and the shop to an error.
fn failed(action: &'static str, path: &Path) -> impl FnOnce(rusqlite::Error) -> ShopError {
    let path = path.to_owned();
    move |source| ShopError {
        action,
        path,
        source,
    }
}

/// A price as NUMERIC(18,2) shows it. SQLite stores `12.50` as 12.5 and `12.00` as 12.
#[must_use]
pub fn price_text(price: ValueRef<'_>) -> Option<String> {
    match price {
        ValueRef::Integer(whole) => Some(format!("{whole}.00")),
        ValueRef::Real(price) => Some(format!("{price:.2}")),
        ValueRef::Null | ValueRef::Text(_) | ValueRef::Blob(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shop(count: usize) -> (tempfile::TempDir, Shop) {
        let folder = tempfile::tempdir().unwrap();
        let shop = Shop::create(folder.path().join("shop.db"), count).unwrap();
        (folder, shop)
    }

    #[test]
    fn a_shop_has_its_products() {
        let (_folder, shop) = shop(1_000);
        let all = shop.all().unwrap();
        assert_eq!((all.len(), shop.count().unwrap()), (1_000, 1_000));
        assert!(all.contains_key("P0000001") && all.contains_key("P0001000"));
        for (id, expected) in &all {
            assert!(id.len() <= 25 && expected.name.len() <= 75, "{id}");
            let (whole, cents) = expected.price.split_once('.').unwrap();
            assert!(
                whole.parse::<u64>().is_ok() && cents.len() == 2,
                "{expected:?}"
            );
        }
        let mode: String = shop
            .connection()
            .query_row("PRAGMA journal_mode", [], |row| row.get(0))
            .unwrap();
        assert_eq!(mode, "wal");
    }

    #[test]
    fn prices_have_two_decimals_however_they_are_stored() {
        let (_folder, shop) = shop(1);
        for (written, expected) in [
            ("12.50", "12.50"),
            ("12", "12.00"),
            ("0.07", "0.07"),
            ("9999999999.99", "9999999999.99"),
        ] {
            shop.set_price("P0000001", written).unwrap();
            assert_eq!(shop.all().unwrap()["P0000001"].price, expected);
        }
    }

    #[test]
    fn every_change_is_seen_by_another_connection() {
        let (_folder, shop) = shop(2);
        shop.insert("new \"one\"", "Ölkännchen", "1.00").unwrap();
        shop.rename("P0000001", "Other").unwrap();
        shop.delete("P0000002").unwrap();
        shop.rewrite("P0000001").unwrap();
        let other = Shop::open(shop.path()).unwrap();
        let all = other.all().unwrap();
        assert_eq!(all.keys().collect::<Vec<_>>(), ["P0000001", "new \"one\""]);
        assert_eq!(all["P0000001"].name, "Other");
    }

    #[test]
    fn rows_that_cannot_be_sent_are_apart() {
        let (_folder, shop) = shop(3);
        shop.set_price("P0000001", "on request").unwrap();
        shop.connection()
            .execute(
                "UPDATE Products SET ProductName = NULL WHERE ProductID = 'P0000002'",
                [],
            )
            .unwrap();
        let unsendable = shop.unsendable().unwrap();
        assert_eq!(Vec::from_iter(unsendable), ["P0000001", "P0000002"]);
        assert_eq!(
            Vec::from_iter(shop.all().unwrap().into_keys()),
            ["P0000003"]
        );
    }

    #[test]
    fn a_shop_is_not_made_by_opening_it() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Shop::open(folder.path().join("none.db")).is_err());
    }
}
