//! Tables and columns whose names have dots, spaces and signs: configured by flags, printed as they are read, and what is
//! suggested can be pasted.

use crate::your_table::{
    example::Example,
    page::{Effect, Step},
    shop::{Kind, Shop},
};

const VIEW: &str = r#"CREATE TABLE "my.tab" ("c.k" VARCHAR(20) NOT NULL PRIMARY KEY, Title VARCHAR(100), "the = price" DECIMAL(10, 2));
    INSERT INTO "my.tab" VALUES ('a', 'Soap', 1), ('b', 'Salt', 2);
    CREATE TABLE "on;off ?" ("a = b" VARCHAR(20) NOT NULL PRIMARY KEY, "it;is" INT);
    INSERT INTO "on;off ?" VALUES ('a', 1), ('b', 1);
    CREATE VIEW "V.1" AS SELECT t."c.k" AS Code, t.Title, t."the = price", o."it;is"
        FROM "my.tab" AS t INNER JOIN "on;off ?" AS o ON o."a = b" = t."c.k""#;

fn words(text: &[&str]) -> Step {
    Step::Command(text.iter().map(|&word| word.to_owned()).collect())
}

async fn test(example: &Example, check: &str) -> String {
    let told = example.ctl(&["test"]).await.stdout;
    let line = told.lines().find(|line| line.contains(check));
    line.unwrap_or_default().to_owned()
}

/// Runs statements whose names have semicolons.
fn run(example: &Example, sql: &str) {
    match &example.shop {
        Shop::File(connection) => connection.execute_batch(sql).unwrap(),
        Shop::Server(_) => panic!("this shop is a file"),
    }
}

async fn changes(example: &mut Example, sql: &str, effect: Effect) {
    run(example, sql);
    example.expected.take(&[effect]);
    example.settle(sql).await;
}

#[tokio::test]
async fn names_with_signs_are_configured_in_brackets_or_quotes() {
    let mut example = Example::start(Kind::Sqlite).await;
    run(&example, VIEW);
    let flags = [
        "configure",
        "--table",
        "[V.1]",
        "--column-id",
        "Code",
        "--column-name",
        "Title",
        "--column-price",
        "\"the = price\"",
        "--only",
        "[it;is] = 1",
        "--watch",
        "\"my.tab\".\"c.k\" = Code",
        "--watch",
        "[on;off ?].[a = b]=[Code]",
    ];
    example.step(&words(&flags)).await;
    let goods = [
        Effect::has("a", "Soap", "1.00"),
        Effect::has("b", "Salt", "2.00"),
    ];
    example.step(&Step::Products(goods.to_vec())).await;
    let sql = r#"UPDATE "my.tab" SET "the = price" = 9 WHERE "c.k" = 'a'"#;
    changes(&mut example, sql, Effect::has("a", "Soap", "9.00")).await;
    let sql = r#"UPDATE "on;off ?" SET "it;is" = 0 WHERE "a = b" = 'b'"#;
    changes(&mut example, sql, Effect::Gone("b".to_owned())).await;

    // What is printed is read back, and is the same.
    let shown = example.ctl(&["configure", "--show"]).await.stdout;
    let shown = |key: &str| {
        let line = shown
            .lines()
            .find(|line| line.starts_with(&format!("{key} ")));
        line.unwrap().split_once("  ").unwrap().1.trim().to_owned()
    };
    let (watch, only) = (shown("catalog.watch"), shown("catalog.only"));
    assert_eq!(watch, "[my.tab].[c.k] = Code; [on;off ?].[a = b] = Code");
    let again = ["configure", "--watch", &watch, "--only", &only];
    assert_eq!(example.ctl(&again).await.stdout, "Nothing changed\n");
    example.end().await;
}

#[tokio::test]
async fn a_suggestion_of_odd_names_can_be_pasted() {
    let mut example = Example::start(Kind::Sqlite).await;
    let tables = r#"CREATE TABLE "my.tab" ("c.k" VARCHAR(20) NOT NULL PRIMARY KEY, Title VARCHAR(100), Price DECIMAL(10, 2));
        INSERT INTO "my.tab" VALUES ('a', 'Soap', 1);
        CREATE VIEW V AS SELECT "c.k" AS Code, Title, Price FROM "my.tab""#;
    run(&example, tables);
    let flags = "configure --table V --column-id Code --column-name Title --column-price Price";
    example.ctl(&flags.split(' ').collect::<Vec<_>>()).await;
    let suggested = test(&example, "catalog.suggestions").await;
    let (_, rest) = suggested
        .split_once("`--watch \"")
        .unwrap_or_else(|| panic!("{suggested}"));
    let (pasted, _) = rest.split_once("\"`").unwrap();
    assert_eq!(pasted, "[my.tab].[c.k] = Code");
    example
        .step(&words(&["configure", "--watch", pasted]))
        .await;
    example
        .step(&Step::Products(vec![Effect::has("a", "Soap", "1.00")]))
        .await;
    let sql = r#"UPDATE "my.tab" SET Price = 9"#;
    changes(&mut example, sql, Effect::has("a", "Soap", "9.00")).await;
    assert!(
        !test(&example, "catalog.suggestions")
            .await
            .contains("--watch")
    );
    example.end().await;
}
