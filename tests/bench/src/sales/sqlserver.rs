//! A till on a T-SQL engine, while another program has a form open: it locks some rows for seconds, over and over. The
//! till sells other products, because it would wait for that form even without an agent.

use std::{
    convert::Infallible,
    time::{Duration, Instant},
};

use shopmaster_harness::world::World;
use tokio::time::sleep;

use super::{Load, PRODUCTS, SELLING, THINKING, Takings, figures};
use crate::{
    BenchError, Figure, completed, sent,
    server::{Database, Server, Session},
    use_default_pace,
};

/// How long the form holds its rows.
const HOLDING: Duration = Duration::from_secs(3);
/// One of this many products belongs to the form; the till sells the others.
const HELD: usize = 100;

pub(crate) async fn measure(server: Server, load: Load) -> Result<Vec<Figure>, BenchError> {
    eprintln!("On {}", server.version().await?);
    // One after the other: not every engine can create two databases at once.
    let mut served = server.clone().create("shopmaster_sales").await?;
    let mut unserved = server.create("shopmaster_sales_alone").await?;
    let sold = tokio::try_join!(with_agent(&mut served, load), alone(&mut unserved));
    let dropped = [served.drop().await, unserved.drop().await];
    let (with, without) = sold?;
    dropped.into_iter().collect::<Result<(), _>>()?;
    Ok(figures("rows held for 3 s", &with, &without))
}

async fn with_agent(database: &mut Database, load: Load) -> Result<Takings, BenchError> {
    database.fill("Products", PRODUCTS).await?;
    let world = World::builder();
    let mut world = database.served_by(world).start().await?;
    world.install_capture().await?;
    completed(world.upload().await?)?;
    use_default_pace(&mut world).await?;
    let before = sent(&world.digible);
    let takings = load.beside(&world, sell(database)).await?;
    let after = sent(&world.digible);
    world.stop().await?;
    // An agent that does nothing would make the comparison meaningless.
    match after - before {
        0 => Err(BenchError::Missing(0)),
        _ => Ok(takings),
    }
}

async fn alone(database: &mut Database) -> Result<Takings, BenchError> {
    database.fill("Products", PRODUCTS).await?;
    sell(database).await
}

/// A minute of sales while the form is open.
async fn sell(database: &Database) -> Result<Takings, BenchError> {
    let (mut till, mut form) = (database.connect().await?, database.connect().await?);
    tokio::select! {
        takings = selling(&mut till) => takings,
        Err(error) = hold(&mut form) => Err(error),
    }
}

async fn selling(till: &mut Session) -> Result<Takings, BenchError> {
    let mut takings = Takings::default();
    let started = Instant::now();
    while started.elapsed() < SELLING {
        match sale(till, &mut takings).await {
            Ok(()) => takings.sales += 1,
            Err(_) => {
                takings.failed += 1;
                till.run("IF @@TRANCOUNT > 0 ROLLBACK").await?;
            }
        }
    }
    Ok(takings)
}

async fn sale(till: &mut Session, takings: &mut Takings) -> Result<(), BenchError> {
    let number = fastrand::usize(..PRODUCTS / HELD) * HELD + fastrand::usize(1..HELD);
    let key = format!("P{number:07}");
    let mut timed = async |statement: String| {
        let started = Instant::now();
        let done = till.run(&statement).await;
        takings.note(started.elapsed());
        done
    };
    timed("BEGIN TRANSACTION".to_owned()).await?;
    timed(format!(
        "SELECT SellPrice FROM dbo.Products WHERE ProductID = '{key}'"
    ))
    .await?;
    sleep(THINKING).await;
    timed(format!(
        "UPDATE dbo.Products SET SellPrice = SellPrice + 1 WHERE ProductID = '{key}'"
    ))
    .await?;
    timed("COMMIT".to_owned()).await
}

/// Holds the form's rows, over and over.
async fn hold(form: &mut Session) -> Result<Infallible, BenchError> {
    loop {
        form.run("BEGIN TRANSACTION").await?;
        for number in (0..PRODUCTS).step_by(HELD) {
            form.run(&format!(
                "UPDATE dbo.Products SET SellPrice = SellPrice + 1 WHERE ProductID = 'P{number:07}'"
            ))
            .await?;
        }
        sleep(HOLDING).await;
        form.run("COMMIT").await?;
    }
}
