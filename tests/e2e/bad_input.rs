//! What people, tills and networks get wrong: a clear message with the remedy, and nothing lost.

use std::fs;

use rusqlite::Connection;
use shopmaster_harness::world::World;
use shopmaster_proto::{
    Failure,
    v1::{
        ConfigureRequest, ProductState, RunOutcome, Secrets, SecretsSettings, Settings, State,
        SyncSettings, TestConnectionRequest, Verdict,
    },
};
use shopmaster_standins::digible::{Endpoint, Fault, PASSWORD};
use tokio_stream::StreamExt as _;

use crate::support::{codes, confirm, is_over_tds, wait_issue, wait_up_to_date};

async fn with_file(text: &str) -> World {
    let mut world = World::builder().products(3).prepare().await.unwrap();
    fs::write(world.config_file(), text).unwrap();
    world.launch().await.unwrap();
    world
}

fn asides(world: &World) -> Vec<std::path::PathBuf> {
    let files = fs::read_dir(&world.folders().config).unwrap();
    let names = files.map(|file| file.unwrap().path());
    names
        .filter(|path| path.to_string_lossy().contains(".broken-"))
        .collect()
}

#[tokio::test]
async fn an_unknown_key_is_named_with_the_one_that_was_meant() {
    let text = "[digible]\nemial = \"shop@example.com\"\n";
    let world = with_file(text).await;
    let issue = wait_issue(&world, "CONFIG_INVALID").await;
    for part in [
        "config.toml`, line 2",
        "unknown key `digible.emial`",
        "did you mean `digible.email`?",
    ] {
        assert!(issue.text.contains(part), "{}", issue.text);
    }
    assert!(issue.remedy.contains("`shopmasterctl configure`"));
    assert_eq!(fs::read_to_string(world.config_file()).unwrap(), text);
    let refused = world.ctl(&["sync", "--json"]).await.unwrap();
    assert!(refused.stderr.contains("\"CONFIG_INVALID\""), "{refused:?}");
}

#[tokio::test]
async fn a_sql_login_without_a_password_is_an_issue_with_its_remedy() {
    let text = "[catalog]\nkind = \"sqlserver\"\nserver = \"127.0.0.1,1\"\ndatabase = \"Shop\"\ntable = \"dbo.Products\"\nauth = \"sql\"\nusername = \"shop\"\n[digible]\nemail = \"shop@example.com\"\n";
    let mut world = World::builder().products(3).prepare().await.unwrap();
    fs::write(world.config_file(), text).unwrap();
    world.set_env("SHOPMASTER_SQL_PASSWORD", "");
    world.launch().await.unwrap();
    let issue = wait_issue(&world, "SQL_PASSWORD_MISSING").await;
    assert!(issue.remedy.contains("--sql-password-stdin"), "{issue:?}");
}

#[tokio::test]
async fn a_broken_file_is_kept_and_only_a_good_change_replaces_it() {
    let text = "[catalog\nkind = \"sqlite\"\n";
    let world = with_file(text).await;
    let status = world
        .wait_status(|status| !status.issues.is_empty())
        .await
        .unwrap();
    assert_eq!(
        (status.state(), codes(&status)),
        (State::Broken, vec!["CONFIG_INVALID"])
    );
    assert!(status.issues[0].text.contains("line 1"), "{status:?}");

    let refused = world
        .ctl(&["configure", "--base-url", "ftp://nowhere"])
        .await
        .unwrap();
    assert_ne!(refused.code, 0);
    assert_eq!(fs::read_to_string(world.config_file()).unwrap(), text);
    assert_eq!(asides(&world), Vec::<std::path::PathBuf>::new());

    let path = world.shop.path().to_string_lossy().into_owned();
    let url = world.digible.base_url();
    let arguments = [
        "configure",
        "--kind",
        "sqlite",
        "--path",
        &path,
        "--table",
        "Products",
        "--email",
        "shop@example.com",
        "--base-url",
        &url,
        "--secrets-store",
        "file",
        "--automatic",
        "false",
    ];
    let done = world.ctl(&arguments).await.unwrap();
    assert_eq!(done.code, 0, "{done:?}");
    let asides = asides(&world);
    assert_eq!(asides.len(), 1);
    assert_eq!(fs::read_to_string(&asides[0]).unwrap(), text);
    world.install_capture().await.unwrap();
    assert_eq!(world.upload().await.unwrap().sent, 3);
    confirm(&world).await;
    wait_up_to_date(&world).await;
}

fn with_password_in_a_file() -> ConfigureRequest {
    let paths = ["secrets.store", "sync.interval"].map(str::to_owned);
    ConfigureRequest {
        settings: Some(Settings {
            secrets: Some(SecretsSettings {
                store: "file".to_owned(),
            }),
            sync: Some(SyncSettings {
                interval: Some(prost_types::Duration {
                    seconds: 9,
                    nanos: 0,
                }),
                ..SyncSettings::default()
            }),
            ..Settings::default()
        }),
        update_mask: Some(prost_types::FieldMask {
            paths: paths.to_vec(),
        }),
        secrets: Some(Secrets {
            digible_password: Some(PASSWORD.to_owned()),
            sql_password: None,
        }),
        ..ConfigureRequest::default()
    }
}

#[tokio::test]
async fn a_password_that_cannot_be_kept_changes_nothing_at_all() {
    let world = World::builder().products(3).start().await.unwrap();
    world.install_capture().await.unwrap();
    // From here on no login keeps its token over the broken file.
    world.upload().await.unwrap();
    let secrets = world.folders().data.join("secrets.json");
    fs::write(&secrets, "{\"digible-pass").unwrap();
    let before = fs::read(world.config_file()).unwrap();
    let client = &mut world.client().unwrap();
    let refused = client.config.configure(with_password_in_a_file()).await;
    let failure = Failure::from(refused.unwrap_err());
    assert_eq!(failure.code, "SECRETS_UNAVAILABLE", "{failure:?}");
    assert!(
        failure.remedy.starts_with("Move the file away"),
        "{failure:?}"
    );
    assert_eq!(fs::read(world.config_file()).unwrap(), before);
    fs::remove_file(&secrets).unwrap();
    let request = with_password_in_a_file();
    client.config.configure(request).await.unwrap();
    assert_eq!(world.upload().await.unwrap().sent, 3);
}

#[tokio::test]
async fn a_broken_file_stays_when_the_password_cannot_be_kept() {
    let world = with_file("[catalog").await;
    wait_issue(&world, "CONFIG_INVALID").await;
    let secrets = world.folders().data.join("secrets.json");
    fs::write(&secrets, "{\"digible-pass").unwrap();
    let client = &mut world.client().unwrap();
    let refused = client.config.configure(with_password_in_a_file()).await;
    let failure = Failure::from(refused.unwrap_err());
    assert_eq!(failure.code, "SECRETS_UNAVAILABLE", "{failure:?}");
    assert_eq!(fs::read_to_string(world.config_file()).unwrap(), "[catalog");
    assert_eq!(asides(&world), Vec::<std::path::PathBuf>::new());
    wait_issue(&world, "CONFIG_INVALID").await;
}

#[tokio::test]
async fn a_file_that_was_mended_by_hand_is_not_moved() {
    let mut world = World::builder().products(3).prepare().await.unwrap();
    let good = fs::read_to_string(world.config_file()).unwrap();
    fs::write(world.config_file(), "nonsense").unwrap();
    world.launch().await.unwrap();
    wait_issue(&world, "CONFIG_INVALID").await;
    fs::write(world.config_file(), &good).unwrap();
    let done = world.ctl(&["configure", "--interval", "9s"]).await.unwrap();
    assert_eq!(done.code, 0, "{done:?}");
    assert_eq!(asides(&world), Vec::<std::path::PathBuf>::new());
    let expected = good.replace("interval = \"5s\"", "interval = \"9s\"");
    assert_eq!(fs::read_to_string(world.config_file()).unwrap(), expected);
    world.install_capture().await.unwrap();
    assert_eq!(world.upload().await.unwrap().sent, 3);
}

#[tokio::test]
async fn a_file_that_was_broken_by_hand_meanwhile_is_not_changed() {
    let world = World::builder().products(3).start().await.unwrap();
    world.install_capture().await.unwrap();
    fs::write(world.config_file(), "[catalog").unwrap();
    let refused = world
        .ctl(&["configure", "--interval", "9s", "--json"])
        .await
        .unwrap();
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("\"CONFIG_INVALID\""), "{refused:?}");
    assert!(refused.stderr.contains("line 1"), "{refused:?}");
    assert!(
        !refused.stderr.contains("disk"),
        "the remedy is another one: {refused:?}"
    );
    assert_eq!(fs::read_to_string(world.config_file()).unwrap(), "[catalog");
    assert_eq!(world.upload().await.unwrap().sent, 3);
}

/// Every way in which the shop's database is not as configured: the codes of the issue and of the
/// refused call, and a part of the message.
#[tokio::test]
async fn a_wrong_shop_is_described() {
    let mut world = World::builder().products(3).start().await.unwrap();
    world.install_capture().await.unwrap();
    let missing = world.home().join("none.db").to_string_lossy().into_owned();
    let text = world.home().join("text.db");
    fs::write(
        &text,
        "this is a letter to a friend, and long enough for a header".repeat(20),
    )
    .unwrap();
    let text = text.to_string_lossy().into_owned();
    let original = world.shop.path().to_string_lossy().into_owned();
    for (key, value, code, part) in [
        (
            "catalog.path",
            missing.as_str(),
            "DATABASE_UNREACHABLE",
            "not found",
        ),
        ("catalog.path", &text, "DATABASE_DAMAGED", "text.db"),
        (
            "catalog.table",
            "Nothing",
            "TABLE_MISSING",
            "no table `Nothing`",
        ),
        (
            "catalog.columns.price",
            "Cost",
            "COLUMN_MISSING",
            "no column `Cost`",
        ),
    ] {
        if key == "catalog.path" && is_over_tds() {
            continue;
        }
        world
            .reconfigure(|config| {
                config.set(key, value);
            })
            .await
            .unwrap();
        let run = world.upload().await.unwrap();
        assert_eq!(run.outcome(), RunOutcome::Failed, "{value}: {run:?}");
        assert!(run.message.contains(part), "{value}: {}", run.message);
        let refused = world.ctl(&["capture", "install", "--json"]).await.unwrap();
        assert_eq!(refused.code, 1);
        assert!(
            refused.stderr.contains(&format!("\"{code}\"")),
            "{value}: {refused:?}"
        );
        let refused = world.ctl(&["explain", "P1", "--json"]).await.unwrap();
        assert!(
            refused.stderr.contains(&format!("\"{code}\"")),
            "{value}: {refused:?}"
        );
        let issue = wait_issue(&world, code).await;
        assert!(issue.text.contains(part), "{value}: {}", issue.text);
        let status = world.wait_status(|_| true).await.unwrap();
        assert_eq!(status.state(), State::Broken, "{value}: {status:?}");
        let test = world.ctl(&["test"]).await.unwrap();
        assert_eq!(test.code, 1, "{value}: {test:?}");
        world
            .reconfigure(|config| {
                config
                    .set("catalog.path", original.as_str())
                    .set("catalog.table", "Products");
                config.unset("catalog.columns.price");
            })
            .await
            .unwrap();
    }
    assert_eq!(world.upload().await.unwrap().sent, 3);
    assert_eq!(world.assert_equal().await.unwrap().equal, 3);
}

#[tokio::test]
async fn a_key_that_is_not_unique_is_refused() {
    let mut world = World::builder().products(3).start().await.unwrap();
    world
        .shop
        .connection()
        .execute_batch(
            "CREATE TABLE Doubled (ProductID TEXT NOT NULL, ProductName TEXT, SellPrice NUMERIC)",
        )
        .unwrap();
    world
        .reconfigure(|config| {
            config.set("catalog.table", "Doubled");
        })
        .await
        .unwrap();
    let refused = world.ctl(&["capture", "install", "--json"]).await.unwrap();
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("\"KEY_UNFIT\""), "{refused:?}");
    assert!(refused.stderr.contains("unique"), "{refused:?}");
    assert!(refused.stderr.contains("--column-id"), "{refused:?}");
    assert_eq!(world.ctl(&["test"]).await.unwrap().code, 1);
    wait_issue(&world, "CAPTURE_NOT_INSTALLED").await;
}

#[tokio::test]
async fn a_product_that_cannot_be_sent_waits_with_its_reason_until_it_is_mended() {
    let world = World::builder().products(5).start().await.unwrap();
    world.install_capture().await.unwrap();
    world.upload().await.unwrap();
    for (id, column, value) in [
        ("P0000001", "SellPrice", "NULL"),
        ("P0000002", "SellPrice", "'on request'"),
        ("P0000003", "ProductName", "NULL"),
        ("P0000004", "SellPrice", "x'00ff'"),
    ] {
        let sql = format!("UPDATE Products SET {column} = {value} WHERE ProductID = '{id}'");
        world.shop.connection().execute_batch(&sql).unwrap();
    }
    world.shop.set_price("P0000005", "1.23").unwrap();
    let run = world.sync().await.unwrap();
    assert_eq!(
        (run.parked, run.sent, run.outcome()),
        (4, 1, RunOutcome::Completed),
        "{run:?}"
    );
    for refused in &run.refused {
        let reason = &refused.reason;
        assert!(
            reason.contains("price") || reason.contains("name"),
            "{refused:?}"
        );
        assert_eq!(
            world.state_of(&refused.product_id).await.unwrap(),
            ProductState::Parked
        );
    }
    let result = world.assert_equal().await.unwrap();
    assert_eq!((result.equal, result.parked), (1, 4));
    // Again, unchanged: nothing new to say.
    world.shop.rewrite("P0000001").unwrap();
    let run = world.sync().await.unwrap();
    assert_eq!(
        (run.sent, run.outcome()),
        (0, RunOutcome::Completed),
        "{run:?}"
    );
    for id in ["P0000001", "P0000002", "P0000004"] {
        world.shop.set_price(id, "9.99").unwrap();
    }
    world.shop.rename("P0000003", "Named").unwrap();
    assert_eq!(world.sync().await.unwrap().sent, 4);
    let status = wait_up_to_date(&world).await;
    assert_eq!(status.parked, 0);
    assert_eq!(world.assert_equal().await.unwrap().equal, 5);
}

#[tokio::test]
async fn odd_names_and_ids_arrive_byte_for_byte() {
    let world = World::builder().products(2).start().await.unwrap();
    world.install_capture().await.unwrap();
    // SQLite keeps more than the 25 characters that the column is declared with.
    let long = "x".repeat(if is_over_tds() { 25 } else { 100 });
    let ids = [
        "with space",
        " led",
        "trailed ",
        "it's",
        "\"quoted\"",
        "`ticked`",
        "Ölkännchen",
        "日本語",
        "🧴",
        "a/b",
        "../..",
        "a\\b",
        "%20",
        "?x=1#y",
        "tab\there",
        "two\nlines",
        "-dash",
        "0012",
        "12",
        "1e3",
        "null",
        "<b>",
        "a\u{301}",
        "\u{e1}",
        long.as_str(),
    ];
    for id in ids {
        world
            .shop
            .insert(id, &format!("Name of {id}"), "1.50")
            .unwrap();
    }
    world.upload().await.unwrap();
    assert_eq!(world.sync().await.unwrap().sent, 0);
    wait_up_to_date(&world).await;
    assert_eq!(world.assert_equal().await.unwrap().equal, ids.len() + 2);
    for id in ids {
        world.shop.set_price(id, "2.50").unwrap();
    }
    let run = world.sync().await.unwrap();
    assert_eq!((run.sent, run.parked), (ids.len() as u64, 0), "{run:?}");
    assert_eq!(world.assert_equal().await.unwrap().equal, ids.len() + 2);
    for id in &ids {
        let output = world.ctl(&["explain", "--json", "--", id]).await.unwrap();
        let explained = output.json().unwrap();
        assert_eq!(
            (&explained["state"], &explained["product_id"]),
            (&"equal".into(), &(*id).into())
        );
    }
    for id in ids {
        world.shop.delete(id).unwrap();
    }
    assert_eq!(world.sync().await.unwrap().removed, ids.len() as u64);
    let removed = world.ctl(&["removed"]).await.unwrap();
    assert_eq!(removed.code, 0, "{removed:?}");
}

#[tokio::test]
async fn a_name_of_a_megabyte_blocks_nobody() {
    let world = World::builder()
        .products(250)
        .set("digible.timeout", "20s")
        .start()
        .await
        .unwrap();
    world.install_capture().await.unwrap();
    world.shop.rename("P0000100", &"n".repeat(1 << 20)).unwrap();
    let run = world.upload().await.unwrap();
    assert_eq!(
        (run.sent, run.outcome()),
        (250, RunOutcome::Completed),
        "{run:?}"
    );
    // As a stricter Digible does it.
    world.digible.inject(Fault::poison(413, ["P0000100"]));
    for id in ["P0000099", "P0000100", "P0000101"] {
        world.shop.set_price(id, "77.00").unwrap();
    }
    let run = world.sync().await.unwrap();
    assert_eq!((run.sent, run.parked), (2, 1), "{:?}", run.message);
    assert!(
        run.refused[0].reason.contains("413"),
        "{}",
        run.refused[0].reason
    );
    let result = world.assert_equal().await.unwrap();
    assert_eq!((result.equal, result.parked), (249, 1));
}

#[tokio::test]
async fn a_page_where_the_login_should_be_is_no_wrong_password() {
    let world = World::builder().products(3).start().await.unwrap();
    world.install_capture().await.unwrap();
    world.digible.inject(Fault::html().on(Endpoint::Login));
    let run = world.sync().await.unwrap();
    assert_eq!(
        run.outcome(),
        RunOutcome::Completed,
        "nothing to send: {run:?}"
    );
    let mut client = world.client().unwrap();
    let checks = client
        .config
        .test_connection(TestConnectionRequest {})
        .await
        .unwrap()
        .into_inner();
    let checks: Vec<_> = checks
        .map(|answer| answer.unwrap().check.unwrap())
        .collect()
        .await;
    let login = checks.last().unwrap();
    assert_eq!(
        (login.name.as_str(), login.verdict()),
        ("digible.login", Verdict::Failed)
    );
    assert!(login.remedy.contains("internet connection"), "{login:?}");
    world.digible.clear_faults();
    assert_eq!(world.upload().await.unwrap().sent, 3);
    confirm(&world).await;
    wait_up_to_date(&world).await;
}

#[tokio::test]
async fn a_journal_from_a_newer_version_is_left_alone() {
    let mut world = World::builder().products(3).start().await.unwrap();
    world.install_capture().await.unwrap();
    world.upload().await.unwrap();
    world.stop().await.unwrap();
    let journal = world.folders().data.join("journal.sqlite");
    Connection::open(&journal)
        .unwrap()
        .pragma_update(None, "user_version", 99)
        .unwrap();
    let before = fs::read(&journal).unwrap();
    world.launch().await.unwrap();
    let issue = wait_issue(&world, "JOURNAL_NEWER").await;
    assert!(
        issue.text.contains("99") && issue.text.contains("journal.sqlite"),
        "{}",
        issue.text
    );
    let refused = world.ctl(&["upload", "--json"]).await.unwrap();
    assert!(refused.stderr.contains("\"JOURNAL_NEWER\""), "{refused:?}");
    world.stop().await.unwrap();
    assert_eq!(fs::read(&journal).unwrap(), before);
    // The remedy works.
    fs::rename(&journal, world.home().join("aside.sqlite")).unwrap();
    world.launch().await.unwrap();
    wait_issue(&world, "NEVER_UPLOADED").await;
    assert_eq!(world.upload().await.unwrap().sent, 3);
    confirm(&world).await;
    wait_up_to_date(&world).await;
}

#[tokio::test]
async fn a_damaged_journal_is_kept_aside() {
    for damage in ["this was a journal once".repeat(400), String::from("short")] {
        let mut world = World::builder().products(3).start().await.unwrap();
        world.install_capture().await.unwrap();
        world.upload().await.unwrap();
        world.stop().await.unwrap();
        let journal = world.folders().data.join("journal.sqlite");
        fs::write(&journal, &damage).unwrap();
        world.shop.set_price("P0000001", "6.00").unwrap();
        world.launch().await.unwrap();
        wait_issue(&world, "NEVER_UPLOADED").await;
        let kept = fs::read_dir(&world.folders().data).unwrap();
        let kept: Vec<_> = kept.map(|file| file.unwrap().path()).collect();
        let aside = kept
            .iter()
            .find(|path| path.to_string_lossy().contains("journal-"));
        assert_eq!(
            fs::read(aside.expect("nothing was kept aside")).unwrap(),
            damage.as_bytes()
        );
        assert_eq!(
            world.upload().await.unwrap().outcome(),
            RunOutcome::Completed
        );
        confirm(&world).await;
        wait_up_to_date(&world).await;
        assert_eq!(world.assert_equal().await.unwrap().equal, 3);
    }
}
