//! Procedures, functions, triggers and views of the shop's database that write to the product table.

use shopmaster_catalog::template::fill;
use tiberius::{Row, ToSql};

use super::{evidence::Evidence, output::breaking, targets::Targets};
use crate::{
    captured::Captured,
    error::QueryResult,
    row::{number, text},
    session::Session,
    sight::{Look, Sight},
};

/// Finds the names of the table, and what the modules do through them.
pub(crate) async fn look(
    session: &mut Session,
    table: &Captured,
    database: &str,
    sight: &Sight,
    evidence: &mut Evidence,
) -> QueryResult<Targets> {
    if !sight.sees_definitions {
        evidence.hidden(
            "procedures, views, synonyms and tables that this login may not see",
            sight.grant_definitions(),
        );
    }
    let targets = targets(session, table, database).await?;
    if targets.is_cut() {
        evidence.absent("further views of the table");
    }
    let sql = modules_text(targets.needles().len());
    for row in named(session, &sql, &targets).await? {
        let (schema, name) = (text(&row, 0)?, text(&row, 1)?);
        let actions = breaking(&text(&row, 2)?, &targets, true);
        evidence.breaks(format!("the module `{schema}.{name}`"), actions);
    }
    for name in encrypted(session, table, &targets).await? {
        evidence.sealed(format!("the encrypted `{name}`"));
    }
    Ok(targets)
}

/// Every name of the table, including its synonyms and views, and the synonyms and views of those.
async fn targets(session: &mut Session, table: &Captured, database: &str) -> QueryResult<Targets> {
    let mut targets = Targets::of(database, &table.schema, &table.name);
    let rows = session
        .rows(include_str!("../sql/synonyms.sql"), &[])
        .await?;
    let synonyms = rows.iter().map(triple).collect::<QueryResult<Vec<_>>>()?;
    loop {
        let known = targets.len();
        for (schema, name, base) in &synonyms {
            targets.add_synonym(schema, name, base);
        }
        let sql = views_text(targets.needles().len());
        for row in named(session, &sql, &targets).await? {
            let (schema, name, definition) = triple(&row)?;
            targets.add_view(&schema, &name, &definition);
        }
        if targets.len() == known || targets.is_cut() {
            return Ok(targets);
        }
    }
}

/// Encrypted modules that use the table; all encrypted modules where the server does not say which ones do.
async fn encrypted(
    session: &mut Session,
    table: &Captured,
    targets: &Targets,
) -> QueryResult<Vec<String>> {
    let found = Look::at(session, include_str!("../sql/encrypted_modules.sql"), &[]).await?;
    let Look::Seen(rows) = found else {
        return Ok(Vec::new());
    };
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let names = targets.names();
    let mut parameters: Vec<&dyn ToSql> = vec![&table.object_id];
    parameters.extend(names.iter().map(|name| name as &dyn ToSql));
    let using = Look::at(session, &depending_text(names.len()), &parameters).await?;
    let using = match using {
        Look::Seen(rows) => {
            let ids = rows.iter().map(|row| number(row, 0));
            Some(ids.collect::<QueryResult<Vec<_>>>()?)
        }
        Look::Hidden | Look::Missing => None,
    };
    let mut encrypted = Vec::new();
    for row in &rows {
        let id = number(row, 0)?;
        if using.as_ref().is_none_or(|ids| ids.contains(&id)) {
            encrypted.push(format!("{}.{}", text(row, 1)?, text(row, 2)?));
        }
    }
    Ok(encrypted)
}

/// Objects whose text contains one of the table's names.
async fn named(session: &mut Session, sql: &str, targets: &Targets) -> QueryResult<Vec<Row>> {
    let needles = targets.needles();
    let parameters: Vec<_> = needles.iter().map(|name| name as &dyn ToSql).collect();
    session.rows(sql, &parameters).await
}

/// Finds views whose text contains one of this many names; parameters: the names.
pub(crate) fn views_text(names: usize) -> String {
    defined(include_str!("../sql/views.sql"), names)
}

/// Finds modules whose text contains one of this many names, and `OUTPUT`; parameters: the names.
pub(crate) fn modules_text(names: usize) -> String {
    defined(include_str!("../sql/modules.sql"), names)
}

/// Finds what depends on the table; parameters: the table's object id, and its names.
pub(crate) fn depending_text(names: usize) -> String {
    let places = (0..names).map(|n| format!("CAST(@P{} AS nvarchar(128))", n + 2));
    let places = places.collect::<Vec<_>>().join(", ");
    fill(
        include_str!("../sql/depending.sql").trim_end(),
        &[("names", &places)],
    )
}

fn defined(template: &str, names: usize) -> String {
    let places = (1..=names).map(|n| format!("CHARINDEX(UPPER(@P{n}), UPPER(m.definition)) > 0"));
    let named = places.collect::<Vec<_>>().join(" OR ");
    fill(template.trim_end(), &[("named", &named)])
}

fn triple(row: &Row) -> QueryResult<(String, String, String)> {
    Ok((text(row, 0)?, text(row, 1)?, text(row, 2)?))
}
