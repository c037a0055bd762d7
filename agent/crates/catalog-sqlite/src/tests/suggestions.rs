//! What the database suggests to configure.

use shopmaster_catalog::{
    Catalog as _, Columns, Condition, KeyColumns, Mapping, Scalar, Suggestion, Test, Watch,
};

use super::{Shop, mapping};

/// The suggestions, as `watch Prices.Code = Code`, `only … leaves out 1 of 3`, `key Barcode, such as 123`.
async fn suggested(schema: &str, mapping: Mapping) -> Vec<String> {
    let shop = Shop::mapped(schema, mapping);
    let before = shop.schema();
    let suggestions = shop.catalog.suggestions().await.unwrap();
    assert_eq!(shop.schema(), before);
    let shown = suggestions.into_iter().map(|suggestion| match suggestion {
        Suggestion::Only {
            condition,
            left_out,
            rows,
        } => format!("only {condition} leaves out {left_out} of {rows}"),
        Suggestion::Watch(Watch { table, key, column }) => {
            format!("watch {table}.{key} = {column}")
        }
        Suggestion::Unwatchable { table, reason } => format!("not {table}: {reason}"),
        Suggestion::Key { column, example } => format!("key {column}, such as {example}"),
    });
    shown.collect()
}

/// What a view over these tables suggests to watch.
async fn watches(tables: &str, columns: [&str; 3], view: &str) -> Vec<String> {
    let schema = format!("{tables}; CREATE VIEW Served AS {view}");
    suggested(&schema, mapping("Served", columns)).await
}

const SHOP: [&str; 3] = ["Code", "Title", "Price"];

const TABLES: &str = "
    CREATE TABLE Goods (Code TEXT NOT NULL PRIMARY KEY, Title TEXT, Net REAL, TaxID INT, ParentCode TEXT);
    CREATE TABLE Prices (ID INTEGER PRIMARY KEY, Code TEXT NOT NULL, List INT, Price REAL);
    CREATE TABLE Rates (ID INTEGER PRIMARY KEY, Rate REAL);
    INSERT INTO Goods VALUES ('A', 'one', 1, 1, NULL), ('B', 'two', 2, 2, 'A');
    INSERT INTO Prices (Code, List, Price) VALUES ('A', 1, 1.5), ('A', 2, 1.9), ('B', 1, 2);
    INSERT INTO Rates VALUES (1, 20), (2, 10)";

const GOODS: &str = "watch Goods.Code = Code";
const PRICES: &str = "watch Prices.Code = Code";
const RATES: &str = "watch Rates.ID = TaxID";

#[tokio::test]
async fn the_tables_of_a_view_are_proposed_with_their_columns() {
    for (view, expected) in [
        ("SELECT Code, Title, Net AS Price FROM Goods", &[GOODS][..]),
        (
            "SELECT g.Code, g.Title, p.Price FROM Goods AS g INNER JOIN Prices AS p ON p.Code = g.Code AND p.List = 1",
            &[GOODS, PRICES],
        ),
        (
            "SELECT p.Code, g.Title, p.Price FROM main.Goods g, [Prices] \"p\" WHERE (g.Code = p.Code) AND p.List = 1",
            &[GOODS, PRICES],
        ),
        (
            "SELECT * FROM Goods JOIN Prices USING (Code) WHERE List = 1",
            &[GOODS, PRICES],
        ),
        (
            "SELECT Code, Title, Price FROM Goods NATURAL LEFT JOIN (SELECT Code, Price FROM Prices WHERE List = 1)",
            &[GOODS, PRICES],
        ),
        (
            "SELECT g.Code, g.Title, (SELECT max(p.Price) FROM Prices p WHERE p.Code = g.Code AND p.List = 1) AS Price FROM Goods g",
            &[GOODS, PRICES],
        ),
        (
            "SELECT g.Code, g.Title, g.Net AS Price FROM Goods g WHERE g.Code IN (SELECT Code FROM Prices WHERE List = 1)",
            &[GOODS, PRICES],
        ),
        (
            "SELECT g.Code, g.Title, g.Net AS Price FROM Goods g WHERE NOT EXISTS (SELECT 1 FROM Prices p WHERE p.Code = g.Code AND p.List = 9)",
            &[GOODS, PRICES],
        ),
        (
            "SELECT g.Code, g.Title, g.TaxID, g.Net * (100 + r.Rate) / 100.0 AS Price FROM Goods g JOIN Rates r ON r.ID = g.TaxID",
            &[GOODS, RATES],
        ),
        (
            "WITH p AS (SELECT Code AS c, Price FROM Prices WHERE List = 1) SELECT g.Code, g.Title, p.Price FROM Goods g JOIN p ON p.c = g.Code",
            &[GOODS, PRICES],
        ),
        (
            "SELECT Code, Title, Net AS Price FROM Goods WHERE Net > 1 UNION ALL SELECT Code, 'x', Price FROM Prices WHERE List = 7",
            &[GOODS, PRICES],
        ),
        (
            "SELECT CAST(g.Code AS VARCHAR(20)) AS Code, g.Title, p.Price FROM Goods g JOIN Prices p ON p.Code = g.Code COLLATE NOCASE AND p.List = 1",
            &[GOODS, PRICES],
        ),
        // A table that is read twice is watched by one key, for two columns.
        (
            "SELECT g.Code, coalesce(q.Title, g.Title) AS Title, g.Net AS Price, g.ParentCode AS Parent FROM Goods g LEFT JOIN Goods q ON q.Code = g.ParentCode",
            &[GOODS, "watch Goods.Code = Parent"],
        ),
        // Not by a price, which many may have.
        (
            "SELECT g.Code, g.Title, p.Price FROM Goods g, Prices p WHERE p.ID = g.TaxID + 0",
            &[
                GOODS,
                "not Prices: the view selects no column that says which of its rows a row of this table concerns",
            ],
        ),
        (
            "SELECT g.Code, g.Title, g.Net * r.Rate AS Price FROM Goods g JOIN Rates r ON r.ID = g.TaxID",
            &[
                GOODS,
                "not Rates: the view does not select `TaxID` of `Goods`, by which it is joined",
            ],
        ),
    ] {
        assert_eq!(watches(TABLES, SHOP, view).await, expected, "{view}");
    }
}

#[tokio::test]
async fn views_over_views_are_followed() {
    let tables = format!(
        "{TABLES};
         CREATE VIEW Listed (No, Amount) AS SELECT Code, Price FROM Prices WHERE List = 1;
         CREATE VIEW Named AS SELECT * FROM Goods"
    );
    let view =
        "SELECT n.Code, n.Title, l.Amount AS Price FROM Named n JOIN Listed AS l ON l.No = n.Code";
    assert_eq!(watches(&tables, SHOP, view).await, [GOODS, PRICES]);
}

#[tokio::test]
async fn what_no_trigger_sees_is_named() {
    let clock = |called: &str| {
        format!(
            "not Served: it asks for the time with `{called}`, and what the clock changes fires no trigger"
        )
    };
    for (view, called) in [
        (
            "SELECT Code, Title, Net AS Price FROM Goods WHERE date('now') > '2026-01-01'",
            "date('now')",
        ),
        (
            "SELECT Code, Title, Net AS Price FROM Goods WHERE '2026' < datetime( 'now', 'localtime' )",
            "datetime('now')",
        ),
        (
            "SELECT Code, Title, Net AS Price FROM Goods WHERE CURRENT_TIMESTAMP > '2026-01-01'",
            "CURRENT_TIMESTAMP",
        ),
        (
            "SELECT Code, Title, Net AS Price FROM Goods WHERE strftime('%H', 'now') > '00'",
            "strftime('now')",
        ),
        (
            "SELECT Code, Title, Net AS Price FROM Goods WHERE date() > '2026-01-01'",
            "date()",
        ),
    ] {
        assert_eq!(
            watches(TABLES, SHOP, view).await,
            [GOODS.to_owned(), clock(called)],
            "{view}"
        );
    }
    for view in [
        "SELECT Code, Title, Net AS Price FROM Goods WHERE date(Title) IS NULL -- date('now')",
        "SELECT Code, Title, Net AS Price, 'date(''now'')' AS Note FROM Goods",
    ] {
        assert_eq!(watches(TABLES, SHOP, view).await, [GOODS], "{view}");
    }
    let tables = format!("{TABLES}; CREATE VIRTUAL TABLE Words USING fts5 (Code, Word)");
    let view = "SELECT g.Code, w.Word AS Title, g.Net AS Price FROM Goods g JOIN Words w ON w.Code = g.Code";
    assert_eq!(
        watches(&tables, SHOP, view).await,
        [
            GOODS,
            "not Words: it is a virtual table, which cannot have triggers"
        ]
    );
}

/// A column that looks right by its name, and has other values.
#[tokio::test]
async fn a_proposal_that_the_data_contradict_is_not_made() {
    let tables = "CREATE TABLE Goods (ID INTEGER PRIMARY KEY, Code TEXT, Title TEXT, Price REAL);
                  INSERT INTO Goods VALUES (1, 'A', 'one', 1)";
    let view = "SELECT CAST(ID AS TEXT) || '' AS Code, Title, Price, ID + 0 AS Plus FROM Goods";
    assert_eq!(
        watches(tables, SHOP, view).await,
        [
            "not Goods: the view selects no column that says which of its rows a row of this table concerns"
        ]
    );
    let swapped = "CREATE TABLE Goods (ID TEXT PRIMARY KEY, Title TEXT, Price REAL); INSERT INTO Goods VALUES ('1-2', 'one', 1)";
    let view = "SELECT CAST(ID AS INTEGER) AS Code, Title, Price FROM Goods";
    assert_eq!(
        watches(swapped, SHOP, view).await,
        ["not Goods: none of the first values of its `ID` is in the view"]
    );
    // Without data, nothing contradicts.
    let empty = swapped.split_once(';').unwrap().0;
    assert_eq!(watches(empty, SHOP, view).await, ["watch Goods.ID = Code"]);
}

#[tokio::test]
async fn what_is_proposed_can_be_installed() {
    let view = "CREATE VIEW Served AS SELECT g.Code, g.Title, g.TaxID, p.Price * (100 + r.Rate) AS Price FROM Goods g
                JOIN Prices p ON p.Code = g.Code AND p.List = 1 JOIN Rates r ON r.ID = g.TaxID";
    let shop = Shop::mapped(&format!("{TABLES}; {view}"), mapping("Served", SHOP));
    let watches = shop
        .catalog
        .suggestions()
        .await
        .unwrap()
        .into_iter()
        .map(|it| match it {
            Suggestion::Watch(watch) => watch,
            other => panic!("{other:?}"),
        });
    let watched = Mapping {
        watches: watches.collect(),
        ..mapping("Served", SHOP)
    };
    assert_eq!(watched.watches.len(), 3);
    let shop = Shop::mapped(&format!("{TABLES}; {view}"), watched)
        .captured()
        .await;
    let checks = shop.catalog.inspect().await.unwrap();
    let check = checks
        .iter()
        .find(|check| check.name == "catalog.watch")
        .unwrap();
    assert!(check.text.contains("`Rates`"), "{check:?}");
    // What is configured is not suggested again.
    assert_eq!(shop.catalog.suggestions().await.unwrap(), []);
}

#[tokio::test]
async fn a_table_that_is_watched_by_another_column_is_not_suggested() {
    let schema = "CREATE TABLE Items (Code INTEGER PRIMARY KEY, Title TEXT, Price REAL); INSERT INTO Items VALUES (1, '', 1);
                  CREATE VIEW Served AS SELECT CAST(Code AS TEXT) AS Code, Code AS Number, Title, Price FROM Items";
    for column in ["Code", "Number"] {
        let watch = Watch {
            table: "Items".to_owned(),
            key: "Code".to_owned(),
            column: column.to_owned(),
        };
        let watched = Mapping {
            watches: vec![watch],
            ..mapping("Served", SHOP)
        };
        assert!(suggested(schema, watched).await.is_empty(), "{column}");
    }
}

fn goods(columns: &str, values: &str) -> String {
    format!(
        "CREATE TABLE Goods (Code INTEGER PRIMARY KEY, Title TEXT, Price REAL, {columns}); INSERT INTO Goods VALUES {values}"
    )
}

#[tokio::test]
async fn flags_of_what_is_sold_are_found() {
    for (columns, values, expected) in [
        (
            "Discontinued BIT NOT NULL",
            "(1, '', 1, 0), (2, '', 1, 0), (3, '', 1, 1)",
            "only `Discontinued` is not 1 leaves out 1 of 3",
        ),
        (
            "Discontinued INT",
            "(1, '', 1, 0), (2, '', 1, NULL), (3, '', 1, -1)",
            "only `Discontinued` is not -1 leaves out 1 of 3",
        ),
        (
            "is_active BOOLEAN",
            "(1, '', 1, 1), (2, '', 1, 0), (3, '', 1, NULL)",
            "only `is_active` is not 0 leaves out 1 of 3",
        ),
        (
            "Active CHAR(1)",
            "(1, '', 1, 'Y'), (2, '', 1, 'N'), (3, '', 1, 'n')",
            "only `Active` is not 'N' or 'n' leaves out 2 of 3",
        ),
        (
            "Inactive TEXT",
            "(1, '', 1, 'no'), (2, '', 1, 'yes')",
            "only `Inactive` is not 'yes' leaves out 1 of 2",
        ),
        (
            "DeletedAt DATETIME",
            "(1, '', 1, NULL), (2, '', 1, '2024-03-01'), (3, '', 1, '2024-03-02')",
            "only `DeletedAt` is NULL leaves out 2 of 3",
        ),
        (
            "Status TEXT",
            "(1, '', 1, 'active'), (2, '', 1, 'Discontinued'), (3, '', 1, 'new')",
            "only `Status` is not 'Discontinued' leaves out 1 of 3",
        ),
        (
            "State CHAR(1)",
            "(1, '', 1, 'A'), (2, '', 1, 'N'), (3, '', 1, 'X')",
            "only `State` is not 'X' leaves out 1 of 3",
        ),
        (
            "Status INT",
            "(1, '', 1, 1), (2, '', 1, 0), (3, '', 1, 1)",
            "only `Status` is not 0 leaves out 1 of 3",
        ),
        (
            "Online BIT",
            "(1, '', 1, 1), (2, '', 1, 0)",
            "only `Online` is not 0 leaves out 1 of 2",
        ),
        (
            "Blocked BIT",
            "(1, '', 1, 0), (2, '', 1, 1)",
            "only `Blocked` is not 1 leaves out 1 of 2",
        ),
        // The type of a flag, a name that says nothing, and most of them yes.
        (
            "Webshop BOOLEAN",
            "(1, '', 1, 1), (2, '', 1, 1), (3, '', 1, 0)",
            "only `Webshop` is not 0 leaves out 1 of 3",
        ),
    ] {
        assert_eq!(
            suggested(&goods(columns, values), mapping("Goods", SHOP)).await,
            [expected]
        );
    }
    for (columns, values) in [
        // All or none of them.
        ("Discontinued BIT", "(1, '', 1, 0), (2, '', 1, 0)"),
        ("Discontinued BIT", "(1, '', 1, 1), (2, '', 1, 1)"),
        ("DeletedAt TEXT", "(1, '', 1, NULL), (2, '', 1, NULL)"),
        ("Active INT", "(1, '', 1, NULL), (2, '', 1, NULL)"),
        // No flag.
        ("Status INT", "(1, '', 1, 7), (2, '', 1, 0)"),
        (
            "Active TEXT",
            "(1, '', 1, '0'), (2, '', 1, '1'), (3, '', 1, '2'), (4, '', 1, '3'), (5, '', 1, '4'), (6, '', 1, '5'), (7, '', 1, '6'), (8, '', 1, '7'), (9, '', 1, '8')",
        ),
        ("Taxable BIT", "(1, '', 1, 1), (2, '', 1, 0), (3, '', 1, 0)"),
        ("Stock INT", "(1, '', 1, 1), (2, '', 1, 0)"),
        ("Discontinued BIT", "(1, '', 1, NULL)"),
    ] {
        assert_eq!(
            suggested(&goods(columns, values), mapping("Goods", SHOP)).await,
            [""; 0],
            "{columns}: {values}"
        );
    }
}

#[tokio::test]
async fn a_condition_that_is_suggested_leaves_out_what_was_said() {
    let schema = goods(
        "Discontinued BIT, DeletedAt TEXT",
        "(1, '', 1, 0, NULL), (2, '', 1, 1, NULL), (3, '', 1, NULL, '2024')",
    );
    let shop = Shop::mapped(&schema, mapping("Goods", SHOP));
    let suggestions = shop.catalog.suggestions().await.unwrap();
    assert_eq!(suggestions.len(), 2);
    for suggestion in suggestions {
        let Suggestion::Only {
            condition,
            left_out,
            rows,
        } = suggestion
        else {
            panic!("{suggestion:?}");
        };
        let only = Mapping {
            only: vec![condition.clone()],
            ..mapping("Goods", SHOP)
        };
        let shop = Shop::mapped(&schema, only);
        assert_eq!(
            shop.catalog.count().await.unwrap(),
            rows - left_out,
            "{condition}"
        );
        let again = shop.catalog.suggestions().await.unwrap();
        assert!(
            again.iter().all(
                |it| !matches!(it, Suggestion::Only { condition: it, .. } if *it == condition)
            )
        );
    }
}

#[tokio::test]
async fn flags_of_a_view_are_found() {
    let schema = format!(
        "{}; CREATE VIEW Served AS SELECT Code, Title, Price, Gone FROM Goods",
        goods("Gone INT", "(1, '', 1, 0), (2, '', 1, 1)")
    );
    assert_eq!(
        suggested(&schema, mapping("Served", SHOP)).await,
        [
            "watch Goods.Code = Code",
            "only `Gone` is not 1 leaves out 1 of 2"
        ]
    );
}

#[tokio::test]
async fn what_customers_know_a_product_by_is_found() {
    for (columns, values, expected) in [
        (
            "Barcode VARCHAR(20) UNIQUE",
            "(1, '', 1, '4006381333931'), (2, '', 1, '123')",
            &["key Barcode, such as 4006381333931"][..],
        ),
        (
            "SKU TEXT UNIQUE, EAN TEXT UNIQUE",
            "(1, '', 1, 'S', '40'), (2, '', 1, 'T', '41')",
            &["key EAN, such as 41", "key SKU, such as T"],
        ),
        // Not unique, not whole, not text.
        ("Barcode TEXT", "(1, '', 1, '40')", &[]),
        (
            "Barcode TEXT UNIQUE",
            "(1, '', 1, '40'), (2, '', 1, NULL)",
            &[],
        ),
        (
            "Barcode TEXT UNIQUE",
            "(1, '', 1, '40'), (2, '', 1, '')",
            &[],
        ),
        ("Barcode CHAR(5) UNIQUE", "(1, '', 1, '40   ')", &[]),
        ("Barcode BIGINT UNIQUE", "(1, '', 1, 40)", &[]),
        ("Note TEXT UNIQUE", "(1, '', 1, 'x')", &[]),
        ("Barcode TEXT UNIQUE", "(1, '', 1, NULL)", &[]),
    ] {
        assert_eq!(
            suggested(&goods(columns, values), mapping("Goods", SHOP)).await,
            expected,
            "{columns}"
        );
    }
    // What is printed on the product is not given up for the shop's own number.
    let schema = "CREATE TABLE Goods (Barcode TEXT PRIMARY KEY, SKU TEXT UNIQUE, GTIN TEXT UNIQUE, Title, Price);
                  INSERT INTO Goods VALUES ('1', 's', 'g', '', 1)";
    assert_eq!(
        suggested(schema, mapping("Goods", ["Barcode", "Title", "Price"])).await,
        ["key GTIN, such as g"]
    );
    let of_view = format!(
        "{}; CREATE VIEW Served AS SELECT Code, Title, Price, Barcode, Barcode AS Ean FROM Goods",
        goods("Barcode TEXT", "(1, '', 1, '40'), (2, '', 1, '41')")
    );
    let suggestions = suggested(&of_view, mapping("Served", SHOP)).await;
    assert_eq!(
        suggestions,
        [
            "watch Goods.Code = Code",
            "key Barcode, such as 41",
            "key Ean, such as 41"
        ]
    );
}

#[tokio::test]
async fn the_schemas_of_shops_are_understood() {
    let barcodes = "CREATE TABLE Product (Id BIGINT NOT NULL PRIMARY KEY, Name VARCHAR(220), Price NUMERIC(24,6) NOT NULL);
        CREATE TABLE Barcode (Id BIGINT NOT NULL, Code VARCHAR(20) NOT NULL, PRIMARY KEY (Id, Code));
        INSERT INTO Product VALUES (1, 'milk', 1.5), (2, 'tea', 2);
        INSERT INTO Barcode VALUES (1, '786'), (1, '787'), (2, '786');
        CREATE VIEW ByCode AS SELECT b.Code, p.Name, p.Price FROM Barcode b JOIN Product p ON p.Id = b.Id";
    assert_eq!(
        suggested(barcodes, mapping("ByCode", ["Code", "Name", "Price"])).await,
        [
            "watch Barcode.Code = Code",
            "not Product: the view does not select `Id` of `Barcode`, by which it is joined"
        ]
    );
    let moved = "CREATE TABLE P (ID INT NOT NULL PRIMARY KEY, N NVARCHAR(50), Price MONEY, Gone BIT NOT NULL DEFAULT 0);
        INSERT INTO P VALUES (1, 'a', 1, 0), (2, 'b', 2, 0), (3, 'c', 3, 1);
        CREATE VIEW V AS SELECT ID, N, Price FROM P WHERE Gone = 0";
    assert_eq!(
        suggested(moved, mapping("P", ["ID", "N", "Price"])).await,
        ["only `Gone` is not 1 leaves out 1 of 3"]
    );
    assert_eq!(
        suggested(moved, mapping("V", ["ID", "N", "Price"])).await,
        ["watch P.ID = ID"]
    );
    let elsewhere = "CREATE TABLE Goods (Code NVARCHAR(50) NOT NULL PRIMARY KEY, Title NCHAR(255), Active BIT NOT NULL);
        CREATE TABLE Prices (Code NVARCHAR(50) NOT NULL, List SMALLINT NOT NULL, Price NUMERIC(19,6), Currency NVARCHAR(3), PRIMARY KEY (Code, List));
        INSERT INTO Goods VALUES ('A', 'one', 1), ('B', 'two', 1), ('C', 'off', 0);
        INSERT INTO Prices VALUES ('A', 1, 1.5, 'EUR'), ('A', 2, 1.9, 'USD'), ('B', 1, 2, 'EUR'), ('C', 1, 3, 'EUR');
        CREATE VIEW Served AS SELECT g.Code, RTRIM(g.Title) AS Title, CAST(p.Price AS decimal(18,2)) AS Price
        FROM Goods g JOIN Prices p ON p.Code = g.Code AND p.List = 1 WHERE g.Active = 1";
    assert_eq!(
        suggested(elsewhere, mapping("Served", SHOP)).await,
        ["watch Goods.Code = Code", "watch Prices.Code = Code"]
    );
    assert_eq!(
        suggested(elsewhere, mapping("Goods", ["Code", "Title", "Code"])).await,
        ["only `Active` is not 0 leaves out 1 of 3"]
    );
}

#[tokio::test]
async fn a_key_of_several_columns_is_watched_by_each_table() {
    let schema = "CREATE TABLE Items (CompanyID INT, ItemNo TEXT, Title TEXT, Price REAL, PRIMARY KEY (CompanyID, ItemNo));
        INSERT INTO Items VALUES (3, 'A', 'tea', 1);
        CREATE VIEW Served AS SELECT CompanyID, ItemNo, Title, Price FROM Items";
    let columns = Columns {
        id: KeyColumns::several("CompanyID", vec!["ItemNo".to_owned()], "-"),
        name: "Title".to_owned(),
        price: "Price".to_owned(),
    };
    let suggestions = suggested(schema, Mapping::new("Served", columns)).await;
    assert_eq!(suggestions.len(), 1);
    assert!(
        suggestions[0].starts_with("watch Items."),
        "{suggestions:?}"
    );
}

#[tokio::test]
async fn a_condition_that_is_configured_is_not_suggested() {
    let only = Mapping {
        only: vec![Condition {
            column: "gone".to_owned(),
            test: Test::Is(vec![Scalar::Integer(0)]),
        }],
        ..mapping("Goods", SHOP)
    };
    let schema = goods("Gone INT", "(1, '', 1, 0), (2, '', 1, 1)");
    assert_eq!(suggested(&schema, only).await, [""; 0]);
}

/// Each of these views reads the one before twice.
#[test]
fn views_without_end_are_not_followed_to_it() {
    let mut schema = format!("{TABLES}; CREATE VIEW v0 AS SELECT * FROM Goods;");
    for number in 1..11 {
        let before = number - 1;
        schema.push_str(&format!(
            "CREATE VIEW v{number} AS SELECT a.* FROM v{before} a, v{before} b;"
        ));
    }
    let shop = Shop::mapped(&schema, mapping("v10", ["Code", "Title", "Net"]));
    let read = |view| {
        crate::suggest::named_tables(&shop.till, view)
            .unwrap()
            .len()
    };
    assert_eq!((read("v0"), read("v3")), (1, 8));
    assert!((2..500).contains(&read("v10")), "{}", read("v10"));
}

/// Views that read themselves, or what is not there, or what cannot be computed.
#[tokio::test]
async fn odd_views_suggest_nothing_wrong() {
    for (view, expected) in [
        (
            "SELECT Code, Title, abs(Code) AS Price FROM Goods",
            Some("watch Goods.Code = Code"),
        ),
        ("SELECT 1 AS Code, 'x' AS Title, 2 AS Price", None),
        ("VALUES (1, 'x', 2)", None),
        (
            "WITH RECURSIVE n(Code) AS (SELECT 1 UNION ALL SELECT Code + 1 FROM n WHERE Code < 3) SELECT Code, 'x' AS Title, 1 AS Price FROM n",
            None,
        ),
        (
            "SELECT value AS Code, 'x' AS Title, 1 AS Price FROM json_each('[1,2]')",
            None,
        ),
        (
            "SELECT name AS Code, type AS Title, rootpage AS Price FROM sqlite_schema",
            None,
        ),
    ] {
        let schema = format!(
            "CREATE TABLE Goods (Code INTEGER PRIMARY KEY, Title TEXT); INSERT INTO Goods VALUES (-9223372036854775807 - 1, 'x');
             CREATE VIEW Served{} AS {view}",
            if view.starts_with("VALUES") { " (Code, Title, Price)" } else { "" }
        );
        let suggestions = suggested(&schema, mapping("Served", SHOP)).await;
        assert_eq!(suggestions.first().map(String::as_str), expected, "{view}");
    }
}

#[tokio::test]
async fn a_table_that_is_watched_is_not_suggested_and_the_others_are() {
    let view = "CREATE VIEW Served AS SELECT g.Code, g.Title, p.Price FROM Goods AS g INNER JOIN Prices AS p ON p.Code = g.Code AND p.List = 1";
    let watched = Mapping {
        watches: vec![Watch {
            table: "goods".to_owned(),
            key: "Code".to_owned(),
            column: "Code".to_owned(),
        }],
        ..mapping("Served", SHOP)
    };
    assert_eq!(
        suggested(&format!("{TABLES}; {view}"), watched).await,
        [PRICES]
    );
}
