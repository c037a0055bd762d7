//! What capture costs a till: the same statements on a captured table and on its twin, in turns.

use std::time::Instant;

use super::{
    BenchError, Figure, Unit,
    samples::{Samples, ratio},
    server::{Database, Server},
};
use crate::world::World;

const PRODUCTS: usize = 10_000;
/// Statements on one row, on each of the tables.
const SINGLES: usize = 400;
/// Statements on a thousand rows, on each of the tables.
const THOUSANDS: usize = 40;
/// Statements before those that count.
const WARM_UP: usize = 10;
/// The table that is captured, and its twin that is not.
const TABLES: [&str; 2] = ["Products", "Twin"];

pub(super) async fn measure(server: Server) -> Result<Vec<Figure>, BenchError> {
    eprintln!("On {}", server.version().await?);
    let mut database = server.create("shopmaster_till").await?;
    let measured = with(&mut database).await;
    let dropped = database.drop().await;
    let figures = measured?;
    dropped?;
    Ok(figures)
}

async fn with(database: &mut Database) -> Result<Vec<Figure>, BenchError> {
    for table in TABLES {
        database.fill(table, PRODUCTS).await?;
    }
    let mut world = database.served_by(World::builder()).start().await?;
    world.install_capture().await?;
    // From here on nobody but the till is there.
    world.stop().await?;

    let mut single = [Samples::default(), Samples::default()];
    for round in 0..WARM_UP + SINGLES {
        let key = format!("P{:07}", round * 17 % PRODUCTS);
        for place in in_turns(round) {
            let statement = format!(
                "UPDATE dbo.{} SET SellPrice = SellPrice + 1 WHERE ProductID = CAST(@P1 AS varchar(25))",
                TABLES[place]
            );
            let started = Instant::now();
            database.execute(&statement, &[&key.as_str()]).await?;
            if round >= WARM_UP {
                single[place].add(started.elapsed());
            }
        }
    }
    let mut thousand = [Samples::default(), Samples::default()];
    for round in 0..WARM_UP + THOUSANDS {
        let first = round * 1_000 % PRODUCTS;
        let (first, last) = (format!("P{first:07}"), format!("P{:07}", first + 999));
        for place in in_turns(round) {
            let statement = format!(
                "UPDATE dbo.{} SET SellPrice = SellPrice + 1 WHERE ProductID BETWEEN CAST(@P1 AS varchar(25)) AND CAST(@P2 AS varchar(25))",
                TABLES[place]
            );
            let started = Instant::now();
            database
                .execute(&statement, &[&first.as_str(), &last.as_str()])
                .await?;
            if round >= WARM_UP {
                thousand[place].add(started.elapsed());
            }
        }
    }
    Ok([
        figures("one row in one UPDATE", &single, 1.6),
        figures("1,000 rows in one UPDATE", &thousand, 2.0),
    ]
    .concat())
}

/// Which table comes first: every other round the twin, so that neither is always the warmer one.
fn in_turns(round: usize) -> [usize; 2] {
    if round.is_multiple_of(2) {
        [0, 1]
    } else {
        [1, 0]
    }
}

fn figures(what: &str, [captured, twin]: &[Samples; 2], most: f64) -> Vec<Figure> {
    let medians = ratio(captured.median(), twin.median());
    vec![
        Figure::new(
            format!("{what}, with capture (medians)"),
            medians,
            Unit::Times,
        )
        .at_most(most),
        Figure::new(
            "the same, least times",
            ratio(captured.least(), twin.least()),
            Unit::Times,
        ),
        Figure::new(
            "with capture, median",
            captured.median(),
            Unit::Milliseconds,
        ),
        Figure::new("without, median", twin.median(), Unit::Milliseconds),
    ]
}
