//! Schemas of real point-of-sale programs, as they are.

use shopmaster_proto::v1::{ProductState, State, Status};

use super::{
    example::{Example, try_section},
    page::{Effect, sections},
    shop::Kind,
};
use crate::support::{issue, wait_issue};

const SCHEMAS: &str = include_str!("schemas.md");

/// Tried by tests of their own: on one kind of database only, or because more is to be seen on the way.
const OTHERS: [&str; 3] = [
    "Prices as typed, computed by a view on SQL Server",
    "Prices as typed, computed by a view on SQLite",
    "A shop that moves to a view",
];

examples! {
    super::SCHEMAS;
    goods_and_prices_of_a_point_of_sale_system: "Goods and prices of a point-of-sale system",
    barcodes_of_a_supermarket: "Barcodes of a supermarket",
    prices_as_typed_in_the_table: "Prices as typed, in the table",
}

#[test]
fn every_schema_is_tried() {
    let sections = sections(SCHEMAS);
    let headings: Vec<_> = sections.iter().map(|it| it.heading.as_str()).collect();
    assert_eq!(headings, [HEADINGS, &OTHERS].concat());
}

#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn prices_as_typed_computed_by_a_view_on_sql_server() {
    try_section(SCHEMAS, OTHERS[0], Kind::SqlServer).await;
}

#[tokio::test]
async fn prices_as_typed_computed_by_a_view_on_sqlite() {
    try_section(SCHEMAS, OTHERS[1], Kind::Sqlite).await;
}

/// From a table to its view and back: nothing that was sent is forgotten, and nothing is green meanwhile.
async fn moves_to_a_view_and_back(kind: Kind) {
    let mut example = Example::start(kind).await;
    let sections = sections(SCHEMAS);
    let section = sections.iter().find(|section| section.heading == OTHERS[2]);
    for step in &section.unwrap().steps {
        example.step(step).await;
    }
    let to_view = ["configure", "--table", "V"];
    let before = std::fs::read(example.world.config_file()).unwrap();
    let dry_run = example.ctl(&[&to_view[..], &["--dry-run"]].concat()).await;
    for part in [
        "Would change `catalog.table`",
        "2 products stay as they are at Digible",
        "1 product of the old table is not in the new one and stays at Digible",
        "Staying at Digible: 3",
    ] {
        assert!(dry_run.stdout.contains(part), "{part}: {dry_run:?}");
    }
    assert_eq!(std::fs::read(example.world.config_file()).unwrap(), before);

    let moved = example
        .ctl(&[&to_view[..], &["--yes", "--json"]].concat())
        .await;
    let effect = &moved.json().unwrap()["effect"];
    let count = |key: &str| effect[key].as_u64();
    assert_eq!(
        [
            count("equal"),
            count("differing"),
            count("new"),
            count("gone")
        ],
        [Some(2), Some(0), Some(0), Some(1)]
    );
    assert_eq!(effect["gone_ids"], serde_json::json!(["3"]));
    // The verify starts automatically.
    let is_green = |status: &Status| status.state() == State::UpToDate;
    let status = example
        .world
        .wait_status(|status| is_green(status) || status.removed == 1)
        .await
        .unwrap();
    assert!(!is_green(&status), "{status:?}");
    assert_eq!(example.listed("removed").await, ["3".to_owned()].into());
    let state = example.world.state_of("3").await.unwrap();
    assert_eq!(state, ProductState::Removed);
    let explained = example.ctl(&["explain", "3"]).await.stdout;
    assert!(explained.contains("gone"), "{explained}");
    // The trigger of the table is left over.
    let unused = wait_issue(&example.world, "CAPTURE_UNUSED").await;
    assert!(unused.remedy.contains("capture remove"), "{unused:?}");
    example.ctl(&["capture", "remove", "--yes"]).await;
    example.expected.take(&[Effect::Gone("3".to_owned())]);
    example.settle("the view").await;
    example
        .shop
        .run("UPDATE P SET Price = 1.5 WHERE ID = 1")
        .await
        .unwrap();
    example.expected.take(&[Effect::has("1", "a", "1.50")]);
    example.settle("a price under the view").await;

    example.ctl(&["configure", "--table", "P", "--yes"]).await;
    example.ctl(&["capture", "install"]).await;
    let found = example
        .world
        .wait_status(|status| status.removed == 0 && issue(status, "CATALOG_CHANGED").is_none())
        .await
        .unwrap();
    assert_eq!(found.parked, 0, "{found:?}");
    example.expected.take(&[Effect::has("3", "c", "3.00")]);
    example.settle("the table again").await;
    example.end().await;
}

#[tokio::test]
async fn a_shop_that_moves_to_a_view_leaves_nothing_behind_unseen() {
    moves_to_a_view_and_back(Kind::Sqlite).await;
}

#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn a_shop_that_moves_to_a_view_leaves_nothing_behind_on_sql_server() {
    moves_to_a_view_and_back(Kind::SqlServer).await;
}
