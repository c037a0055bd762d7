//! Random sequences against a plain model in memory, over kills at any point.
//!
//! What an event makes of a product is the entry's own rule; here it is whether the tables hold what the rule
//! says, and whether each step leaves a word about each of its products.

use std::collections::{BTreeMap, BTreeSet};

use proptest::{collection::vec, prelude::*};

use self::acts::{Act, Fate, Found, Step, act, ids};
use super::{opening::copy_of, *};
use crate::{Entry, Event, Refusal, Times};

mod acts;

/// The window is long against a test: nothing comes behind it.
const TIMES: Times = Times {
    now: 2,
    wall: 1,
    started: 1,
    late_window: 10,
    others_until: 0,
};

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Model {
    entries: BTreeMap<ProductId, Entry>,
    /// By steps that are over.
    in_flight: BTreeSet<ProductId>,
    /// The newest number, and the upload that is there.
    numbers: i64,
    upload: Option<(i64, Option<ProductId>, bool)>,
    uploaded: bool,
}

impl Model {
    fn apply(&mut self, id: &ProductId, event: &Event) {
        let entry = self.entries.remove(id).unwrap_or_default();
        let entry = entry.after(event, &TIMES);
        if entry != Entry::default() {
            self.entries.insert(id.clone(), entry);
        }
    }

    fn give_up(&mut self) {
        for id in std::mem::take(&mut self.in_flight) {
            self.apply(&id, &Event::GivenUp);
        }
    }

    fn step(&mut self, step: &Step) {
        let upload = step.upload(self);
        self.give_up();
        for (id, found) in &step.found {
            self.apply(id, &found.event());
        }
        for id in step.sent.keys() {
            self.apply(id, &Event::HandedOver);
        }
        for (id, fate) in &step.sent {
            for event in fate.events(upload) {
                self.apply(id, &event);
            }
        }
        if let (Some(last), Some((_, cursor, _))) = (step.sent.keys().last(), &mut self.upload)
            && step.in_upload
        {
            *cursor = Some(last.clone());
        }
    }

    fn parked(&self) -> impl Iterator<Item = (&ProductId, &Refusal)> {
        let parked = |(id, entry)| Some((id, Option::as_ref(entry)?));
        self.entries
            .iter()
            .map(|(id, entry)| (id, &entry.parked))
            .filter_map(parked)
    }

    /// Changes the parked products that are meant: these, or all that are shown.
    fn change(&mut self, ids: Option<&Vec<ProductId>>, change: impl Fn(&mut Refusal)) {
        for (id, entry) in &mut self.entries {
            let Some(parked) = &mut entry.parked else {
                continue;
            };
            let is_meant = ids.map_or(!parked.discarded, |ids| ids.contains(id));
            if is_meant {
                change(parked);
            }
        }
    }

    fn forget(&mut self, ids: Option<&Vec<ProductId>>) {
        for (id, entry) in &mut self.entries {
            if ids.is_none_or(|ids| ids.contains(id)) {
                entry.removed = None;
            }
        }
        self.entries.retain(|_, entry| *entry != Entry::default());
    }

    fn doubt_everything(&mut self) {
        for entry in self.entries.values_mut() {
            if entry.published.is_some() {
                entry.doubt.get_or_insert_default().due = 0;
            }
        }
        (self.upload, self.uploaded) = (None, false);
    }

    fn known(&self, id: &ProductId) -> Known {
        Known {
            entry: plain(self.entries.get(id).cloned().unwrap_or_default()),
            in_flight: self.in_flight.contains(id),
        }
    }

    fn is_due(&self, id: &ProductId) -> bool {
        let entry = self.entries.get(id).cloned().unwrap_or_default();
        match entry.parked {
            Some(parked) => parked.retry,
            None => entry.doubt.is_some_and(|doubt| doubt.due == 0),
        }
    }
}

/// With times that only say whether there are any.
fn plain(mut entry: Entry) -> Entry {
    if let Some(published) = &mut entry.published {
        published.at = 1;
    }
    if let Some(doubt) = &mut entry.doubt {
        doubt.lands_until = doubt.lands_until.min(1);
        doubt.due = doubt.due.min(1);
    }
    if let Some(parked) = &mut entry.parked {
        parked.since = 1;
    }
    entry.removed = entry.removed.map(|_| 1);
    entry
}

impl Found {
    fn finding(self) -> Finding {
        match self {
            Self::Refused(digest) => Finding::Refused {
                digest: body(digest),
                reason: "400".to_owned(),
            },
            Self::Unparked => Finding::Unparked,
            Self::Gone => Finding::Gone,
        }
    }

    fn event(self) -> Event {
        self.finding().into()
    }
}

impl Fate {
    fn events(self, upload: Option<i64>) -> Vec<Event> {
        match self {
            Self::Acknowledged(digest, may_still_land) => vec![Event::Acknowledged {
                digest: body(digest),
                upload,
                may_still_land,
            }],
            Self::Untouched => Vec::new(),
            Self::Answered => vec![Event::Answered],
            Self::GivenUp | Self::Silent => vec![Event::GivenUp],
            Self::Refused(digest) => vec![Event::Refused {
                digest: body(digest),
                reason: "400".to_owned(),
            }],
        }
    }

    fn settled(self, id: &ProductId) -> Option<Settled> {
        let landing = match self {
            Self::Untouched | Self::Refused(_) => Landing::Nothing,
            Self::Answered => Landing::Answered,
            Self::GivenUp => Landing::MayStillLand,
            Self::Acknowledged(..) | Self::Silent => return None,
        };
        let refused = match self {
            Self::Refused(digest) => Some((body(digest), "400".to_owned())),
            _ => None,
        };
        Some(Settled {
            refused,
            ..settled(id, landing)
        })
    }
}

impl Step {
    fn upload(&self, model: &Model) -> Option<i64> {
        let (number, ..) = model.upload.as_ref()?;
        self.in_upload.then_some(*number)
    }

    async fn perform(&self, journal: &Journal, upload: Option<i64>) {
        let found = self.found.iter().map(|(id, it)| (id.clone(), it.finding()));
        let ids = self.sent.keys().cloned().collect();
        let begun = journal.hand_over(found.collect(), ids, upload).await;
        let mut step = begun.unwrap();
        let acknowledged = self.sent.iter().filter_map(|(id, fate)| match fate {
            Fate::Acknowledged(digest, may_still_land) => Some(Acknowledged {
                may_still_land: *may_still_land,
                ..acknowledged(id, *digest)
            }),
            _ => None,
        });
        let acknowledged = acknowledged.collect();
        journal.acknowledge(&mut step, acknowledged).await.unwrap();
        let settled = self.sent.iter().filter_map(|(id, fate)| fate.settled(id));
        let progress = self.sent.keys().last().map(|cursor| UploadProgress {
            cursor: cursor.clone(),
            done: 1,
        });
        journal
            .settle(step, settled.collect(), progress)
            .await
            .unwrap();
    }
}

async fn perform(shop: Fixture, model: &mut Model, act: &Act) -> Fixture {
    let journal = &shop.journal;
    match act {
        Act::Abandon(ids) => {
            shop.hand_over(&ids.iter().collect::<Vec<_>>()).await;
            if !ids.is_empty() || !model.in_flight.is_empty() {
                model.give_up();
            }
            for id in ids {
                model.apply(id, &Event::HandedOver);
                model.in_flight.insert(id.clone());
            }
        }
        Act::Step(step) => {
            step.perform(journal, step.upload(model)).await;
            model.step(step);
        }
        Act::Retry(ids) => {
            journal.retry_parked(ids.clone()).await.unwrap();
            model.change(ids.as_ref(), |parked| {
                (parked.retry, parked.discarded) = (true, false);
            });
        }
        Act::Discard(ids) => {
            journal.discard_parked(ids.clone()).await.unwrap();
            model.change(ids.as_ref(), |parked| {
                // One that is dismissed already stays as it is.
                parked.retry &= parked.discarded;
                parked.discarded = true;
            });
        }
        Act::Forget(ids) => {
            journal.forget_removed(ids.clone()).await.unwrap();
            model.forget(ids.as_ref());
        }
        Act::BeginUpload => {
            let number = journal.begin_upload().await.unwrap();
            model.numbers += 1;
            assert_eq!(number, model.numbers);
            model.upload = Some((number, None, false));
        }
        Act::FinishUpload => {
            journal.finish_upload(model.numbers).await.unwrap();
            if let Some((_, _, finished)) = &mut model.upload {
                *finished = true;
                model.uploaded = true;
            }
        }
        Act::DoubtEverything => {
            journal.doubt_everything().await.unwrap();
            model.doubt_everything();
        }
        Act::Reopen => {
            model.give_up();
            return shop.reopen();
        }
        Act::Kill => {
            model.give_up();
            return revive(copy_of(&shop));
        }
    }
    shop
}

fn revive(folder: TempDir) -> Fixture {
    let opened = open(&folder);
    assert_eq!(opened.kept, None);
    Fixture {
        folder,
        journal: opened.journal,
    }
}

/// What the journal answers, in the model's words.
async fn observed(shop: &Fixture) -> BTreeMap<ProductId, Known> {
    let known = shop.journal.known(ids()).await.unwrap();
    let known = known.into_iter().map(|known| Known {
        entry: plain(known.entry),
        ..known
    });
    ids().into_iter().zip(known).collect()
}

fn expected(model: &Model) -> BTreeMap<ProductId, Known> {
    ids()
        .into_iter()
        .map(|id| (id.clone(), model.known(&id)))
        .collect()
}

async fn compare(shop: &Fixture, model: &Model) {
    assert_eq!(observed(shop).await, expected(model));
    let all = expected(model);
    let count = |which: fn(&Known) -> bool| all.values().filter(|it| which(it)).count() as u64;
    let counts = shop.journal.counts().await.unwrap();
    assert_eq!(shop.published().await, counts.published);
    assert_eq!(counts.published, count(|it| it.published().is_some()));
    let waits = |it: &Known| (it.parked().is_none() || it.retry()) && !it.removed();
    let in_doubt = all.values().filter(|it| it.is_in_doubt() && waits(it));
    assert_eq!(counts.in_doubt, in_doubt.count() as u64);
    let confirmed = |it: &Known| it.entry.doubt.is_some_and(|doubt| doubt.due > 0);
    let confirming = all.values().filter(|it| confirmed(it) && waits(it));
    assert_eq!(counts.confirming, confirming.count() as u64);
    let discarded = model.parked().filter(|(_, parked)| parked.discarded);
    assert_eq!(counts.discarded, discarded.count() as u64);
    let shown = model.parked().filter(|(_, parked)| !parked.discarded);
    assert_eq!(counts.parked, shown.count() as u64);
    assert_eq!(counts.removed, count(Known::removed));
    compare_lists(shop, model).await;
    compare_upload(shop, model).await;
}

async fn compare_lists(shop: &Fixture, model: &Model) {
    let (mut due, mut parked, mut removed) = (Vec::new(), Vec::new(), Vec::new());
    loop {
        let page = shop.journal.due(due.last().cloned(), 2).await.unwrap();
        if page.is_empty() {
            break;
        }
        due.extend(page);
    }
    let mut after = None;
    loop {
        let page = shop.journal.list_parked(after, 2, false).await.unwrap();
        parked.extend(
            page.entries
                .into_iter()
                .map(|entry| (entry.id, entry.digest)),
        );
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    loop {
        let page = shop.journal.list_removed(after, 2).await.unwrap();
        removed.extend(page.entries.into_iter().map(|entry| entry.id));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let is_due = |id: &ProductId| model.is_due(id);
    assert_eq!(due, ids().into_iter().filter(is_due).collect::<Vec<_>>());
    let shown = model.parked().filter(|(_, parked)| !parked.discarded);
    let shown: Vec<_> = shown
        .map(|(id, parked)| (id.clone(), parked.digest))
        .collect();
    assert_eq!(parked, shown);
    let gone = |id: &ProductId| model.known(id).removed();
    assert_eq!(removed, ids().into_iter().filter(gone).collect::<Vec<_>>());
}

async fn compare_upload(shop: &Fixture, model: &Model) {
    assert_eq!(
        shop.journal.uploaded_at().await.unwrap().is_some(),
        model.uploaded
    );
    let upload = shop.journal.newest_upload().await.unwrap();
    let upload = upload.map(|upload| (upload.number, upload.cursor, upload.finished_at.is_some()));
    assert_eq!(upload, model.upload);
    // Uploads are numbered from 1 on.
    let number = model.numbers.max(1);
    let missed = shop.journal.not_in_upload(number, None, 9).await.unwrap();
    let is_missed = |id: &ProductId| {
        let known = model.known(id);
        match known.entry.published {
            Some(published) => published.upload != number,
            None => {
                let had = known.entry.doubt.is_some() || known.in_flight;
                (had || known.parked().is_some()) && !known.removed()
            }
        }
    };
    assert_eq!(
        missed,
        ids().into_iter().filter(is_missed).collect::<Vec<_>>()
    );
}

fn block_on(work: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(work);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn it_equals_the_model(acts in vec(act(), 1..40)) {
        block_on(async {
            let (mut shop, mut model) = (Fixture::new(), Model::default());
            for act in &acts {
                shop = perform(shop, &mut model, act).await;
                compare(&shop, &model).await;
            }
        });
    }
}
