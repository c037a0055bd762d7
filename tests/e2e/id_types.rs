//! Products whose ids read the same, one a number and one a text: told apart wherever a person acts on them.

use serde_json::json;
use shopmaster_proto::v1::Status;

use crate::your_table::{example::Example, page::Step, shop::Kind};

fn words(text: &str) -> Step {
    Step::Command(text.split(' ').map(str::to_owned).collect())
}

#[tokio::test]
async fn a_number_and_a_text_that_read_the_same_are_told_apart() {
    let mut example = Example::start(Kind::Sqlite).await;
    let shop = "CREATE TABLE P (ID INTEGER NOT NULL PRIMARY KEY, Bar VARCHAR(20) NOT NULL UNIQUE, Title VARCHAR(100), Price DECIMAL(10, 2));
        INSERT INTO P VALUES (1, '2', 'Soap', 1), (2, 'B7', 'Salt', 2)";
    example.shop.run(shop).await.unwrap();
    example
        .step(&words(
            "configure --table P --column-id ID --column-name Title --column-price Price",
        ))
        .await;
    example
        .step(&words("configure --column-id Bar --yes"))
        .await;
    let is_told = |it: &Status| {
        (it.removed, it.published, it.pending, it.in_doubt) == (2, 2, 0, 0)
            && it.current_run.is_none()
    };
    example.world.wait_status(is_told).await.unwrap();

    // The number 2 is gone, and the text is sold.
    let export = example.ctl(&["removed", "export"]).await.stdout;
    let numbers = export.lines().filter(|line| line.ends_with(",number"));
    assert_eq!(numbers.count(), 2, "{export}");
    assert!(
        export.starts_with("product_id,since,product_id_type"),
        "{export}"
    );
    let list = example.ctl(&["removed", "--json"]).await.json().unwrap();
    assert_eq!(list["products"][1]["product_id"], "2", "{list}");
    assert_eq!(list["products"][1]["product_id_type"], "number", "{list}");

    let asked = example
        .world
        .ctl(&["explain", "2", "--json"])
        .await
        .unwrap();
    assert_eq!(asked.code, 1, "{asked:?}");
    assert!(asked.stderr.contains("PRODUCT_AMBIGUOUS"), "{asked:?}");
    let told = async |id_type: &str| {
        let arguments = ["explain", "2", "--id-type", id_type, "--json"];
        let told = example.ctl(&arguments).await.json().unwrap();
        json!([told["product_id_type"], told["state"]])
    };
    assert_eq!(told("number").await, json!(["number", "removed"]));
    assert_eq!(told("text").await, json!(["text", "equal"]));
    let text = example.ctl(&["explain", "2", "--id-type", "text"]).await;
    assert!(text.stdout.starts_with("\"2\": up to date"), "{text:?}");
    // Only the number 1 exists.
    let one = example
        .ctl(&["explain", "1", "--json"])
        .await
        .json()
        .unwrap();
    assert_eq!(one["product_id_type"], "number", "{one}");

    // Only what is listed can be meant.
    let none = ["removed", "forget", "2", "--id-type", "text"];
    assert_eq!(example.world.ctl(&none).await.unwrap().code, 1);
    example.ctl(&["removed", "forget", "2"]).await;

    // And back: now the texts are gone as well, one of which reads like a number that is sold.
    example.step(&words("configure --column-id ID --yes")).await;
    example.world.wait_status(is_told).await.unwrap();
    let list = example.ctl(&["removed"]).await.stdout;
    assert!(
        list.lines().any(|line| line.starts_with("\"2\" ")),
        "{list}"
    );
    example.end().await;
}

#[tokio::test]
async fn a_key_that_is_empty_is_refused_by_name() {
    let mut example = Example::start(Kind::Sqlite).await;
    let shop = "CREATE TABLE P (Code VARCHAR(20) NOT NULL PRIMARY KEY, Title VARCHAR(100), Price DECIMAL(10, 2));
        INSERT INTO P VALUES ('a', 'Soap', 1), ('', 'Salt', 2), ('  ', 'Oil', 3)";
    example.shop.run(shop).await.unwrap();
    let flags = "configure --table P --column-id Code --column-name Title --column-price Price";
    example.step(&words(flags)).await;
    let is_told = |it: &Status| (it.parked, it.published) == (2, 1);
    example.world.wait_status(is_told).await.unwrap();
    assert_eq!(example.world.digible.count(), 1);
    let listed = example.ctl(&["parked"]).await.stdout;
    for part in [
        "\"\" ",
        "the key is empty",
        "\"  \" ",
        "the key has nothing but spaces",
    ] {
        assert!(listed.contains(part), "{part}: {listed}");
    }
    for id in ["", "  "] {
        let explained = example.ctl(&["explain", id]).await.stdout;
        assert!(
            explained.contains("Refused: the key "),
            "{id:?}: {explained}"
        );
    }
    example.end().await;
}
