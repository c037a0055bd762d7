//! Statements that give back what they wrote, and what only looks like them.

use super::*;

fn found(text: &str, table: &str) -> Actions {
    breaking(text, &Targets::of("ShopDB", "dbo", table), true)
}

#[test]
fn output_without_into_is_found() {
    for (text, actions) in [
        (
            "UPDATE Products SET SellPrice = 1 OUTPUT inserted.ProductID WHERE ProductID = 'x'",
            Actions::UPDATE,
        ),
        (
            "create procedure p as begin update dbo.[products] set a = 1 output deleted.* end",
            Actions::UPDATE,
        ),
        (
            "INSERT INTO [dbo].[Products] (a) OUTPUT inserted.a VALUES (1)",
            Actions::INSERT,
        ),
        (
            "INSERT Products OUTPUT 1, INSERTED.a SELECT 1",
            Actions::INSERT,
        ),
        ("DELETE FROM Products OUTPUT deleted.a", Actions::DELETE),
        (
            "DELETE TOP (5) FROM dbo.Products OUTPUT deleted.a",
            Actions::DELETE,
        ),
        (
            "DELETE TOP (@n + 1) PERCENT FROM Products OUTPUT deleted.a",
            Actions::DELETE,
        ),
        ("DELETE TOP 5 Products OUTPUT deleted.a", Actions::DELETE),
        (
            "UPDATE p SET a = 1 OUTPUT inserted.a FROM dbo.Products AS p WHERE p.a = 2",
            Actions::UPDATE,
        ),
        (
            "UPDATE p SET a = 1 OUTPUT inserted.a FROM Products p",
            Actions::UPDATE,
        ),
        (
            "UPDATE p SET a = 1 OUTPUT inserted.a FROM x, Products p",
            Actions::UPDATE,
        ),
        (
            "DELETE p OUTPUT deleted.a FROM Products p INNER JOIN x ON x.a = p.a",
            Actions::DELETE,
        ),
        (
            "DELETE p OUTPUT deleted.a FROM x INNER JOIN Products p ON x.a = p.a",
            Actions::DELETE,
        ),
        (
            "SELECT 1 UPDATE ShopDB..Products SET a = 1 OUTPUT inserted.a",
            Actions::UPDATE,
        ),
        (
            "DECLARE @x int; UPDATE Products SET a = 1 OUTPUT inserted.a; SELECT 2",
            Actions::UPDATE,
        ),
        (
            "UPDATE Products SET a = 'it''s' /* no INTO here */ OUTPUT inserted.a -- INTO @x",
            Actions::UPDATE,
        ),
        (
            "UPDATE Products SET a = 1 OUTPUT inserted.a INTO @t OUTPUT inserted.b",
            Actions::UPDATE,
        ),
        (
            "IF 1 = 1 UPDATE x SET a = 1 ELSE UPDATE Products SET a = 1 OUTPUT inserted.a",
            Actions::UPDATE,
        ),
        (
            "INSERT INTO x SELECT a FROM (UPDATE Products SET b = 1 OUTPUT inserted.a WHERE c = 2) AS d",
            Actions::UPDATE,
        ),
    ] {
        assert_eq!(found(text, "Products"), actions, "{text}");
    }
}

#[test]
fn a_merge_does_what_its_branches_do() {
    let insert_or_update = Actions::INSERT.or(Actions::UPDATE);
    for (text, actions) in [
        (
            "MERGE Products AS t USING x AS s ON t.a = s.a WHEN MATCHED THEN UPDATE SET t.b = s.b OUTPUT $action, inserted.a;",
            Actions::UPDATE,
        ),
        (
            "MERGE INTO Products t USING x s ON t.a = s.a WHEN NOT MATCHED THEN INSERT (a) VALUES (s.a) OUTPUT inserted.a;",
            Actions::INSERT,
        ),
        (
            "MERGE TOP (1) INTO dbo.Products USING x AS s ON 1 = 0 WHEN MATCHED THEN UPDATE SET a = 1 WHEN NOT MATCHED THEN INSERT (a) VALUES (1) OUTPUT 1;",
            insert_or_update,
        ),
    ] {
        assert_eq!(found(text, "Products"), actions, "{text}");
    }
}

#[test]
fn the_end_of_a_case_is_not_the_end_of_the_statement() {
    for text in [
        "UPDATE Products SET SellPrice = CASE WHEN a = 1 THEN 2 ELSE 3 END OUTPUT inserted.ProductID WHERE b = 2",
        "UPDATE Products SET a = CASE WHEN b = 1 THEN CASE c WHEN 1 THEN 2 END ELSE 3 END, d = 1 OUTPUT inserted.a",
        "BEGIN UPDATE Products SET a = (CASE WHEN b = 1 THEN 2 END) OUTPUT inserted.a END",
        "BEGIN IF @x = CASE WHEN @y = 1 THEN 2 END BEGIN UPDATE Products SET a = 1 OUTPUT inserted.a END END",
    ] {
        assert_eq!(found(text, "Products"), Actions::UPDATE, "{text}");
    }
}

#[test]
fn what_programs_send_is_found() {
    for (text, actions) in [
        (
            "SET IMPLICIT_TRANSACTIONS OFF; SET NOCOUNT ON; UPDATE [Products] SET [SellPrice] = @p0 OUTPUT 1 WHERE [ProductID] = @p1;",
            Actions::UPDATE,
        ),
        (
            "SET NOCOUNT ON; DELETE FROM [Products] OUTPUT 1 WHERE [ProductID] = @p0;",
            Actions::DELETE,
        ),
        (
            "(@p0 int)INSERT INTO [Products] ([a]) OUTPUT INSERTED.[ProductID] VALUES (@p0);",
            Actions::INSERT,
        ),
        (
            "MERGE [Products] USING ( VALUES (@p0, 0), (@p1, 1)) AS i ([a], _Position) ON 1=0 WHEN NOT MATCHED THEN INSERT ([a]) VALUES (i.[a]) OUTPUT INSERTED.[ProductID], i._Position;",
            Actions::INSERT,
        ),
        (
            "UPDATE Products SET a = 1 OUTPUT 'changed' WHERE b = 2",
            Actions::UPDATE,
        ),
        (
            "UPDATE Products SET a = 1 OUTPUT GETDATE()",
            Actions::UPDATE,
        ),
        ("UPDATE Products SET a = 1 OUTPUT (1)", Actions::UPDATE),
        ("UPDATE Products SET a = 1 OUTPUT -1", Actions::UPDATE),
    ] {
        assert_eq!(found(text, "Products"), actions, "{text}");
    }
}

#[test]
fn the_table_is_found_behind_queries_and_aliases_of_aliases() {
    for text in [
        ";WITH c AS (SELECT a FROM Products) UPDATE c SET a = 1 OUTPUT inserted.a",
        "WITH c (x) AS (SELECT a FROM dbo.Products WHERE b = 1) UPDATE c SET x = 1 OUTPUT inserted.x",
        "WITH b AS (SELECT a FROM Products), c AS (SELECT a FROM b) UPDATE c SET a = 1 OUTPUT 1",
        "WITH c AS (SELECT a FROM Products) UPDATE t SET a = 1 OUTPUT 1 FROM c AS t",
        "UPDATE d SET a = 1 OUTPUT inserted.a FROM (SELECT a FROM Products) AS d",
        "UPDATE d SET a = 1 OUTPUT inserted.a FROM (SELECT a FROM (SELECT a FROM Products) x) d",
        "UPDATE d SET a = 1 OUTPUT inserted.a FROM y CROSS APPLY (SELECT a FROM Products) AS d",
    ] {
        assert_eq!(found(text, "Products"), Actions::UPDATE, "{text}");
    }
}

#[test]
fn what_is_harmless_is_left_alone() {
    for text in [
        "",
        "UPDATE Products SET SellPrice = 1",
        "UPDATE Products SET a = 1 OUTPUT inserted.a INTO @changed WHERE b = 2",
        "UPDATE Products SET a = CASE WHEN 1 = 1 THEN 1 END OUTPUT CASE WHEN inserted.a = 1 THEN 1 END INTO @t",
        "UPDATE Products SET a = 1 OUTPUT 1 INTO @t (x) WHERE b = 2",
        "CREATE PROCEDURE p @found int OUTPUT AS SELECT @found = COUNT(*) FROM Products",
        "EXEC p @found OUTPUT UPDATE Products SET a = 1",
        "UPDATE Products SET a = 1 EXEC p @inserted OUTPUT",
        "UPDATE Products SET a = 1 EXEC p @inserted OUTPUT, @b",
        "UPDATE Others SET a = 1 OUTPUT inserted.a FROM Others WHERE EXISTS (SELECT 1 FROM Products)",
        "UPDATE o SET a = 1 OUTPUT inserted.a FROM Others AS o INNER JOIN Products AS p ON p.a = o.a",
        "WITH c AS (SELECT a FROM Products) UPDATE o SET a = 1 OUTPUT inserted.a FROM Others AS o INNER JOIN c ON c.a = o.a",
        "INSERT INTO Log (a) OUTPUT inserted.a SELECT a FROM Products",
        "UPDATE Products SET Output = 1 WHERE b = 2",
        "UPDATE Products SET a = Output, Output += 1",
        "UPDATE Products SET a = 1 WHERE Output > 1 AND [Output] = 1",
        "-- UPDATE Products SET a = 1 OUTPUT inserted.a",
        "/* /* x */ UPDATE Products SET a = 1 OUTPUT inserted.a */",
        "SELECT 'UPDATE Products SET a = 1 OUTPUT inserted.a'",
        "CREATE TRIGGER t ON Products AFTER INSERT, UPDATE AS IF UPDATE(Products) INSERT INTO Log SELECT a FROM inserted",
        "UPDATE [Products of us] SET a = 1 OUTPUT inserted.a",
        "UPDATE OtherDB.dbo.Products SET a = 1 OUTPUT inserted.a",
        "UPDATE Server.ShopDB.dbo.Products SET a = 1 OUTPUT inserted.a",
        "UPDATE stock.Products SET a = 1 OUTPUT inserted.a",
        "UPDATE",
        "UPDATE TOP (",
        "DELETE FROM",
        "INSERT .",
        "WITH c AS (",
        "/* open",
        "'open",
    ] {
        assert_eq!(found(text, "Products"), Actions::default(), "{text}");
    }
}

#[test]
fn a_text_of_another_database_names_this_one() {
    let targets = Targets::of("ShopDB", "dbo", "Products");
    let found = |text| !breaking(text, &targets, false).is_none();
    assert!(found("UPDATE ShopDB.dbo.Products SET a = 1 OUTPUT 1"));
    assert!(!found("UPDATE dbo.Products SET a = 1 OUTPUT 1"));
}

#[test]
fn odd_names_are_found() {
    for (text, table) in [
        ("UPDATE [a]]b.c] SET a = 1 OUTPUT inserted.a", "A]b.c"),
        ("UPDATE \"Größen\" SET a = 1 OUTPUT inserted.a", "Größen"),
    ] {
        assert_eq!(found(text, table), Actions::UPDATE, "{text}");
    }
}
