//! shopMaster's objects as they are, and how they differ from the plan.

use shopmaster_catalog::CatalogError;

use super::{
    planned::{Planned, PlannedTrigger},
    rights::Rights,
};
use crate::{
    data_type::DataType,
    error::{QueryError, QueryResult},
    key::KeyType,
    object::{self, CHANGE_LOG, FoundColumn, Index, OWNER, Object, PENDING, SCHEMA, Schema},
    row,
    session::Session,
};

/// The objects that have one of shopMaster's names, or are in its schema.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// The database that they are in.
    pub(crate) database: String,
    pub(crate) schema: Option<Schema>,
    objects: Vec<Object>,
    columns: Vec<FoundColumn>,
    indexes: Vec<Index>,
    /// Whether a captured table's triggers are hidden from this login.
    is_blind: bool,
}

impl Found {
    /// What a database with this name contains before anything is installed.
    pub(crate) fn nothing_in(database: &str) -> Self {
        Self {
            database: database.to_owned(),
            ..Self::default()
        }
    }

    /// Reads what is there, in one round trip.
    pub(crate) async fn read(session: &mut Session) -> QueryResult<Self> {
        let mut results = session
            .batch(include_str!("../sql/found.sql"))
            .await?
            .into_iter();
        let mut next = || results.next().unwrap_or_default();
        let (schemas, objects, columns, indexes) = (next(), next(), next(), next());
        let schema = schemas.first().map(object::schema);
        let database = next().first().map(|row| row::text(row, 0));
        Ok(Self {
            database: database.transpose()?.unwrap_or_default(),
            schema: schema.transpose()?,
            objects: objects
                .iter()
                .map(object::object)
                .collect::<QueryResult<_>>()?,
            columns: columns
                .iter()
                .map(object::column)
                .collect::<QueryResult<_>>()?,
            indexes: indexes
                .iter()
                .map(object::index)
                .collect::<QueryResult<_>>()?,
            is_blind: false,
        })
    }

    /// Whether nothing of shopMaster's is there. An empty schema with its name does not count: a login that may
    /// not create a schema can be given an empty one.
    pub(crate) fn is_empty(&self) -> bool {
        !self.objects.iter().any(|object| self.is_our(object))
    }

    /// Checks that no object of another program has one of shopMaster's names.
    ///
    /// # Errors
    ///
    /// [`CatalogError::NameTaken`].
    pub(crate) fn check_names(&self, planned: &Planned) -> QueryResult<()> {
        self.check_schema()?;
        for trigger in &planned.triggers {
            let there = self
                .objects
                .iter()
                .find(|object| object.is_named(&trigger.name) && object.schema == trigger.schema);
            if there.is_some_and(|object| !object.is_our_trigger()) {
                return Err(taken(trigger.label()));
            }
        }
        Ok(())
    }

    /// Checks that shopMaster's schema contains no objects of other programs, under one of shopMaster's names
    /// or without any of its objects.
    ///
    /// # Errors
    ///
    /// [`CatalogError::NameTaken`].
    pub(crate) fn check_schema(&self) -> QueryResult<()> {
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

    /// A table that one of shopMaster's triggers captures, and that need not be captured.
    pub(crate) fn other_table(&self, planned: &Planned) -> Option<&str> {
        self.objects
            .iter()
            .find(|object| object.is_our_trigger() && !planned.captures(object.parent_id))
            .map(|object| object.parent.as_str())
    }

    /// Whether capture works, as installed by this version or by an earlier one.
    pub(crate) fn is_as_planned(&self, planned: &Planned) -> bool {
        self.differences(planned).is_empty()
    }

    /// Whether there is nothing to install, to repair, or to bring up to date.
    pub(crate) fn is_todays(&self, planned: &Planned) -> bool {
        self.is_as_planned(planned) && self.outdated(planned).is_none()
    }

    /// What an earlier version of shopMaster installed, for people.
    pub(crate) fn outdated(&self, planned: &Planned) -> Option<String> {
        let is_earlier = |planned: &&PlannedTrigger| {
            self.planned_trigger(planned)
                .is_some_and(|trigger| planned.is_earlier(trigger))
        };
        let trigger = planned.triggers.iter().find(is_earlier)?;
        Some(format!(
            "the trigger `{}` was installed by an earlier version of shopMaster",
            trigger.name
        ))
    }

    pub(crate) fn is_schema_empty(&self) -> bool {
        !self.objects.iter().any(Object::is_in_our_schema)
    }

    /// Whether shopMaster's schema exists, whatever it contains.
    pub(crate) fn has_schema(&self) -> bool {
        self.schema.is_some()
    }

    /// What differs from the plan, one line each, for people.
    pub(crate) fn differences(&self, planned: &Planned) -> Vec<String> {
        let mut lines = Vec::new();
        match &self.schema {
            Some(schema) if schema.owner_id != planned.owner_id => lines.push(format!(
                "the schema `{SCHEMA}` belongs to `{}` and {} to {}: changes by a login without rights on the schema are not captured",
                schema.owner,
                match planned.log.has_source {
                    false => "the product table",
                    true => "the watched tables",
                },
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
        for trigger in &planned.triggers {
            lines.extend(self.trigger_differences(trigger));
        }
        if let Some(other) = self.other_table(planned) {
            lines.push(match planned.log.has_source {
                false => format!(
                    "the table `{other}` is captured instead of `{}`",
                    planned.table
                ),
                true => format!("the table `{other}` is captured, and is not watched"),
            });
        }
        lines
    }

    fn trigger_differences(&self, planned: &PlannedTrigger) -> Vec<String> {
        let (name, called) = (&planned.name, &planned.called);
        let mut lines = Vec::new();
        match self.planned_trigger(planned) {
            None if self.is_blind => {}
            None => lines.push(format!("{called} is missing")),
            Some(trigger) => {
                if trigger.is_disabled {
                    lines.push(format!("{called} is disabled"));
                }
                if trigger.differs_from(&planned.text) && !planned.is_earlier(trigger) {
                    lines.push(format!("{called} is not as it was installed"));
                }
            }
        }
        for trigger in self.our_triggers() {
            if trigger.parent_id == planned.table_id && !trigger.is_named(name) {
                lines.push(format!(
                    "the trigger `{}` captures the table too, and is left over from before the table was recreated",
                    trigger.name
                ));
            }
        }
        lines
    }

    /// What this login may not see of shopMaster's objects, one line each: nothing is known to be wrong with
    /// them.
    pub(crate) fn unseen(&self, planned: &Planned) -> Vec<String> {
        let is_hidden = |trigger: &&PlannedTrigger| match self.planned_trigger(trigger) {
            Some(trigger) => trigger.definition.is_none(),
            None => self.is_blind,
        };
        let hidden = planned.triggers.iter().filter(is_hidden);
        hidden
            .map(|trigger| {
                format!(
                    "the trigger `{}` is hidden from this login: a database administrator has to run `GRANT VIEW DEFINITION ON OBJECT::{}` to this login's user",
                    trigger.name, trigger.quoted_table
                )
            })
            .collect()
    }

    /// Whether one of shopMaster's triggers is missing, as far as this login may see.
    pub(crate) fn lacks_trigger(&self, planned: &Planned) -> bool {
        let is_missing = |trigger: &PlannedTrigger| self.planned_trigger(trigger).is_none();
        planned.triggers.iter().any(is_missing)
    }

    /// Records whether this login may see the captured tables' triggers: if not, a trigger that was not found
    /// may exist all the same.
    pub(crate) fn note_sight(&mut self, rights: &Rights) {
        self.is_blind = !rights.sees_triggers();
    }

    pub(crate) fn log_differences(&self, planned: &Planned) -> Vec<String> {
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
            Some(column) if planned.log.is_kept_in(&column.data_type) => {}
            Some(column) if planned.log.is_text => lines.push(format!(
                "`ProductID` of {label} is {}, but keys are kept as {}",
                named(&column.data_type),
                planned.log.key.declared()
            )),
            Some(column) => lines.push(format!(
                "`ProductID` of {label} is {}, but the key of `{}` is {}",
                named(&column.data_type),
                planned.table,
                named(&planned.log.column)
            )),
            None => lines.push(format!("`ProductID` of {label} is missing")),
        }
        if planned.log.has_source {
            let column = self.column(CHANGE_LOG, "Source");
            if column.is_none_or(|column| column.data_type.name != "int") {
                lines.push(format!("`Source` of {label} is not as it was installed"));
            }
        }
        if self.columns_of(CHANGE_LOG).count() > planned.log.width() {
            lines.push(format!(
                "{label} has columns that do not belong to shopMaster"
            ));
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
                lines.push(format!(
                    "`{}` on {label} does not belong to shopMaster",
                    object.name
                ));
            }
        }
        lines
    }

    pub(crate) fn is_view_good(&self, planned: &Planned) -> bool {
        self.get(PENDING)
            .is_some_and(|view| !view.differs_from(planned.pending()))
    }

    pub(crate) fn is_owner_table_good(&self) -> bool {
        ["Journal", "Generation"]
            .iter()
            .all(|name| self.column(OWNER, name).is_some())
            && self.columns_of(OWNER).count() == 2
    }

    /// Whether shopMaster's trigger is enabled, with the text of this version.
    pub(crate) fn is_trigger_good(&self, planned: &PlannedTrigger) -> bool {
        self.planned_trigger(planned)
            .is_some_and(|trigger| !trigger.is_disabled && !trigger.differs_from(&planned.text))
    }

    fn planned_trigger(&self, planned: &PlannedTrigger) -> Option<&Object> {
        self.objects.iter().find(|object| {
            object.is_our_trigger()
                && object.is_named(&planned.name)
                && object.parent_id == planned.table_id
        })
    }

    /// All of shopMaster's triggers, on any table.
    pub(crate) fn our_triggers(&self) -> impl Iterator<Item = &Object> {
        self.objects.iter().filter(|object| object.is_our_trigger())
    }

    /// One of shopMaster's objects in its schema.
    pub(crate) fn get(&self, name: &str) -> Option<&Object> {
        self.objects
            .iter()
            .find(|object| object.is_in_our_schema() && object.is_named(name) && object.is_ours())
    }

    pub(crate) fn column<'a>(&'a self, table: &'a str, name: &str) -> Option<&'a FoundColumn> {
        self.columns_of(table)
            .find(|column| column.name.eq_ignore_ascii_case(name))
    }

    fn columns_of<'a>(&'a self, table: &'a str) -> impl Iterator<Item = &'a FoundColumn> {
        self.columns
            .iter()
            .filter(move |column| column.table.eq_ignore_ascii_case(table))
    }

    /// Whether the object is shopMaster's, recognized by what no other program would write: the columns of its
    /// tables, and its ChangeLog in its view.
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

fn taken(name: String) -> QueryError {
    CatalogError::NameTaken(name).into()
}
