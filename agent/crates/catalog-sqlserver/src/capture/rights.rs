//! What this login may do, and the statements that grant what it lacks.

use shopmaster_catalog::{CatalogError, Mapping};

use crate::{
    captured::Captured,
    error::{QueryError, QueryResult},
    quote::identifier,
    schema::TableSchema,
    session::Session,
};

/// The rights of this session's user.
#[derive(Debug)]
pub(crate) struct Rights {
    user: String,
    /// Whether the user owns the database, or has the same rights: then nothing else is checked.
    is_owner: bool,
    /// The product table first.
    tables: Vec<OnTable>,
}

/// The rights on a table, on the database, and on shopMaster's schema.
#[derive(Debug)]
struct OnTable {
    table: String,
    /// Whether products are read from it.
    is_read: bool,
    /// Whether it has a trigger, or gets one.
    is_captured: bool,
    /// Which rights the user has, in the order of the statement.
    held: Vec<bool>,
}

/// The rights that shopMaster needs once capture is installed; the number is the right's position in the
/// statement.
const READ: [(usize, &str); 2] = [(0, "SELECT"), (VIEW_TABLE, "VIEW DEFINITION")];
/// The same on a watched table.
const WATCH: [(usize, &str); 1] = [(VIEW_TABLE, "VIEW DEFINITION")];
const VIEW_TABLE: usize = 1;
/// The rights on shopMaster's own schema.
const SERVE: [(usize, &str); 5] = [
    (8, "SELECT"),
    (9, "INSERT"),
    (10, "UPDATE"),
    (11, "DELETE"),
    (12, "VIEW DEFINITION"),
];
/// The rights on the database that installing needs; the last one is for the view that is bound to shopMaster's
/// own table, before rights on that table can be granted. The right to act as the table's owner is needed too,
/// but is never asked for: for `dbo`, it would include all rights.
const MAKE: [(usize, &str); 5] = [
    (3, "CREATE SCHEMA"),
    (4, "CREATE TABLE"),
    (5, "CREATE VIEW"),
    (6, "ALTER ANY SCHEMA"),
    (13, "REFERENCES"),
];
const ALTER_TABLE: usize = 2;
const IMPERSONATE: usize = 7;

impl Rights {
    pub(crate) async fn read(
        session: &mut Session,
        mapping: &Mapping,
        table: &TableSchema,
    ) -> QueryResult<Self> {
        let mut rights = Self {
            user: String::new(),
            is_owner: false,
            tables: Vec::new(),
        };
        let captured = Captured::all(mapping, table)?;
        let is_captured = captured.iter().any(|it| it.object_id == table.object_id);
        let owner = match captured.first() {
            Some(first) => first.owner.as_deref(),
            None => table.owner.as_deref(),
        };
        let owner = identifier(owner.unwrap_or("dbo"));
        let quoted = table.quoted();
        rights
            .add(session, quoted, &owner, true, is_captured)
            .await?;
        for watched in captured.iter().filter(|it| it.is_watched) {
            let quoted = watched.quoted();
            rights.add(session, quoted, &owner, false, true).await?;
        }
        Ok(rights)
    }

    async fn add(
        &mut self,
        session: &mut Session,
        table: String,
        owner: &str,
        is_read: bool,
        is_captured: bool,
    ) -> QueryResult<()> {
        let rows = session
            .rows(include_str!("../sql/rights.sql"), &[&table, &owner])
            .await?;
        let mut held = Vec::new();
        if let Some(row) = rows.first() {
            self.user = row.try_get::<&str, _>(0)?.unwrap_or_default().to_owned();
            self.is_owner = row.try_get::<i32, _>(1)? == Some(1);
            for index in 2..16 {
                held.push(row.try_get::<i32, _>(index)? != Some(0));
            }
        }
        self.tables.push(OnTable {
            table,
            is_read,
            is_captured,
            held,
        });
        Ok(())
    }

    /// # Errors
    ///
    /// [`CatalogError::Denied`], with what a database administrator has to run.
    pub(crate) fn check(&self, is_to_install: bool, has_schema: bool) -> QueryResult<()> {
        // A login that cannot see what exists cannot know what has to be installed.
        self.check_sight()?;
        let install = match is_to_install {
            true => self.to_install(),
            false => None,
        };
        let serve = self.to_serve(has_schema);
        let (operation, source) = match (install, serve.is_empty()) {
            (None, true) => return Ok(()),
            (None, false) => ("serve the product table", by_a_dba(&serve)),
            (Some(install), true) => ("install capture", install),
            (Some(install), false) => (
                "install capture",
                format!("{install}; and {}", by_a_dba(&serve)),
            ),
        };
        Err(denied(operation, source))
    }

    /// # Errors
    ///
    /// [`CatalogError::Denied`] when a table's triggers are hidden from this login: this right alone makes it
    /// possible to find out what else is missing, if anything is.
    pub(crate) fn check_sight(&self) -> QueryResult<()> {
        if self.sees_triggers() {
            return Ok(());
        }
        let blind = self.tables.iter().filter(|table| self.is_blind_to(table));
        let grants: Vec<_> = blind.flat_map(|table| self.to_read(table)).collect();
        let operation = match self.tables.len() {
            1 => "see the product table's triggers",
            _ => "see the watched tables' triggers",
        };
        Err(denied(operation, by_a_dba(&grants)))
    }

    /// Whether it may see the captured tables' triggers.
    pub(crate) fn sees_triggers(&self) -> bool {
        !self.tables.iter().any(|table| self.is_blind_to(table))
    }

    fn is_blind_to(&self, table: &OnTable) -> bool {
        table.is_captured && !self.is_owner && table.held.get(VIEW_TABLE) == Some(&false)
    }

    /// The finding when no right is missing, for people.
    pub(crate) fn text(&self) -> String {
        format!("`{}` has all necessary rights", self.user)
    }

    /// The grants that are missing for serving the table.
    fn to_serve(&self, has_schema: bool) -> Vec<String> {
        let tables = self.tables.iter();
        let mut grants: Vec<_> = tables.flat_map(|table| self.to_read(table)).collect();
        if has_schema && let Some(first) = self.tables.first() {
            grants.extend(self.grant(first, &SERVE, Some("SCHEMA::[shopmaster]")));
        }
        grants
    }

    /// The grant that is missing for reading a table, or for seeing its trigger.
    fn to_read(&self, table: &OnTable) -> Option<String> {
        let rights = if table.is_read {
            READ.as_slice()
        } else {
            &WATCH
        };
        self.grant(table, rights, Some(&table.on()))
    }

    /// What has to be done so that capture can be installed; none when this login may install it.
    fn to_install(&self) -> Option<String> {
        const PLAN: &str =
            "a database administrator has to run the output of `shopmasterctl capture plan` once";
        let captured = self.tables.iter().filter(|table| table.is_captured);
        let alter = [(ALTER_TABLE, "ALTER")];
        let mut grants: Vec<_> = captured
            .filter_map(|table| self.grant(table, &alter, Some(&table.on())))
            .collect();
        let first = self.tables.first()?;
        grants.extend(self.grant(first, &MAKE, None));
        if self.lacks(first, IMPERSONATE) {
            return Some(PLAN.to_owned());
        }
        match grants.is_empty() {
            true => None,
            false => Some(format!("{PLAN}, or {}", grants.join("; "))),
        }
    }

    /// The statement that grants the missing rights; none when no right is missing.
    fn grant(&self, table: &OnTable, rights: &[(usize, &str)], on: Option<&str>) -> Option<String> {
        let missing = rights.iter().filter(|(place, _)| self.lacks(table, *place));
        let names: Vec<_> = missing.map(|(_, name)| *name).collect();
        if names.is_empty() {
            return None;
        }
        let on = on.map_or(String::new(), |what| format!(" ON {what}"));
        let user = identifier(&self.user);
        Some(format!("GRANT {}{on} TO {user}", names.join(", ")))
    }

    fn lacks(&self, table: &OnTable, place: usize) -> bool {
        !self.is_owner && table.held.get(place) == Some(&false)
    }
}

impl OnTable {
    fn on(&self) -> String {
        format!("OBJECT::{}", self.table)
    }
}

fn by_a_dba(grants: &[String]) -> String {
    format!("a database administrator has to run {}", grants.join("; "))
}

fn denied(operation: &'static str, source: String) -> QueryError {
    CatalogError::Denied {
        operation,
        source: source.into(),
    }
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rights(missing: &[usize]) -> Rights {
        Rights {
            user: "o'till]".to_owned(),
            is_owner: false,
            tables: vec![on("[dbo].[Products]", true, missing)],
        }
    }

    fn on(table: &str, is_read: bool, missing: &[usize]) -> OnTable {
        OnTable {
            table: table.to_owned(),
            is_read,
            is_captured: true,
            held: (0..14).map(|place| !missing.contains(&place)).collect(),
        }
    }

    /// What is said, with its cause.
    fn said(rights: &Rights, is_to_install: bool, has_schema: bool) -> String {
        match rights.check(is_to_install, has_schema) {
            Ok(()) => String::new(),
            Err(QueryError::Known(CatalogError::Denied { operation, source })) => {
                format!("{operation}: {source}")
            }
            Err(fault) => format!("{fault:?}"),
        }
    }

    #[test]
    fn each_missing_right_is_named_with_its_grant() {
        assert_eq!(
            said(&rights(&[2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13]), true, true),
            "install capture: a database administrator has to run the output of `shopmasterctl capture plan` once, or \
             GRANT ALTER ON OBJECT::[dbo].[Products] TO [o'till]]]; \
             GRANT CREATE SCHEMA, CREATE TABLE, CREATE VIEW, ALTER ANY SCHEMA, REFERENCES TO [o'till]]]; and \
             a database administrator has to run \
             GRANT SELECT, INSERT, UPDATE, DELETE, VIEW DEFINITION ON SCHEMA::[shopmaster] TO [o'till]]]"
        );
        assert_eq!(
            said(&rights(&[0]), false, true),
            "serve the product table: a database administrator has to run GRANT SELECT ON OBJECT::[dbo].[Products] TO [o'till]]]"
        );
        assert_eq!(said(&rights(&[2, 3, 4, 5, 6, 7, 13]), false, true), "");
        assert_eq!(said(&rights(&[8, 9]), true, false), "");
        assert_eq!(said(&rights(&[]), true, true), "");
    }

    #[test]
    fn nothing_that_is_said_makes_this_login_the_owner_of_everything() {
        let all: Vec<_> = (0..14).collect();
        for missing in [all.as_slice(), &[7], &[2, 7], &[3, 7, 8]] {
            for (is_to_install, has_schema) in [(true, true), (true, false), (false, true)] {
                let said = said(&rights(missing), is_to_install, has_schema);
                for word in ["IMPERSONATE", "CONTROL", "db_owner"] {
                    assert!(!said.contains(word), "{said}");
                }
            }
        }
        // What it cannot do by itself however many grants it has, is not granted in part.
        assert_eq!(
            said(&rights(&[2, 3, 4, 7]), true, false),
            "install capture: a database administrator has to run the output of `shopmasterctl capture plan` once"
        );
    }

    #[test]
    fn who_cannot_see_the_triggers_is_told_that_one_grant() {
        for missing in [&[1][..], &[1, 2, 3, 7]] {
            assert_eq!(
                said(&rights(missing), true, true),
                "see the product table's triggers: a database administrator has to run \
                 GRANT VIEW DEFINITION ON OBJECT::[dbo].[Products] TO [o'till]]]"
            );
        }
    }

    #[test]
    fn what_is_missing_on_watched_tables_is_named_for_each() {
        let mut rights = rights(&[0, 1, 2, 8]);
        rights.tables[0].is_captured = false;
        rights.tables.push(on("[dbo].[Goods]", false, &[0, 2]));
        rights.tables.push(on("[dbo].[Prices]", false, &[0]));
        assert_eq!(
            said(&rights, true, true),
            "install capture: a database administrator has to run the output of `shopmasterctl capture plan` once, or \
             GRANT ALTER ON OBJECT::[dbo].[Goods] TO [o'till]]]; and a database administrator has to run \
             GRANT SELECT, VIEW DEFINITION ON OBJECT::[dbo].[Products] TO [o'till]]]; \
             GRANT SELECT ON SCHEMA::[shopmaster] TO [o'till]]]"
        );
        rights.tables.push(on("[dbo].[Tax]", false, &[1]));
        assert_eq!(
            said(&rights, true, true),
            "see the watched tables' triggers: a database administrator has to run \
             GRANT VIEW DEFINITION ON OBJECT::[dbo].[Tax] TO [o'till]]]"
        );
    }

    #[test]
    fn an_owner_needs_no_grant() {
        let rights = Rights {
            is_owner: true,
            ..rights(&[0, 1, 2, 7])
        };
        assert!(rights.check(true, true).is_ok());
    }
}
