//! What must hold whatever else the journal says: kept by the calls alone, never by its answers.

use std::collections::BTreeMap;

use shopmaster_agent::{journal::DigestBytes, product::ProductId};

use crate::observed::Observed;

/// What must be true of each product after the calls that returned.
#[derive(Debug, Clone, Default)]
pub struct Ledger(BTreeMap<ProductId, Musts>);

/// What is none or false is not known, and not promised.
#[derive(Debug, Clone, Default)]
struct Musts {
    /// It was handed over, and nobody said what became of it.
    in_doubt: bool,
    published: Option<DigestBytes>,
    parked: Option<DigestBytes>,
    removed: bool,
}

/// What became of a product that was handed over.
#[derive(Debug, Clone, Copy)]
pub enum Answer {
    Acknowledged(DigestBytes),
    Parked(DigestBytes),
    Removed,
    /// The product was not sent after all.
    Untouched,
    /// Its request may still land.
    Lost,
    /// The step ended without a word.
    Unanswered,
}

impl Ledger {
    pub fn hand_over(&mut self, ids: &[ProductId]) {
        for id in ids {
            self.of(id).in_doubt = true;
        }
    }

    pub fn settle(&mut self, id: &ProductId, answer: Answer) {
        let musts = self.of(id);
        match answer {
            Answer::Acknowledged(digest) => {
                *musts = Musts {
                    published: Some(digest),
                    ..Musts::default()
                };
            }
            Answer::Parked(digest) => {
                musts.in_doubt = false;
                musts.parked = Some(digest);
            }
            Answer::Removed => {
                *musts = Musts {
                    removed: true,
                    ..Musts::default()
                };
            }
            Answer::Untouched => musts.in_doubt = false,
            Answer::Lost | Answer::Unanswered => {}
        }
    }

    /// These products, or all, are not shown as removed any more.
    pub fn forget(&mut self, ids: Option<&[ProductId]>) {
        for (id, musts) in &mut self.0 {
            if ids.is_none_or(|ids| ids.contains(id)) {
                musts.removed = false;
            }
        }
    }

    /// The first product that is not as it must be.
    pub fn broken_by(&self, observed: &Observed) -> Option<String> {
        self.0.iter().find_map(|(id, musts)| {
            let product = observed.products.get(id).cloned().unwrap_or_default();
            let holds = (!musts.in_doubt || product.in_doubt)
                && (musts.published.is_none() || musts.published == product.published)
                && (musts.parked.is_none() || musts.parked == product.parked)
                && (!musts.removed || product.removed);
            (!holds).then(|| format!("{id:?} is {product:?}, but must be {musts:?}"))
        })
    }

    fn of(&mut self, id: &ProductId) -> &mut Musts {
        self.0.entry(id.clone()).or_default()
    }
}
