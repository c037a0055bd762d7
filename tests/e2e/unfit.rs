//! Conditions, watched tables and views that do not fit: a sentence that names what is wrong and the way out, nothing
//! changed at Digible, nothing lost, and all as before once it is undone.

use serde_json::Value;
use shopmaster_proto::v1::{ProductState, RunOutcome, Status};

use crate::{
    support::{codes, issue, wait_issue},
    your_table::{
        example::Example,
        page::{Effect, Step},
        shop::Kind,
    },
};

/// A table of twenty products.
const GOODS: &str = "CREATE TABLE Goods (
        Code VARCHAR(20) NOT NULL PRIMARY KEY, Title VARCHAR(100) NOT NULL, Price DECIMAL(10, 2) NOT NULL, State INT
    );
    INSERT INTO Goods
    WITH RECURSIVE n (i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n WHERE i < 29)
    SELECT 'G' || i, 'good ' || i, i, 1 FROM n";

/// What a table or view needs to be served.
fn configure(table: &str, more: &[&str]) -> Step {
    let columns = [
        "--column-id",
        "Code",
        "--column-name",
        "Title",
        "--column-price",
        "Price",
    ];
    let arguments = [&["configure", "--table", table], &columns[..], more].concat();
    Step::Command(arguments.into_iter().map(str::to_owned).collect())
}

/// The twenty products.
fn goods() -> Vec<Effect> {
    let good = |i| Effect::has(&format!("G{i}"), &format!("good {i}"), &format!("{i}.00"));
    (10..30).map(good).collect()
}

/// A shop whose twenty products are up to date.
async fn serving_goods() -> Example {
    let mut example = Example::start(Kind::Sqlite).await;
    example.shop.run(GOODS).await.unwrap();
    example.step(&configure("Goods", &[])).await;
    example.step(&Step::Products(goods())).await;
    example
}

/// Makes a change that does not fit, and what it is about is told with a way out; then undoes it.
async fn is_told_and_undone(
    example: &Example,
    change: &[&str],
    undo: &[&str],
    (code, parts): (&str, &[&str]),
) {
    example.world.digible.clear_requests();
    let done = example.ctl(&[&["configure"], change].concat()).await;
    let issue = wait_issue(&example.world, code).await;
    let said = format!("{}\n{}", issue.text, issue.remedy);
    for part in parts {
        assert!(said.contains(part), "{part}: {said}");
        // Who configures it sees it at once.
        assert!(done.stdout.contains(part), "{part}: {done:?}");
    }
    let tested = example.world.ctl(&["test", "--json"]).await.unwrap();
    assert_eq!(tested.code, 1, "{tested:?}");
    let checks = tested.json().unwrap();
    let checks = checks["checks"].as_array().unwrap();
    assert!(
        checks.iter().any(|check| check["code"] == code),
        "{checks:?}"
    );
    // Not even on request.
    for run in [example.world.verify().await, example.world.upload().await] {
        let run = run.unwrap();
        assert_eq!(run.outcome(), RunOutcome::Failed, "{run:?}");
        assert!(run.message.contains(parts[0]), "{run:?}");
    }
    assert_eq!(example.world.digible.counts().products_applied, 0);
    let status = example.world.wait_status(|_| true).await.unwrap();
    assert_eq!((status.removed, status.parked), (0, 0), "{status:?}");

    example.ctl(&[&["configure"], undo].concat()).await;
    example.settle(&format!("{change:?} undone")).await;
}

#[tokio::test]
async fn a_condition_that_does_not_fit_sends_and_lists_nothing() {
    let example = serving_goods().await;
    for (condition, parts) in [
        (
            "Discontinued = 0",
            [
                "`Goods`",
                "`Discontinued`",
                "`shopmasterctl configure --only",
            ],
        ),
        (
            "State = active",
            ["`Goods`", "'active'", "`shopmasterctl configure --only"],
        ),
    ] {
        let change = ["--only", condition, "--yes"];
        let undo = ["--only", ""];
        is_told_and_undone(&example, &change, &undo, ("CONDITION_UNFIT", &parts)).await;
    }
    example.end().await;
}

#[tokio::test]
async fn a_condition_that_leaves_nothing_is_asked_about() {
    let mut example = serving_goods().await;
    example.world.digible.clear_requests();
    // A script that has not said yes.
    let done = example
        .ctl(&["configure", "--only", "State = 9", "--json"])
        .await;
    let effect = &done.json().unwrap()["effect"];
    assert_eq!(
        (&effect["equal"], &effect["gone"]),
        (&Value::from(0), &Value::from(20))
    );
    let asked = wait_issue(&example.world, "CATALOG_SHRANK").await;
    assert!(asked.remedy.contains("verify --yes"), "{asked:?}");
    assert!(asked.remedy.contains("`State` is 9"), "{asked:?}");
    let status = example.world.wait_status(|_| true).await.unwrap();
    assert_eq!(status.removed, 0, "{status:?}");
    let test = example.world.ctl(&["test"]).await.unwrap();
    assert!(test.stdout.contains("no row is sold"), "{test:?}");
    assert!(
        test.stdout.contains("shopmasterctl configure --only"),
        "{test:?}"
    );

    // Undone, everything is as it was.
    example.ctl(&["configure", "--only", ""]).await;
    example.settle("all are sold again").await;

    // A person says that it is meant.
    example.ctl(&["configure", "--only", "State = 9"]).await;
    let asks = |status: &Status| issue(status, "CATALOG_SHRANK").is_some();
    let is_over = |status: &Status| asks(status) && status.current_run.is_none();
    example.world.wait_status(is_over).await.unwrap();
    example.ctl(&["verify", "--yes"]).await;
    let status = example
        .world
        .wait_status(|status| status.removed == 20)
        .await
        .unwrap();
    assert!(!codes(&status).contains(&"CATALOG_SHRANK"), "{status:?}");
    assert_eq!(
        example.world.state_of("G10").await.unwrap(),
        ProductState::Removed
    );
    let explained = example.ctl(&["explain", "G10"]).await.stdout;
    assert!(explained.contains("`State` is 9"), "{explained}");
    assert_eq!(example.world.digible.counts().products_applied, 0);
    example.ctl(&["configure", "--only", ""]).await;
    // Nothing is in the shop that a verify could compare with: the issue asks for an upload.
    let asked = wait_issue(&example.world, "NEVER_UPLOADED").await;
    assert!(asked.remedy.contains("shopmasterctl upload"), "{asked:?}");
    example.ctl(&["upload"]).await;
    example.expected.take(&goods());
    example.settle("all are sold again").await;
    example.end().await;
}

/// The same products as a view, which is captured through its table.
async fn serving_a_view() -> Example {
    let mut example = Example::start(Kind::Sqlite).await;
    example.shop.run(GOODS).await.unwrap();
    let view = "CREATE VIEW V AS SELECT Code, Title, Price, State FROM Goods";
    example.shop.run(view).await.unwrap();
    let watch = ["--watch", "Goods.Code = Code"];
    example.step(&configure("V", &watch)).await;
    example.step(&Step::Products(goods())).await;
    example
}

/// One change in the shop, and what it leads to.
async fn changes(example: &mut Example, sql: &str, effects: &[Effect]) {
    example.shop.run(sql).await.unwrap();
    example.expected.take(effects);
    example.settle(sql).await;
}

#[tokio::test]
async fn a_watch_that_does_not_fit_sends_and_lists_nothing() {
    let mut example = serving_a_view().await;
    example
        .shop
        .run("CREATE VIEW W AS SELECT Code FROM V")
        .await
        .unwrap();
    let remedy = "`shopmasterctl configure --watch";
    for (watch, parts) in [
        ("Goods.Code = Barcode", ["`V`", "`Barcode`", remedy]),
        ("Goods.Barcode = Code", ["`Goods`", "`Barcode`", remedy]),
        ("Prices.Code = Code", ["`Prices`", "no such table", remedy]),
        ("W.Code = Code", ["`W`", "a view", remedy]),
    ] {
        let change = ["--watch", watch, "--yes"];
        let undo = ["--watch", "Goods.Code = Code", "--yes"];
        is_told_and_undone(&example, &change, &undo, ("WATCH_UNFIT", &parts)).await;
    }
    // Nothing has to be installed again.
    let sql = "UPDATE Goods SET Price = 99 WHERE Code = 'G10'";
    changes(&mut example, sql, &[Effect::has("G10", "good 10", "99.00")]).await;
    example.end().await;
}

#[tokio::test]
async fn a_view_over_a_view_is_captured_through_its_tables() {
    let mut example = Example::start(Kind::Sqlite).await;
    example.shop.run(GOODS).await.unwrap();
    let views = "CREATE VIEW Sold AS SELECT * FROM Goods WHERE State = 1;
        CREATE VIEW V AS SELECT Code, Title, Price FROM Sold";
    example.shop.run(views).await.unwrap();
    let watch = ["--watch", "Goods.Code = Code"];
    example.step(&configure("V", &watch)).await;
    example.step(&Step::Products(goods())).await;
    let sql = "UPDATE Goods SET State = 0 WHERE Code = 'G11'";
    changes(&mut example, sql, &[Effect::Gone("G11".to_owned())]).await;
    let sql = "UPDATE Goods SET State = 1, Price = 1 WHERE Code = 'G11'";
    changes(&mut example, sql, &[Effect::has("G11", "good 11", "1.00")]).await;
    example.end().await;
}

#[tokio::test]
async fn a_view_that_gives_every_product_twice_is_refused_by_name() {
    let mut example = serving_goods().await;
    let views =
        "CREATE TABLE Lists (ID INT NOT NULL PRIMARY KEY); INSERT INTO Lists VALUES (1), (2);
        CREATE VIEW V AS SELECT g.Code, g.Title, g.Price FROM Goods AS g CROSS JOIN Lists";
    example.shop.run(views).await.unwrap();
    example.world.digible.clear_requests();
    example
        .step(&configure("V", &["--watch", "Goods.Code = Code", "--yes"]))
        .await;
    let refused = |i| Effect::Refused(format!("G{i}"));
    example
        .expected
        .take(&(10..30).map(refused).collect::<Vec<_>>());
    example.settle("a join without its condition").await;
    assert_eq!(example.world.digible.counts().products_applied, 0);
    let test = example.ctl(&["test"]).await.stdout;
    assert!(
        test.contains("`G10`: ") && test.contains("20 cannot be sent"),
        "{test}"
    );
    let parked = example.ctl(&["parked"]).await.stdout;
    assert!(
        parked.contains("G10") && parked.contains("several rows of the view have this key"),
        "{parked}"
    );

    // Corrected, everything is as it was.
    example
        .shop
        .run("DELETE FROM Lists WHERE ID = 2; UPDATE Goods SET State = 1")
        .await
        .unwrap();
    example.expected.take(&goods());
    example.settle("one list").await;
    example.end().await;
}

#[tokio::test]
async fn a_watched_table_that_is_read_whole_at_each_change_is_warned_of() {
    let mut example = Example::start(Kind::Sqlite).await;
    example.shop.run(GOODS).await.unwrap();
    let tables = "CREATE TABLE Prices (ID INT NOT NULL PRIMARY KEY, Code VARCHAR(20) NOT NULL, Price DECIMAL(10, 2));
        INSERT INTO Prices SELECT ROW_NUMBER() OVER (ORDER BY Code), Code, Price FROM Goods;
        INSERT INTO Prices
        WITH RECURSIVE n (i) AS (SELECT 100 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
        SELECT i, 'of another shop', 1 FROM n;
        CREATE VIEW V AS SELECT p.ID, g.Code, g.Title, p.Price FROM Goods AS g INNER JOIN Prices AS p ON p.Code = g.Code";
    example.shop.run(tables).await.unwrap();
    let watch = [
        "--watch",
        "Goods.Code = Code",
        "--watch",
        "Prices.Code = Code",
    ];
    example.step(&configure("V", &watch)).await;
    example.step(&Step::Products(goods())).await;
    let test = example.ctl(&["test"]).await.stdout;
    let warned = test
        .lines()
        .find(|line| line.contains("catalog.watch"))
        .unwrap_or_default();
    assert!(
        warned.starts_with("warn") && warned.contains("reads all rows"),
        "{test}"
    );
    let sql = "UPDATE Prices SET Price = 99 WHERE Code = 'G12'";
    changes(&mut example, sql, &[Effect::has("G12", "good 12", "99.00")]).await;

    example
        .shop
        .run("CREATE INDEX PricesByCode ON Prices (Code)")
        .await
        .unwrap();
    let test = example.ctl(&["test"]).await.stdout;
    assert!(!test.contains("reads all rows"), "{test}");
    example.end().await;
}

#[tokio::test]
async fn a_table_that_a_captured_view_reads_unwatched_is_warned_of() {
    let mut example = Example::start(Kind::Sqlite).await;
    example.shop.run(GOODS).await.unwrap();
    let tables = "CREATE TABLE Prices (Code VARCHAR(20) NOT NULL PRIMARY KEY, Price DECIMAL(10, 2));
        INSERT INTO Prices SELECT Code, Price FROM Goods;
        CREATE VIEW V AS SELECT g.Code, g.Title, p.Price FROM Goods AS g INNER JOIN Prices AS p ON p.Code = g.Code";
    example.shop.run(tables).await.unwrap();
    let suggested = async |example: &Example| {
        let test = example.ctl(&["test"]).await.stdout;
        let line = test
            .lines()
            .find(|line| line.contains("catalog.suggestions"));
        line.unwrap_or_default().to_owned()
    };
    example
        .step(&configure("V", &["--watch", "Goods.Code = Code"]))
        .await;
    let warned = suggested(&example).await;
    let missing = "--watch \"Prices.Code = Code\"";
    assert!(
        warned.starts_with("warn") && warned.contains(missing),
        "{warned}"
    );
    // It is scanned as well, or watched: nothing is overlooked.
    example.ctl(&["configure", "--capture", "both"]).await;
    let scanned = suggested(&example).await;
    assert!(
        scanned.starts_with("ok") && scanned.contains(missing),
        "{scanned}"
    );
    let watches = "Goods.Code = Code; Prices.Code = Code";
    let all = ["configure", "--capture", "trigger", "--watch", watches];
    example.ctl(&all).await;
    example.ctl(&["capture", "install"]).await;
    let quiet = suggested(&example).await;
    assert!(
        quiet.starts_with("ok") && !quiet.contains("--watch"),
        "{quiet}"
    );
    example.end().await;
}

#[tokio::test]
async fn a_table_that_is_dropped_under_a_view_loses_nothing() {
    let mut example = serving_a_view().await;
    example.world.digible.clear_requests();
    example
        .shop
        .run("CREATE TABLE Kept AS SELECT * FROM Goods; DROP TABLE Goods")
        .await
        .unwrap();
    let status = example
        .world
        .wait_status(|status| status.issues.iter().any(|it| it.text.contains("`Goods`")))
        .await
        .unwrap();
    assert_eq!((status.removed, status.parked), (0, 0), "{status:?}");
    for issue in &status.issues {
        assert!(!issue.remedy.is_empty(), "{issue:?}");
    }
    let tested = example.world.ctl(&["test"]).await.unwrap();
    assert!(
        tested.code == 1 && tested.stdout.contains("`Goods`"),
        "{tested:?}"
    );
    let run = example.world.sync().await.unwrap();
    assert_eq!(run.outcome(), RunOutcome::Failed, "{run:?}");
    let status = example.world.wait_status(|_| true).await.unwrap();
    assert_eq!((status.removed, status.parked), (0, 0), "{status:?}");
    assert_eq!(example.world.digible.counts().products_applied, 0);

    // The program makes the table anew, with one other price.
    let again = "CREATE TABLE Goods (
            Code VARCHAR(20) NOT NULL PRIMARY KEY, Title VARCHAR(100) NOT NULL, Price DECIMAL(10, 2) NOT NULL, State INT
        );
        INSERT INTO Goods SELECT * FROM Kept; UPDATE Goods SET Price = 99 WHERE Code = 'G10'";
    example.shop.run(again).await.unwrap();
    example.ctl(&["capture", "install"]).await;
    example
        .expected
        .take(&[Effect::has("G10", "good 10", "99.00")]);
    example.settle("the table is there again").await;
    let sql = "UPDATE Goods SET Price = 98 WHERE Code = 'G11'";
    changes(&mut example, sql, &[Effect::has("G11", "good 11", "98.00")]).await;
    example.end().await;
}
