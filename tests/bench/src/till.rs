//! What capture costs a till: the same statements in turns on a captured table, on one with the trigger of an earlier
//! version, and on one without a trigger.

use std::time::{Duration, Instant};

use shopmaster_harness::world::World;

use super::{
    BenchError, Figure, Unit,
    samples::{Samples, ratio},
    server::{Database, Server, Session},
};

const PRODUCTS: usize = 10_000;
/// Statements before those that count, on each of the tables.
const WARM_UP: usize = 10;
/// Statements on one row, on each of the tables.
const SINGLES: usize = 400;
/// Statements on a thousand rows, on each of the tables.
const THOUSANDS: usize = 40;
/// The captured table, the one with the earlier trigger, and the one without.
const TABLES: [&str; 3] = ["Products", "Earlier", "Twin"];
/// The script of an earlier version.
const EARLIER: &str =
    include_str!("../../../agent/crates/catalog-sqlserver/src/sql/earlier/create_trigger_1.sql");

/// A statement of the till.
struct Statement {
    what: &'static str,
    /// The text, with `{table}` for the table; `@P1` is the number of the round.
    sql: &'static str,
    rounds: usize,
    /// What it may cost with capture.
    at_most: Option<f64>,
}

/// The statements, in an order in which each finds the rows that it needs.
const STATEMENTS: [Statement; 8] = [
    Statement {
        what: "UPDATE of one row",
        sql: "UPDATE dbo.{table} SET SellPrice = SellPrice + 1
              WHERE ProductID = CAST('P' + RIGHT('000000' + CAST(@P1 * 17 % 10000 AS varchar(10)), 7) AS varchar(25))",
        rounds: SINGLES,
        at_most: Some(1.6),
    },
    Statement {
        what: "UPDATE of 1,000 rows",
        sql: "UPDATE dbo.{table} SET SellPrice = SellPrice + 1
              WHERE ProductID BETWEEN CAST('P000' + CAST(@P1 % 10 AS varchar(10)) + '000' AS varchar(25))
                  AND CAST('P000' + CAST(@P1 % 10 AS varchar(10)) + '999' AS varchar(25))",
        rounds: THOUSANDS,
        at_most: Some(2.0),
    },
    Statement {
        what: "INSERT of one row",
        sql: "INSERT INTO dbo.{table} (ProductID, ProductName, SellPrice, QrCode, Status)
              VALUES ('Q' + CAST(@P1 AS varchar(10)), 'New', 1, NULL, 1)",
        rounds: SINGLES,
        at_most: None,
    },
    Statement {
        what: "another key for one row",
        sql: "UPDATE dbo.{table} SET ProductID = 'R' + CAST(@P1 AS varchar(10))
              WHERE ProductID = CAST('Q' + CAST(@P1 AS varchar(10)) AS varchar(25))",
        rounds: SINGLES,
        at_most: None,
    },
    Statement {
        what: "DELETE of one row",
        sql: "DELETE FROM dbo.{table} WHERE ProductID = CAST('R' + CAST(@P1 AS varchar(10)) AS varchar(25))",
        rounds: SINGLES,
        at_most: None,
    },
    Statement {
        what: "INSERT of 1,000 rows",
        sql: "INSERT INTO dbo.{table} (ProductID, ProductName, SellPrice, QrCode, Status)
              SELECT 'S' + CAST(100 + @P1 AS varchar(10)) + ProductID, ProductName, SellPrice, QrCode, Status
              FROM dbo.{table} WHERE ProductID BETWEEN 'P0001000' AND 'P0001999'",
        rounds: THOUSANDS,
        at_most: None,
    },
    Statement {
        what: "another key for 1,000 rows",
        sql: "UPDATE dbo.{table} SET ProductID = 'T' + SUBSTRING(ProductID, 2, 24)
              WHERE ProductID BETWEEN CAST('S' + CAST(100 + @P1 AS varchar(10)) + 'P' AS varchar(25))
                  AND CAST('S' + CAST(100 + @P1 AS varchar(10)) + 'Q' AS varchar(25))",
        rounds: THOUSANDS,
        at_most: None,
    },
    Statement {
        what: "DELETE of 1,000 rows",
        sql: "DELETE FROM dbo.{table}
              WHERE ProductID BETWEEN CAST('T' + CAST(100 + @P1 AS varchar(10)) + 'P' AS varchar(25))
                  AND CAST('T' + CAST(100 + @P1 AS varchar(10)) + 'Q' AS varchar(25))",
        rounds: THOUSANDS,
        at_most: None,
    },
];

pub(super) async fn measure(server: Server) -> Result<Vec<Figure>, BenchError> {
    eprintln!("On {}", server.version().await?);
    server.in_database("shopmaster_till", with).await
}

async fn with(database: &mut Database) -> Result<Vec<Figure>, BenchError> {
    for table in TABLES {
        database.fill(table, PRODUCTS).await?;
    }
    let mut world = database.served_by(World::builder()).start().await?;
    world.install_capture().await?;
    // From here on only the till uses the database.
    world.stop().await?;
    let till = &mut database.session;
    till.run(&earlier_trigger()).await?;
    let mut figures = Vec::new();
    for statement in &STATEMENTS {
        // Both triggers write to it. It must not be longer for the later one.
        till.run("DELETE FROM shopmaster.ChangeLog").await?;
        figures.extend(compare(statement, till).await?);
    }
    Ok(figures)
}

/// The earlier trigger on its table. It writes to the existing ChangeLog.
fn earlier_trigger() -> String {
    let bytes = |alias| format!("CAST({alias}.[ProductID] AS varbinary(25))");
    let same = format!(
        "i.[ProductID] = d.[ProductID] AND {} = {}",
        bytes("i"),
        bytes("d")
    );
    EARLIER
        .replace("{trigger}", "[dbo].[earlier_capture]")
        .replace("{table}", "[dbo].[Earlier]")
        .replace("{id}", "[ProductID]")
        .replace("{same}", &same)
}

async fn compare(statement: &Statement, till: &mut Session) -> Result<Vec<Figure>, BenchError> {
    let mut samples: [Samples; TABLES.len()] = std::array::from_fn(|_| Samples::default());
    for (round, number) in (0_i32..).enumerate().take(WARM_UP + statement.rounds) {
        for turn in 0..TABLES.len() {
            // Each round begins with another table, so that none always has the warmer cache.
            let place = (round + turn) % TABLES.len();
            let time = time(till, statement.sql, TABLES[place], number).await?;
            if round >= WARM_UP {
                samples[place].add(time);
            }
        }
    }
    let [captured, earlier, without] = &samples;
    let what = statement.what;
    let times = Figure::new(
        format!("{what}, with capture (medians)"),
        ratio(captured.median(), without.median()),
        Unit::Times,
    );
    Ok(vec![
        match statement.at_most {
            Some(most) => times.at_most(most),
            None => times,
        },
        Figure::new(
            "  with the earlier trigger",
            ratio(earlier.median(), without.median()),
            Unit::Times,
        ),
        Figure::new("  with capture", captured.median(), Unit::Milliseconds),
        Figure::new(
            "  with the earlier trigger",
            earlier.median(),
            Unit::Milliseconds,
        ),
        Figure::new("  without", without.median(), Unit::Milliseconds),
    ])
}

async fn time(
    till: &mut Session,
    sql: &str,
    table: &str,
    number: i32,
) -> Result<Duration, BenchError> {
    let sql = sql.replace("{table}", table);
    let started = Instant::now();
    till.execute(&sql, &[&number]).await?;
    Ok(started.elapsed())
}
