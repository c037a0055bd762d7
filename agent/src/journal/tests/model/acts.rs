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
    HandOver(Vec<ProductId>),
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

/// One step: what was handed over, and what became of it.
#[derive(Debug, Clone)]
pub(super) struct Step {
    pub(super) fates: BTreeMap<ProductId, (Fate, Option<Place>)>,
    /// Whether it began to send after every doubt was due.
    pub(super) late: bool,
    /// Whether a request may land long after.
    pub(super) long: bool,
    pub(super) in_upload: bool,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Fate {
    Acknowledged(u8),
    Untouched,
    Lost,
    Unanswered,
    NotSent,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Place {
    Parked(u8),
    Unparked,
    Removed,
    Returned,
}

fn some_ids() -> impl Strategy<Value = Vec<ProductId>> {
    subsequence(ids(), 0..=5)
}

fn step() -> impl Strategy<Value = Step> {
    let fate = prop_oneof![
        4 => (0..3_u8).prop_map(Fate::Acknowledged),
        2 => Just(Fate::Untouched),
        2 => Just(Fate::Lost),
        1 => Just(Fate::Unanswered),
        2 => Just(Fate::NotSent),
    ];
    let place = prop_oneof![
        3 => (0..3_u8).prop_map(Place::Parked),
        1 => Just(Place::Unparked),
        2 => Just(Place::Removed),
        1 => Just(Place::Returned),
    ];
    let fates = vec((fate, option::weighted(0.3, place)), 5);
    (some_ids(), fates, any::<[bool; 3]>()).prop_map(|(ids, fates, [late, long, in_upload])| Step {
        fates: ids.into_iter().zip(fates).collect(),
        late,
        long,
        in_upload,
    })
}

pub(super) fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        12 => step().prop_map(Act::Step),
        2 => some_ids().prop_map(Act::HandOver),
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
