//! Programs of the shop that a trigger would break.

use shopmaster_catalog::{CaptureStatus, Catalog, Check, InstallOptions, Verdict};
use shopmaster_standins::tds::Value;

use super::staged::{Staged, int, text};

const OUTPUT: &str = "catalog.output";
const UPDATES: &str = "UPDATE [Products] SET [SellPrice] = @p0 OUTPUT 1 WHERE [ProductID] = @p1";
const AGREED: InstallOptions = InstallOptions {
    ignore_output: true,
};

/// A trigger of the shop's: its name, whether it is disabled, and what starts it.
fn trigger(name: &str, is_disabled: bool, actions: [i32; 3]) -> [Value; 6] {
    let [insert, update, delete] = actions.map(int);
    [
        text(name),
        int(is_disabled.into()),
        int(0),
        insert,
        update,
        delete,
    ]
}

/// The check says no, and so does installing; nothing is installed.
async fn is_refused(shop: &Staged, words: &[&str]) {
    let check = shop.check(OUTPUT).await;
    assert_eq!(
        (check.verdict, check.code),
        (Verdict::Failed, "CAPTURE_BREAKS_PROGRAM"),
        "{check:?}"
    );
    for word in words {
        assert!(check.text.contains(word), "{word}: {check:?}");
    }
    assert!(check.remedy.contains("--capture scan"), "{check:?}");
    assert!(check.remedy.contains("--ignore-output"), "{check:?}");
    let refused = shop.catalog.install().await.unwrap_err();
    assert!(check.text.starts_with(&refused.to_string()), "{refused}");
    assert_eq!(
        shop.catalog.capture().await.unwrap(),
        CaptureStatus::NotInstalled
    );
}

async fn is_warned_of(shop: &Staged, words: &[&str]) -> Check {
    let check = shop.check(OUTPUT).await;
    assert_eq!(check.verdict, Verdict::Warning, "{check:?}");
    for word in words {
        assert!(check.text.contains(word), "{word}: {check:?}");
    }
    check
}

#[tokio::test]
async fn a_shop_without_such_programs_is_good() {
    let shop = Staged::open().await;
    let check = shop.check(OUTPUT).await;
    assert_eq!(check.verdict, Verdict::Ok, "{check:?}");
    // What nobody can look at is said all the same.
    for words in [
        "modules of other databases",
        "build dynamically",
        "Query Store",
    ] {
        assert!(check.text.contains(words), "{check:?}");
    }
    assert!(shop.catalog.install().await.unwrap());
    assert_eq!(shop.server.unknown(), Vec::<String>::new());
}

#[tokio::test]
async fn entity_framework_core_is_refused_from_7_on() {
    let shop = Staged::open().await;
    shop.says(
        "migrations",
        vec![[text("dbo"), text("__EFMigrationsHistory")]],
    );
    for version in ["7.0.0", "8.0.4", "10.0.0-rc.1"] {
        shop.says("newest_migration", vec![[text(version)]]);
        is_refused(&shop, &["Entity Framework Core", version]).await;
    }
    shop.says("newest_migration", vec![[text("6.0.36")]]);
    is_warned_of(&shop, &["updated to 7 or later", "6.0.36"]).await;
    // Without a row, or without the right to read one, it may be any.
    shop.says::<1>("newest_migration", Vec::new());
    is_refused(&shop, &["unknown version"]).await;
    shop.refuses("newest_migration", 229);
    is_refused(
        &shop,
        &[
            "unknown version",
            "not examined: the version of Entity Framework Core",
        ],
    )
    .await;
}

#[tokio::test]
async fn other_libraries_are_told_by_their_tables() {
    let shop = Staged::open().await;
    shop.says("migrations", vec![[text("dbo"), text("SequelizeMeta")]]);
    is_refused(&shop, &["Sequelize", "dbo.SequelizeMeta"]).await;
    for (table, library) in [
        ("_prisma_migrations", "Prisma"),
        ("typeorm_metadata", "TypeORM"),
        ("migrations", "TypeORM"),
        ("django_migrations", "Django"),
    ] {
        shop.says("migrations", vec![[text("dbo"), text(table)]]);
        is_warned_of(&shop, &[library, table]).await;
    }
}

#[tokio::test]
async fn what_the_server_remembers_of_programs_is_judged() {
    let shop = Staged::open().await;
    shop.says("plan_cache", vec![[text(UPDATES), int(1)]]);
    is_refused(&shop, &["UPDATE [Products]", "plan cache"]).await;
    // The same name in another database.
    shop.says("plan_cache", vec![[text(UPDATES), int(0)]]);
    assert_eq!(shop.check(OUTPUT).await.verdict, Verdict::Ok);
    shop.says(
        "plan_cache",
        vec![[text("UPDATE Products SET a = 1 OUTPUT 1 INTO @t"), int(1)]],
    );
    assert_eq!(shop.check(OUTPUT).await.verdict, Verdict::Ok);

    shop.says("query_store", vec![[text(UPDATES)]]);
    assert_eq!(shop.check(OUTPUT).await.verdict, Verdict::Ok, "it is off");
    shop.says("query_store_state", vec![[int(2)]]);
    is_refused(&shop, &["UPDATE [Products]", "Query Store"]).await;
}

#[tokio::test]
async fn who_is_connected_is_judged() {
    let shop = Staged::open().await;
    shop.says(
        "connected",
        vec![[text("EFCore/10.0.1 (Windows)"), text("TILL-1")]],
    );
    is_refused(&shop, &["Entity Framework Core 10.0.1", "`TILL-1`"]).await;
    for driver in ["Core Microsoft SqlClient Data Provider", "node-mssql"] {
        shop.says("connected", vec![[text(driver), text("TILL-1")]]);
        is_warned_of(&shop, &[driver, "`TILL-1`"]).await;
    }
    shop.says("connected", vec![[text("shopMaster"), text("TILL-1")]]);
    assert_eq!(shop.check(OUTPUT).await.verdict, Verdict::Ok);
}

#[tokio::test]
async fn where_this_login_may_not_look_is_named_with_the_grant() {
    let shop = Staged::open().await;
    // Nothing but the product table.
    let no = || int(0);
    shop.sets(
        "sight",
        [(2, no()), (3, no()), (4, no()), (5, no()), (6, no())],
    );
    let check = is_warned_of(
        &shop,
        &[
            "procedures, views",
            "plan cache",
            "Query Store",
            "connected",
        ],
    )
    .await;
    for grant in [
        "GRANT VIEW DEFINITION TO [shopmaster]",
        "GRANT VIEW DATABASE STATE TO [shopmaster]",
        "USE [master]; GRANT VIEW SERVER STATE TO [shopmaster]",
    ] {
        assert_eq!(check.remedy.matches(grant).count(), 1, "{check:?}");
    }
    assert!(shop.server.statements_named("plan_cache").is_empty());
    // Whoever may look for other reasons, and is told no at the look itself.
    shop.sets("sight", []);
    shop.refuses("plan_cache", 300);
    let check = is_warned_of(&shop, &["plan cache"]).await;
    assert!(check.remedy.contains("VIEW SERVER STATE"), "{check:?}");
    // It is a warning and no refusal.
    assert!(shop.catalog.install().await.unwrap());
}

#[tokio::test]
async fn what_an_old_server_does_not_have_is_named_and_no_warning() {
    let shop = Staged::open().await;
    for name in ["plan_cache", "query_store_state", "connected", "migrations"] {
        shop.refuses(name, 208);
    }
    let check = shop.check(OUTPUT).await;
    assert_eq!(check.verdict, Verdict::Ok, "{check:?}");
    for words in ["plan cache", "Query Store", "connected", "libraries"] {
        assert!(check.text.contains(words), "{check:?}");
    }
}

#[tokio::test]
async fn whoever_agrees_installs_all_the_same() {
    let shop = Staged::open().await;
    shop.says("plan_cache", vec![[text(UPDATES), int(1)]]);
    assert!(shop.catalog.install().await.is_err());
    assert!(shop.catalog.install_with(AGREED).await.unwrap());
    assert_eq!(
        shop.catalog.capture().await.unwrap(),
        CaptureStatus::Installed
    );
}

#[tokio::test]
async fn other_refusals_are_not_agreed_to() {
    let shop = Staged::open().await;
    shop.says("plan_cache", vec![[text(UPDATES), int(1)]]);
    shop.shows("table_options", ["is_external"], vec![[Value::Bit(true)]]);
    let refused = shop.catalog.install_with(AGREED).await.unwrap_err();
    assert_eq!(refused.code(), "CAPTURE_UNSAFE");
}

/// The server refuses such a statement for an enabled trigger that is started by what it does, and no other.
#[tokio::test]
async fn a_trigger_that_is_there_already_broke_what_it_breaks() {
    let shop = Staged::open().await;
    shop.says("plan_cache", vec![[text(UPDATES), int(1)]]);
    for (name, is_disabled, actions, is_new) in [
        ("trg_own", false, [0, 1, 0], false),
        ("trg_own", false, [1, 0, 1], true),
        ("trg_own", true, [1, 1, 1], true),
        ("shopmaster_capture_1", false, [1, 1, 1], false),
        ("shopmaster_capture_1", true, [1, 1, 1], true),
    ] {
        shop.says("triggers", vec![trigger(name, is_disabled, actions)]);
        match is_new {
            true => is_refused(&shop, &["UPDATE [Products]"]).await,
            false => drop(is_warned_of(&shop, &["already has an enabled one"]).await),
        }
    }
    shop.says("triggers", vec![trigger("trg_own", false, [1, 1, 1])]);
    assert!(shop.catalog.install().await.unwrap());
}

#[tokio::test]
async fn modules_that_write_by_other_names_are_found() {
    let shop = Staged::open().await;
    shop.says(
        "synonyms",
        vec![[text("dbo"), text("Goods"), text("[dbo].[Products]")]],
    );
    shop.says(
        "views",
        vec![[
            text("web"),
            text("Sold"),
            text("CREATE VIEW web.Sold AS SELECT ProductID, SellPrice FROM Goods"),
        ]],
    );
    for written in ["Goods", "web.Sold", "dbo.Products"] {
        let definition = format!(
            "CREATE PROC p AS UPDATE {written} SET SellPrice = CASE WHEN 1 = 1 THEN 1 END OUTPUT inserted.ProductID"
        );
        shop.says("modules", vec![[text("dbo"), text("p"), text(&definition)]]);
        is_refused(&shop, &["the module `dbo.p`"]).await;
    }
}

#[tokio::test]
async fn an_encrypted_module_is_named_when_it_uses_the_table() {
    let shop = Staged::open().await;
    shop.says(
        "encrypted_modules",
        vec![
            [int(7), text("dbo"), text("secret")],
            [int(8), text("dbo"), text("other")],
        ],
    );
    shop.says("depending", vec![[int(7)]]);
    let check = is_warned_of(&shop, &["the encrypted `dbo.secret`"]).await;
    assert!(!check.text.contains("dbo.other"), "{check:?}");
    // Whoever may not ask which.
    shop.refuses("depending", 229);
    is_warned_of(&shop, &["`dbo.secret`", "`dbo.other`"]).await;
}
