//! What capture costs a till on SQLite: the same statements in turns on a file with capture and on a copy without it,
//! with no other program. Once on the product table, once on a table of prices that is watched for a view.

use std::time::{Duration, Instant};

use rusqlite::Connection;
use shopmaster_harness::world::World;

use super::{
    BenchError, Figure, Unit,
    samples::{Samples, ratio},
    view,
};

const PRODUCTS: usize = 10_000;
/// Statements before those that count.
const WARM_UP: usize = 20;
const ROUNDS: usize = 1_000;
/// Rounds of statements on a thousand rows.
const LONG_ROUNDS: usize = 40;

/// A statement of the till.
struct Statement {
    what: &'static str,
    /// The text, with the number of the round as its parameter.
    sql: &'static str,
    rounds: usize,
}

/// The statements, in an order in which each finds the rows that it needs.
const STATEMENTS: [Statement; 5] = [
    Statement {
        what: "UPDATE of one row",
        sql: "UPDATE Products SET SellPrice = SellPrice + 1 WHERE ProductID = printf('P%07d', ?1)",
        rounds: ROUNDS,
    },
    Statement {
        what: "UPDATE of 1,000 rows",
        sql: "UPDATE Products SET SellPrice = SellPrice + 1
              WHERE ProductID BETWEEN printf('P%07d', ?1 % 9 * 1000) AND printf('P%07d', ?1 % 9 * 1000 + 999)",
        rounds: LONG_ROUNDS,
    },
    Statement {
        what: "INSERT of one row",
        sql: "INSERT INTO Products (ProductID, ProductName, SellPrice) VALUES (printf('Q%07d', ?1), 'New', 1)",
        rounds: ROUNDS,
    },
    Statement {
        what: "another key for one row",
        sql: "UPDATE Products SET ProductID = printf('R%07d', ?1) WHERE ProductID = printf('Q%07d', ?1)",
        rounds: ROUNDS,
    },
    Statement {
        what: "DELETE of one row",
        sql: "DELETE FROM Products WHERE ProductID = printf('R%07d', ?1)",
        rounds: ROUNDS,
    },
];

/// The table of prices, and the view over it.
const PRICES: &str = "
    CREATE TABLE Prices (Code VARCHAR(25) NOT NULL, List INTEGER NOT NULL, Price NUMERIC(18,2), PRIMARY KEY (Code, List));
    CREATE VIEW Served AS
    SELECT g.ProductID, g.ProductName, p.Price AS SellPrice
    FROM Products AS g JOIN Prices AS p ON p.Code = g.ProductID AND p.List = 1;
    INSERT INTO Prices SELECT ProductID, 1, SellPrice FROM Products;";

/// The statements on the table of prices.
const WATCHED: [Statement; 2] = [
    Statement {
        what: "UPDATE of one row of a watched table",
        sql: "UPDATE Prices SET Price = Price + 1 WHERE Code = printf('P%07d', ?1) AND List = 1",
        rounds: ROUNDS,
    },
    Statement {
        what: "UPDATE of 1,000 rows of a watched table",
        sql: "UPDATE Prices SET Price = Price + 1
              WHERE Code BETWEEN printf('P%07d', ?1 % 9 * 1000) AND printf('P%07d', ?1 % 9 * 1000 + 999)",
        rounds: LONG_ROUNDS,
    },
];

pub(super) async fn measure() -> Result<Vec<Figure>, BenchError> {
    let mut figures = of(&STATEMENTS, false).await?;
    figures.extend(of(&WATCHED, true).await?);
    Ok(figures)
}

/// Compares these statements. `is_watched`: the product table is the view, and both tables below it are watched.
async fn of(statements: &[Statement], is_watched: bool) -> Result<Vec<Figure>, BenchError> {
    let mut world = World::builder().products(PRODUCTS).start().await?;
    if is_watched {
        world.shop.connection().execute_batch(PRICES)?;
        let watched = [("Products", "ProductID"), ("Prices", "Code")];
        view::serve(&world, "Served", watched).await?;
    }
    let twin = world.home().join("twin.db");
    world
        .shop
        .connection()
        .execute("VACUUM INTO ?1", [twin.to_string_lossy()])?;
    world.install_capture().await?;
    // From here on only the till uses the file.
    world.stop().await?;
    let captured = till(world.shop.path())?;
    let without = till(&twin)?;
    let mut figures = Vec::new();
    for statement in statements {
        figures.extend(compare(statement, &captured, &without)?);
    }
    Ok(figures)
}

/// A till that does not wait for the disk, so that the disk is not measured.
fn till(path: &std::path::Path) -> rusqlite::Result<Connection> {
    let till = Connection::open(path)?;
    till.pragma_update(None, "journal_mode", "WAL")?;
    till.pragma_update(None, "synchronous", "NORMAL")?;
    Ok(till)
}

fn compare(
    statement: &Statement,
    captured: &Connection,
    without: &Connection,
) -> rusqlite::Result<Vec<Figure>> {
    let mut samples = [Samples::default(), Samples::default()];
    for (round, number) in (0_i64..).enumerate().take(WARM_UP + statement.rounds) {
        let mut tills = [(captured, 0), (without, 1)];
        if round.is_multiple_of(2) {
            tills.reverse();
        }
        for (till, place) in tills {
            let time = time(till, statement.sql, number)?;
            if round >= WARM_UP {
                samples[place].add(time);
            }
        }
    }
    let [captured, without] = samples;
    let what = statement.what;
    Ok(vec![
        Figure::new(
            format!("{what}, with capture (medians)"),
            ratio(captured.median(), without.median()),
            Unit::Times,
        ),
        Figure::new("  with capture", captured.median(), Unit::Milliseconds),
        Figure::new("  without", without.median(), Unit::Milliseconds),
    ])
}

fn time(till: &Connection, sql: &str, round: i64) -> rusqlite::Result<Duration> {
    let mut statement = till.prepare_cached(sql)?;
    let started = Instant::now();
    statement.execute([round])?;
    Ok(started.elapsed())
}
