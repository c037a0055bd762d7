//! The printed texts by hand: in the wrong database, in part, after a failure, and beside a till.

use shopmaster_catalog::{CaptureStatus, Catalog as _};

use super::{
    changes, objects,
    plan::{batches, is_installed, trigger},
    shop::{PRODUCTS, Shop, Till},
};
use crate::SqlServerCatalog;

/// The trigger as the first version installed it.
const EARLIER: &str = include_str!("../sql/earlier/create_trigger_1.sql");

/// What a printed text is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Install,
    Remove,
}

/// A shop in some state, and what brings a shop there.
#[derive(Debug, Clone, Copy)]
enum State {
    Fresh,
    Installed,
    /// The trigger is off.
    Disabled,
    /// The trigger is an earlier version's.
    Outdated,
    /// The ChangeLog has a column too many; what waits is kept.
    Widened,
    /// Another table is captured.
    Moved,
    /// The view and the owner's table are gone.
    Plundered,
}

impl State {
    async fn make(self) -> Shop {
        let shop = Shop::usual().await;
        shop.run("INSERT INTO Products VALUES ('P1', 'Soap', 1)")
            .await;
        if let Self::Fresh = self {
            return shop;
        }
        if let Self::Moved = self {
            shop.run(&PRODUCTS.replace("Products", "Others")).await;
            assert!(shop.over("dbo.Others").install().await.unwrap());
            return shop;
        }
        assert!(shop.catalog().install().await.unwrap());
        let name = trigger(&shop).await;
        match self {
            Self::Fresh | Self::Moved | Self::Installed => {}
            Self::Disabled => {
                shop.run(&format!("ALTER TABLE Products DISABLE TRIGGER {name}"))
                    .await;
            }
            Self::Outdated => put_earlier_trigger(&shop).await,
            Self::Widened => {
                shop.run("DROP VIEW shopmaster.Pending").await;
                shop.run("ALTER TABLE shopmaster.ChangeLog ADD Extra INT NULL")
                    .await;
            }
            Self::Plundered => {
                shop.run("DROP VIEW shopmaster.Pending").await;
                shop.run("DROP TABLE shopmaster.Owner").await;
            }
        }
        shop
    }
}

async fn put_earlier_trigger(shop: &Shop) {
    let rows = shop
        .run("SELECT m.definition FROM sys.sql_modules AS m INNER JOIN sys.triggers AS t ON t.object_id = m.object_id")
        .await;
    // Engines differ in how they spell a name that they were given.
    let todays = super::text(&rows[0], 0);
    let between = |before: &str, behind: &str| {
        let (_, rest) = todays.split_once(before).unwrap();
        rest.split_once(behind).unwrap().0.trim().to_owned()
    };
    let name = between("CREATE TRIGGER ", " ON ");
    let text = EARLIER
        .replace("{trigger}", &name)
        .replace("{table}", &between(" ON ", " AFTER "))
        .replace("{same}", &between("FULL JOIN deleted AS d ON ", "\n"))
        .replace("{id}", &between("WHEN d.", " IS NULL"));
    shop.run(&format!("DROP TRIGGER {name}")).await;
    shop.run(&text).await;
}

/// Runs those batches of a script whose bits are set, and goes on after a failure, as Management Studio does.
/// Gives how many were refused.
async fn run_some(till: &mut Till, script: &[&str], chosen: u32) -> usize {
    let mut refused = 0;
    for (place, batch) in script.iter().enumerate() {
        if chosen & (1 << place) != 0 && till.try_run(batch).await.is_err() {
            refused += 1;
        }
    }
    refused
}

/// Whether there is a trigger of ours, and whether there is a ChangeLog.
async fn has(shop: &Shop) -> (bool, bool) {
    let names = objects(shop).await;
    let has = |word: &str| names.iter().any(|name| name.to_lowercase().contains(word));
    (has("shopmaster_capture_"), has("shopmaster changelog u"))
}

/// A sale goes through, and nothing of it is left.
async fn sells(shop: &Shop, why: &str) {
    let mut till = shop.another_till().await;
    for sale in [
        "INSERT INTO Products VALUES ('Sale', 'Tea', 2)",
        "UPDATE Products SET SellPrice = 3 WHERE ProductID = 'Sale'",
        "UPDATE Products SET ProductID = 'Sold' WHERE ProductID = 'Sale'",
        "DELETE FROM Products WHERE ProductID = 'Sold'",
    ] {
        if let Err(error) = till.try_run(sale).await {
            panic!("{why}: {error}");
        }
    }
}

async fn printed(catalog: &SqlServerCatalog, way: Way) -> String {
    let plan = catalog.plan().await.unwrap();
    match way {
        Way::Install => plan.install,
        Way::Remove => plan.remove,
    }
}

#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn no_part_of_a_text_breaks_a_sale() {
    let mut parts = 0;
    for (state, way) in [
        (State::Fresh, Way::Install),
        (State::Disabled, Way::Install),
        (State::Outdated, Way::Install),
        (State::Widened, Way::Install),
        (State::Moved, Way::Install),
        (State::Plundered, Way::Install),
        (State::Installed, Way::Remove),
        (State::Widened, Way::Remove),
        (State::Moved, Way::Remove),
    ] {
        let count = {
            let shop = state.make().await;
            batches(&printed(shop.catalog(), way).await).len()
        };
        for chosen in 0..1_u32 << count {
            parts += 1;
            let why = format!("{state:?}, {way:?}, batches {chosen:b} of {count}");
            let shop = state.make().await;
            let script = printed(shop.catalog(), way).await;
            let all = chosen + 1 == 1 << count;
            run_some(&mut shop.another_till().await, &batches(&script), chosen).await;
            let (has_trigger, has_log) = has(&shop).await;
            assert!(has_log || !has_trigger, "{why}");
            if way == Way::Remove && all {
                assert_eq!((has_trigger, has_log), (false, false), "{why}");
            }
            if way == Way::Install && all {
                is_installed(&shop).await;
            }
            sells(&shop, &why).await;
            // Whatever was done by hand, the agent finishes it.
            match way {
                Way::Install => {
                    shop.catalog().install().await.unwrap();
                    is_installed(&shop).await;
                }
                Way::Remove => {
                    shop.catalog().remove().await.unwrap();
                    let status = shop.catalog().capture().await.unwrap();
                    assert_eq!(status, CaptureStatus::NotInstalled, "{why}");
                }
            }
            sells(&shop, &why).await;
        }
    }
    assert!(parts >= 20, "{parts}");
}

#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn in_another_database_nothing_is_done() {
    let elsewhere = State::Installed.make().await;
    let empty = State::Fresh.make().await;
    let before = (objects(&elsewhere).await, objects(&empty).await);
    for (state, way) in [
        (State::Fresh, Way::Install),
        (State::Widened, Way::Install),
        (State::Plundered, Way::Install),
        (State::Installed, Way::Remove),
    ] {
        let shop = state.make().await;
        let script = printed(shop.catalog(), way).await;
        let script = batches(&script);
        for other in [&elsewhere, &empty] {
            for chosen in 1..1_u32 << script.len() {
                let mut till = other.another_till().await;
                let refused = run_some(&mut till, &script, chosen).await;
                assert_eq!(refused, chosen.count_ones() as usize, "{state:?} {way:?}");
            }
            let error = other.another_till().await.try_run(script[0]).await;
            let error = error.unwrap_err().to_string();
            assert!(error.contains(&shop.options.database), "{error}");
        }
    }
    assert_eq!(before, (objects(&elsewhere).await, objects(&empty).await));
    is_installed(&elsewhere).await;
    sells(&elsewhere, "elsewhere").await;
}

/// A report that reads the table, or a sale that is not finished, keeps a trigger from being dropped; then
/// what it writes to stays, too.
#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn a_till_that_is_at_the_table_keeps_all_of_capture() {
    for (state, way) in [
        (State::Installed, Way::Remove),
        (State::Widened, Way::Install),
        (State::Moved, Way::Install),
    ] {
        let shop = state.make().await;
        let script = printed(shop.catalog(), way).await;
        let before = objects(&shop).await;
        let mut report = shop.another_till().await;
        report
            .run("BEGIN TRANSACTION; UPDATE Products SET SellPrice = 9 WHERE ProductID = 'P1'")
            .await;
        if let State::Moved = state {
            report
                .run("INSERT INTO Others VALUES ('O1', 'Oil', 1)")
                .await;
        }
        let script = batches(&script);
        let all = (1 << script.len()) - 1;
        let refused = run_some(&mut shop.another_till().await, &script, all).await;
        assert_eq!(refused, script.len(), "{state:?} {way:?}");
        assert_eq!(objects(&shop).await, before, "{state:?} {way:?}");
        report.run("ROLLBACK TRANSACTION").await;
        sells(&shop, "after the report").await;
    }
}

/// A COMMIT would end the inner transaction alone, and the table would be locked until somebody notices.
#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn nothing_is_done_inside_of_an_open_transaction() {
    for (state, way) in [
        (State::Fresh, Way::Install),
        (State::Installed, Way::Remove),
    ] {
        let shop = state.make().await;
        let script = printed(shop.catalog(), way).await;
        let before = objects(&shop).await;
        let mut window = shop.another_till().await;
        window.run("BEGIN TRANSACTION").await;
        let error = window.try_run(&script.replace("\nGO\n", "\n")).await;
        let error = error.unwrap_err().to_string();
        assert!(error.contains("A transaction is open"), "{error}");
        window.run("IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION").await;
        assert_eq!(objects(&shop).await, before);
        sells(&shop, "in an open transaction").await;
    }
}

/// It works, and it is brought up to date in one piece: what waits stays, and nothing is missed.
#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn a_trigger_of_an_earlier_version_is_told_and_changed_over() {
    let shop = State::Outdated.make().await;
    shop.run("UPDATE Products SET SellPrice = 5").await;
    let status = shop.catalog().capture().await.unwrap();
    let CaptureStatus::Outdated(what) = &status else {
        panic!("{status:?}");
    };
    assert!(what.contains("earlier version"), "{what}");
    let plan = shop.catalog().plan().await.unwrap();
    assert_eq!(batches(&plan.install).len(), 1, "{}", plan.install);
    assert!(shop.catalog().install().await.unwrap());
    is_installed(&shop).await;
    assert!(!shop.catalog().install().await.unwrap());
    shop.run("DELETE FROM Products").await;
    assert_eq!(changes(&shop).await, ["UPDATE P1", "DELETE P1"]);

    // What is off does not work, whoever wrote it.
    let shop = State::Outdated.make().await;
    let name = trigger(&shop).await;
    shop.run(&format!("ALTER TABLE Products DISABLE TRIGGER {name}"))
        .await;
    let status = shop.catalog().capture().await.unwrap();
    assert!(matches!(status, CaptureStatus::Drifted(_)), "{status:?}");
}
