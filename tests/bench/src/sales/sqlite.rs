//! A till on SQLite. Each sale is one deferred transaction, as in many tills: it reads a product, waits, and writes it.
//! All pairs run at the same time, each with a file of its own.

use std::{
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use rusqlite::Connection;
use shopmaster_harness::world::World;

use super::{Load, PRODUCTS, SELLING, THINKING, Takings, figures};
use crate::{BenchError, Figure, completed, sent, use_default_pace};

/// How a till uses its file.
#[derive(Debug, Clone, Copy)]
struct Habit {
    journal: &'static str,
    /// How long a till waits for a lock.
    busy_timeout: Duration,
}

pub(crate) async fn measure(load: Load) -> Result<Vec<Figure>, BenchError> {
    let habit = |journal, seconds| Habit {
        journal,
        busy_timeout: Duration::from_secs(seconds),
    };
    let (wal, impatient_wal, rollback, impatient_rollback) = tokio::try_join!(
        compare(habit("WAL", 5), load),
        compare(habit("WAL", 0), load),
        compare(habit("DELETE", 5), load),
        compare(habit("DELETE", 0), load),
    )?;
    Ok([wal, impatient_wal, rollback, impatient_rollback].concat())
}

async fn compare(habit: Habit, load: Load) -> Result<Vec<Figure>, BenchError> {
    let (with, without) = tokio::try_join!(with_agent(habit, load), alone(habit))?;
    let mode = match habit.busy_timeout {
        Duration::ZERO => format!("{}, no busy timeout", habit.journal),
        _ => format!("{}, busy timeout 5 s", habit.journal),
    };
    Ok(figures(&mode, &with, &without))
}

async fn with_agent(habit: Habit, load: Load) -> Result<Takings, BenchError> {
    let mut world = prepared(habit).await?;
    world.launch().await?;
    world.install_capture().await?;
    completed(world.upload().await?)?;
    use_default_pace(&mut world).await?;
    let before = sent(&world.digible);
    let selling = sell(world.shop.path().to_owned(), habit);
    let takings = load.beside(&world, selling).await?;
    // An agent that does nothing would make the comparison meaningless.
    match sent(&world.digible) - before {
        0 => Err(BenchError::Missing(0)),
        _ => Ok(takings),
    }
}

async fn alone(habit: Habit) -> Result<Takings, BenchError> {
    let world = prepared(habit).await?;
    sell(world.shop.path().to_owned(), habit).await
}

async fn prepared(habit: Habit) -> Result<World, BenchError> {
    let world = World::builder().products(PRODUCTS).prepare().await?;
    world
        .shop
        .connection()
        .pragma_update(None, "journal_mode", habit.journal)?;
    Ok(world)
}

/// Sells on a thread of its own.
async fn sell(path: PathBuf, habit: Habit) -> Result<Takings, BenchError> {
    let sold = tokio::task::spawn_blocking(move || selling(&path, habit)).await;
    match sold {
        Ok(takings) => Ok(takings?),
        Err(error) => Err(BenchError::Bare(Box::new(error))),
    }
}

fn selling(path: &Path, habit: Habit) -> rusqlite::Result<Takings> {
    let till = Connection::open(path)?;
    till.busy_timeout(habit.busy_timeout)?;
    let mut takings = Takings::default();
    let started = Instant::now();
    while started.elapsed() < SELLING {
        let key = format!("P{:07}", fastrand::usize(..PRODUCTS));
        match sale(&till, &key, &mut takings) {
            Ok(()) => takings.sales += 1,
            Err(_) => {
                takings.failed += 1;
                if !till.is_autocommit() {
                    till.execute_batch("ROLLBACK")?;
                }
            }
        }
    }
    Ok(takings)
}

fn sale(till: &Connection, key: &str, takings: &mut Takings) -> rusqlite::Result<()> {
    let mut timed = |sql: &str, key: &[&dyn rusqlite::ToSql]| {
        let started = Instant::now();
        let mut statement = till.prepare_cached(sql)?;
        let done = statement.query(key).and_then(|mut rows| {
            while rows.next()?.is_some() {}
            Ok(())
        });
        takings.note(started.elapsed());
        done
    };
    timed("BEGIN DEFERRED", &[])?;
    timed(
        "SELECT SellPrice FROM Products WHERE ProductID = ?1",
        &[&key],
    )?;
    thread::sleep(THINKING);
    timed(
        "UPDATE Products SET SellPrice = SellPrice + 1 WHERE ProductID = ?1",
        &[&key],
    )?;
    timed("COMMIT", &[])
}
