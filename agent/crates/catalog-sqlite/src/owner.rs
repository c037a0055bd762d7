//! Which agent served the table last, as recorded in the shop's file.

use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior, params};
use shopmaster_catalog::Owner;

use super::error::QueryResult;

pub(super) fn read(connection: &Connection) -> QueryResult<Option<Owner>> {
    let owner = connection
        .prepare_cached(include_str!("sql/owner.sql"))?
        .query_row([], |row| {
            Ok(Owner {
                journal: row.get(0)?,
                generation: row.get(1)?,
            })
        })
        .optional()?;
    Ok(owner)
}

pub(super) fn write(connection: &Connection, owner: &Owner) -> QueryResult<()> {
    let short = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
    short.execute("DELETE FROM shopmaster_Owner", [])?;
    short.execute(
        "INSERT INTO shopmaster_Owner (journal, generation) VALUES (?1, ?2)",
        params![owner.journal, owner.generation],
    )?;
    short.commit()?;
    Ok(())
}
