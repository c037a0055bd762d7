//! Several measurements of the same thing.

use std::time::Duration;

/// Times of the same thing, in milliseconds; never empty once one was added.
#[derive(Debug, Default)]
pub(super) struct Samples(Vec<f64>);

impl Samples {
    pub(super) fn add(&mut self, time: Duration) {
        self.0.push(time.as_secs_f64() * 1_000.0);
        self.0.sort_by(f64::total_cmp);
    }

    /// The median; the upper one of the two in the middle.
    pub(super) fn median(&self) -> Option<f64> {
        self.0.get(self.0.len() / 2).copied()
    }

    pub(super) fn least(&self) -> Option<f64> {
        self.0.first().copied()
    }

    pub(super) fn most(&self) -> Option<f64> {
        self.0.last().copied()
    }
}

/// `value` as a multiple of `base`.
pub(super) fn ratio(value: Option<f64>, base: Option<f64>) -> Option<f64> {
    Some(value? / base?)
}
