//! Opening a journal: which account it belongs to, and what to do when the agent must not continue with it.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rusqlite::{Connection, Transaction};
use shopmaster_product::position::Position;

use super::{
    Journal, JournalError, Result,
    aside::{self, Kept},
    checksums::{Checksums, Soundness},
    clock::{process, steady_ms},
    files,
    identity::InPlace,
    is_damage, meta, migrations, position, products,
    settle::{Steps, milliseconds},
    soundness::{keep_wal, soundness},
    uploads, verified, wal,
};

/// Which account and which catalog a journal belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// The Digible address and account. A different account needs a different journal.
    pub account: String,
    /// The shop's database, table, columns and digits of prices. When this changes, the journal stays: what was
    /// sent from the earlier catalog is still at Digible.
    pub catalog: String,
    /// The shop's database, table and key: what the ChangeLog is about, and so its position in the journal.
    pub captured: String,
}

/// An open journal, and what happened while it was opened.
#[derive(Debug)]
pub struct Opened {
    /// The journal.
    pub journal: Journal,
    /// The journal that was set aside in its favor.
    pub kept: Option<Kept>,
    /// Where the journal had been set aside, if it was set aside earlier and fits again. Then everything
    /// published in it is in doubt.
    pub taken_up: Option<PathBuf>,
    /// A copy of the journal, if it was found damaged and is still used: everything published in it is in
    /// doubt, an upload is due, and some of what it knew may be lost. None when it was sound.
    pub damaged: Option<Kept>,
    /// Whether it belonged to another catalog until now. Then everything published in it is in doubt.
    pub catalog_changed: bool,
    /// Whether it was created now, and is empty.
    pub is_new: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trust {
    All,
    /// Its content was correct once, but is incomplete or wrong now.
    Nothing,
}

enum Content {
    /// It belongs to this account and this catalog.
    Ours,
    /// It was created now.
    New,
    /// It belonged to this account and another catalog, and belongs to this catalog from now on.
    OtherCatalog,
    /// It belongs to another account, for the reason given.
    Foreign(String),
    /// It cannot be used, for the reason given.
    Unusable(String),
}

impl Journal {
    /// Opens the journal at `path` for `binding`, or starts an empty one.
    ///
    /// A journal that belongs to another account, or that cannot be read, is set aside. If none is left, a
    /// journal of this account that was set aside earlier is used again. What was in flight when an earlier
    /// process ended is in doubt from now on; so is everything when the journal is old or damaged: then an
    /// upload is due, as it is when the journal belonged to another catalog.
    ///
    /// # Errors
    ///
    /// [`JournalError::Newer`] when a newer version wrote it (then it is not touched), and when the file cannot
    /// be opened for a reason other than its content.
    pub fn open(path: &Path, binding: &Binding, late_window: Duration) -> Result<Opened> {
        let mut position = None;
        let kept = match path.exists() {
            true => match Self::try_open(path, binding, late_window) {
                Ok((journal, Content::Foreign(reason), _)) => {
                    // The position in the ChangeLog is the same for both accounts; an upload is due anyway.
                    position = journal.position_for(binding).map_err(failed(path))?;
                    // Closed first, so that its WAL is written back into the file that is moved.
                    drop(journal);
                    Some(aside::keep(path, reason, false, files::rename)?)
                }
                Ok((journal, Content::Unusable(reason), _)) => {
                    drop(journal);
                    Some(aside::keep(path, reason, true, files::rename)?)
                }
                Ok((journal, content, damaged)) => {
                    return Ok(Opened::of(journal, &content, damaged));
                }
                Err(JournalError::Open { source, .. }) if is_damage(&source) => {
                    let reason = format!("it could not be read ({source})");
                    Some(aside::keep(path, reason, true, files::rename)?)
                }
                Err(error) => return Err(error),
            },
            false => None,
        };
        let taken_up = aside::take_up(path, &binding.account)?;
        let (journal, content, damaged) = Self::try_open(path, binding, late_window)?;
        if let (Content::New, Some(position)) = (&content, position) {
            journal.begin_at(&position).map_err(failed(path))?;
        }
        Ok(Opened {
            kept,
            taken_up,
            ..Opened::of(journal, &content, damaged)
        })
    }

    fn try_open(
        path: &Path,
        binding: &Binding,
        late_window: Duration,
    ) -> Result<(Self, Content, Option<Kept>)> {
        let lost = has_lost_commits(path)?;
        let failed = failed(path);
        let mut connection = Connection::open(path).map_err(&failed)?;
        // Closing would write the WAL of a newer journal back into it.
        keep_wal(&connection, true).map_err(&failed)?;
        let found = migrations::format(&connection).map_err(&failed)?;
        if found > migrations::NEWEST {
            return Err(JournalError::Newer {
                path: path.to_owned(),
                found,
                known: migrations::NEWEST,
            });
        }
        let damaged = match soundness(&connection, found).map_err(&failed)? {
            Soundness::Unusable(reason) => {
                let journal = Self::over(path, connection, Checksums::default(), late_window, 0);
                return Ok((journal, Content::Unusable(reason), None));
            }
            Soundness::Doubtful(reason) => Some(aside::keep(path, reason, true, files::copy)?),
            Soundness::Sound if lost => {
                Some(aside::keep(path, LOST.to_owned(), true, files::copy)?)
            }
            Soundness::Sound => None,
        };
        let mode = set_up(&connection).map_err(&failed)?;
        if mode != "wal" {
            return Err(JournalError::NoWal {
                path: path.to_owned(),
                mode,
            });
        }
        let trust = match damaged {
            None => Trust::All,
            Some(_) => Trust::Nothing,
        };
        let (checksums, content, others_until) =
            take_over(&mut connection, binding, late_window, trust).map_err(&failed)?;
        let journal = Self::over(path, connection, checksums, late_window, others_until);
        Ok((journal, content, damaged))
    }

    /// How far the ChangeLog of this catalog has been dealt with.
    fn position_for(&self, binding: &Binding) -> rusqlite::Result<Option<Position>> {
        let connection = self
            .connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        match meta::get::<String>(&connection, "catalog")? {
            Some(catalog) if catalog == binding.catalog => position::read(&connection),
            _ => Ok(None),
        }
    }

    fn begin_at(&self, position: &Position) -> rusqlite::Result<()> {
        let mut connection = self
            .connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        self.checksums.write(&mut connection, |transaction| {
            position::write(transaction, position)
        })
    }

    fn over(
        path: &Path,
        connection: Connection,
        checksums: Checksums,
        late_window: Duration,
        others_until: i64,
    ) -> Self {
        Self {
            place: Arc::new(InPlace::of(path)),
            connection: Arc::new(Mutex::new(connection)),
            checksums,
            steps: Steps::new(late_window, others_until),
        }
    }
}

impl Opened {
    fn of(journal: Journal, content: &Content, damaged: Option<Kept>) -> Self {
        Self {
            journal,
            kept: None,
            taken_up: None,
            damaged,
            catalog_changed: matches!(content, Content::OtherCatalog),
            is_new: matches!(content, Content::New),
        }
    }
}

/// How large the write-ahead log may stay, in bytes, once everything in it has been written to the journal.
const WAL_KEPT: i64 = 8 << 20;

const LOST: &str = "it is damaged (its write-ahead log cannot be read to the end)";

/// Whether the latest commits were lost.
fn has_lost_commits(path: &Path) -> Result<bool> {
    // A WAL without its journal is ignored.
    let length = path.metadata().map_or(0, |file| file.len());
    if length == 0 {
        return Ok(false);
    }
    wal::is_damaged(&files::with_suffix(path, "-wal"), length).map_err(|source| {
        JournalError::ReadWal {
            path: path.to_owned(),
            source,
        }
    })
}

fn failed(path: &Path) -> impl Fn(rusqlite::Error) -> JournalError {
    let path = path.to_owned();
    move |source| JournalError::Open {
        path: path.clone(),
        source,
    }
}

/// Also returns until when a request of another agent may still be applied.
fn take_over(
    connection: &mut Connection,
    binding: &Binding,
    late_window: Duration,
    trust: Trust,
) -> rusqlite::Result<(Checksums, Content, i64)> {
    if trust == Trust::All {
        fold_wal(connection)?;
    }
    migrations::run(connection)?;
    let checksums = Checksums::watch(connection)?;
    let taken = checksums.write(connection, |transaction| {
        let content = bind(transaction, binding)?;
        let others_until = match &content {
            Content::Foreign(_) | Content::Unusable(_) => 0,
            _ => recover(transaction, late_window)?,
        };
        let is_old = meta::get::<i64>(transaction, aside::TAKEN_UP)?.is_some();
        if is_old {
            products::doubt_everything(transaction)?;
            meta::set(transaction, aside::TAKEN_UP, &None::<i64>)?;
        } else if matches!(content, Content::OtherCatalog) {
            uploads::begin_anew_for_another_catalog(transaction)?;
        }
        if trust == Trust::Nothing {
            let others_until = distrust(transaction, late_window)?;
            checksums.accept(transaction)?;
            return Ok((content, others_until));
        }
        Ok((content, others_until))
    });
    let (content, others_until) = taken?;
    if trust == Trust::Nothing {
        // Only after everything is marked as in doubt: from then on, the damage can no longer be recognized.
        fold_wal(connection)?;
    }
    Ok((checksums, content, others_until))
}

/// Writes the WAL back and empties it, so that no frames of a torn commit remain after new ones.
fn fold_wal(connection: &Connection) -> rusqlite::Result<()> {
    // Right after a file was switched to WAL mode, SQLite keeps it locked until it is read.
    migrations::format(connection)?;
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
}

/// Sets up the connection, and returns the journal mode that SQLite chose: on some file systems WAL is not
/// possible.
fn set_up(connection: &Connection) -> rusqlite::Result<String> {
    // From here on, the agent may change the journal.
    keep_wal(connection, false)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.set_prepared_statement_cache_capacity(64);
    let mode = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "journal_size_limit", WAL_KEPT)?;
    if cfg!(target_os = "macos") {
        connection.pragma_update(None, "fullfsync", true)?;
    }
    Ok(mode)
}

/// Binds a journal without an owner to this account, and a journal of this account to this catalog.
fn bind(connection: &Connection, binding: &Binding) -> rusqlite::Result<Content> {
    let account: Option<String> = meta::get(connection, "account")?;
    let catalog: Option<String> = meta::get(connection, "catalog")?;
    let captured: Option<String> = meta::get(connection, "captured")?;
    meta::set(connection, "captured", &binding.captured)?;
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
        // Changes that were dealt with are not new ones because of another price column or condition.
        if captured.as_ref() != Some(&binding.captured) {
            position::forget(connection)?;
        }
        meta::set(connection, meta::TABLE, &None::<String>)?;
        meta::set(connection, meta::EXCESS, &None::<i64>)?;
        meta::set(connection, verified::VERIFIED, &None::<String>)?;
        meta::set(connection, verified::SHRANK, &None::<String>)?;
        if aside::holds_anything(connection, migrations::NEWEST)? {
            return Ok(Content::OtherCatalog);
        }
    }
    Ok(Content::Ours)
}

/// Gives up what was in flight when the last engine ended. Returns until when a request of another agent may
/// still be applied.
///
/// The steady times of another process mean nothing here: it is unknown how the clock was changed in between,
/// so each of its windows starts again.
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

/// Marks everything as in doubt, because some of what was written is lost or was changed: the record of what
/// was in flight may be lost too, as if another agent had sent it. Returns until when that may still be
/// applied.
fn distrust(transaction: &Transaction<'_>, late_window: Duration) -> rusqlite::Result<i64> {
    let until = steady_ms().saturating_add(milliseconds(late_window));
    position::forget(transaction)?;
    products::doubt_everything(transaction)?;
    transaction.execute("UPDATE doubt SET lands_until = ?1, due = 0", [until])?;
    meta::set(transaction, "others_until", &until)?;
    Ok(until)
}

fn new_id() -> String {
    format!("{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..))
}
