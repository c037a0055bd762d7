//! The test that capture works: what was installed is read back, and one row is written over itself and rolled
//! back.
//!
//! If that write would fire the shop's own triggers, nothing is written: what they do outside the transaction
//! (send mail, call another server, use up numbers) could not be rolled back.

use shopmaster_catalog::{CatalogError, Mapping, template::fill};

use super::{
    found::Found,
    planned::Planned,
    script::{Pauses, retry_while_busy},
    trigger::joined_values,
    triggers::Triggers,
};
use crate::{
    captured::Captured,
    change_log::LogForm,
    column::Column,
    error::{OF_ANOTHER_ENGINE, QueryError, QueryResult},
    key::KeyType,
    quote::identifier,
    row::property_of,
    schema::TableSchema,
    session::Session,
};

/// The number of the type `rowversion`.
const ROWVERSION: u8 = 189;

/// Compares what is installed with the plan, and tests it, as the current login and, if the engine and the
/// login's rights allow it, as a user without rights.
///
/// The tests change the session's settings, and may end as another user: the session is not used again.
///
/// If the shop's own rules refuse the write, or a table is empty, nothing is tested there.
///
/// # Errors
///
/// [`CatalogError::Unproven`] when something is not as planned, or a row was written and no change appeared.
pub(crate) async fn prove(
    session: &mut Session,
    mapping: &Mapping,
    table: &TableSchema,
    planned: &Planned,
) -> QueryResult<()> {
    let differences = Found::read(session).await?.differences(planned);
    if !differences.is_empty() {
        return Err(unproven(&differences.join("; ")));
    }
    let mut tests = Vec::new();
    for captured in Captured::all(mapping, table)? {
        let triggers = Triggers::read(session, &captured).await?;
        let started = triggers.started_by_update();
        if !started.is_empty() {
            tracing::info!(
                triggers = started.join(", "),
                "capture is tested by its text alone, because a write would fire the shop's own triggers"
            );
            continue;
        }
        let column = match captured.is_watched {
            false => writable(table).map(|column| column.name.clone()),
            true => writable_of(session, &captured).await?,
        };
        let separator = mapping.columns.id.separator();
        if let Some(column) = column {
            tests.push(texts(&captured, &planned.log, separator, &column)?);
        }
    }
    if tests.is_empty() {
        return Ok(());
    }
    let mut proven = Ok(());
    for [(_, text), (_, without_rights)] in &tests {
        proven = try_all(session, text, without_rights).await;
        if proven.is_err() {
            break;
        }
    }
    session.retire();
    proven
}

async fn try_all(session: &mut Session, text: &str, without_rights: &str) -> QueryResult<()> {
    match attempt(session, text).await {
        Ok(Proof::Missed) => return Err(unproven("a row was written, but no change appeared")),
        Ok(Proof::Seen) => {}
        Ok(Proof::NoRow) => return Ok(()),
        Err(fault) if is_the_shops_own(&fault) => {
            tracing::warn!(?fault, "the write that would test capture was refused");
            return Ok(());
        }
        Err(fault) => return Err(fault),
    }
    prove_without_rights(session, without_rights).await
}

/// The test as the current login, and as a user without rights. `column` is written over itself.
pub(crate) fn texts(
    table: &Captured,
    log: &LogForm,
    separator: &str,
    column: &str,
) -> QueryResult<[(&'static str, String); 2]> {
    let mut keys = Vec::with_capacity(table.key.len());
    for column in &table.key {
        keys.push(KeyType::of(&column.data_type).map_err(CatalogError::Unproven)?);
    }
    let variable = |n: usize| match keys.len() {
        1 => "@key".to_owned(),
        _ => format!("@key{}", n + 1),
    };
    let ids: Vec<_> = table
        .key
        .iter()
        .map(|column| identifier(&column.name))
        .collect();
    let each = |between: &str, one: &dyn Fn(usize) -> String| {
        (0..keys.len()).map(one).collect::<Vec<_>>().join(between)
    };
    let key = |n: usize| keys[n].cast(&variable(n));
    let logged = match log.is_text {
        false => format!("c.[ProductID] = {}", key(0)),
        true => {
            let values: Vec<_> = (0..keys.len()).map(|n| (keys[n].clone(), key(n))).collect();
            let text = joined_values(&values, separator);
            format!("c.[ProductID] = {text}")
        }
    };
    let source = match table.is_watched {
        true => format!(" AND c.[Source] = {}", table.object_id),
        false => String::new(),
    };
    let places = [
        (
            "declared",
            each(", ", &|n| format!("{} {}", variable(n), keys[n].variable())),
        ),
        (
            "taken",
            each(", ", &|n| format!("{} = p.{}", variable(n), ids[n])),
        ),
        (
            "own",
            each(" AND ", &|n| format!("{} = {}", ids[n], key(n))),
        ),
        // Many rows of a watched table may have one key.
        (
            "top",
            if table.is_watched {
                "TOP (1) ".to_owned()
            } else {
                String::new()
            },
        ),
        ("logged", format!("{logged}{source}")),
        ("table", table.quoted()),
        ("column", identifier(column)),
    ];
    let places = places
        .each_ref()
        .map(|(name, value)| (*name, value.as_str()));
    Ok([
        ("prove", include_str!("../sql/prove.sql")),
        (
            "prove_without_rights",
            include_str!("../sql/prove_without_rights.sql"),
        ),
    ]
    .map(|(name, template)| (name, fill(template, &places))))
}

/// The result of a test.
enum Proof {
    /// The change was captured.
    Seen,
    /// The change was not captured.
    Missed,
    /// No row was written.
    NoRow,
}

/// Tests capture as a user without rights. A till's login often has no rights on shopMaster's objects, and
/// needs none, because all objects have the same owner.
async fn prove_without_rights(session: &mut Session, text: &str) -> QueryResult<()> {
    let can = session
        .rows(include_str!("../sql/can_impersonate.sql"), &[])
        .await?;
    let can = can
        .first()
        .map(|row| row.try_get::<i32, _>(0))
        .transpose()?;
    if can.flatten() != Some(1) {
        return Ok(());
    }
    match attempt(session, text).await {
        Ok(Proof::Missed) => Err(unproven(
            "a user without rights on shopMaster's tables wrote a row, but no change appeared",
        )),
        Ok(_) => Ok(()),
        Err(fault) if fault.is_server() => {
            tracing::debug!(
                ?fault,
                "capture could not be tested as a user without rights"
            );
            Ok(())
        }
        Err(fault) => Err(fault),
    }
}

async fn attempt(session: &mut Session, text: &str) -> QueryResult<Proof> {
    let answer = retry_while_busy(session, text, Pauses::for_rows()).await;
    if answer.is_err() && !session.is_spoiled() {
        session.batch(include_str!("../sql/take_back.sql")).await?;
    }
    let results = answer?;
    let Some(row) = results.iter().rev().find_map(|rows| rows.first()) else {
        return Ok(Proof::NoRow);
    };
    let (written, seen): (Option<i32>, Option<i32>) = (row.try_get(0)?, row.try_get(1)?);
    Ok(match (written.unwrap_or(0), seen.unwrap_or(0)) {
        (0, _) => Proof::NoRow,
        (_, 0) => Proof::Missed,
        _ => Proof::Seen,
    })
}

/// A column that can be written over itself. The key comes last: other tables may refer to it, and the server
/// would search them.
fn writable(table: &TableSchema) -> Option<&Column> {
    let all = [&table.names, &table.price].into_iter().chain(table.ids());
    let mut writable = all.filter(|column| !column.is_computed && !column.is_identity);
    writable.next()
}

/// The same of a watched table, by its name; none when this login does not see one.
async fn writable_of(session: &mut Session, table: &Captured) -> QueryResult<Option<String>> {
    let rows = session
        .rows(
            include_str!("../sql/column_options.sql"),
            &[&table.object_id],
        )
        .await?;
    let mut key = None;
    for row in &rows {
        let id: Option<i32> = row.try_get("column_id")?;
        let name: Option<&str> = row.try_get("name")?;
        let is = |property: &str| property_of(row, property) > 0;
        // A rowversion, and the columns that the server writes itself.
        let is_the_servers = property_of(row, "system_type_id") == ROWVERSION
            || [
                "is_computed",
                "is_identity",
                "generated_always_type",
                "encryption_type",
            ]
            .into_iter()
            .any(is);
        let Some(name) = name.filter(|_| !is_the_servers) else {
            continue;
        };
        match table.key.iter().any(|column| Some(column.column_id) == id) {
            true => key = Some(name.to_owned()),
            false => return Ok(Some(name.to_owned())),
        }
    }
    Ok(key)
}

/// Whether the shop's own rules refuse the write: a missing right, a constraint, a trigger's rule, or a trigger
/// that ended the transaction.
fn is_the_shops_own(fault: &QueryError) -> bool {
    match fault.number() {
        Some(OF_ANOTHER_ENGINE) | None => false,
        Some(515 | 547 | 2601 | 2627 | 3609 | 3616 | 50_000..) => true,
        Some(_) => fault.is_denied(),
    }
}

fn unproven(reason: &str) -> QueryError {
    CatalogError::Unproven(reason.to_owned()).into()
}

#[cfg(test)]
mod tests {
    use crate::{lexer::tokens, texts};

    /// A grant on the product table would wait for every till that is at it, and every till behind it.
    #[test]
    fn no_proof_asks_for_a_lock_on_the_whole_table() {
        let all = texts("dbo", "Products", ["ProductID", "ProductName", "SellPrice"]);
        let proofs: Vec<_> = all
            .iter()
            .filter(|(name, _)| name.starts_with("prove"))
            .collect();
        assert!(!proofs.is_empty());
        for (name, text) in proofs {
            let tokens = tokens(text);
            for word in ["GRANT", "ALTER", "TABLOCK", "TABLOCKX"] {
                assert!(!tokens.iter().any(|token| token.is(word)), "{name}: {word}");
            }
        }
    }

    /// What is ours is denied to the user, so that a broken chain of owners shows.
    #[test]
    fn the_user_without_rights_has_none_on_ours() {
        let text = include_str!("../sql/prove_without_rights.sql");
        assert!(text.contains("DENY INSERT ON SCHEMA::[shopmaster]"));
    }
}
