//! The test that capture works: what was installed is read back, and one row is written over itself and rolled
//! back.
//!
//! If that write would fire the shop's own triggers, nothing is written: what they do outside the transaction
//! (send mail, call another server, use up numbers) could not be rolled back.

use shopmaster_catalog::{CatalogError, template::fill};

use super::{
    found::Found,
    planned::Planned,
    script::{Pauses, retry_while_busy},
    triggers::Triggers,
};
use crate::{
    column::Column,
    error::{OF_ANOTHER_ENGINE, QueryError, QueryResult},
    key::KeyType,
    quote::identifier,
    schema::TableSchema,
    session::Session,
};

/// Compares what is installed with the plan, and tests it, as the current login and, if the engine and the
/// login's rights allow it, as a user without rights.
///
/// The tests change the session's settings, and may end as another user: the session is not used again.
///
/// If the shop's own rules refuse the write, or the table is empty, nothing is tested.
///
/// # Errors
///
/// [`CatalogError::Unproven`] when something is not as planned, or a row was written and no change appeared.
pub(crate) async fn prove(
    session: &mut Session,
    table: &TableSchema,
    planned: &Planned,
) -> QueryResult<()> {
    let differences = Found::read(session).await?.differences(planned);
    if !differences.is_empty() {
        return Err(unproven(&differences.join("; ")));
    }
    let triggers = Triggers::read(session, table).await?;
    let started = triggers.started_by_update();
    if !started.is_empty() {
        tracing::info!(
            triggers = started.join(", "),
            "capture is tested by its text alone, because a write would fire the shop's own triggers"
        );
        return Ok(());
    }
    let proven = try_all(session, table).await;
    session.retire();
    proven
}

async fn try_all(session: &mut Session, table: &TableSchema) -> QueryResult<()> {
    let Some(column) = writable(table) else {
        return Ok(());
    };
    let key = KeyType::of(&table.id.data_type).map_err(CatalogError::Unproven)?;
    let [(_, text), (_, without_rights)] = texts(table, &key, column);
    match attempt(session, &text).await {
        Ok(Proof::Missed) => return Err(unproven("a row was written, but no change appeared")),
        Ok(Proof::Seen) => {}
        Ok(Proof::NoRow) => return Ok(()),
        Err(fault) if is_the_shops_own(&fault) => {
            tracing::warn!(?fault, "the write that would test capture was refused");
            return Ok(());
        }
        Err(fault) => return Err(fault),
    }
    prove_without_rights(session, &without_rights).await
}

/// The test as the current login, and as a user without rights.
pub(crate) fn texts(
    table: &TableSchema,
    key: &KeyType,
    column: &Column,
) -> [(&'static str, String); 2] {
    let places = [
        ("type", key.variable()),
        ("key", key.cast("@key")),
        ("table", table.quoted()),
        ("id", identifier(&table.id.name)),
        ("column", identifier(&column.name)),
    ];
    let places = places
        .each_ref()
        .map(|(name, value)| (*name, value.as_str()));
    [
        ("prove", include_str!("../sql/prove.sql")),
        (
            "prove_without_rights",
            include_str!("../sql/prove_without_rights.sql"),
        ),
    ]
    .map(|(name, template)| (name, fill(template, &places)))
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
    [&table.names, &table.price, &table.id]
        .into_iter()
        .find(|column| !column.is_computed && !column.is_identity)
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
