//! The objects of ours: how they should be, how they are, and what differs.

use rusqlite::Connection;

use super::{SqliteOptions, facts::KeyColumn, fault::Work, quote::identifier, statements::over};
use crate::catalog::{CatalogError, template::fill};

/// The queue.
pub(super) const CHANGE_LOG: &str = "shopmaster_ChangeLog";
/// Who serves the table.
pub(super) const OWNER: &str = "shopmaster_Owner";
/// The triggers, in the order of [`Planned::triggers`].
const TRIGGERS: [&str; 3] = [
    "shopmaster_capture_insert",
    "shopmaster_capture_update",
    "shopmaster_capture_delete",
];

/// The statements that make our objects.
#[derive(Debug)]
pub(super) struct Planned {
    pub(super) change_log: String,
    pub(super) owner: String,
    /// Insert, update, delete.
    pub(super) triggers: [String; 3],
}

/// What has one of our names, or hangs on our ChangeLog.
#[derive(Debug)]
pub(super) struct Object {
    kind: String,
    name: String,
    table: String,
    sql: String,
}

/// All of them.
#[derive(Debug)]
pub(super) struct Found(Vec<Object>);

impl Planned {
    pub(super) fn new(options: &SqliteOptions, key: &KeyColumn) -> Self {
        let places = [
            ("affinity", key.affinity.to_string()),
            ("collation", identifier(&key.collation)),
        ];
        let places = places
            .each_ref()
            .map(|(name, value)| (*name, value.as_str()));
        Self {
            change_log: fill(include_str!("sql/change_log_table.sql").trim_end(), &places),
            owner: include_str!("sql/owner_table.sql").trim_end().to_owned(),
            triggers: [
                include_str!("sql/insert_trigger.sql"),
                include_str!("sql/update_trigger.sql"),
                include_str!("sql/delete_trigger.sql"),
            ]
            .map(|template| over(options, template.trim_end())),
        }
    }
}

impl Found {
    pub(super) fn read(connection: &Connection) -> Work<Self> {
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

    /// Whether nothing has one of our names.
    pub(super) fn is_empty(&self) -> bool {
        !self.0.iter().any(Object::has_our_name)
    }

    pub(super) fn get(&self, name: &str) -> Option<&Object> {
        self.0
            .iter()
            .find(|object| object.name.eq_ignore_ascii_case(name))
    }

    /// Something of another's with one of our names.
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

    /// The table that our triggers capture when it is not the product table.
    pub(super) fn other_table(&self, options: &SqliteOptions) -> Option<&str> {
        self.0
            .iter()
            .filter(|object| TRIGGERS.iter().any(|name| object.is_named(name)))
            .map(|object| object.table.as_str())
            .find(|table| !table.eq_ignore_ascii_case(&options.table))
    }

    /// Whether the ChangeLog is there, but not as planned.
    pub(super) fn change_log_differs(&self, planned: &Planned) -> bool {
        let hanging = self.0.iter().any(Object::hangs_on_the_change_log);
        hanging || self.differs(CHANGE_LOG, &planned.change_log)
    }

    /// Whether the object is there, but not as planned.
    pub(super) fn differs(&self, name: &str, planned: &str) -> bool {
        self.get(name)
            .is_some_and(|object| object.sql != stored(planned))
    }

    /// What differs from the plan, a line each, for people.
    pub(super) fn differences(&self, options: &SqliteOptions, planned: &Planned) -> Vec<String> {
        let [insert, update, delete] = &planned.triggers;
        let mut lines = Vec::new();
        for (name, planned) in [
            (CHANGE_LOG, &planned.change_log),
            (OWNER, &planned.owner),
            (TRIGGERS[0], insert),
            (TRIGGERS[1], update),
            (TRIGGERS[2], delete),
        ] {
            match self.get(name) {
                None => lines.push(format!("`{name}` is missing")),
                Some(object) if object.sql == stored(planned) => {}
                Some(_) => lines.push(format!("`{name}` is not as it was installed")),
            }
        }
        for object in self
            .0
            .iter()
            .filter(|object| object.hangs_on_the_change_log())
        {
            lines.push(format!(
                "the {} `{}` on `{CHANGE_LOG}` is not shopMaster's",
                object.kind, object.name
            ));
        }
        if let Some(other) = self.other_table(options) {
            lines.push(format!(
                "the table `{other}` is captured, not `{}`",
                options.table
            ));
        }
        lines
    }
}

impl Object {
    fn is_named(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    fn has_our_name(&self) -> bool {
        [CHANGE_LOG, OWNER]
            .iter()
            .chain(&TRIGGERS)
            .any(|name| self.is_named(name))
    }

    /// Told by what nobody else would write: the columns of our tables, our ChangeLog in our triggers.
    fn is_ours(&self) -> bool {
        let (kind, words): (_, &[_]) = if self.is_named(CHANGE_LOG) {
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

    /// An index or a trigger of another's on our ChangeLog: it may fail a sale.
    fn hangs_on_the_change_log(&self) -> bool {
        self.table.eq_ignore_ascii_case(CHANGE_LOG) && !self.is_named(CHANGE_LOG)
    }
}

/// A statement as SQLite keeps it.
fn stored(statement: &str) -> String {
    statement.replacen("IF NOT EXISTS ", "", 1)
}
