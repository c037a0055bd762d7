//! What a watched table costs a till on a T-SQL engine: the same statements in turns on a table of prices that is watched
//! for a view, and on one without a trigger.

use std::time::Instant;

use shopmaster_harness::world::World;

use super::{
    BenchError, Figure, Unit,
    samples::{Samples, ratio},
    server::{Database, Server, Session},
    view,
};

const PRODUCTS: usize = 10_000;
/// Statements before those that count, on each of the tables.
const WARM_UP: usize = 10;
/// The watched table, and the one without a trigger.
const TABLES: [&str; 2] = ["Prices", "Twin"];

/// The statements on a table, with the number of the round as their parameter, and how often each is made.
const STATEMENTS: [(&str, &str, usize); 2] = [
    (
        "UPDATE of one row of a watched table",
        "UPDATE dbo.{table} SET SellPrice = SellPrice + 1
         WHERE ProductID = CAST('P' + RIGHT('000000' + CAST(@P1 * 17 % 10000 AS varchar(10)), 7) AS varchar(25))",
        400,
    ),
    (
        "UPDATE of 1,000 rows of a watched table",
        "UPDATE dbo.{table} SET SellPrice = SellPrice + 1
         WHERE ProductID BETWEEN CAST('P000' + CAST(@P1 % 10 AS varchar(10)) + '000' AS varchar(25))
             AND CAST('P000' + CAST(@P1 % 10 AS varchar(10)) + '999' AS varchar(25))",
        40,
    ),
];

const VIEW: &str = "CREATE VIEW dbo.Served AS
    SELECT g.ProductID, g.ProductName, p.SellPrice
    FROM dbo.Products AS g INNER JOIN dbo.Prices AS p ON p.ProductID = g.ProductID";

pub(super) async fn measure(server: Server) -> Result<Vec<Figure>, BenchError> {
    eprintln!("On {}", server.version().await?);
    server.in_database("shopmaster_watched", with).await
}

async fn with(database: &mut Database) -> Result<Vec<Figure>, BenchError> {
    for table in ["Products", TABLES[0], TABLES[1]] {
        database.fill(table, PRODUCTS).await?;
    }
    database.session.run(VIEW).await?;
    let mut world = database.served_by(World::builder()).start().await?;
    let watched = [("dbo.Products", "ProductID"), ("dbo.Prices", "ProductID")];
    view::serve(&world, "dbo.Served", watched).await?;
    world.install_capture().await?;
    // From here on only the till uses the database.
    world.stop().await?;
    let till = &mut database.session;
    let mut figures = Vec::new();
    for statement in STATEMENTS {
        figures.extend(compare(statement, till).await?);
    }
    Ok(figures)
}

async fn compare(
    (what, sql, rounds): (&str, &str, usize),
    till: &mut Session,
) -> Result<Vec<Figure>, BenchError> {
    let mut samples = [Samples::default(), Samples::default()];
    for (round, number) in (0_i32..).enumerate().take(WARM_UP + rounds) {
        for turn in 0..TABLES.len() {
            // Each round begins with another table, so that none always has the warmer cache.
            let place = (round + turn) % TABLES.len();
            let sql = sql.replace("{table}", TABLES[place]);
            let started = Instant::now();
            till.execute(&sql, &[&number]).await?;
            if round >= WARM_UP {
                samples[place].add(started.elapsed());
            }
        }
    }
    let [watched, without] = &samples;
    Ok(vec![
        Figure::new(
            format!("{what} (medians)"),
            ratio(watched.median(), without.median()),
            Unit::Times,
        ),
        Figure::new("  watched", watched.median(), Unit::Milliseconds),
        Figure::new("  without", without.median(), Unit::Milliseconds),
    ])
}
