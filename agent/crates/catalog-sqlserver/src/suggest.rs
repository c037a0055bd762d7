//! What the database suggests to configure: tables to watch, flags of goods that are not sold, and what customers know a
//! product by.
//!
//! It is advice for a person who decides, so it is found quickly and left out where it is not clear.

use std::{sync::Arc, time::Duration};

use shopmaster_catalog::Suggestion;
use tiberius::{Row, ToSql};

use super::{
    SqlServerOptions,
    error::QueryResult,
    schema::{Kind, TableSchema},
    session::Session,
};

mod flags;
mod ids;
mod sources;
mod watches;

pub(crate) use sources::texts as source_texts;

/// How many rows of a table are looked at.
const MAX_ROWS: u32 = 200_000;
/// How long one question may take: the till needs the server, too.
const TIMEOUT: Duration = Duration::from_secs(10);

/// What the database suggests.
pub(crate) async fn suggestions(
    session: &mut Session,
    options: &SqlServerOptions,
    table: &Arc<TableSchema>,
) -> QueryResult<Vec<Suggestion>> {
    let mut suggestions = Vec::new();
    if table.kind == Kind::View {
        suggestions.extend(watches::suggested(session, options, table).await?);
    }
    suggestions.extend(flags::suggested(session, options, table).await?);
    suggestions.extend(ids::suggested(session, options, table).await?);
    suggestions.retain(|suggestion| !suggestion.is_made(&options.mapping));
    Ok(suggestions)
}

/// The rows of a question that may fail or take too long: none then.
async fn asked(
    session: &mut Session,
    sql: &str,
    parameters: &[&dyn ToSql],
) -> QueryResult<Option<Vec<Row>>> {
    let rows = session.rows_within(TIMEOUT, sql, parameters).await;
    told(session, rows)
}

/// An answer that only suggestions need; none where the server did not give it.
fn told<T>(session: &Session, answer: QueryResult<T>) -> QueryResult<Option<T>> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(fault) if session.is_spoiled() => Err(fault),
        Err(fault) => {
            tracing::debug!(
                ?fault,
                "the server did not answer what only suggestions need"
            );
            Ok(None)
        }
    }
}

/// The texts with these names, for a grammar.
pub(crate) fn texts(table: &TableSchema) -> Vec<(&'static str, String)> {
    let mut texts = source_texts();
    let name = &table.names.name;
    texts.extend([
        ("shared_values", watches::shared_text(table, name)),
        ("flag_values", flags::values_text(table, name)),
        ("filled_rows", flags::filled_text(table, name)),
        ("other_key", ids::other_key_text(table, name)),
    ]);
    texts
}
