//! The real `shopmasterctl`, as scripts and people call it.

use std::{collections::BTreeSet, process::Stdio};

use serde_json::Value;
use shopmaster_harness::world::{CtlOutput, World};
use shopmaster_standins::digible::{Endpoint, Fault, HangEffect, PASSWORD};
use tokio::{io::AsyncReadExt as _, time::timeout};

use crate::support::{SECONDS, ctl_with, is_over_tds, wait_up_to_date};

const STATUS_KEYS: [(&str, &str); 30] = [
    ("version", "string"),
    ("state", "string"),
    ("headline", "string"),
    ("pending", "number"),
    ("oldest_pending_at", "time"),
    ("in_doubt", "number"),
    ("confirming", "number"),
    ("confirming_until", "time"),
    ("parked", "number"),
    ("dismissed", "number"),
    ("removed", "number"),
    ("published", "number"),
    ("paused", "boolean"),
    ("paused_until", "time"),
    ("blocked_until", "time"),
    ("next_sync_at", "time"),
    ("last_sent_at", "time"),
    ("last_compared_at", "time"),
    ("last_sync", "run"),
    ("current_run", "run"),
    ("session", "object"),
    ("capture", "object"),
    ("change_log", "object"),
    ("last_remote_change", "object or null"),
    ("catalog", "object"),
    ("issues", "array"),
    ("icon", "string"),
    ("secrets_store", "string"),
    ("session.state", "string"),
    ("session.expires_at", "time"),
];
const RUN_KEYS: [(&str, &str); 20] = [
    ("id", "string"),
    ("kind", "string"),
    ("state", "string"),
    ("outcome", "string"),
    ("cause", "string"),
    ("started_at", "time"),
    ("finished_at", "time"),
    ("took_ms", "number or null"),
    ("total", "number"),
    ("done", "number"),
    ("earlier", "number"),
    ("sent", "number"),
    ("unchanged", "number"),
    ("failed", "number"),
    ("parked", "number"),
    ("still_parked", "number"),
    ("removed", "number"),
    ("requests", "number"),
    ("message", "string"),
    ("refused", "array"),
];

async fn uploaded(products: usize) -> World {
    let world = World::builder().products(products).start().await.unwrap();
    world.install_capture().await.unwrap();
    world.upload().await.unwrap();
    world
}

/// Runs it and asserts that it did what was asked.
pub(super) async fn done(world: &World, arguments: &[&str]) -> CtlOutput {
    let output = world.ctl(arguments).await.unwrap();
    assert_eq!(output.code, 0, "{arguments:?}: {output:?}");
    output
}

pub(super) async fn json(world: &World, arguments: &[&str]) -> Value {
    let output = done(world, &[arguments, &["--json"]].concat()).await;
    assert_eq!(output.stderr, "", "{arguments:?}");
    assert_eq!(output.stdout.lines().count(), 1, "{arguments:?}");
    output.json().unwrap()
}

/// Asserts that a refusal says what and why: on standard error, and nothing on standard output.
async fn refused(world: &World, arguments: &[&str], code: i32, word: &str) -> Value {
    let output = world.ctl(&[arguments, &["--json"]].concat()).await.unwrap();
    assert_eq!(
        (output.code, output.stdout.as_str()),
        (code, ""),
        "{output:?}"
    );
    let line: Value = serde_json::from_str(&output.stderr).unwrap();
    assert_eq!(line["error"]["code"], word, "{line}");
    let plain = world.ctl(arguments).await.unwrap();
    assert_eq!((plain.code, plain.stdout.as_str()), (code, ""), "{plain:?}");
    let says = plain.stderr.lines().any(|line| line.starts_with("error: "));
    assert!(says, "{}", plain.stderr);
    line["error"].clone()
}

fn assert_keys(value: &Value, keys: &[(&str, &str)]) {
    for (path, kind) in keys {
        let pointer = format!("/{}", path.replace('.', "/"));
        let value = value
            .pointer(&pointer)
            .unwrap_or_else(|| panic!("no `{path}` in {value}"));
        let fits = match *kind {
            "string" => value.is_string(),
            "number" => value.is_u64(),
            "number or null" => value.is_null() || value.is_u64(),
            "boolean" => value.is_boolean(),
            "array" => value.is_array(),
            "object" => value.is_object(),
            "object or null" => value.is_null() || value.is_object(),
            "time" => value.is_null() || is_time(value),
            "run" => {
                value.is_null() || {
                    assert_keys(value, &RUN_KEYS);
                    true
                }
            }
            other => panic!("no such kind: {other}"),
        };
        assert!(fits, "`{path}` is {value}, not {kind}");
    }
}

fn is_time(value: &Value) -> bool {
    let text = value.as_str().unwrap_or_default();
    text.ends_with('Z') && text.parse::<jiff::Timestamp>().is_ok()
}

#[tokio::test]
async fn status_has_every_documented_key() {
    let world = uploaded(5).await;
    world.shop.set_price("P0000001", "1.11").unwrap();
    done(&world, &["sync"]).await;
    let status = json(&world, &["status"]).await;
    assert_keys(&status, &STATUS_KEYS);
    assert_keys(
        &status,
        &[
            ("capture.mode", "string"),
            ("capture.state", "string"),
            ("capture.drift", "array"),
            ("catalog.kind", "string"),
            ("catalog.state", "string"),
        ],
    );
    let keys: BTreeSet<&str> = status
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    let documented = STATUS_KEYS
        .iter()
        .map(|(key, _)| *key)
        .filter(|key| !key.contains('.'));
    assert_eq!(keys, documented.collect());
    assert_eq!(status["state"], "up_to_date");
    assert_eq!(status["icon"], "green");
    assert_eq!(status["published"], 5);
    assert_eq!(status["last_sync"]["sent"], 1);
    assert!(is_time(&status["session"]["expires_at"]));
    assert!(is_time(&status["last_sync"]["finished_at"]));
    assert!(status["last_sync"]["took_ms"].is_number());
    assert!(is_time(&status["last_sent_at"]));
    assert!(is_time(&status["last_compared_at"]));
    assert!(
        status["headline"]
            .as_str()
            .unwrap()
            .starts_with("All 5 products up to date")
    );

    world
        .shop
        .connection()
        .execute(
            "UPDATE Products SET SellPrice = 'x' WHERE ProductID = 'P0000002'",
            [],
        )
        .unwrap();
    done(&world, &["sync"]).await;
    let status = json(&world, &["status"]).await;
    assert_eq!(
        (&status["state"], &status["parked"]),
        (&"attention".into(), &1.into())
    );
    assert_keys(
        &status["issues"][0],
        &[
            ("code", "string"),
            ("severity", "string"),
            ("text", "string"),
            ("remedy", "string"),
            ("since", "time"),
        ],
    );
    assert_eq!(status["issues"][0]["code"], "PRODUCTS_REFUSED");
    assert_eq!(status["issues"][0]["depends_on"], Value::Null);
    let text = done(&world, &["status"]).await;
    assert!(
        text.stdout
            .starts_with(status["headline"].as_str().unwrap()),
        "{}",
        text.stdout
    );
}

#[tokio::test]
async fn runs_have_every_documented_key() {
    let world = uploaded(5).await;
    world.shop.set_price("P0000003", "4.00").unwrap();
    let run = json(&world, &["sync"]).await;
    assert_keys(&run, &RUN_KEYS);
    assert_eq!(
        (&run["kind"], &run["state"]),
        (&"sync".into(), &"finished".into())
    );
    assert_eq!(
        (&run["outcome"], &run["cause"]),
        (&"completed".into(), &"requested".into())
    );
    assert_eq!(
        (&run["sent"], &run["requests"], &run["done"]),
        (&1.into(), &1.into(), &1.into())
    );
    let id = run["id"].as_str().unwrap();
    assert_eq!(json(&world, &["runs", "show", id]).await, run);
    let listed = json(&world, &["runs"]).await;
    let kinds: Vec<_> = listed["runs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|run| &run["kind"])
        .collect();
    assert_eq!(kinds, ["sync", "upload"]);
    assert_eq!(
        json(&world, &["runs", "--limit", "1"]).await["runs"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert!(
        done(&world, &["runs", "show", id])
            .await
            .stdout
            .contains(id)
    );
    assert!(done(&world, &["runs"]).await.stdout.contains(id));
}

#[tokio::test]
async fn exit_codes_tell_scripts_what_happened() {
    let mut world = uploaded(3).await;
    // 0 and 4
    done(&world, &["status", "--check"]).await;
    world
        .shop
        .connection()
        .execute(
            "UPDATE Products SET SellPrice = NULL WHERE ProductID = 'P0000001'",
            [],
        )
        .unwrap();
    let sync = done(&world, &["sync"]).await;
    assert!(
        format!("{}{}", sync.stdout, sync.stderr).contains("P0000001"),
        "{sync:?}"
    );
    let check = world.ctl(&["status", "--check"]).await.unwrap();
    assert_eq!(check.code, 4);
    // Line for line, but for those with an age in them.
    let lines = |text: &str| -> Vec<String> {
        let lines = text.lines().map(str::to_owned);
        lines.filter(|line| !line.starts_with("last ")).collect()
    };
    let status = done(&world, &["status"]).await;
    assert_eq!(lines(&check.stdout), lines(&status.stdout));
    let check = world.ctl(&["status", "--check", "--json"]).await.unwrap();
    assert_eq!((check.code, check.stderr.as_str()), (4, ""));
    assert_eq!(
        check.json().unwrap()["issues"][0]["code"],
        "PRODUCTS_REFUSED"
    );
    // 1
    let error = refused(&world, &["runs", "show", "none"], 1, "RUN_NOT_FOUND").await;
    assert_eq!(error["remedy"], "List the runs with `shopmasterctl runs`");
    // The old program never kept products in a file: nothing can be adopted there.
    if !is_over_tds() {
        refused(&world, &["capture", "adopt"], 1, "NOT_APPLICABLE").await;
        refused(&world, &["capture", "adopt", "--yes"], 1, "NOT_APPLICABLE").await;
    }
    world
        .digible
        .configure(|settings| settings.password = "another".to_owned());
    world.digible.revoke_tokens();
    world.shop.set_price("P0000002", "3.00").unwrap();
    let failed = world.ctl(&["sync", "--json"]).await.unwrap();
    assert_eq!(failed.code, 1);
    assert_eq!(failed.json().unwrap()["outcome"], "failed");
    // 2
    refused(&world, &["parked", "retry"], 2, "USAGE").await;
    refused(&world, &["stop"], 2, "USAGE").await;
    refused(&world, &["configure"], 2, "USAGE").await;
    // 3
    world.kill9();
    let error = refused(&world, &["status"], 3, "NO_AGENT").await;
    assert_eq!(error["remedy"], "start the agent with `shopmaster-agent`");
    refused(&world, &["sync"], 3, "NO_AGENT").await;
}

#[tokio::test]
async fn not_waiting_prints_the_id_and_leaves() {
    let world = uploaded(3).await;
    world.shop.set_price("P0000003", "4.00").unwrap();
    world
        .digible
        .inject(Fault::hang(HangEffect::AtOnce).on(Endpoint::Update));
    let text = done(&world, &["sync", "--no-wait"]).await;
    let id = text.stdout.trim_end();
    assert!(
        id.starts_with("sync-") && !id.contains(char::is_whitespace),
        "{text:?}"
    );
    world
        .wait_digible(|digible| digible.counts().updates > 0)
        .await
        .unwrap();
    let joined = json(&world, &["sync", "--no-wait"]).await;
    assert_eq!(
        (joined["id"].as_str(), &joined["joined"]),
        (Some(id), &true.into())
    );
    world.digible.clear_faults();
    world.digible.release();
    world.finished(id).await.unwrap();
}

#[tokio::test]
async fn it_is_configured_by_flags_and_a_password_on_standard_input() {
    let world = World::builder()
        .products(4)
        .unconfigured()
        .start()
        .await
        .unwrap();
    let path = world.shop.path().to_string_lossy().into_owned();
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
        &world.digible.base_url(),
        "--secrets-store",
        "file",
        "--automatic",
        "false",
        "--digible-password-stdin",
    ];
    let output = ctl_with(&world, &arguments, &format!("{PASSWORD}\n"), &[]).await;
    assert!(output.status.success(), "{output:?}");
    for arguments in [
        &["capture", "install"][..],
        &["upload"],
        &["test"],
        &["status", "--check"],
    ] {
        done(&world, arguments).await;
    }
    assert_eq!(world.assert_equal().await.unwrap().equal, 4);
    let shown = json(&world, &["configure", "--show"]).await;
    assert_eq!(shown["settings"]["digible"]["email"], "shop@example.com");
    assert_eq!(shown["settings"]["sync"]["interval"], "2m");
    assert_eq!(shown["secrets"]["digible_password"], true);
    assert_eq!(shown["secrets"]["store"], "file");
    assert_eq!(shown["overridden"], Value::Array(Vec::new()));
}

#[tokio::test]
async fn it_is_configured_by_lines_on_standard_input_and_the_environment() {
    let world = World::builder()
        .products(4)
        .unconfigured()
        .start()
        .await
        .unwrap();
    let lines = format!(
        "# a shop\ncatalog.kind = sqlite\ncatalog.path = {}\ncatalog.table = Products\n\n\
         digible.email = shop@example.com\ndigible.base_url = {}\nsecrets.store = file\nsync.automatic = false\n",
        world.shop.path().display(),
        world.digible.base_url(),
    );
    let wrong = format!("{lines}digible.emial = x\n");
    let output = ctl_with(&world, &["configure", "--stdin", "--json"], &wrong, &[]).await;
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("line 10") && said.contains("digible.emial"),
        "{said}"
    );
    assert!(!world.config_file().exists(), "something was kept");

    let password = [("SHOPMASTER_DIGIBLE_PASSWORD", PASSWORD)];
    let output = ctl_with(
        &world,
        &["configure", "--stdin", "--json"],
        &lines,
        &password,
    )
    .await;
    assert!(output.status.success(), "{output:?}");
    let done: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(done["secrets"]["digible_password"], true);
    let changed: Vec<_> = done["changed"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    for key in [
        "catalog.kind",
        "catalog.path",
        "digible.email",
        "sync.automatic",
    ] {
        assert!(changed.contains(&key), "{changed:?}");
    }
    world.install_capture().await.unwrap();
    assert_eq!(world.upload().await.unwrap().sent, 4);
}

#[tokio::test]
async fn the_old_programs_settings_are_taken_over() {
    let world = World::builder()
        .products(4)
        .unconfigured()
        .start()
        .await
        .unwrap();
    let file = world.home().join("old.env");
    let old = "server_name=localhost\\SQLEXPRESS\ndb_name=ProductsDB\nusername=\npassword=\n\
               security=Windows Authentication\nlocal_table=Products\naccess_token=eyJ0b2tlbg\nemail=shop@example.com\n";
    std::fs::write(&file, old).unwrap();
    let file = file.to_string_lossy().into_owned();
    let done = json(&world, &["configure", "--from-env", &file]).await;
    assert_eq!(done["settings"]["catalog"]["kind"], "sqlserver");
    assert_eq!(done["settings"]["catalog"]["database"], "ProductsDB");
    // A flag wins over the file.
    let path = world.shop.path().to_string_lossy().into_owned();
    let done = json(
        &world,
        &[
            "configure",
            "--from-env",
            &file,
            "--kind",
            "sqlite",
            "--path",
            &path,
        ],
    )
    .await;
    assert_eq!(done["settings"]["catalog"]["table"], "Products");
    assert_eq!(
        done["settings"]["catalog"]["server"],
        "localhost\\SQLEXPRESS"
    );
    assert_eq!(done["settings"]["digible"]["email"], "shop@example.com");
    let notes = done["notes"].to_string();
    assert!(
        notes.contains("access_token") && !notes.contains("eyJ0b2tlbg"),
        "{notes}"
    );
}

#[tokio::test]
async fn each_state_of_a_product_is_explained() {
    let world = uploaded(12).await;
    let explained = async |id: &str| json(&world, &["explain", id]).await;
    let equal = explained("P0000001").await;
    assert_eq!(equal["state"], "equal");
    assert_eq!(equal["current_digest"], equal["published_digest"]);
    assert!(is_time(&equal["acknowledged_at"]));
    assert_eq!(equal["row"]["product_id"], "P0000001");
    let unknown = explained("nothing").await;
    assert_eq!(
        (&unknown["state"], &unknown["row"]),
        (&"unknown".into(), &Value::Null)
    );

    world.shop.set_price("P0000002", "2.22").unwrap();
    let pending = explained("P0000002").await;
    assert_eq!(pending["state"], "pending");
    assert_eq!(pending["row"]["price"], "2.22");
    assert_eq!(pending["changes"][0]["type"], "UPDATE");
    assert!(is_time(&pending["changes"][0]["changed_at"]));
    assert_ne!(pending["current_digest"], pending["published_digest"]);

    world.shop.set_price("P0000003", "3.33").unwrap();
    world.shop.delete("P0000004").unwrap();
    world
        .shop
        .connection()
        .execute(
            "UPDATE Products SET SellPrice = 'free' WHERE ProductID = 'P0000005'",
            [],
        )
        .unwrap();
    world.digible.inject(Fault::poison(422, ["P0000003"]));
    done(&world, &["sync"]).await;
    let parked = explained("P0000003").await;
    assert_eq!(parked["state"], "parked", "{parked}");
    assert!(
        parked["parked"]["reason"].as_str().unwrap().contains("422"),
        "{parked}"
    );
    let unsendable = explained("P0000005").await;
    assert_eq!(unsendable["state"], "parked");
    assert!(
        unsendable["row"]["problem"]
            .as_str()
            .unwrap()
            .contains("price"),
        "{unsendable}"
    );
    let removed = explained("P0000004").await;
    assert_eq!(
        (&removed["state"], &removed["row"]),
        (&"removed".into(), &Value::Null)
    );
    assert!(is_time(&removed["removed"]["since"]));

    done(&world, &["capture", "remove", "--yes"]).await;
    world.shop.insert("new", "New", "1.00").unwrap();
    assert_eq!(explained("new").await["state"], "never_sent");
    world.shop.set_price("P0000006", "6.66").unwrap();
    let different = explained("P0000006").await;
    assert_eq!(different["state"], "different");
    assert!(
        different["text"]
            .as_str()
            .unwrap()
            .contains("`shopmasterctl verify`")
    );
    for id in [
        "P0000001", "P0000003", "P0000004", "P0000005", "P0000006", "new", "nothing",
    ] {
        let text = done(&world, &["explain", id]).await.stdout;
        assert!(text.contains(id) && text.lines().count() > 1, "{text}");
    }
}

#[tokio::test]
async fn what_is_in_doubt_is_explained() {
    let world = World::builder()
        .products(3)
        .set("digible.timeout", "200ms")
        .start()
        .await
        .unwrap();
    world.install_capture().await.unwrap();
    world.upload().await.unwrap();
    world
        .digible
        .inject(Fault::hang(HangEffect::AtOnce).on(Endpoint::Update).once());
    world.shop.set_price("P0000001", "9.00").unwrap();
    world.sync().await.unwrap();
    let explained = json(&world, &["explain", "P0000001"]).await;
    assert_eq!(explained["in_doubt"], true, "{explained}");
    let status = json(&world, &["status"]).await;
    assert_eq!(
        (&status["in_doubt"], &status["state"]),
        (&1.into(), &"pending".into())
    );
}

#[tokio::test]
async fn parked_and_removed_products_are_listed_and_dealt_with() {
    let world = uploaded(8).await;
    world
        .digible
        .inject(Fault::poison(422, ["P0000001", "P0000002"]));
    for id in ["P0000001", "P0000002", "P0000003"] {
        world.shop.set_price(id, "5.55").unwrap();
    }
    world.shop.delete("P0000007").unwrap();
    world.shop.delete("P0000008").unwrap();
    let run = json(&world, &["sync"]).await;
    assert_eq!(
        (&run["parked"], &run["removed"], &run["sent"]),
        (&2.into(), &2.into(), &1.into())
    );
    assert_eq!(run["refused"][0]["product_id"], "P0000001");
    let parked = json(&world, &["parked"]).await;
    assert_eq!(
        (&parked["total"], &parked["products"][1]["product_id"]),
        (&2.into(), &"P0000002".into())
    );
    assert!(is_time(&parked["products"][0]["since"]));
    assert!(done(&world, &["parked"]).await.stdout.contains("P0000001"));
    assert_eq!(
        json(&world, &["parked", "discard", "P0000002"]).await["count"],
        1
    );
    let status = json(&world, &["status"]).await;
    assert_eq!(
        (&status["parked"], &status["dismissed"]),
        (&1.into(), &1.into())
    );
    let all = json(&world, &["parked", "--all"]).await;
    assert_eq!(
        (&all["total"], &all["products"][1]["product_id"]),
        (&2.into(), &"P0000002".into())
    );
    let discarded = |index: usize| all["products"][index]["discarded"].as_bool();
    assert_eq!((discarded(0), discarded(1)), (Some(false), Some(true)));
    let listed = done(&world, &["parked", "--all"]).await.stdout;
    assert!(listed.contains("(dismissed)"), "{listed}");
    refused(&world, &["parked", "retry", "none"], 1, "PRODUCT_NOT_FOUND").await;
    world.digible.clear_faults();
    // All that are shown; the other one by its name.
    let retry = async |what| json(&world, &["parked", "retry", what]).await["count"].clone();
    assert_eq!(
        (retry("--all").await, retry("P0000002").await),
        (1.into(), 1.into())
    );
    let run = json(&world, &["sync"]).await;
    assert_eq!(run["sent"], 2, "{run}");
    assert_eq!(json(&world, &["parked"]).await["total"], 0);
    assert_eq!(world.digible.product("P0000002").unwrap().price, "5.55");

    let removed = json(&world, &["removed"]).await;
    assert_eq!(
        (&removed["total"], &removed["products"][0]["product_id"]),
        (&2.into(), &"P0000007".into())
    );
    assert!(
        json(&world, &["status"]).await["headline"]
            .as_str()
            .unwrap()
            .ends_with(", 2 gone from the shop and still at Digible")
    );
    assert_eq!(
        json(&world, &["removed", "forget", "P0000007"]).await["count"],
        1
    );
    assert_eq!(
        json(&world, &["removed", "forget", "--all"]).await["count"],
        1
    );
    assert_eq!(json(&world, &["removed"]).await["total"], 0);
}

#[tokio::test]
async fn logs_completions_and_a_reader_that_leaves() {
    let world = uploaded(2).await;
    let logs = done(&world, &["logs"]).await;
    assert!(logs.stdout.contains("agent started") && logs.stderr.is_empty());
    assert_eq!(
        done(&world, &["logs", "--lines", "1"])
            .await
            .stdout
            .lines()
            .count(),
        1
    );
    let lines = done(&world, &["logs", "--json"]).await.stdout;
    for line in lines.lines() {
        assert_keys(
            &serde_json::from_str(line).unwrap(),
            &[("line", "string"), ("lagged", "boolean")],
        );
    }
    let bash = done(&world, &["completions", "bash"]).await;
    assert!(
        bash.stdout.contains("complete -F _shopmasterctl"),
        "{}",
        bash.stdout
    );

    // `shopmasterctl status --watch | head -1`
    for arguments in [&["status", "--watch"][..], &["logs", "--follow"]] {
        let mut command = tokio::process::Command::from(world.ctl_command());
        command
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let mut reader = child.stdout.take().unwrap();
        let mut byte = [0];
        timeout(SECONDS, reader.read_exact(&mut byte))
            .await
            .unwrap()
            .unwrap();
        drop(reader);
        // Something to write, to nobody.
        for command in ["pause", "resume"] {
            done(&world, &[command]).await;
        }
        world.shop.set_price("P0000001", "4.40").unwrap();
        world.shop.rename("P0000002", arguments[0]).unwrap();
        world.sync().await.unwrap();
        let output = timeout(SECONDS, child.wait_with_output()).await;
        let output = output
            .unwrap_or_else(|_| panic!("{arguments:?} goes on"))
            .unwrap();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {output:?}");
        assert!(output.stderr.is_empty(), "{output:?}");
    }
}

#[tokio::test]
async fn piped_output_is_plain_text_and_standard_output_is_data_alone() {
    let world = uploaded(400).await;
    world.shop.set_price("P0000001", "4.40").unwrap();
    for arguments in [
        &["sync"][..],
        &["upload"],
        &["status"],
        &["capture", "plan"],
        &["capture", "status"],
        &["capture", "install"],
        &["test"],
        &["runs"],
        &["parked"],
        &["removed"],
        &["explain", "P0000001"],
        &["configure", "--show"],
        &["logs"],
        &["pause"],
        &["resume"],
    ] {
        let output = done(&world, arguments).await;
        let all = format!("{}{}", output.stdout, output.stderr);
        assert!(
            !all.contains('\u{1b}') && !all.contains('\r'),
            "{arguments:?}: {all:?}"
        );
        assert!(!all.is_empty(), "{arguments:?} says nothing");
        assert!(
            !output.stdout.contains("hint:"),
            "{arguments:?}: {}",
            output.stdout
        );
        let quiet = done(&world, &[&["--quiet"], arguments].concat()).await;
        assert_eq!(quiet.stderr, "", "{arguments:?}");
        let json = done(&world, &[arguments, &["--json"]].concat()).await;
        assert_eq!(json.stderr, "", "{arguments:?}");
        for line in json.stdout.lines() {
            serde_json::from_str::<Value>(line).unwrap();
        }
    }
    wait_up_to_date(&world).await;
}
