//! What must be true of a journal after the power was cut.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};
use shopmaster_journal::JournalError;
use shopmaster_product::ProductId;

use crate::{
    life::Mark,
    observed::Observed,
    workload::{FILE, NotOurs, Session},
};

/// What must not be.
#[derive(Debug, thiserror::Error)]
pub enum Violation {
    #[error("it was set aside: {0}")]
    SetAside(String),
    #[error("it does not open: {0:?}")]
    NotOpened(JournalError),
    #[error("it cannot be read: {0:?}")]
    Unreadable(#[from] JournalError),
    #[error("it is found damaged: {0}")]
    Damaged(String),
    #[error("a call that had returned is lost, or one is there by half:\n  {0}")]
    NotAState(String),
    #[error("it does not conserve: {0}")]
    NotConserved(String),
}

/// An opened journal, and which of the marks it equals.
#[derive(Debug)]
pub struct Recovered {
    pub session: Session,
    pub state: usize,
}

/// Opens the journal in `folder`. It must equal one of `marks`: after the last call that had returned
/// before the cut, and after the one that was running.
pub async fn check(
    folder: &Path,
    marks: &[Mark],
    ids: &[ProductId],
) -> Result<Recovered, Violation> {
    let session = Session::open(folder).map_err(|error| match error {
        NotOurs::SetAside(kept) => Violation::SetAside(kept.reason),
        NotOurs::Damaged(_, copy) => Violation::Damaged(copy.reason),
        NotOurs::Failed(error) => Violation::NotOpened(error),
    })?;
    let observed = Observed::of(&session.journal, ids).await?;
    let differences: Vec<_> = marks
        .iter()
        .map(|mark| observed.difference(&mark.observed))
        .collect();
    let Some(state) = differences.iter().position(Option::is_none) else {
        let differences: Vec<_> = differences.into_iter().flatten().collect();
        return Err(Violation::NotAState(differences.join("\n or\n  ")));
    };
    if let Some(broken) = marks[state].ledger.broken_by(&observed) {
        return Err(Violation::NotConserved(broken));
    }
    integrity(&folder.join(FILE))?;
    Ok(Recovered { session, state })
}

/// More than the journal asks for when it opens: that the indexes fit their tables, too.
fn integrity(path: &Path) -> Result<(), Violation> {
    let found: rusqlite::Result<String> =
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).and_then(
            |connection| connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0)),
        );
    match found {
        Ok(found) if found == "ok" => Ok(()),
        Ok(found) => Err(Violation::Damaged(found)),
        Err(error) => Err(Violation::Damaged(error.to_string())),
    }
}
