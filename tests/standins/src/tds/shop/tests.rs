//! The model without a wire: statements in the shape that the agent sends.

use tempfile::TempDir;

use super::{
    super::model::{Answer, Model, SqlError, Statement, Value},
    SqliteShop,
};
use crate::shop::Shop;

/// As short as the model lets them be.
const READ: &str =
    "/* shopmaster read */ SELECT k.n, p.[ProductID], p.[ProductName], p.[SellPrice], k.id
    FROM (VALUES …) AS k (n, id) INNER JOIN [dbo].[Products] AS p ON p.[ProductID] = k.id";
const SCAN: &str =
    "/* shopmaster scan_behind */ SELECT p.[ProductID], p.[ProductName], p.[SellPrice]
    FROM [dbo].[Products] AS p WHERE p.[ProductID] > @P1";
const INSTALL: &str = "/* shopmaster install */ EXEC(N'CREATE SCHEMA [shopmaster]');
    CREATE TABLE [shopmaster].[ChangeLog] ([ProductID] varchar(25) COLLATE Latin1_General_BIN2 NOT NULL);
    EXEC(N'CREATE VIEW [shopmaster].[Pending]');
    CREATE TABLE [shopmaster].[Owner] ([Journal] nvarchar(64) NOT NULL);
    EXEC(N'CREATE TRIGGER [dbo].[shopmaster_capture_1] ON [dbo].[Products] AFTER INSERT
        WHEN d.[ProductID] IS NULL THEN N''INSERT''');";
const PROVE: &str =
    "/* shopmaster prove */ SELECT TOP (1) @key = p.[ProductID] FROM [dbo].[Products] AS p";

fn shop(products: usize) -> (TempDir, Shop, SqliteShop) {
    let folder = tempfile::tempdir().unwrap();
    let shop = Shop::create(folder.path().join("shop.db"), products).unwrap();
    let model = SqliteShop::open(shop.path()).unwrap();
    (folder, shop, model)
}

fn ask(model: &SqliteShop, sql: &str, parameters: &[Value]) -> Result<Answer, SqlError> {
    let statement = Statement::new(sql.to_owned(), parameters.to_vec());
    model.answer(1, &statement)
}

/// The rows of the first result of a statement that is known by its name alone.
fn rows(model: &SqliteShop, name: &str, parameters: &[Value]) -> Vec<Vec<Value>> {
    let sql = format!("/* shopmaster {name} */");
    let answer = ask(model, &sql, parameters).unwrap();
    answer.results.into_iter().next().unwrap_or_default().rows
}

fn install(model: &SqliteShop) {
    ask(model, INSTALL, &[]).unwrap();
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

/// Identity and kind of everything that waits.
fn pending(model: &SqliteShop) -> Vec<(Value, Value, Value)> {
    let from_start = [Value::BigInt(0), text(""), Value::BigInt(100)];
    let rows = rows(model, "pending", &from_start);
    let change = |row: Vec<Value>| {
        let [id, key, kind, _at] = <[Value; 4]>::try_from(row).unwrap();
        (id, key, kind)
    };
    rows.into_iter().map(change).collect()
}

#[test]
fn rows_come_by_keys_and_in_pages() {
    let (_folder, shop, model) = shop(5);
    shop.set_price("P0000002", "12.50").unwrap();
    let keys = [text("P0000002"), text("nothing")];
    let answer = ask(&model, READ, &keys).unwrap();
    let [row] = &answer.results[0].rows[..] else {
        panic!("{answer:?}")
    };
    let seen = (&row[0], &row[1], &row[3], &row[4]);
    let price = Value::Decimal(1250);
    assert_eq!(
        seen,
        (&Value::Int(1), &text("P0000002"), &price, &text("P0000002"))
    );
    let answer = ask(&model, SCAN, &[text("P0000003"), Value::BigInt(9)]).unwrap();
    let ids: Vec<_> = answer.results[0].rows.iter().map(|row| &row[0]).collect();
    assert_eq!(ids, [&text("P0000004"), &text("P0000005")]);
}

#[test]
fn what_the_till_changes_waits_until_it_is_acknowledged() {
    let (_folder, shop, model) = shop(3);
    install(&model);
    shop.set_price("P0000001", "1.00").unwrap();
    shop.delete("P0000002").unwrap();
    shop.insert("new", "New", "2.00").unwrap();
    let waiting = pending(&model);
    let kinds: Vec<_> = waiting.iter().map(|(_, _, kind)| kind.clone()).collect();
    assert_eq!(kinds, ["UPDATE", "DELETE", "INSERT"].map(text));
    let Value::Binary(first) = &waiting[0].0 else {
        panic!("{waiting:?}")
    };
    let change = i64::from_be_bytes(first.as_slice().try_into().unwrap());
    for (key, deleted) in [("p0000001", 0), ("P0000001", 1), ("P0000001", 0)] {
        let pair = [Value::BigInt(change), text(key)];
        let answer = ask(&model, "/* shopmaster acknowledge */", &pair).unwrap();
        assert_eq!(answer.affected, deleted, "{key}");
    }
    assert_eq!(pending(&model).len(), 2);
}

#[test]
fn capture_is_found_proven_and_removed() {
    let (_folder, shop, model) = shop(3);
    let found = |model: &SqliteShop| -> Vec<usize> {
        let answer = ask(model, "/* shopmaster found */", &[]).unwrap();
        answer
            .results
            .iter()
            .map(|result| result.rows.len())
            .collect()
    };
    assert_eq!(found(&model), [0, 0, 0, 0, 1]);
    install(&model);
    assert_eq!(found(&model), [1, 4, 6, 1, 1]);
    let proof = ask(&model, PROVE, &[]).unwrap();
    assert_eq!(proof.results[0].rows, [[Value::Int(1), Value::Int(1)]]);
    assert_eq!(pending(&model), [], "the proof is taken back");
    shop.connection()
        .execute_batch("DROP TRIGGER shopmaster_capture_update")
        .unwrap();
    let answer = ask(&model, "/* shopmaster found */", &[]).unwrap();
    let trigger = answer.results[1].rows.last().unwrap();
    assert_eq!(trigger[6], Value::Int(1), "a part of it is gone: disabled");
    assert!(format!("{:?}", trigger[5]).contains("THEN N'INSERT'"));
    rows(&model, "remove", &[]);
    assert_eq!(found(&model), [0, 0, 0, 0, 1]);
}

#[test]
fn a_claim_ends_with_its_session() {
    let (_folder, _shop, model) = shop(0);
    let claim = |session, own: &str| {
        let parameters = vec![text("table"), text(own)];
        let claim = Statement::new("/* shopmaster claim */".to_owned(), parameters);
        model.answer(session, &claim).unwrap().results[0].rows[0].clone()
    };
    let held = [Value::Int(0), Value::Int(0)];
    let another_holds = [Value::Int(0), Value::Int(-1)];
    let own_holds = [Value::Int(-1), Value::Null];
    assert_eq!(claim(1, "till"), held);
    assert_eq!(claim(2, "till"), own_holds);
    // What was refused keeps nothing.
    assert_eq!(claim(3, "agent"), another_holds);
    assert_eq!(claim(4, "agent"), another_holds);
    assert_eq!(claim(1, "till"), held);
    model.end(1);
    assert_eq!(claim(2, "till"), held);
    assert_eq!(claim(1, "till"), own_holds);
}

#[test]
fn a_till_that_holds_the_shop_is_a_lock_time_out() {
    let (_folder, shop, model) = shop(1);
    install(&model);
    shop.connection().execute_batch("BEGIN IMMEDIATE").unwrap();
    let pair = [Value::BigInt(1), text("P0000001")];
    let refused = ask(&model, "/* shopmaster acknowledge */", &pair).unwrap_err();
    assert_eq!(refused.number, 1222);
    assert_eq!(pending(&model), [], "reading goes on");
}

#[test]
fn what_is_not_known_is_refused_with_its_text() {
    let (_folder, _shop, model) = shop(0);
    for sql in ["SELECT 1", "/* shopmaster invented */ SELECT 2"] {
        let refused = ask(&model, sql, &[]).unwrap_err();
        assert_eq!(refused.number, SqlError::UNKNOWN_STATEMENT);
        assert!(refused.message.contains(sql), "{refused:?}");
    }
    let look = "/* shopmaster look */\nSELECT TOP (0) 1 FROM [dbo].[Nothing]";
    assert_eq!(ask(&model, look, &[]).unwrap_err().number, 208);
}

#[test]
fn a_column_is_advised_on() {
    let (_folder, shop, model) = shop(3);
    shop.set_price("P0000002", "12.50").unwrap();
    let asked = |name: &str, columns: &str| {
        let sql = format!(
            "/* shopmaster {name} */ SELECT {columns}
            FROM (SELECT TOP (9) t.[ProductID] FROM [dbo].[Products] AS t) AS p"
        );
        ask(&model, &sql, &[]).unwrap().results.remove(0).rows
    };
    let rows = asked("flag_values", "p.[ProductID]");
    assert_eq!(rows[0], [text("P0000001"), Value::BigInt(1)]);
    let counts = [Value::BigInt(3), Value::BigInt(3)];
    assert_eq!(
        asked("filled_rows", "p.[SellPrice]"),
        std::slice::from_ref(&counts)
    );
    let [rows, values] = counts;
    let key = [rows, values, text("P0000003")];
    assert_eq!(asked("other_key", "p.[ProductID]"), [key]);
    let table = rows_of_products(&model);
    let facts = &table[0];
    assert_eq!(
        (facts.len(), &facts[0], &facts[2]),
        (12, &Value::Int(1), &text("ProductID"))
    );
}

/// What all columns of the product table are.
fn rows_of_products(model: &SqliteShop) -> Vec<Vec<Value>> {
    let found = rows(model, "table", &[text("dbo"), text("Products")]);
    rows(model, "table_columns", &found[0][..1])
}
