//! Journals that were set aside, and using one again when it fits.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use rusqlite::Connection;

use super::{
    JournalError, Result,
    checksums::{Checksums, Soundness},
    files::{self, SUFFIXES, with_suffix},
    has_rows, meta, migrations, soundness,
};

/// The key that marks a journal that was set aside and whose products have not been marked as unconfirmed
/// since.
pub(super) const TAKEN_UP: &str = "taken_up";

/// A journal that was set aside because the agent must not continue with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Where it is now.
    pub path: PathBuf,
    /// Why it was set aside, for people.
    pub reason: String,
    /// Whether it belongs to this account but cannot be used: what it had in flight is unknown.
    pub is_lost: bool,
}

/// Sets the journal at `path` aside with all its files, by moving or copying them.
pub(super) fn keep(
    path: &Path,
    reason: String,
    is_lost: bool,
    how: impl FnOnce(&Path, &Path) -> io::Result<()>,
) -> Result<Kept> {
    let stamp = Timestamp::now().strftime("%Y%m%d-%H%M%S").to_string();
    let stem = stem(path);
    let mut aside = path.with_file_name(format!("{stem}-{stamp}.sqlite"));
    let mut number = 2;
    while aside.exists() {
        aside = path.with_file_name(format!("{stem}-{stamp}-{number}.sqlite"));
        number += 1;
    }
    how(path, &aside).map_err(|source| JournalError::KeepAside {
        path: path.to_owned(),
        source,
    })?;
    Ok(Kept {
        path: aside,
        reason,
        is_lost,
    })
}

/// Moves the newest journal of `account` that was set aside back to `path`, where no journal is. What it knows
/// is old: everything published in it is unconfirmed. Returns where it was set aside; none when there is none.
///
/// The journal is marked as old before it is moved: if this is interrupted, it starts over with the next start
/// of the agent.
pub(super) fn take_up(path: &Path, account: &str) -> Result<Option<PathBuf>> {
    let Some(found) = of(path, account) else {
        return Ok(None);
    };
    let noted = Connection::open(&found).and_then(|mut connection| {
        let checksums = Checksums::watch(&connection)?;
        checksums.write(&mut connection, |transaction| {
            meta::set(transaction, TAKEN_UP, &1_i64)
        })
    });
    noted.map_err(|source| JournalError::Open {
        path: found.clone(),
        source,
    })?;
    // These files are left over from a journal that no longer exists: SQLite would take them for this
    // journal's.
    for suffix in &SUFFIXES[1..] {
        match fs::remove_file(with_suffix(path, suffix)) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                return Err(JournalError::KeepAside {
                    path: path.to_owned(),
                    source,
                });
            }
            _ => {}
        }
    }
    files::rename(&found, path).map_err(|source| JournalError::KeepAside {
        path: found.clone(),
        source,
    })?;
    Ok(Some(found))
}

/// Whether opening the journal at `path` for `account` would abandon what another account's journal knows
/// without an earlier journal of `account` to continue with.
#[must_use]
pub fn starts_over(path: &Path, account: &str) -> bool {
    let Ok(Some(other)) = look(path) else {
        // A journal that is missing or cannot be read is not abandoned by choice.
        return false;
    };
    other.account != account && other.holds_anything && of(path, account).is_none()
}

/// The newest journal of `account` that was set aside next to `path`.
fn of(path: &Path, account: &str) -> Option<PathBuf> {
    let folder = path.parent()?;
    let prefix = format!("{}-", stem(path));
    let mut kept: Vec<(String, u32, PathBuf)> = fs::read_dir(folder)
        .ok()?
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let stamp = name.strip_prefix(&prefix)?.strip_suffix(".sqlite")?;
            let (stamp, number) = stamped(stamp)?;
            Some((stamp.to_owned(), number, entry.path()))
        })
        .collect();
    kept.sort_unstable();
    let mut newest_first = kept.into_iter().rev().map(|(_, _, path)| path);
    newest_first.find(|path| matches!(look(path), Ok(Some(found)) if found.account == account))
}

/// Splits `20261129-182400` or `20261129-182400-2` into the time and the number among journals of the same
/// second.
fn stamped(stamp: &str) -> Option<(&str, u32)> {
    let (time, rest) = stamp.split_at_checked("20261129-182400".len())?;
    let is_time = time
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'-');
    let number = match rest {
        "" => 1,
        rest => rest.strip_prefix('-')?.parse().ok()?,
    };
    is_time.then_some((time, number))
}

/// What a sound journal says about itself.
struct Look {
    account: String,
    holds_anything: bool,
}

/// Reads the journal at `path`; none when it is not shopMaster's, or is from a newer version.
fn look(path: &Path) -> rusqlite::Result<Option<Look>> {
    // Opening the file must not create it.
    if !path.is_file() {
        return Ok(None);
    }
    let connection = Connection::open(path)?;
    // Closing would write the WAL of a newer journal back into it.
    soundness::keep_wal(&connection, true)?;
    let format = migrations::format(&connection)?;
    if !(1..=migrations::NEWEST).contains(&format) {
        return Ok(None);
    }
    if matches!(
        soundness::soundness(&connection, format)?,
        Soundness::Unusable(_)
    ) {
        return Ok(None);
    }
    soundness::keep_wal(&connection, false)?;
    let Some(account) = meta::get(&connection, "account")? else {
        return Ok(None);
    };
    Ok(Some(Look {
        account,
        holds_anything: holds_anything(&connection, format)?,
    }))
}

/// Whether a journal of this format knows of any product.
pub(super) fn holds_anything(connection: &Connection, format: i64) -> rusqlite::Result<bool> {
    let tables: &[&str] = match format {
        1 => &["product", "handed_over", "parked", "removed"],
        _ => &["published", "doubt", "in_flight", "parked", "removed"],
    };
    for table in tables {
        if has_rows(connection, table)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn stem(path: &Path) -> std::borrow::Cow<'_, str> {
    path.file_stem().unwrap_or_default().to_string_lossy()
}
