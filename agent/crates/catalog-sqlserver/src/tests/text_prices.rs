//! Prices that the shop's program stores as text, and ids and names that the database fills up with spaces.

use shopmaster_catalog::{Catalog, Check, Verdict};

use super::shop::{Shop, row_texts};
use crate::SqlServerCatalog;

/// Prices as people typed them.
const TYPED: [&str; 2] = [
    "CREATE TABLE P (code VARCHAR(20) NOT NULL PRIMARY KEY, n NVARCHAR(50), price VARCHAR(20))",
    "INSERT INTO P VALUES ('a', N'x', '1.50'), ('b', N'y', '2,50')",
];

async fn typed() -> Shop {
    Shop::named(&TYPED, "P", ["code", "n", "price"]).await
}

fn written(shop: &Shop, example: &str) -> SqlServerCatalog {
    shop.mapped(|mapping| mapping.price_text = Some(example.parse().unwrap()))
}

async fn check(catalog: &SqlServerCatalog, name: &str) -> Check {
    let checks = catalog.inspect().await.unwrap();
    checks.into_iter().find(|check| check.name == name).unwrap()
}

async fn prices(catalog: &SqlServerCatalog) -> Vec<String> {
    let rows = catalog.scan(None, 10).await.unwrap();
    rows.iter().map(|row| row_texts(row)[2].clone()).collect()
}

#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn a_price_that_is_not_written_as_it_should_be_is_a_problem_of_its_row() {
    let shop = typed().await;
    let error = shop.catalog().scan(None, 10).await.unwrap_err();
    assert_eq!(error.code(), "PRICE_UNFIT");
    assert!(
        error.to_string().contains("`catalog.price_text`"),
        "{error}"
    );
    let point = written(&shop, "1234.50");
    let problem = "the price is not written like `1234.50`: `2,50`";
    assert_eq!(prices(&point).await, ["1.50", problem]);
    let found = check(&point, "catalog.price_type").await;
    assert_eq!(found.verdict, Verdict::Warning, "{found:?}");
    assert!(
        found.text.contains("1 of the first 2 prices") && found.text.ends_with(problem),
        "{found:?}"
    );
    let comma = written(&shop, "1.234,50");
    assert_eq!(prices(&comma).await[1], "2.50");
    shop.run("UPDATE P SET price = '2.50' WHERE code = 'b'")
        .await;
    assert_eq!(prices(&point).await, ["1.50", "2.50"]);
    let found = check(&point, "catalog.price_type").await;
    assert_eq!(found.verdict, Verdict::Ok, "{found:?}");
}

#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn texts_of_every_type_are_prices() {
    let shop = Shop::usual().await;
    for (index, (declared, value, expected)) in [
        ("varchar(20)", "' 1.234,50 '", "1234.50"),
        ("char(20)", "'7,5'", "7.5"),
        ("nchar(20)", "N'-1'", "-1"),
        ("nvarchar(20)", "N'1.234.567,00'", "1234567.00"),
        ("nvarchar(max)", "N'2,00'", "2.00"),
        ("varchar(20)", "NULL", "the price is NULL"),
        (
            "varchar(20)",
            "''",
            "the price is not written like `1.234,50`: ``",
        ),
        ("money", "2.5", "2.5000"),
    ]
    .into_iter()
    .enumerate()
    {
        let table = format!("T{index}");
        shop.run(&format!(
            "CREATE TABLE {table} (ProductID int NOT NULL PRIMARY KEY, ProductName nvarchar(9), SellPrice {declared})"
        ))
        .await;
        shop.run(&format!("INSERT INTO {table} VALUES (1, N'Soap', {value})"))
            .await;
        let catalog = shop.mapped(|mapping| {
            mapping.table = table.clone();
            mapping.price_text = Some("1.234,50".parse().unwrap());
        });
        assert_eq!(prices(&catalog).await, [expected], "{declared} {value}");
    }
}

#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn a_key_that_is_filled_up_with_spaces_is_warned_of() {
    for (declared, expected) in [
        ("char(13)", Verdict::Warning),
        ("nchar(13)", Verdict::Warning),
        ("varchar(13)", Verdict::Ok),
    ] {
        let shop = Shop::new(&format!(
            "CREATE TABLE Products (ProductID {declared} NOT NULL PRIMARY KEY, ProductName char(9), SellPrice int)"
        ))
        .await;
        shop.run("INSERT INTO Products VALUES ('786', 'Soap', 1)")
            .await;
        let found = check(shop.catalog(), "catalog.key_type").await;
        assert_eq!(found.verdict, expected, "{found:?}");
        let row = shop.catalog().scan(None, 10).await.unwrap().remove(0);
        let [id, name, _] = row_texts(&row);
        let padded = expected == Verdict::Warning;
        assert_eq!(
            (id.len(), name.as_str()),
            (if padded { 13 } else { 3 }, "Soap")
        );
    }
}
