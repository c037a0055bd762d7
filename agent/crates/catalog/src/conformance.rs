//! What every catalog must do, whatever database it uses.
//!
//! Tests for the crates that implement a catalog: they panic where a catalog does not conform.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "these are tests, in a crate of their own"
)]
#![allow(
    async_fn_in_trait,
    reason = "implemented and called by tests only, on one thread"
)]
#![allow(missing_docs, reason = "the name of a test says what it tests")]

use shopmaster_product::{ProductId, Row};

use super::{
    CaptureStatus, Catalog, CatalogError, Change, ChangeIdentity, ChangeKind, Lookup, Mapping,
    Owner,
};

mod conditions;
mod racing;

pub use conditions::{
    a_condition_that_fits_no_row_is_refused, a_row_is_left_out_and_comes_back,
    what_is_not_sold_is_left_out,
};
pub use racing::nothing_is_lost_while_tills_write;

/// A program of the shop that writes to the database.
pub trait Till {
    /// Runs SQL.
    async fn run(&mut self, sql: &str);
}

/// A fresh database with an empty table
/// `Products (ProductID VARCHAR(25) NOT NULL PRIMARY KEY, ProductName VARCHAR(100), SellPrice NUMERIC(18,2))`
/// and without capture.
pub trait Shop: Sized {
    /// Whether the ChangeLog keeps every change until it is acknowledged, or only the newest of each key.
    const KEEPS_EACH_CHANGE: bool = true;

    /// Creates the database.
    async fn open() -> Self;

    /// Another agent's catalog over the same table.
    fn another(&self) -> Box<dyn Catalog>;

    /// A catalog over the same database, with its rows mapped to products in another way.
    fn mapped(&self, change: impl FnOnce(&mut Mapping)) -> Box<dyn Catalog>;

    /// The catalog over `Products`.
    fn catalog(&self) -> &dyn Catalog;

    /// Another program of the shop, on a connection of its own.
    async fn another_till(&self) -> impl Till;

    /// Runs SQL as the till.
    async fn till(&self, sql: &str);

    /// Adds this many products in one statement: `P00001` and so on, named `Soap`, priced 1500.
    async fn fill(&self, products: usize);

    /// Installs capture.
    async fn capture(&self) {
        assert!(self.catalog().install().await.unwrap());
        // From here on, as the agent does it.
        self.catalog().newest_change().await.unwrap();
    }

    /// A fresh database with capture installed.
    async fn captured() -> Self {
        let shop = Self::open().await;
        shop.capture().await;
        shop
    }
}

/// Declares one test per behavior. With `$need`, which says what the tests need, they are ignored by default.
#[macro_export]
macro_rules! conforms {
    ($shop:ty $(, $need:literal)?) => {
        $crate::conforms!($shop, [$($need)?]:
            single_changes_are_captured_in_order
            every_row_of_a_statement_is_captured
            a_key_change_is_a_delete_and_an_insert
            a_write_that_changes_nothing_is_a_change
            what_is_rolled_back_is_no_change
            a_statement_without_rows_is_no_change
            ten_thousand_rows_of_one_statement_are_captured
            pending_changes_come_in_pages
            only_the_exact_change_is_acknowledged
            a_change_after_the_reading_stays
            many_changes_are_acknowledged_at_once
            changes_are_found_by_their_keys
            rows_are_read_in_the_order_of_the_keys
            prices_have_the_scale_of_the_column
            a_null_is_a_problem_of_its_row
            odd_keys_come_back_as_they_are
            a_scan_meets_every_row_once
            the_backlog_counts_changes_and_products
            installing_twice_is_the_same_as_once
            removing_takes_everything_away
            without_capture_there_are_no_changes
            the_owner_is_remembered
            a_second_catalog_is_refused
            what_is_not_sold_is_left_out
            a_row_is_left_out_and_comes_back
            a_condition_that_fits_no_row_is_refused
            nothing_is_lost_while_tills_write
        );
    };
    ($shop:ty, $need:tt: $($behaviour:ident)*) => {
        $($crate::conforms!($shop, $need, $behaviour);)*
    };
    ($shop:ty, [$($need:literal)?], $behaviour:ident) => {
        #[tokio::test]
        $(#[ignore = $need])?
        async fn $behaviour() {
            $crate::conformance::$behaviour::<$shop>().await;
        }
    };
}

pub async fn single_changes_are_captured_in_order<S: Shop>() {
    let shop = S::captured().await;
    shop.till("INSERT INTO Products VALUES ('P1', 'Soap', 10)")
        .await;
    shop.till("UPDATE Products SET SellPrice = 12 WHERE ProductID = 'P1'")
        .await;
    shop.till("DELETE FROM Products WHERE ProductID = 'P1'")
        .await;
    let expected = [
        (ChangeKind::Insert, "P1"),
        (ChangeKind::Update, "P1"),
        (ChangeKind::Delete, "P1"),
    ];
    let kept = if S::KEEPS_EACH_CHANGE { 0 } else { 2 };
    assert_eq!(kinds(&all(&shop).await), expected[kept..]);
    // The change stays an insert until it is acknowledged.
    let changes = shop.catalog().changes_of(&[text("P1")]).await.unwrap();
    assert_eq!(kinds(&changes).first(), Some(&expected[0]));
    assert_eq!(kinds(&changes).last(), Some(&expected[2]));
    acknowledge(&shop, &all(&shop).await).await;
    shop.till("INSERT INTO Products VALUES ('P1', 'Soap', 10)")
        .await;
    acknowledge(&shop, &all(&shop).await).await;
    shop.till("DELETE FROM Products").await;
    let changes = shop.catalog().changes_of(&[text("P1")]).await.unwrap();
    assert_eq!(kinds(&changes), expected[2..]);
}

pub async fn every_row_of_a_statement_is_captured<S: Shop>() {
    let shop = S::captured().await;
    shop.till(
        "INSERT INTO Products VALUES ('P1', 'Soap', 10), ('P2', 'Tea', 20), ('P3', 'Salt', 30)",
    )
    .await;
    shop.till("UPDATE Products SET SellPrice = SellPrice + 1 WHERE SellPrice > 10")
        .await;
    shop.till("DELETE FROM Products").await;
    let changes = all(&shop).await;
    if S::KEEPS_EACH_CHANGE {
        assert_eq!(keys_of(&changes, ChangeKind::Insert), ["P1", "P2", "P3"]);
        assert_eq!(keys_of(&changes, ChangeKind::Update), ["P2", "P3"]);
    }
    assert_eq!(keys_of(&changes, ChangeKind::Delete), ["P1", "P2", "P3"]);
    assert_eq!(changes.len(), if S::KEEPS_EACH_CHANGE { 8 } else { 3 });
}

pub async fn a_key_change_is_a_delete_and_an_insert<S: Shop>() {
    let shop = stocked::<S>().await;
    shop.till("UPDATE Products SET ProductID = 'P9' WHERE ProductID = 'P1'")
        .await;
    let changes = all(&shop).await;
    assert_eq!(changes.len(), 2);
    assert_eq!(keys_of(&changes, ChangeKind::Delete), ["P1"]);
    assert_eq!(keys_of(&changes, ChangeKind::Insert), ["P9"]);
}

pub async fn a_write_that_changes_nothing_is_a_change<S: Shop>() {
    let shop = stocked::<S>().await;
    shop.till("UPDATE Products SET SellPrice = SellPrice WHERE ProductID = 'P1'")
        .await;
    assert_eq!(kinds(&all(&shop).await), [(ChangeKind::Update, "P1")]);
}

pub async fn what_is_rolled_back_is_no_change<S: Shop>() {
    let shop = stocked::<S>().await;
    shop.till("BEGIN TRANSACTION; UPDATE Products SET SellPrice = 0; DELETE FROM Products; ROLLBACK TRANSACTION")
        .await;
    assert_eq!(all(&shop).await, []);
    assert_eq!(shop.catalog().newest_change().await.unwrap(), None);
}

pub async fn a_statement_without_rows_is_no_change<S: Shop>() {
    let shop = stocked::<S>().await;
    shop.till("UPDATE Products SET SellPrice = 0 WHERE ProductID = 'none'")
        .await;
    shop.till("DELETE FROM Products WHERE ProductID = 'none'")
        .await;
    assert_eq!(all(&shop).await, []);
}

pub async fn ten_thousand_rows_of_one_statement_are_captured<S: Shop>() {
    let shop = S::captured().await;
    shop.fill(10_000).await;
    let changes = all(&shop).await;
    let mut keys = keys_of(&changes, ChangeKind::Insert);
    keys.dedup();
    assert_eq!((changes.len(), keys.len()), (10_000, 10_000));
}

pub async fn pending_changes_come_in_pages<S: Shop>() {
    let shop = S::captured().await;
    shop.fill(25).await;
    let mut pages = Vec::new();
    let mut after: Option<ChangeIdentity> = None;
    loop {
        let page = shop.catalog().pending(after.as_ref(), 10).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.identity.clone());
        pages.push(page);
    }
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [10, 10, 5]);
    assert_eq!(pages.concat(), all(&shop).await);
}

pub async fn only_the_exact_change_is_acknowledged<S: Shop>() {
    let shop = stocked::<S>().await;
    shop.till("UPDATE Products SET SellPrice = 1 WHERE ProductID = 'P1'")
        .await;
    shop.till("UPDATE Products SET SellPrice = 2 WHERE ProductID = 'P1'")
        .await;
    shop.till("UPDATE Products SET SellPrice = 2 WHERE ProductID = 'P2'")
        .await;
    let changes = all(&shop).await;
    let another = ChangeIdentity::new(changes[0].identity.change, text("P3"));
    let catalog = shop.catalog();
    assert_eq!(catalog.acknowledge(&[another]).await.unwrap(), 0);
    let first = [changes[0].identity.clone()];
    assert_eq!(catalog.acknowledge(&first).await.unwrap(), 1);
    assert_eq!(catalog.acknowledge(&first).await.unwrap(), 0);
    assert_eq!(catalog.acknowledge(&[]).await.unwrap(), 0);
    assert_eq!(all(&shop).await, changes[1..]);
}

pub async fn a_change_after_the_reading_stays<S: Shop>() {
    let shop = stocked::<S>().await;
    shop.till("UPDATE Products SET SellPrice = 1 WHERE ProductID = 'P1'")
        .await;
    let read = all(&shop).await;
    shop.till("UPDATE Products SET SellPrice = 2 WHERE ProductID = 'P1'")
        .await;
    acknowledge(&shop, &read).await;
    let left = all(&shop).await;
    assert_eq!(kinds(&left), [(ChangeKind::Update, "P1")]);
    assert_ne!(left[0].identity, read[0].identity);
    acknowledge(&shop, &left).await;
    shop.till("UPDATE Products SET SellPrice = 3 WHERE ProductID = 'P1'")
        .await;
    let last = all(&shop).await;
    assert!(
        last[0].identity.change > left[0].identity.change,
        "an id was given twice"
    );
}

pub async fn many_changes_are_acknowledged_at_once<S: Shop>() {
    let shop = S::captured().await;
    shop.fill(1_234).await;
    let changes = all(&shop).await;
    acknowledge(&shop, &changes).await;
    assert_eq!(all(&shop).await, []);
}

pub async fn changes_are_found_by_their_keys<S: Shop>() {
    let shop = S::captured().await;
    shop.fill(20).await;
    shop.till("UPDATE Products SET SellPrice = 1 WHERE ProductID = 'P00007'")
        .await;
    let changes = all(&shop).await;
    let expected = changes
        .iter()
        .filter(|change| [text("P00007"), text("P00003")].contains(&change.identity.key))
        .cloned()
        .collect::<Vec<_>>();
    let asked = [text("P00007"), text("none"), text("P00003"), text("P00007")];
    assert_eq!(shop.catalog().changes_of(&asked).await.unwrap(), expected);
    assert_eq!(expected.len(), if S::KEEPS_EACH_CHANGE { 3 } else { 2 });
    assert_eq!(shop.catalog().changes_of(&[]).await.unwrap(), []);
}

pub async fn rows_are_read_in_the_order_of_the_keys<S: Shop>() {
    let shop = stocked::<S>().await;
    let asked = [text("P2"), text("none"), text("P1"), text("P2")];
    let answers = shop.catalog().read(&asked).await.unwrap();
    let ids = answers.iter().map(|answer| match answer {
        Lookup::Found(row) => Some(row.id.to_string()),
        Lookup::Gone | Lookup::LeftOut(_) | Lookup::Locked => None,
    });
    let expected = ["P2", "", "P1", "P2"].map(|id| (!id.is_empty()).then(|| id.to_owned()));
    assert_eq!(ids.collect::<Vec<_>>(), expected);
    assert_eq!(answers[1], Lookup::Gone);
    assert_eq!(shop.catalog().read(&[]).await.unwrap(), []);
}

pub async fn prices_have_the_scale_of_the_column<S: Shop>() {
    let shop = S::open().await;
    shop.till("INSERT INTO Products VALUES ('P1', 'a', 12), ('P2', 'b', 12.5), ('P3', 'c', 19.99), ('P4', 'd', -0.5)")
        .await;
    let rows = shop.catalog().scan(None, 10).await.unwrap();
    let prices = rows.into_iter().map(|row| row.price.unwrap().to_string());
    assert_eq!(
        prices.collect::<Vec<_>>(),
        ["12.00", "12.50", "19.99", "-0.50"]
    );
}

pub async fn a_null_is_a_problem_of_its_row<S: Shop>() {
    let shop = S::open().await;
    shop.till("INSERT INTO Products VALUES ('P1', NULL, 1), ('P2', 'b', NULL), ('P3', 'c', 3)")
        .await;
    let rows = shop.catalog().scan(None, 10).await.unwrap();
    assert_eq!(
        rows[0].name.as_ref().unwrap_err().to_string(),
        "the name is NULL"
    );
    assert_eq!(
        rows[1].price.as_ref().unwrap_err().to_string(),
        "the price is NULL"
    );
    assert!(rows[2].name.is_ok() && rows[2].price.is_ok());
}

pub async fn odd_keys_come_back_as_they_are<S: Shop>() {
    let shop = S::captured().await;
    for key in [
        "O''Brien \"x\"",
        "a b",
        "NULL",
        "1.5",
        "X''AB''",
        "[x]; --",
        "007",
        "%_",
    ] {
        shop.till(&format!("INSERT INTO Products VALUES ('{key}', 'Soap', 1)"))
            .await;
    }
    let changes = all(&shop).await;
    let keys = changes
        .iter()
        .map(|change| change.identity.key.clone())
        .collect::<Vec<_>>();
    let answers = shop.catalog().read(&keys).await.unwrap();
    for (key, answer) in keys.iter().zip(answers) {
        let Lookup::Found(row) = answer else {
            panic!("`{key}` was not found");
        };
        assert_eq!((&row.id, row.name.as_deref()), (key, Ok("Soap")));
    }
    assert_eq!(keys[0], text("O'Brien \"x\""));
    assert_eq!(shop.catalog().changes_of(&keys).await.unwrap(), changes);
    assert_eq!(scan(&shop, 1).await.len(), keys.len());
    acknowledge(&shop, &changes).await;
}

pub async fn a_scan_meets_every_row_once<S: Shop>() {
    let shop = S::open().await;
    shop.fill(2_500).await;
    let ids = scan(&shop, 1_000)
        .await
        .into_iter()
        .map(|row| row.id)
        .collect::<Vec<_>>();
    assert_eq!(ids.len(), 2_500);
    assert!(ids.is_sorted());
    assert_eq!(shop.catalog().count().await.unwrap(), 2_500);
}

pub async fn the_backlog_counts_changes_and_products<S: Shop>() {
    let shop = stocked::<S>().await;
    assert_eq!(
        shop.catalog().backlog().await.unwrap(),
        super::Backlog::default()
    );
    shop.till("UPDATE Products SET SellPrice = 1").await;
    shop.till("UPDATE Products SET SellPrice = 2 WHERE ProductID = 'P1'")
        .await;
    let backlog = shop.catalog().backlog().await.unwrap();
    let changes = all(&shop).await;
    assert_eq!(changes.len(), if S::KEEPS_EACH_CHANGE { 3 } else { 2 });
    assert_eq!(
        (backlog.changes, backlog.products),
        (changes.len() as u64, 2)
    );
    assert_eq!(backlog.oldest_at, Some(changes[0].changed_at));
    assert!(backlog.oldest_age.is_some());
    let newest = shop.catalog().newest_change().await.unwrap();
    assert_eq!(newest, changes.last().map(|change| change.identity.change));
}

pub async fn installing_twice_is_the_same_as_once<S: Shop>() {
    let shop = stocked::<S>().await;
    shop.till("UPDATE Products SET SellPrice = 1 WHERE ProductID = 'P1'")
        .await;
    assert!(!shop.catalog().install().await.unwrap());
    assert_eq!(
        shop.catalog().capture().await.unwrap(),
        CaptureStatus::Installed
    );
    assert_eq!(kinds(&all(&shop).await), [(ChangeKind::Update, "P1")]);
}

pub async fn removing_takes_everything_away<S: Shop>() {
    let shop = stocked::<S>().await;
    assert!(shop.catalog().remove().await.unwrap());
    assert!(!shop.catalog().remove().await.unwrap());
    assert_eq!(
        shop.catalog().capture().await.unwrap(),
        CaptureStatus::NotInstalled
    );
    shop.till("UPDATE Products SET SellPrice = 1").await;
    assert!(shop.catalog().install().await.unwrap());
    assert_eq!(all(&shop).await, []);
}

pub async fn without_capture_there_are_no_changes<S: Shop>() {
    let shop = S::open().await;
    let catalog = shop.catalog();
    let missing = |error| matches!(error, CatalogError::NotInstalled);
    assert!(missing(catalog.pending(None, 10).await.unwrap_err()));
    assert!(missing(
        catalog.changes_of(&[text("P1")]).await.unwrap_err()
    ));
    assert!(missing(catalog.newest_change().await.unwrap_err()));
    assert!(missing(catalog.backlog().await.unwrap_err()));
    let identity = ChangeIdentity::new(1, text("P1"));
    assert!(missing(catalog.acknowledge(&[identity]).await.unwrap_err()));
    assert_eq!(
        catalog.capture().await.unwrap(),
        CaptureStatus::NotInstalled
    );
    let owner = Owner {
        journal: "a".to_owned(),
        generation: 1,
    };
    catalog.set_owner(&owner).await.unwrap();
    assert_eq!(catalog.owner().await.unwrap(), None);
}

pub async fn the_owner_is_remembered<S: Shop>() {
    let shop = S::captured().await;
    assert_eq!(shop.catalog().owner().await.unwrap(), None);
    for (journal, generation) in [("one", 1), ("one", 2), ("two", 1)] {
        let owner = Owner {
            journal: journal.to_owned(),
            generation,
        };
        shop.catalog().set_owner(&owner).await.unwrap();
        assert_eq!(shop.catalog().owner().await.unwrap(), Some(owner));
    }
}

pub async fn a_second_catalog_is_refused<S: Shop>() {
    let shop = S::open().await;
    let another = shop.another();
    shop.catalog().claim().await.unwrap();
    shop.catalog().claim().await.unwrap();
    let error = another.claim().await.unwrap_err();
    assert!(matches!(error, CatalogError::Claimed(_)), "{error}");
}

/// A database with two products and no changes.
async fn stocked<S: Shop>() -> S {
    let shop = S::open().await;
    shop.till("INSERT INTO Products VALUES ('P1', 'Soap', 10), ('P2', 'Tea', 20)")
        .await;
    shop.capture().await;
    assert_eq!(all(&shop).await, [], "the proof left something behind");
    shop
}

async fn all<S: Shop>(shop: &S) -> Vec<Change> {
    shop.catalog().pending(None, usize::MAX).await.unwrap()
}

async fn acknowledge<S: Shop>(shop: &S, changes: &[Change]) {
    let identities = changes
        .iter()
        .map(|change| change.identity.clone())
        .collect::<Vec<_>>();
    let settled = shop.catalog().acknowledge(&identities).await.unwrap();
    if S::KEEPS_EACH_CHANGE {
        assert_eq!(settled, changes.len() as u64);
    }
    let left = all(shop).await;
    assert!(changes.iter().all(|change| !left.contains(change)));
}

/// Every row, `limit` at a time.
async fn scan<S: Shop>(shop: &S, limit: usize) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    loop {
        let after = rows.last().map(|row| row.id.clone());
        let page = shop.catalog().scan(after.as_ref(), limit).await.unwrap();
        if page.is_empty() {
            return rows;
        }
        assert!(page.len() <= limit);
        rows.extend(page);
    }
}

fn kinds(changes: &[Change]) -> Vec<(ChangeKind, &str)> {
    changes
        .iter()
        .map(|change| (change.kind, spelled(change)))
        .collect()
}

fn keys_of(changes: &[Change], kind: ChangeKind) -> Vec<&str> {
    let mut keys = changes
        .iter()
        .filter(|change| change.kind == kind)
        .map(spelled)
        .collect::<Vec<_>>();
    keys.sort_unstable();
    keys
}

fn spelled(change: &Change) -> &str {
    match &change.identity.key {
        ProductId::Text(text) => text,
        ProductId::Integer(number) => panic!("{number} is no text"),
    }
}

fn text(key: &str) -> ProductId {
    ProductId::Text(key.to_owned())
}
