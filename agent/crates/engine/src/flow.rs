//! How much is asked of Digible: how many requests at once, and when the next one after a failure.
//!
//! The number of requests at once starts low, rises while answers are good and fast, and falls when Digible
//! says that it is too much, fails, or does not answer. It is kept from step to step and from run to run.
//!
//! A circuit breaker is around it. It opens when a step was stopped by Digible. Then nothing is sent until the
//! time of the next try, which is one request, whoever sends it: if it fails, the next wait is longer, and if
//! Digible acknowledges something, the breaker closes, and the number of requests rises again from one.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use shopmaster_digible::Answer;
use tokio::{sync::Notify, time::Instant};

use super::{backoff, stop_reason::StopReason};

/// So many requests at once to begin with, or half of the most where that is less: the most is then reached
/// after one round of good answers by default.
const INITIAL_LIMIT: usize = 4;
/// An answer within this time is fast, whatever the best one took: below it, times differ by chance, and by
/// how many products a request holds.
const ALWAYS_FAST: Duration = Duration::from_millis(100);
/// Beyond that, an answer is fast within so many times the best time. One that takes longer has probably
/// waited behind other requests, perhaps our own, and more of them would only wait longer.
const SLOW_FACTOR: u32 = 2;
/// The best time follows answers that take longer by this part of the difference, so that a Digible that is
/// slower for good counts as usual after some ten answers.
const BEST_TIME_SMOOTHING: u32 = 16;

/// How much is asked of Digible.
#[derive(Debug)]
pub(super) struct Flow {
    /// Never more requests at once.
    most: usize,
    pacing: Mutex<Pacing>,
    /// The next try may be earlier than it was, or the breaker has closed.
    eased: Notify,
}

/// When a request was sent.
#[derive(Debug, Clone, Copy)]
pub(super) struct RequestStart {
    at: Instant,
    falls: u64,
}

#[derive(Debug)]
struct Pacing {
    /// Requests at once.
    limit: usize,
    /// Below this, each good answer raises the limit by one, which doubles it in a round. From here on, a
    /// whole round does: the last fall was not far above.
    steep: usize,
    /// Good answers of the round.
    good: usize,
    /// The limit when an answer was last good.
    proven: usize,
    /// How often the limit fell. An answer to a request that was sent before the last fall tells nothing new.
    falls: u64,
    /// It fell because Digible had too much to do, as far as that can be told, and has not reached the most
    /// since.
    is_slowed: bool,
    best: Option<Duration>,
    open: Option<Open>,
}

/// The breaker is open.
#[derive(Debug)]
struct Open {
    /// Why.
    stop_reason: StopReason,
    /// Tries in a row that failed.
    failures: u32,
    /// The time of the next one.
    next: Instant,
}

/// What an answer says of how much may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LoadSignal {
    Good,
    /// Too much, an error, or no answer.
    Bad,
    /// Digible works, and does not want just this.
    Neither,
}

impl Flow {
    /// Nothing was sent yet.
    pub(super) fn new(most: usize) -> Self {
        let most = most.max(1);
        let start = INITIAL_LIMIT.min(most.div_ceil(2));
        Self {
            most,
            pacing: Mutex::new(Pacing {
                limit: start,
                steep: most,
                good: 0,
                proven: start,
                falls: 0,
                is_slowed: false,
                best: None,
                open: None,
            }),
            eased: Notify::new(),
        }
    }

    /// How many requests may be under way at once: one while the breaker is open.
    pub(super) fn limit(&self) -> usize {
        let pacing = self.pacing();
        match pacing.open {
            Some(_) => 1,
            None => pacing.limit,
        }
    }

    /// How many requests were under way at once when Digible last worked. That many may fail together, and
    /// waiting for more of them, one after the other, would tell no more.
    pub(super) fn proven(&self) -> usize {
        self.pacing().proven.max(INITIAL_LIMIT.min(self.most))
    }

    /// The limit, while it is lower than it could be because of answers.
    pub(super) fn slowed(&self) -> Option<usize> {
        let pacing = self.pacing();
        (pacing.is_slowed && pacing.open.is_none()).then_some(pacing.limit)
    }

    /// What people are told of it.
    pub(super) fn shown(&self) -> (Option<usize>, Option<Instant>) {
        let next = self.pacing().open.as_ref().map(|open| open.next);
        (self.slowed(), next)
    }

    /// A request is sent.
    pub(super) fn sent(&self) -> RequestStart {
        RequestStart {
            at: Instant::now(),
            falls: self.pacing().falls,
        }
    }

    /// It was answered, or given up.
    pub(super) fn answered(&self, sent: RequestStart, answer: &Answer) {
        let was_open = {
            let mut pacing = self.pacing();
            let was_open = pacing.open.is_some();
            pacing.answered(
                sent.falls,
                sent.at.elapsed(),
                LoadSignal::of(answer),
                self.most,
            );
            was_open
        };
        if was_open && !self.is_open() {
            self.eased.notify_waiters();
        }
    }

    /// A step was stopped by Digible.
    pub(super) fn open(&self, stop_reason: &StopReason) {
        let now = Instant::now();
        let mut pacing = self.pacing();
        let before = pacing.open.as_ref().map_or(0, |open| open.failures);
        let (failures, wait) = match stop_reason {
            // It said when: that is no failure.
            StopReason::Hold { wait, .. } => (before, *wait),
            _ => (before + 1, backoff::next_try(before + 1)),
        };
        pacing.fall(1);
        pacing.is_slowed = matches!(stop_reason, StopReason::Hold { .. });
        pacing.open = Some(Open {
            stop_reason: stop_reason.clone(),
            failures,
            next: now + wait,
        });
    }

    /// Whether one request at a time asks if Digible works again.
    pub(super) fn is_open(&self) -> bool {
        self.pacing().open.is_some()
    }

    /// The time of the next try; none when something may be sent now.
    pub(super) fn next_try(&self) -> Option<Instant> {
        let next = self.pacing().open.as_ref()?.next;
        (next > Instant::now()).then_some(next)
    }

    /// Why nothing may be sent before the next try; none when something may be sent now.
    pub(super) fn stop_reason(&self) -> Option<StopReason> {
        let left = self.next_try()?.checked_duration_since(Instant::now())?;
        let mut stop_reason = self.pacing().open.as_ref()?.stop_reason.clone();
        if let StopReason::Hold { wait, .. } = &mut stop_reason {
            *wait = left;
        }
        Some(stop_reason)
    }

    /// A person asks for it, or there are signs that Digible is back: the next try need not wait.
    pub(super) fn may_try_now(&self) {
        if let Some(open) = &mut self.pacing().open {
            open.next = Instant::now();
        }
        self.eased.notify_waiters();
    }

    /// Waits until something may be sent.
    pub(super) async fn ready(&self) {
        loop {
            let eased = self.eased.notified();
            let Some(next) = self.next_try() else {
                return;
            };
            tokio::select! {
                () = eased => {}
                () = tokio::time::sleep_until(next) => {}
            }
        }
    }

    fn pacing(&self) -> MutexGuard<'_, Pacing> {
        self.pacing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pacing {
    /// `falls`: how often the limit had fallen when the request was sent.
    fn answered(&mut self, falls: u64, took: Duration, sign: LoadSignal, most: usize) {
        match sign {
            LoadSignal::Good => {
                self.open = None;
                self.proven = self.limit;
                if self.is_fast(took) && falls == self.falls {
                    self.rise(most);
                }
            }
            LoadSignal::Bad if falls == self.falls => {
                self.fall(self.limit / 2);
                self.is_slowed = true;
            }
            LoadSignal::Bad | LoadSignal::Neither => {}
        }
    }

    fn rise(&mut self, most: usize) {
        self.good += 1;
        if self.limit < self.steep || self.good >= self.limit {
            self.limit = (self.limit + 1).min(most);
            self.good = 0;
        }
        self.is_slowed &= self.limit < most;
    }

    fn fall(&mut self, limit: usize) {
        self.limit = limit.max(1);
        self.steep = self.limit;
        self.good = 0;
        self.falls += 1;
    }

    /// Whether an answer was as quick as answers are, and notes how quick it was.
    fn is_fast(&mut self, took: Duration) -> bool {
        let best = self.best.unwrap_or(took);
        self.best = Some(match took.checked_sub(best) {
            Some(longer) => best + longer / BEST_TIME_SMOOTHING,
            None => took,
        });
        took <= ALWAYS_FAST.max(best * SLOW_FACTOR)
    }
}

impl LoadSignal {
    fn of(answer: &Answer) -> Self {
        match answer {
            Answer::Acknowledged | Answer::Partly { .. } => Self::Good,
            Answer::Retry { .. } | Answer::Broken { .. } => Self::Bad,
            Answer::Refused { .. }
            | Answer::TooLarge { .. }
            | Answer::Missing { .. }
            | Answer::Misconfigured { .. }
            | Answer::LoggedOut { .. } => Self::Neither,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUICK: Duration = Duration::from_millis(20);

    /// The limit after each sign: good and fast, slow, bad, bad though sent before the last fall, neither.
    fn limits(flow: &Flow, signs: &str) -> Vec<usize> {
        let limit_after = |letter| {
            let mut pacing = flow.pacing();
            let before = pacing.falls.saturating_sub(1);
            let (falls, took, sign) = match letter {
                'g' => (pacing.falls, QUICK, LoadSignal::Good),
                's' => (pacing.falls, ALWAYS_FAST * 2, LoadSignal::Good),
                'b' => (pacing.falls, QUICK, LoadSignal::Bad),
                'o' => (before, QUICK, LoadSignal::Bad),
                _ => (pacing.falls, QUICK, LoadSignal::Neither),
            };
            pacing.answered(falls, took, sign, flow.most);
            pacing.limit
        };
        signs.chars().map(limit_after).collect()
    }

    #[test]
    fn the_limit_follows_the_answers() {
        for (most, start, signs, expected) in [
            // One round of good answers doubles it.
            (8, 4, "gggggg", vec![5, 6, 7, 8, 8, 8]),
            (64, 4, "gggg", vec![5, 6, 7, 8]),
            (4, 2, "ggg", vec![3, 4, 4]),
            (1, 1, "gbgb", vec![1, 1, 1, 1]),
            // Slow answers, and those that say nothing of how much it is, leave it.
            (8, 4, "gs-s-g", vec![5, 5, 5, 5, 5, 6]),
            // It halves once for requests that were under way at once, and never ends.
            (8, 4, "bobbb", vec![2, 2, 1, 1, 1]),
            // Behind a fall, a whole round raises it by one.
            (8, 4, "bggggg", vec![2, 2, 3, 3, 3, 4]),
        ] {
            let flow = Flow::new(most);
            assert_eq!(flow.limit(), start, "{most}");
            assert_eq!(limits(&flow, signs), expected, "{most} {signs}");
        }
    }

    #[test]
    fn a_digible_that_is_slower_for_good_is_usual_after_a_while() {
        let flow = Flow::new(8);
        limits(&flow, "g");
        assert_eq!(limits(&flow, &"s".repeat(9)), [5; 9]);
        assert!(limits(&flow, &"s".repeat(9)).ends_with(&[8]));
    }

    #[test]
    fn it_is_slowed_from_a_fall_until_the_most_is_reached_again() {
        let flow = Flow::new(3);
        assert_eq!(flow.slowed(), None);
        limits(&flow, "b");
        assert_eq!(flow.slowed(), Some(1));
        limits(&flow, "gg");
        assert_eq!(flow.slowed(), Some(2));
        limits(&flow, "g");
        assert_eq!(flow.slowed(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn an_open_breaker_lets_one_through_after_ever_longer_waits() {
        let flow = Flow::new(8);
        let mut waits = Vec::new();
        for _ in 0..12 {
            let begun = Instant::now();
            flow.open(&away());
            assert_eq!((flow.limit(), flow.is_open()), (1, true));
            flow.ready().await;
            waits.push(begun.elapsed());
            assert_eq!(flow.next_try(), None);
            // Neither a failure nor the time that passes closes it.
            flow.answered(flow.sent(), &retry());
            assert!(flow.is_open());
        }
        assert!(waits[0] <= Duration::from_millis(501), "{waits:?}");
        let minute = Duration::from_secs(60);
        for wait in &waits[7..] {
            assert!((minute / 2..=minute).contains(wait), "{waits:?}");
        }
        flow.answered(flow.sent(), &Answer::Acknowledged);
        assert!(!flow.is_open());
        // It rises from one.
        assert_eq!(flow.limit(), 2);
        flow.open(&away());
        let next = flow.next_try().unwrap();
        assert!(next.duration_since(Instant::now()) <= Duration::from_millis(501));
    }

    #[tokio::test(start_paused = true)]
    async fn what_digible_asked_for_is_no_failure() {
        let flow = Flow::new(8);
        for _ in 0..9 {
            flow.open(&hold(7));
        }
        let next = flow.next_try().unwrap();
        assert_eq!(next.duration_since(Instant::now()), Duration::from_secs(7));
        flow.open(&away());
        let next = flow.next_try().unwrap();
        assert!(next.duration_since(Instant::now()) <= Duration::from_millis(501));
    }

    #[tokio::test(start_paused = true)]
    async fn who_must_wait_is_told_why_and_how_long() {
        let flow = Flow::new(8);
        assert_eq!(flow.stop_reason(), None);
        flow.open(&away());
        assert_eq!(flow.stop_reason(), Some(away()));
        flow.open(&hold(7));
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(flow.stop_reason(), Some(hold(5)));
        flow.may_try_now();
        assert_eq!(flow.stop_reason(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn those_who_wait_go_on_when_it_closes_or_somebody_asks() {
        for closes in [true, false] {
            let flow = Flow::new(8);
            flow.open(&hold(900));
            let begun = Instant::now();
            tokio::join!(flow.ready(), async {
                tokio::task::yield_now().await;
                match closes {
                    true => flow.answered(flow.sent(), &Answer::Acknowledged),
                    false => flow.may_try_now(),
                }
            });
            assert_eq!(begun.elapsed(), Duration::ZERO);
            assert_eq!(flow.is_open(), !closes);
        }
    }

    fn away() -> StopReason {
        StopReason::Unreachable("no".to_owned())
    }

    fn hold(seconds: u64) -> StopReason {
        StopReason::Hold {
            wait: Duration::from_secs(seconds),
            reason: "busy".to_owned(),
        }
    }

    fn retry() -> Answer {
        Answer::Retry {
            reason: String::new(),
            wait: None,
            fate: shopmaster_digible::Fate::NotApplied,
        }
    }
}
