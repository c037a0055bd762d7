//! The session that all requests share: the token, whose turn it is to log in, and the server's time.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

use super::token::Token;
use super::{Answer, Session, SessionState};

/// How long nobody logs in again after a fresh token was turned away.
const REST: Duration = Duration::from_secs(60);

/// One moment by both clocks of this computer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    /// May be hours off.
    pub(super) wall: Timestamp,
    /// Only ever goes forward.
    pub(super) steady: Instant,
}

/// A token and its number: a request that is turned away with an older one need not log in.
#[derive(Debug, Clone)]
pub(super) struct Pass {
    /// What is sent.
    pub(super) token: Arc<Token>,
    /// From 1; 0 stands for none.
    pub(super) generation: u64,
}

/// What to do before a request.
#[derive(Debug)]
pub(super) enum Next {
    /// Send it with this.
    Send(Pass),
    /// Log in first; the token of this generation, if any, is at its end.
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
    /// Whether Digible acknowledged something under `pass`.
    accepted: bool,
    /// How many logins have ended, well or not.
    logins: u64,
    /// What the last login ended with when it did not end well.
    failure: Option<Answer>,
    refused: Option<Refused>,
    /// Server time less this computer's, from the newest answer with a `Date`.
    skew: Option<SignedDuration>,
}

/// Why nobody logs in.
#[derive(Debug)]
struct Refused {
    reason: String,
    /// Nothing: until the credentials change or a person asks for it.
    until: Option<Instant>,
}

impl Moment {
    /// This one.
    pub(super) fn now() -> Self {
        Self {
            wall: Timestamp::now(),
            steady: Instant::now(),
        }
    }
}

impl SharedSession {
    /// With the token of an earlier login, if there is one.
    pub(super) fn new(kept: Option<Token>) -> Self {
        let state = State {
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
    /// The token is judged in server time; until an answer has told that, it is simply tried. Nobody
    /// renews it early who cannot log in (`can_log_in`).
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

    /// Waits for the turn to log in; it is given back when the guard is dropped.
    pub(super) async fn turn(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    /// How many logins have ended: to be asked before waiting for the turn.
    pub(super) fn logins(&self) -> u64 {
        self.lock().logins
    }

    /// What another's login came to while this one waited: a token newer than `generation`, or its
    /// failure. Nothing when nobody logged in since there had been `logins`.
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
            _ => Ok(None),
        }
    }

    /// A login got this token.
    pub(super) fn logged_in(&self, token: Token) -> Pass {
        let mut state = self.lock();
        let pass = Pass {
            token: Arc::new(token),
            generation: state.pass.as_ref().map_or(0, |pass| pass.generation) + 1,
        };
        state.pass = Some(pass.clone());
        state.accepted = false;
        state.refused = None;
        state.end_login(None);
        pass
    }

    /// A login got no answer worth the name; the next one may.
    pub(super) fn login_failed(&self, answer: &Answer) {
        self.lock().end_login(Some(answer.clone()));
    }

    /// A login was refused, or cannot be made: no request tries again.
    pub(super) fn login_refused(&self, reason: String) -> Answer {
        let answer = logged_out(&reason);
        let mut state = self.lock();
        state.refused = Some(Refused {
            reason,
            until: None,
        });
        state.end_login(Some(answer.clone()));
        answer
    }

    /// A new token was turned away with 401: nobody logs in for a while, unless there is a newer one.
    pub(super) fn turned_away(&self, generation: u64, reason: String, now: Moment) -> Answer {
        let answer = logged_out(&reason);
        let mut state = self.lock();
        let is_newest = state
            .pass
            .as_ref()
            .is_some_and(|pass| pass.generation == generation);
        if is_newest && state.refused.is_none() {
            state.refused = Some(Refused {
                reason,
                until: now.steady.checked_add(REST),
            });
        }
        answer
    }

    /// Digible acknowledged something under this generation.
    pub(super) fn accepted(&self, generation: u64) {
        let mut state = self.lock();
        if state
            .pass
            .as_ref()
            .is_some_and(|pass| pass.generation == generation)
        {
            state.accepted = true;
        }
    }

    /// An answer of `now` bears the `date`.
    pub(super) fn heard(&self, date: Timestamp, now: Moment) {
        self.lock().skew = Some(date.duration_since(now.wall));
    }

    /// The server's time, as far as it is known.
    pub(super) fn server_time(&self, now: Moment) -> Timestamp {
        server_time(now.wall, self.lock().skew.unwrap_or_default())
    }

    /// What is known of the login.
    pub(super) fn known(&self, now: Moment) -> Session {
        let mut state = self.lock();
        let is_refused = state.check_refusal(now).is_err();
        let skew = state.skew.unwrap_or_default();
        let end = state.pass.as_ref().and_then(|pass| pass.token.end());
        let has_ended = end.is_some_and(|end| end <= server_time(now.wall, skew));
        let works = state
            .pass
            .as_ref()
            .is_some_and(|pass| pass.token.is_own() || state.accepted);
        Session {
            state: match (is_refused, works && !has_ended) {
                (true, _) => SessionState::Expired,
                (false, true) => SessionState::Active,
                (false, false) => SessionState::Unknown,
            },
            expires_at: end.and_then(|end| end.checked_sub(skew).ok()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change is one assignment after another, none of which can panic.
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

    fn end_login(&mut self, failure: Option<Answer>) {
        self.logins += 1;
        self.failure = failure;
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
        session.accepted(2);
        assert_eq!(session.known(now).state, SessionState::Unknown);
        session.accepted(1);
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
            fate: crate::digible::Fate::NotApplied,
        };
        session.login_failed(&failure);
        assert_eq!(session.meanwhile(0, before, now).unwrap_err(), failure);
        let before = session.logins();
        assert!(session.meanwhile(0, before, now).unwrap().is_none());

        let token = Token::obtained("t", now.wall, now.steady).unwrap();
        let pass = session.logged_in(token);
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
        let answer = session.login_refused("401: no".to_owned());
        assert_eq!(session.next(now, true).unwrap_err(), answer);
        assert_eq!(session.next(later(now, 999_999), true).unwrap_err(), answer);
        assert_eq!(session.known(now).state, SessionState::Expired);
        session.logged_in(Token::obtained("t", now.wall, now.steady).unwrap());
        assert!(sends(&session, now));
        assert_eq!(session.known(now).state, SessionState::Active);
    }

    #[test]
    fn a_new_token_that_is_turned_away_rests_the_login_for_a_minute() {
        let now = moment(1000);
        let session = SharedSession::new(None);
        let token = || Token::obtained("t", now.wall, now.steady).unwrap();
        let old = session.logged_in(token());
        let new = session.logged_in(token());
        session.turned_away(old.generation, "401: no".to_owned(), now);
        assert!(sends(&session, now), "there is a newer token");
        session.turned_away(new.generation, "401: no".to_owned(), now);
        assert!(session.next(later(now, 59), true).is_err());
        assert!(sends(&session, later(now, 60)));
    }
}
