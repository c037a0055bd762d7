//! The SQL Server catalog, tried as a whole over a real server: the tests that need one are ignored without it.

mod adopt;
mod batches;
mod claiming;
mod composite;
mod computed;
mod conforming;
mod entering;
mod guarded;
mod identity;
mod locked;
mod names;
mod only;
mod plan;
mod preflight;
mod programs;
mod proving;
mod racing;
mod rights;
pub(crate) mod server;
mod shop;
mod staged;
mod stand_in;
mod suggest;
mod text_prices;
mod triggers;
mod types;
mod views;
mod volume;
mod waiting;
mod walking;
mod watched;
mod watched_rows;

use shop::Shop;

/// A catalogue of the database: what is there, by name and kind, and which triggers are on.
async fn objects(shop: &Shop) -> Vec<String> {
    let rows = shop
        .run(
            "SELECT CAST(s.name AS nvarchar(128)), CAST(o.name AS nvarchar(128)), CAST(o.type AS nvarchar(9))
             FROM sys.objects AS o INNER JOIN sys.schemas AS s ON s.schema_id = o.schema_id
             WHERE s.name <> N'sys' AND s.name <> N'information_schema'
             UNION ALL
             SELECT N'', CAST(s.name AS nvarchar(128)), N'schema' FROM sys.schemas AS s",
        )
        .await;
    let name = |row| {
        [0, 1, 2]
            .map(|column| text(row, column).trim().to_owned())
            .join(" ")
    };
    let mut names: Vec<_> = rows.iter().map(name).collect();
    names.sort_unstable();
    names
}

/// Every pending change, as `INSERT P1`.
async fn changes(shop: &Shop) -> Vec<String> {
    let rows = shop
        .run(
            "SELECT CAST(c.ChangeType AS nvarchar(10)), CAST(c.ProductID AS nvarchar(60))
             FROM shopmaster.Pending AS c ORDER BY c.ChangeID, c.ChangeType, c.ProductID",
        )
        .await;
    let changes = rows.iter();
    changes
        .map(|row| format!("{} {}", text(row, 0), text(row, 1)))
        .collect()
}

fn text(row: &tiberius::Row, index: usize) -> String {
    row.get::<&str, _>(index).unwrap().to_owned()
}

fn number(row: &tiberius::Row, index: usize) -> i32 {
    row.get::<i32, _>(index).unwrap()
}
