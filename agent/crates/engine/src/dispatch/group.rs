//! Which products make one request.

use shopmaster_digible::Fate;

use super::{Delivery, Outgoing, Reports, Route};

/// Products that are sent in one request.
pub(super) struct Group {
    pub(super) indices: Vec<usize>,
    /// What may have become of them in an earlier request of this step.
    pub(super) fate: Fate,
    /// The product failed often enough to be refused, and Digible accepts others.
    pub(super) is_last_try: bool,
}

impl Group {
    /// The same delivery for all products.
    pub(super) fn all(&self, delivery: &Delivery) -> Reports {
        let delivery = delivery.clone().after(self.fate);
        let reports = self.indices.iter().map(|index| (*index, delivery.clone()));
        reports.collect()
    }

    /// A delivery for each product, by its place in the request.
    pub(super) fn each(
        &self,
        outgoing: &[Outgoing],
        delivery: impl Fn(usize, &Outgoing) -> Delivery,
    ) -> Reports {
        let members = self
            .indices
            .iter()
            .filter_map(|index| Some((*index, outgoing.get(*index)?)));
        members
            .enumerate()
            .map(|(place, (index, product))| (index, delivery(place, product).after(self.fate)))
            .collect()
    }

    /// Two groups of half the size, the second one first. `fate` is what may have become of the whole.
    pub(super) fn halves(self, fate: Fate) -> [Self; 2] {
        let (first, second) = self.indices.split_at(self.indices.len() / 2);
        // Digible may have applied some products of a group that it refused as a whole.
        let fate = self.fate.max(fate).max(Fate::Unknown);
        [second, first].map(|half| Self {
            indices: half.to_vec(),
            fate,
            is_last_try: false,
        })
    }

    /// The same products for their last try. `fate` is what may have become of the one before.
    pub(super) fn once_more(self, fate: Fate) -> Self {
        Self {
            fate: self.fate.max(fate),
            is_last_try: true,
            ..self
        }
    }
}

/// Divides the products into requests, each a list of places. Batches come first, so that a new product does not wait
/// behind hundreds of updates.
pub(super) fn jobs(outgoing: &[Outgoing], batch_size: usize) -> Vec<Vec<usize>> {
    let of = |route| {
        outgoing
            .iter()
            .enumerate()
            .filter(move |(_, product)| product.route == route)
            .map(|(index, _)| index)
    };
    let strikes = |index: usize| outgoing.get(index).map(|product| product.strikes.grouped);
    let mut together: Vec<usize> = of(Route::Batch).collect();
    together.sort_by_key(|index| strikes(*index));
    // Products with the same strikes share a batch. A product that joined suspects would keep them from being split,
    // or would fail with them.
    together
        .chunk_by(|one, other| strikes(*one) == strikes(*other))
        .flat_map(|equals| equals.chunks(batch_size))
        .map(<[usize]>::to_vec)
        .chain(of(Route::Alone).map(|index| vec![index]))
        .chain(of(Route::Update).map(|index| vec![index]))
        .collect()
}
