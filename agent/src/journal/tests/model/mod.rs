//! Random sequences against a plain model in memory, over kills at any point.

use std::collections::BTreeMap;

use proptest::{collection::vec, prelude::*};

use self::acts::{Act, Fate, Place, Step, act, ids};
use super::{opening::copy_of, *};
use crate::journal::UploadProgress;

mod acts;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Model {
    products: BTreeMap<ProductId, Product>,
    parked: BTreeMap<ProductId, ParkedModel>,
    removed: BTreeMap<ProductId, ()>,
    /// The newest number, and the upload that is there.
    numbers: i64,
    upload: Option<(i64, Option<ProductId>, bool)>,
    uploaded: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Product {
    published: Option<DigestBytes>,
    doubt: Doubt,
    /// Whether it waits to be sent once more.
    waits: bool,
    upload: i64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct ParkedModel {
    digest: DigestBytes,
    discarded: bool,
    retry: bool,
}

impl Model {
    fn hand_over(&mut self, ids: impl Iterator<Item = ProductId>) {
        for id in ids {
            let product = self.products.entry(id).or_default();
            product.doubt = product.doubt.max(Doubt::Open);
        }
    }

    fn settle(&mut self, step: &Step, before: &BTreeMap<ProductId, Doubt>) {
        let upload = step.upload(self);
        for (id, (fate, place)) in &step.fates {
            self.settle_fate(id, *fate, step, before[id], upload);
            match place {
                Some(Place::Parked(digest)) => self.park(id, body(*digest)),
                Some(Place::Unparked) => {
                    self.parked.remove(id);
                }
                Some(Place::Removed) => {
                    self.products.remove(id);
                    self.parked.remove(id);
                    self.removed.insert(id.clone(), ());
                }
                Some(Place::Returned) => {
                    self.removed.remove(id);
                }
                None => {}
            }
        }
        if let (Some(last), Some((_, cursor, _))) = (step.fates.keys().last(), &mut self.upload)
            && step.in_upload
        {
            *cursor = Some(last.clone());
        }
    }

    fn settle_fate(
        &mut self,
        id: &ProductId,
        fate: Fate,
        step: &Step,
        before: Doubt,
        upload: Option<i64>,
    ) {
        match fate {
            Fate::Acknowledged(digest) => {
                self.parked.remove(id);
                let product = self.products.entry(id.clone()).or_default();
                product.published = Some(body(digest));
                product.upload = upload.unwrap_or(product.upload);
                (product.doubt, product.waits) = match product.doubt {
                    Doubt::MayStillLand => (Doubt::Again, step.long),
                    Doubt::Again if !step.late => (Doubt::Again, product.waits && step.long),
                    _ => (Doubt::None, false),
                };
            }
            Fate::Untouched => {
                let product = self.products.get_mut(id).unwrap();
                product.doubt = before;
                if *product == Product::default() {
                    self.products.remove(id);
                }
            }
            Fate::Lost => {
                let product = self.products.get_mut(id).unwrap();
                (product.doubt, product.waits) = (Doubt::MayStillLand, false);
            }
            Fate::Unanswered | Fate::NotSent => {}
        }
    }

    fn park(&mut self, id: &ProductId, digest: DigestBytes) {
        let discarded = self
            .parked
            .get(id)
            .is_some_and(|parked| parked.discarded && parked.digest == digest);
        let parked = ParkedModel {
            digest,
            discarded,
            retry: false,
        };
        self.parked.insert(id.clone(), parked);
    }

    /// The parked products that are meant: these, or all that are shown.
    fn chosen<'a>(
        &'a mut self,
        ids: &'a Option<Vec<ProductId>>,
    ) -> impl Iterator<Item = &'a mut ParkedModel> {
        self.parked
            .iter_mut()
            .filter(move |(id, parked)| match ids {
                Some(ids) => ids.contains(id),
                None => !parked.discarded,
            })
            .map(|(_, parked)| parked)
    }

    fn doubt_everything(&mut self) {
        for product in self.products.values_mut() {
            product.doubt = product.doubt.max(Doubt::Open);
        }
        self.upload = None;
        self.uploaded = false;
    }

    fn restart(&mut self) {
        for product in self
            .products
            .values_mut()
            .filter(|product| product.doubt > Doubt::None)
        {
            (product.doubt, product.waits) = (Doubt::MayStillLand, false);
        }
    }

    fn known(&self, id: &ProductId) -> Known {
        let product = self.products.get(id).cloned().unwrap_or_default();
        let parked = self.parked.get(id);
        Known {
            published: product.published,
            acknowledged_at: None,
            doubt: product.doubt,
            parked: parked.map(|parked| parked.digest),
            retry: parked.is_some_and(|parked| parked.retry),
            removed: self.removed.contains_key(id),
        }
    }

    fn is_due(&self, id: &ProductId) -> bool {
        let in_doubt = |product: &Product| product.doubt > Doubt::None && !product.waits;
        match self.parked.get(id) {
            Some(parked) => parked.retry,
            None => self.products.get(id).is_some_and(in_doubt),
        }
    }
}

impl Step {
    fn upload(&self, model: &Model) -> Option<i64> {
        let (number, ..) = model.upload.as_ref()?;
        self.in_upload.then_some(*number)
    }

    fn sent(&self) -> impl Iterator<Item = ProductId> {
        self.fates
            .iter()
            .filter(|(_, (fate, _))| !matches!(fate, Fate::NotSent))
            .map(|(id, _)| id.clone())
    }

    fn settlement(&self, model: &Model, before: &BTreeMap<ProductId, Doubt>) -> Settlement {
        let mut settlement = Settlement {
            sent_at: if self.late { LATE } else { EARLY },
            landing_time: if self.long { LONG } else { Duration::ZERO },
            upload: self.upload(model),
            progress: self.fates.keys().last().map(|cursor| UploadProgress {
                cursor: cursor.clone(),
                done: 1,
            }),
            ..Settlement::default()
        };
        for (id, (fate, place)) in &self.fates {
            let id = id.clone();
            match fate {
                Fate::Acknowledged(digest) => {
                    settlement.acknowledged.push(acknowledged(&id, *digest));
                }
                Fate::Untouched => settlement.untouched.push((id.clone(), before[&id])),
                Fate::Lost => settlement.lost.push(id.clone()),
                Fate::Unanswered | Fate::NotSent => {}
            }
            match place {
                Some(Place::Parked(digest)) => settlement.parked.push(Parking {
                    id,
                    digest: body(*digest),
                    reason: "400".to_owned(),
                }),
                Some(Place::Unparked) => settlement.unparked.push(id),
                Some(Place::Removed) => settlement.removed.push(id),
                Some(Place::Returned) => settlement.returned.push(id),
                None => {}
            }
        }
        settlement
    }
}

async fn perform(shop: Fixture, model: &mut Model, act: &Act) -> Fixture {
    let journal = &shop.journal;
    match act {
        Act::HandOver(ids) => {
            journal.hand_over(ids.clone()).await.unwrap();
            model.hand_over(ids.iter().cloned());
        }
        Act::Step(step) => {
            let before = step
                .fates
                .keys()
                .map(|id| (id.clone(), model.known(id).doubt))
                .collect();
            journal.hand_over(step.sent().collect()).await.unwrap();
            model.hand_over(step.sent());
            journal
                .settle(step.settlement(model, &before))
                .await
                .unwrap();
            model.settle(step, &before);
        }
        Act::Retry(ids) => {
            journal.retry_parked(ids.clone()).await.unwrap();
            for parked in model.chosen(ids) {
                (parked.retry, parked.discarded) = (true, false);
            }
        }
        Act::Discard(ids) => {
            journal.discard_parked(ids.clone()).await.unwrap();
            for parked in model.chosen(ids) {
                (parked.retry, parked.discarded) = (false, true);
            }
        }
        Act::Forget(ids) => {
            journal.forget_removed(ids.clone()).await.unwrap();
            model
                .removed
                .retain(|id, ()| ids.as_ref().is_some_and(|ids| !ids.contains(id)));
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
            model.restart();
            return shop.reopen();
        }
        Act::Kill => {
            model.restart();
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
    let known = known.into_iter().map(|known| {
        assert!(known.published.is_some() == known.acknowledged_at.is_some());
        Known {
            acknowledged_at: None,
            ..known
        }
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
    let shown = |parked: &&ParkedModel| !parked.discarded;
    let products = model.products.iter();
    let counts = shop.journal.counts().await.unwrap();
    assert_eq!(shop.published().await, counts.published);
    let published = products
        .clone()
        .filter(|(_, product)| product.published.is_some())
        .count();
    assert_eq!(counts.published, published as u64);
    let in_doubt = products
        .filter(|(id, product)| {
            product.doubt > Doubt::None && model.parked.get(id).is_none_or(|parked| parked.retry)
        })
        .count();
    assert_eq!(counts.in_doubt, in_doubt as u64);
    assert_eq!(
        counts.parked,
        model.parked.values().filter(shown).count() as u64
    );
    assert_eq!(counts.removed, model.removed.len() as u64);
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
    let shown = model.parked.iter().filter(|(_, parked)| !parked.discarded);
    let shown: Vec<_> = shown
        .map(|(id, parked)| (id.clone(), parked.digest))
        .collect();
    assert_eq!(parked, shown);
    assert_eq!(removed, model.removed.keys().cloned().collect::<Vec<_>>());
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
    let products = model.products.iter();
    let expected = products.filter(|(_, product)| product.upload != number);
    assert_eq!(
        missed,
        expected.map(|(id, _)| id.clone()).collect::<Vec<_>>()
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
