//! Changes of watched tables, as changes of the products that they concern.
//!
//! A record of a watched table's ChangeLog holds a value of that table's key. It concerns the rows of the view that
//! have this value in the watch's column: one, or many, such as all products of a tax rate. So one record becomes one
//! change for each of these products. It is dealt with once all of them are, and a process that ends before that
//! starts over with the record.
//!
//! A row that has left the view is found by its own key only. Where the watch's column is not the view's key, the
//! record also becomes one change without a product, [`ChangeKind::Unlocated`].

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use jiff::Timestamp;
use shopmaster_product::ProductId;

use super::{Change, ChangeIdentity, ChangeKind, Result, watch::Via};

/// How many products of one record are looked up together with those of other records.
pub const FEW: usize = 100;
/// How many products of one record are read at once, at most. Each reading may cost as much as finding all of them.
const MANY: usize = 10_000;

/// One record of a watched table's change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Which record it is.
    pub id: RecordId,
    /// When the change happened, by the database's clock.
    pub changed_at: Timestamp,
}

/// What identifies a record: the pair, as for a [`ChangeIdentity`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RecordId {
    /// `ChangeID`.
    pub change: i64,
    /// The row of the watched table; never [`unlocated`](Via::unlocated).
    pub via: Arc<Via>,
}

/// The ChangeLog of the watched tables, and the view.
#[async_trait]
pub trait Records: Send + Sync {
    /// Records in the order of their ids, after `after`, at most `limit`.
    async fn page(&self, after: Option<&RecordId>, limit: usize) -> Result<Vec<Record>>;

    /// The product whose own key is the record's value; none when the watch's column is not the view's key, or when no
    /// product has such a key.
    fn own(&self, via: &Via) -> Option<ProductId>;

    /// The keys of the first `limit` products that each record concerns, in the order of the view's keys: one list for
    /// each record, in the same order.
    async fn first(&self, of: &[Arc<Via>], limit: usize) -> Result<Vec<Vec<ProductId>>>;

    /// The keys of the next `limit` products that a record concerns, after the product `after`.
    async fn next(&self, of: &Via, after: &ProductId, limit: usize) -> Result<Vec<ProductId>>;

    /// The waiting records that concern these products, whether or not the view has them, oldest first.
    async fn concerning(&self, products: &[ProductId]) -> Result<Vec<(ProductId, Record)>>;

    /// Marks records as dealt with.
    async fn settle(&self, records: &[RecordId]) -> Result<()>;
}

/// Which changes of each record are still to be dealt with.
#[derive(Debug, Default)]
pub struct Watched(Mutex<HashMap<RecordId, Open>>);

#[derive(Debug, Default)]
struct Open {
    waiting: HashSet<ProductId>,
    /// The products that were returned since the record was last read from its beginning.
    returned: HashSet<ProductId>,
    /// Whether the change without a product waits.
    is_unlocated: bool,
    /// Whether all of its products have been returned.
    is_whole: bool,
}

/// A page that is being filled.
struct Page<'a> {
    watched: &'a Watched,
    records: &'a dyn Records,
    limit: usize,
    changes: Vec<Change>,
}

impl Watched {
    /// Changes in the order of their records, after `after`, at most `limit`.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub async fn pending(
        &self,
        records: &dyn Records,
        after: Option<&ChangeIdentity>,
        limit: usize,
    ) -> Result<Vec<Change>> {
        let mut page = Page {
            watched: self,
            records,
            limit,
            changes: Vec::new(),
        };
        let mut last = None;
        if let Some(after) = after {
            last = RecordId::of(after);
            page.rest(after).await?;
        }
        while page.room() > 0 {
            let wanted = page.room().min(FEW);
            let found = records.page(last.as_ref(), wanted).await?;
            let Some(end) = found.last() else {
                break;
            };
            let is_end = found.len() < wanted;
            last = Some(end.id.clone());
            page.all(found).await?;
            if is_end {
                break;
            }
        }
        Ok(page.changes)
    }

    /// The waiting changes of these products, oldest first.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub async fn changes_of(
        &self,
        records: &dyn Records,
        products: &[ProductId],
    ) -> Result<Vec<Change>> {
        let found = records.concerning(products).await?;
        let open = self.lock();
        let waits = |product: &ProductId, record: &Record| {
            let open = open.get(&record.id);
            open.is_none_or(|open| !open.is_whole || open.waiting.contains(product))
        };
        let changes = found
            .into_iter()
            .filter(|(product, record)| waits(product, record))
            .map(|(product, record)| record.change(product));
        Ok(changes.collect())
    }

    /// Marks changes as dealt with, and every record of which no change is left. Returns how many of the changes were
    /// waiting.
    ///
    /// # Errors
    ///
    /// When the database cannot be written.
    pub async fn acknowledge(
        &self,
        records: &dyn Records,
        changes: &[ChangeIdentity],
    ) -> Result<u64> {
        let (mut waited, mut done) = (0, Vec::new());
        {
            let mut all = self.lock();
            for change in changes {
                let Some(id) = RecordId::of(change) else {
                    continue;
                };
                let Some(open) = all.get_mut(&id) else {
                    continue;
                };
                waited += u64::from(open.remove(change));
                if open.is_done() {
                    all.remove(&id);
                    done.push(id);
                }
            }
        }
        if !done.is_empty() {
            records.settle(&done).await?;
        }
        Ok(waited)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<RecordId, Open>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Page<'_> {
    /// How many more changes it may have.
    fn room(&self) -> usize {
        self.limit.saturating_sub(self.changes.len())
    }

    /// How many products of one record to read at once: one more than there is room for, which shows whether the record
    /// ends here.
    fn few_or_more(&self) -> usize {
        self.room().saturating_add(1).clamp(FEW, MANY)
    }

    /// The changes of these records, as many as there is room for.
    async fn all(&mut self, found: Vec<Record>) -> Result<()> {
        let vias: Vec<_> = found
            .iter()
            .map(|record| Arc::clone(&record.id.via))
            .collect();
        let first = self.records.first(&vias, FEW).await?;
        for (record, products) in found.into_iter().zip(first) {
            if self.room() == 0 {
                break;
            }
            self.watched
                .lock()
                .insert(record.id.clone(), Open::default());
            match self.records.own(&record.id.via) {
                Some(own) => self.add(&record, own),
                None => self.add_unlocated(&record),
            }
            self.products(&record, products, FEW, true).await?;
        }
        Ok(())
    }

    /// What is left of the record of `after`.
    async fn rest(&mut self, after: &ChangeIdentity) -> Result<()> {
        let Some(id) = RecordId::of(after) else {
            return Ok(());
        };
        let record = Record {
            changed_at: Timestamp::UNIX_EPOCH,
            id,
        };
        let via = &record.id.via;
        let is_first = after.is_unlocated() || self.records.own(via).as_ref() == Some(&after.key);
        let asked = self.few_or_more();
        let products = match is_first {
            true => {
                let first = self.records.first(std::slice::from_ref(via), asked).await?;
                first.into_iter().next().unwrap_or_default()
            }
            false => self.records.next(via, &after.key, asked).await?,
        };
        // Another reading may have begun again, and not come so far: then it is the one that counts.
        let is_noted = self
            .watched
            .lock()
            .get(&record.id)
            .is_some_and(|open| after.is_unlocated() || open.returned.contains(&after.key));
        self.products(&record, products, asked, is_noted).await
    }

    /// The changes of a record from these products on, as many as there is room for. `asked`: of how many these are what
    /// there was. `is_noted`: all products before them were returned, so that the record is whole once these are.
    async fn products(
        &mut self,
        record: &Record,
        mut products: Vec<ProductId>,
        mut asked: usize,
        is_noted: bool,
    ) -> Result<()> {
        let own = self.records.own(&record.id.via);
        loop {
            let is_end = products.len() < asked;
            let last = products.last().cloned();
            for product in products {
                if own.as_ref() == Some(&product) {
                    continue;
                }
                if self.room() == 0 {
                    return Ok(());
                }
                match is_noted {
                    true => self.add(record, product),
                    false => self.changes.push(record.change(product)),
                }
            }
            let Some(last) = last.filter(|_| !is_end) else {
                break;
            };
            asked = self.few_or_more();
            products = self.records.next(&record.id.via, &last, asked).await?;
        }
        if is_noted && let Some(open) = self.watched.lock().get_mut(&record.id) {
            open.is_whole = true;
        }
        Ok(())
    }

    fn add(&mut self, record: &Record, product: ProductId) {
        let mut open = self.watched.lock();
        let open = open.entry(record.id.clone()).or_default();
        open.waiting.insert(product.clone());
        open.returned.insert(product.clone());
        self.changes.push(record.change(product));
    }

    fn add_unlocated(&mut self, record: &Record) {
        let mut open = self.watched.lock();
        open.entry(record.id.clone()).or_default().is_unlocated = true;
        self.changes.push(record.unlocated());
    }
}

impl Open {
    /// Whether the change was waiting.
    fn remove(&mut self, change: &ChangeIdentity) -> bool {
        match change.is_unlocated() {
            true => std::mem::take(&mut self.is_unlocated),
            false => self.waiting.remove(&change.key),
        }
    }

    fn is_done(&self) -> bool {
        self.is_whole && !self.is_unlocated && self.waiting.is_empty()
    }
}

impl RecordId {
    /// The record that a change came from; none for a change of the product's own row.
    fn of(change: &ChangeIdentity) -> Option<Self> {
        let via = change.via.as_ref()?;
        let via = match via.unlocated {
            false => Arc::clone(via),
            true => Arc::new(Via {
                unlocated: false,
                ..Via::clone(via)
            }),
        };
        Some(Self {
            change: change.change,
            via,
        })
    }
}

impl Record {
    fn change(&self, product: ProductId) -> Change {
        Change {
            identity: ChangeIdentity {
                change: self.id.change,
                key: product,
                via: Some(Arc::clone(&self.id.via)),
            },
            kind: ChangeKind::Update,
            changed_at: self.changed_at,
        }
    }

    fn unlocated(&self) -> Change {
        let via = Via {
            unlocated: true,
            ..Via::clone(&self.id.via)
        };
        Change {
            identity: ChangeIdentity {
                change: self.id.change,
                key: ProductId::Text(String::new()),
                via: Some(Arc::new(via)),
            },
            kind: ChangeKind::Unlocated,
            changed_at: self.changed_at,
        }
    }
}

impl ChangeIdentity {
    /// Whether it is a change without a product.
    fn is_unlocated(&self) -> bool {
        self.via.as_ref().is_some_and(|via| via.unlocated)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use proptest::prelude::*;

    use super::*;

    /// Prices by product, and tax rates by `5`, each with the products that it concerns.
    #[derive(Debug, Default)]
    struct Shop {
        records: Mutex<Vec<RecordId>>,
        rates: HashMap<String, Vec<i64>>,
        /// How often products were read.
        readings: AtomicUsize,
    }

    fn number(id: &ProductId) -> i64 {
        match id {
            ProductId::Integer(number) => *number,
            ProductId::Text(text) => panic!("{text}"),
        }
    }

    impl Shop {
        fn of(&self, via: &Via) -> Vec<ProductId> {
            let rate = self.rates.get(&via.key).filter(|_| via.table == "Rates");
            match rate {
                Some(products) => products.iter().copied().map(ProductId::Integer).collect(),
                // Products above 50 are not in the view.
                None => self
                    .own(via)
                    .into_iter()
                    .filter(|id| number(id) <= 50)
                    .collect(),
            }
        }

        fn left(&self) -> Vec<i64> {
            self.records
                .lock()
                .unwrap()
                .iter()
                .map(|id| id.change)
                .collect()
        }
    }

    #[async_trait]
    impl Records for Shop {
        async fn page(&self, after: Option<&RecordId>, limit: usize) -> Result<Vec<Record>> {
            let records = self.records.lock().unwrap();
            let begin = match after {
                Some(after) => records.partition_point(|id| id.change <= after.change),
                None => 0,
            };
            let page = records[begin..].iter().take(limit);
            Ok(page
                .map(|id| Record {
                    id: id.clone(),
                    changed_at: Timestamp::UNIX_EPOCH,
                })
                .collect())
        }

        fn own(&self, via: &Via) -> Option<ProductId> {
            let key = via.key.parse().ok().map(ProductId::Integer);
            key.filter(|_| via.table == "Prices")
        }

        async fn first(&self, of: &[Arc<Via>], limit: usize) -> Result<Vec<Vec<ProductId>>> {
            let first = |via: &Arc<Via>| self.of(via).into_iter().take(limit).collect();
            Ok(of.iter().map(first).collect())
        }

        async fn next(&self, of: &Via, after: &ProductId, limit: usize) -> Result<Vec<ProductId>> {
            self.readings.fetch_add(1, Ordering::SeqCst);
            let after = number(after);
            let behind = self.of(of).into_iter().filter(|id| number(id) > after);
            Ok(behind.take(limit).collect())
        }

        async fn concerning(&self, products: &[ProductId]) -> Result<Vec<(ProductId, Record)>> {
            let mut found = Vec::new();
            for record in self.page(None, usize::MAX).await? {
                for product in products {
                    let via = &record.id.via;
                    if self.own(via).as_ref() == Some(product) || self.of(via).contains(product) {
                        found.push((product.clone(), record.clone()));
                    }
                }
            }
            Ok(found)
        }

        async fn settle(&self, records: &[RecordId]) -> Result<()> {
            self.records
                .lock()
                .unwrap()
                .retain(|id| !records.contains(id));
            Ok(())
        }
    }

    fn record(change: i64, table: &str, key: &str) -> RecordId {
        let via = Via {
            table: table.to_owned(),
            key: key.to_owned(),
            unlocated: false,
        };
        RecordId {
            change,
            via: Arc::new(via),
        }
    }

    fn shop(records: Vec<RecordId>, rates: &[(&str, i64)]) -> Shop {
        let rates = rates
            .iter()
            .map(|(rate, count)| ((*rate).to_owned(), (1..=*count).collect()));
        Shop {
            records: Mutex::new(records),
            rates: rates.collect(),
            readings: AtomicUsize::default(),
        }
    }

    fn run<T>(future: impl Future<Output = T>) -> T {
        // Nothing here waits.
        let mut future = std::pin::pin!(future);
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        match future.as_mut().poll(&mut context) {
            std::task::Poll::Ready(done) => done,
            std::task::Poll::Pending => panic!("it waits"),
        }
    }

    fn walk(watched: &Watched, shop: &Shop, limit: usize) -> Vec<Change> {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let page = run(watched.pending(shop, after.as_ref(), limit)).unwrap();
            let is_end = page.len() < limit;
            after = page.last().map(|change| change.identity.clone());
            all.extend(page);
            if is_end {
                return all;
            }
        }
    }

    #[test]
    fn a_record_is_settled_once_each_of_its_products_is_dealt_with() {
        let shop = shop(
            vec![record(1, "Prices", "7"), record(2, "Rates", "5")],
            &[("5", 3)],
        );
        let watched = Watched::default();
        let mut changes = walk(&watched, &shop, 100);
        let kinds: Vec<_> = changes.iter().map(|change| change.kind).collect();
        use ChangeKind::{Unlocated, Update};
        assert_eq!(kinds, [Update, Unlocated, Update, Update, Update]);
        let last = changes.pop().unwrap().identity;
        let most: Vec<_> = changes.into_iter().map(|change| change.identity).collect();
        assert_eq!(run(watched.acknowledge(&shop, &most)).unwrap(), 4);
        assert_eq!(shop.left(), [2]);
        let of_last = run(watched.changes_of(&shop, std::slice::from_ref(&last.key))).unwrap();
        assert_eq!(of_last.len(), 1);
        let of_first = run(watched.changes_of(&shop, &[ProductId::Integer(1)])).unwrap();
        assert!(of_first.is_empty(), "it is dealt with");
        assert_eq!(
            run(watched.acknowledge(&shop, std::slice::from_ref(&last))).unwrap(),
            1
        );
        assert!(shop.left().is_empty());
        assert_eq!(run(watched.acknowledge(&shop, &[last])).unwrap(), 0);
    }

    #[test]
    fn a_product_that_is_not_in_the_view_is_still_a_change() {
        let shop = shop(vec![record(1, "Prices", "77")], &[]);
        let changes = walk(&Watched::default(), &shop, 10);
        assert_eq!(changes.len(), 1);
        assert_eq!(changes[0].identity.key, ProductId::Integer(77));
    }

    #[test]
    fn a_reading_that_ends_early_settles_nothing() {
        let shop = shop(vec![record(1, "Rates", "5")], &[("5", 250)]);
        let watched = Watched::default();
        let page = run(watched.pending(&shop, None, 100)).unwrap();
        let ids: Vec<_> = page.into_iter().map(|change| change.identity).collect();
        assert_eq!(run(watched.acknowledge(&shop, &ids)).unwrap(), 100);
        assert_eq!(shop.left(), [1]);
    }

    #[test]
    fn the_products_of_one_record_are_read_in_pages_as_large_as_asked_for() {
        let shop = shop(vec![record(1, "Rates", "5")], &[("5", 9_000)]);
        assert_eq!(walk(&Watched::default(), &shop, 1_000).len(), 9_001);
        let readings = shop.readings.load(Ordering::SeqCst);
        assert!(readings <= 10, "{readings}");
    }

    /// Two runs read the same changes page by page, such as a verify and a sync.
    #[test]
    fn a_reading_that_began_later_does_not_make_an_earlier_one_whole() {
        let shop = shop(vec![record(1, "Rates", "5")], &[("5", 250)]);
        let watched = Watched::default();
        let page = |after: Option<&ChangeIdentity>| {
            let page = run(watched.pending(&shop, after, 100)).unwrap();
            let ids = page.into_iter().map(|change| change.identity);
            ids.collect::<Vec<_>>()
        };
        let first = page(None);
        let second = page(first.last());
        let again = page(None);
        let third = page(second.last());
        // The second page waits: its rows are locked.
        for done in [first, again, third] {
            run(watched.acknowledge(&shop, &done)).unwrap();
        }
        assert_eq!(shop.left(), [1]);
        walk(&watched, &shop, 100);
        run(watched.acknowledge(&shop, &second)).unwrap();
        assert_eq!(shop.left(), [1]);
    }

    proptest! {
        /// Whatever the page's length, each record yields each of its products once, and acknowledging all of them
        /// while reading goes on settles every record.
        #[test]
        fn every_product_of_every_record_comes_once(
            kinds in prop::collection::vec((any::<bool>(), 0_i64..60), 0..12),
            fan_out in 0_i64..350,
            limit in 1_usize..140,
        ) {
            let rate = fan_out.to_string();
            let records = kinds.iter().zip(1..).map(|((is_rate, product), change)| match is_rate {
                true => record(change, "Rates", &rate),
                false => record(change, "Prices", &product.to_string()),
            });
            let records: Vec<_> = records.collect();
            let shop = shop(records.clone(), &[(&rate, fan_out)]);
            let watched = Watched::default();
            let mut met = HashSet::new();
            let mut after = None;
            loop {
                let page = run(watched.pending(&shop, after.as_ref(), limit)).unwrap();
                for change in &page {
                    prop_assert!(met.insert(change.identity.clone()), "{:?}", change);
                }
                let ids: Vec<_> = page.iter().map(|change| change.identity.clone()).collect();
                run(watched.acknowledge(&shop, &ids)).unwrap();
                after = ids.last().cloned();
                if ids.len() < limit {
                    break;
                }
            }
            let of_rate = usize::try_from(fan_out).unwrap() + 1;
            let expected = kinds.iter().map(|(is_rate, _)| if *is_rate { of_rate } else { 1 });
            prop_assert_eq!(met.len(), expected.sum::<usize>());
            prop_assert_eq!(shop.left(), Vec::<i64>::new());
        }
    }
}
