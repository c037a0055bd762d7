//! The objects of ours: how they should be, how they are, and what differs.

use super::{
    facts::{DataType, Table},
    fault::{Fault, Work},
    key::KeyType,
    object::{
        self, CHANGE_LOG, FoundColumn, Index, OWNER, Object, PENDING, SCHEMA, Schema, TRIGGER,
        qualified,
    },
    quote::{identifier, literal},
    rights::Rights,
    script::Script,
    session::Session,
};
use crate::catalog::{CatalogError, template::fill};

/// Before the ChangeLog can be dropped.
const DROP_VIEW: &str = "DROP VIEW [shopmaster].[Pending];\n";

/// The statements that make our objects over one product table.
#[derive(Debug)]
pub(super) struct Planned {
    /// The product table's owner, quoted.
    owner: String,
    owner_id: Option<i32>,
    table_id: i32,
    /// The product table, for people.
    table: String,
    /// The product table, as T-SQL has it.
    quoted_table: String,
    key: KeyType,
    key_column: DataType,
    /// The trigger's schema: the product table's.
    schema: String,
    trigger_name: String,
    change_log: String,
    pending: String,
    owner_table: String,
    trigger: String,
}

/// What has one of our names, or is in our schema.
#[derive(Debug, Default)]
pub(super) struct Found {
    schema: Option<Schema>,
    objects: Vec<Object>,
    columns: Vec<FoundColumn>,
    indexes: Vec<Index>,
    /// This login may not see the product table's triggers.
    is_blind: bool,
}

impl Planned {
    /// # Errors
    ///
    /// [`CatalogError::UnfitKey`] and [`CatalogError::Unsafe`] for what cannot be captured.
    pub(super) fn new(table: &Table) -> Work<Self> {
        let key = KeyType::of(&table.id.data_type).map_err(|reason| CatalogError::UnfitKey {
            table: label(table),
            column: table.id.name.clone(),
            reason,
        })?;
        let Some(owner) = &table.owner else {
            let reason =
                "this login may not see who owns it, and shopMaster's objects need the same owner";
            return Err(CatalogError::Unsafe {
                table: label(table),
                reason: reason.to_owned(),
            }
            .into());
        };
        let trigger_name = format!("{TRIGGER}{}", table.object_id);
        let quoted_trigger = qualified(&table.schema, &trigger_name);
        let id = identifier(&table.id.name);
        let places = [
            ("trigger", quoted_trigger.as_str()),
            ("table", &table.quoted()),
            ("id", &id),
            ("same", &same_key(&key, &id)),
        ];
        Ok(Self {
            owner: identifier(owner),
            owner_id: table.owner_id,
            table_id: table.object_id,
            table: label(table),
            quoted_table: table.quoted(),
            schema: table.schema.clone(),
            change_log: fill(
                include_str!("sql/create_change_log.sql"),
                &[("table", &change_log_table(&key))],
            ),
            pending: include_str!("sql/create_pending.sql").to_owned(),
            owner_table: include_str!("sql/create_owner.sql").to_owned(),
            trigger: fill(include_str!("sql/create_trigger.sql"), &places),
            trigger_name,
            key_column: table.id.data_type.clone(),
            key,
        })
    }

    /// The text that makes everything as planned, from whatever is there now.
    ///
    /// The trigger comes last and goes first: while it is there, so is all that it needs.
    pub(super) fn install(&self, found: &Found) -> Script {
        let mut script = Script::default();
        if found.differences(self).is_empty() {
            script.push(include_str!("sql/install_nothing.sql"));
            return script;
        }
        script.push(include_str!("sql/install_session.sql"));
        let log_differs =
            found.get(CHANGE_LOG).is_some() && !found.log_differences(self).is_empty();
        let owner_differs = found.get(OWNER).is_some() && !found.is_owner_table_good();
        let moves = found.other_table(self).is_some();
        let trigger_stays = found.is_trigger_good(self) && !log_differs;
        for trigger in found.our_triggers() {
            if !(trigger_stays && trigger.is_named(&self.trigger_name)) {
                script.push(dropping(trigger));
            }
        }
        match &found.schema {
            None => script.push(self.made(include_str!("sql/create_schema.sql"))),
            Some(schema) if schema.owner_id == self.owner_id => {}
            Some(_) if found.is_schema_empty() => {
                script.push(include_str!("sql/remove_schema.sql"));
                script.push(self.made(include_str!("sql/create_schema.sql")));
            }
            Some(_) => script.push(self.made(include_str!("sql/give_schema.sql"))),
        }
        let mut view_stays = found.is_view_good(self) && found.get(CHANGE_LOG).is_some();
        if found.get(CHANGE_LOG).is_none() {
            if found.get(PENDING).is_some() {
                script.push(include_str!("sql/drop_pending.sql"));
            }
            script.push(self.change_log.as_str());
        } else if moves || log_differs {
            script.push(self.rebuild(found, moves));
            if moves || self.kept(found).is_none() {
                script.push(self.change_log.as_str());
            }
            view_stays = false;
        } else if found.get(PENDING).is_some() && !view_stays {
            script.push(include_str!("sql/drop_pending.sql"));
        }
        if !view_stays {
            script.push(self.pending.as_str());
        }
        if owner_differs {
            script.push(include_str!("sql/drop_owner.sql"));
        }
        if owner_differs || found.get(OWNER).is_none() {
            script.push(self.owner_table.as_str());
        }
        if !trigger_stays {
            script.push(self.trigger.as_str());
        }
        script
    }

    /// The text that takes everything of ours away, now or after installing.
    pub(super) fn remove(&self, found: &Found) -> Script {
        found.removing(Some(qualified(&self.schema, &self.trigger_name)))
    }

    /// The schema's statements.
    fn made(&self, template: &str) -> String {
        fill(template, &[("owner", &self.owner)])
    }

    /// The statements that only a repair needs.
    pub(super) fn repairs(&self) -> impl Iterator<Item = (&'static str, Script)> {
        let kept = self.key.cast("k.[ProductID]");
        let places = [
            ("drop_view", DROP_VIEW),
            ("table", &change_log_table(&self.key)),
            ("kept", &kept),
            ("owner", &self.owner),
            ("trigger", &qualified(&self.schema, &self.trigger_name)),
        ];
        [
            (
                "rebuild_change_log",
                include_str!("sql/rebuild_change_log.sql"),
            ),
            ("drop_change_log", include_str!("sql/drop_change_log.sql")),
            ("give_schema", include_str!("sql/give_schema.sql")),
            ("drop_pending", include_str!("sql/drop_pending.sql")),
            ("drop_owner", include_str!("sql/drop_owner.sql")),
            ("drop_trigger", include_str!("sql/drop_trigger.sql")),
            ("install_nothing", include_str!("sql/install_nothing.sql")),
        ]
        .map(|(name, template)| {
            let mut script = Script::default();
            script.push(fill(template, &places));
            (name, script)
        })
        .into_iter()
    }

    fn rebuild(&self, found: &Found, moves: bool) -> String {
        let drop_view = match found.get(PENDING) {
            Some(_) => DROP_VIEW,
            None => "",
        };
        let table = change_log_table(&self.key);
        match self.kept(found) {
            Some(kept) if !moves => fill(
                include_str!("sql/rebuild_change_log.sql"),
                &[("drop_view", drop_view), ("table", &table), ("kept", &kept)],
            ),
            _ => fill(
                include_str!("sql/drop_change_log.sql"),
                &[("drop_view", drop_view)],
            ),
        }
    }

    /// The pending keys as the key column has them now; none when some may not become it.
    fn kept(&self, found: &Found) -> Option<String> {
        for name in ["ChangeID", "ChangeType", "ChangeDateTime"] {
            found.column(CHANGE_LOG, name)?;
        }
        let old = &found.column(CHANGE_LOG, "ProductID")?.data_type;
        becomes(old, &self.key_column).then(|| self.key.cast("k.[ProductID]"))
    }

    /// As it is in the catalogue views.
    fn trigger_name(&self) -> String {
        format!("{}.{}", self.schema, self.trigger_name)
    }
}

impl Found {
    /// Reads what is there: one round trip.
    pub(super) async fn read(session: &mut Session) -> Work<Self> {
        let mut results = session
            .batch(include_str!("sql/found.sql"))
            .await?
            .into_iter();
        let mut next = || results.next().unwrap_or_default();
        let (schemas, objects, columns, indexes) = (next(), next(), next(), next());
        let schema = schemas.first().map(object::schema);
        Ok(Self {
            schema: schema.transpose()?,
            objects: objects.iter().map(object::object).collect::<Work<_>>()?,
            columns: columns.iter().map(object::column).collect::<Work<_>>()?,
            indexes: indexes.iter().map(object::index).collect::<Work<_>>()?,
            is_blind: false,
        })
    }

    /// Whether nothing of ours is there. An empty schema of our name is nothing: whoever may not make one
    /// can be given one.
    pub(super) fn is_empty(&self) -> bool {
        !self.objects.iter().any(|object| self.is_our(object))
    }

    /// Something of another's with one of our names.
    ///
    /// # Errors
    ///
    /// [`CatalogError::NameTaken`].
    pub(super) fn check_names(&self, planned: &Planned) -> Work<()> {
        self.check_schema()?;
        let trigger = self.objects.iter().find(|object| {
            object.is_named(&planned.trigger_name) && object.schema == planned.schema
        });
        match trigger {
            Some(trigger) if !trigger.is_our_trigger() => Err(taken(planned.trigger_name())),
            _ => Ok(()),
        }
    }

    /// Something of another's in our schema, with one of our names or without anything of ours.
    ///
    /// # Errors
    ///
    /// [`CatalogError::NameTaken`].
    pub(super) fn check_schema(&self) -> Work<()> {
        let mut top = self
            .objects
            .iter()
            .filter(|object| object.is_in_our_schema() && object.parent_id == 0);
        if !self
            .objects
            .iter()
            .any(|object| object.is_in_our_schema() && self.is_our(object))
            && top.next().is_some()
        {
            return Err(taken(SCHEMA.to_owned()));
        }
        match top.find(|object| object.has_our_name() && !self.is_our(object)) {
            Some(object) => Err(taken(format!("{SCHEMA}.{}", object.name))),
            None => Ok(()),
        }
    }

    /// The table that a trigger of ours captures when it is not the product table.
    pub(super) fn other_table(&self, planned: &Planned) -> Option<&str> {
        self.objects
            .iter()
            .find(|object| object.is_our_trigger() && object.parent_id != planned.table_id)
            .map(|object| object.parent.as_str())
    }

    /// The text that takes away what is there, and the trigger that is planned.
    pub(super) fn removing(&self, planned: Option<String>) -> Script {
        let mut triggers: Vec<_> = self.our_triggers().map(Object::quoted).collect();
        triggers.extend(planned);
        triggers.dedup_by_key(|trigger| trigger.to_lowercase());
        let mut script = Script::default();
        script.push(include_str!("sql/remove_session.sql"));
        for trigger in triggers {
            let places = [
                ("trigger", trigger.as_str()),
                ("literal", &literal(&trigger)),
            ];
            script.push(fill(include_str!("sql/remove_trigger.sql"), &places));
        }
        script.push(include_str!("sql/remove_objects.sql"));
        script.push(include_str!("sql/remove_schema.sql"));
        script
    }

    /// Whether there is nothing to install or mend.
    pub(super) fn is_as_planned(&self, planned: &Planned) -> bool {
        self.differences(planned).is_empty()
    }

    fn is_schema_empty(&self) -> bool {
        !self.objects.iter().any(Object::is_in_our_schema)
    }

    /// Whether our schema is there, whatever is in it.
    pub(super) fn has_schema(&self) -> bool {
        self.schema.is_some()
    }

    /// What differs from the plan, a line each, for people.
    pub(super) fn differences(&self, planned: &Planned) -> Vec<String> {
        let mut lines = Vec::new();
        match &self.schema {
            Some(schema) if schema.owner_id != planned.owner_id => lines.push(format!(
                "the schema `{SCHEMA}` belongs to `{}` and the product table to {}: what a login without rights on the schema sells is not captured",
                schema.owner,
                planned.owner
            )),
            _ => {}
        }
        if self.get(CHANGE_LOG).is_none() {
            lines.push(missing(CHANGE_LOG));
        } else {
            lines.extend(self.log_differences(planned));
        }
        if self.get(PENDING).is_none() {
            lines.push(missing(PENDING));
        } else if !self.is_view_good(planned) {
            lines.push(altered(PENDING));
        }
        if self.get(OWNER).is_none() {
            lines.push(missing(OWNER));
        } else if !self.is_owner_table_good() {
            lines.push(altered(OWNER));
        }
        lines.extend(self.trigger_differences(planned));
        if let Some(other) = self.other_table(planned) {
            lines.push(format!(
                "the table `{other}` is captured, not `{}`",
                planned.table
            ));
        }
        lines
    }

    fn trigger_differences(&self, planned: &Planned) -> Vec<String> {
        let name = &planned.trigger_name;
        let mut lines = Vec::new();
        match self.planned_trigger(planned) {
            None if self.is_blind => {}
            None => lines.push(format!("the trigger `{name}` is missing")),
            Some(trigger) => {
                if trigger.is_disabled {
                    lines.push(format!("the trigger `{name}` is disabled"));
                }
                if trigger.differs_from(&planned.trigger) {
                    lines.push(format!("the trigger `{name}` is not as it was installed"));
                }
            }
        }
        for trigger in self.our_triggers() {
            if trigger.parent_id == planned.table_id && !trigger.is_named(name) {
                lines.push(format!(
                    "the trigger `{}` captures the table too, as it was before it was made anew",
                    trigger.name
                ));
            }
        }
        lines
    }

    /// What this login may not see of ours, a line each: nothing is known to be wrong with it.
    pub(super) fn unseen(&self, planned: &Planned) -> Vec<String> {
        let is_hidden = match self.planned_trigger(planned) {
            Some(trigger) => trigger.definition.is_none(),
            None => self.is_blind,
        };
        let line = format!(
            "the trigger `{}` cannot be seen: a DBA has to run GRANT VIEW DEFINITION ON OBJECT::{} TO this login's user",
            planned.trigger_name, planned.quoted_table
        );
        is_hidden.then_some(line).into_iter().collect()
    }

    /// Whether our trigger is not there, as far as this login may see.
    pub(super) fn lacks_trigger(&self, planned: &Planned) -> bool {
        self.planned_trigger(planned).is_none()
    }

    /// Notes whether this login may see the product table's triggers: one that was not found may be there all
    /// the same.
    pub(super) fn note_sight(&mut self, rights: &Rights) {
        self.is_blind = !rights.sees_triggers();
    }

    fn log_differences(&self, planned: &Planned) -> Vec<String> {
        let mut lines = Vec::new();
        let label = format!("`{SCHEMA}.{CHANGE_LOG}`");
        for (name, expected) in [
            ("ChangeID", "timestamp"),
            ("ChangeType", "nvarchar"),
            ("ChangeDateTime", "datetime"),
        ] {
            let column = self.column(CHANGE_LOG, name);
            let is_good = column.is_some_and(|column| {
                column.data_type.name == expected
                    && (expected != "nvarchar" || column.data_type.max_length >= 20)
            });
            if !is_good {
                lines.push(format!("`{name}` of {label} is not as it was installed"));
            }
        }
        match self.column(CHANGE_LOG, "ProductID") {
            Some(column) if column.data_type == planned.key_column => {}
            Some(column) => lines.push(format!(
                "`ProductID` of {label} is {}, and the key of `{}` is {}",
                named(&column.data_type),
                planned.table,
                named(&planned.key_column)
            )),
            None => lines.push(format!("`ProductID` of {label} is missing")),
        }
        if self.columns_of(CHANGE_LOG).count() > 4 {
            lines.push(format!("{label} has columns that are not shopMaster's"));
        }
        if !self
            .indexes
            .iter()
            .any(|index| index.is_on_change && !index.is_unique)
        {
            lines.push(format!("the index of {label} is missing"));
        }
        for index in self.indexes.iter().filter(|index| index.is_unique) {
            lines.push(format!(
                "the unique index `{}` on {label} may refuse a change",
                index.name
            ));
        }
        for object in &self.objects {
            let hangs = object.is_in_our_schema()
                && !self.is_our(object)
                && ["TR", "C", "F"].contains(&&*object.kind)
                && !object.is_our_trigger();
            if hangs {
                lines.push(format!("`{}` on {label} is not shopMaster's", object.name));
            }
        }
        lines
    }

    fn is_view_good(&self, planned: &Planned) -> bool {
        self.get(PENDING)
            .is_some_and(|view| !view.differs_from(&planned.pending))
    }

    fn is_owner_table_good(&self) -> bool {
        ["Journal", "Generation"]
            .iter()
            .all(|name| self.column(OWNER, name).is_some())
            && self.columns_of(OWNER).count() == 2
    }

    fn is_trigger_good(&self, planned: &Planned) -> bool {
        self.planned_trigger(planned)
            .is_some_and(|trigger| !trigger.is_disabled && !trigger.differs_from(&planned.trigger))
    }

    fn planned_trigger(&self, planned: &Planned) -> Option<&Object> {
        self.objects.iter().find(|object| {
            object.is_our_trigger()
                && object.is_named(&planned.trigger_name)
                && object.parent_id == planned.table_id
        })
    }

    /// Every trigger of ours, on whatever table.
    fn our_triggers(&self) -> impl Iterator<Item = &Object> {
        self.objects.iter().filter(|object| object.is_our_trigger())
    }

    /// An object of ours in our schema.
    fn get(&self, name: &str) -> Option<&Object> {
        self.objects
            .iter()
            .find(|object| object.is_in_our_schema() && object.is_named(name) && object.is_ours())
    }

    fn column<'a>(&'a self, table: &'a str, name: &str) -> Option<&'a FoundColumn> {
        self.columns_of(table)
            .find(|column| column.name.eq_ignore_ascii_case(name))
    }

    fn columns_of<'a>(&'a self, table: &'a str) -> impl Iterator<Item = &'a FoundColumn> {
        self.columns
            .iter()
            .filter(move |column| column.table.eq_ignore_ascii_case(table))
    }

    /// Told by what nobody else would write: the columns of our tables, our ChangeLog in our view.
    fn is_our(&self, object: &Object) -> bool {
        if !object.is_ours() {
            return false;
        }
        let words: &[&str] = if object.is_named(CHANGE_LOG) {
            &["ChangeID", "ProductID"]
        } else if object.is_named(OWNER) {
            &["Journal"]
        } else {
            return true;
        };
        words
            .iter()
            .all(|word| self.column(&object.name, word).is_some())
    }
}

/// Makes the ChangeLog, be it the first one or another one in its place.
fn change_log_table(key: &KeyType) -> String {
    fill(
        include_str!("sql/change_log_table.sql"),
        &[("key", &key.column())],
    )
}

/// Equal to the last byte, so that a key that only changed its spelling is another key. The plain comparison
/// is there for the server's joins, which know nothing of bytes.
fn same_key(key: &KeyType, id: &str) -> String {
    let (new, old) = (format!("i.{id}"), format!("d.{id}"));
    let (new_bytes, old_bytes) = (key.exact(&new), key.exact(&old));
    if new_bytes == new {
        return format!("i.{id} = d.{id}");
    }
    format!("{new} = {old} AND {new_bytes} = {old_bytes}")
}

/// Whether every value of the type `old` is one of `new`, in a spelling that means the same.
fn becomes(old: &DataType, new: &DataType) -> bool {
    const INTEGERS: [&str; 4] = ["tinyint", "smallint", "int", "bigint"];
    let width = |name: &str| INTEGERS.iter().position(|integer| *integer == name);
    if let (Some(old), Some(new)) = (width(&old.name), width(&new.name)) {
        return old <= new;
    }
    let characters = |text: &DataType| match text.name.as_str() {
        "char" | "varchar" => Some((text.max_length, false)),
        "nchar" | "nvarchar" => Some((text.max_length / 2, true)),
        _ => None,
    };
    match (characters(old), characters(new)) {
        (Some((old_length, was_unicode)), Some((new_length, is_unicode))) => {
            let same_page = old.collation == new.collation;
            old_length <= new_length && (is_unicode || (!was_unicode && same_page))
        }
        _ => old == new,
    }
}

fn dropping(trigger: &Object) -> String {
    fill(
        include_str!("sql/drop_trigger.sql"),
        &[("trigger", &trigger.quoted())],
    )
}

/// The product table, for people.
pub(super) fn label(table: &Table) -> String {
    format!("{}.{}", table.schema, table.name)
}

/// A type, for people.
fn named(data_type: &DataType) -> String {
    let name = KeyType::of(data_type)
        .map_or_else(|_| data_type.name.clone(), |key| key.declared().to_owned());
    match &data_type.collation {
        Some(collation) => format!("{name} ({collation})"),
        None => name,
    }
}

fn missing(name: &str) -> String {
    format!("`{SCHEMA}.{name}` is missing")
}

fn altered(name: &str) -> String {
    format!("`{SCHEMA}.{name}` is not as it was installed")
}

fn taken(name: String) -> Fault {
    CatalogError::NameTaken(name).into()
}
