//! What the agent remembers beside its journal: a pause outlives every journal.
//!
//! A journal belongs to an account, and is set aside when it is damaged or belongs to another account. A user
//! who paused the agent did not pause a journal.

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

/// The current pause, and which journal was in use, in a file of their own. One for the whole process.
#[derive(Debug)]
pub struct AgentState {
    file: Arc<StateFile>,
    pause: watch::Sender<Option<Pause>>,
}

#[derive(Debug)]
struct StateFile {
    path: PathBuf,
    /// The content of the file. The lock is held while the file is written, so that the latest change is in the
    /// file.
    kept: Mutex<Kept>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Kept {
    #[serde(default)]
    paused: bool,
    /// None: until the user resumes.
    #[serde(default)]
    paused_until: Option<Timestamp>,
    /// The id of the journal that is in use.
    #[serde(default)]
    journal: Option<String>,
    /// A number that differs between its file and a copy of it.
    #[serde(default)]
    file: Option<u64>,
    /// Whether nothing was stored yet: an earlier version stored the pause in the journal.
    #[serde(skip)]
    is_new: bool,
}

impl AgentState {
    /// Reads the file at `path`. A file that exists and cannot be read counts as a pause until the user
    /// resumes: that is visible, and an agent that was paused must not start to send.
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
                "the saved pause cannot be read: paused until `shopmasterctl resume`"
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

    /// The pause that was set, even if its time is over.
    pub fn borrow(&self) -> watch::Ref<'_, Option<Pause>> {
        self.pause.borrow()
    }

    /// The pause and its changes.
    pub fn subscribe(&self) -> watch::Receiver<Option<Pause>> {
        self.pause.subscribe()
    }

    /// Sets or ends a pause.
    ///
    /// # Errors
    ///
    /// When the file cannot be written; then nothing changes.
    pub async fn set_pause(&self, pause: Option<Pause>) -> Result<()> {
        self.change(move |kept| kept.set_pause(pause)).await?;
        self.pause.send_replace(pause);
        Ok(())
    }

    /// Records the journal that is used from now on, and returns, for people, how it differs from the earlier
    /// one. A copy may be old, so everything published in it is in doubt. A pause that an earlier version
    /// stored in the journal is adopted.
    ///
    /// `is_lost`: whether the journal that was set aside in favor of this one belonged to this account; none
    /// when none was set aside.
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
            // This journal does not know what the agent of the lost journal had in flight. This comes before
            // the new id is stored: afterwards, the question is not asked again.
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

    /// Changes what is stored, and writes the file unless nothing changed.
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
