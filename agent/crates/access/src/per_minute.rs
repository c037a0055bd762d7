//! Counts what happens in each minute.

use jiff::Timestamp;

/// How often something has happened in this minute.
#[derive(Debug, Default)]
pub struct PerMinute {
    /// Minutes since 1970.
    minute: i64,
    count: u32,
}

impl PerMinute {
    /// Counts one more at `now`. Returns how many there were in this minute, this one included.
    pub fn count(&mut self, now: Timestamp) -> u32 {
        let minute = now.as_second().div_euclid(60);
        if self.minute != minute {
            *self = Self { minute, count: 0 };
        }
        self.count = self.count.saturating_add(1);
        self.count
    }
}
