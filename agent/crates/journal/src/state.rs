//! What the agent remembers beside its journal: a pause outlives every journal.
//!
//! A journal belongs to an account, and one that is damaged or belongs to another account is kept aside. A
//! person who paused the agent did not pause a journal.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shopmaster_base::atomic_file::write_atomically;
use tokio::sync::watch;

use super::{Journal, JournalError, Pause, Result};

/// The pause that is on, and which journal was there, in a file of their own. One for the whole process.
#[derive(Debug)]
pub struct AgentState {
    file: Arc<StateFile>,
    pause: watch::Sender<Option<Pause>>,
}

#[derive(Debug)]
struct StateFile {
    path: PathBuf,
    /// What the file holds; held while it is written, so that the last one to change it is in the file.
    kept: Mutex<Kept>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Kept {
    #[serde(default)]
    paused: bool,
    /// None: until somebody resumes.
    #[serde(default)]
    paused_until: Option<Timestamp>,
    /// The id of the journal that is in use.
    #[serde(default)]
    journal: Option<String>,
    /// What tells its file from a copy of it.
    #[serde(default)]
    file: Option<u64>,
    /// Nothing was kept yet: an earlier version kept the pause in the journal.
    #[serde(skip)]
    is_new: bool,
}

impl AgentState {
    /// Reads the file at `path`. One that is there and cannot be read counts as paused until somebody
    /// resumes: it is seen, and an agent that was paused must not begin to send.
    #[must_use]
    pub fn open(path: &Path) -> Self {
        let kept = match fs::read(path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(io::Error::from),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Kept {
                is_new: true,
                ..Kept::default()
            }),
            Err(error) => Err(error),
        };
        let kept = kept.unwrap_or_else(|error| {
            tracing::warn!(
                path = %path.display(),
                %error,
                "what was kept of a pause cannot be read: paused until `shopmasterctl resume`"
            );
            Kept {
                paused: true,
                ..Kept::default()
            }
        });
        Self {
            pause: watch::Sender::new(kept.pause()),
            file: Arc::new(StateFile {
                path: path.to_owned(),
                kept: Mutex::new(kept),
            }),
        }
    }

    /// The pause that is on, an ended one included.
    pub fn borrow(&self) -> watch::Ref<'_, Option<Pause>> {
        self.pause.borrow()
    }

    /// The pause and its changes.
    pub fn subscribe(&self) -> watch::Receiver<Option<Pause>> {
        self.pause.subscribe()
    }

    /// Keeps or ends a pause.
    ///
    /// # Errors
    ///
    /// When the file cannot be written; then it is as it was.
    pub async fn set_pause(&self, pause: Option<Pause>) -> Result<()> {
        self.change(move |kept| kept.set_pause(pause)).await?;
        self.pause.send_replace(pause);
        Ok(())
    }

    /// Notes the journal that is in use from now on, and says, for people, in what it is another one than
    /// before. A copy may be old, so that everything published in it is in doubt. A pause that an earlier
    /// version kept in the journal is taken over.
    ///
    /// `is_lost`: whether the journal that was set aside for this one was this account's own; none when none
    /// was set aside.
    ///
    /// # Errors
    ///
    /// When the file or the journal fails.
    pub async fn use_journal(
        &self,
        journal: &Journal,
        is_lost: Option<bool>,
    ) -> Result<Option<&'static str>> {
        let id = journal.stamp().await?.journal;
        let file = journal.place.number();
        let before = self.file.kept().clone();
        let is_other = before.journal.as_ref().is_some_and(|before| *before != id);
        let is_copy = !is_other && before.file.is_some() && file.is_some() && before.file != file;
        if is_lost.unwrap_or(is_other || is_copy) {
            // What the agent of the lost journal had in flight, this one does not know. Before the new one's
            // id is kept: from then on nobody asks again.
            journal.expect_others().await?;
        }
        if is_copy {
            journal.doubt_everything().await?;
        }
        let earlier = journal.pause().await?;
        let pause = self
            .change(move |kept| {
                if kept.is_new {
                    kept.set_pause(earlier);
                }
                kept.journal = Some(id);
                kept.file = file;
                kept.pause()
            })
            .await?;
        self.pause.send_if_modified(|now| {
            let changes = *now != pause;
            *now = pause;
            changes
        });
        Ok(match (is_other, is_copy) {
            (true, _) => Some("it was missing"),
            (_, true) => Some("its file is a copy, which may be old"),
            _ => None,
        })
    }

    /// Changes what is kept, and writes it unless it stays the same.
    async fn change<T: Send + 'static>(
        &self,
        change: impl FnOnce(&mut Kept) -> T + Send + 'static,
    ) -> Result<T> {
        let file = Arc::clone(&self.file);
        tokio::task::spawn_blocking(move || file.change(change))
            .await
            .map_err(|_| JournalError::Stopped)?
            .map_err(|source| JournalError::KeepState { source })
    }
}

impl StateFile {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(&self, change: impl FnOnce(&mut Kept) -> T) -> io::Result<T> {
        let mut kept = self.kept();
        let mut next = kept.clone();
        let value = change(&mut next);
        if next != *kept {
            next.is_new = false;
            write_atomically(&self.path, &serde_json::to_vec(&next)?)?;
            *kept = next;
        }
        Ok(value)
    }
}

impl Kept {
    fn pause(&self) -> Option<Pause> {
        self.paused
            .then(|| self.paused_until.map_or(Pause::UntilResumed, Pause::Until))
    }

    fn set_pause(&mut self, pause: Option<Pause>) {
        self.paused = pause.is_some();
        self.paused_until = match pause {
            Some(Pause::Until(until)) => Some(until),
            Some(Pause::UntilResumed) | None => None,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(folder: &tempfile::TempDir) -> PathBuf {
        folder.path().join("state.json")
    }

    #[tokio::test]
    async fn a_pause_is_kept_and_ended() {
        let folder = tempfile::tempdir().unwrap();
        let until: Timestamp = "2100-01-01T00:00:00Z".parse().unwrap();
        let state = AgentState::open(&path(&folder));
        assert_eq!(*state.borrow(), None);
        for pause in [Some(Pause::UntilResumed), Some(Pause::Until(until)), None] {
            state.set_pause(pause).await.unwrap();
            assert_eq!(*state.borrow(), pause);
            assert_eq!(*AgentState::open(&path(&folder)).borrow(), pause);
        }
    }

    #[tokio::test]
    async fn what_cannot_be_read_is_a_pause() {
        let folder = tempfile::tempdir().unwrap();
        for text in ["", "{", "7", "{\"paused\":7}"] {
            fs::write(path(&folder), text).unwrap();
            let state = AgentState::open(&path(&folder));
            assert_eq!(*state.borrow(), Some(Pause::UntilResumed), "{text}");
        }
        let state = AgentState::open(&path(&folder));
        state.set_pause(None).await.unwrap();
        assert_eq!(*AgentState::open(&path(&folder)).borrow(), None);
    }

    #[tokio::test]
    async fn a_pause_that_cannot_be_kept_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let state = AgentState::open(&folder.path().join("missing/state.json"));
        let error = state
            .set_pause(Some(Pause::UntilResumed))
            .await
            .unwrap_err();
        assert!(matches!(error, JournalError::KeepState { .. }), "{error}");
        assert_eq!(*state.borrow(), None);
    }

    #[test]
    fn what_a_later_version_adds_is_no_reason_to_pause() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(path(&folder), r#"{"paused":false,"later":1}"#).unwrap();
        assert_eq!(*AgentState::open(&path(&folder)).borrow(), None);
    }
}
