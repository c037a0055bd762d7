//! What `shopmasterctl configure` offers at a terminal, when a test finds that a setting would help.

use shopmaster_harness::world::World;
use shopmaster_proto::v1::CaptureMode;

use crate::{
    help::{Tested, status},
    terminal::Terminal,
};

/// A shop whose till is EF Core: it cannot save a sale once a trigger is there.
async fn shop_of_ef_core() -> Result<World, Box<dyn std::error::Error>> {
    let world = World::builder().products(3).start().await?;
    world.shop.connection().execute_batch(
        "CREATE TABLE __EFMigrationsHistory (MigrationId TEXT PRIMARY KEY, ProductVersion TEXT);
         INSERT INTO __EFMigrationsHistory VALUES ('20240101_First', '8.0.4');",
    )?;
    Ok(world)
}

/// Keeps everything as it is, and lets the connections be tried.
async fn configure(world: &World) -> Terminal {
    let mut terminal = Terminal::open(world, "configure");
    for question in [
        "(sqlserver or sqlite) [sqlserver]: ",
        "SQL Server: ",
        "database",
        "The product table",
        "[shopmaster]: ",
        "Password of the SQL login [keep]: ",
        "Column of the product's key, or several that are unique together, such as A,B [ProductID]: ",
        "Column of the product's name [ProductName]: ",
        "Column of the product's price [SellPrice]: ",
        "as many as the column has: ",
        "Email of the Digible account",
        "Password of the Digible account [keep]: ",
        "Test the connections now? [Y/n]: ",
    ] {
        terminal.answer(question, "").await;
    }
    terminal
}

async fn mode(world: &World) -> Result<CaptureMode, Box<dyn std::error::Error>> {
    let capture = status(world).await?.capture;
    Ok(capture.ok_or("no capture")?.mode())
}

#[tokio::test]
async fn scan_mode_is_offered_where_a_trigger_would_stop_the_till() -> Tested {
    let world = shop_of_ef_core().await?;
    let mut terminal = configure(&world).await;
    terminal.answer("Use scan mode? [Y/n]: ", "").await;
    let (ended, shown) = terminal.end().await;
    // The same check is good now.
    assert!(ended.success(), "{shown}");
    assert!(shown.contains("8.0.4"), "{shown}");
    // Walking takes the table to itself, too.
    assert_eq!(shown.matches("ok    catalog.claim").count(), 2, "{shown}");
    world.upload().await?;
    assert_eq!(mode(&world).await?, CaptureMode::Scan);
    Ok(())
}

#[tokio::test]
async fn who_does_not_want_scan_mode_keeps_what_is_set() -> Tested {
    let world = shop_of_ef_core().await?;
    let mut terminal = configure(&world).await;
    terminal.answer("Use scan mode? [Y/n]: ", "n").await;
    let (ended, shown) = terminal.end().await;
    assert_eq!(ended.code(), Some(1), "{shown}");
    assert_eq!(mode(&world).await?, CaptureMode::Trigger);
    Ok(())
}
