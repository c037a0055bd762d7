//! The till: what it writes, and what the shop's table contains.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior, params, types::ValueRef};
use shopmaster_standins::{
    digible::{Listing, ProductId},
    shop::price_text,
};

use super::plan::{Journal, Key, Serves, ShopPlan, Write};

/// How long a till waits for a lock, as point-of-sale programs do.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// How often a till retries a sale that the database refused because another connection wrote.
const TRIES: u32 = 5;

/// A product that no case touches: if Digible accepted nothing at all, the agent would rightly assume that it refuses
/// everything, and stop.
const HEALTHY: u32 = 900;

/// The table that the view reads beside the products.
const SURCHARGES: &str = "
    CREATE TABLE Surcharges (ID INTEGER NOT NULL PRIMARY KEY, Cents INTEGER NOT NULL);
    INSERT INTO Surcharges VALUES (1, 0), (2, 0)";
/// The view.
const SHOWN: &str = "
    CREATE VIEW Shown AS
    SELECT p.ProductID, p.ProductName, round(p.SellPrice + s.Cents / 100.0, 2) AS SellPrice, p.Surcharge
    FROM Products AS p JOIN Surcharges AS s ON s.ID = p.Surcharge
    WHERE p.Sold = 1";

/// The rows of the shop's table, as Digible should show them; none for a row that cannot be sent.
pub(super) type Rows = BTreeMap<ProductId, Option<Listing>>;

/// A till on a connection of its own.
#[derive(Debug)]
pub(super) struct Till {
    path: PathBuf,
    key: Key,
    connection: Connection,
}

impl Till {
    /// Replaces the table by a new one, and opens a till. No other connection than `before` may have the database open.
    pub(super) fn make(path: &Path, before: &Connection, shop: ShopPlan) -> rusqlite::Result<Self> {
        before.execute_batch("DROP TABLE Products")?;
        let mode = match shop.journal {
            Journal::Wal => "WAL",
            Journal::Rollback => "DELETE",
        };
        before.pragma_update(None, "journal_mode", mode)?;
        let till = Self::open(path, shop.key)?;
        let sql = table("Products", shop.key);
        till.connection.execute_batch("BEGIN IMMEDIATE")?;
        till.connection.execute_batch(&sql)?;
        till.connection.execute_batch(SURCHARGES)?;
        till.connection.execute_batch(SHOWN)?;
        for slot in (0..shop.products).chain([HEALTHY]) {
            till.write(Write::Put(slot, 100 + slot))?;
        }
        till.connection.execute_batch("COMMIT")?;
        Ok(till)
    }

    pub(super) fn open(path: &Path, key: Key) -> rusqlite::Result<Self> {
        let connection = Connection::open(path)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        Ok(Self {
            path: path.to_owned(),
            key,
            connection,
        })
    }

    /// Another till in the same shop.
    pub(super) fn another(&self) -> rusqlite::Result<Self> {
        Self::open(&self.path, self.key)
    }

    /// Writes in one transaction.
    pub(super) fn sell(&self, writes: &[Write]) -> rusqlite::Result<()> {
        self.tried(|| self.transaction(TransactionBehavior::Immediate, || self.write_all(writes)))
    }

    /// Reads, waits, and writes in one deferred transaction, as many programs do.
    pub(super) fn sell_slowly(&self, wait: Duration, writes: &[Write]) -> rusqlite::Result<()> {
        self.tried(|| {
            self.transaction(TransactionBehavior::Deferred, || {
                let _count: i64 =
                    self.connection
                        .query_row("SELECT count(*) FROM Products", [], |row| row.get(0))?;
                std::thread::sleep(wait);
                self.write_all(writes)
            })
        })
    }

    /// Rebuilds the table without triggers, and writes to it.
    pub(super) fn rebuild(&self, writes: &[Write]) -> rusqlite::Result<()> {
        // SQLite does not rename a table while a view lacks it.
        let copy = format!(
            "{}; INSERT INTO Rebuilt SELECT * FROM Products; DROP VIEW Shown; DROP TABLE Products;
             ALTER TABLE Rebuilt RENAME TO Products; {SHOWN}",
            table("Rebuilt", self.key)
        );
        self.tried(|| {
            self.transaction(TransactionBehavior::Immediate, || {
                self.connection.execute_batch(&copy)?;
                self.write_all(writes)
            })
        })
    }

    /// The rows that are served.
    pub(super) fn rows(&self, serves: Serves) -> rusqlite::Result<Rows> {
        let from = match serves {
            Serves::Table => "Products",
            Serves::Sold => "Products WHERE Sold = 1",
            Serves::View => "Shown",
        };
        let select = format!("SELECT ProductID, ProductName, SellPrice FROM {from}");
        let mut select = self.connection.prepare_cached(&select)?;
        let rows = select.query_map([], |row| {
            let id = match row.get_ref(0)? {
                ValueRef::Integer(number) => ProductId::Number(number),
                _ => ProductId::Text(row.get(0)?),
            };
            let name: Option<String> = row.get(1)?;
            let listing = name
                .zip(price_text(row.get_ref(2)?))
                .map(|(name, price)| Listing { name, price });
            Ok((id, listing))
        })?;
        rows.collect()
    }

    /// Makes a sale. If the database refuses it because of another connection, the whole sale is retried.
    fn tried(&self, sale: impl Fn() -> rusqlite::Result<()>) -> rusqlite::Result<()> {
        let mut left = TRIES;
        loop {
            left -= 1;
            match sale() {
                Err(error) if left > 0 && is_busy(&error) => {}
                result => return result,
            }
        }
    }

    fn transaction(
        &self,
        behavior: TransactionBehavior,
        work: impl FnOnce() -> rusqlite::Result<()>,
    ) -> rusqlite::Result<()> {
        let transaction = rusqlite::Transaction::new_unchecked(&self.connection, behavior)?;
        work()?;
        transaction.commit()
    }

    fn write_all(&self, writes: &[Write]) -> rusqlite::Result<()> {
        writes.iter().try_for_each(|write| self.write(*write))
    }

    fn write(&self, write: Write) -> rusqlite::Result<()> {
        match write {
            Write::Price(slot, cents) => self.execute(
                "UPDATE Products SET SellPrice = ?2 WHERE ProductID = ?1",
                params![self.name(slot), price(cents)],
            ),
            Write::RaiseAll => self.execute(
                "UPDATE Products SET SellPrice = round(SellPrice + 0.01, 2)",
                [],
            ),
            Write::Rename(slot, number) => self.execute(
                "UPDATE Products SET ProductName = ?2 WHERE ProductID = ?1",
                params![self.name(slot), format!("Renamed {number}")],
            ),
            Write::Put(slot, cents) => self.execute(
                "INSERT INTO Products (ProductID, ProductName, SellPrice) VALUES (?1, ?2, ?3)
                 ON CONFLICT (ProductID) DO UPDATE SET SellPrice = excluded.SellPrice",
                params![self.name(slot), format!("Product {slot}"), price(cents)],
            ),
            Write::Replace(slot, cents) => self.execute(
                "INSERT OR REPLACE INTO Products (ProductID, ProductName, SellPrice) VALUES (?1, ?2, ?3)",
                params![self.name(slot), format!("Product {slot}"), price(cents)],
            ),
            Write::Delete(slot) => self.execute(
                "DELETE FROM Products WHERE ProductID = ?1",
                params![self.name(slot)],
            ),
            Write::Rekey(from, to) => self.execute(
                "UPDATE OR IGNORE Products SET ProductID = ?2 WHERE ProductID = ?1",
                params![self.name(from), self.name(to)],
            ),
            Write::Respell(slot) => self.respell(slot),
            Write::Rewrite(slot) => self.execute(
                "UPDATE Products SET ProductName = ProductName, SellPrice = SellPrice
                 WHERE ProductID = ?1",
                params![self.name(slot)],
            ),
            Write::Spoil(slot) => self.execute(
                "UPDATE Products SET SellPrice = NULL WHERE ProductID = ?1",
                params![self.name(slot)],
            ),
            Write::Sell(slot, is_sold) => self.execute(
                "UPDATE Products SET Sold = ?2 WHERE ProductID = ?1",
                params![self.name(slot), is_sold],
            ),
            Write::Surcharge(surcharge, cents) => self.execute(
                "UPDATE Surcharges SET Cents = ?2 WHERE ID = ?1",
                params![surcharge, cents],
            ),
            Write::Charge(slot, surcharge) => self.execute(
                "UPDATE Products SET Surcharge = ?2 WHERE ProductID = ?1",
                params![self.name(slot), surcharge],
            ),
        }
    }

    fn respell(&self, slot: u32) -> rusqlite::Result<()> {
        if self.key != Key::Nocase {
            return Ok(());
        }
        let now: Option<String> = self
            .connection
            .query_row(
                "SELECT ProductID FROM Products WHERE ProductID = ?1",
                params![self.name(slot)],
                |row| row.get(0),
            )
            .optional()?;
        let Some(now) = now else {
            return Ok(());
        };
        let other = if now == now.to_lowercase() {
            now.to_uppercase()
        } else {
            now.to_lowercase()
        };
        self.execute(
            "UPDATE Products SET ProductID = ?2 WHERE ProductID = ?1",
            params![now, other],
        )
    }

    fn name(&self, slot: u32) -> rusqlite::types::Value {
        match key_of(self.key, slot) {
            ProductId::Number(number) => number.into(),
            ProductId::Text(text) => text.into(),
        }
    }

    fn execute(&self, sql: &str, values: impl rusqlite::Params) -> rusqlite::Result<()> {
        let mut statement = self.connection.prepare_cached(sql)?;
        statement.execute(values).map(drop)
    }
}

/// The key of a slot's product, in its first spelling.
pub(super) fn key_of(key: Key, slot: u32) -> ProductId {
    match key {
        Key::Text => ProductId::Text(format!("P{slot:03}")),
        Key::Integer => ProductId::Number(1_000 + i64::from(slot)),
        Key::Nocase => ProductId::Text(format!("ab{slot:03}")),
    }
}

fn table(name: &str, key: Key) -> String {
    let key = match key {
        Key::Text => "VARCHAR(25) NOT NULL PRIMARY KEY",
        Key::Integer => "INTEGER NOT NULL PRIMARY KEY",
        Key::Nocase => "VARCHAR(25) COLLATE NOCASE NOT NULL PRIMARY KEY",
    };
    format!(
        "CREATE TABLE {name} (ProductID {key}, ProductName VARCHAR(75), SellPrice NUMERIC(18,2),
         Sold INTEGER NOT NULL DEFAULT 1, Surcharge INTEGER NOT NULL DEFAULT 1)"
    )
}

fn price(cents: u32) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}

fn is_busy(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{DatabaseBusy, DatabaseLocked};
    matches!(
        error.sqlite_error_code(),
        Some(DatabaseBusy | DatabaseLocked)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn till(key: Key) -> (tempfile::TempDir, Till) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shop.db");
        let before = Connection::open(&path).unwrap();
        before.execute_batch("CREATE TABLE Products (x)").unwrap();
        let shop = ShopPlan {
            journal: Journal::Rollback,
            key,
            products: 2,
            serves: Serves::Table,
        };
        let till = Till::make(&path, &before, shop).unwrap();
        (folder, till)
    }

    /// Each key with its price, except the product that no case touches.
    fn prices(till: &Till) -> Vec<String> {
        let rows = till.rows(Serves::Table).unwrap().into_iter();
        let healthy = key_of(till.key, HEALTHY);
        rows.filter(|(id, _)| *id != healthy)
            .map(|(id, row)| format!("{id} {}", row.map_or_else(String::new, |row| row.price)))
            .collect()
    }

    #[test]
    fn each_write_does_what_it_says() {
        let (_folder, till) = till(Key::Nocase);
        assert_eq!(prices(&till), ["ab000 1.00", "ab001 1.01"]);
        till.sell(&[Write::Price(0, 250), Write::Rekey(1, 7), Write::Put(2, 5)])
            .unwrap();
        assert_eq!(prices(&till), ["ab000 2.50", "ab002 0.05", "ab007 1.01"]);
        till.sell(&[Write::Respell(0), Write::Rekey(2, 7), Write::Spoil(7)])
            .unwrap();
        assert_eq!(prices(&till), ["AB000 2.50", "ab002 0.05", "ab007 "]);
        till.sell_slowly(Duration::ZERO, &[Write::Respell(0), Write::Delete(7)])
            .unwrap();
        assert_eq!(prices(&till), ["ab000 2.50", "ab002 0.05"]);
        till.rebuild(&[Write::Replace(0, 300), Write::RaiseAll])
            .unwrap();
        assert_eq!(prices(&till), ["ab000 3.01", "ab002 0.06"]);
    }

    #[test]
    fn integer_keys_are_numbers() {
        let (_folder, till) = till(Key::Integer);
        let rows = till.rows(Serves::Table).unwrap();
        assert!(rows.contains_key(&ProductId::Number(1_001)));
    }
}
