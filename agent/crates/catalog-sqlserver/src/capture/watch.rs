//! The preflight's check of the watched tables: whether the view's rows are found by their keys, and how fast.

use std::sync::Arc;

use shopmaster_catalog::{
    finding::{Finding, good, warning},
    template::fill,
};
use tiberius::ToSql;

use crate::{
    SqlServerOptions,
    error::QueryResult,
    queue::watched,
    quote::identifier,
    row::{flag, text},
    schema::TableSchema,
    session::Session,
    sight::Look,
    view_query::Query,
    watches::{WatchedTable, Watches},
};

/// How many of a table's keys are looked for in the view.
const SAMPLE: i64 = 100;

/// Looks at every watched table.
pub(crate) async fn look(
    session: &mut Session,
    options: &SqlServerOptions,
    table: &TableSchema,
) -> QueryResult<Finding> {
    let watches = Watches::of(&options.mapping, table)?;
    let mut labels = Vec::new();
    let (mut doubts, mut remedies) = (Vec::new(), Vec::new());
    for watched in watches.tables() {
        labels.push(format!("`{}`", watched.table.label()));
        if is_strange(session, options, table, watched).await? {
            doubts.push(format!(
                "none of the first keys of `{}` is in the view's column {}",
                watched.table.label(),
                columns(watched)
            ));
            remedies.push("Check the columns of `catalog.watch`: a change of that table would concern no product");
        }
    }
    for column in unindexed(session, table, &watches).await? {
        doubts.push(format!("no index finds the view's rows by `{column}`"));
        remedies.push("Each change of such a table reads the whole view; an index on the column that it comes from makes that a seek, if the shop's program allows one");
    }
    let text = format!(
        "changes of {} are captured and concern the view's rows",
        labels.join(", ")
    );
    if doubts.is_empty() {
        return Ok(good(text));
    }
    remedies.dedup();
    Ok(warning(
        format!("{text}; but {}", doubts.join("; ")),
        remedies.join("; "),
    ))
}

fn columns(watched: &WatchedTable) -> String {
    let names = watched
        .columns
        .iter()
        .map(|column| format!("`{}`", column.name));
    names.collect::<Vec<_>>().join(", ")
}

/// Whether the watched table has keys, and the view has none of the first ones. A table that this login may not read is
/// not known to be strange.
async fn is_strange(
    session: &mut Session,
    options: &SqlServerOptions,
    table: &TableSchema,
    watched: &WatchedTable,
) -> QueryResult<bool> {
    let keys = first_keys(session, watched).await?;
    let table = Arc::new(table.clone());
    let found = watched::found_in_view(options, session, table, watched, &keys).await;
    match found {
        Err(fault) if fault.is_lock_timeout() || fault.is_of_a_row() => Ok(false),
        found => Ok(found? == 0 && !keys.is_empty()),
    }
}

/// The first keys of a watched table, as text; empty when this login may not read it.
pub(crate) async fn first_keys(
    session: &mut Session,
    watched: &WatchedTable,
) -> QueryResult<Vec<String>> {
    let sql = first_keys_text(watched);
    let parameters: [&dyn ToSql; 1] = [&SAMPLE];
    let Look::Seen(rows) = Look::at(session, &sql, &parameters).await? else {
        return Ok(Vec::new());
    };
    rows.iter().map(|row| text(row, 0)).collect()
}

/// The columns of the view by which tables are watched, and that no index begins with in any table that the view reads.
/// A column whose name no such table has is computed or renamed: nothing is known of it.
async fn unindexed(
    session: &mut Session,
    table: &TableSchema,
    watches: &Watches,
) -> QueryResult<Vec<String>> {
    let mut names: Vec<&str> = Vec::new();
    for column in watches.tables().flat_map(|watched| &watched.columns) {
        if !names.contains(&column.name.as_str()) {
            names.push(&column.name);
        }
    }
    let query = Query::of(session, table).await?;
    let mut unindexed = Vec::new();
    for name in names {
        let parameters: [&dyn ToSql; 1] = [&name];
        let text_of = include_str!("../sql/led_by.sql");
        let Look::Seen(rows) = Look::at(session, text_of, &parameters).await? else {
            continue;
        };
        let mut is_led = Vec::new();
        for row in &rows {
            if query.has(&text(row, 0)?) {
                is_led.push(flag(row, 1)?);
            }
        }
        if !is_led.is_empty() && !is_led.contains(&true) {
            unindexed.push(name.to_owned());
        }
    }
    Ok(unindexed)
}

/// Reads the first keys of a watched table, as text; parameter: how many.
pub(crate) fn first_keys_text(watched: &WatchedTable) -> String {
    let id = watched.table.key.first();
    let id = id.map_or_else(String::new, |column| {
        format!("p.{}", identifier(&column.name))
    });
    fill(
        include_str!("../sql/first_keys.sql").trim_end(),
        &[
            ("key", watched.key.as_text(&id).as_str()),
            ("id", &id),
            ("table", &watched.table.quoted()),
        ],
    )
}
