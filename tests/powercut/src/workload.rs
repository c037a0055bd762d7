//! What the journal is asked to do. Every call that changes it is here, and none elsewhere.

use std::{path::Path, time::Duration};

use fastrand::Rng;
use shopmaster_journal::{
    Acknowledged, Binding, DigestBytes, Finding, InFlight, Journal, JournalError, Kept, Landing,
    Opened, Result, Settled, StoredRun, UploadProgress,
};
use shopmaster_product::ProductId;

use crate::ledger::{Answer, Found, Ledger};

/// The journal's name in its folder.
pub const FILE: &str = "journal.sqlite";

/// How long a request may land after it was given up: longer than any test.
const LATE_WINDOW: Duration = Duration::from_secs(24 * 3600);

const REASON: &str = "400: the price is too high";

/// One call that changes the journal.
#[derive(Debug, Clone)]
pub enum Call {
    /// What a step found, and what it hands over. A step before it that was not settled is given up.
    HandOver(Vec<(ProductId, Found)>, Vec<ProductId>),
    /// Products of the step that is under way, and whether an earlier request of it may still land.
    Acknowledge(Vec<(ProductId, bool)>, DigestBytes),
    /// What became of others of the step that is under way.
    Settle(Vec<(ProductId, Answer)>),
    BeginUpload,
    FinishUpload,
    NeedUpload,
    LetUploadResume(bool),
    Retry(Option<Vec<ProductId>>),
    Discard(Option<Vec<ProductId>>),
    Forget(Option<Vec<ProductId>>),
    DoubtEverything,
    ExpectOthers,
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
    in_flight: Option<InFlight>,
    upload: Option<i64>,
}

/// Why a journal is not gone on with.
#[derive(Debug)]
pub enum NotOurs {
    SetAside(Kept),
    /// It is gone on with, all in doubt.
    Damaged(Journal, Kept),
    Failed(JournalError),
}

impl Session {
    pub fn open(folder: &Path) -> std::result::Result<Self, NotOurs> {
        let binding = Binding {
            account: "https://digible.example shop@example.com".to_owned(),
            catalog: "sqlite:/shop.db:products".to_owned(),
            captured: "sqlite:/shop.db:products".to_owned(),
        };
        match Journal::open(&folder.join(FILE), &binding, LATE_WINDOW) {
            Ok(Opened {
                kept: Some(kept), ..
            }) => Err(NotOurs::SetAside(kept)),
            Ok(Opened {
                journal,
                damaged: Some(copy),
                ..
            }) => Err(NotOurs::Damaged(journal, copy)),
            Ok(Opened { journal, .. }) => Ok(Self {
                journal,
                in_flight: None,
                upload: None,
            }),
            Err(error) => Err(NotOurs::Failed(error)),
        }
    }

    /// Does it, and notes in the ledger what must hold from then on.
    pub async fn perform(
        mut self,
        call: &Call,
        ledger: &mut Ledger,
        folder: &Path,
    ) -> Result<Self> {
        let journal = &self.journal;
        match call {
            Call::HandOver(found, ids) => {
                // As a task that is cancelled.
                drop(self.in_flight.take());
                let findings = found
                    .iter()
                    .map(|(id, found)| (id.clone(), finding(*found)));
                let (findings, upload) = (findings.collect(), self.upload);
                let step = journal.hand_over(findings, ids.clone(), upload).await?;
                ledger.abandon();
                for (id, found) in found {
                    ledger.find(id, *found);
                }
                ledger.hand_over(ids);
                self.in_flight = Some(step);
            }
            Call::Acknowledge(products, digest) => {
                let acknowledged = products.iter().map(|(id, may_still_land)| Acknowledged {
                    id: id.clone(),
                    digest: *digest,
                    may_still_land: *may_still_land,
                });
                let step = self.in_flight.as_mut().unwrap();
                journal.acknowledge(step, acknowledged.collect()).await?;
                for (id, may_still_land) in products {
                    ledger.acknowledge(id, *digest, *may_still_land);
                }
            }
            Call::Settle(answers) => {
                let settled = answers
                    .iter()
                    .filter_map(|(id, answer)| settled(id, *answer));
                let progress = answers.last().map(|(id, _)| UploadProgress {
                    cursor: id.clone(),
                    done: answers.len() as u64,
                });
                let step = self.in_flight.take().unwrap();
                journal.settle(step, settled.collect(), progress).await?;
                for (id, answer) in answers {
                    ledger.settle(id, *answer);
                }
            }
            Call::BeginUpload => self.upload = Some(journal.begin_upload().await?),
            Call::FinishUpload => {
                journal
                    .finish_upload(self.upload.unwrap_or_default())
                    .await?;
            }
            Call::NeedUpload => journal.need_upload().await?,
            Call::LetUploadResume(resumes) => journal.let_upload_resume(*resumes).await?,
            Call::Retry(ids) => drop(journal.retry_parked(ids.clone()).await?),
            Call::Discard(ids) => drop(journal.discard_parked(ids.clone()).await?),
            Call::Forget(ids) => {
                journal.forget_removed(ids.clone()).await?;
                ledger.forget(ids.as_deref());
            }
            Call::DoubtEverything => journal.doubt_everything().await?,
            Call::ExpectOthers => journal.expect_others().await?,
            Call::StoreRun(run) => journal.store_run(run.clone(), None).await?,
            Call::DropRun(id) => journal.drop_run(id.clone()).await?,
            Call::Propose(number) => journal.propose_generation(*number).await?,
            Call::Confirm(number) => journal.confirm_generation(*number).await?,
            Call::Reopen => {
                drop(self);
                ledger.abandon();
                return Ok(Self::open(folder).unwrap());
            }
        }
        Ok(self)
    }
}

fn finding(found: Found) -> Finding {
    match found {
        Found::Refused(digest) => Finding::Refused {
            digest,
            reason: REASON.to_owned(),
        },
        Found::Unparked => Finding::Unparked,
        Found::Gone => Finding::Gone,
    }
}

/// None when nothing is said of it.
fn settled(id: &ProductId, answer: Answer) -> Option<Settled> {
    let (landing, refused) = match answer {
        Answer::Nothing => (Landing::Nothing, None),
        Answer::Answered => (Landing::Answered, None),
        Answer::GivenUp => (Landing::MayStillLand, None),
        Answer::Silent => return None,
        Answer::Refused(digest) => (Landing::Nothing, Some((digest, REASON.to_owned()))),
    };
    Some(Settled {
        id: id.clone(),
        landing,
        refused,
    })
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
    // What is left of the step that is under way.
    let mut step: Option<Vec<ProductId>> = None;
    while calls.len() < count {
        let call = match (&mut step, random.u8(..10)) {
            (Some(left), 0..=3) => acknowledgements(left, random),
            (Some(left), 4..=7) => {
                let call = Call::Settle(answers(left, random));
                step = None;
                call
            }
            // Others come between, or the step is given up.
            _ => call(in_one_go, random),
        };
        match &call {
            Call::HandOver(_, ids) => step = Some(ids.clone()),
            Call::Reopen => step = None,
            _ => {}
        }
        calls.push(call);
    }
    calls
}

fn call(in_one_go: bool, random: &mut Rng) -> Call {
    match random.u8(..24) {
        0..=9 => Call::HandOver(findings(random), some_ids(random)),
        10 => Call::HandOver(findings(random), Vec::new()),
        11 => Call::BeginUpload,
        12 => Call::FinishUpload,
        13 => Call::Retry(maybe_ids(random)),
        14 => Call::Discard(maybe_ids(random)),
        15 => Call::Forget(maybe_ids(random)),
        16 | 17 => Call::StoreRun(run(
            random.u8(..8).to_string(),
            random.usize(..1000),
            random,
        )),
        18 | 19 => Call::DropRun(random.u8(..8).to_string()),
        20 => match random.u8(..3) {
            0 => Call::DoubtEverything,
            1 => Call::ExpectOthers,
            _ => Call::NeedUpload,
        },
        21 => match random.u8(..3) {
            0 => Call::LetUploadResume(random.bool()),
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

fn digest(random: &mut Rng) -> DigestBytes {
    let mut digest = [0; 32];
    random.fill(&mut digest);
    digest
}

fn findings(random: &mut Rng) -> Vec<(ProductId, Found)> {
    if random.bool() {
        return Vec::new();
    }
    let (ids, digest) = (some_ids(random), digest(random));
    let found = |id| match random.u8(..5) {
        0 | 1 => (id, Found::Refused(digest)),
        2 => (id, Found::Unparked),
        _ => (id, Found::Gone),
    };
    ids.into_iter().map(found).collect()
}

/// Of some that are left.
fn acknowledgements(left: &mut Vec<ProductId>, random: &mut Rng) -> Call {
    random.shuffle(left);
    let rest = left.split_off(left.len() - left.len() / 3);
    let acknowledged = std::mem::replace(left, rest);
    let acknowledged = acknowledged
        .into_iter()
        .map(|id| (id, random.u8(..12) == 0));
    let acknowledged = acknowledged.collect();
    Call::Acknowledge(acknowledged, digest(random))
}

fn answers(ids: &[ProductId], random: &mut Rng) -> Vec<(ProductId, Answer)> {
    let digest = digest(random);
    let answer = |id: &ProductId| {
        let answer = match random.u8(..6) {
            0 | 1 => Answer::Nothing,
            2 => Answer::Answered,
            3 => Answer::GivenUp,
            4 => Answer::Refused(digest),
            _ => Answer::Silent,
        };
        (id.clone(), answer)
    };
    ids.iter().map(answer).collect()
}

fn run(id: String, length: usize, random: &mut Rng) -> StoredRun {
    let started_at = random.i64(..1_000_000_000_000);
    StoredRun {
        sequence: random.u64(..1_000_000_000_000),
        id,
        started_at,
        finished_at: random.bool().then_some(started_at + 1),
        record: random.lowercase().to_string().repeat(length),
    }
}
