//! What the journal is asked to do. Every call that changes it is here, and none elsewhere.

use std::{path::Path, time::Duration};

use fastrand::Rng;
use jiff::Timestamp;
use shopmaster_agent::{
    journal::{
        Acknowledged, Binding, Doubt, Journal, JournalError, Kept, Opened, Parking, Pause, Result,
        Settlement, StoredRun, UploadProgress,
    },
    product::ProductId,
};

use crate::ledger::{Answer, Ledger};

/// The journal's name in its folder.
pub const FILE: &str = "journal.sqlite";

/// One call that changes the journal.
#[derive(Debug, Clone)]
pub enum Call {
    HandOver(Vec<ProductId>),
    /// The answers for what the call before handed over.
    Settle(Vec<(ProductId, Answer)>),
    BeginUpload,
    FinishUpload,
    Retry(Option<Vec<ProductId>>),
    Discard(Option<Vec<ProductId>>),
    Forget(Option<Vec<ProductId>>),
    DoubtEverything,
    Pause(Option<Pause>),
    StoreRun(StoredRun),
    DropRun(String),
    Propose(i64),
    Confirm(i64),
    /// Closes the journal, which folds its WAL into the file, and opens it again.
    Reopen,
}

/// An open journal, and what is on its way.
#[derive(Debug)]
pub struct Session {
    pub journal: Journal,
    in_flight: Vec<(ProductId, Doubt)>,
    upload: Option<i64>,
}

/// Why a journal is not gone on with.
#[derive(Debug)]
pub enum NotOurs {
    SetAside(Kept),
    Failed(JournalError),
}

impl Session {
    pub fn open(folder: &Path) -> std::result::Result<Self, NotOurs> {
        let binding = Binding {
            account: "https://digible.example shop@example.com".to_owned(),
            catalog: "sqlite:/shop.db:products".to_owned(),
        };
        match Journal::open(&folder.join(FILE), &binding) {
            Ok(Opened {
                journal,
                kept: None,
            }) => Ok(Self {
                journal,
                in_flight: Vec::new(),
                upload: None,
            }),
            Ok(Opened {
                kept: Some(kept), ..
            }) => Err(NotOurs::SetAside(kept)),
            Err(error) => Err(NotOurs::Failed(error)),
        }
    }

    /// Does it, and notes in the ledger what must hold from then on.
    pub async fn perform(self, call: &Call, ledger: &mut Ledger, folder: &Path) -> Result<Self> {
        let journal = &self.journal;
        match call {
            Call::HandOver(ids) => {
                let known = journal.known(ids.clone()).await?;
                journal.hand_over(ids.clone()).await?;
                ledger.hand_over(ids);
                let doubts = known.into_iter().map(|known| known.doubt);
                return Ok(Self {
                    in_flight: ids.iter().cloned().zip(doubts).collect(),
                    ..self
                });
            }
            Call::Settle(answers) => {
                journal.settle(self.settlement(answers)).await?;
                for (id, answer) in answers {
                    ledger.settle(id, *answer);
                }
            }
            Call::BeginUpload => {
                let upload = Some(journal.begin_upload().await?);
                return Ok(Self { upload, ..self });
            }
            Call::FinishUpload => {
                journal
                    .finish_upload(self.upload.unwrap_or_default())
                    .await?;
            }
            Call::Retry(ids) => drop(journal.retry_parked(ids.clone()).await?),
            Call::Discard(ids) => drop(journal.discard_parked(ids.clone()).await?),
            Call::Forget(ids) => {
                journal.forget_removed(ids.clone()).await?;
                ledger.forget(ids.as_deref());
            }
            Call::DoubtEverything => journal.doubt_everything().await?,
            Call::Pause(pause) => journal.set_pause(*pause).await?,
            Call::StoreRun(run) => journal.store_run(run.clone()).await?,
            Call::DropRun(id) => journal.drop_run(id.clone()).await?,
            Call::Propose(number) => journal.propose_generation(*number).await?,
            Call::Confirm(number) => journal.confirm_generation(*number).await?,
            Call::Reopen => {
                drop(self);
                return Ok(Self::open(folder).unwrap());
            }
        }
        Ok(self)
    }

    fn settlement(&self, answers: &[(ProductId, Answer)]) -> Settlement {
        let mut settlement = Settlement {
            // Every doubt that was due is settled.
            sent_at: i64::MAX,
            landing_time: Duration::ZERO,
            upload: self.upload,
            progress: answers.last().map(|(id, _)| UploadProgress {
                cursor: id.clone(),
                done: answers.len() as u64,
            }),
            ..Settlement::default()
        };
        for (id, answer) in answers {
            let id = id.clone();
            match *answer {
                Answer::Acknowledged(digest) => {
                    settlement.returned.push(id.clone());
                    settlement.acknowledged.push(Acknowledged { id, digest });
                }
                Answer::Parked(digest) => settlement.parked.push(Parking {
                    id,
                    digest,
                    reason: "400: the price is too high".to_owned(),
                }),
                Answer::Removed => settlement.removed.push(id),
                Answer::Untouched => {
                    let before = self.in_flight.iter().find(|(of, _)| *of == id);
                    settlement.untouched.extend(before.cloned());
                }
                Answer::Lost => settlement.lost.push(id),
                Answer::Unanswered => {}
            }
        }
        settlement
    }
}

/// Integers and texts, some of which look alike.
pub fn ids() -> Vec<ProductId> {
    let numbers = (0..100).map(|number| ProductId::Integer(number * 7 - 50));
    let texts = (0..30).map(|number| ProductId::Text(format!("{number}")));
    numbers.chain(texts).collect()
}

/// As many calls as asked for, at random.
pub fn calls(count: usize, random: &mut Rng) -> Vec<Call> {
    let in_one_go = random.u8(..3) == 0;
    let mut calls: Vec<Call> = Vec::with_capacity(count);
    while calls.len() < count {
        let call = match calls.last() {
            // Most steps are settled.
            Some(Call::HandOver(ids)) if random.u8(..10) > 0 => Call::Settle(answers(ids, random)),
            _ => call(in_one_go, random),
        };
        calls.push(call);
    }
    calls
}

fn call(in_one_go: bool, random: &mut Rng) -> Call {
    match random.u8(..20) {
        0..=8 => Call::HandOver(some_ids(random)),
        9 => Call::BeginUpload,
        10 => Call::FinishUpload,
        11 => Call::Retry(maybe_ids(random)),
        12 => Call::Discard(maybe_ids(random)),
        13 => Call::Forget(maybe_ids(random)),
        14 => Call::Pause(match random.u8(..3) {
            0 => None,
            1 => Some(Pause::UntilResumed),
            _ => Timestamp::from_second(random.i64(0..2_000_000_000))
                .ok()
                .map(Pause::Until),
        }),
        15 => Call::StoreRun(run(
            random.u8(..8).to_string(),
            random.usize(..1000),
            random,
        )),
        16 | 17 => Call::DropRun(random.u8(..8).to_string()),
        18 => match random.u8(..3) {
            0 => Call::DoubtEverything,
            1 => Call::Propose(random.i64(..)),
            _ => Call::Confirm(random.i64(..)),
        },
        // SQLite writes the WAL back when it has 4 MB, or when the journal is closed.
        _ if in_one_go => Call::StoreRun(run(
            "long".to_owned(),
            random.usize(2_000_000..4_000_000),
            random,
        )),
        _ => Call::Reopen,
    }
}

/// A few, or a batch.
fn some_ids(random: &mut Rng) -> Vec<ProductId> {
    let count = if random.u8(..4) == 0 {
        80
    } else {
        random.usize(1..8)
    };
    random.choose_multiple(ids(), count)
}

fn maybe_ids(random: &mut Rng) -> Option<Vec<ProductId>> {
    random.bool().then(|| some_ids(random))
}

fn answers(ids: &[ProductId], random: &mut Rng) -> Vec<(ProductId, Answer)> {
    let mut digest = [0; 32];
    random.fill(&mut digest);
    let answer = |id: &ProductId| {
        let answer = match random.u8(..12) {
            0..=5 => Answer::Acknowledged(digest),
            6 => Answer::Untouched,
            7 => Answer::Lost,
            8 => Answer::Parked(digest),
            9 | 10 => Answer::Removed,
            _ => Answer::Unanswered,
        };
        (id.clone(), answer)
    };
    ids.iter().map(answer).collect()
}

fn run(id: String, length: usize, random: &mut Rng) -> StoredRun {
    let started_at = random.i64(..1_000_000_000_000);
    StoredRun {
        id,
        started_at,
        finished_at: random.bool().then_some(started_at + 1),
        record: random.lowercase().to_string().repeat(length),
    }
}
