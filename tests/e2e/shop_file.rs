//! What is about a shop that is a file, and not about a shop.

use rusqlite::Connection;
use shopmaster_harness::world::World;
use shopmaster_proto::v1::RunOutcome;

use crate::ctl::{done, json};

/// Without the table that SQLite itself makes for the first `AUTOINCREMENT` and never drops.
fn schema(connection: &Connection) -> Vec<(String, Option<String>)> {
    let mut select = connection
        .prepare(
            "SELECT name, sql FROM sqlite_schema WHERE name <> 'sqlite_sequence' ORDER BY name",
        )
        .unwrap();
    let rows = select
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap();
    rows.map(Result::unwrap).collect()
}

#[tokio::test]
async fn a_planned_capture_can_be_installed_and_removed_by_hand() {
    let world = World::builder().products(3).start().await.unwrap();
    let shop = world.shop.connection();
    let before = schema(shop);
    let plan = json(&world, &["capture", "plan"]).await;
    let text = |key: &str| plan[key].as_str().unwrap().to_owned();
    assert_eq!(schema(shop), before, "planning changed the shop");
    let human = done(&world, &["capture", "plan"]).await;
    assert!(
        human.stdout.contains(text("install").trim())
            && human.stdout.contains(text("remove").trim())
    );
    assert_eq!(
        json(&world, &["capture", "status"]).await["state"],
        "not_installed"
    );

    shop.execute_batch(&text("install")).unwrap();
    let by_hand = schema(shop);
    assert_eq!(
        json(&world, &["capture", "status"]).await["state"],
        "installed"
    );
    let again = json(&world, &["capture", "install"]).await;
    assert_eq!(
        (&again["changed"], &again["capture"]["state"]),
        (&false.into(), &"installed".into())
    );
    world.upload().await.unwrap();
    world.shop.set_price("P0000001", "7.70").unwrap();
    assert_eq!(world.sync().await.unwrap().sent, 1);
    assert_eq!(world.assert_equal().await.unwrap().equal, 3);

    shop.execute_batch(&text("remove")).unwrap();
    assert_eq!(schema(shop), before);
    assert_eq!(
        json(&world, &["capture", "status"]).await["state"],
        "not_installed"
    );
    assert_eq!(json(&world, &["capture", "install"]).await["changed"], true);
    assert_eq!(schema(shop), by_hand);
    let again = done(&world, &["capture", "install"]).await;
    assert!(!again.stdout.is_empty());
    assert_eq!(schema(shop), by_hand);
    let removed = json(&world, &["capture", "remove", "--yes"]).await;
    assert_eq!(
        (&removed["changed"], &removed["capture"]["state"]),
        (&true.into(), &"not_installed".into())
    );
    assert_eq!(schema(shop), before);
    assert_eq!(
        json(&world, &["capture", "remove", "--yes"]).await["changed"],
        false
    );
    let status = world.ctl(&["status", "--check", "--json"]).await.unwrap();
    assert_eq!(status.code, 4);
    assert_eq!(
        status.json().unwrap()["issues"][0]["code"],
        "CAPTURE_NOT_INSTALLED"
    );
}

/// As most SQLite shops declare it.
#[tokio::test]
async fn a_key_that_may_be_null_is_served_and_a_product_without_one_is_refused() {
    let mut world = World::builder().products(3).start().await.unwrap();
    world
        .shop
        .connection()
        .execute_batch(
            "CREATE TABLE Nullable (ProductID TEXT PRIMARY KEY, ProductName TEXT, SellPrice NUMERIC);
             INSERT INTO Nullable VALUES ('P1', 'Soap', 1.5), (NULL, 'Tea', 2), (NULL, 'Salt', 3)",
        )
        .unwrap();
    world
        .reconfigure(|config| {
            config.set("catalog.table", "Nullable");
        })
        .await
        .unwrap();
    done(&world, &["capture", "install"]).await;
    let run = world.upload().await.unwrap();
    // Both rows without a key, which are one product to whoever asks for it.
    assert_eq!((run.sent, run.parked), (1, 2), "{run:?}");
    let parked = json(&world, &["parked"]).await;
    assert!(parked.to_string().contains("the key is NULL"), "{parked}");
    world
        .shop
        .connection()
        .execute_batch("UPDATE Nullable SET SellPrice = 4")
        .unwrap();
    let run = world.sync().await.unwrap();
    assert_eq!(
        (run.sent, run.outcome()),
        (1, RunOutcome::Completed),
        "{run:?}"
    );
    assert_eq!(world.digible.products().len(), 1);
}

mod copies {
    use std::{fs, path::PathBuf, time::Duration};

    use rusqlite::Connection;
    use shopmaster_harness::world::World;
    use shopmaster_standins::shop::Shop;

    use crate::support::{wait_issue, wait_up_to_date};

    /// A shop of its own, so that the till can close it, and an agent that syncs by itself.
    async fn served() -> (World, PathBuf) {
        let mut world = World::builder().automatic().prepare().await.unwrap();
        let path = world.home().join("own.db");
        drop(Shop::create(&path, 20).unwrap());
        world
            .reconfigure(|config| {
                config.set("catalog.path", path.to_string_lossy());
            })
            .await
            .unwrap();
        world.install_capture().await.unwrap();
        world.upload().await.unwrap();
        (world, path)
    }

    fn price(path: &std::path::Path) -> String {
        let copy = Connection::open(path).unwrap();
        copy.query_one(
            "SELECT CAST(SellPrice AS TEXT) FROM Products WHERE ProductID = 'P0000001'",
            [],
            |row| row.get(0),
        )
        .unwrap()
    }

    async fn wait_closed(path: &std::path::Path) {
        let wal = path.with_extension("db-wal");
        let closed = async {
            while wal.exists() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), closed)
            .await
            .expect("the agent keeps the file open");
    }

    #[tokio::test]
    async fn the_day_is_in_a_copy_and_a_restore_stays() {
        let (world, path) = served().await;
        wait_closed(&path).await;
        let monday = world.home().join("monday.db");
        fs::copy(&path, &monday).unwrap();

        let till = Shop::open(&path).unwrap();
        till.set_price("P0000001", "7.70").unwrap();
        world
            .wait_digible(|digible| {
                let products = digible.products();
                products
                    .get(&"P0000001".into())
                    .is_some_and(|it| it.price == "7.70")
            })
            .await
            .unwrap();
        drop(till);
        wait_closed(&path).await;
        let tuesday = world.home().join("tuesday.db");
        fs::copy(&path, &tuesday).unwrap();
        assert_eq!(price(&tuesday), "7.7");
        wait_up_to_date(&world).await;

        fs::rename(&monday, &path).unwrap();
        let monday_price = price(&path);
        assert_ne!(monday_price, "7.7", "the restore was undone");
        // It is noticed: what Digible has may be newer than the shop.
        wait_issue(&world, "NEVER_UPLOADED").await;
        world.upload().await.unwrap();
        wait_up_to_date(&world).await;
        let products = world.digible.products();
        assert_ne!(products[&"P0000001".into()].price, "7.70");
    }
}

mod full_disk {
    use shopmaster_harness::world::World;
    use shopmaster_proto::v1::RunOutcome;

    use crate::{full_disk::SmallDisk, support::wait_up_to_date};

    /// Nothing is written there, so that nothing fails.
    #[tokio::test]
    #[ignore = "needs to mount a small disk: run it as root"]
    async fn without_room_in_the_shops_own_disk_changes_are_sent() {
        let mut world = World::builder().products(3).prepare().await.unwrap();
        let folder = world.home().join("pos");
        let disk = SmallDisk::mount(&folder);
        let path = folder.join("shop.db");
        drop(shopmaster_standins::shop::Shop::create(&path, 200).unwrap());
        let shop = shopmaster_standins::shop::Shop::open(&path).unwrap();
        world
            .reconfigure(|config| {
                config.set("catalog.path", path.to_string_lossy());
            })
            .await
            .unwrap();
        world.install_capture().await.unwrap();
        world.upload().await.unwrap();
        world.sync().await.unwrap();
        world.digible.clear_requests();
        shop.connection()
            .execute("UPDATE Products SET SellPrice = 7.77", [])
            .unwrap();
        disk.fill();
        let run = world.sync().await.unwrap();
        assert_eq!(
            (run.outcome(), run.sent),
            (RunOutcome::Completed, 200),
            "{run:?}"
        );
        disk.free();
        wait_up_to_date(&world).await;
        assert_eq!(world.digible.counts().products_applied, 200);
        for listing in world.digible.products().values() {
            assert_eq!(listing.price, "7.77");
        }
    }
}
