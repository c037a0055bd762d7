//! Opening a journal, and keeping one aside that is not ours to go on with.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use jiff::Timestamp;
use rusqlite::{Connection, TransactionBehavior, config::DbConfig};

use super::{
    Journal, JournalError, Result,
    clock::{process, steady_ms},
    is_damage, meta, migrations,
    settle::{Steps, milliseconds},
};

/// What a journal belongs to. Another account or catalog needs another journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// The Digible address and account.
    pub account: String,
    /// The shop's database, table and columns.
    pub catalog: String,
}

/// A journal that is open.
#[derive(Debug)]
pub struct Opened {
    /// The journal.
    pub journal: Journal,
    /// What was kept aside for it; none when it went on with its own.
    pub kept: Option<Kept>,
}

/// A journal that was kept aside, because it was not ours to go on with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Where it is now.
    pub path: PathBuf,
    /// Why, for people.
    pub reason: String,
}

enum Content {
    Ours,
    Foreign(String),
}

impl Journal {
    /// Opens the journal at `path` for `binding`, or starts an empty one.
    ///
    /// One that belongs to another account or catalog, or that cannot be read, is kept aside. What
    /// was on its way when an earlier process ended is in doubt from here on.
    ///
    /// # Errors
    ///
    /// [`JournalError::Newer`] when a newer version wrote it (it is left alone), and when the file
    /// cannot be opened for a reason that is not its content.
    pub fn open(path: &Path, binding: &Binding, late_window: Duration) -> Result<Opened> {
        let kept = match Self::try_open(path, binding, late_window) {
            Ok((journal, Content::Ours)) => {
                return Ok(Opened {
                    journal,
                    kept: None,
                });
            }
            Ok((journal, Content::Foreign(reason))) => {
                // Closed first, so that its WAL is folded into the file that is moved.
                drop(journal);
                keep_aside(path, reason)?
            }
            Err(JournalError::Open { source, .. }) if is_damage(&source) => {
                keep_aside(path, format!("it could not be read ({source})"))?
            }
            Err(error) => return Err(error),
        };
        let (journal, _) = Self::try_open(path, binding, late_window)?;
        Ok(Opened {
            journal,
            kept: Some(kept),
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
            let journal = Self::over(connection, late_window, 0);
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
        let journal = Self::over(connection, late_window, others_until);
        Ok((journal, content))
    }

    fn over(connection: Connection, late_window: Duration, others_until: i64) -> Self {
        Self {
            connection: Arc::new(Mutex::new(connection)),
            steps: Steps::new(late_window, others_until),
        }
    }
}

/// Why the file is not one to go on with.
fn unusable(connection: &Connection, format: i64) -> rusqlite::Result<Option<String>> {
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
        Content::Ours => recover(&transaction, late_window)?,
        Content::Foreign(_) => 0,
    };
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
fn keep_wal(connection: &Connection, keep: bool) -> rusqlite::Result<()> {
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

/// Makes a journal without an owner ours, and tells whose another one is.
fn bind(connection: &Connection, binding: &Binding) -> rusqlite::Result<Content> {
    let account: Option<String> = meta::get(connection, "account")?;
    let catalog: Option<String> = meta::get(connection, "catalog")?;
    let (Some(account), Some(catalog)) = (account, catalog) else {
        meta::set(connection, "account", &binding.account)?;
        meta::set(connection, "catalog", &binding.catalog)?;
        meta::set(connection, "journal", &new_id())?;
        return Ok(Content::Ours);
    };
    if account != binding.account {
        return Ok(Content::Foreign(
            "it belongs to another Digible account or address".to_owned(),
        ));
    }
    if catalog != binding.catalog {
        return Ok(Content::Foreign(
            "it belongs to another database, table or set of columns".to_owned(),
        ));
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

fn keep_aside(path: &Path, reason: String) -> Result<Kept> {
    let stamp = Timestamp::now().strftime("%Y%m%d-%H%M%S").to_string();
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let mut aside = path.with_file_name(format!("{stem}-{stamp}.sqlite"));
    let mut number = 2;
    while aside.exists() {
        aside = path.with_file_name(format!("{stem}-{stamp}-{number}.sqlite"));
        number += 1;
    }
    for suffix in ["", "-wal", "-shm"] {
        let with = |base: &Path| {
            let mut name = base.as_os_str().to_owned();
            name.push(suffix);
            PathBuf::from(name)
        };
        match fs::rename(with(path), with(&aside)) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound && !suffix.is_empty() => {}
            Err(source) => {
                return Err(JournalError::KeepAside {
                    path: path.to_owned(),
                    source,
                });
            }
        }
    }
    Ok(Kept {
        path: aside,
        reason,
    })
}
