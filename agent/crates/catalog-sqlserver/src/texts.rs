//! Every T-SQL text that is shipped or generated, for checking against a grammar.

use shopmaster_catalog::{Columns, KeyColumns, Mapping, SEPARATOR, template::fill};

use super::{
    capture::{
        adopt::{self, Held},
        found::Found,
        legacy, modules,
        planned::Planned,
        programs,
        script::Script,
        self_test,
    },
    captured::Captured,
    column::{self, Column},
    data_type::DataType,
    guards,
    queue::statements,
    quote,
    schema::{Kind, TableSchema},
    suggest,
};

mod composite;
mod reading;
mod watched;

/// The texts that are the same for every shop.
const CONSTANT: &[(&str, &str)] = &[
    ("database", include_str!("sql/database.sql")),
    ("leave", include_str!("sql/leave.sql")),
    ("table", include_str!("sql/table.sql")),
    ("installed", include_str!("sql/installed.sql")),
    ("found", include_str!("sql/found.sql")),
    ("row_count", include_str!("sql/row_count.sql")),
    ("server", include_str!("sql/server.sql")),
    ("encryption", include_str!("sql/encryption.sql")),
    ("table_options", include_str!("sql/table_options.sql")),
    ("triggers", include_str!("sql/triggers.sql")),
    ("column_options", include_str!("sql/column_options.sql")),
    ("key_parts", include_str!("sql/key_parts.sql")),
    ("synonym", include_str!("sql/synonym.sql")),
    ("synonyms", include_str!("sql/synonyms.sql")),
    (
        "encrypted_modules",
        include_str!("sql/encrypted_modules.sql"),
    ),
    ("sight", include_str!("sql/sight.sql")),
    ("migrations", include_str!("sql/migrations.sql")),
    (
        "query_store_state",
        include_str!("sql/query_store_state.sql"),
    ),
    ("connected", include_str!("sql/connected.sql")),
    ("predicates", include_str!("sql/predicates.sql")),
    ("masks", include_str!("sql/masks.sql")),
    ("unmask", include_str!("sql/unmask.sql")),
    ("view_queries", include_str!("sql/view_queries.sql")),
    ("rights", include_str!("sql/rights.sql")),
    ("can_impersonate", include_str!("sql/can_impersonate.sql")),
    ("take_back", include_str!("sql/take_back.sql")),
    ("claim", include_str!("sql/claim.sql")),
    ("claimed", include_str!("sql/claimed.sql")),
    ("newest_change", include_str!("sql/newest_change.sql")),
    ("change_log_size", include_str!("sql/change_log_size.sql")),
    ("table_identity", include_str!("sql/table_identity.sql")),
    ("backlog", include_str!("sql/backlog.sql")),
    ("owner", include_str!("sql/owner.sql")),
    ("set_owner", include_str!("sql/set_owner.sql")),
    ("led_by", include_str!("sql/led_by.sql")),
];

/// The database name in the texts that contain one.
const DATABASE: &str = "100% [Shop]'s";

/// The key types for which texts are generated: type, bytes, digits.
const KEYS: [(&str, i32, u8); 6] = [
    ("varchar", 25, 0),
    ("nvarchar", 80, 0),
    ("int", 4, 10),
    ("bigint", 8, 19),
    ("decimal", 9, 18),
    ("uniqueidentifier", 16, 0),
];

/// Every text with its name, for a table with this schema and name and with these columns for key, name and
/// price, and for each type of key. Scripts have a `GO` between their batches.
#[must_use]
pub fn texts(schema: &str, name: &str, columns: [&str; 3]) -> Vec<(String, String)> {
    let mut texts: Vec<_> = CONSTANT
        .iter()
        .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
        .collect();
    let session = fill(include_str!("sql/session.sql"), &[("lock_timeout", "1000")]);
    texts.push(("session".to_owned(), session));
    let database = quote::identifier(name);
    let enter = fill(include_str!("sql/enter.sql"), &[("database", &database)]);
    texts.push(("enter".to_owned(), enter));
    texts.push(("columns".to_owned(), column::mapped_text()));
    texts.push(("named_columns".to_owned(), column::named_text(3)));
    for (data_type, bytes, digits) in KEYS {
        let table = table(schema, name, columns, (data_type, bytes, digits));
        for (kind, of_key) in [
            ("", of_table(&table)),
            ("a watched view ", watched::texts(&table)),
            ("several columns ", composite::texts(&table)),
        ] {
            let of_key = of_key.into_iter().flatten();
            texts.extend(of_key.map(|(name, text)| (format!("{kind}{name} of {data_type}"), text)));
        }
    }
    texts
}

/// The texts for one table; none for a type that cannot be a key.
fn of_table(table: &TableSchema) -> Option<Vec<(&'static str, String)>> {
    let mapping = mapping(table);
    let planned = Planned::new(&mapping, table).ok()?;
    let captured = Captured::product(table);
    let written = adopt::Written::of(&mapping, table, &captured).ok()?;
    let key = &planned.log.key;
    let nothing = Found::nothing_in(DATABASE);
    let log = quote::identifier("ChangeLog");
    let trigger = quote::identifier("trgAfterInsert");
    let ours = planned.triggers.first()?.quoted();
    let mut texts = vec![
        ("install", planned.install(&nothing).text()),
        ("remove", planned.remove(&nothing).text()),
        ("views", modules::views_text(2)),
        ("modules", modules::modules_text(2)),
        ("depending", modules::depending_text(2)),
        ("plan_cache", programs::plan_cache_text(2)),
        ("query_store", programs::query_store_text(2)),
        (
            "newest_migration",
            programs::newest_migration_text(&table.quoted()),
        ),
        (
            "hidden_rows",
            guards::hidden_rows_text(table.object_id, &table.quoted()),
        ),
        ("pending", statements::pending(key)),
        ("changes_of", statements::changes_of(key, 10)),
        ("acknowledge", statements::acknowledge(key, 10)),
        ("old_found", legacy::found_text(&captured)),
        (
            "old_rows passing by",
            adopt::rows_text(&log, Held::PassedBy),
        ),
        ("old_rows waiting", adopt::rows_text(&log, Held::WaitedFor)),
        ("take_over", adopt::take_over_text(&written, 10)),
        (
            "drop_old_triggers",
            adopt::drop_text(DATABASE, &ours, &[trigger]),
        ),
        (
            "rename_old_log",
            adopt::rename_text(DATABASE, &log, legacy::KEPT),
        ),
    ];
    texts.extend(reading::texts(table)?);
    texts.extend(suggest::texts(table));
    texts.extend(planned.inner());
    texts.extend(
        planned
            .repairs(DATABASE)
            .map(|(name, script): (_, Script)| (name, script.text())),
    );
    texts.extend(self_test::texts(&captured, &planned.log, SEPARATOR, &table.names.name).ok()?);
    Some(texts)
}

/// What is configured for a table.
fn mapping(table: &TableSchema) -> Mapping {
    let more = table.more_ids.iter().map(|column| column.name.clone());
    let columns = Columns {
        id: KeyColumns::several(table.id.name.clone(), more.collect(), SEPARATOR),
        name: table.names.name.clone(),
        price: table.price.name.clone(),
    };
    Mapping::new(table.name.clone(), columns)
}

/// A product table as the catalog views would describe it; `key` has the key's type, bytes and digits.
pub(crate) fn table(
    schema: &str,
    name: &str,
    columns: [&str; 3],
    key: (&str, i32, u8),
) -> TableSchema {
    let [id, names, price] = columns;
    let (data_type, bytes, digits) = key;
    TableSchema {
        object_id: 1_234,
        schema: schema.to_owned(),
        name: name.to_owned(),
        kind: Kind::Table,
        owner_id: Some(1),
        owner: Some("dbo".to_owned()),
        id: column(id, data_type, bytes, digits),
        names: column(names, "nvarchar", 200, 0),
        price: column(price, "money", 8, 19),
        more_ids: Vec::new(),
        is_unique_together: false,
        only: Vec::new(),
        watches: Vec::new(),
        key_parts: Vec::new(),
    }
}

fn column(name: &str, data_type: &str, bytes: i32, digits: u8) -> Column {
    let is_text = data_type.ends_with("char");
    Column {
        column_id: 1,
        name: name.to_owned(),
        data_type: DataType {
            name: data_type.to_owned(),
            max_length: bytes,
            precision: digits,
            scale: 0,
            collation: is_text.then(|| "Latin1_General_CI_AS".to_owned()),
        },
        is_nullable: false,
        is_computed: false,
        is_identity: false,
        is_unique: true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ODD: [(&str, &str, [&str; 3]); 4] = [
        ("dbo", "Products", ["ProductID", "ProductName", "SellPrice"]),
        ("my schema", "a]b'c\"d.e", ["the]id", "it's", "\"price\""]),
        ("Größe", "ЖЖ", ["ключ", "имя", "цена"]),
        (
            "x]; DROP TABLE y --",
            "'); DROP TABLE z --",
            ["{table}", "/*", "*/"],
        ),
    ];

    fn all() -> Vec<(String, String)> {
        ODD.into_iter()
            .flat_map(|(schema, name, columns)| texts(schema, name, columns))
            .collect()
    }

    /// Without comments, texts and quoted names.
    fn bare(batch: &str) -> Vec<String> {
        super::super::lexer::tokens(batch)
            .into_iter()
            .map(|token| format!("{token:?}"))
            .collect()
    }

    #[test]
    fn no_place_is_left_open() {
        for (name, text) in texts("dbo", "Products", ["ProductID", "ProductName", "SellPrice"]) {
            assert!(!text.contains(['{', '}']), "{name}: {text}");
            assert!(text.starts_with("/* shopmaster "), "{name}: {text}");
        }
    }

    /// Whoever runs a batch by hand, in whatever database and after whatever failed, breaks no sale.
    #[test]
    fn every_batch_that_changes_a_database_is_safe_by_itself() {
        let word = |word: &str| format!("Word(\"{word}\")");
        // Made in a transaction that is taken back, or without any effect on objects.
        let exempt = |batch: &str| {
            ["prove", "prove_without_rights", "create_"]
                .iter()
                .any(|name| batch.starts_with(&format!("/* shopmaster {name}")))
        };
        let mut guarded = 0;
        for (name, text) in all() {
            for batch in text.split("\nGO\n") {
                let tokens = bare(batch);
                let does = |action: &str| tokens.contains(&word(action));
                let changes = ["CREATE", "DROP", "ALTER", "EXEC"].into_iter().any(does);
                let is_claim = batch.starts_with("/* shopmaster claim */");
                if !changes || exempt(batch) || is_claim {
                    continue;
                }
                guarded += 1;
                let work = batch.find("\nELSE\nBEGIN\n    BEGIN TRANSACTION;\n");
                let (guards, work) = batch.split_at(work.expect("no guards"));
                assert!(
                    guards.contains("\nIF DB_NAME() <> N'100% [Shop]''s'\n    RAISERROR("),
                    "{name}: {batch}"
                );
                assert!(guards.contains("ELSE IF @@TRANCOUNT > 0\n"), "{name}");
                assert!(guards.contains("SET XACT_ABORT ON;"), "{name}");
                assert!(guards.contains("SET LOCK_TIMEOUT 250;"), "{name}");
                let acts = ["CREATE", "DROP", "ALTER", "EXEC"].map(word);
                assert!(
                    !bare(guards).iter().any(|token| acts.contains(token)),
                    "{name}: {guards}"
                );
                assert!(
                    work.trim_end().ends_with("COMMIT TRANSACTION;\nEND;"),
                    "{name}"
                );
                if work.contains("DROP TABLE [shopmaster].[ChangeLog]") {
                    let looks = "LEFT(t.name, 19) = N'shopmaster_capture_'";
                    assert!(guards.contains(looks), "{name}: {batch}");
                    assert!(guards.contains("N'VIEW DEFINITION'"), "{name}: {batch}");
                }
                let makes_log = work.contains("CREATE TABLE [shopmaster].[ChangeLog]");
                if work.contains("\nCREATE TRIGGER ") && !makes_log {
                    let looks = "OBJECT_ID(N'[shopmaster].[ChangeLog]', N'U') IS NULL";
                    assert!(guards.contains(looks), "{name}: {batch}");
                }
            }
        }
        assert!(guarded > 100, "{guarded}");
    }

    #[test]
    fn what_must_be_alone_in_its_batch_is() {
        let word = |word: &str| format!("Word(\"{word}\")");
        for (name, text) in all() {
            for batch in text.split("\nGO\n") {
                let tokens = bare(batch);
                for (place, pair) in tokens.windows(2).enumerate() {
                    let makes = ["TRIGGER", "VIEW", "SCHEMA", "PROCEDURE", "FUNCTION"]
                        .iter()
                        .any(|kind| pair[0] == word("CREATE") && pair[1] == word(kind));
                    assert!(!makes || place == 0, "{name}: {batch}");
                }
                let creates = tokens.iter().filter(|token| **token == word("CREATE"));
                let is_alone = !tokens.starts_with(&[word("CREATE"), word("TRIGGER")])
                    && !tokens.starts_with(&[word("CREATE"), word("VIEW")])
                    && !tokens.starts_with(&[word("CREATE"), word("SCHEMA")]);
                assert!(is_alone || creates.count() == 1, "{name}: {batch}");
            }
        }
    }

    /// Odd names change nothing but names.
    #[test]
    fn odd_names_stay_names() {
        let usual = texts("dbo", "Products", ["ProductID", "ProductName", "SellPrice"]);
        for (schema, name, columns) in ODD {
            for ((label, odd), (_, usual)) in texts(schema, name, columns).iter().zip(&usual) {
                let shape = |text: &str| {
                    let tokens = super::super::lexer::tokens(text);
                    tokens
                        .into_iter()
                        .map(|token| match token {
                            super::super::lexer::Token::Quoted(_) => String::new(),
                            other => format!("{other:?}"),
                        })
                        .collect::<Vec<_>>()
                };
                assert_eq!(shape(odd), shape(usual), "{label}: {odd}");
            }
        }
    }

    #[test]
    fn nothing_is_newer_than_sql_server_2008() {
        for (name, text) in all() {
            let tokens = bare(&text);
            for newer in [
                "MERGE",
                "SEQUENCE",
                "THROW",
                "OFFSET",
                "TRY_CAST",
                "TRY_CONVERT",
                "IIF",
                "CONCAT",
                "STRING_AGG",
            ] {
                let newer = format!("Word(\"{newer}\")");
                assert!(!tokens.contains(&newer), "{name}: {newer}");
            }
            let text = text.to_uppercase();
            assert!(
                !text.contains("IF EXISTS [") && !text.contains("CREATE OR ALTER"),
                "{name}"
            );
        }
    }
}
