//! What must hold whatever else the journal says: kept by the calls alone, never by its answers.

use std::collections::BTreeMap;

use shopmaster_journal::DigestBytes;
use shopmaster_product::ProductId;

use crate::observed::Observed;

/// What must be true of each product after the calls that returned.
#[derive(Debug, Clone, Default)]
pub struct Ledger(BTreeMap<ProductId, Musts>);

/// What is none or false is not known, and not promised.
#[derive(Debug, Clone, Default)]
struct Musts {
    /// It was handed over, and the step that did so has not ended.
    in_flight: bool,
    /// A request was given up: it may land until the window is over, and no test lasts that long. Nothing
    /// else that becomes of the product ends this doubt.
    given_up: bool,
    /// It was answered, but not whether it was applied.
    answered: bool,
    published: Option<DigestBytes>,
    parked: Option<DigestBytes>,
    removed: bool,
}

/// What became of a product that was handed over.
#[derive(Debug, Clone, Copy)]
pub enum Answer {
    /// It was not sent, or clearly turned away.
    Nothing,
    Answered,
    GivenUp,
    /// Nothing is said of it.
    Silent,
    Refused(DigestBytes),
}

/// What was found out of a product without sending it.
#[derive(Debug, Clone, Copy)]
pub enum Found {
    Refused(DigestBytes),
    Unparked,
    Gone,
}

impl Ledger {
    pub fn hand_over(&mut self, ids: &[ProductId]) {
        for id in ids {
            let musts = self.of(id);
            musts.in_flight = true;
            musts.removed = false;
        }
    }

    pub fn find(&mut self, id: &ProductId, found: Found) {
        let musts = self.of(id);
        match found {
            Found::Refused(digest) => musts.refuse(digest),
            Found::Unparked => musts.parked = None,
            Found::Gone => {
                *musts = Musts {
                    in_flight: musts.in_flight,
                    given_up: musts.given_up,
                    removed: true,
                    ..Musts::default()
                };
            }
        }
    }

    pub fn acknowledge(&mut self, id: &ProductId, digest: DigestBytes, may_still_land: bool) {
        let musts = self.of(id);
        *musts = Musts {
            given_up: musts.given_up || may_still_land,
            published: Some(digest),
            ..Musts::default()
        };
    }

    pub fn settle(&mut self, id: &ProductId, answer: Answer) {
        let musts = self.of(id);
        musts.in_flight = false;
        match answer {
            Answer::Nothing => {}
            Answer::Answered => musts.answered = true,
            Answer::GivenUp | Answer::Silent => musts.given_up = true,
            Answer::Refused(digest) => musts.refuse(digest),
        }
    }

    /// The step that was under way ended without a word.
    pub fn abandon(&mut self) {
        for musts in self.0.values_mut() {
            musts.given_up |= musts.in_flight;
            musts.in_flight = false;
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
            let may_land = musts.in_flight || musts.given_up;
            let holds = (!may_land || product.may_land)
                && (!(may_land || musts.answered) || product.in_doubt)
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

impl Musts {
    fn refuse(&mut self, digest: DigestBytes) {
        self.parked = Some(digest);
        self.removed = false;
    }
}
