//! The plan is what is run, and what was run is watched.

use shopmaster_catalog::{CaptureStatus, Catalog as _, CatalogError};

use super::{PRODUCTS, Shop};

async fn drift(shop: &Shop) -> String {
    match shop.catalog.capture().await.unwrap() {
        CaptureStatus::Drifted(drift) => drift.text(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_plan_by_hand_is_the_same_as_installing() {
    let (by_hand, by_us) = (Shop::usual(), Shop::usual());
    let before = by_hand.schema();
    let plan = by_hand.catalog.plan().await.unwrap();
    assert_eq!(plan, by_us.catalog.plan().await.unwrap());
    assert!(!plan.install.contains('{'), "{}", plan.install);

    by_hand.run(&plan.install);
    assert!(by_us.catalog.install().await.unwrap());
    assert_eq!(by_hand.schema(), by_us.schema());
    assert_eq!(
        by_hand.catalog.capture().await.unwrap(),
        CaptureStatus::Installed
    );
    assert!(!by_hand.catalog.install().await.unwrap());

    by_hand.run("INSERT INTO Products VALUES ('P1', 'Soap', 1)");
    by_hand.run(&by_hand.catalog.plan().await.unwrap().install);
    assert_eq!(
        by_hand.changes().await,
        ["I P1"],
        "running it again loses changes"
    );

    by_hand.run(&plan.remove);
    assert!(by_us.catalog.remove().await.unwrap());
    assert_eq!(by_hand.schema(), before);
    assert_eq!(by_us.schema(), before);
}

#[tokio::test]
async fn a_repair_is_planned_too() {
    let (by_hand, by_us) = (
        Shop::usual().captured().await,
        Shop::usual().captured().await,
    );
    for shop in [&by_hand, &by_us] {
        shop.run(
            "ALTER TABLE shopmaster_ChangeLog ADD COLUMN x; DROP TRIGGER shopmaster_capture_update",
        );
    }
    by_hand.run(&by_hand.catalog.plan().await.unwrap().install);
    assert!(by_us.catalog.install().await.unwrap());
    assert_eq!(by_hand.schema(), by_us.schema());
    assert_eq!(
        by_hand.catalog.capture().await.unwrap(),
        CaptureStatus::Installed
    );
}

#[tokio::test]
async fn a_dropped_trigger_is_seen_and_mended() {
    let shop = Shop::usual().captured().await;
    shop.run(
        "INSERT INTO Products VALUES ('P1', 'Soap', 1); DROP TRIGGER shopmaster_capture_delete",
    );
    assert_eq!(drift(&shop).await, "`shopmaster_capture_delete` is missing");
    assert!(shop.catalog.install().await.unwrap());
    shop.run("DELETE FROM Products");
    assert_eq!(shop.changes().await, ["D P1"]);
}

#[tokio::test]
async fn an_altered_trigger_is_seen_and_mended() {
    let shop = Shop::usual().captured().await;
    shop.run(
        "DROP TRIGGER shopmaster_capture_insert;
         CREATE TRIGGER shopmaster_capture_insert AFTER INSERT ON Products WHEN 0 BEGIN
             INSERT INTO shopmaster_ChangeLog (ChangeType) VALUES ('INSERT');
         END",
    );
    assert_eq!(
        drift(&shop).await,
        "`shopmaster_capture_insert` is not as it was installed"
    );
    assert!(shop.catalog.install().await.unwrap());
    assert_eq!(
        shop.catalog.capture().await.unwrap(),
        CaptureStatus::Installed
    );
}

#[tokio::test]
async fn a_table_that_was_made_anew_is_seen_and_mended() {
    let shop = Shop::usual().captured().await;
    shop.run(&format!(
        "INSERT INTO Products VALUES ('P1', 'Soap', 1); DROP TABLE Products; {PRODUCTS} WITHOUT ROWID"
    ));
    assert!(
        drift(&shop)
            .await
            .contains("`shopmaster_capture_insert` is missing")
    );
    assert!(shop.catalog.install().await.unwrap());
    assert_eq!(shop.changes().await, ["I P1"]);
}

/// The ChangeLog compares keys as the product table does, or not at all.
#[tokio::test]
async fn another_collation_is_seen_and_keeps_what_waits() {
    let shop = Shop::usual().captured().await;
    shop.run("INSERT INTO Products VALUES ('P1', 'Soap', 1), ('P2', 'Tea', 2)");
    let before = shop.pending().await;
    shop.run(
        "DROP TABLE Products;
         CREATE TABLE Products (ProductID TEXT COLLATE NOCASE NOT NULL PRIMARY KEY, ProductName, SellPrice)",
    );
    assert!(
        drift(&shop)
            .await
            .contains("`shopmaster_ChangeLog` is not as it was installed")
    );
    assert!(shop.catalog.install().await.unwrap());
    assert_eq!(shop.pending().await, before);
    let again = shop.catalog.changes_of(&[super::text("p1")]).await.unwrap();
    assert_eq!(again, before[..1]);
    shop.run("INSERT INTO Products VALUES ('P1', 'Soap', 1)");
    let after = shop.pending().await;
    assert_eq!(after[0], before[1]);
    assert!(after[1].identity.change > before[1].identity.change);
}

#[tokio::test]
async fn what_hangs_on_the_change_log_is_seen_and_taken_away() {
    let shop = Shop::usual().captured().await;
    shop.run("CREATE UNIQUE INDEX once ON shopmaster_ChangeLog (ProductID)");
    assert_eq!(
        drift(&shop).await,
        "the index `once` on `shopmaster_ChangeLog` does not belong to shopMaster"
    );
    assert!(shop.catalog.install().await.unwrap());
    shop.run("INSERT INTO Products VALUES ('P1', 'Soap', 1); UPDATE Products SET SellPrice = 2");
    assert_eq!(shop.changes().await, ["U P1"]);
}

#[tokio::test]
async fn a_key_that_is_not_unique_any_more_is_seen() {
    let shop = Shop::new(
        "CREATE TABLE Products (ProductID TEXT NOT NULL, ProductName, SellPrice);
         CREATE UNIQUE INDEX the_key ON Products (ProductID)",
    )
    .captured()
    .await;
    shop.run("DROP INDEX the_key");
    assert!(
        drift(&shop)
            .await
            .starts_with("`ProductID` cannot be the key: ")
    );
    let CaptureStatus::Drifted(drift) = shop.catalog.capture().await.unwrap() else {
        panic!("nobody saw it");
    };
    // Installing again fails until the key fits.
    let refused = shop.catalog.install().await.unwrap_err();
    assert_eq!(refused.code(), "KEY_UNFIT");
    assert_eq!(drift.remedy(), refused.remedy());
}

#[tokio::test]
async fn capture_moves_to_another_table() {
    let shop = Shop::usual();
    shop.run("CREATE TABLE Old (ProductID TEXT NOT NULL PRIMARY KEY, ProductName, SellPrice)");
    let mut options = shop.catalog.database.options.clone();
    options.mapping.table = "Old".to_owned();
    let old = super::of(options);
    assert!(old.install().await.unwrap());
    shop.run("INSERT INTO Old VALUES ('X', 'Soap', 1)");
    assert!(
        drift(&shop)
            .await
            .contains("the table `Old` is captured instead of `Products`")
    );
    assert!(shop.catalog.install().await.unwrap());
    assert_eq!(shop.changes().await, [""; 0]);
    shop.run(
        "INSERT INTO Old VALUES ('Y', 'Soap', 1); INSERT INTO Products VALUES ('P1', 'Soap', 1)",
    );
    assert_eq!(shop.changes().await, ["I P1"]);
}

#[tokio::test]
async fn names_of_the_shops_own_are_left_alone() {
    for sql in [
        "CREATE TABLE shopmaster_ChangeLog (Note TEXT)",
        "CREATE VIEW shopmaster_Owner AS SELECT 1",
        "CREATE TRIGGER shopmaster_capture_update AFTER UPDATE ON Products BEGIN SELECT 1; END",
    ] {
        let shop = Shop::usual();
        shop.run(sql);
        let before = shop.schema();
        let error = shop.catalog.install().await.unwrap_err();
        assert!(matches!(error, CatalogError::NameTaken(_)), "{error}");
        let error = shop.catalog.remove().await.unwrap_err();
        assert!(matches!(error, CatalogError::NameTaken(_)), "{error}");
        assert_eq!(shop.schema(), before);
    }
}

/// The proof writes a row over itself: it must leave nothing, and mind the shop's own rules.
#[tokio::test]
async fn the_proof_leaves_nothing_behind() {
    for rule in [
        "CREATE TRIGGER rule BEFORE UPDATE ON Products BEGIN SELECT RAISE(ABORT, 'no'); END",
        "CREATE TRIGGER rule BEFORE UPDATE ON Products BEGIN SELECT RAISE(IGNORE); END",
        "CREATE TRIGGER rule AFTER UPDATE ON Products BEGIN SELECT only_the_till_knows(); END",
        "CREATE TRIGGER rule AFTER UPDATE ON Products BEGIN INSERT INTO Seen VALUES (1); END",
        "CREATE TRIGGER rule AFTER UPDATE ON Products BEGIN INSERT INTO Seen VALUES (\"text\"); END",
    ] {
        let shop = Shop::usual();
        shop.run("CREATE TABLE Seen (x); INSERT INTO Products VALUES ('P1', 'Soap', 1)");
        shop.run(rule);
        let shop = shop.captured().await;
        assert_eq!(shop.changes().await, [""; 0]);
        assert_eq!(shop.number("SELECT count(*) FROM Seen"), 0);
    }
}

#[tokio::test]
async fn capture_that_does_not_work_is_told() {
    let shop = Shop::usual();
    shop.run(
        "INSERT INTO Products VALUES ('P1', 'Soap', 1);
         CREATE TRIGGER eats AFTER UPDATE ON Products BEGIN DELETE FROM shopmaster_ChangeLog; END",
    );
    let error = shop.catalog.install().await.unwrap_err();
    assert!(matches!(error, CatalogError::Unproven(_)), "{error}");
}

/// What a shop has installed stays as it is: another text would be drift in every shop.
#[tokio::test]
async fn the_plan_of_a_table_is_what_it_was() {
    let columns = ["ProductID", "ProductName", "SellPrice"];
    let nocase =
        "CREATE TABLE Products (\"the id\" TEXT COLLATE NOCASE NOT NULL PRIMARY KEY, n, p)";
    for (schema, columns, expected) in [
        (PRODUCTS, columns, include_str!("plans/usual.sql")),
        (
            nocase,
            ["the id", "n", "p"],
            include_str!("plans/nocase.sql"),
        ),
    ] {
        let shop = Shop::named(schema, "Products", columns);
        let plan = shop.catalog.plan().await.unwrap();
        let text = format!("{}\n-- remove --\n{}", plan.install, plan.remove);
        assert_eq!(text, expected);
    }
}
