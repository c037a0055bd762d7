//! Opening a journal: whose it is, and what to do with one that is not ours to go on with.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use rusqlite::{Connection, TransactionBehavior, config::DbConfig};

use super::{
    Journal, JournalError, Result,
    aside::{self, Kept},
    clock::{process, steady_ms},
    identity::InPlace,
    is_damage, meta, migrations, products,
    settle::{Steps, milliseconds},
};

/// Whose products a journal knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// The Digible address and account. Another one needs another journal.
    pub account: String,
    /// The shop's database, table and columns. Another one keeps the journal: what was sent for the one
    /// before is still at Digible.
    pub catalog: String,
}

/// A journal that is open.
#[derive(Debug)]
pub struct Opened {
    /// The journal.
    pub journal: Journal,
    /// What was kept aside for it.
    pub kept: Option<Kept>,
    /// Where it was kept itself, when it was kept aside before and fits again. All that is published in it
    /// is in doubt.
    pub taken_up: Option<PathBuf>,
    /// It was another catalog's until now. All that is published in it is in doubt.
    pub catalog_changed: bool,
    /// It was made now, and knows nothing.
    pub is_new: bool,
}

enum Content {
    /// Of this account and this catalog.
    Ours,
    /// Made now.
    New,
    /// Of this account and another catalog, and ours from now on.
    OtherCatalog,
    /// Not ours to go on with.
    Foreign(String),
}

impl Journal {
    /// Opens the journal at `path` for `binding`, or starts an empty one.
    ///
    /// One that belongs to another account, or that cannot be read, is kept aside. Where none is left, one
    /// of this account that was kept aside before is taken up again. What was on its way when an earlier
    /// process ended is in doubt from here on; so is everything when the journal is old, or was of another
    /// catalog: then an upload is due.
    ///
    /// # Errors
    ///
    /// [`JournalError::Newer`] when a newer version wrote it (it is left alone), and when the file
    /// cannot be opened for a reason that is not its content.
    pub fn open(path: &Path, binding: &Binding, late_window: Duration) -> Result<Opened> {
        let kept = match path.exists() {
            true => match Self::try_open(path, binding, late_window) {
                Ok((journal, Content::Foreign(reason))) => {
                    // Closed first, so that its WAL is folded into the file that is moved.
                    drop(journal);
                    Some(aside::keep(path, reason)?)
                }
                Ok((journal, content)) => return Ok(Opened::of(journal, &content)),
                Err(JournalError::Open { source, .. }) if is_damage(&source) => {
                    let reason = format!("it could not be read ({source})");
                    Some(aside::keep(path, reason)?)
                }
                Err(error) => return Err(error),
            },
            false => None,
        };
        let taken_up = aside::take_up(path, &binding.account)?;
        let (journal, content) = Self::try_open(path, binding, late_window)?;
        Ok(Opened {
            kept,
            taken_up,
            ..Opened::of(journal, &content)
        })
    }

    fn try_open(path: &Path, binding: &Binding, late_window: Duration) -> Result<(Self, Content)> {
        let failed = |source| JournalError::Open {
            path: path.to_owned(),
            source,
        };
        let mut connection = Connection::open(path).map_err(failed)?;
        // Closing would fold the WAL of a newer journal into it.
        keep_wal(&connection, true).map_err(failed)?;
        let found = migrations::format(&connection).map_err(failed)?;
        if found > migrations::NEWEST {
            return Err(JournalError::Newer {
                path: path.to_owned(),
                found,
                known: migrations::NEWEST,
            });
        }
        if let Some(reason) = unusable(&connection, found).map_err(failed)? {
            let journal = Self::over(path, connection, late_window, 0);
            return Ok((journal, Content::Foreign(reason)));
        }
        let mode = set_up(&connection).map_err(failed)?;
        if mode != "wal" {
            return Err(JournalError::NoWal {
                path: path.to_owned(),
                mode,
            });
        }
        let (content, others_until) =
            take_over(&mut connection, binding, late_window).map_err(failed)?;
        let journal = Self::over(path, connection, late_window, others_until);
        Ok((journal, content))
    }

    fn over(path: &Path, connection: Connection, late_window: Duration, others_until: i64) -> Self {
        Self {
            place: Arc::new(InPlace::of(path)),
            connection: Arc::new(Mutex::new(connection)),
            steps: Steps::new(late_window, others_until),
        }
    }
}

impl Opened {
    fn of(journal: Journal, content: &Content) -> Self {
        Self {
            journal,
            kept: None,
            taken_up: None,
            catalog_changed: matches!(content, Content::OtherCatalog),
            is_new: matches!(content, Content::New),
        }
    }
}

/// Why the file is not one to go on with.
pub(super) fn unusable(connection: &Connection, format: i64) -> rusqlite::Result<Option<String>> {
    if !migrations::fits(connection, format)? {
        return Ok(Some("it is not a journal".to_owned()));
    }
    let damage = damage(connection)?;
    Ok(damage.map(|damage| format!("it is damaged ({damage})")))
}

/// Gives also until when a request of another agent may still land.
fn take_over(
    connection: &mut Connection,
    binding: &Binding,
    late_window: Duration,
) -> rusqlite::Result<(Content, i64)> {
    migrations::run(connection)?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let content = bind(&transaction, binding)?;
    let others_until = match &content {
        Content::Foreign(_) => 0,
        _ => recover(&transaction, late_window)?,
    };
    let is_old = meta::get::<i64>(&transaction, aside::TAKEN_UP)?.is_some();
    if is_old || matches!(content, Content::OtherCatalog) {
        products::doubt_everything(&transaction)?;
        meta::set(&transaction, aside::TAKEN_UP, &None::<i64>)?;
    }
    transaction.commit()?;
    Ok((content, others_until))
}

/// The first damage that SQLite finds in the file.
fn damage(connection: &Connection) -> rusqlite::Result<Option<String>> {
    let found: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    // It has lines of its own, and this goes into a sentence.
    Ok((found != "ok").then(|| found.replace('\n', " ")))
}

/// Whether closing leaves the WAL as it is.
pub(super) fn keep_wal(connection: &Connection, keep: bool) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, keep)?;
    Ok(())
}

/// Gives the journal mode that SQLite chose: on some file systems it takes no other.
fn set_up(connection: &Connection) -> rusqlite::Result<String> {
    // From here on it is ours to change.
    keep_wal(connection, false)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.set_prepared_statement_cache_capacity(64);
    let mode = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    if cfg!(target_os = "macos") {
        connection.pragma_update(None, "fullfsync", true)?;
    }
    Ok(mode)
}

/// Makes a journal without an owner ours, and one of this account this catalog's.
fn bind(connection: &Connection, binding: &Binding) -> rusqlite::Result<Content> {
    let account: Option<String> = meta::get(connection, "account")?;
    let catalog: Option<String> = meta::get(connection, "catalog")?;
    let (Some(account), Some(catalog)) = (account, catalog) else {
        meta::set(connection, "account", &binding.account)?;
        meta::set(connection, "catalog", &binding.catalog)?;
        meta::set(connection, "journal", &new_id())?;
        return Ok(Content::New);
    };
    if account != binding.account {
        return Ok(Content::Foreign(
            "it belongs to another Digible account or address".to_owned(),
        ));
    }
    if catalog != binding.catalog {
        meta::set(connection, "catalog", &binding.catalog)?;
        if aside::holds_anything(connection, migrations::NEWEST)? {
            return Ok(Content::OtherCatalog);
        }
    }
    Ok(Content::Ours)
}

/// What was in flight when the last engine ended was given up. Gives until when a request of another agent
/// may still land.
///
/// Times of another process say nothing here: nobody knows what happened to the clock in between, and so
/// each of its windows starts again.
fn recover(connection: &Connection, late_window: Duration) -> rusqlite::Result<i64> {
    let until = steady_ms().saturating_add(milliseconds(late_window));
    connection.execute(
        "INSERT INTO doubt (id, lands_until, due) SELECT DISTINCT id, ?1, 0 FROM in_flight WHERE true
         ON CONFLICT (id) DO UPDATE SET lands_until = max(lands_until, ?1), due = 0",
        [until],
    )?;
    connection.execute("DELETE FROM in_flight", [])?;
    let others_until = meta::get::<i64>(connection, "others_until")?.unwrap_or_default();
    if meta::get::<i64>(connection, "process")? == Some(process()) {
        return Ok(others_until);
    }
    connection.execute(
        "UPDATE doubt SET lands_until = ?1, due = iif(due = 0, 0, ?1) WHERE lands_until > 0",
        [until],
    )?;
    meta::set(connection, "process", &process())?;
    if others_until == 0 {
        return Ok(0);
    }
    meta::set(connection, "others_until", &until)?;
    Ok(until)
}

fn new_id() -> String {
    format!("{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..))
}
