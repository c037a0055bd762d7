//! What may happen to a journal, at random.

use std::collections::BTreeMap;

use proptest::{collection::vec, option, prelude::*, sample::subsequence};

use super::super::{ProductId, number, text};

/// Integers and texts that look alike.
pub(super) fn ids() -> Vec<ProductId> {
    vec![number(-3), number(1), number(2), text("1"), text("b")]
}

#[derive(Debug, Clone)]
pub(super) enum Act {
    /// A step that ends before it records anything.
    Abandon(Vec<ProductId>),
    Step(Step),
    Retry(Option<Vec<ProductId>>),
    Discard(Option<Vec<ProductId>>),
    Forget(Option<Vec<ProductId>>),
    BeginUpload,
    FinishUpload,
    DoubtEverything,
    Reopen,
    /// Goes on with what a kill leaves.
    Kill,
}

/// One step: what was found, what was handed over, and what became of it.
#[derive(Debug, Clone)]
pub(super) struct Step {
    pub(super) found: BTreeMap<ProductId, Found>,
    pub(super) sent: BTreeMap<ProductId, Fate>,
    pub(super) in_upload: bool,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Found {
    Refused(u8),
    Unparked,
    Gone,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Fate {
    Acknowledged(u8, bool),
    Untouched,
    Answered,
    GivenUp,
    Refused(u8),
    /// Nothing is said of it.
    Silent,
}

fn some_ids() -> impl Strategy<Value = Vec<ProductId>> {
    subsequence(ids(), 0..=5)
}

fn step() -> impl Strategy<Value = Step> {
    let fate = prop_oneof![
        4 => (0..3_u8, any::<bool>()).prop_map(|(digest, lands)| Fate::Acknowledged(digest, lands)),
        1 => Just(Fate::Untouched),
        1 => Just(Fate::Answered),
        1 => Just(Fate::GivenUp),
        2 => (0..3_u8).prop_map(Fate::Refused),
        1 => Just(Fate::Silent),
    ];
    let found = prop_oneof![
        2 => (0..3_u8).prop_map(Found::Refused),
        1 => Just(Found::Unparked),
        2 => Just(Found::Gone),
    ];
    let each = vec((option::weighted(0.3, found), fate), 5);
    (some_ids(), each, any::<bool>()).prop_map(|(ids, each, in_upload)| {
        let mut step = Step {
            found: BTreeMap::new(),
            sent: BTreeMap::new(),
            in_upload,
        };
        for (id, (found, fate)) in ids.into_iter().zip(each) {
            match found {
                Some(found) => drop(step.found.insert(id, found)),
                None => drop(step.sent.insert(id, fate)),
            }
        }
        step
    })
}

pub(super) fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        12 => step().prop_map(Act::Step),
        2 => some_ids().prop_map(Act::Abandon),
        1 => option::of(some_ids()).prop_map(Act::Retry),
        1 => option::of(some_ids()).prop_map(Act::Discard),
        1 => option::of(some_ids()).prop_map(Act::Forget),
        1 => Just(Act::BeginUpload),
        1 => Just(Act::FinishUpload),
        1 => Just(Act::DoubtEverything),
        1 => Just(Act::Reopen),
        2 => Just(Act::Kill),
    ]
}
