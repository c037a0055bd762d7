//! `shopmasterctl` at a terminal: questions and answers.

use shopmaster_harness::world::World;
use shopmaster_proto::v1::ProductState;
use shopmaster_standins::digible::PASSWORD;

use crate::{
    support::{codes, wait_up_to_date},
    terminal::Terminal,
    your_table::{
        example::Example,
        page::{Effect, Step},
        shop::Kind,
    },
};

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
        ("Password of the Digible account: ", PASSWORD),
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

/// How the question ends that says what a change means.
const AGREES: &str = ". Continue? [y/N]: ";

/// Ten products, three of which are not sold any longer once the conditions say so.
async fn with_products_that_are_not_sold() -> World {
    let world = World::builder()
        .automatic()
        .products(10)
        .start()
        .await
        .unwrap();
    world
        .shop
        .connection()
        .execute_batch("UPDATE Products SET Status = 0 WHERE ProductID > 'P0000007'")
        .unwrap();
    world.install_capture().await.unwrap();
    world.upload().await.unwrap();
    wait_up_to_date(&world).await;
    world
}

#[tokio::test]
async fn what_a_change_means_is_said_before_it_is_made() {
    let world = with_products_that_are_not_sold().await;
    let before = std::fs::read(world.config_file()).unwrap();
    let said =
        "7 products stay as they are at Digible; 3 products are no longer sold and stay at Digible";
    let arguments = "configure --only 'Status = 1'";

    // Only asked what it would mean, nothing is changed, and nothing is asked.
    let (status, shown) = Terminal::open(&world, &format!("{arguments} --dry-run"))
        .end()
        .await;
    assert!(status.success() && shown.contains(said), "{shown}");
    assert!(shown.contains("P0000008, P0000009, P0000010"), "{shown}");
    assert!(!shown.contains(AGREES), "{shown}");

    for answer in ["n", ""] {
        let mut terminal = Terminal::open(&world, arguments);
        terminal.answer(&format!("{said}{AGREES}"), answer).await;
        let (status, shown) = terminal.end().await;
        assert_eq!(status.code(), Some(1), "{shown}");
        assert!(shown.contains("nothing was changed"), "{shown}");
    }
    assert_eq!(std::fs::read(world.config_file()).unwrap(), before);
    assert_eq!(wait_up_to_date(&world).await.published, 10);

    let mut terminal = Terminal::open(&world, arguments);
    terminal.answer(&format!("{said}{AGREES}"), "y").await;
    let (status, shown) = terminal.end().await;
    assert!(
        status.success() && shown.contains("Changed `catalog.only`"),
        "{shown}"
    );
    // The answer holds: nobody is asked again, although so much is gone.
    let status = world
        .wait_status(|status| status.removed == 3)
        .await
        .unwrap();
    assert_eq!(codes(&status), Vec::<&str>::new(), "{status:?}");
    assert_eq!(
        world.state_of("P0000010").await.unwrap(),
        ProductState::Removed
    );
}

#[tokio::test]
async fn a_change_that_means_nothing_is_not_asked_about() {
    let world = with_products_that_are_not_sold().await;
    for arguments in [
        "configure --interval 9s",
        "configure --only 'SellPrice is not null'",
    ] {
        let (status, shown) = Terminal::open(&world, arguments).end().await;
        assert!(status.success() && !shown.contains(AGREES), "{shown}");
    }
    wait_up_to_date(&world).await;
}

#[tokio::test]
async fn what_the_database_suggests_is_asked_about() {
    let mut example = Example::start(Kind::Sqlite).await;
    let shop = "CREATE TABLE Goods (
            Code VARCHAR(20) NOT NULL PRIMARY KEY, Title VARCHAR(100) NOT NULL, Discontinued BIT NOT NULL
        );
        CREATE TABLE Prices (Code VARCHAR(20) NOT NULL PRIMARY KEY, Price DECIMAL(10, 2) NOT NULL);
        INSERT INTO Goods VALUES ('A', 'tea', 0), ('B', 'milk', 0), ('C', 'salt', 1);
        INSERT INTO Prices VALUES ('A', 1.50), ('B', 2.00), ('C', 0.80);
        CREATE VIEW V AS SELECT g.Code, g.Title, p.Price, g.Discontinued
        FROM Goods AS g INNER JOIN Prices AS p ON p.Code = g.Code";
    example.shop.run(shop).await.unwrap();
    // A view is scanned until it is watched: what is sent meanwhile would be asked about.
    example.ctl(&["configure", "--automatic", "false"]).await;
    let mut terminal = Terminal::open(&example.world, "configure");
    for (question, answer) in [
        ("(sqlserver or sqlite) [sqlite]: ", ""),
        ("SQLite: the database file", ""),
        ("The product table", "V"),
        ("Column of the product's key", "Code"),
        ("Column of the product's name", "Title"),
        ("Column of the product's price", "Price"),
        ("as many as the column has: ", "2"),
        ("Email of the Digible account", ""),
        ("Password of the Digible account", ""),
        ("Test the connections now? [Y/n]: ", ""),
    ] {
        terminal.answer(question, answer).await;
    }
    for _ in 0..3 {
        terminal.answer("? [y/N]: ", "y").await;
    }
    let (status, shown) = terminal.end().await;
    assert!(status.success(), "{shown}");
    for part in ["`Goods`", "`Prices`", "leaves out 1 of 3 products"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let shown = example
        .ctl(&["configure", "--show", "--json"])
        .await
        .json()
        .unwrap();
    let catalog = &shown["settings"]["catalog"];
    assert_eq!(catalog["watch"].as_array().unwrap().len(), 2, "{shown}");
    assert_eq!(catalog["only"][0]["column"], "Discontinued", "{shown}");

    example.ctl(&["configure", "--automatic", "true"]).await;
    example.ctl(&["capture", "install"]).await;
    example.ctl(&["upload"]).await;
    let products = [
        Effect::has("A", "tea", "1.50"),
        Effect::has("B", "milk", "2.00"),
    ];
    example.step(&Step::Products(products.to_vec())).await;
    example
        .shop
        .run("UPDATE Prices SET Price = 1.75 WHERE Code = 'A'")
        .await
        .unwrap();
    example.expected.take(&[Effect::has("A", "tea", "1.75")]);
    example.settle("a price in the second table").await;
    example.end().await;
}
