//! shopMaster's objects in the database: how they should be, how they are, and what differs.

use rusqlite::Connection;
use shopmaster_catalog::{CatalogError, template::fill};

use super::{
    SqliteOptions,
    error::QueryResult,
    quote::identifier,
    schema::{KeyColumn, KeySchema},
    target::Target,
    triggers::{self, Trigger},
    watches::WatchedView,
};

/// The table that records changes.
pub(super) const CHANGE_LOG: &str = "shopmaster_ChangeLog";
/// The table that records which agent serves the product table.
pub(super) const OWNER: &str = "shopmaster_Owner";
/// The index that finds the changes of a key.
const INDEX: &str = "shopmaster_ChangeLog_ProductID";

/// The statements that create shopMaster's objects.
#[derive(Debug)]
pub(super) struct Planned {
    pub(super) change_log: String,
    pub(super) index: String,
    pub(super) owner: String,
    pub(super) triggers: Vec<Trigger>,
    /// The watched tables, as the triggers name them in the ChangeLog; none when the product table is captured.
    pub(super) sources: Option<Vec<String>>,
}

/// An object that has one of shopMaster's names, or belongs to shopMaster's ChangeLog.
#[derive(Debug)]
pub(super) struct Object {
    kind: String,
    name: String,
    table: String,
    sql: String,
}

/// All objects that were found.
#[derive(Debug)]
pub(super) struct Found(Vec<Object>);

impl Planned {
    pub(super) fn new(options: &SqliteOptions, target: &Target) -> Self {
        let text = |sql: &str| sql.trim_end().to_owned();
        let owner = text(include_str!("sql/owner_table.sql"));
        match target {
            Target::Product(key) => Self {
                change_log: change_log(
                    include_str!("sql/change_log_table.sql"),
                    &key.in_change_log(),
                ),
                index: text(include_str!("sql/change_log_index.sql")),
                owner,
                triggers: triggers::planned(options, key),
                sources: None,
            },
            Target::Watched(WatchedView { tables, .. }) => Self {
                change_log: text(include_str!("sql/watched/change_log_table.sql")),
                index: text(include_str!("sql/watched/change_log_index.sql")),
                owner,
                triggers: tables.iter().flat_map(triggers::watching).collect(),
                sources: Some(tables.iter().map(|it| it.schema.name.clone()).collect()),
            },
        }
    }

    /// All objects except the owner's table, which is the same in every version.
    fn objects(&self) -> Vec<(&str, &str)> {
        let mut objects = vec![
            (CHANGE_LOG, self.change_log.as_str()),
            (INDEX, &self.index),
            (OWNER, &self.owner),
        ];
        let triggers = self.triggers.iter();
        objects.extend(triggers.map(|it| (it.name.as_str(), it.sql.as_str())));
        objects
    }
}

impl Found {
    pub(super) fn read(connection: &Connection) -> QueryResult<Self> {
        let mut statement = connection.prepare(
            "SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_schema
             WHERE name LIKE 'shopmaster\\_%' ESCAPE '\\' OR tbl_name LIKE 'shopmaster\\_%' ESCAPE '\\'
             ORDER BY name",
        )?;
        let objects = statement.query_map([], |row| {
            Ok(Object {
                kind: row.get(0)?,
                name: row.get(1)?,
                table: row.get(2)?,
                sql: row.get(3)?,
            })
        })?;
        let mut objects: Vec<_> = objects.collect::<rusqlite::Result<_>>()?;
        objects.retain(|object| object.has_our_name() || object.hangs_on_the_change_log());
        Ok(Self(objects))
    }

    /// Whether no object has one of shopMaster's names.
    pub(super) fn is_empty(&self) -> bool {
        !self.0.iter().any(Object::has_our_name)
    }

    pub(super) fn get(&self, name: &str) -> Option<&Object> {
        self.0
            .iter()
            .find(|object| object.name.eq_ignore_ascii_case(name))
    }

    /// Fails when an object of another program has one of shopMaster's names.
    pub(super) fn check_names(&self) -> Result<(), CatalogError> {
        let taken = self
            .0
            .iter()
            .find(|object| object.has_our_name() && !object.is_ours());
        match taken {
            Some(object) => Err(CatalogError::NameTaken(object.name.clone())),
            None => Ok(()),
        }
    }

    /// A table that shopMaster's triggers capture, and that is not to be captured.
    pub(super) fn other_table(&self, options: &SqliteOptions) -> Option<&str> {
        self.0
            .iter()
            .filter(|object| object.is_trigger_of_ours())
            .map(|object| object.table.as_str())
            .find(|table| !options.captures(table))
    }

    /// The names of the triggers that are there, except those that a product table has.
    pub(super) fn triggers_of_tables(&self) -> impl Iterator<Item = &str> {
        let names = self.0.iter().filter(|it| it.is_trigger_of_ours());
        names
            .map(|object| object.name.as_str())
            .filter(|name| !triggers::NAMES.contains(name))
    }

    /// Whether the ChangeLog, if there is one, holds changes of another kind of product table: of a table itself, or of
    /// the tables that a view reads.
    pub(super) fn is_of_another_kind(&self, planned: &Planned) -> bool {
        let names_tables = |object: &Object| object.sql.contains("Source");
        self.get(CHANGE_LOG)
            .is_some_and(|object| names_tables(object) != planned.sources.is_some())
    }

    /// Whether the ChangeLog exists, but differs from the plan.
    pub(super) fn change_log_differs(&self, planned: &Planned) -> bool {
        let hanging = self.0.iter().any(Object::hangs_on_the_change_log);
        hanging || self.differs(CHANGE_LOG, &planned.change_log)
    }

    /// Whether the object exists, but differs from the plan.
    pub(super) fn differs(&self, name: &str, planned: &str) -> bool {
        self.get(name)
            .is_some_and(|object| object.sql != stored(planned))
    }

    /// Whether everything is as the first version installed it.
    pub(super) fn is_of_first_version(&self, options: &SqliteOptions, key: &KeySchema) -> bool {
        if options.mapping.columns.id.is_composite() {
            return false;
        }
        let key = &key.in_change_log();
        let change_log = change_log(include_str!("sql/v1/change_log_table.sql"), key);
        let is_there = |name: &str, sql: &str| {
            self.get(name)
                .is_some_and(|object| object.sql == stored(sql))
        };
        let triggers = triggers::of_first_version(options);
        let number = self.0.iter().filter(|it| it.is_trigger_of_ours()).count();
        is_there(CHANGE_LOG, &change_log)
            && number == triggers.len()
            && triggers.iter().all(|it| is_there(&it.name, &it.sql))
            && self.get(OWNER).is_some()
            && !self.0.iter().any(Object::hangs_on_the_change_log)
            && self.other_table(options).is_none()
    }

    /// Whether the ChangeLog, if there is one, has a row for every change.
    pub(super) fn keeps_each_change(&self) -> bool {
        self.get(CHANGE_LOG)
            .is_some_and(|object| !object.sql.contains("BornID"))
    }

    /// What differs from the plan, one line each, for people.
    pub(super) fn differences(&self, options: &SqliteOptions, planned: &Planned) -> Vec<String> {
        let planned = planned.objects();
        let mut lines = Vec::new();
        for (name, planned) in &planned {
            match self.get(name) {
                None => lines.push(format!("`{name}` is missing")),
                Some(object) if object.sql == stored(planned) => {}
                Some(_) => lines.push(format!("`{name}` is not as it was installed")),
            }
        }
        for object in self.0.iter().filter(|it| it.is_trigger_of_ours()) {
            if !planned.iter().any(|(name, _)| object.is_named(name)) {
                lines.push(format!("`{}` is no longer needed", object.name));
            }
        }
        for object in self
            .0
            .iter()
            .filter(|object| object.hangs_on_the_change_log())
        {
            lines.push(format!(
                "the {} `{}` on `{CHANGE_LOG}` does not belong to shopMaster",
                object.kind, object.name
            ));
        }
        if let Some(other) = self.other_table(options) {
            lines.push(match options.watches() {
                [] => format!(
                    "the table `{other}` is captured instead of `{}`",
                    options.mapping.table
                ),
                _ => format!("the table `{other}` is captured, and is not watched"),
            });
        }
        lines
    }
}

impl Object {
    fn is_named(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    fn has_our_name(&self) -> bool {
        [CHANGE_LOG, INDEX, OWNER]
            .iter()
            .any(|name| self.is_named(name))
            || self.is_trigger_of_ours()
    }

    fn is_trigger_of_ours(&self) -> bool {
        let name = self.name.to_ascii_lowercase();
        triggers::NAMES.iter().any(|ours| {
            let rest = name.strip_prefix(ours);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
        })
    }

    /// Recognized by what no other program would write: the columns of shopMaster's tables, and its ChangeLog
    /// in its triggers.
    fn is_ours(&self) -> bool {
        let (kind, words): (_, &[_]) = if self.is_named(INDEX) {
            ("index", &[CHANGE_LOG])
        } else if self.is_named(CHANGE_LOG) {
            (
                "table",
                &["ChangeID", "ChangeType", "ProductID", "ChangeDateTime"],
            )
        } else if self.is_named(OWNER) {
            ("table", &["journal", "generation"])
        } else {
            ("trigger", &[CHANGE_LOG])
        };
        self.kind == kind && words.iter().all(|word| self.sql.contains(word))
    }

    /// Whether it is another program's index or trigger on shopMaster's ChangeLog: it may make a sale fail.
    fn hangs_on_the_change_log(&self) -> bool {
        self.table.eq_ignore_ascii_case(CHANGE_LOG)
            && !self.is_named(CHANGE_LOG)
            && !self.is_named(INDEX)
    }
}

fn change_log(template: &str, key: &KeyColumn) -> String {
    let (affinity, collation) = (key.affinity.to_string(), identifier(&key.collation));
    fill(
        template.trim_end(),
        &[("affinity", &affinity), ("collation", &collation)],
    )
}

/// A statement as SQLite stores it.
fn stored(statement: &str) -> String {
    statement.replacen("IF NOT EXISTS ", "", 1)
}
