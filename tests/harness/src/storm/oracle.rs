//! The oracle: what the agent reports about each product must be true.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    time::{Duration, Instant},
};

use fastrand::Rng;
use shopmaster_proto::v1::{ProductState, State};
use shopmaster_standins::digible::{DigibleSim, Listing, Product, ProductId};

use super::{Promises, cloud::Sky, process, till::Rows};
use crate::world::{World, WorldError};

/// Products that a check in the middle of a case asks about.
const SAMPLE: usize = 6;
/// The agent's status may be older than its answers, but not by more than this.
const STALE: Duration = Duration::from_secs(3);

/// A kind of untrue report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Finding {
    /// A product that differs is explained as equal.
    EqualButDiffers,
    /// A product is explained as equal while a request with another state of it may still take effect.
    EqualBeforeLanding,
    /// The agent shows that everything is up to date, but it is not.
    GreenButDiffers,
    /// A product of the shop is listed as gone from it.
    RemovedButInShop,
    /// A product is gone from the shop and still at Digible, but the agent does not list it.
    GoneAndNotListed,
    /// A product is listed as refused, but Digible does not refuse it.
    ParkedButNotRefused,
    /// A product differs in the end, and is neither refused nor gone.
    DiffersAtTheEnd,
    /// A product is the same on both sides in the end, but is not explained as equal.
    NotShownAsEqual,
    /// The agent is quiet, but a verify finds something, or does not complete.
    VerifyFinds,
    /// The agent is not quiet in time, although nothing goes wrong any more.
    DoesNotSettle,
    /// The agent does not answer, does not start, or has ended.
    DoesNotAnswer,
}

/// An untrue report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Its kind.
    pub finding: Finding,
    /// What it is about, in words.
    pub text: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.finding, self.text)
    }
}

/// Both sides at one point in time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sides {
    pub(super) rows: Rows,
    pub(super) cloud: BTreeMap<ProductId, Listing>,
    pub(super) to_land: Vec<Product>,
}

/// One product on both sides.
type Pair = (Option<Option<Listing>>, Option<Listing>);

/// What the oracle remembers about a case.
#[derive(Debug)]
pub(super) struct Oracle {
    promises: Promises,
    rng: Rng,
    /// Since when a product has differed in this way.
    differs: BTreeMap<ProductId, (Pair, Instant)>,
    /// Products that were gone from the shop and forgotten, with the number of requests before that.
    forgotten: BTreeMap<ProductId, u64>,
    violations: Vec<Violation>,
}

impl Sides {
    pub(super) fn new(rows: Rows, digible: &DigibleSim) -> Self {
        // What takes effect in between is seen in the products, and not lost between the two.
        let to_land = digible.still_to_land();
        Self {
            rows,
            cloud: digible.products(),
            to_land,
        }
    }

    fn pair(&self, id: &ProductId) -> Pair {
        (self.rows.get(id).cloned(), self.cloud.get(id).cloned())
    }

    fn is_equal(&self, id: &ProductId) -> bool {
        match self.pair(id) {
            (Some(Some(row)), Some(there)) => row == there,
            (row, there) => row.is_none() && there.is_none(),
        }
    }

    /// Whether a request with another state than the shop's may still take effect.
    fn may_become_wrong(&self, id: &ProductId) -> bool {
        let row = self.rows.get(id).and_then(Option::as_ref);
        self.to_land.iter().any(|product| {
            product.id == *id
                && row.is_none_or(|row| (&row.name, &row.price) != (&product.name, &product.price))
        })
    }

    fn ids(&self) -> BTreeSet<ProductId> {
        let landing = self.to_land.iter().map(|product| &product.id);
        let all = self.rows.keys().chain(self.cloud.keys()).chain(landing);
        all.cloned().collect()
    }
}

impl Oracle {
    pub(super) fn new(promises: Promises, seed: u64) -> Self {
        Self {
            promises,
            rng: Rng::with_seed(seed),
            differs: BTreeMap::new(),
            forgotten: BTreeMap::new(),
            violations: Vec::new(),
        }
    }

    /// Takes the reports so far.
    pub(super) fn violations(&mut self) -> Vec<Violation> {
        std::mem::take(&mut self.violations)
    }

    /// The number of reports so far.
    pub(super) fn said(&self) -> usize {
        self.violations.len()
    }

    /// Drops the reports since then.
    pub(super) fn take_back(&mut self, said: usize) {
        self.violations.truncate(said);
    }

    pub(super) fn report(&mut self, finding: Finding, text: impl Into<String>) {
        let violation = Violation {
            finding,
            text: text.into(),
        };
        if !self.violations.contains(&violation) {
            self.violations.push(violation);
        }
    }

    /// Records that these products were forgotten after this many requests.
    pub(super) fn forget(&mut self, ids: impl IntoIterator<Item = ProductId>, requests: u64) {
        self.forgotten
            .extend(ids.into_iter().map(|id| (id, requests)));
    }

    /// The products that a check asks about: some that differ, and some that do not.
    pub(super) fn sample(&mut self, sides: &Sides) -> Vec<ProductId> {
        let ids = sides.ids().into_iter();
        let (mut doubtful, mut equal): (Vec<_>, Vec<_>) =
            ids.partition(|id| !sides.is_equal(id) || sides.may_become_wrong(id));
        self.rng.shuffle(&mut doubtful);
        self.rng.shuffle(&mut equal);
        doubtful.truncate(SAMPLE - 1);
        doubtful.extend(equal);
        doubtful.truncate(SAMPLE);
        doubtful
    }

    /// Judges what the agent reported about these products between two readings of both sides.
    pub(super) fn judge(
        &mut self,
        before: &Sides,
        after: &Sides,
        said: &[(ProductId, ProductState)],
    ) {
        for (id, state) in said {
            let steady = before.pair(id) == after.pair(id);
            if *state != ProductState::Equal || !steady {
                continue;
            }
            if !after.is_equal(id) {
                let text = describe(id, &after.pair(id));
                self.report(Finding::EqualButDiffers, text);
            } else if before.may_become_wrong(id) && after.may_become_wrong(id) {
                let text = format!("`{id}`");
                self.report(Finding::EqualBeforeLanding, text);
            }
        }
    }

    /// Judges what the agent showed after a reading of both sides.
    pub(super) fn judge_shown(&mut self, sides: &Sides, shown: State, sky: &Sky) {
        let now = Instant::now();
        let mut differs = BTreeMap::new();
        let open = |id: &ProductId| !sides.is_equal(id) && self.counts_as_open(sides, id, sky);
        for id in sides.ids().into_iter().filter(open) {
            let pair = sides.pair(&id);
            let since = match self.differs.get(&id) {
                Some((before, since)) if *before == pair => *since,
                _ => now,
            };
            differs.insert(id, (pair, since));
        }
        self.differs = differs;
        if shown != State::UpToDate {
            return;
        }
        let long = self
            .differs
            .iter()
            .find(|(_, (_, since))| since.elapsed() > STALE);
        if let Some((id, (pair, _))) = long {
            let text = describe(id, pair);
            self.report(Finding::GreenButDiffers, text);
        }
    }

    /// Judges all products, when nothing changes any more.
    pub(super) async fn judge_all(
        &mut self,
        world: &World,
        sides: &Sides,
        sky: &Sky,
    ) -> Result<(), WorldError> {
        let status = process::status(world).await?;
        let removed: BTreeSet<_> = process::removed(world).await?.into_iter().collect();
        let parked = process::parked(world).await?;
        let mut open = false;
        for id in sides.ids() {
            let state = process::explain(world, &id.to_string()).await?;
            let is_removed = removed.contains(&id.to_string());
            self.judge_one(sides, &id, state, is_removed, sky);
            open |= !sides.is_equal(&id) && self.counts_as_open(sides, &id, sky);
        }
        if open && status.state() == State::UpToDate {
            self.report(Finding::GreenButDiffers, status.headline);
        }
        for text in parked {
            let id = sides.ids().into_iter().find(|id| id.to_string() == text);
            let refused = id.is_some_and(|id| sky.refuses(&id) || is_unsendable(sides, &id));
            if !refused {
                self.report(Finding::ParkedButNotRefused, format!("`{text}`"));
            }
        }
        Ok(())
    }

    fn judge_one(
        &mut self,
        sides: &Sides,
        id: &ProductId,
        state: ProductState,
        is_removed: bool,
        sky: &Sky,
    ) {
        let pair = sides.pair(id);
        let words = format!("{} is {}", describe(id, &pair), state.as_str_name());
        if is_removed && pair.0.is_some() {
            self.report(Finding::RemovedButInShop, words.clone());
        }
        let refused = sky.refuses(id) || is_unsendable(sides, id);
        if sides.is_equal(id) {
            if state != ProductState::Equal && !(state == ProductState::Parked && refused) {
                self.report(Finding::NotShownAsEqual, words);
            }
        } else if pair.0.is_none() {
            if !is_removed && !self.is_forgotten(id, sky) {
                self.report(Finding::GoneAndNotListed, words);
            }
        } else if state == ProductState::Equal {
            self.report(Finding::EqualButDiffers, words);
        } else if !(state == ProductState::Parked && refused) {
            self.report(Finding::DiffersAtTheEnd, words);
        }
    }

    /// Whether the agent must not show that everything is up to date because of this product, which differs.
    fn counts_as_open(&self, sides: &Sides, id: &ProductId, sky: &Sky) -> bool {
        let in_shop = sides.rows.contains_key(id);
        if !in_shop && self.is_forgotten(id, sky) {
            return false;
        }
        let told = !in_shop || sky.refuses(id) || is_unsendable(sides, id);
        self.promises.green_is_nothing_open || !told
    }

    /// Whether the product was forgotten, and no request with it has taken effect since.
    fn is_forgotten(&self, id: &ProductId, sky: &Sky) -> bool {
        self.forgotten
            .get(id)
            .is_some_and(|requests| !sky.was_applied_after(id, *requests))
    }
}

fn is_unsendable(sides: &Sides, id: &ProductId) -> bool {
    matches!(sides.rows.get(id), Some(None))
}

fn describe(id: &ProductId, (row, there): &Pair) -> String {
    let text = |listing: &Option<Listing>| {
        listing
            .as_ref()
            .map(|it| format!("{} {}", it.name, it.price))
    };
    let row = match row {
        None => "nothing".to_owned(),
        Some(listing) => text(listing).unwrap_or_else(|| "a row without a price".to_owned()),
    };
    let there = text(there).unwrap_or_else(|| "nothing".to_owned());
    format!("`{id}` (shop: {row}; Digible: {there})")
}

#[cfg(test)]
mod tests {
    use super::super::{AgentPlan, PROMISES};
    use super::*;
    use shopmaster_standins::digible::{Fault, SimOptions};

    fn id() -> ProductId {
        "P1".into()
    }

    fn listing(price: &str) -> Listing {
        Listing {
            name: "Soap".to_owned(),
            price: price.to_owned(),
        }
    }

    /// A shop and a cloud with one product, each with this price or without it.
    fn sides(shop: Option<&str>, cloud: Option<&str>) -> Sides {
        Sides {
            rows: shop
                .map(|it| (id(), Some(listing(it))))
                .into_iter()
                .collect(),
            cloud: cloud.map(|it| (id(), listing(it))).into_iter().collect(),
            to_land: Vec::new(),
        }
    }

    fn landing(mut sides: Sides, price: &str) -> Sides {
        sides.to_land.push(Product {
            id: id(),
            name: "Soap".to_owned(),
            price: price.to_owned(),
        });
        sides
    }

    async fn sky() -> Sky {
        let digible = DigibleSim::start(SimOptions::default()).await.unwrap();
        Sky::new(digible, &AgentPlan::default())
    }

    fn found(mut oracle: Oracle) -> Vec<Finding> {
        oracle
            .violations()
            .into_iter()
            .map(|it| it.finding)
            .collect()
    }

    #[test]
    fn equal_is_believed_only_when_it_is_so_and_stays_so() {
        use Finding::{EqualBeforeLanding, EqualButDiffers};
        use ProductState::{Equal, InDoubt, Pending};
        let same = || sides(Some("1.00"), Some("1.00"));
        let other = || sides(Some("2.00"), Some("1.00"));
        for (before, after, said, finding) in [
            (same(), same(), Equal, None),
            (other(), other(), Equal, Some(EqualButDiffers)),
            (
                sides(None, Some("1.00")),
                sides(None, Some("1.00")),
                Equal,
                Some(EqualButDiffers),
            ),
            (other(), other(), Pending, None),
            // What changed meanwhile may have been so when it was asked.
            (same(), other(), Equal, None),
            (other(), same(), Equal, None),
            (
                landing(same(), "2.00"),
                landing(same(), "2.00"),
                Equal,
                Some(EqualBeforeLanding),
            ),
            (
                landing(same(), "2.00"),
                landing(same(), "2.00"),
                InDoubt,
                None,
            ),
            (
                landing(same(), "1.00"),
                landing(same(), "1.00"),
                Equal,
                None,
            ),
            (landing(same(), "2.00"), same(), Equal, None),
        ] {
            let mut oracle = Oracle::new(PROMISES, 1);
            oracle.judge(&before, &after, &[(id(), said)]);
            assert_eq!(
                found(oracle),
                Vec::from_iter(finding),
                "{before:?} {after:?} {said:?}"
            );
        }
    }

    #[tokio::test]
    async fn each_product_has_its_place_at_the_end() {
        use Finding::{
            DiffersAtTheEnd, EqualButDiffers, GoneAndNotListed, NotShownAsEqual, RemovedButInShop,
        };
        use ProductState::{Different, Equal, NeverSent, Parked, Removed, Unknown};
        let sky = sky().await;
        for (shop, cloud, said, is_removed, finding) in [
            (Some("1.00"), Some("1.00"), Equal, false, None),
            (
                Some("1.00"),
                Some("1.00"),
                NeverSent,
                false,
                Some(NotShownAsEqual),
            ),
            (
                Some("1.00"),
                Some("1.00"),
                Equal,
                true,
                Some(RemovedButInShop),
            ),
            (
                Some("2.00"),
                Some("1.00"),
                Equal,
                false,
                Some(EqualButDiffers),
            ),
            (
                Some("2.00"),
                Some("1.00"),
                Different,
                false,
                Some(DiffersAtTheEnd),
            ),
            (
                Some("2.00"),
                Some("1.00"),
                Parked,
                false,
                Some(DiffersAtTheEnd),
            ),
            (Some("2.00"), None, NeverSent, false, Some(DiffersAtTheEnd)),
            (None, Some("1.00"), Removed, true, None),
            (None, Some("1.00"), Unknown, false, Some(GoneAndNotListed)),
        ] {
            let mut oracle = Oracle::new(PROMISES, 1);
            oracle.judge_one(&sides(shop, cloud), &id(), said, is_removed, &sky);
            assert_eq!(
                found(oracle),
                Vec::from_iter(finding),
                "{shop:?} {cloud:?} {said:?}"
            );
        }
    }

    #[tokio::test]
    async fn what_is_refused_or_forgotten_may_differ() {
        let mut sky = sky().await;
        sky.inject(Fault::poison(422, [id()]));
        let mut oracle = Oracle::new(PROMISES, 1);
        let (parked, unknown) = (ProductState::Parked, ProductState::Unknown);
        let differs = sides(Some("2.00"), Some("1.00"));
        oracle.judge_one(&differs, &id(), parked, false, &sky);
        oracle.forget([id()], 0);
        let gone = sides(None, Some("1.00"));
        oracle.judge_one(&gone, &id(), unknown, false, &sky);
        assert_eq!(oracle.violations(), []);
    }
}
