//! The session that all requests share: the token, the turn to log in, and the server's time.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

use super::token::Token;
use super::{Answer, Session, SessionState};

/// How long the client does not log in after a new token was rejected or after too many logins.
const LOGIN_COOLDOWN: Duration = Duration::from_secs(60);

/// The time between two logins on mere suspicion, unless the first one helped.
const SUSPICION_COOLDOWN: Duration = Duration::from_secs(30);

/// How many logins are made within [`LOGIN_COOLDOWN`], at most: more show that logins do not last.
const MOST_LOGINS: usize = 30;

/// One moment, by both clocks of this computer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    /// The wall clock, which may be hours off.
    pub(super) wall: Timestamp,
    /// The steady clock, which only moves forward.
    pub(super) steady: Instant,
}

/// A token and its number: a request that is rejected with an older token need not log in.
#[derive(Debug, Clone)]
pub(super) struct Pass {
    /// The token that is sent.
    pub(super) token: Arc<Token>,
    /// From 1; 0 stands for none.
    pub(super) generation: u64,
}

/// How long after an acknowledgement the token counts as valid.
const TRUSTED_AFTER_SUCCESS: Duration = Duration::from_secs(20);

/// What makes a token doubtful.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doubt {
    /// An answer whose words or status are about sessions.
    Words,
    /// A refused batch.
    Batch,
    /// A refused update: Digible has often lost the product. Before the refusal counts, the product is sent in
    /// a batch.
    Update,
    /// An answer that says nothing about the token, as in an outage.
    Fault,
}

/// Whether an answer may mean that its token has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Suspicion {
    /// The token is probably valid, or a login would be too early: the answer is reported.
    None,
    /// One login is worth trying.
    LogIn {
        /// Another batch was already reported as refused with this token: if the login helps, its products were
        /// not to blame.
        was_reported: bool,
    },
}

/// What to do before a request.
#[derive(Debug)]
pub(super) enum Next {
    /// Send it with this token.
    Send(Pass),
    /// Log in first; the token of this generation, if any, has ended.
    LogIn { generation: u64 },
}

/// The session that all requests share.
#[derive(Debug)]
pub(super) struct SharedSession {
    state: Mutex<State>,
    turn: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    pass: Option<Pass>,
    /// When Digible last acknowledged something under `pass`.
    accepted_at: Option<Instant>,
    /// Whether a batch was reported as refused since then.
    has_refused: bool,
    /// Until when the client does not log in because of a refusal.
    trusted_after_refusal: Option<Instant>,
    /// Until when the client does not log in because of a fault.
    trusted_after_fault: Option<Instant>,
    /// Whether a login on suspicion is in progress.
    is_suspected: bool,
    /// When the last logins returned a token.
    logged_in_at: VecDeque<Instant>,
    /// Whether Digible ever accepted these credentials: an earlier process stored a token, or this one received
    /// one.
    ever_accepted: bool,
    /// Whether Digible ever refused a login of this process.
    was_asked: bool,
    /// How many logins have ended, successful or not.
    logins: u64,
    /// The result of the last login, if it failed.
    failure: Option<Answer>,
    refused: Option<Refused>,
    /// The server's time minus this computer's, from the newest answer with a `Date`.
    skew: Option<SignedDuration>,
}

/// Why the client does not log in.
#[derive(Debug)]
struct Refused {
    reason: String,
    /// None: until the credentials change or the user asks for a login.
    until: Option<Instant>,
}

impl Moment {
    /// The current moment.
    pub(super) fn now() -> Self {
        Self {
            wall: Timestamp::now(),
            steady: Instant::now(),
        }
    }
}

impl SharedSession {
    /// A session that starts with the token of an earlier login, if there is one.
    pub(super) fn new(kept: Option<Token>) -> Self {
        let state = State {
            ever_accepted: kept.is_some(),
            pass: kept.map(|token| Pass {
                token: Arc::new(token),
                generation: 1,
            }),
            ..State::default()
        };
        Self {
            state: Mutex::new(state),
            turn: tokio::sync::Mutex::new(()),
        }
    }

    /// What to do before a request that is sent at `now`.
    ///
    /// The token's end is compared with the server's time; until an answer has shown that time, the token is
    /// simply tried. A client that cannot log in (`can_log_in`) does not renew the token early.
    ///
    /// # Errors
    ///
    /// `LoggedOut` while the login is refused.
    pub(super) fn next(&self, now: Moment, can_log_in: bool) -> Result<Next, Answer> {
        let mut state = self.lock();
        state.check_refusal(now)?;
        let Some(pass) = &state.pass else {
            return Ok(Next::LogIn { generation: 0 });
        };
        let is_due = state
            .skew
            .is_some_and(|skew| pass.token.is_due(server_time(now.wall, skew), now.steady));
        if is_due && can_log_in {
            return Ok(Next::LogIn {
                generation: pass.generation,
            });
        }
        Ok(Next::Send(pass.clone()))
    }

    /// Waits for the turn to log in; dropping the guard ends the turn.
    pub(super) async fn turn(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    /// How many logins have ended; read this before waiting for the turn.
    pub(super) fn logins(&self) -> u64 {
        self.lock().logins
    }

    /// The result of a login that another caller made while this one waited: a token newer than `generation`,
    /// or the failure. None when no login has ended since there were `logins`.
    pub(super) fn meanwhile(
        &self,
        generation: u64,
        logins: u64,
        now: Moment,
    ) -> Result<Option<Pass>, Answer> {
        let mut state = self.lock();
        state.check_refusal(now)?;
        if let Some(pass) = &state.pass
            && pass.generation > generation
        {
            return Ok(Some(pass.clone()));
        }
        match &state.failure {
            Some(failure) if state.logins > logins => Err(failure.clone()),
            _ => {
                state.check_storm(now)?;
                Ok(None)
            }
        }
    }

    /// The result of a login that another caller made while this one waited for its turn; none when no login
    /// has ended since there were `logins`.
    pub(super) fn shared(&self, logins: u64) -> Option<Result<Pass, Answer>> {
        let state = self.lock();
        if state.logins == logins {
            return None;
        }
        match (&state.failure, &state.pass) {
            (Some(failure), _) => Some(Err(failure.clone())),
            (None, pass) => pass.clone().map(Ok),
        }
    }

    /// Whether the answer at `now` to a request sent at `sent_at` may mean that its token has ended although
    /// the status does not say so, so that one login is worth trying.
    ///
    /// It is not when Digible acknowledged something with the token after the request was sent, nor when the
    /// token is new and untried. For [`TRUSTED_AFTER_SUCCESS`] after an acknowledgement, which may have been
    /// the last one, it takes words about sessions or a second refused batch in a row. A login that did not
    /// help is not repeated for [`SUSPICION_COOLDOWN`], so that neither a refused product nor an outage causes
    /// logins all the time.
    pub(super) fn suspects(
        &self,
        pass: &Pass,
        doubt: Doubt,
        sent_at: Instant,
        now: Moment,
    ) -> Suspicion {
        let mut state = self.lock();
        let newest = state.pass.as_ref().map_or(0, |newest| newest.generation);
        if newest != pass.generation || state.is_suspected {
            // Another caller is logging in or has done so: a retry costs no login of its own.
            return Suspicion::LogIn {
                was_reported: false,
            };
        }
        let was_reported = state.has_refused;
        let is_good = state.accepted_at.is_some_and(|at| at >= sent_at);
        let is_proven = state
            .accepted_at
            .is_some_and(|at| now.steady.saturating_duration_since(at) < TRUSTED_AFTER_SUCCESS);
        let is_untried = state.accepted_at.is_none() && pass.token.is_fresh(now.steady);
        let is_trusted = is_untried
            || match doubt {
                Doubt::Words => is_good,
                Doubt::Batch => is_good || (is_proven && !was_reported),
                Doubt::Update | Doubt::Fault => is_proven,
            };
        let until = match doubt {
            Doubt::Fault => &mut state.trusted_after_fault,
            Doubt::Words | Doubt::Batch | Doubt::Update => &mut state.trusted_after_refusal,
        };
        if is_trusted || until.is_some_and(|until| now.steady < until) {
            state.has_refused |= doubt == Doubt::Batch;
            return Suspicion::None;
        }
        *until = now.steady.checked_add(SUSPICION_COOLDOWN);
        state.is_suspected = true;
        Suspicion::LogIn { was_reported }
    }

    /// Records that a login on suspicion of a refusal helped: the next one need not wait.
    pub(super) fn suspicion_was_right(&self) {
        self.lock().trusted_after_refusal = None;
    }

    /// Records that a login returned this token.
    pub(super) fn logged_in(&self, token: Token, now: Moment) -> Pass {
        let mut state = self.lock();
        let pass = Pass {
            token: Arc::new(token),
            generation: state.pass.as_ref().map_or(0, |pass| pass.generation) + 1,
        };
        state.pass = Some(pass.clone());
        state.accepted_at = None;
        state.has_refused = false;
        state.ever_accepted = true;
        state.refused = None;
        state.logged_in_at.push_back(now.steady);
        state.end_login(None);
        pass
    }

    /// Records that a login got no usable answer; the next one may.
    pub(super) fn login_failed(&self, answer: &Answer) {
        let mut state = self.lock();
        if state.is_suspected && matches!(answer, Answer::Retry { .. }) {
            // The failure says nothing about the token: the next refusal may cause another login.
            (state.trusted_after_refusal, state.trusted_after_fault) = (None, None);
        }
        state.end_login(Some(answer.clone()));
    }

    /// Records that Digible refused a login: no request logs in again.
    pub(super) fn login_refused(&self, reason: &str) -> Answer {
        let sentence = {
            let mut state = self.lock();
            state.was_asked = true;
            state.refusal().sentence()
        };
        self.no_login(format!("{sentence}: {reason}"))
    }

    /// Records that logging in is not possible: no request tries it.
    pub(super) fn no_login(&self, reason: String) -> Answer {
        let answer = logged_out(&reason);
        let mut state = self.lock();
        state.refused = Some(Refused {
            reason,
            until: None,
        });
        state.end_login(Some(answer.clone()));
        answer
    }

    /// Records that a new token was rejected with 401: the client does not log in for a while, unless there is
    /// a newer token.
    pub(super) fn turned_away(&self, generation: u64, reason: &str, now: Moment) -> Answer {
        let sentence = SessionState::Expired.sentence();
        let reason = format!("{sentence}: {reason}, right after a new login");
        let answer = logged_out(&reason);
        let mut state = self.lock();
        let is_newest = state
            .pass
            .as_ref()
            .is_some_and(|pass| pass.generation == generation);
        if is_newest && state.refused.is_none() {
            state.refused = Some(Refused {
                reason,
                until: now.steady.checked_add(LOGIN_COOLDOWN),
            });
        }
        answer
    }

    /// Records that Digible acknowledged something with the token of this generation.
    pub(super) fn accepted(&self, generation: u64, now: Moment) {
        let mut state = self.lock();
        if state
            .pass
            .as_ref()
            .is_some_and(|pass| pass.generation == generation)
        {
            state.accepted_at = Some(now.steady);
            state.has_refused = false;
        }
    }

    /// Records the `date` of an answer that arrived at `now`.
    pub(super) fn heard(&self, date: Timestamp, now: Moment) {
        self.lock().skew = Some(date.duration_since(now.wall));
    }

    /// The server's time, as far as it is known.
    pub(super) fn server_time(&self, now: Moment) -> Timestamp {
        server_time(now.wall, self.lock().skew.unwrap_or_default())
    }

    /// What is known about the login.
    pub(super) fn known(&self, now: Moment) -> Session {
        let mut state = self.lock();
        let is_refused = state.check_refusal(now).is_err();
        let skew = state.skew.unwrap_or_default();
        let end = state.pass.as_ref().and_then(|pass| pass.token.end());
        let has_ended = end.is_some_and(|end| end <= server_time(now.wall, skew));
        let works = state
            .pass
            .as_ref()
            .is_some_and(|pass| pass.token.is_own() || state.accepted_at.is_some());
        Session {
            state: match (is_refused, works && !has_ended) {
                (true, _) => state.refusal(),
                (false, true) => SessionState::Active,
                (false, false) => SessionState::Unknown,
            },
            expires_at: end.and_then(|end| end.checked_sub(skew).ok()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A poisoned lock is still consistent: every change is a series of assignments, none of which can
        // panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn check_refusal(&mut self, now: Moment) -> Result<(), Answer> {
        let Some(refused) = &self.refused else {
            return Ok(());
        };
        if refused.until.is_some_and(|until| until <= now.steady) {
            self.refused = None;
            return Ok(());
        }
        Err(logged_out(&refused.reason))
    }

    /// The state after a refused login.
    fn refusal(&self) -> SessionState {
        match self.was_asked && !self.ever_accepted {
            true => SessionState::Refused,
            false => SessionState::Expired,
        }
    }

    /// Refuses more logins when there were too many: a server that ends every token at once would otherwise
    /// cause a login for every request.
    fn check_storm(&mut self, now: Moment) -> Result<(), Answer> {
        let is_old = |at: &Instant| now.steady.saturating_duration_since(*at) >= LOGIN_COOLDOWN;
        while self.logged_in_at.front().is_some_and(is_old) {
            self.logged_in_at.pop_front();
        }
        if self.logged_in_at.len() < MOST_LOGINS {
            return Ok(());
        }
        let reason = format!(
            "{}: {MOST_LOGINS} logins within a minute, and none of them lasted; another program may be \
             using the same account",
            SessionState::Expired.sentence()
        );
        let answer = logged_out(&reason);
        self.refused = Some(Refused {
            reason,
            until: now.steady.checked_add(LOGIN_COOLDOWN),
        });
        Err(answer)
    }

    fn end_login(&mut self, failure: Option<Answer>) {
        self.logins += 1;
        self.failure = failure;
        self.is_suspected = false;
    }
}

fn logged_out(reason: &str) -> Answer {
    Answer::LoggedOut {
        reason: reason.to_owned(),
    }
}

fn server_time(wall: Timestamp, skew: SignedDuration) -> Timestamp {
    wall.checked_add(skew).unwrap_or(wall)
}

#[cfg(test)]
mod tests {
    use super::super::token::tests::jwt;
    use super::*;

    fn moment(second: i64) -> Moment {
        Moment {
            wall: Timestamp::from_second(second).unwrap(),
            steady: Instant::now(),
        }
    }

    fn later(moment: Moment, seconds: u64) -> Moment {
        Moment {
            wall: moment.wall + SignedDuration::from_secs(seconds.try_into().unwrap()),
            steady: moment.steady + Duration::from_secs(seconds),
        }
    }

    fn kept(exp: i64) -> SharedSession {
        SharedSession::new(Token::kept(&jwt(&format!(r#"{{"exp": {exp}}}"#))))
    }

    fn sends(session: &SharedSession, now: Moment) -> bool {
        matches!(session.next(now, true), Ok(Next::Send(_)))
    }

    #[test]
    fn expiry_is_judged_in_server_time() {
        // This computer is five hours ahead.
        let now = moment(100_000);
        let session = kept(83_600);
        assert!(
            sends(&session, now),
            "nothing is known of the server's time"
        );
        session.heard(Timestamp::from_second(82_000).unwrap(), now);
        assert!(sends(&session, now));
        assert!(sends(&session, later(now, 1539)));
        assert!(!sends(&session, later(now, 1540)));
        assert_eq!(
            session.known(now).expires_at,
            Some(Timestamp::from_second(101_600).unwrap())
        );
    }

    #[test]
    fn who_cannot_log_in_uses_a_token_to_its_end() {
        let now = moment(1000);
        let session = kept(1010);
        session.heard(now.wall, now);
        assert!(matches!(
            session.next(now, true),
            Ok(Next::LogIn { generation: 1 })
        ));
        assert!(matches!(session.next(now, false), Ok(Next::Send(_))));
    }

    #[test]
    fn a_token_is_known_to_work_once_it_did() {
        let now = moment(1000);
        let session = kept(2000);
        assert_eq!(session.known(now).state, SessionState::Unknown);
        session.accepted(2, now);
        assert_eq!(session.known(now).state, SessionState::Unknown);
        session.accepted(1, now);
        assert_eq!(session.known(now).state, SessionState::Active);
        assert_eq!(session.known(moment(2000)).state, SessionState::Unknown);
    }

    #[test]
    fn those_who_waited_share_what_came_of_it() {
        let now = moment(1000);
        let session = SharedSession::new(None);
        let before = session.logins();
        assert!(session.meanwhile(0, before, now).unwrap().is_none());

        let failure = Answer::Retry {
            reason: "503: later".to_owned(),
            wait: None,
            fate: crate::Fate::NotApplied,
        };
        session.login_failed(&failure);
        assert_eq!(session.meanwhile(0, before, now).unwrap_err(), failure);
        let before = session.logins();
        assert!(session.meanwhile(0, before, now).unwrap().is_none());

        let token = Token::obtained("t", now.wall, now.steady).unwrap();
        let pass = session.logged_in(token, now);
        let shared = session.meanwhile(0, before, now).unwrap().unwrap();
        assert_eq!(shared.generation, pass.generation);
        assert!(
            session
                .meanwhile(pass.generation, 2, now)
                .unwrap()
                .is_none()
        );
    }

    #[test]
    fn a_refused_login_stands_until_another_succeeds() {
        let now = moment(1000);
        let session = SharedSession::new(None);
        let answer = session.login_refused("401: no");
        assert_eq!(session.next(now, true).unwrap_err(), answer);
        assert_eq!(session.next(later(now, 999_999), true).unwrap_err(), answer);
        assert_eq!(session.known(now).state, SessionState::Refused);
        session.logged_in(Token::obtained("t", now.wall, now.steady).unwrap(), now);
        assert!(sends(&session, now));
        assert_eq!(session.known(now).state, SessionState::Active);
        session.login_refused("401: no");
        assert_eq!(session.known(now).state, SessionState::Expired);
    }

    #[test]
    fn a_new_token_that_is_turned_away_rests_the_login_for_a_minute() {
        let now = moment(1000);
        let session = SharedSession::new(None);
        let token = || Token::obtained("t", now.wall, now.steady).unwrap();
        let old = session.logged_in(token(), now);
        let new = session.logged_in(token(), now);
        session.turned_away(old.generation, "401: no", now);
        assert!(sends(&session, now), "there is a newer token");
        session.turned_away(new.generation, "401: no", now);
        assert!(session.next(later(now, 59), true).is_err());
        assert!(sends(&session, later(now, 60)));
    }

    #[test]
    fn a_password_was_accepted_when_there_is_a_token_of_it() {
        let session = kept(2000);
        session.login_refused("401: no");
        assert_eq!(session.known(moment(1000)).state, SessionState::Expired);
    }

    const FIRST: Suspicion = Suspicion::LogIn {
        was_reported: false,
    };
    const SECOND: Suspicion = Suspicion::LogIn { was_reported: true };

    #[test]
    fn a_refusal_is_the_tokens_when_nothing_speaks_for_the_token() {
        let now = moment(1000);
        let session = kept(9000);
        let Ok(Next::Send(pass)) = session.next(now, true) else {
            panic!("there is a token");
        };
        let suspects = |doubt, sent: u64, at: u64| {
            let sent_at = later(now, sent).steady;
            session.suspects(&pass, doubt, sent_at, later(now, at))
        };
        let failure = Answer::Retry {
            reason: "503: later".to_owned(),
            wait: None,
            fate: crate::Fate::NotApplied,
        };
        let fail = || session.login_failed(&failure);
        assert_eq!(suspects(Doubt::Batch, 0, 1), FIRST);
        assert_eq!(suspects(Doubt::Batch, 0, 1), FIRST, "it is under way");
        fail();
        assert_eq!(suspects(Doubt::Words, 2, 3), FIRST, "no answer, no word");
        fail();
        assert_eq!(suspects(Doubt::Fault, 2, 3), FIRST, "of an outage");
        fail();
        assert_eq!(suspects(Doubt::Update, 2, 301), FIRST);
        fail();
    }

    #[test]
    fn a_token_that_was_good_may_end_at_any_time() {
        let now = moment(1000);
        let session = kept(9000);
        let Ok(Next::Send(pass)) = session.next(now, true) else {
            panic!("there is a token");
        };
        let suspects = |doubt, sent: u64, at: u64| {
            let sent_at = later(now, sent).steady;
            session.suspects(&pass, doubt, sent_at, later(now, at))
        };
        session.accepted(1, later(now, 10));
        for doubt in [Doubt::Words, Doubt::Batch, Doubt::Update, Doubt::Fault] {
            assert_eq!(suspects(doubt, 9, 11), Suspicion::None, "good after that");
        }
        session.accepted(1, later(now, 20));
        for doubt in [Doubt::Update, Doubt::Fault, Doubt::Batch] {
            assert_eq!(suspects(doubt, 21, 22), Suspicion::None, "a minute's trust");
        }
        assert_eq!(suspects(Doubt::Batch, 23, 24), SECOND, "two in a row");
        session.login_failed(&logged_out("503: later"));
        session.suspicion_was_right();
        session.accepted(1, later(now, 30));
        assert_eq!(suspects(Doubt::Words, 31, 32), FIRST, "it says so");
        session.login_failed(&logged_out("503: later"));
        session.suspicion_was_right();
        session.accepted(1, later(now, 40));
        assert_eq!(suspects(Doubt::Update, 99, 100), FIRST, "a minute is over");
    }

    #[test]
    fn a_new_token_is_not_suspected_and_an_old_one_costs_nothing() {
        let now = moment(1000);
        let session = kept(9000);
        let Ok(Next::Send(old)) = session.next(now, true) else {
            panic!("there is a token");
        };
        let token = Token::obtained("t", now.wall, now.steady).unwrap();
        let new = session.logged_in(token, now);
        let suspects = |pass: &Pass, second: u64| {
            let at = later(now, second);
            session.suspects(pass, Doubt::Words, at.steady, at)
        };
        for second in 0..20 {
            assert_eq!(suspects(&new, second), Suspicion::None);
            assert_eq!(suspects(&old, second), FIRST);
        }
        assert_eq!(suspects(&new, 20), FIRST);
    }

    #[test]
    fn logins_that_do_not_help_for_long_end() {
        let now = moment(1000);
        let session = SharedSession::new(None);
        let mut generation = 0;
        for _ in 0..MOST_LOGINS {
            let logins = session.logins();
            assert!(
                session
                    .meanwhile(generation, logins, now)
                    .unwrap()
                    .is_none()
            );
            let token = Token::obtained("t", now.wall, now.steady).unwrap();
            generation = session.logged_in(token, now).generation;
        }
        let refused = session.meanwhile(generation, session.logins(), now);
        assert!(
            matches!(refused, Err(Answer::LoggedOut { .. })),
            "{refused:?}"
        );
        assert!(session.next(later(now, 59), true).is_err());
        assert!(sends(&session, later(now, 60)));
    }
}
