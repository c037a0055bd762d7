//! Names and prices of every kind that SQLite may hold.

use shopmaster_catalog::{Catalog as _, Mapping, Verdict};

use super::{Shop, mapping, text};

/// The name and the price that one row comes out with.
async fn met(price_type: &str, name: &str, price: &str) -> (String, String) {
    met_with(None, price_type, name, price).await
}

/// The same with as many digits as the shop asks for.
async fn met_with(
    digits: Option<u8>,
    price_type: &str,
    name: &str,
    price: &str,
) -> (String, String) {
    let schema = format!(
        "CREATE TABLE Products (ProductID TEXT NOT NULL PRIMARY KEY, ProductName, SellPrice {price_type});
         INSERT INTO Products VALUES ('P1', {name}, {price})"
    );
    let columns = ["ProductID", "ProductName", "SellPrice"];
    let shop = Shop::with_digits(&schema, "Products", columns, digits);
    let row = shop.rows().await.remove(0);
    (
        row.name.unwrap_or_else(|problem| problem.to_string()),
        row.price
            .map_or_else(|problem| problem.to_string(), |price| price.to_string()),
    )
}

#[tokio::test]
async fn names_of_every_kind() {
    for (name, expected) in [
        ("'Soap'", "Soap"),
        ("''", ""),
        ("42", "42"),
        ("1.5", "1.5"),
        ("2.0", "2.0"),
        ("NULL", "the name is NULL"),
        ("X'4142'", "the name is a BLOB, not TEXT: `X'4142'`"),
        (
            "CAST(X'61FF' AS TEXT)",
            "the name is not UTF-8: `a\u{FFFD}`",
        ),
        ("'Größe \"L\" 日本 🧼'", "Größe \"L\" 日本 🧼"),
    ] {
        assert_eq!(met("NUMERIC(18,2)", name, "1").await.0, expected);
    }
}

#[tokio::test]
async fn prices_of_every_kind() {
    for (declared, price, expected) in [
        ("NUMERIC(18,2)", "1500", "1500.00"),
        ("NUMERIC(18,2)", "12.5", "12.50"),
        ("NUMERIC(18,2)", "'12.50'", "12.50"),
        ("NUMERIC(18,2)", "0.1 + 0.2", "0.30"),
        ("NUMERIC(18,2)", "-3", "-3.00"),
        ("NUMERIC(18,2)", "NULL", "the price is NULL"),
        (
            "NUMERIC(18,2)",
            "'free'",
            "the price is not a number: `free`",
        ),
        (
            "NUMERIC(18,2)",
            "X'31'",
            "the price is not a number: `X'31'`",
        ),
        ("NUMERIC(18,2)", "9e999", "the price is not a number: `inf`"),
        ("DECIMAL(10,4)", "1", "1.0000"),
        ("REAL", "12", "12"),
        ("REAL", "19.99", "19.99"),
        ("INTEGER", "1500", "1500"),
        ("TEXT", "'12.5'", "12.5"),
        ("VARCHAR(20)", "' 1500.00 '", "1500.00"),
        ("TEXT", "1e3", "1000.0"),
        ("TEXT", "'1e3'", "the price is not a number: `1e3`"),
        ("", "12.345", "12.345"),
        ("REAL", "0.1 + 0.2", "0.3"),
        ("DOUBLE", "1.1 * 3", "3.3"),
        ("DECIMAL(10)", "0.1 + 0.2", "0.3"),
        ("NUMERIC", "0.1 + 0.2", "0.3"),
        ("", "0.1 + 0.2", "0.3"),
        ("BLOB", "4.35 * 100", "435"),
        ("INTEGER", "0.1 + 0.2", "0.3"),
    ] {
        assert_eq!(
            met(declared, "'Soap'", price).await.1,
            expected,
            "{declared} {price}"
        );
    }
}

#[tokio::test]
async fn prices_have_the_digits_that_the_shop_asks_for() {
    for (declared, price, digits, expected) in [
        ("REAL", "0.1 + 0.2", 2, "0.30"),
        ("REAL", "19.989999771118164", 2, "19.99"),
        ("", "12.5", 2, "12.50"),
        ("", "12", 2, "12.00"),
        ("", "'1.500000'", 2, "1.50"),
        ("TEXT", "'1.9900'", 2, "1.99"),
        ("TEXT", "'1.239'", 2, "1.24"),
        ("DECIMAL(10)", "12.5", 2, "12.50"),
        ("DECIMAL(10,4)", "1.99", 2, "1.99"),
        ("DECIMAL(10,4)", "1.235", 2, "1.24"),
        ("NUMERIC(18,2)", "12.5", 4, "12.5000"),
        ("NUMERIC(18,2)", "1500", 0, "1500"),
        ("INTEGER", "1500", 2, "1500.00"),
        ("REAL", "NULL", 2, "the price is NULL"),
        ("REAL", "'free'", 2, "the price is not a number: `free`"),
    ] {
        assert_eq!(
            met_with(Some(digits), declared, "'Soap'", price).await.1,
            expected,
            "{declared} {price}"
        );
    }
}

#[tokio::test]
async fn prices_are_read_as_the_shop_writes_them() {
    let shop = Shop::mapped(
        "CREATE TABLE P (code VARCHAR(20) NOT NULL PRIMARY KEY, n TEXT, price VARCHAR(20));
         INSERT INTO P VALUES ('a', 'x', '1.50'), ('b', 'y', '2,50'), ('c', 'z', ' 1.234,5')",
        Mapping {
            price_text: Some("1.234,50".parse().unwrap()),
            price_digits: Some(2),
            ..mapping("P", ["code", "n", "price"])
        },
    );
    let prices = shop.rows().await.into_iter().map(|row| match row.price {
        Ok(price) => price.to_string(),
        Err(problem) => problem.to_string(),
    });
    assert_eq!(
        prices.collect::<Vec<_>>(),
        [
            "the price is not written like `1.234,50`: `1.50`",
            "2.50",
            "1234.50"
        ]
    );
}

#[tokio::test]
async fn spaces_that_fill_up_a_name_are_no_part_of_it() {
    for (declared, name, expected) in [
        ("CHAR(9)", "'Soap     '", "Soap"),
        ("NCHAR(9)", "' So ap   '", " So ap"),
        ("CHARACTER(9)", "'   '", ""),
        ("CHAR(9)", "'Tab\t '", "Tab\t"),
        ("VARCHAR(9)", "'Soap  '", "Soap  "),
        ("TEXT", "'Soap  '", "Soap  "),
    ] {
        let shop = Shop::new(&format!(
            "CREATE TABLE Goods (ProductID CHAR(9) NOT NULL PRIMARY KEY, ProductName {declared}, SellPrice);
             INSERT INTO Goods VALUES ('P1  ', {name}, 1);
             CREATE VIEW Products AS SELECT * FROM Goods"
        ));
        let row = shop.rows().await.remove(0);
        assert_eq!(row.name.as_deref(), Ok(expected), "{declared}");
        assert_eq!(row.id, text("P1  "), "keys stay as they are");
    }
}

#[tokio::test]
async fn keys_that_end_with_spaces_are_warned_of() {
    for (declared, key, expected) in [
        ("CHAR(9)", "P1       ", Verdict::Warning),
        ("CHAR(9)", "P12345678", Verdict::Ok),
        ("VARCHAR(9)", "P1       ", Verdict::Ok),
    ] {
        let shop = Shop::new(&format!(
            "CREATE TABLE Products (ProductID {declared} NOT NULL PRIMARY KEY, ProductName, SellPrice);
             INSERT INTO Products VALUES ('{key}', 'Soap', 1)"
        ));
        let checks = shop.catalog.inspect().await.unwrap();
        let check = checks
            .iter()
            .find(|it| it.name == "catalog.key_type")
            .unwrap();
        assert_eq!(check.verdict, expected, "{check:?}");
        let names_it = check.text.ends_with("`P1       `");
        assert_eq!(names_it, expected == Verdict::Warning, "{check:?}");
        assert!(shop.catalog.install().await.unwrap());
    }
}

#[tokio::test]
async fn a_name_of_a_megabyte_comes_out_whole() {
    let (name, _) = met("INTEGER", "replace(hex(zeroblob(524288)), '0', 'ß')", "1").await;
    assert_eq!(name.chars().count(), 1_048_576);
    assert!(name.chars().all(|letter| letter == 'ß'));
}

#[tokio::test]
async fn a_price_is_known_before_it_is_rounded() {
    let schema = "CREATE TABLE Products (ProductID TEXT NOT NULL PRIMARY KEY, ProductName TEXT, SellPrice NUMERIC(18,4));
        INSERT INTO Products VALUES ('a', 'Tea', 1.239), ('b', 'Ale', NULL)";
    let columns = ["ProductID", "ProductName", "SellPrice"];
    let id = text;
    for (digits, expected) in [(Some(2), Some("1.239")), (None, None)] {
        let shop = Shop::with_digits(schema, "Products", columns, digits);
        let price = shop.catalog.unrounded_price(&id("a")).await.unwrap();
        assert_eq!(price.map(|price| price.to_string()).as_deref(), expected);
        assert_eq!(shop.catalog.unrounded_price(&id("b")).await.unwrap(), None);
        assert_eq!(shop.catalog.unrounded_price(&id("c")).await.unwrap(), None);
    }
}
