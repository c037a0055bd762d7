//! Columns of every type.

use shopmaster_catalog::{Catalog, CatalogError, Lookup};
use shopmaster_product::ProductId;

use super::shop::{Shop, row_texts};

fn text(key: &str) -> ProductId {
    ProductId::Text(key.to_owned())
}

#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn keys_of_every_type_are_read_in_their_order() {
    let shop = Shop::usual().await;
    let integers = |keys: &[i64]| keys.iter().copied().map(ProductId::Integer).collect();
    let texts = |keys: &[&str]| keys.iter().copied().map(text).collect();
    let cases: [(&str, &str, Vec<ProductId>); 12] = [
        ("tinyint", "(0), (7), (255)", integers(&[0, 7, 255])),
        (
            "smallint",
            "(-32768), (0), (32767)",
            integers(&[-32_768, 0, 32_767]),
        ),
        (
            "int",
            "(-2147483648), (1), (2147483647)",
            integers(&[-2_147_483_648, 1, 2_147_483_647]),
        ),
        (
            "bigint",
            "(-9223372036854775807), (1), (9223372036854775807)",
            integers(&[-i64::MAX, 1, i64::MAX]),
        ),
        (
            "numeric(18,0)",
            "(-999999999999999999), (5), (999999999999999999)",
            integers(&[-999_999_999_999_999_999, 5, 999_999_999_999_999_999]),
        ),
        ("decimal(5,0)", "(12), (99999)", integers(&[12, 99_999])),
        (
            "varchar(25)",
            "('007'), ('7'), ('Grün')",
            texts(&["007", "7", "Grün"]),
        ),
        ("char(4)", "('ab'), ('abcd')", texts(&["ab  ", "abcd"])),
        (
            "nvarchar(25)",
            "(N'a''b'), (N'Ключ'), (N'商品')",
            texts(&["a'b", "Ключ", "商品"]),
        ),
        ("nvarchar(25)", "(N'😀')", texts(&["😀"])),
        ("nchar(4)", "(N'ab'), (N'äöüß')", texts(&["ab  ", "äöüß"])),
        (
            "uniqueidentifier",
            "('6f9619ff-8b86-d011-b42d-00c04fc964ff')",
            texts(&["6F9619FF-8B86-D011-B42D-00C04FC964FF"]),
        ),
    ];
    for (index, (declared, values, expected)) in cases.into_iter().enumerate() {
        let table = format!("K{index}");
        shop.run(&format!(
            "CREATE TABLE {table} (ProductID {declared} NOT NULL PRIMARY KEY, ProductName nvarchar(50), SellPrice int)"
        ))
        .await;
        shop.run(&format!(
            "INSERT INTO {table} SELECT v.k, 'Soap', 1 FROM (VALUES {values}) AS v (k)"
        ))
        .await;
        let catalog = shop.over(&table);
        let mut scanned: Vec<ProductId> = Vec::new();
        while let Some(row) = catalog.scan(scanned.last(), 1).await.unwrap().pop() {
            scanned.push(row.id);
        }
        assert_eq!(scanned, expected, "{declared}");
        let read = catalog.read(&expected).await.unwrap();
        for (id, lookup) in expected.iter().zip(read) {
            let Lookup::Found(row) = lookup else {
                panic!("{declared}: `{id}` is {lookup:?}");
            };
            assert_eq!(row.id, *id, "{declared}");
        }
        // What cannot be in the column is not, and spoils nobody's answer.
        let odd = [
            ProductId::Integer(i64::MIN),
            ProductId::Integer(1_000_000),
            text("no number, and no key of so many characters"),
            text("no guid"),
            text(""),
            expected[0].clone(),
        ];
        let read = catalog.read(&odd).await.unwrap();
        assert!(matches!(read[5], Lookup::Found(_)), "{declared}");
        assert!(
            read[..5].iter().all(|lookup| *lookup == Lookup::Gone),
            "{declared}: {read:?}"
        );
    }
}

#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn a_key_is_found_as_the_database_compares_and_comes_as_it_is_spelled() {
    let shop = Shop::usual().await;
    shop.run("INSERT INTO Products VALUES ('aBc', 'Soap', 1)")
        .await;
    let asked = [text("ABC"), text("abc")];
    for lookup in shop.catalog().read(&asked).await.unwrap() {
        let Lookup::Found(row) = lookup else {
            panic!("{lookup:?}");
        };
        assert_eq!(row.id, text("aBc"));
    }
}

#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn prices_of_every_type_are_exact() {
    let shop = Shop::usual().await;
    for (index, (declared, value, expected)) in [
        ("money", "922337203685477.5807", "922337203685477.5807"),
        ("money", "-0.0001", "-0.0001"),
        ("smallmoney", "214748.3647", "214748.3647"),
        ("decimal(18,2)", "12.5", "12.50"),
        ("decimal(10,0)", "12", "12"),
        ("decimal(9,4)", "99999.9999", "99999.9999"),
        (
            "decimal(38,0)",
            "99999999999999999999999999999999999999",
            "99999999999999999999999999999999999999",
        ),
        (
            "numeric(38,10)",
            "-1234567890123456789012345678.0123456789",
            "-1234567890123456789012345678.0123456789",
        ),
        ("tinyint", "255", "255"),
        ("int", "-5", "-5"),
        ("bigint", "9223372036854775807", "9223372036854775807"),
        ("float", "19.99", "19.99"),
        ("float", "1.005", "1.005"),
        ("float", "-2.5", "-2.5"),
        ("float", "CAST(0.1 AS float) + CAST(0.2 AS float)", "0.3"),
        (
            "float",
            "1E300",
            "the price has more than 38 digits: `1e300`",
        ),
        ("real", "19.99", "19.99"),
        ("real", "CAST(1.1 AS real) * CAST(3 AS real)", "3.3"),
        ("money", "NULL", "the price is NULL"),
        ("float", "NULL", "the price is NULL"),
        ("bigint", "NULL", "the price is NULL"),
    ]
    .into_iter()
    .enumerate()
    {
        let table = format!("P{index}");
        shop.run(&format!(
            "CREATE TABLE {table} (ProductID int NOT NULL PRIMARY KEY, ProductName nvarchar(50), SellPrice {declared})"
        ))
        .await;
        shop.run(&format!("INSERT INTO {table} VALUES (1, 'Soap', {value})"))
            .await;
        let row = shop.over(&table).scan(None, 10).await.unwrap().remove(0);
        assert_eq!(row_texts(&row)[2], expected, "{declared} {value}");
    }
}

#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn prices_of_every_type_have_the_digits_that_the_shop_asks_for() {
    let shop = Shop::usual().await;
    for (index, (declared, value, digits, expected)) in [
        ("money", "1.99", 2, "1.99"),
        ("smallmoney", "1.2345", 2, "1.23"),
        ("decimal(18,6)", "1.5", 2, "1.50"),
        ("decimal(18,3)", "1.235", 2, "1.24"),
        ("decimal(18,2)", "1.5", 4, "1.5000"),
        ("int", "12", 2, "12.00"),
        (
            "float",
            "CAST(0.1 AS float) + CAST(0.2 AS float)",
            2,
            "0.30",
        ),
        ("float", "CAST(CAST(19.99 AS real) AS float)", 2, "19.99"),
        ("real", "19.99", 0, "20"),
    ]
    .into_iter()
    .enumerate()
    {
        let table = format!("D{index}");
        shop.run(&format!(
            "CREATE TABLE {table} (ProductID int NOT NULL PRIMARY KEY, ProductName nvarchar(50), SellPrice {declared})"
        ))
        .await;
        shop.run(&format!("INSERT INTO {table} VALUES (1, 'Soap', {value})"))
            .await;
        let catalog = shop.with_digits(&table, digits);
        let row = catalog.scan(None, 10).await.unwrap().remove(0);
        assert_eq!(row_texts(&row)[2], expected, "{declared} {value}");
    }
}

#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn names_of_every_type_are_texts() {
    let shop = Shop::usual().await;
    let long = "ä".repeat(5_000);
    let long_value = format!("N'{long}'");
    for (index, (declared, value, expected)) in [
        (
            "nvarchar(50)",
            "N'Чай 商品 😀 ''x''\n'",
            "Чай 商品 😀 'x'\n",
        ),
        ("nvarchar(max)", long_value.as_str(), long.as_str()),
        ("varchar(max)", "'Soap'", "Soap"),
        ("varchar(50)", "'Grün'", "Grün"),
        ("char(6)", "' Soap'", " Soap"),
        ("nchar(6)", "N'Чай'", "Чай"),
        ("varchar(6)", "'Soap '", "Soap "),
        ("text", "'Soap'", "Soap"),
        ("ntext", "N'商品'", "商品"),
        ("int", "42", "42"),
        ("nvarchar(50)", "''", ""),
        ("nvarchar(50)", "NULL", "the name is NULL"),
    ]
    .into_iter()
    .enumerate()
    {
        let table = format!("N{index}");
        shop.run(&format!(
            "CREATE TABLE {table} (ProductID int NOT NULL PRIMARY KEY, ProductName {declared}, SellPrice int)"
        ))
        .await;
        shop.run(&format!("INSERT INTO {table} VALUES (1, {value}, 1)"))
            .await;
        let row = shop.over(&table).scan(None, 10).await.unwrap().remove(0);
        assert_eq!(row_texts(&row)[1], expected, "{declared}");
    }
}

#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn a_key_that_could_lose_rows_is_refused() {
    let shop = Shop::usual().await;
    let columns = "ProductName nvarchar(50), SellPrice int";
    for (index, (key, more, reason)) in [
        ("int NOT NULL", "", "no primary key or unique index"),
        (
            "int NULL",
            "CREATE UNIQUE INDEX u{} ON U{} (ProductID)",
            "it may be NULL",
        ),
        (
            "int NOT NULL",
            "CREATE UNIQUE INDEX u{} ON U{} (ProductID, SellPrice)",
            "one of several columns",
        ),
        (
            "int NOT NULL",
            "CREATE INDEX u{} ON U{} (ProductID)",
            "no primary key",
        ),
        ("nvarchar(max) NOT NULL", "", "its type is nvarchar(max)"),
        ("float NOT NULL PRIMARY KEY", "", "its type is float"),
        ("datetime NOT NULL PRIMARY KEY", "", "its type is datetime"),
        (
            "decimal(19,0) NOT NULL PRIMARY KEY",
            "",
            "more than 18 digits",
        ),
        (
            "decimal(9,2) NOT NULL PRIMARY KEY",
            "",
            "digits after the decimal point",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let table = format!("U{index}");
        shop.run(&format!(
            "CREATE TABLE {table} (ProductID {key}, {columns})"
        ))
        .await;
        if !more.is_empty() {
            shop.run(&more.replace("{}", &index.to_string())).await;
        }
        let catalog = shop.over(&table);
        for answer in [
            catalog.scan(None, 10).await.map(|_| ()),
            catalog.read(&[ProductId::Integer(1)]).await.map(|_| ()),
        ] {
            let error = answer.unwrap_err();
            assert!(
                matches!(&error, CatalogError::UnfitKey { reason: why, .. } if why.contains(reason)),
                "{key}: {error}"
            );
        }
    }
}

#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn a_unique_index_is_as_good_as_a_primary_key() {
    let shop = Shop::new(
        "CREATE TABLE Products (RowID int NOT NULL PRIMARY KEY, ProductID nvarchar(20) NOT NULL UNIQUE,
         ProductName nvarchar(50), SellPrice int)",
    )
    .await;
    shop.run("INSERT INTO Products VALUES (1, N'P1', N'Soap', 5)")
        .await;
    assert_eq!(shop.catalog().scan(None, 10).await.unwrap().len(), 1);
}

#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn columns_of_the_wrong_type_are_named() {
    let shop = Shop::usual().await;
    for (index, price) in ["nvarchar(20)", "bit", "datetime", "varchar(max)"]
        .into_iter()
        .enumerate()
    {
        let table = format!("W{index}");
        shop.run(&format!(
            "CREATE TABLE {table} (ProductID int NOT NULL PRIMARY KEY, ProductName nvarchar(50), SellPrice {price})"
        ))
        .await;
        let error = shop.over(&table).scan(None, 10).await.unwrap_err();
        assert!(matches!(error, CatalogError::UnfitPrice { .. }), "{error}");
    }
    shop.run("CREATE TABLE B (ProductID int NOT NULL PRIMARY KEY, ProductName varbinary(50), SellPrice int)")
        .await;
    let error = shop.over("B").read(&[]).await.unwrap_err();
    assert!(
        error.to_string().contains("`ProductName` holds no names"),
        "{error}"
    );
}

#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn a_price_is_told_as_its_column_has_it() {
    let shop = Shop::new(
        "CREATE TABLE Products (ProductID int NOT NULL PRIMARY KEY, ProductName nvarchar(9), SellPrice money)",
    )
    .await;
    shop.run("INSERT INTO Products VALUES (1, N'Soap', 1.2399), (2, N'Tea', NULL)")
        .await;
    let cents = shop.with_digits("Products", 2);
    let price = async |catalog: &crate::SqlServerCatalog, id| {
        let price = catalog.unrounded_price(&ProductId::Integer(id)).await;
        price.unwrap().map(|price| price.to_string())
    };
    assert_eq!(price(&cents, 1).await.as_deref(), Some("1.2399"));
    assert_eq!(price(&cents, 2).await, None);
    assert_eq!(price(&cents, 3).await, None);
    assert_eq!(price(shop.catalog(), 1).await, None);
}
