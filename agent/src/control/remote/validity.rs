//! From when until when a certificate is valid.

use std::time::Duration;

use jiff::Timestamp;
use tokio_rustls::rustls::pki_types::{CertificateDer, UnixTime};
use webpki::{EndEntityCert, Error, KeyUsage};

/// So long before its end, a certificate that was given is reported.
const SOON: Duration = Duration::from_secs(14 * 86_400);

/// From when until when a certificate is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Validity {
    not_before: Timestamp,
    not_after: Timestamp,
}

/// What is wrong with a certificate's dates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DateProblem {
    /// It is not valid yet, but from then on.
    NotBefore(Timestamp),
    /// It is valid, but not for long.
    EndsSoon(Timestamp),
    /// It was valid until then.
    Ended(Timestamp),
}

impl Validity {
    /// The dates of a certificate; none when they cannot be read.
    pub(super) fn of(certificate: &CertificateDer<'_>) -> Option<Self> {
        let parsed = EndEntityCert::try_from(certificate).ok()?;
        // The library names a date only when a time is not within the dates. It compares them before it asks for an
        // authority, of which there is none here, so there is an error in any case.
        let ask = |seconds| {
            let time = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
            let usage = KeyUsage::server_auth();
            let checked = parsed.verify_for_usage(&[], &[], &[], time, usage, None, None);
            checked.err()
        };
        let not_after = match ask(u64::MAX)? {
            Error::CertExpired { not_after, .. } => timestamp(not_after),
            _ => return None,
        };
        let not_before = match ask(0)? {
            Error::CertNotValidYet { not_before, .. } => timestamp(not_before),
            _ => Timestamp::UNIX_EPOCH,
        };
        Some(Self {
            not_before,
            not_after,
        })
    }

    /// What is wrong with the dates at `now`.
    pub(super) fn problem(&self, now: Timestamp) -> Option<DateProblem> {
        if now < self.not_before {
            return Some(DateProblem::NotBefore(self.not_before));
        }
        if self.not_after < now {
            return Some(DateProblem::Ended(self.not_after));
        }
        let ends = self.ends_within(SOON, now);
        ends.then_some(DateProblem::EndsSoon(self.not_after))
    }

    /// Whether the certificate is no longer valid so long after `now`, or not yet valid at `now`.
    pub(super) fn is_due(&self, before: Duration, now: Timestamp) -> bool {
        now < self.not_before || self.ends_within(before, now)
    }

    fn ends_within(&self, time: Duration, now: Timestamp) -> bool {
        let then = now.saturating_add(time).unwrap_or(Timestamp::MAX);
        self.not_after < then
    }
}

/// The time, or the last one that there is.
fn timestamp(time: UnixTime) -> Timestamp {
    let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn of(params: CertificateParams) -> Validity {
        let pair = KeyPair::generate().unwrap();
        Validity::of(params.self_signed(&pair).unwrap().der()).unwrap()
    }

    #[test]
    fn the_dates_are_read_and_compared() {
        let (from, until) = ("2026-03-01T00:00:00Z", "2026-06-01T12:00:00Z");
        let mut params = CertificateParams::new(["a".to_owned()]).unwrap();
        let time = |text| std::time::SystemTime::from(at(text)).into();
        (params.not_before, params.not_after) = (time(from), time(until));
        let validity = of(params);
        assert_eq!(
            validity,
            Validity {
                not_before: at(from),
                not_after: at(until)
            }
        );
        for (now, problem) in [
            (
                "2026-02-28T23:59:59Z",
                Some(DateProblem::NotBefore(at(from))),
            ),
            (from, None),
            ("2026-05-18T12:00:00Z", None),
            (
                "2026-05-18T12:00:01Z",
                Some(DateProblem::EndsSoon(at(until))),
            ),
            (until, Some(DateProblem::EndsSoon(at(until)))),
            ("2026-06-01T12:00:01Z", Some(DateProblem::Ended(at(until)))),
        ] {
            assert_eq!(validity.problem(at(now)), problem, "{now}");
        }
        let day = Duration::from_secs(86_400);
        assert!(!validity.is_due(day, at(from)));
        assert!(validity.is_due(day, at("2026-05-31T12:00:01Z")));
        assert!(validity.is_due(day, at("2026-02-01T00:00:00Z")));
    }

    /// 9999-12-31 means that there is no end (RFC 5280 section 4.1.2.5).
    #[test]
    fn one_without_end_has_no_problem() {
        let mut params = CertificateParams::new(["a".to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(1970, 1, 1);
        params.not_after = rcgen::date_time_ymd(9999, 12, 31);
        let validity = of(params);
        for now in ["1970-01-01T00:00:00Z", "2026-01-01T00:00:00Z"] {
            assert_eq!(validity.problem(at(now)), None);
        }
    }
}
