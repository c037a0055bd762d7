//! What the database suggests to configure.

use shopmaster_catalog::{Catalog, KeyColumns, Suggestion, Watch};
use shopmaster_standins::tds::Value;

use super::{shop::Shop, staged::Staged};
use crate::SqlServerCatalog;

/// The suggestions, as `watch dbo.prices.code = code`, `only … leaves out 1 of 3`, `key barcode, such as 123`: in small
/// letters, as some engines make all names.
async fn suggested(catalog: &SqlServerCatalog) -> Vec<String> {
    let suggestions = catalog.suggestions().await.unwrap();
    let shown = suggestions.into_iter().map(|suggestion| match suggestion {
        Suggestion::Only {
            condition,
            left_out,
            rows,
        } => format!("only {condition} leaves out {left_out} of {rows}"),
        Suggestion::Watch(Watch { table, key, column }) => {
            format!("watch {table}.{key} = {column}")
        }
        Suggestion::Unwatchable { table, reason } => {
            format!("not {table}: {reason}")
        }
        Suggestion::Key { column, example } => format!("key {column}, such as {example}"),
    });
    let mut shown: Vec<_> = shown.map(|line| line.to_lowercase()).collect();
    shown.sort_unstable();
    shown
}

const COLUMNS: [&str; 3] = ["Code", "Title", "Price"];
const TABLES: [&str; 5] = [
    "CREATE TABLE Rates (ID INT NOT NULL PRIMARY KEY, Rate DECIMAL(5,2))",
    "CREATE TABLE Goods (Code NVARCHAR(50) NOT NULL PRIMARY KEY, Title NVARCHAR(100), Net DECIMAL(18,2),
        RateID INT REFERENCES Rates (ID), Made INT)",
    "CREATE TABLE Prices (Code NVARCHAR(50) NOT NULL, List SMALLINT NOT NULL, Price DECIMAL(18,2), PRIMARY KEY (Code, List))",
    "INSERT INTO Rates VALUES (1, 20), (2, 10)",
    "INSERT INTO Goods VALUES (N'A', N'one', 1, 1, 41), (N'B', N'two', 2, 2, 42)",
];
const ROWS: &str =
    "INSERT INTO Prices VALUES (N'A', 1, 1.5), (N'A', 2, 1.9), (N'B', 1, 2), (N'C', 1, 3)";
const GOODS: &str = "watch dbo.goods.code = code";
const PRICES: &str = "watch dbo.prices.code = code";
const RATES: &str = "watch dbo.rates.id = rateid";

/// What a view over the tables suggests.
async fn of_view(more: &[&str], view: &str) -> (Shop, Vec<String>) {
    let view = format!("CREATE VIEW Served AS {view}");
    let mut batches = TABLES.to_vec();
    batches.push(ROWS);
    batches.extend(more);
    batches.push(&view);
    let shop = Shop::named(&batches, "Served", COLUMNS).await;
    let suggested = suggested(shop.catalog()).await;
    (shop, suggested)
}

fn not(table: &str, reason: &str) -> String {
    format!("not {table}: {reason}").to_lowercase()
}

const NO_COLUMN: &str =
    "the view selects no column that says which of its rows a row of this table concerns";

#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn the_tables_of_a_view_are_proposed_with_their_columns() {
    for (view, expected) in [
        (
            "SELECT Code, Title, Net AS Price FROM Goods",
            vec![GOODS.to_owned()],
        ),
        (
            "SELECT g.Code, g.Title, p.Price FROM dbo.Goods AS g JOIN [dbo].[Prices] p ON p.Code = g.Code AND p.List = 1",
            vec![GOODS.to_owned(), PRICES.to_owned()],
        ),
        (
            "SELECT g.Code, g.Title, g.RateID, CAST(g.Net * r.Rate AS DECIMAL(18,2)) AS Price FROM Goods g JOIN Rates r ON r.ID = g.RateID",
            vec![GOODS.to_owned(), RATES.to_owned()],
        ),
        // The rate's number is not among the view's columns.
        (
            "SELECT g.Code, g.Title, CAST(g.Net * r.Rate AS DECIMAL(18,2)) AS Price FROM Goods g JOIN Rates r ON r.ID = g.RateID",
            vec![not("dbo.rates", NO_COLUMN), GOODS.to_owned()],
        ),
        // A column of the same name that has other values.
        (
            "SELECT g.Code, g.Title, g.Made AS ID, CAST(g.Net * r.Rate AS DECIMAL(18,2)) AS Price FROM Goods g JOIN Rates r ON r.ID = g.RateID",
            vec![
                not(
                    "dbo.rates",
                    "none of the first values of its `ID` is in the view",
                ),
                GOODS.to_owned(),
            ],
        ),
    ] {
        let (shop, suggested) = of_view(&[], view).await;
        assert_eq!(suggested, expected, "{view}");
        drop(shop);
    }
}

#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn what_is_suggested_can_be_watched_and_is_not_suggested_again() {
    let view = "SELECT g.Code, g.Title, p.Price FROM Goods AS g JOIN Prices p ON p.Code = g.Code AND p.List = 1";
    let (shop, _) = of_view(&[], view).await;
    let suggestions = shop.catalog().suggestions().await.unwrap();
    let watches: Vec<_> = suggestions
        .into_iter()
        .map(|suggestion| match suggestion {
            Suggestion::Watch(watch) => watch,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(watches.len(), 2);
    let catalog = shop.mapped(|mapping| mapping.watches = watches.clone());
    assert!(catalog.install().await.unwrap());
    assert_eq!(suggested(&catalog).await, [""; 0]);
    let one = shop.mapped(|mapping| mapping.watches = vec![watches[0].clone()]);
    assert_eq!(suggested(&one).await.len(), 1);
}

#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn what_no_trigger_sees_is_named() {
    let clock = "it asks for the time with `GETDATE`, and what the clock changes fires no trigger";
    let (_shop, suggested) = of_view(
        &[],
        "SELECT Code, Title, Net AS Price FROM Goods WHERE Made < YEAR(GETDATE())",
    )
    .await;
    assert_eq!(suggested, [&not("dbo.served", clock), GOODS]);
}

#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn a_table_of_another_database_cannot_be_watched() {
    let far = [
        "CREATE TABLE Taxes (ID INT NOT NULL PRIMARY KEY, Rate DECIMAL(5,2))",
        "INSERT INTO Taxes VALUES (1, 20), (2, 10)",
    ];
    let far = Shop::named(&far, "Taxes", ["ID", "Rate", "Rate"]).await;
    let name = &far.options.database;
    let reason = "it is in another database, whose triggers cannot write into this one";
    let view = format!(
        "SELECT g.Code, g.Title, CAST(g.Net * r.Rate AS DECIMAL(18,2)) AS Price FROM Goods g JOIN [{name}].dbo.Taxes r ON r.ID = g.RateID"
    );
    let (shop, suggested) = of_view(&[], &view).await;
    let name = format!("{}.dbo.taxes", name.to_lowercase());
    assert_eq!(suggested, [&not(&name, reason), GOODS]);
    drop(shop);
}

#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn flags_of_what_is_not_sold_are_suggested() {
    let shop = Shop::named(
        &[
            "CREATE TABLE P (ID INT NOT NULL PRIMARY KEY, N NVARCHAR(50), Price MONEY,
                Discontinued BIT NOT NULL, IsActive CHAR(3) NULL, Status NVARCHAR(20), DeletedAt DATETIME2,
                Hidden BIT NULL, Blocked INT NOT NULL, Weighed BIT NOT NULL, Most BIT NOT NULL, Enabled XML NULL)",
            "INSERT INTO P VALUES
                (1, N'a', 1, 0, 'Y', N'new', NULL, 0, 1, 0, 1, NULL),
                (2, N'b', 2, 0, 'N', N'Discontinued', NULL, NULL, 1, 0, 1, NULL),
                (3, N'c', 3, 1, NULL, N'Blocked', '2025-01-01', 0, 1, 1, 0, NULL)",
        ],
        "P",
        ["ID", "N", "Price"],
    )
    .await;
    let all = suggested(shop.catalog()).await;
    assert_eq!(
        all,
        [
            "only `deletedat` is null leaves out 1 of 3",
            "only `discontinued` is not 1 leaves out 1 of 3",
            "only `isactive` is not 'n' leaves out 1 of 3",
            "only `most` is not 0 leaves out 1 of 3",
            "only `status` is not 'blocked' or 'discontinued' leaves out 2 of 3",
        ]
    );
    // Each of them leaves out what it says.
    for suggestion in shop.catalog().suggestions().await.unwrap() {
        let Suggestion::Only {
            condition,
            left_out,
            rows,
        } = suggestion
        else {
            panic!("{suggestion:?}");
        };
        let catalog = shop.mapped(|mapping| mapping.only.push(condition.clone()));
        assert_eq!(catalog.count().await.unwrap(), rows - left_out);
        let again = suggested(&catalog).await;
        let column = format!("only `{}` ", condition.column.to_lowercase());
        assert!(!again.iter().any(|line| line.starts_with(&column)));
        assert_eq!(again.len(), 4);
    }
}

#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn a_unique_barcode_is_suggested_as_the_key() {
    let barcodes = [
        "CREATE TABLE P (ID INT NOT NULL PRIMARY KEY, N NVARCHAR(50), Price MONEY,
            Barcode VARCHAR(20) NOT NULL UNIQUE, Ean VARCHAR(13) NULL UNIQUE, Sku VARCHAR(20) NOT NULL, Gtin CHAR(14) NOT NULL UNIQUE)",
        "INSERT INTO P VALUES (1, N'a', 1, '501', NULL, 'x', '1'), (2, N'b', 2, '502', '7', 'x', '2')",
        "CREATE VIEW V AS SELECT ID, N, Price, Sku AS Code, Barcode AS Ean FROM P",
    ];
    let shop = Shop::named(&barcodes, "P", ["ID", "N", "Price"]).await;
    let expected = ["key barcode, such as 502".to_owned()];
    assert_eq!(suggested(shop.catalog()).await, expected);
    // Of a view, the rows show it.
    let keys = |all: Vec<String>| {
        let keys = all.into_iter().filter(|line| line.starts_with("key "));
        keys.collect::<Vec<_>>()
    };
    let view = suggested(&shop.over("V")).await;
    assert_eq!(keys(view), ["key ean, such as 502".to_owned()]);
    // Customers know it by this already.
    let known = shop.mapped(|mapping| mapping.columns.id = KeyColumns::one("Barcode"));
    assert_eq!(suggested(&known).await, [""; 0]);
}

#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn nothing_is_suggested_where_nothing_is_to_do() {
    let shop = Shop::usual().await;
    assert_eq!(suggested(shop.catalog()).await, [""; 0]);
    shop.run("INSERT INTO Products VALUES ('P1', 'Soap', 1)")
        .await;
    assert_eq!(suggested(shop.catalog()).await, [""; 0]);
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

/// What a view or function names: the server, the database and the name that it writes, and the object here.
fn named(
    [server, database, schema, name]: [&str; 4],
    object: i32,
    code: &str,
    base: &str,
) -> [Value; 9] {
    [
        text(server),
        text(database),
        text(schema),
        text(name),
        Value::Int(object),
        text(code),
        text(schema),
        text(name),
        text(base),
    ]
}

/// As SQL Server says it, which no engine at hand does.
#[tokio::test]
async fn what_a_view_reads_is_taken_from_the_server() {
    let view = "CREATE TABLE Goods (ProductID VARCHAR(25) NOT NULL PRIMARY KEY, ProductName VARCHAR(100), SellPrice NUMERIC(18,2));
        CREATE VIEW Products AS SELECT * FROM Goods";
    let staged = Staged::with(view).await;
    let query = "SELECT * FROM dbo.Goods";
    staged.says(
        "view_queries",
        vec![[text("dbo"), text("Products"), text(query)]],
    );
    staged.says(
        "dependencies",
        vec![
            named(["", "", "dbo", "Deeper"], 900, "V ", ""),
            named(["", "", "dbo", "Goods"], 901, "U ", ""),
            named(["", "Head", "dbo", "Rates"], 0, "", ""),
            named(["Far", "Head", "", "Rates"], 0, "", ""),
            named(["", "", "dbo", "Near"], 902, "SN", "[dbo].[Other]"),
            named(["", "", "dbo", "Away"], 903, "SN", "[Head].[dbo].[Other]"),
            named(["", "", "dbo", "nothing"], 0, "", ""),
        ],
    );
    let elsewhere = "it is in another database, whose triggers cannot write into this one";
    let synonym = "it is a synonym: let the view name `[dbo].[Other]` itself";
    assert_eq!(
        suggested(&staged.catalog).await,
        [
            not("dbo.goods", NO_COLUMN),
            not("dbo.near", synonym),
            not("far.head..rates", elsewhere),
            not("head.dbo.other", elsewhere),
            not("head.dbo.rates", elsewhere),
        ]
    );
}

/// A login that may see little of the database is not in the way of anything.
#[tokio::test]
async fn a_server_that_tells_nothing_suggests_nothing() {
    let staged = Staged::open().await;
    for name in ["table_columns", "flag_values", "other_key"] {
        staged.refuses(name, 229);
    }
    assert_eq!(suggested(&staged.catalog).await, [""; 0]);
}
