//! What this login may do, and the statements that grant what it lacks.

use super::{facts::Table, fault::Work, quote::identifier, session::Session};
use crate::catalog::CatalogError;

/// The rights of this session's user.
#[derive(Debug)]
pub(super) struct Rights {
    user: String,
    /// Owner of the database, or the like: nothing is asked further.
    is_owner: bool,
    table: String,
    owner: String,
    /// In the order of the statement.
    held: Vec<bool>,
}

/// What shopMaster lives on once capture is installed; the place of each right in the statement.
const READ: [(usize, &str); 2] = [(0, "SELECT"), (VIEW_TABLE, "VIEW DEFINITION")];
const VIEW_TABLE: usize = 1;
/// The rights on our own schema.
const SERVE: [(usize, &str); 5] = [
    (8, "SELECT"),
    (9, "INSERT"),
    (10, "UPDATE"),
    (11, "DELETE"),
    (12, "VIEW DEFINITION"),
];
/// What installing needs of the database; the last one for the view that is bound to our own table, before
/// anything can be granted on that.
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
    pub(super) async fn read(session: &mut Session, table: &Table) -> Work<Self> {
        let quoted = table.quoted();
        let owner = identifier(table.owner.as_deref().unwrap_or("dbo"));
        let rows = session
            .rows(include_str!("sql/rights.sql"), &[&quoted, &owner])
            .await?;
        let mut held = Vec::new();
        let (mut user, mut is_owner) = (String::new(), false);
        if let Some(row) = rows.first() {
            user = row.try_get::<&str, _>(0)?.unwrap_or_default().to_owned();
            is_owner = row.try_get::<i32, _>(1)? == Some(1);
            for index in 2..16 {
                held.push(row.try_get::<i32, _>(index)? != Some(0));
            }
        }
        Ok(Self {
            user,
            is_owner,
            table: quoted,
            owner,
            held,
        })
    }

    /// # Errors
    ///
    /// [`CatalogError::Denied`], with the statement for each right that is missing.
    pub(super) fn check(&self, is_to_install: bool, has_schema: bool) -> Work<()> {
        let missing = self.missing(is_to_install, has_schema);
        if missing.is_empty() {
            return Ok(());
        }
        let (operation, who) = match is_to_install {
            true => (
                "install capture",
                "a DBA has to run the text of `shopmasterctl capture plan`, or these",
            ),
            false => ("serve the product table", "a DBA has to run these"),
        };
        Err(CatalogError::Denied {
            operation,
            source: format!("{who}: {}", missing.join("; ")).into(),
        }
        .into())
    }

    /// Whether it may see the table's triggers.
    pub(super) fn sees_triggers(&self) -> bool {
        self.is_owner || self.held.get(VIEW_TABLE) != Some(&false)
    }

    /// For people.
    pub(super) fn text(&self) -> String {
        format!("`{}` has the rights that are needed", self.user)
    }

    fn missing(&self, is_to_install: bool, has_schema: bool) -> Vec<String> {
        if self.is_owner {
            return Vec::new();
        }
        let user = identifier(&self.user);
        let table = format!("OBJECT::{}", self.table);
        let lacks = |place: usize| self.held.get(place) == Some(&false);
        let on = |rights: &[(usize, &str)], what: &str| {
            let names: Vec<_> = rights
                .iter()
                .filter(|(place, _)| lacks(*place))
                .map(|(_, name)| *name)
                .collect();
            (!names.is_empty()).then(|| format!("GRANT {}{what} TO {user}", names.join(", ")))
        };
        let mut grants: Vec<_> = on(&READ, &format!(" ON {table}")).into_iter().collect();
        if has_schema {
            grants.extend(on(&SERVE, " ON SCHEMA::[shopmaster]"));
        }
        if is_to_install {
            grants.extend(on(&[(ALTER_TABLE, "ALTER")], &format!(" ON {table}")));
            grants.extend(on(&MAKE, ""));
            let owner = format!(" ON USER::{}", self.owner);
            grants.extend(on(&[(IMPERSONATE, "IMPERSONATE")], &owner));
        }
        grants
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rights(missing: &[usize]) -> Rights {
        Rights {
            user: "o'till]".to_owned(),
            is_owner: false,
            table: "[dbo].[Products]".to_owned(),
            owner: "[dbo]".to_owned(),
            held: (0..14).map(|place| !missing.contains(&place)).collect(),
        }
    }

    #[test]
    fn each_missing_right_is_named_with_its_grant() {
        assert_eq!(
            rights(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]).missing(true, true),
            [
                "GRANT SELECT, VIEW DEFINITION ON OBJECT::[dbo].[Products] TO [o'till]]]",
                "GRANT SELECT, INSERT, UPDATE, DELETE, VIEW DEFINITION ON SCHEMA::[shopmaster] TO [o'till]]]",
                "GRANT ALTER ON OBJECT::[dbo].[Products] TO [o'till]]]",
                "GRANT CREATE SCHEMA, CREATE TABLE, CREATE VIEW, ALTER ANY SCHEMA, REFERENCES TO [o'till]]]",
                "GRANT IMPERSONATE ON USER::[dbo] TO [o'till]]]",
            ]
        );
        assert_eq!(
            rights(&[2, 3, 4, 5, 6, 7, 13]).missing(false, true).len(),
            0
        );
        assert_eq!(rights(&[8, 9]).missing(true, false).len(), 0);
        assert!(rights(&[]).check(true, true).is_ok());
    }

    #[test]
    fn an_owner_needs_no_grant() {
        let rights = Rights {
            is_owner: true,
            ..rights(&[0, 1, 2])
        };
        assert!(rights.check(true, true).is_ok());
    }
}
