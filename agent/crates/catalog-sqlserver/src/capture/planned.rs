//! shopMaster's objects as they should be.

use shopmaster_catalog::{CatalogError, template::fill};

use crate::{
    data_type::DataType,
    error::QueryResult,
    key::KeyType,
    object::{Object, TRIGGER, qualified},
    quote::identifier,
    schema::{TableSchema, label},
};

/// The statements that create shopMaster's objects for one product table.
#[derive(Debug)]
pub(crate) struct Planned {
    /// The product table's owner, quoted.
    pub(crate) owner: String,
    pub(crate) owner_id: Option<i32>,
    pub(crate) table_id: i32,
    /// The product table, for people.
    pub(crate) table: String,
    /// The product table, quoted for T-SQL.
    pub(crate) quoted_table: String,
    pub(crate) key_column: DataType,
    /// The trigger's schema, which is the product table's.
    pub(crate) schema: String,
    pub(crate) trigger_name: String,
    pub(super) key: KeyType,
    pub(super) trigger: String,
    /// The trigger as earlier versions installed it.
    pub(super) earlier_triggers: Vec<String>,
}

impl Planned {
    /// # Errors
    ///
    /// [`CatalogError::UnfitKey`] and [`CatalogError::Unsafe`] for what cannot be captured.
    pub(crate) fn new(table: &TableSchema) -> QueryResult<Self> {
        let key = KeyType::of(&table.id.data_type).map_err(|reason| CatalogError::UnfitKey {
            table: label(table),
            column: table.id.name.clone(),
            reason,
        })?;
        let Some(owner) = &table.owner else {
            let reason =
                "this login may not see its owner, and shopMaster's objects need the same owner";
            return Err(CatalogError::Unsafe {
                table: label(table),
                reason: reason.to_owned(),
            }
            .into());
        };
        let trigger_name = format!("{TRIGGER}{}", table.object_id);
        Ok(Self {
            owner: identifier(owner),
            owner_id: table.owner_id,
            table_id: table.object_id,
            table: label(table),
            quoted_table: table.quoted(),
            schema: table.schema.clone(),
            trigger: trigger(include_str!("../sql/create_trigger.sql"), table, &key),
            earlier_triggers: vec![trigger(
                include_str!("../sql/earlier/create_trigger_1.sql"),
                table,
                &key,
            )],
            trigger_name,
            key_column: table.id.data_type.clone(),
            key,
        })
    }

    /// The statement that creates the trigger.
    pub(crate) fn trigger(&self) -> &str {
        &self.trigger
    }

    /// Whether the trigger has a text that an earlier version installed.
    pub(crate) fn is_earlier_trigger(&self, trigger: &Object) -> bool {
        let is = |earlier: &String| trigger.is_text(earlier);
        self.earlier_triggers.iter().any(is)
    }

    /// The trigger's name, quoted for T-SQL.
    pub(crate) fn quoted_trigger(&self) -> String {
        qualified(&self.schema, &self.trigger_name)
    }

    /// The trigger's name, as in the catalog views.
    pub(crate) fn trigger_label(&self) -> String {
        format!("{}.{}", self.schema, self.trigger_name)
    }
}

fn trigger(template: &str, table: &TableSchema, key: &KeyType) -> String {
    let id = identifier(&table.id.name);
    // For a computed column, the server does not say whether it was set.
    let (if_key_set, key_kept) = match table.id.is_computed {
        true => (String::new(), String::new()),
        false => (
            format!(" IF UPDATE({id})"),
            fill(include_str!("../sql/trigger_key_kept.sql"), &[("id", &id)]),
        ),
    };
    let name = format!("{TRIGGER}{}", table.object_id);
    fill(
        template,
        &[
            ("trigger", qualified(&table.schema, &name).as_str()),
            ("table", &table.quoted()),
            ("id", &id),
            ("same", &same_key(key, &id)),
            ("if_key_set", &if_key_set),
            ("key_kept", &key_kept),
        ],
    )
}

/// The condition that a key is equal to the last byte, so that a key that changed only its spelling is a
/// different key. The plain comparison is included for the server's joins, which cannot use the bytes.
fn same_key(key: &KeyType, id: &str) -> String {
    let (new, old) = (format!("i.{id}"), format!("d.{id}"));
    let (new_bytes, old_bytes) = (key.exact(&new), key.exact(&old));
    if new_bytes == new {
        return format!("i.{id} = d.{id}");
    }
    format!("{new} = {old} AND {new_bytes} = {old_bytes}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::texts;

    fn table() -> TableSchema {
        let columns = ["ProductID", "ProductName", "SellPrice"];
        texts::table("dbo", "Products", columns, ("int", 4, 10))
    }

    /// One join for who sets the key, and none for everybody else.
    #[test]
    fn only_who_sets_the_key_pays_for_a_join() {
        let planned = Planned::new(&table()).unwrap();
        let (before, behind) = planned
            .trigger()
            .split_once("IF UPDATE([ProductID])")
            .unwrap();
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
        let planned = Planned::new(&table).unwrap();
        assert!(
            !planned.trigger().contains("UPDATE("),
            "{}",
            planned.trigger()
        );
        assert!(planned.trigger().contains("ELSE\n            INSERT"));
    }

    /// Changing over is one batch: nothing is missed between two triggers.
    #[test]
    fn another_trigger_takes_the_place_of_the_old_one_in_one_batch() {
        let planned = Planned::new(&table()).unwrap();
        let (_, script) = planned.repairs("Shop").next().unwrap();
        assert_eq!(script.batches().count(), 1);
        let text = script.text();
        let dropped = text.find("DROP TRIGGER").unwrap();
        assert!(dropped < text.find("\nCREATE TRIGGER").unwrap(), "{text}");
        assert!(!text.contains("DROP TABLE"), "{text}");
    }
}
