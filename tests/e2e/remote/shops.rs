//! Many shops at once.

use std::fs;

use serde_json::Value;
use shopmaster_harness::{fleet::Fleet, world::CtlOutput};

use super::office::Office;

/// The lines of `--json`, and the summary, which is the last one.
fn lines(output: &CtlOutput) -> (Vec<Value>, Value) {
    let parsed = output.stdout.lines().map(serde_json::from_str);
    let mut lines: Vec<Value> = parsed.collect::<Result<_, _>>().unwrap();
    let last = lines.pop().unwrap();
    (lines, last["summary"].clone())
}

#[tokio::test]
async fn three_real_agents_are_one_fleet_and_one_that_leaves_is_not_hidden() {
    let mut shops = [
        Office::open().await,
        Office::open().await,
        Office::open().await,
    ];
    // The client's own computer is that of the first shop.
    let mut list = String::new();
    for (number, shop) in shops.iter().enumerate() {
        let name = format!("shop-{number}");
        let invitation = shop.invite("operator", "support-7").await;
        let added = shops[0].ctl(&["remote", "add", &name, &invitation]).await;
        assert_eq!(added.code, 0, "{added:?}");
        list += &format!("[[shop]]\nname = \"{name}\"\ngroup = \"lagos\"\n");
    }
    // Beside the folders of the instances.
    let fleet = shops[0].world.folders().config.with_file_name("fleet.toml");
    fs::write(fleet, list).unwrap();

    for (what, word) in [
        (&["status"][..], "3 up to date"),
        (&["test"], "3 passed"),
        (&["verify", "--wait"], "3 completed"),
        (&["upload", "--wait", "--yes"], "3 completed"),
        (&["pause", "--for", "1h"], "3 paused"),
        (&["resume"], "3 resumed"),
        (&["sync", "--wait", "--group", "lagos"], "3 completed"),
    ] {
        let output = shops[0].ctl(&[&["fleet"], what].concat()).await;
        assert_eq!(output.code, 0, "{output:?}");
        let summary = output.stdout.lines().last().unwrap();
        assert_eq!(summary, word, "{output:?}");
    }
    let change = shops[2].world.wait_status(|_| true).await.unwrap();
    let change = change.last_remote_change.unwrap();
    assert_eq!(
        (&*change.client, &*change.text),
        ("support-7", "started a sync")
    );

    shops[1].world.stop().await.unwrap();
    let output = shops[0].ctl(&["fleet", "status", "--json"]).await;
    assert_eq!(output.code, 4, "{output:?}");
    let (shops, summary) = lines(&output);
    let gone = shops.iter().find(|shop| shop["shop"] == "shop-1").unwrap();
    assert_eq!(gone["error"]["code"], "NO_AGENT", "{gone}");
    let count = |key: &str| summary[key].as_u64();
    assert_eq!((count("good"), count("no_answer")), (Some(2), Some(1)));
}

#[tokio::test]
async fn five_hundred_agents_answer_one_command() {
    let fleet = Fleet::open(500).await.unwrap();
    let mut command = tokio::process::Command::from(fleet.ctl_command());
    let output = command.args(["fleet", "status", "--json"]).output().await;
    let output = CtlOutput::from(output.unwrap());
    assert_eq!(output.code, 0, "{output:?}");
    let (shops, summary) = lines(&output);
    assert_eq!((shops.len(), summary["good"].as_u64()), (500, Some(500)));
}
