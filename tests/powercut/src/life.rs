//! A journal from one start to its end, and what a power cut anywhere in between leaves of it.

use std::iter;

use fastrand::Rng;
use tempfile::tempdir;

use crate::{
    check::{Recovered, Violation, check},
    ledger::Ledger,
    log::{Event, Watch},
    observed::Observed,
    rebuild::{Ignored, Image, rebuild},
    vfs,
    workload::{Call, FILE, Session, ids},
};

/// A moment when a call had returned.
#[derive(Debug, Clone)]
pub struct Mark {
    /// How many events there were.
    events: usize,
    /// The call.
    pub what: String,
    /// What the journal answered then.
    pub observed: Observed,
    /// What must hold from then on.
    pub ledger: Ledger,
}

/// A life that is over: what was on the disk before it, and all that happened.
#[derive(Debug)]
pub struct Life {
    before: Image,
    events: Vec<Event>,
    marks: Vec<Mark>,
}

/// What a power cut leaves, and the marks that it may equal: the last one before the cut, and the one
/// of the call that was running.
#[derive(Debug)]
pub struct Cut<'a> {
    pub at: usize,
    pub image: Image,
    pub marks: &'a [Mark],
}

impl Mark {
    /// A shop that never had a journal: what an empty one answers.
    pub async fn nothing() -> Self {
        vfs::install();
        let folder = tempdir().unwrap();
        // So that nothing is really synced.
        let _watch = Watch::new(folder.path(), iter::empty());
        let session = Session::open(folder.path()).unwrap();
        let mut observed = Observed::of(&session.journal, &ids()).await.unwrap();
        observed.id = None;
        Self {
            events: 0,
            what: "nothing".to_owned(),
            observed,
            ledger: Ledger::default(),
        }
    }
}

impl Life {
    /// Opens the journal of `before`, which must equal one of `marks`, makes these calls, and closes it.
    ///
    /// # Errors
    ///
    /// When the journal is not as it must be after the power was cut.
    pub async fn live(before: Image, marks: &[Mark], calls: &[Call]) -> Result<Self, Violation> {
        vfs::install();
        let folder = tempdir().unwrap();
        let folder = folder.path();
        before.write(folder);
        let watch = Watch::new(folder, before.0.keys());
        let ids = ids();
        let Recovered { mut session, state } = check(folder, marks, &ids).await?;
        let mut last = Mark {
            events: 0,
            ..marks[state].clone()
        };
        last.ledger.abandon();
        let mut marks = vec![last.clone()];
        last.mark("open", &session, &watch).await;
        marks.push(last.clone());
        for call in calls {
            session = session
                .perform(call, &mut last.ledger, folder)
                .await
                .unwrap();
            last.mark(&format!("{call:?}"), &session, &watch).await;
            assert_eq!(
                last.ledger.broken_by(&last.observed),
                None,
                "after {call:?}"
            );
            marks.push(last.clone());
        }
        drop(session);
        marks.push(Mark {
            events: watch.log.len(),
            what: "close".to_owned(),
            ..last
        });
        Ok(Self {
            before,
            events: watch.log.take(),
            marks,
        })
    }

    /// Cuts the power at random: anywhere, or beside an event that is not a write.
    pub fn cut(&self, ignored: Ignored, random: &mut Rng) -> Cut<'_> {
        let mut at = random.usize(..=self.events.len());
        if random.bool() {
            // Beside one that is no write: most are.
            let write = |event: &Event| matches!(event, Event::Write { .. });
            let others = (0..self.events.len()).filter(|at| !write(&self.events[*at]));
            at = random.choice(others.collect::<Vec<_>>()).unwrap_or(at) + random.usize(..2);
        }
        let returned = self
            .marks
            .iter()
            .rposition(|mark| mark.events <= at)
            .unwrap_or_default();
        let end = self.marks.len().min(returned + 2);
        Cut {
            at,
            image: rebuild(&self.before, &self.events[..at], ignored, random),
            marks: &self.marks[returned..end],
        }
    }

    /// How many calls wrote the WAL back into the main file, other than by closing the journal.
    pub fn checkpoints(&self) -> usize {
        let name = |event: &Event| match event {
            Event::Create { name, inode } if name == FILE => Some(*inode),
            _ => None,
        };
        let main = self.before.0.keys().position(|name| name == FILE);
        let main = main.or_else(|| self.events.iter().find_map(name));
        let calls = self.marks.windows(2).filter(|pair| {
            let events = &self.events[pair[0].events..pair[1].events];
            !matches!(pair[1].what.as_str(), "open" | "close" | "Reopen")
                && events
                    .iter()
                    .any(|event| matches!(event, Event::Sync { inode } if Some(*inode) == main))
        });
        calls.count()
    }

    /// The main file and what the journal answers, when it was closed in good order.
    pub fn end(&self) -> (Image, &Mark) {
        self.left_by(self.events.len(), self.marks.len() - 1)
    }

    /// The main file, the WAL and what the journal answered, when its process was killed after the last call.
    pub fn killed(&self) -> (Image, &Mark) {
        let last = self.marks.len() - 2;
        self.left_by(self.marks[last].events, last)
    }

    /// What the journal answered after each call.
    pub fn answers(&self) -> impl Iterator<Item = &Observed> {
        self.marks.iter().map(|mark| &mark.observed)
    }

    fn left_by(&self, events: usize, mark: usize) -> (Image, &Mark) {
        let mut synced = self.events[..events].to_vec();
        synced.push(Event::SyncFolder);
        let image = rebuild(
            &self.before,
            &synced,
            Ignored::Nothing,
            &mut Rng::with_seed(0),
        );
        (image, &self.marks[mark])
    }
}

impl Mark {
    async fn mark(&mut self, what: &str, session: &Session, watch: &Watch) {
        self.events = watch.log.len();
        self.what = what.chars().take(200).collect();
        self.observed = Observed::of(&session.journal, &ids()).await.unwrap();
    }
}
