//! Views, whose rows SQLite computes while they are read.

use shopmaster_catalog::{Catalog as _, CatalogError, Condition, Lookup, Mapping, Scalar, Test};
use shopmaster_product::{ProductId, Row};

use super::{Shop, mapping, text};

const REPEATED: &str = "several rows of the view have this key";
const OVERFLOW: &str = "the database cannot compute this row: integer overflow";
const NO_JSON: &str = "the database cannot compute this row: malformed JSON";

/// A view `Products` over a table `Goods`.
fn viewing(columns: &str, goods: &str, view: &str) -> Shop {
    Shop::new(&format!(
        "CREATE TABLE Goods ({columns}); INSERT INTO Goods VALUES {goods}; CREATE VIEW Products AS {view}"
    ))
}

/// Each row as `a Soap 1`, or as its key and what is wrong with it.
fn shown(row: &Row) -> String {
    let price = row.price.as_ref().map(ToString::to_string);
    match (&row.name, price) {
        (Ok(name), Ok(price)) => format!("{} {name} {price}", row.id),
        (Err(problem), _) | (_, Err(problem)) => format!("{}: {problem}", row.id),
    }
}

/// All rows, in pages as the engine reads them.
async fn in_pages(shop: &Shop, limit: usize) -> Vec<String> {
    let mut rows: Vec<Row> = Vec::new();
    loop {
        let after = rows.last().map(|row| row.id.clone());
        let page = shop.catalog.scan(after.as_ref(), limit).await.unwrap();
        assert!(page.len() <= limit);
        let is_end = page.len() < limit;
        rows.extend(page);
        assert!(rows.len() < 100, "the scan runs in circles");
        if is_end {
            return rows.iter().map(shown).collect();
        }
    }
}

async fn looked_up(shop: &Shop, keys: &[&str]) -> Vec<String> {
    let keys: Vec<_> = keys.iter().map(|key| text(key)).collect();
    let lookups = shop.catalog.read(&keys).await.unwrap();
    let lookups = lookups.iter().map(|lookup| match lookup {
        Lookup::Found(row) => shown(row),
        Lookup::LeftOut(id) => format!("{id} is left out"),
        Lookup::Gone => "gone".to_owned(),
        Lookup::Locked => "locked".to_owned(),
    });
    lookups.collect()
}

#[tokio::test]
async fn a_row_that_cannot_be_computed_stops_nobody_else() {
    let index = "Code TEXT PRIMARY KEY, Name TEXT, Price INTEGER";
    let sorted = "Code TEXT, Name TEXT, Price INTEGER";
    let view = "SELECT Code AS ProductID, Name AS ProductName, abs(Price) AS SellPrice FROM Goods";
    let twice = format!("{view} WHERE Code < 'd' UNION ALL {view} WHERE Code >= 'd'");
    let least = "-9223372036854775807 - 1";
    for (columns, view) in [(index, view), (sorted, view), (index, &twice)] {
        for broken in ["", "a", "g", "d", "ag", "cd", "bde", "abcdefg"] {
            let price = |code: char| if broken.contains(code) { least } else { "-1" };
            let goods: Vec<_> = "abcdefg"
                .chars()
                .map(|code| format!("('{code}', 'Soap', {})", price(code)))
                .collect();
            let shop = viewing(columns, &goods.join(", "), view);
            let expected: Vec<_> = "abcdefg"
                .chars()
                .map(|code| match broken.contains(code) {
                    true => format!("{code}: {OVERFLOW}"),
                    false => format!("{code} Soap 1"),
                })
                .collect();
            for limit in [1, 2, 3, 4, 7, 100] {
                assert_eq!(
                    in_pages(&shop, limit).await,
                    expected,
                    "{view}, {broken}, {limit}"
                );
            }
            let keys = ["a", "b", "c", "d", "e", "f", "g"];
            assert_eq!(looked_up(&shop, &keys).await, expected);
        }
    }
}

#[tokio::test]
async fn a_problem_names_the_databases_own_words() {
    let shop = viewing(
        "Code TEXT PRIMARY KEY, Data",
        r#"('a', '{"n":"Soap","p":1.5}'), ('b', 'no json'), ('c', '{"n":"Tea","p":2}')"#,
        "SELECT Code AS ProductID, json_extract(Data, '$.n') AS ProductName, json_extract(Data, '$.p') AS SellPrice
         FROM Goods",
    );
    let broken = format!("b: {NO_JSON}");
    assert_eq!(in_pages(&shop, 2).await, ["a Soap 1.5", &broken, "c Tea 2"]);
    assert_eq!(
        looked_up(&shop, &["c", "b", "x"]).await,
        ["c Tea 2", &broken, "gone"]
    );
    // It is served as soon as it can be computed.
    shop.run(r#"UPDATE Goods SET Data = '{"n":"Salt","p":3}' WHERE Code = 'b'"#);
    assert_eq!(looked_up(&shop, &["b"]).await, ["b Salt 3"]);
}

/// A table can compute columns, too.
#[tokio::test]
async fn a_generated_column_that_cannot_be_computed_stops_nobody_else() {
    let shop = Shop::new(
        "CREATE TABLE Products (ProductID INTEGER PRIMARY KEY, Data TEXT, SellPrice INT);
         INSERT INTO Products VALUES (1, '{\"n\":\"Soap\"}', 1), (2, '{', 2), (3, '{\"n\":\"Tea\"}', 3);
         ALTER TABLE Products ADD COLUMN ProductName AS (json_extract(Data, '$.n'))",
    );
    let expected = ["1 Soap 1", &format!("2: {NO_JSON}"), "3 Tea 3"];
    assert_eq!(in_pages(&shop, 2).await, expected);
}

#[tokio::test]
async fn a_row_that_is_not_sold_need_not_be_computed() {
    let sold = |view: &str| {
        Shop::mapped(
            &format!(
                "CREATE TABLE Goods (Code TEXT PRIMARY KEY, Data TEXT, Gone INT);
                 INSERT INTO Goods VALUES ('a', '{{\"p\":1}}', 0), ('b', '{{', 1), ('c', '{{', 0), ('d', '{{\"p\":4}}', 0);
                 CREATE VIEW Products AS {view}"
            ),
            Mapping {
                only: vec![Condition {
                    column: "Gone".to_owned(),
                    test: Test::Is(vec![Scalar::Integer(0)]),
                }],
                ..mapping("Products", ["Code", "Name", "Price"])
            },
        )
    };
    let shop =
        sold("SELECT Code, 'Soap' AS Name, json_extract(Data, '$.p') AS Price, Gone FROM Goods");
    let broken = format!("c: {NO_JSON}");
    for limit in 1..5 {
        assert_eq!(
            in_pages(&shop, limit).await,
            ["a Soap 1", &broken, "d Soap 4"]
        );
    }
    assert_eq!(
        looked_up(&shop, &["b", "c"]).await,
        ["b is left out", &broken]
    );
    // Whether a row is sold cannot be known: it is not left out.
    let shop = sold(
        "SELECT Code, 'Soap' AS Name, 1 AS Price, json_extract(Data, '$.p') IS NULL AS Gone FROM Goods",
    );
    let broken = |code| format!("{code}: {NO_JSON}");
    let expected = [
        "a Soap 1".to_owned(),
        broken("b"),
        broken("c"),
        "d Soap 1".to_owned(),
    ];
    for limit in 1..6 {
        assert_eq!(in_pages(&shop, limit).await, expected);
    }
    assert_eq!(looked_up(&shop, &["a", "b"]).await, expected[..2]);
}

#[tokio::test]
async fn what_is_no_fault_of_a_row_is_told() {
    // The function is known only to the till.
    let unknown = viewing(
        "Code TEXT PRIMARY KEY, Price INT",
        "('a', 1)",
        "SELECT Code AS ProductID, 'Soap' AS ProductName, price_of_the_till(Price) AS SellPrice FROM Goods",
    );
    // All rows are computed for each.
    let together = viewing(
        "Code TEXT PRIMARY KEY, Price INT",
        "('a', 9223372036854775807), ('b', 9223372036854775807)",
        "SELECT Code AS ProductID, 'Soap' AS ProductName, sum(Price) OVER () AS SellPrice FROM Goods",
    );
    // Whether a row is in the view cannot be known.
    let filtered = viewing(
        "Code TEXT PRIMARY KEY, Data TEXT",
        "('a', '{'), ('b', '{}')",
        "SELECT Code AS ProductID, 'Soap' AS ProductName, 1 AS SellPrice FROM Goods WHERE json_extract(Data, '$.p') IS NULL",
    );
    for (shop, said) in [
        (unknown, "no such function: price_of_the_till"),
        (together, "integer overflow"),
        (filtered, "malformed JSON"),
    ] {
        let error = shop.catalog.scan(None, 10).await.unwrap_err();
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert!(matches!(error, CatalogError::Statement { .. }), "{error}");
        assert!(source.contains(said), "{source}");
    }
}

#[tokio::test]
async fn a_repeated_key_and_a_null_key_are_refused_by_name_and_nobody_else() {
    let view = "SELECT Code AS ProductID, Name AS ProductName, Price AS SellPrice FROM Goods";
    for (goods, expected) in [
        (
            "('a', 'x', 1), ('b', 'y', 2), ('b', 'z', 3), ('c', 'x', 4)",
            vec![
                "a x 1".to_owned(),
                format!("b: {REPEATED}"),
                "c x 4".to_owned(),
            ],
        ),
        (
            "('a', 'x', 1), ('a', 'y', 2), ('a', 'z', 3), ('a', 'z', 3), ('b', 'x', 4), ('b', 'x', 4)",
            vec![format!("a: {REPEATED}"), format!("b: {REPEATED}")],
        ),
        (
            "(NULL, 'x', 1), (NULL, 'y', 2), ('a', 'z', 3), (NULL, 'z', 3), ('b', 'x', 4)",
            vec![
                format!("NULL: {REPEATED}"),
                "a z 3".to_owned(),
                "b x 4".to_owned(),
            ],
        ),
        (
            "(NULL, 'x', 1), ('a', 'z', 3), ('b', 'x', 4), ('b', 'x', 4)",
            vec![
                "NULL: the key is NULL, not TEXT or INTEGER: NULL".to_owned(),
                "a z 3".to_owned(),
                format!("b: {REPEATED}"),
            ],
        ),
    ] {
        let shop = viewing("Code TEXT, Name TEXT, Price INT", goods, view);
        for limit in 1..8 {
            assert_eq!(in_pages(&shop, limit).await, expected, "{goods}, {limit}");
        }
        let keys: Vec<_> = expected
            .iter()
            .map(|row| row.split([' ', ':']).next().unwrap())
            .collect();
        assert_eq!(looked_up(&shop, &keys).await, expected, "{goods}");
    }
}

/// Several barcodes of a product, one of them at two products by mistake.
#[tokio::test]
async fn the_schema_barcodes_is_served() {
    let shop = Shop::named(
        "CREATE TABLE Product (Id BIGINT NOT NULL PRIMARY KEY, Name VARCHAR(220), Price NUMERIC(24,6) NOT NULL);
         CREATE TABLE Barcode (Id BIGINT NOT NULL, Code VARCHAR(20) NOT NULL, PRIMARY KEY (Id, Code));
         INSERT INTO Product VALUES (1, 'milk', 1.5), (2, 'tea', 2);
         INSERT INTO Barcode VALUES (1, '786'), (1, '787'), (2, '786');
         CREATE VIEW ByCode AS SELECT b.Code, p.Name, p.Price FROM Barcode b JOIN Product p ON p.Id = b.Id",
        "ByCode",
        ["Code", "Name", "Price"],
    );
    let expected = [format!("786: {REPEATED}"), "787 milk 1.500000".to_owned()];
    for limit in 1..4 {
        assert_eq!(in_pages(&shop, limit).await, expected);
    }
    assert_eq!(looked_up(&shop, &["786", "787"]).await, expected);
}

/// Prices as they were typed: only those that no number can be made of are refused.
#[tokio::test]
async fn the_schema_text_price_is_served() {
    let table =
        "CREATE TABLE P (code VARCHAR(20) NOT NULL PRIMARY KEY, n NVARCHAR(50), price VARCHAR(20));
         INSERT INTO P VALUES ('a', 'x', '1.50'), ('b', 'y', '2,50')";
    let shop = |price_text: &str| {
        Shop::mapped(
            table,
            Mapping {
                price_text: Some(price_text.parse().unwrap()),
                ..mapping("P", ["code", "n", "price"])
            },
        )
    };
    assert_eq!(
        in_pages(&shop("1234,50"), 1).await,
        [
            "a: the price is not written like `1234,50`: `1.50`",
            "b y 2.50"
        ]
    );
    assert_eq!(
        in_pages(&shop("1234.50"), 1).await,
        [
            "a x 1.50",
            "b: the price is not written like `1234.50`: `2,50`"
        ]
    );
}

#[tokio::test]
async fn a_view_is_read_in_the_order_of_its_keys_without_a_limit() {
    let shop = viewing(
        "Code INT, Name TEXT, Price INT",
        "(2, 'x', 1), (1, 'y', 2)",
        "SELECT Code AS ProductID, Name AS ProductName, Price AS SellPrice FROM Goods",
    );
    let rows = shop.catalog.scan(None, usize::MAX).await.unwrap();
    let ids: Vec<_> = rows.into_iter().map(|row| row.id).collect();
    assert_eq!(ids, [1, 2].map(ProductId::Integer));
}
