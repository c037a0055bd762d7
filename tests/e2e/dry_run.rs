//! What `configure` says of settings that do not fit, before they are saved and when they are: the check that fails and
//! the way out.

use serde_json::Value;
use shopmaster_harness::world::CtlOutput;

use crate::{
    support::wait_issue,
    your_table::{
        example::Example,
        page::{Effect, Step},
        shop::Kind,
    },
};

/// Three products, and a table that is none of products.
const GOODS: &str = "CREATE TABLE Goods (
        Code VARCHAR(20) NOT NULL PRIMARY KEY, Title VARCHAR(100) NOT NULL, Price DECIMAL(10, 2) NOT NULL, State INT
    );
    INSERT INTO Goods VALUES ('a', 'Soap', 1, 1), ('b', 'Salt', 2, 1), ('c', 'Oil', 3, 1);
    CREATE TABLE Other (Nr INT NOT NULL PRIMARY KEY)";

async fn serving() -> Example {
    let mut example = Example::start(Kind::Sqlite).await;
    example.shop.run(GOODS).await.unwrap();
    let flags = "configure --table Goods --column-id Code --column-name Title --column-price Price";
    let flags = flags.split(' ').map(str::to_owned).collect();
    example.step(&Step::Command(flags)).await;
    let goods = [
        ("a", "Soap", "1.00"),
        ("b", "Salt", "2.00"),
        ("c", "Oil", "3.00"),
    ];
    let goods = goods.map(|(id, name, price)| Effect::has(id, name, price));
    example.step(&Step::Products(goods.to_vec())).await;
    example
}

async fn configure(example: &Example, flags: &[&str]) -> CtlOutput {
    example
        .world
        .ctl(&[&["configure"], flags].concat())
        .await
        .unwrap()
}

/// Settings that do not fit, the code of the check that fails, and what its text and remedy name.
const UNFIT: [(&[&str], &str, [&str; 2]); 10] = [
    (
        &["--only", "Missing = 1"],
        "CONDITION_UNFIT",
        ["`Missing`", "--only"],
    ),
    (
        &["--only", "State = cheap"],
        "CONDITION_UNFIT",
        ["'cheap'", "--only"],
    ),
    (
        &["--sold-when", "1", "--column-status", "Nix"],
        "CONDITION_UNFIT",
        ["`Nix`", "--only"],
    ),
    (&["--table", "Nix"], "TABLE_MISSING", ["`Nix`", "--table"]),
    (
        &["--column-price", "Nix"],
        "COLUMN_MISSING",
        ["`Nix`", "--column-price"],
    ),
    (
        &["--column-id", "Title"],
        "KEY_UNFIT",
        ["`Title`", "--column-id"],
    ),
    (
        &["--column-id", "Nix"],
        "COLUMN_MISSING",
        ["`Nix`", "--column-id"],
    ),
    (
        &["--path", "/no/such.db"],
        "DATABASE_UNREACHABLE",
        ["no/such.db", "--path"],
    ),
    (
        &["--watch", "Nix.Code = Code"],
        "WATCH_UNFIT",
        ["`Goods`", "--watch"],
    ),
    (
        &["--column-id", "Code,Nix"],
        "COLUMN_MISSING",
        ["`Nix`", "--column-id"],
    ),
];

#[tokio::test]
async fn a_dry_run_fails_as_the_real_run_would() {
    let example = serving().await;
    let before = std::fs::read(example.world.config_file()).unwrap();
    for (flags, code, parts) in UNFIT {
        let dry_run = [flags, &["--dry-run"]].concat();
        let told = configure(&example, &dry_run).await;
        assert_eq!(told.code, 1, "{flags:?}: {told:?}");
        let failed = told.stdout.lines().find(|line| line.starts_with("fail"));
        assert!(
            failed.is_some_and(|line| line.contains(parts[0])),
            "{flags:?}: {told:?}"
        );
        let hint = told.stdout.lines().find(|line| line.starts_with("hint"));
        assert!(
            hint.is_some_and(|line| line.contains(parts[1])),
            "{flags:?}: {told:?}"
        );
        // Nothing is counted that could not be sent.
        assert!(!told.stdout.contains("at Digible"), "{flags:?}: {told:?}");
        let json = configure(&example, &[&dry_run[..], &["--json"]].concat()).await;
        assert_eq!(json.code, 1, "{flags:?}: {json:?}");
        let json = json.json().unwrap();
        assert_eq!(json["warnings"][0]["code"], code, "{flags:?}: {json}");
        assert_eq!(json["effect"], Value::Null, "{flags:?}: {json}");
    }
    assert_eq!(std::fs::read(example.world.config_file()).unwrap(), before);
    example.end().await;
}

#[tokio::test]
async fn settings_that_do_not_fit_are_saved_and_named() {
    let example = serving().await;
    for (flags, code, parts) in UNFIT {
        let told = configure(&example, &[flags, &["--json"]].concat()).await;
        assert_eq!(told.code, 0, "{flags:?}: {told:?}");
        let told = told.json().unwrap();
        assert_ne!(told["changed"], serde_json::json!([]), "{flags:?}: {told}");
        let check = &told["warnings"][0];
        assert_eq!(check["code"], code, "{flags:?}: {told}");
        for (key, part) in [("text", parts[0]), ("remedy", parts[1])] {
            let text = check[key].as_str().unwrap();
            assert!(text.contains(part), "{flags:?}: {text}");
        }
        let path = example.world.home().join("pos.db").display().to_string();
        let back = [
            "configure",
            "--only",
            "",
            "--sold-when",
            "",
            "--table",
            "Goods",
            "--watch",
            "",
            "--column-id",
            "Code",
            "--column-price",
            "Price",
            "--path",
            &path,
            "--json",
        ];
        let back = example.ctl(&back).await.json().unwrap();
        assert_eq!(back["warnings"], serde_json::json!([]), "{flags:?}: {back}");
    }
    example.settle("all is as it was").await;
    example.end().await;
}

#[tokio::test]
async fn capture_of_a_key_that_does_not_fit_asks_for_another_key() {
    let example = serving().await;
    example.ctl(&["configure", "--column-id", "Title"]).await;
    let issue = wait_issue(&example.world, "CAPTURE_DRIFTED").await;
    assert!(
        issue.remedy.contains("configure --column-id") && !issue.remedy.contains("capture install"),
        "{issue:?}"
    );
    example.ctl(&["configure", "--column-id", "Code"]).await;
    example.settle("the key is back").await;
    example.end().await;
}

#[tokio::test]
async fn a_condition_that_leaves_nothing_is_warned_of() {
    let example = serving().await;
    for how in [&["--dry-run"][..], &[]] {
        let told = configure(&example, &[&["--only", "State = 9"], how].concat()).await;
        assert_eq!(told.code, 0, "{told:?}");
        let warned = told.stdout.lines().find(|line| line.starts_with("warn"));
        assert!(
            warned.is_some_and(|line| line.contains("no row is sold")),
            "{told:?}"
        );
        assert!(
            told.stdout.contains("3 products are no longer sold"),
            "{told:?}"
        );
    }
    example.ctl(&["configure", "--only", ""]).await;
    example.settle("all are sold again").await;
    example.end().await;
}

#[tokio::test]
async fn products_that_would_be_refused_are_counted_apart() {
    let mut example = serving().await;
    let tables = "CREATE TABLE Texts (Code VARCHAR(20) NOT NULL PRIMARY KEY, Title, Price);
        INSERT INTO Texts VALUES ('a', 'Soap', 1), ('b', 'Salt', NULL), ('d', NULL, 1), ('e', 'New', 1);
        CREATE VIEW Twice AS SELECT Code, Title, 2 AS Price FROM Goods UNION ALL SELECT 'a', 'Soap', 2";
    example.shop.run(tables).await.unwrap();
    let told = configure(&example, &["--table", "Texts", "--dry-run"]).await;
    assert_eq!(told.code, 0, "{told:?}");
    assert!(
        told.stdout
            .contains("2 products would be refused, such as `b`: the price is NULL; `d`: "),
        "{told:?}"
    );
    let told = configure(&example, &["--table", "Twice", "--dry-run", "--json"]).await;
    let effect = &told.json().unwrap()["effect"];
    assert_eq!(effect["refused"], 1, "{effect}");
    assert_eq!(
        effect["refused_examples"],
        serde_json::json!(["`a`: several rows of the view have this key"])
    );
    assert_eq!(effect["differing"], 2, "{effect}");
    example.end().await;
}

#[tokio::test]
async fn a_dry_run_of_another_account_says_what_is_left_behind() {
    let example = serving().await;
    let url = ["--base-url", "http://127.0.0.1:9/v1/business"];
    let told = configure(&example, &[&url[..], &["--dry-run"]].concat()).await;
    assert_eq!(told.code, 0, "{told:?}");
    for part in [
        "Would change `digible.base_url`",
        "a new, empty journal",
        "3 products stay listed at the old account",
    ] {
        assert!(told.stdout.contains(part), "{part}: {told:?}");
    }
    let json = configure(&example, &[&url[..], &["--dry-run", "--json"]].concat()).await;
    assert_eq!(
        json.json().unwrap()["new_journal"]["left_behind"],
        3,
        "{json:?}"
    );
    // The real run still asks.
    let refused = configure(&example, &url).await;
    assert_eq!(refused.code, 1, "{refused:?}");
    example.settle("nothing was changed").await;
    example.end().await;
}
