//! What a change of the configuration does to what the agent knows and to what is going.

use std::{collections::BTreeSet, fs, path::PathBuf};

use serde_json::Value;
use shopmaster_harness::world::World;
use shopmaster_proto::v1::{RunCause, RunKind, RunOutcome, State};
use shopmaster_standins::digible::{
    DigibleSim, Endpoint, Fault, HangEffect, SimOptions, TokenSeen,
};

use crate::support::{codes, confirm, runs, wait_issue, wait_up_to_date};

async fn uploaded(products: usize) -> World {
    let world = World::builder().products(products).start().await.unwrap();
    world.install_capture().await.unwrap();
    world.upload().await.unwrap();
    world
}

async fn configure(world: &World, arguments: &[&str]) -> Value {
    let all = [&["configure", "--json"], arguments].concat();
    let output = world.ctl(&all).await.unwrap();
    assert_eq!(output.code, 0, "{output:?}");
    output.json().unwrap()
}

/// The journals that were kept aside.
fn kept_aside(world: &World) -> BTreeSet<PathBuf> {
    let files = fs::read_dir(&world.folders().data).unwrap();
    files
        .map(|file| file.unwrap().path())
        .filter(|path| {
            let name = path.file_name().unwrap().to_string_lossy();
            name.starts_with("journal-") && name.ends_with(".sqlite")
        })
        .collect()
}

/// Asserts that the agent began anew with an empty journal, and brings it up to date.
async fn assert_fresh(world: &World, kept: usize, products: u64) {
    let issue = wait_issue(world, "NEVER_UPLOADED").await;
    assert_eq!(issue.remedy, "Run `shopmasterctl upload`");
    let status = world.wait_status(|_| true).await.unwrap();
    assert_eq!(
        (status.published, status.state()),
        (0, State::Attention),
        "{status:?}"
    );
    assert_eq!(kept_aside(world).len(), kept);
    assert_eq!(runs(world).await, []);
    let run = world.upload().await.unwrap();
    assert_eq!(run.sent, products);
    // Another journal served the shop's database until now.
    confirm(world).await;
    wait_up_to_date(world).await;
}

/// Asserts that a journal that was kept aside is in use again, old as it is, and brings it up to date.
async fn assert_taken_up(world: &World, kept: usize, products: u64) {
    let issue = wait_issue(world, "NEVER_UPLOADED").await;
    assert_eq!(issue.remedy, "Run `shopmasterctl upload`");
    let replaced = wait_issue(world, "JOURNAL_REPLACED").await;
    assert!(replaced.text.contains("is in use again"), "{replaced:?}");
    let status = world.wait_status(|_| true).await.unwrap();
    assert_eq!(
        (status.published, status.in_doubt, status.state()),
        (products, products, State::Attention),
        "{status:?}"
    );
    assert_eq!(kept_aside(world).len(), kept);
    assert_ne!(runs(world).await, []);
    assert_eq!(world.upload().await.unwrap().sent, products);
    confirm(world).await;
    wait_up_to_date(world).await;
}

#[tokio::test]
async fn another_account_is_asked_for_and_the_way_back_forgets_nothing() {
    let world = uploaded(10).await;
    world
        .digible
        .configure(|settings| settings.email = "other@example.com".to_owned());
    let before = fs::read(world.config_file()).unwrap();
    let refused = world
        .ctl(&["configure", "--email", "other@example.com", "--json"])
        .await
        .unwrap();
    assert_eq!(refused.code, 1, "{refused:?}");
    for part in ["\"JOURNAL_STARTS_OVER\"", "`--yes`"] {
        assert!(refused.stderr.contains(part), "{refused:?}");
    }
    assert_eq!(fs::read(world.config_file()).unwrap(), before);
    wait_up_to_date(&world).await;
    configure(&world, &["--email", "other@example.com", "--yes"]).await;
    assert_fresh(&world, 1, 10).await;
    world
        .digible
        .configure(|settings| settings.email = "shop@example.com".to_owned());
    // What was known of this account is known again: nothing to ask.
    configure(&world, &["--email", "shop@example.com"]).await;
    assert_taken_up(&world, 1, 10).await;
    assert_eq!(world.assert_equal().await.unwrap().equal, 10);
}

#[tokio::test]
async fn another_address_begins_anew() {
    let mut world = uploaded(10).await;
    let other = DigibleSim::start(SimOptions::default()).await.unwrap();
    configure(&world, &["--base-url", &other.base_url(), "--yes"]).await;
    assert_fresh(&world, 1, 10).await;
    assert_eq!(other.count(), 10);
    // A token of the one was never shown to the other.
    assert_eq!(other.counts().logins, 1);
    // The same with a changed file and a restart; a slash at the end is no other address.
    let slash = format!("{}/", world.digible.base_url());
    world
        .reconfigure(|config| {
            config.set("digible.base_url", slash);
        })
        .await
        .unwrap();
    let seen = |world: &World| {
        let requests = world.digible.requests().into_iter();
        requests.map(|request| request.token).collect::<Vec<_>>()
    };
    assert!(!seen(&world).contains(&TokenSeen::Unknown));
    assert_taken_up(&world, 1, 10).await;
    assert!(!seen(&world).contains(&TokenSeen::Unknown));
    let plain = world.digible.base_url();
    world
        .reconfigure(|config| {
            config.set("digible.base_url", plain);
        })
        .await
        .unwrap();
    wait_up_to_date(&world).await;
    assert_eq!(kept_aside(&world).len(), 1);
}

#[tokio::test]
async fn an_account_that_was_never_used_is_corrected_without_a_question() {
    let world = World::builder().products(3).start().await.unwrap();
    world.install_capture().await.unwrap();
    configure(&world, &["--email", "shpo@example.com"]).await;
    configure(&world, &["--email", "shop@example.com"]).await;
    assert_eq!(world.upload().await.unwrap().sent, 3);
    wait_up_to_date(&world).await;
}

#[tokio::test]
async fn another_table_keeps_the_journal_and_wants_its_own_capture() {
    let world = uploaded(10).await;
    world
        .shop
        .connection()
        .execute_batch(
            "CREATE TABLE Items (Nr VARCHAR(25) NOT NULL PRIMARY KEY, ProductName TEXT, SellPrice NUMERIC(18,2));
             INSERT INTO Items SELECT 'I' || ProductID, ProductName, SellPrice FROM Products LIMIT 4;",
        )
        .unwrap();
    configure(&world, &["--table", "Items", "--column-id", "Nr"]).await;
    let status = world
        .wait_status(|status| codes(status).contains(&"NEVER_UPLOADED"))
        .await
        .unwrap();
    assert!(
        codes(&status)
            .iter()
            .any(|code| code.starts_with("CAPTURE_")),
        "{:?}",
        codes(&status)
    );
    let output = world.ctl(&["capture", "install"]).await.unwrap();
    assert_eq!(output.code, 0, "{output:?}");
    wait_issue(&world, "CATALOG_CHANGED").await;
    let status = world.wait_status(|_| true).await.unwrap();
    assert_eq!(
        (status.published, status.in_doubt, status.state()),
        (10, 0, State::Attention),
        "{status:?}"
    );
    assert_eq!(kept_aside(&world).len(), 0);
    assert_eq!(world.upload().await.unwrap().sent, 4);
    // That all of the other table is gone is not believed by itself.
    wait_issue(&world, "CATALOG_SHRANK").await;
    let output = world.ctl(&["upload", "--yes"]).await.unwrap();
    assert_eq!(output.code, 0, "{output:?}");
    // What was sent from the other table is at Digible, and nobody else knows of it.
    let status = world
        .wait_status(|status| status.removed > 0)
        .await
        .unwrap();
    assert_eq!((status.published, status.removed), (4, 10));
    assert_eq!(codes(&status), Vec::<&str>::new());
    world
        .shop
        .connection()
        .execute("UPDATE Items SET SellPrice = 1 WHERE Nr = 'IP0000001'", [])
        .unwrap();
    assert_eq!(world.sync().await.unwrap().sent, 1);
    assert_eq!(world.digible.product("IP0000001").unwrap().price, "1.00");
}

#[tokio::test]
async fn a_price_column_without_digits_is_warned_of_and_digits_are_sent_as_asked() {
    let world = World::builder().products(1).start().await.unwrap();
    world
        .shop
        .connection()
        .execute_batch(
            "CREATE TABLE Items (ProductID TEXT NOT NULL PRIMARY KEY, ProductName TEXT, SellPrice REAL);
             INSERT INTO Items VALUES ('A', 'Soap', 0.1 + 0.2), ('B', 'Salt', 12.5), ('C', 'Oil', 1.239);",
        )
        .unwrap();
    let prices = || ["A", "B", "C"].map(|id| world.digible.product(id).unwrap().price);

    let done = configure(&world, &["--table", "Items"]).await;
    assert_eq!(done["warnings"][0]["name"], "catalog.price_type", "{done}");
    let remedy = done["warnings"][0]["remedy"].as_str().unwrap();
    assert!(remedy.contains("`catalog.price_digits`"), "{remedy}");
    world.install_capture().await.unwrap();
    assert_eq!(world.upload().await.unwrap().sent, 3);
    wait_up_to_date(&world).await;
    assert_eq!(prices(), ["0.3", "12.5", "1.239"]);

    let done = configure(&world, &["--price-digits", "2"]).await;
    assert_eq!(done["settings"]["catalog"]["price_digits"], 2);
    let text = done["warnings"][0]["text"].as_str().unwrap();
    assert!(text.contains("such as 1.239 to 1.24"), "{text}");
    // What Digible has is not what would be sent now.
    let status = world
        .wait_status(|status| codes(status).contains(&"NEVER_UPLOADED"))
        .await
        .unwrap();
    assert!(codes(&status).contains(&"CATALOG_CHANGED"), "{status:?}");
    assert_eq!(
        (status.in_doubt, status.state()),
        (0, State::Attention),
        "{status:?}"
    );
    assert_eq!(world.upload().await.unwrap().sent, 3);
    wait_up_to_date(&world).await;
    assert_eq!(prices(), ["0.30", "12.50", "1.24"]);

    let done = configure(&world, &["--price-digits", "3"]).await;
    assert_eq!(done["warnings"], serde_json::json!([]));
    assert_eq!(world.upload().await.unwrap().sent, 3);
    assert_eq!(prices(), ["0.300", "12.500", "1.239"]);

    let output = world.ctl(&["configure", "--price-digits", "11"]).await;
    let output = output.unwrap();
    assert_eq!(output.code, 1, "{output:?}");
    assert!(
        output.stderr.contains("use a whole number from 0 to 10"),
        "{output:?}"
    );
    let output = world.ctl(&["configure", "--price-digits", ""]).await;
    let output = output.unwrap();
    assert!(
        output.stdout.contains("warn  catalog.price_type"),
        "{output:?}"
    );
    wait_issue(&world, "CATALOG_CHANGED").await;
}

#[tokio::test]
async fn a_change_in_the_middle_of_a_run_is_taken_and_the_run_goes_on() {
    let world = World::builder()
        .products(900)
        .automatic()
        .set("digible.max_in_flight", 1)
        .set("digible.timeout", "1s")
        .start()
        .await
        .unwrap();
    world.install_capture().await.unwrap();
    world
        .digible
        .inject(Fault::hang(HangEffect::AtOnce).on(Endpoint::Batch).once());
    let run = world.start_run(RunKind::Upload).await.unwrap();
    world
        .wait_digible(|digible| digible.counts().batches > 0)
        .await
        .unwrap();
    let done = configure(&world, &["--interval", "7s"]).await;
    assert_eq!(done["changed"], serde_json::json!(["sync.interval"]));
    wait_up_to_date(&world).await;
    assert_eq!(world.assert_equal().await.unwrap().equal, 900);
    let runs = runs(&world).await;
    let interrupted = runs.iter().find(|other| other.id == run.id).unwrap();
    assert_eq!(interrupted.outcome(), RunOutcome::Interrupted);
    let resumed = runs
        .iter()
        .find(|run| run.kind() == RunKind::Upload)
        .unwrap();
    assert_eq!(
        (resumed.cause(), resumed.outcome()),
        (RunCause::Resumed, RunOutcome::Completed)
    );
}

#[tokio::test]
async fn a_change_that_changes_nothing_disturbs_nothing() {
    let world = uploaded(3).await;
    let before = fs::read(world.config_file()).unwrap();
    let done = configure(&world, &["--table", "Products", "--timeout", "2000ms"]).await;
    assert_eq!(done["changed"], Value::Array(Vec::new()));
    assert_eq!(fs::read(world.config_file()).unwrap(), before);
    wait_up_to_date(&world).await;
    assert_eq!(kept_aside(&world).len(), 0);
}

#[tokio::test]
async fn the_environment_wins_over_the_file() {
    let nobody = "http://127.0.0.1:9/v1/business";
    let mut world = World::builder()
        .products(3)
        .set("digible.base_url", nobody)
        .prepare()
        .await
        .unwrap();
    let right = world.digible.base_url();
    world.set_env("SHOPMASTER_DIGIBLE__BASE_URL", &right);
    world.launch().await.unwrap();
    world.install_capture().await.unwrap();
    assert_eq!(world.upload().await.unwrap().sent, 3);
    let shown = world
        .ctl(&["configure", "--show", "--json"])
        .await
        .unwrap()
        .json()
        .unwrap();
    assert_eq!(shown["overridden"], serde_json::json!(["digible.base_url"]));
    assert_eq!(shown["settings"]["digible"]["base_url"], Value::from(right));
    // What is configured goes into the file, and the environment still wins.
    configure(
        &world,
        &[
            "--base-url",
            "http://127.0.0.1:10/v1/business",
            "--interval",
            "9s",
        ],
    )
    .await;
    let file = fs::read_to_string(world.config_file()).unwrap();
    assert!(
        file.contains("127.0.0.1:10/") && file.contains("9s"),
        "{file}"
    );
    world.shop.set_price("P0000001", "5.00").unwrap();
    assert_eq!(world.sync().await.unwrap().sent, 1);
    wait_up_to_date(&world).await;
    assert_eq!(kept_aside(&world).len(), 0);
}

#[tokio::test]
async fn a_wrong_variable_is_no_reason_to_move_a_good_file() {
    let mut world = World::builder()
        .products(3)
        .env("SHOPMASTER_SYNC__INTERVAL", "soon")
        .prepare()
        .await
        .unwrap();
    world.launch().await.unwrap();
    let issue = wait_issue(&world, "CONFIG_INVALID").await;
    assert!(
        issue.text.contains("SHOPMASTER_SYNC__INTERVAL"),
        "{}",
        issue.text
    );
    let before = fs::read(world.config_file()).unwrap();
    let output = world
        .ctl(&["configure", "--table", "Products"])
        .await
        .unwrap();
    assert_eq!(fs::read(world.config_file()).unwrap(), before, "{output:?}");
    assert_eq!(output.code, 1);
    assert!(
        output.stderr.contains("SHOPMASTER_SYNC__INTERVAL"),
        "{output:?}"
    );
}

#[tokio::test]
async fn comments_and_order_in_the_file_survive() {
    let world = World::builder().products(3).prepare().await.unwrap();
    let mut world = world;
    let text = fs::read_to_string(world.config_file()).unwrap();
    let text = text.replace("[sync]", "# never in the morning\n[sync] # mine");
    fs::write(
        world.config_file(),
        format!("# the shop in the high street\n{text}"),
    )
    .unwrap();
    world.launch().await.unwrap();
    configure(&world, &["--interval", "11s", "--batch-size", "50"]).await;
    let after = fs::read_to_string(world.config_file()).unwrap();
    let expected = format!("# the shop in the high street\n{text}").replace("\"5s\"", "\"11s\"");
    for line in expected.lines() {
        assert!(
            after.lines().any(|other| other == line),
            "`{line}` is not in {after}"
        );
    }
    assert!(after.contains("batch_size = 50"), "{after}");
}

#[tokio::test]
async fn a_pause_survives_a_restart_a_change_and_another_account() {
    let mut world = uploaded(3).await;
    let output = world
        .ctl(&["pause", "--until", "2100-01-01T00:00:00Z", "--json"])
        .await
        .unwrap();
    assert_eq!(
        output.json().unwrap()["paused_until"],
        "2100-01-01T00:00:00Z"
    );
    let is_paused = async |world: &World| {
        let status = world.wait_status(|status| status.paused).await.unwrap();
        assert_eq!(status.state(), State::Paused);
        assert_eq!(status.paused_until.unwrap().seconds, 4_102_444_800);
        let refused = world.ctl(&["sync", "--json"]).await.unwrap();
        assert!(refused.stderr.contains("\"PAUSED\""), "{refused:?}");
    };
    is_paused(&world).await;
    world.restart().await.unwrap();
    is_paused(&world).await;
    world.kill9();
    world.launch().await.unwrap();
    is_paused(&world).await;
    configure(&world, &["--interval", "9s"]).await;
    is_paused(&world).await;
    configure(&world, &["--email", "other@example.com", "--yes"]).await;
    is_paused(&world).await;
    world.restart().await.unwrap();
    is_paused(&world).await;
    assert_eq!(world.ctl(&["resume"]).await.unwrap().code, 0);
    world.wait_status(|status| !status.paused).await.unwrap();
}
