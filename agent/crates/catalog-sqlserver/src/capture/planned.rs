//! shopMaster's objects as they should be.

use shopmaster_catalog::{CatalogError, Mapping};

use super::trigger;
use crate::{
    captured::Captured,
    change_log::LogForm,
    error::QueryResult,
    object::{Object, PENDING_OF_WATCHED_TEXT, PENDING_TEXT, TRIGGER, qualified},
    quote::identifier,
    schema::{TableSchema, label},
};

/// The statements that create shopMaster's objects for one product table.
#[derive(Debug)]
pub(crate) struct Planned {
    /// The owner of the captured tables, quoted.
    pub(crate) owner: String,
    pub(crate) owner_id: Option<i32>,
    /// The product table, for people.
    pub(crate) table: String,
    pub(crate) log: LogForm,
    /// The triggers; never empty.
    pub(crate) triggers: Vec<PlannedTrigger>,
}

/// The trigger of one captured table.
#[derive(Debug)]
pub(crate) struct PlannedTrigger {
    pub(crate) table_id: i32,
    /// The trigger, for people.
    pub(crate) called: String,
    /// The table, quoted for T-SQL.
    pub(crate) quoted_table: String,
    /// The trigger's schema, which is the table's.
    pub(crate) schema: String,
    pub(crate) name: String,
    /// The statement that creates it.
    pub(crate) text: String,
    /// The same as earlier versions installed it.
    pub(super) earlier: Vec<String>,
}

impl Planned {
    /// # Errors
    ///
    /// [`CatalogError::UnfitKey`], [`CatalogError::UnfitWatch`], [`CatalogError::ScanOnly`] and
    /// [`CatalogError::Unsafe`] for what cannot be captured.
    pub(crate) fn new(mapping: &Mapping, table: &TableSchema) -> QueryResult<Self> {
        let log = LogForm::of(mapping, table)?;
        let captured = Captured::all(mapping, table)?;
        let mut triggers = Vec::with_capacity(captured.len());
        for table in &captured {
            triggers.push(PlannedTrigger::new(mapping, table)?);
        }
        let owner = captured.first().and_then(|table| table.owner.as_ref());
        let Some(owner) = owner else {
            let reason =
                "this login may not see its owner, and shopMaster's objects need the same owner";
            return Err(CatalogError::Unsafe {
                table: captured
                    .first()
                    .map_or_else(|| label(table), Captured::label),
                reason: reason.to_owned(),
            }
            .into());
        };
        Ok(Self {
            owner: identifier(owner),
            owner_id: captured.first().and_then(|table| table.owner_id),
            table: label(table),
            log,
            triggers,
        })
    }

    /// The text of the view over the ChangeLog.
    pub(crate) fn pending(&self) -> &'static str {
        match self.log.has_source {
            false => PENDING_TEXT,
            true => PENDING_OF_WATCHED_TEXT,
        }
    }

    /// Whether a trigger belongs on this table.
    pub(crate) fn captures(&self, table_id: i32) -> bool {
        self.triggers
            .iter()
            .any(|trigger| trigger.table_id == table_id)
    }
}

impl PlannedTrigger {
    fn new(mapping: &Mapping, table: &Captured) -> QueryResult<Self> {
        let name = format!("{TRIGGER}{}", table.object_id);
        let text = trigger::text(mapping, table)?;
        Ok(Self {
            table_id: table.object_id,
            called: match table.is_watched {
                false => format!("the trigger `{name}`"),
                true => format!("the trigger `{name}` on `{}`", table.label()),
            },
            quoted_table: table.quoted(),
            schema: table.schema.clone(),
            earlier: trigger::earlier(table)?,
            name,
            text,
        })
    }

    /// Whether the trigger has a text that an earlier version installed.
    pub(crate) fn is_earlier(&self, trigger: &Object) -> bool {
        let is = |earlier: &String| trigger.is_text(earlier);
        self.earlier.iter().any(is)
    }

    /// The trigger's name, quoted for T-SQL.
    pub(crate) fn quoted(&self) -> String {
        qualified(&self.schema, &self.name)
    }

    /// The trigger's name, as in the catalog views.
    pub(crate) fn label(&self) -> String {
        format!("{}.{}", self.schema, self.name)
    }
}

#[cfg(test)]
mod tests {
    use shopmaster_catalog::{Columns, KeyColumns, Watch};

    use super::*;
    use crate::{capture::found::Found, column::Column, schema::Kind, texts, watches::FoundWatch};

    fn table() -> TableSchema {
        let columns = ["ProductID", "ProductName", "SellPrice"];
        texts::table("dbo", "Products", columns, ("int", 4, 10))
    }

    fn mapping(more: &[&str]) -> Mapping {
        let more = more.iter().map(|name| (*name).to_owned()).collect();
        let columns = Columns {
            id: KeyColumns::several("ProductID", more, "'-"),
            name: "ProductName".to_owned(),
            price: "SellPrice".to_owned(),
        };
        Mapping::new("Products", columns)
    }

    fn trigger(table: &TableSchema) -> String {
        let planned = Planned::new(&mapping(&[]), table).unwrap();
        planned.triggers[0].text.clone()
    }

    /// A view, and a watched table of that key.
    fn watched(key: &Column) -> Planned {
        let mut mapping = mapping(&[]);
        mapping.watches.push(Watch {
            table: "Prices".to_owned(),
            key: key.name.clone(),
            column: "ProductID".to_owned(),
        });
        let view = TableSchema {
            kind: Kind::View,
            watches: vec![FoundWatch::of(77, "dbo", "Prices", key)],
            ..table()
        };
        Planned::new(&mapping, &view).unwrap()
    }

    /// One join for who sets the key, and none for everybody else.
    #[test]
    fn only_who_sets_the_key_pays_for_a_join() {
        let trigger = trigger(&table());
        let (before, behind) = trigger.split_once("IF UPDATE([ProductID])").unwrap();
        assert!(!before.contains("JOIN"), "{before}");
        let (set, kept) = behind.split_once("ELSE\n            --").unwrap();
        assert!(
            set.contains("FULL JOIN") && !kept.contains("JOIN"),
            "{behind}"
        );
    }

    /// Of a computed column the server does not tell whether it was set: error 2114.
    #[test]
    fn a_computed_key_is_always_joined() {
        let mut table = table();
        table.id.is_computed = true;
        let trigger = trigger(&table);
        assert!(!trigger.contains("UPDATE("), "{trigger}");
        assert!(trigger.contains("ELSE\n            INSERT"), "{trigger}");
    }

    /// Changing over is one batch: nothing is missed between two triggers.
    #[test]
    fn another_trigger_takes_the_place_of_the_old_one_in_one_batch() {
        let planned = Planned::new(&mapping(&[]), &table()).unwrap();
        let (_, script) = planned.repairs("Shop").next().unwrap();
        assert_eq!(script.batches().count(), 1);
        let text = script.text();
        let dropped = text.find("DROP TRIGGER").unwrap();
        assert!(dropped < text.find("\nCREATE TRIGGER").unwrap(), "{text}");
        assert!(!text.contains("DROP TABLE"), "{text}");
    }

    #[test]
    fn a_watched_table_writes_its_key_as_text_with_its_number() {
        let planned = watched(&table().id);
        let trigger = &planned.triggers[0];
        assert_eq!(trigger.name, "shopmaster_capture_77");
        let text = &trigger.text;
        let written = "CAST(i.[ProductID] AS nvarchar(20)) COLLATE Latin1_General_BIN2";
        assert!(
            text.contains(&format!(
                "N'INSERT', {written}, GETUTCDATE(), 77 FROM inserted"
            )),
            "{text}"
        );
        assert_eq!(text.matches("[ChangeDateTime], [Source])").count(), 4);
        assert!(text.contains("IF UPDATE([ProductID])\n"), "{text}");
        // No join, which would grow with the square of the rows of one key, and no key twice.
        assert!(!text.contains("JOIN") && text.contains("UNION\n"), "{text}");
        assert!(!text.contains("DISTINCT"), "{text}");
        let many = Column {
            is_unique: false,
            ..table().id
        };
        let text = watched(&many).triggers[0].text.clone();
        assert_eq!(text.matches("SELECT DISTINCT N'").count(), 3, "{text}");
    }

    #[test]
    fn every_trigger_keeps_its_promises() {
        let mut composite = table();
        composite.more_ids = vec![table().names];
        let planned = Planned::new(&mapping(&["ProductName"]), &composite).unwrap();
        let texts = [
            trigger(&table()),
            watched(&table().id).triggers[0].text.clone(),
            planned.triggers[0].text.clone(),
        ];
        for text in texts {
            for words in [
                "SET XACT_ABORT OFF;",
                "SET ROWCOUNT 0;\n    IF NOT EXISTS (SELECT 1 FROM inserted) AND NOT EXISTS (SELECT 1 FROM deleted) RETURN;",
                "BEGIN TRY",
                "END CATCH;",
                "IF UPDATE(",
            ] {
                assert!(text.contains(words), "{words}: {text}");
            }
            let code: String = text.lines().filter(|line| !line.contains("--")).collect();
            for words in ["@@", "OBJECT_ID", "EXEC", "ERROR_MESSAGE"] {
                assert!(!code.contains(words), "{words}: {text}");
            }
        }
    }

    #[test]
    fn a_key_of_several_columns_is_written_as_its_id() {
        let mut table = table();
        table.more_ids = vec![table.names.clone()];
        let planned = Planned::new(&mapping(&["ProductName"]), &table).unwrap();
        let text = &planned.triggers[0].text;
        let joined = "CAST(i.[ProductID] AS nvarchar(20)) COLLATE Latin1_General_BIN2 + N'''-' COLLATE Latin1_General_BIN2 + \
                      CAST(i.[ProductName] AS nvarchar(100)) COLLATE Latin1_General_BIN2";
        assert!(text.contains(joined), "{text}");
        for id in ["ProductID", "ProductName"] {
            assert!(
                text.contains(&format!("ELSE IF UPDATE([{id}])\n")),
                "{text}"
            );
        }
        assert!(planned.log.is_text && !planned.log.has_source);
        let install = planned.install(&Found::nothing_in("Shop")).text();
        let column = "[ProductID] nvarchar(450) COLLATE Latin1_General_BIN2 NOT NULL";
        assert!(install.contains(column), "{install}");

        table.more_ids[0].data_type.max_length = 860;
        let error = Planned::new(&mapping(&["ProductName"]), &table).unwrap_err();
        assert!(
            format!("{error:?}").contains("longer than 450"),
            "{error:?}"
        );
    }
}
