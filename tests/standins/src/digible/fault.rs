//! What can go wrong at Digible, as data.

use std::{collections::BTreeSet, time::Duration};

use fastrand::Rng;
use hyper::StatusCode;
use serde::{Deserialize, Serialize};

use super::{
    part::Naming,
    wire::{Call, Endpoint, ProductId, Refusal},
};
use crate::duration;

/// One thing that goes wrong, for which requests, and how often.
///
/// A fault applies to a request that fits it. Faults with a number of times come first, in the order in which they were
/// injected, then lasting ones. At most one applies to a request.
///
/// As JSON: `{"on": "batch", "times": 2, "kind": "refuse", "status": 503, "retry_after": {"seconds": 1}}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fault {
    /// The call that it applies to; none for every request, including those to unknown paths.
    #[serde(default)]
    pub on: Option<Endpoint>,
    /// How many requests it applies to; none until it is cleared.
    #[serde(default)]
    pub times: Option<u32>,
    /// What happens.
    #[serde(flatten)]
    pub kind: FaultKind,
}

/// What happens to a request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum FaultKind {
    /// It is answered with an error status and a JSON message; nothing is applied.
    Refuse {
        /// The HTTP status.
        status: u16,
        /// The header `Retry-After`.
        #[serde(default)]
        retry_after: Option<RetryAfter>,
        /// The share of requests that are refused, 0 to 1, by the seeded generator.
        #[serde(default = "always")]
        share: f64,
    },
    /// All tokens issued so far become invalid, and this request is answered with 401. It never applies to a login,
    /// where 401 would mean that the password is wrong.
    RevokeTokens,
    /// A valid batch of more than this many products is answered with 413; nothing of it is applied.
    TooLarge {
        /// The largest batch that is accepted.
        most: usize,
    },
    /// A valid request with one of these products is refused; nothing of it is applied.
    Poison {
        /// The products.
        ids: BTreeSet<ProductId>,
        /// The HTTP status.
        status: u16,
    },
    /// No answer is sent until the hanging requests are released.
    Hang {
        /// What happens to the request.
        effect: HangEffect,
    },
    /// The connection is closed.
    Cut {
        /// When.
        at: CutAt,
    },
    /// It is answered with this text instead of Digible's own answer.
    Reply {
        /// The HTTP status.
        status: u16,
        /// The header `Content-Type`; with none there is no such header.
        content_type: Option<String>,
        /// The body.
        body: String,
        /// Whether the request takes effect nevertheless.
        applied: bool,
    },
    /// A valid request for products takes effect some time after its client gave up or was told that it failed, whatever
    /// took effect meanwhile.
    Late {
        /// The answer that the client gets.
        told: Told,
        /// How long after the client gave up or was told.
        #[serde(with = "duration")]
        after: Duration,
        /// Whether it takes no effect at all if the machine was suspended and it would be much later than that.
        #[serde(default)]
        on_time_only: bool,
    },
    /// The first half of a valid batch of several products takes effect, and then it fails.
    Half {
        /// The answer that the client gets.
        told: Told,
    },
    /// A valid request takes effect except for these products, and its success names them.
    Except {
        /// The products.
        ids: BTreeSet<ProductId>,
        /// How the answer names them.
        naming: Naming,
    },
    /// An invalid token is answered with this status instead of 401, and `"success": false`.
    DeadToken {
        /// The HTTP status, which may be 200.
        status: u16,
    },
    /// It is answered with 307 and this `Location`; nothing is applied.
    Redirect {
        /// The header `Location`.
        location: String,
    },
}

/// The header `Retry-After` (RFC 9110, section 10.2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryAfter {
    /// As a number of seconds.
    Seconds(u64),
    /// As an HTTP-date this many seconds from now, by the stand-in's own clock.
    Date(u64),
}

/// What happens to a request that hangs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HangEffect {
    /// It never takes effect; on release its connection is closed.
    Never,
    /// It took effect at once; on release the answer is sent.
    AtOnce,
    /// It takes effect on release, however long ago its client gave up; then the answer is sent.
    OnRelease,
}

/// When a connection is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CutAt {
    /// Before the request takes effect.
    BeforeApplying,
    /// After it took effect and before the answer: the answer is lost.
    AfterApplying,
    /// After it took effect, in the middle of the answer's body.
    InAnswer,
}

/// The answer to a request that has, or will have, an effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Told {
    /// None, until the client gives up.
    Nothing,
    /// None: the connection is closed.
    Cut,
    /// This HTTP status.
    Status(u16),
}

/// All faults that are set.
#[derive(Debug, Default)]
pub(super) struct Faults(Vec<Fault>);

const fn always() -> f64 {
    1.0
}

impl Fault {
    /// Answers every request with an error status.
    #[must_use]
    pub fn refuse(status: u16) -> Self {
        Self::of(FaultKind::Refuse {
            status,
            retry_after: None,
            share: always(),
        })
    }

    /// Answers a share of all requests, 0 to 1, with an error status.
    #[must_use]
    pub fn refuse_share(status: u16, share: f64) -> Self {
        Self::of(FaultKind::Refuse {
            status,
            retry_after: None,
            share,
        })
    }

    /// Answers every request with an error status, and asks to wait.
    #[must_use]
    pub fn refuse_for(status: u16, retry_after: RetryAfter) -> Self {
        Self::of(FaultKind::Refuse {
            status,
            retry_after: Some(retry_after),
            share: always(),
        })
    }

    /// Makes all tokens invalid with the next request, which is answered with 401.
    #[must_use]
    pub fn revoke_tokens() -> Self {
        Self::of(FaultKind::RevokeTokens).once()
    }

    /// Answers batches of more than `most` products with 413.
    #[must_use]
    pub fn too_large(most: usize) -> Self {
        Self::of(FaultKind::TooLarge { most })
    }

    /// Answers requests with one of these products with `status`.
    #[must_use]
    pub fn poison<I>(status: u16, ids: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<ProductId>,
    {
        let ids = ids.into_iter().map(Into::into).collect();
        Self::of(FaultKind::Poison { ids, status })
    }

    /// Lets requests hang.
    #[must_use]
    pub fn hang(effect: HangEffect) -> Self {
        Self::of(FaultKind::Hang { effect })
    }

    /// Closes connections.
    #[must_use]
    pub fn cut(at: CutAt) -> Self {
        Self::of(FaultKind::Cut { at })
    }

    /// Answers 200 with a page, as a captive portal does; nothing is applied.
    #[must_use]
    pub fn html() -> Self {
        Self::reply(
            Some("text/html"),
            "<!DOCTYPE html><title>Welcome</title><p>Please sign in to use the network",
        )
    }

    /// Answers 200 without a body; nothing is applied.
    #[must_use]
    pub fn empty() -> Self {
        Self::reply(None, "")
    }

    /// Answers 200 with `"success": false`; nothing is applied.
    #[must_use]
    pub fn unsuccessful() -> Self {
        Self::reply(
            Some("application/json"),
            r#"{"success":false,"message":"The product was not saved"}"#,
        )
    }

    /// Answers 200 with a list of errors; nothing is applied.
    #[must_use]
    pub fn errors() -> Self {
        Self::reply(
            Some("application/json"),
            r#"{"message":"Done","errors":[{"message":"The product was not saved"}]}"#,
        )
    }

    /// Answers 307 with this `Location`.
    #[must_use]
    pub fn redirect(location: impl Into<String>) -> Self {
        Self::of(FaultKind::Redirect {
            location: location.into(),
        })
    }

    /// Makes requests take effect `after` their clients gave up or were told that they failed.
    #[must_use]
    pub fn late(told: Told, after: Duration) -> Self {
        Self::of(FaultKind::Late {
            told,
            after,
            on_time_only: false,
        })
    }

    /// The same for tests that rely on the time: a request that the machine delays takes no effect at all.
    #[must_use]
    pub fn late_on_time_only(told: Told, after: Duration) -> Self {
        Self::of(FaultKind::Late {
            told,
            after,
            on_time_only: true,
        })
    }

    /// Makes half of each batch take effect.
    #[must_use]
    pub fn half(told: Told) -> Self {
        Self::of(FaultKind::Half { told })
    }

    /// Answers requests with one of these products with a success that leaves them out.
    #[must_use]
    pub fn except<I>(naming: Naming, ids: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<ProductId>,
    {
        let ids = ids.into_iter().map(Into::into).collect();
        Self::of(FaultKind::Except { ids, naming })
    }

    /// Answers an invalid token with this status.
    #[must_use]
    pub fn dead_token(status: u16) -> Self {
        Self::of(FaultKind::DeadToken { status })
    }

    /// A lasting fault that applies to every request that fits `kind`.
    #[must_use]
    pub fn of(kind: FaultKind) -> Self {
        Self {
            on: None,
            times: None,
            kind,
        }
    }

    /// The same fault, on this call only.
    #[must_use]
    pub fn on(mut self, endpoint: Endpoint) -> Self {
        self.on = Some(endpoint);
        self
    }

    /// The same fault, for this many requests only.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    /// The same fault, for one request only.
    #[must_use]
    pub fn once(self) -> Self {
        self.times(1)
    }

    fn reply(content_type: Option<&str>, body: &str) -> Self {
        Self::of(FaultKind::Reply {
            status: 200,
            content_type: content_type.map(str::to_owned),
            body: body.to_owned(),
            applied: false,
        })
    }

    fn strikes(
        &self,
        endpoint: Option<Endpoint>,
        call: Result<&Call, &Refusal>,
        rng: &mut Rng,
    ) -> bool {
        if self.times == Some(0) || (self.on.is_some() && self.on != endpoint) {
            return false;
        }
        match (&self.kind, call) {
            (FaultKind::Refuse { share, .. }, _) => rng.f64() < *share,
            (FaultKind::TooLarge { most }, Ok(call)) => call.products().len() > *most,
            (FaultKind::Poison { ids, .. } | FaultKind::Except { ids, .. }, Ok(call)) => call
                .products()
                .iter()
                .any(|product| ids.contains(&product.id)),
            (FaultKind::Late { .. }, Ok(call)) => !call.products().is_empty(),
            (FaultKind::Half { .. }, Ok(call)) => call.products().len() > 1,
            // It refuses only tokens, which a login does not have.
            (FaultKind::DeadToken { .. }, Err(refusal)) => {
                endpoint != Some(Endpoint::Login) && refusal.status == StatusCode::UNAUTHORIZED
            }
            (FaultKind::DeadToken { .. }, Ok(_)) => false,
            (
                FaultKind::TooLarge { .. }
                | FaultKind::Poison { .. }
                | FaultKind::Except { .. }
                | FaultKind::Late { .. }
                | FaultKind::Half { .. },
                Err(_),
            ) => false,
            (FaultKind::RevokeTokens, _) => endpoint != Some(Endpoint::Login),
            _ => true,
        }
    }
}

impl Faults {
    /// Adds a fault.
    pub(super) fn inject(&mut self, fault: Fault) {
        self.0.push(fault);
    }

    /// Replaces all faults by these.
    pub(super) fn replace(&mut self, faults: Vec<Fault>) {
        self.0 = faults;
    }

    /// All faults, with the remaining times of each.
    pub(super) fn list(&self) -> &[Fault] {
        &self.0
    }

    /// The fault that applies to this request, if any.
    pub(super) fn strike(
        &mut self,
        endpoint: Option<Endpoint>,
        call: Result<&Call, &Refusal>,
        rng: &mut Rng,
    ) -> Option<FaultKind> {
        let mut first = |counted: bool| {
            self.0.iter().position(|fault| {
                fault.times.is_some() == counted && fault.strikes(endpoint, call, rng)
            })
        };
        let index = first(true).or_else(|| first(false))?;
        let fault = self.0.get_mut(index)?;
        let kind = fault.kind.clone();
        if let Some(times) = &mut fault.times {
            *times -= 1;
            if *times == 0 {
                self.0.remove(index);
            }
        }
        Some(kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strike(faults: &mut Faults, endpoint: Endpoint) -> Option<FaultKind> {
        let call = Call::Batch(Vec::new());
        faults.strike(Some(endpoint), Ok(&call), &mut Rng::with_seed(1))
    }

    #[test]
    fn counted_faults_go_first_and_in_order() {
        let mut faults = Faults::default();
        let standing = Fault::refuse(500);
        let first = Fault::html().times(2);
        let second = Fault::empty().once().on(Endpoint::Login);
        faults.inject(standing.clone());
        faults.inject(second.clone());
        faults.inject(first.clone());

        assert_eq!(
            strike(&mut faults, Endpoint::Batch),
            Some(first.kind.clone())
        );
        assert_eq!(strike(&mut faults, Endpoint::Login), Some(second.kind));
        assert_eq!(strike(&mut faults, Endpoint::Login), Some(first.kind));
        assert_eq!(
            strike(&mut faults, Endpoint::Login),
            Some(standing.kind.clone())
        );
        assert_eq!(faults.list(), [standing]);
    }

    #[test]
    fn a_share_is_about_that_share() {
        let mut faults = Faults::default();
        faults.inject(Fault::refuse_share(500, 0.25));
        let mut rng = Rng::with_seed(7);
        let call = Call::Batch(Vec::new());
        let struck = (0..1_000)
            .filter(|_| {
                faults
                    .strike(Some(Endpoint::Batch), Ok(&call), &mut rng)
                    .is_some()
            })
            .count();
        assert!((200..300).contains(&struck), "{struck}");
    }

    #[test]
    fn a_fault_reads_as_documented() {
        let fault: Fault = serde_json::from_str(
            r#"{"on":"batch","times":2,"kind":"refuse","status":503,"retry_after":{"seconds":1}}"#,
        )
        .unwrap();
        let built = Fault::refuse_for(503, RetryAfter::Seconds(1))
            .times(2)
            .on(Endpoint::Batch);
        assert_eq!(fault, built);
    }
}
