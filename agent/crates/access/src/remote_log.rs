//! The log of what clients changed, and of who was refused.

use std::{
    collections::VecDeque,
    fs::{self, File, OpenOptions},
    io::{self, BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shopmaster_view::is_obeyed;

use super::{PerMinute, Role};

/// A file is renamed beyond this size, in bytes; the one that was renamed before it is deleted.
const LARGEST_FILE: u64 = 512 << 10;
/// The longest text that is kept, in characters: part of it comes from the caller.
const LONGEST_TEXT: usize = 1_000;
/// Refusals that are written in each minute.
const MOST_REFUSALS: u32 = 10;

/// The log, in a folder of its own: JSON lines, in pairs of files for what admins did, what others did, and
/// what was refused, so that none pushes out what is more important.
#[derive(Debug)]
pub struct RemoteLog {
    /// What admins did.
    admins: Mutex<Rotated>,
    /// What the others did: they may call often, and must not push out what an admin did.
    others: Mutex<Rotated>,
    refused: Mutex<Rotated>,
    refusals: Mutex<Refusals>,
}

#[derive(Debug, Default)]
struct Refusals {
    counted: PerMinute,
    /// Not written since the last one that was.
    left_out: u64,
}

/// Something that a client changed or tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// When.
    pub at: Timestamp,
    /// The client's name; empty when it is unknown.
    pub client: String,
    /// Its role; none when it is unknown.
    pub role: Option<Role>,
    /// The address that it called from.
    pub address: String,
    /// The rpc's path; empty for a refused connection.
    pub call: String,
    /// What happened, for people: `started an upload`.
    pub text: String,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It was admitted, and began.
    Began,
    /// It began, and ended with an error.
    Failed,
    /// It was refused: nothing was changed.
    Refused,
}

#[derive(Debug)]
struct Rotated {
    path: PathBuf,
    older: PathBuf,
}

impl RemoteLog {
    /// The log in `folder`, which has to exist.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        Self {
            admins: Mutex::new(Rotated::new(folder, "remote-admins")),
            others: Mutex::new(Rotated::new(folder, "remote")),
            refused: Mutex::new(Rotated::new(folder, "remote-refused")),
            refusals: Mutex::default(),
        }
    }

    /// Adds an entry, and returns once it is on the disk.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub fn add(&self, mut entry: Entry) -> io::Result<()> {
        entry.text = plain(&entry.text);
        Self::locked(self.file_of(&entry)).add(&entry)
    }

    /// Whether a refusal at `at` is to be written: only so many are in a minute, so that a flood neither fills the log nor keeps
    /// the disk busy. Returns how many have been left out since the last one.
    #[must_use]
    pub fn room(&self, at: Timestamp) -> Option<u64> {
        let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        if refusals.counted.count(at) > MOST_REFUSALS {
            refusals.left_out += 1;
            return None;
        }
        Some(std::mem::take(&mut refusals.left_out))
    }

    /// The newest entries, at most so many, newest first. Lines that cannot be read are left out.
    #[must_use]
    pub fn newest(&self, limit: usize) -> Vec<Entry> {
        let files = [&self.admins, &self.others, &self.refused];
        let mut entries: Vec<_> = files
            .into_iter()
            .flat_map(|file| Self::locked(file).newest(limit))
            .collect();
        entries.sort_by_key(|entry| std::cmp::Reverse(entry.at));
        entries.truncate(limit);
        entries
    }

    /// The newest change that was made, as far as is known; none when there is none.
    #[must_use]
    pub fn last_change(&self) -> Option<Entry> {
        let files = [&self.admins, &self.others];
        let last = files.into_iter().filter_map(|file| {
            let entries = Self::locked(file).newest(100);
            let mut newest = entries.iter().enumerate().rev();
            let made = newest.find(|(index, entry)| {
                let later = entries.iter().skip(index + 1);
                entry.outcome == Outcome::Began && !later.clone().any(|it| it.is_failure_of(entry))
            });
            made.map(|(_, entry)| entry.clone())
        });
        last.max_by_key(|entry| entry.at)
    }

    fn file_of(&self, entry: &Entry) -> &Mutex<Rotated> {
        match (entry.outcome, entry.role) {
            (Outcome::Refused, _) => &self.refused,
            (Outcome::Began | Outcome::Failed, Some(Role::Admin)) => &self.admins,
            (Outcome::Began | Outcome::Failed, _) => &self.others,
        }
    }

    fn locked(file: &Mutex<Rotated>) -> MutexGuard<'_, Rotated> {
        file.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    /// Whether this says that what `began` had begun ended with an error.
    fn is_failure_of(&self, began: &Self) -> bool {
        self.outcome == Outcome::Failed
            && (&self.client, &self.call, &self.address)
                == (&began.client, &began.call, &began.address)
            && self.text.starts_with(&began.text)
    }
}

impl Rotated {
    fn new(folder: &Path, name: &str) -> Self {
        Self {
            path: folder.join(format!("{name}.jsonl")),
            older: folder.join(format!("{name}.1.jsonl")),
        }
    }

    fn add(&self, entry: &Entry) -> io::Result<()> {
        let is_full = fs::metadata(&self.path).is_ok_and(|file| file.len() >= LARGEST_FILE);
        if is_full {
            fs::rename(&self.path, &self.older)?;
        }
        let mut line = serde_json::to_vec(entry)?;
        line.push(b'\n');
        let mut file = append(&self.path)?;
        // One write, so that a crash leaves no two entries on one line.
        file.write_all(&line)?;
        file.sync_data()
    }

    /// The newest entries, oldest first.
    fn newest(&self, limit: usize) -> Vec<Entry> {
        let mut entries = VecDeque::new();
        for path in [&self.older, &self.path] {
            let Ok(file) = File::open(path) else {
                continue;
            };
            for line in BufReader::new(file).split(b'\n').map_while(Result::ok) {
                let Ok(entry) = serde_json::from_slice::<Entry>(&line) else {
                    continue;
                };
                if entries.len() == limit {
                    entries.pop_front();
                }
                entries.push_back(entry);
            }
        }
        entries.into()
    }
}

/// Opens a file of this user alone, to write at its end. What a crash left of a line becomes a line of its own.
fn append(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true).read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    if !ends_with_line(&mut file)? {
        file.write_all(b"\n")?;
    }
    Ok(file)
}

fn ends_with_line(file: &mut File) -> io::Result<bool> {
    use std::io::{Read as _, Seek as _, SeekFrom};

    if file.metadata()?.len() == 0 {
        return Ok(true);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

/// A text of one line and a bounded length, as it is written and shown.
#[must_use]
pub fn plain(text: &str) -> String {
    let shown = |c| if is_obeyed(c) { ' ' } else { c };
    let plain = text.chars().map(shown);
    plain.take(LONGEST_TEXT).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(at: i64, outcome: Outcome) -> Entry {
        Entry {
            at: Timestamp::from_second(at).unwrap(),
            client: "support-7".to_owned(),
            role: Some(Role::Operator),
            address: "192.0.2.7:4711".to_owned(),
            call: "/shopmaster.v1.Runs/StartRun".to_owned(),
            text: "started an upload".to_owned(),
            outcome,
        }
    }

    #[test]
    fn what_others_do_pushes_nothing_out_that_an_admin_did() {
        let folder = tempfile::tempdir().unwrap();
        let log = RemoteLog::new(folder.path());
        let admins = Entry {
            role: Some(Role::Admin),
            text: "created a token".to_owned(),
            ..entry(1, Outcome::Began)
        };
        log.add(admins.clone()).unwrap();
        let long = "x".repeat(1_000);
        for at in 2..1_500 {
            let others = Entry {
                text: long.clone(),
                ..entry(at, Outcome::Began)
            };
            log.add(others).unwrap();
        }
        assert!(log.newest(10_000).contains(&admins));
    }

    #[test]
    fn the_last_change_is_one_that_was_made() {
        let folder = tempfile::tempdir().unwrap();
        let log = RemoteLog::new(folder.path());
        let made = entry(1, Outcome::Began);
        let tried = Entry {
            text: "canceled `1`".to_owned(),
            ..entry(2, Outcome::Began)
        };
        let failed = Entry {
            text: "canceled `1`: there is no run".to_owned(),
            ..entry(3, Outcome::Failed)
        };
        for entry in [&made, &tried, &failed] {
            log.add(entry.clone()).unwrap();
        }
        assert_eq!(log.last_change(), Some(made));
    }

    #[test]
    fn of_many_refusals_some_are_written_in_each_minute() {
        let folder = tempfile::tempdir().unwrap();
        let log = RemoteLog::new(folder.path());
        let at = |second| Timestamp::from_second(second).unwrap();
        let written = (0..500).filter(|_| log.room(at(600)).is_some());
        assert_eq!(written.count(), 10);
        assert_eq!(log.room(at(659)), None);
        assert_eq!(log.room(at(660)), Some(491));
        assert_eq!(log.room(at(661)), Some(0));
    }

    #[test]
    fn entries_come_back_newest_first_over_restarts() {
        let folder = tempfile::tempdir().unwrap();
        let log = RemoteLog::new(folder.path());
        assert_eq!(log.last_change(), None);
        log.add(entry(1, Outcome::Began)).unwrap();
        log.add(entry(2, Outcome::Refused)).unwrap();
        log.add(entry(3, Outcome::Failed)).unwrap();
        let again = RemoteLog::new(folder.path());
        let times = |limit| {
            let entries = again.newest(limit).into_iter();
            entries
                .map(|entry| entry.at.as_second())
                .collect::<Vec<_>>()
        };
        assert_eq!(times(10), [3, 2, 1]);
        assert_eq!(times(2), [3, 2]);
    }

    #[test]
    fn the_files_stay_small_and_refusals_push_no_change_out() {
        let folder = tempfile::tempdir().unwrap();
        let log = RemoteLog::new(folder.path());
        log.add(entry(0, Outcome::Began)).unwrap();
        let full = "x".repeat(usize::try_from(LARGEST_FILE).unwrap());
        for n in 1..=3 {
            fs::write(
                folder.path().join("remote-refused.jsonl"),
                format!("{full}\n"),
            )
            .unwrap();
            log.add(entry(n, Outcome::Refused)).unwrap();
        }
        let entries = log.newest(10);
        assert_eq!(entries.last(), Some(&entry(0, Outcome::Began)));
        let files = fs::read_dir(folder.path())
            .unwrap()
            .map(|file| file.unwrap().path());
        let sizes: u64 = files.map(|file| fs::metadata(file).unwrap().len()).sum();
        assert!(sizes < 3 * LARGEST_FILE, "{sizes}");
    }

    #[test]
    fn what_a_crash_left_of_a_line_costs_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let log = RemoteLog::new(folder.path());
        fs::write(folder.path().join("remote.jsonl"), "{\"at\":").unwrap();
        log.add(entry(1, Outcome::Began)).unwrap();
        assert_eq!(log.newest(10), [entry(1, Outcome::Began)]);
    }

    #[test]
    fn a_text_is_one_line_of_bounded_length() {
        let folder = tempfile::tempdir().unwrap();
        let log = RemoteLog::new(folder.path());
        let text = format!("a\nb\u{1b}{}", "é".repeat(1_000));
        log.add(Entry {
            text,
            ..entry(1, Outcome::Began)
        })
        .unwrap();
        let kept = &log.newest(1)[0].text;
        assert!(
            kept.starts_with("a b é") && kept.chars().count() == LONGEST_TEXT,
            "{kept}"
        );
    }

    #[cfg(unix)]
    #[test]
    fn the_files_are_this_users_alone() {
        use std::os::unix::fs::PermissionsExt as _;

        let folder = tempfile::tempdir().unwrap();
        RemoteLog::new(folder.path())
            .add(entry(1, Outcome::Began))
            .unwrap();
        let file = fs::metadata(folder.path().join("remote.jsonl")).unwrap();
        assert_eq!(file.permissions().mode() & 0o777, 0o600);
    }
}
