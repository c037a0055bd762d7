//! `shopmasterctl` at a terminal: questions and answers.

use shopmaster_harness::world::World;

use crate::{support::wait_up_to_date, terminal::Terminal};

#[tokio::test]
async fn a_shop_is_configured_by_questions() {
    let world = World::builder()
        .products(3)
        .unconfigured()
        .start()
        .await
        .unwrap();
    let path = world.shop.path().to_string_lossy().into_owned();
    let base_url = world.digible.base_url();
    let set = world.ctl(&["configure", "--base-url", &base_url]).await;
    assert_eq!(set.unwrap().code, 0);

    let mut terminal = Terminal::open(&world, "configure");
    for (question, answer) in [
        ("(sqlserver or sqlite) [sqlserver]: ", "sqlite"),
        ("SQLite: the database file: ", path.as_str()),
        ("The product table", "Products"),
        (
            "Column of the product's key, or several that are unique together, such as A,B [ProductID]: ",
            "",
        ),
        ("Column of the product's name [ProductName]: ", ""),
        ("Column of the product's price [SellPrice]: ", ""),
        ("as many as the column has: ", ""),
        ("Email of the Digible account: ", "shop@example.com"),
        ("Password of the Digible account: ", "secret"),
        ("Test the connections now? [Y/n]: ", ""),
    ] {
        terminal.answer(question, answer).await;
    }
    let (status, shown) = terminal.end().await;
    assert!(status.success(), "{shown}");
    assert!(shown.contains("Digible accepts the login"), "{shown}");
    world.install_capture().await.unwrap();
    world.upload().await.unwrap();
    wait_up_to_date(&world).await;
}

#[tokio::test]
async fn removing_capture_is_asked_about() {
    let world = World::builder().products(1).start().await.unwrap();
    world.install_capture().await.unwrap();
    let mut terminal = Terminal::open(&world, "capture remove");
    terminal.answer("[y/N]: ", "").await;
    let (status, shown) = terminal.end().await;
    assert_eq!(status.code(), Some(1), "{shown}");
    assert!(shown.contains("capture was not removed"), "{shown}");

    let mut terminal = Terminal::open(&world, "capture remove");
    terminal.answer("[y/N]: ", "y").await;
    let (status, shown) = terminal.end().await;
    assert!(
        status.success() && shown.contains("Capture removed"),
        "{shown}"
    );
}
