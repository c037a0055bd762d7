//! Limits the load on Digible: how many requests are sent at once, and when to try again after a failure.
//!
//! The number of requests at once starts low, rises while answers are good and fast, and falls when Digible says that
//! it is too much, fails, or does not answer. It is kept from step to step and from run to run.
//!
//! A circuit breaker surrounds it. It opens when Digible stopped a step. From then on nothing is sent until the time of
//! the next try, which is one request of any run. If that fails, the next wait is longer. If Digible acknowledges
//! something, the breaker closes, and the number of requests rises again from one.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use shopmaster_digible::Answer;
use tokio::{sync::Notify, time::Instant};

use super::{backoff, stop_reason::StopReason};

/// Requests at once to begin with, or half of the maximum if that is less. With the default settings, one round of good
/// answers then reaches the maximum.
const INITIAL_LIMIT: usize = 4;
/// An answer within this time is fast, whatever the best time is. Shorter times differ by chance, and with the number
/// of products in a request.
const ALWAYS_FAST: Duration = Duration::from_millis(100);
/// Otherwise, an answer is fast within this many times the best time. An answer that takes longer has probably waited
/// behind other requests, perhaps of this agent, and more of them would only wait longer.
const SLOW_FACTOR: u32 = 2;
/// The best time rises by one part in this many of the difference to a slower answer, so that a permanently slower
/// Digible counts as usual after about ten answers.
const BEST_TIME_SMOOTHING: u32 = 16;

/// How much may be sent to Digible now.
#[derive(Debug)]
pub(super) struct Flow {
    /// The maximum of requests at once.
    most: usize,
    pacing: Mutex<Pacing>,
    /// Wakes waiting runs: the next try may be earlier than before, or the breaker has closed.
    eased: Notify,
}

/// When a request was sent, and how often the limit had fallen by then.
#[derive(Debug, Clone, Copy)]
pub(super) struct RequestStart {
    at: Instant,
    falls: u64,
}

/// What earlier answers have shown.
#[derive(Debug)]
struct Pacing {
    /// How many requests may be sent at once.
    limit: usize,
    /// Below this, each good answer raises the limit by one, which doubles it in a round. From here on it takes a whole
    /// round, because the limit last fell not far above.
    steep: usize,
    /// Good answers in this round.
    good: usize,
    /// The limit at the last good answer.
    proven: usize,
    /// How often the limit has fallen. Answers to requests that were sent before the last fall say nothing new.
    falls: u64,
    /// The limit fell because Digible had too much to do, as far as that can be known, and has not reached the maximum
    /// since.
    is_slowed: bool,
    /// The best time of an answer, slowly following slower ones.
    best: Option<Duration>,
    open: Option<Open>,
}

/// The open circuit breaker.
#[derive(Debug)]
struct Open {
    /// Why Digible stopped the last step.
    stop_reason: StopReason,
    /// How many tries in a row have failed.
    failures: u32,
    /// The time of the next try.
    next: Instant,
}

/// What an answer says about how much may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LoadSignal {
    /// Digible accepted the request, or some of its products.
    Good,
    /// Digible had too much to do, failed, or did not answer.
    Bad,
    /// Digible works, but refuses this request.
    Neither,
}

impl Flow {
    /// Nothing was sent yet. `most`: the maximum of requests at once.
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

    /// How many requests may be sent at once: one while the breaker is open.
    pub(super) fn limit(&self) -> usize {
        let pacing = self.pacing();
        match pacing.open {
            Some(_) => 1,
            None => pacing.limit,
        }
    }

    /// How many requests were sent at once when Digible last worked. That many may fail together, and waiting for more
    /// failures, one after the other, would show nothing new.
    pub(super) fn proven(&self) -> usize {
        self.pacing().proven.max(INITIAL_LIMIT.min(self.most))
    }

    /// The limit, while it is lower than it could be because of answers.
    pub(super) fn slowed(&self) -> Option<usize> {
        let pacing = self.pacing();
        (pacing.is_slowed && pacing.open.is_none()).then_some(pacing.limit)
    }

    /// What status shows: a lowered limit, and the time of the next try.
    pub(super) fn shown(&self) -> (Option<usize>, Option<Instant>) {
        let next = self.pacing().open.as_ref().map(|open| open.next);
        (self.slowed(), next)
    }

    /// Notes that a request is sent.
    pub(super) fn sent(&self) -> RequestStart {
        RequestStart {
            at: Instant::now(),
            falls: self.pacing().falls,
        }
    }

    /// Notes that it was answered, or given up.
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

    /// Opens the breaker, because Digible stopped a step.
    pub(super) fn open(&self, stop_reason: &StopReason) {
        let now = Instant::now();
        let mut pacing = self.pacing();
        let before = pacing.open.as_ref().map_or(0, |open| open.failures);
        let (failures, wait) = match stop_reason {
            // Digible said when to try again, so this does not count as a failure.
            StopReason::Hold { wait, .. } => (before, *wait),
            _ => (before + 1, backoff::next_try_delay(before + 1)),
        };
        pacing.fall(1);
        pacing.is_slowed = matches!(stop_reason, StopReason::Hold { .. });
        pacing.open = Some(Open {
            stop_reason: stop_reason.clone(),
            failures,
            next: now + wait,
        });
    }

    /// Whether the breaker is open: one request at a time tries whether Digible works again.
    pub(super) fn is_open(&self) -> bool {
        self.pacing().open.is_some()
    }

    /// The time of the next try; none when requests may be sent now.
    pub(super) fn next_try(&self) -> Option<Instant> {
        let next = self.pacing().open.as_ref()?.next;
        (next > Instant::now()).then_some(next)
    }

    /// Why nothing may be sent before the next try; none when requests may be sent now.
    pub(super) fn stop_reason(&self) -> Option<StopReason> {
        let left = self.next_try()?.checked_duration_since(Instant::now())?;
        let mut stop_reason = self.pacing().open.as_ref()?.stop_reason.clone();
        if let StopReason::Hold { wait, .. } = &mut stop_reason {
            *wait = left;
        }
        Some(stop_reason)
    }

    /// Lets the next try start now: the user asked for it, or there are signs that Digible is available again.
    pub(super) fn may_try_now(&self) {
        if let Some(open) = &mut self.pacing().open {
            open.next = Instant::now();
        }
        self.eased.notify_waiters();
    }

    /// Waits until requests may be sent.
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
    /// Learns from an answer. `falls`: how often the limit had fallen when the request was sent; `most`: the maximum.
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

    /// Counts a good answer, and raises the limit by one, up to `most`, if it is time.
    fn rise(&mut self, most: usize) {
        self.good += 1;
        if self.limit < self.steep || self.good >= self.limit {
            self.limit = (self.limit + 1).min(most);
            self.good = 0;
        }
        self.is_slowed &= self.limit < most;
    }

    /// Lowers the limit.
    fn fall(&mut self, limit: usize) {
        self.limit = limit.max(1);
        self.steep = self.limit;
        self.good = 0;
        self.falls += 1;
    }

    /// Notes how long an answer took, and gives whether that was fast.
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
            // It halves once for requests that were sent at once, and never reaches zero.
            (8, 4, "bobbb", vec![2, 2, 1, 1, 1]),
            // After a fall, a whole round raises it by one.
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
    async fn a_stop_reason_says_why_and_how_long_to_wait() {
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
