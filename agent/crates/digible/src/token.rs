//! The token: when it ends according to itself, and when to log in for the next one.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use reqwest::header::HeaderValue;
use serde::Deserialize;

/// How long before its end a token is renewed, at most.
const RENEWAL_MARGIN: Duration = Duration::from_secs(60);

/// How long after its login a token counts as new: a refusal then has another cause.
const FRESH_FOR: Duration = Duration::from_secs(20);

/// A token that can be sent.
#[derive(Debug)]
pub(super) struct Token {
    /// The header's value, marked as sensitive so that nothing prints it.
    header: HeaderValue,
    /// When the token ends, in server time; none when it lives until a 401.
    end: Option<Timestamp>,
    /// The time from its issue to its end, when known.
    lifetime: Option<Duration>,
    /// When this process logged in for it; none when an earlier process did.
    obtained: Option<Instant>,
}

/// The registered claims that matter here (RFC 7519, section 4.1); a NumericDate may have a fraction.
#[derive(Deserialize)]
struct Claims {
    exp: Option<f64>,
    iat: Option<f64>,
}

impl Token {
    /// A token that an earlier process received; none when it cannot be a header value.
    pub(super) fn kept(text: &str) -> Option<Self> {
        let claims = Claims::of(text);
        Some(Self {
            header: header(text)?,
            end: claims.end(),
            lifetime: claims.lifetime(),
            obtained: None,
        })
    }

    /// A token that a login has just returned; none when it cannot be a header value.
    ///
    /// A token that seems to have ended already shows that the server's two clocks differ: it lives until a
    /// 401, because comparing times would mean logging in forever.
    pub(super) fn obtained(text: &str, server_time: Timestamp, at: Instant) -> Option<Self> {
        let claims = Claims::of(text);
        let left = claims.end().and_then(|end| {
            Duration::try_from(end.duration_since(server_time))
                .ok()
                .filter(|left| !left.is_zero())
        });
        Some(Self {
            header: header(text)?,
            end: claims.end().filter(|_| left.is_some()),
            lifetime: claims.lifetime().or(left),
            obtained: Some(at),
        })
    }

    /// The value of the header that is sent.
    pub(super) fn header(&self) -> &HeaderValue {
        &self.header
    }

    /// The token itself, to keep it out of messages.
    pub(super) fn text(&self) -> &str {
        self.header.to_str().unwrap_or_default()
    }

    /// When it ends, in server time; none when it lives until a 401.
    pub(super) fn end(&self) -> Option<Timestamp> {
        self.end
    }

    /// Whether this process logged in for it.
    pub(super) fn is_own(&self) -> bool {
        self.obtained.is_some()
    }

    /// Whether it came from a login that has just been made.
    pub(super) fn is_fresh(&self, at: Instant) -> bool {
        self.age(at).is_some_and(|age| age < FRESH_FOR)
    }

    /// Whether to log in again before the token is used.
    ///
    /// Never in the first half of its life by the steady clock, so that no wrong `Date` can cause a login for
    /// every request.
    pub(super) fn is_due(&self, server_time: Timestamp, at: Instant) -> bool {
        let Some(end) = self.end else {
            return false;
        };
        let margin = self
            .lifetime
            .map_or(RENEWAL_MARGIN, |lifetime| RENEWAL_MARGIN.min(lifetime / 10));
        if end.duration_since(server_time) > signed(margin) {
            return false;
        }
        match (self.age(at), self.lifetime) {
            (Some(age), Some(lifetime)) => age >= lifetime / 2,
            _ => true,
        }
    }

    fn age(&self, at: Instant) -> Option<Duration> {
        self.obtained
            .map(|obtained| at.saturating_duration_since(obtained))
    }
}

impl Claims {
    const NONE: Self = Self {
        exp: None,
        iat: None,
    };

    /// The claims of a JWT, which are not verified: that is the server's task. Anything else has none.
    fn of(token: &str) -> Self {
        Self::read(token).unwrap_or(Self::NONE)
    }

    fn read(token: &str) -> Option<Self> {
        let payload = token.split('.').nth(1)?.trim_end_matches('=');
        let json = URL_SAFE_NO_PAD.decode(payload).ok()?;
        serde_json::from_slice(&json).ok()
    }

    fn end(&self) -> Option<Timestamp> {
        let since_epoch = SignedDuration::try_from_secs_f64(self.exp?).ok()?;
        Timestamp::from_duration(since_epoch).ok()
    }

    fn lifetime(&self) -> Option<Duration> {
        self.end()?;
        let seconds = self.exp? - self.iat?;
        Duration::try_from_secs_f64(seconds)
            .ok()
            .filter(|lifetime| !lifetime.is_zero())
    }
}

fn header(text: &str) -> Option<HeaderValue> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return None;
    }
    let mut header = HeaderValue::from_str(text).ok()?;
    header.set_sensitive(true);
    Some(header)
}

fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A JWT with this payload and without a real signature.
    pub(in super::super) fn jwt(payload: &str) -> String {
        format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(payload))
    }

    fn second(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn the_end_is_read_from_the_payload() {
        let end = |text: &str| Token::kept(text).unwrap().end();
        assert_eq!(
            end(&jwt(r#"{"exp": 1000, "sub": "x"}"#)),
            Some(second(1000))
        );
        assert_eq!(
            end(&jwt(r#"{"exp": 1000.5}"#)).map(Timestamp::as_millisecond),
            Some(1_000_500)
        );
        let padded = jwt(r#"{"exp": 1000}"#).replace(".c2ln", "==.c2ln");
        assert_eq!(end(&padded), Some(second(1000)));
    }

    #[test]
    fn garbage_lives_until_a_401() {
        for text in [
            "opaque".to_owned(),
            "a.b.c".to_owned(),
            "..".to_owned(),
            "e30.!!!.x".to_owned(),
            jwt("{}"),
            jwt("[]"),
            jwt("not json"),
            jwt(r#"{"exp": "1000"}"#),
            jwt(r#"{"exp": null}"#),
            jwt(r#"{"exp": 1e300}"#),
            jwt(r#"{"exp": 1730000000000}"#),
        ] {
            let token = Token::kept(&text).unwrap();
            assert_eq!(token.end(), None, "{text}");
            assert!(!token.is_due(Timestamp::MAX, Instant::now()), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_a_header_is_no_token() {
        for text in ["", "a b", "a\nb", "é"] {
            assert!(Token::kept(text).is_none(), "{text:?}");
        }
    }

    #[test]
    fn nothing_prints_it() {
        let token = Token::kept("hunter2").unwrap();
        assert!(!format!("{token:?}").contains("hunter2"));
        assert_eq!(token.text(), "hunter2");
    }

    #[test]
    fn it_is_renewed_a_minute_before_its_end() {
        let at = Instant::now();
        let token = Token::obtained(&jwt(r#"{"exp": 13600}"#), second(10_000), at).unwrap();
        let later = at + Duration::from_secs(3540);
        assert!(!token.is_due(second(13_539), later));
        assert!(token.is_due(second(13_540), later));
    }

    #[test]
    fn a_short_life_has_a_short_margin() {
        let at = Instant::now();
        for payload in [r#"{"exp": 10100}"#, r#"{"exp": 10100, "iat": 10000}"#] {
            let token = Token::obtained(&jwt(payload), second(10_000), at).unwrap();
            let later = at + Duration::from_secs(90);
            assert!(!token.is_due(second(10_089), later));
            assert!(token.is_due(second(10_090), later));
        }
        let kept = Token::kept(&jwt(r#"{"exp": 10100, "iat": 10000}"#)).unwrap();
        assert!(!kept.is_due(second(10_089), at));
        assert!(kept.is_due(second(10_090), at));
        let unknown = Token::kept(&jwt(r#"{"exp": 10100}"#)).unwrap();
        assert!(unknown.is_due(second(10_040), at));
    }

    #[test]
    fn no_clock_can_make_it_due_in_the_first_half_of_its_life() {
        let at = Instant::now();
        let jwt = jwt(r#"{"exp": 13600}"#);
        let token = Token::obtained(&jwt, second(10_000), at).unwrap();
        assert!(!token.is_due(second(99_999), at + Duration::from_secs(1799)));
        assert!(token.is_due(second(99_999), at + Duration::from_secs(1800)));
    }

    #[test]
    fn one_that_comes_ended_lives_until_a_401() {
        let at = Instant::now();
        let token = Token::obtained(&jwt(r#"{"exp": 10000}"#), second(10_000), at).unwrap();
        assert_eq!(token.end(), None);
        assert!(!token.is_due(second(99_999), at + Duration::from_secs(9 * 3600)));
    }

    #[test]
    fn it_is_fresh_for_twenty_seconds_after_its_login() {
        let at = Instant::now();
        let token = Token::obtained("t", second(0), at).unwrap();
        assert!(token.is_fresh(at + Duration::from_secs(19)));
        assert!(!token.is_fresh(at + Duration::from_secs(20)));
        assert!(!Token::kept("t").unwrap().is_fresh(at));
    }
}
