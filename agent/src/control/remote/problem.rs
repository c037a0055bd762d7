//! What keeps the listener from being as the configuration wants it, as an issue.

use std::{io, net::SocketAddr, time::Duration};

use jiff::{Timestamp, tz::TimeZone};
use shopmaster_base::causes::with_causes;
use shopmaster_health::{Severity, Trouble};

use super::{certificate::CertificateError, validity::DateProblem};

/// How often the agent checks whether the certificate's files have changed.
pub(super) const LOOK_INTERVAL: Duration = Duration::from_secs(60);
/// How soon an address that could not be opened is tried again.
const RETRY_INTERVAL: Duration = Duration::from_secs(5);

/// What keeps the listener from being as the configuration wants it.
#[derive(Debug)]
pub(super) enum Problem {
    /// Nobody could be let in.
    NoClients,
    /// The file of the clients cannot be read, and why.
    ClientsUnreadable(String),
    /// There is no certificate to serve.
    Certificate {
        error: Box<CertificateError>,
        /// Where the agent listens with the certificate that it had; none when it does not listen.
        serving: Option<SocketAddr>,
    },
    /// The address cannot be opened.
    Address {
        wanted: SocketAddr,
        error: io::Error,
        /// Where the agent still listens for a while; none when it does not listen.
        serving: Option<SocketAddr>,
    },
    /// The certificate is served, but others than clients of shopMaster may refuse it.
    Dates(DateProblem),
}

impl Problem {
    /// When to try again.
    pub(super) fn retry_in(&self) -> Duration {
        match self {
            Self::Address { .. } => RETRY_INTERVAL,
            Self::NoClients
            | Self::ClientsUnreadable(_)
            | Self::Certificate { .. }
            | Self::Dates(_) => LOOK_INTERVAL,
        }
    }

    /// The problem as an issue. Syncing does not depend on it.
    pub(super) fn trouble(&self) -> Trouble {
        match self {
            Self::NoClients => Trouble::new(
                "REMOTE_NO_CLIENTS",
                "Remote management is on, and nobody may use it yet, so the agent does not listen".to_owned(),
                "Run `shopmasterctl remote invite`, or turn it off with `shopmasterctl remote disable`",
            )
            .waiting(),
            Self::ClientsUnreadable(why) => warning(
                "REMOTE_CLIENTS_UNREADABLE",
                format!("Nobody can use this agent over the network: {why}"),
                "Restore the file from a copy, or delete it, restart the agent and invite the clients again",
            ),
            Self::Certificate { error, serving } => certificate(error, *serving),
            Self::Address {
                wanted,
                error,
                serving,
            } => warning(
                "REMOTE_NOT_LISTENING",
                match serving {
                    None => format!("The agent cannot listen at `{wanted}`: {error}"),
                    Some(old) => format!(
                        "The agent cannot listen at `{wanted}`: {error}; until it can, but for no longer than two minutes, it listens at `{old}`"
                    ),
                },
                "Choose another address or port with `shopmasterctl remote enable --listen`, or end the program that uses it; shopMaster retries automatically",
            ),
            Self::Dates(problem) => dates(*problem, Timestamp::now(), &TimeZone::system()),
        }
    }
}

fn certificate(error: &CertificateError, serving: Option<SocketAddr>) -> Trouble {
    let causes = with_causes(error);
    let text = match serving {
        None => format!("The agent does not listen on the network: {causes}"),
        Some(at) => format!(
            "The agent goes on listening at `{at}` with the certificate that it had: {causes}"
        ),
    };
    match error {
        CertificateError::Exposed(path) => warning(
            "REMOTE_KEY_EXPOSED",
            text,
            &format!(
                "Run `chmod 600 {}`; if others may have read the key, use another one",
                path.display()
            ),
        ),
        CertificateError::ForeignKey(path) => warning(
            "REMOTE_KEY_EXPOSED",
            text,
            &format!(
                "Make the agent's user the owner of `{}` with `chown`; if others may have read the key, use another one",
                path.display()
            ),
        ),
        _ => warning(
            "REMOTE_CERTIFICATE_INVALID",
            text,
            "Correct the files, or unset `remote.certificate` and `remote.key`: the agent makes its own certificate then",
        ),
    }
}

fn dates(problem: DateProblem, now: Timestamp, zone: &TimeZone) -> Trouble {
    let day = |time: Timestamp| time.to_zoned(zone.clone()).date();
    let what = match problem {
        DateProblem::NotBefore(from) => format!("is not valid before {}", day(from)),
        DateProblem::EndsSoon(end) => {
            let left = Duration::try_from(end.duration_since(now)).unwrap_or_default();
            format!("ends on {}, in {}", day(end), shopmaster_view::age(left))
        }
        DateProblem::Ended(end) => format!("ended on {}", day(end)),
    };
    warning(
        "REMOTE_CERTIFICATE_EXPIRES",
        format!(
            "The certificate of the network listener {what}. It is still served: clients of shopMaster know the agent by its key, but other programs may refuse the certificate"
        ),
        "Put a new certificate over the same key in the place of the old one, and check the computer's clock; or unset `remote.certificate` and `remote.key`",
    )
}

fn warning(code: &'static str, text: String, remedy: &str) -> Trouble {
    Trouble {
        severity: Severity::Warning,
        ..Trouble::new(code, text, remedy).lasting()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_text_says_whether_the_agent_listens() {
        let refused = |serving| Problem::Certificate {
            error: Box::new(CertificateError::Exposed("key.pem".into())),
            serving,
        };
        let at: SocketAddr = "10.0.0.7:7443".parse().unwrap();
        assert_eq!(
            refused(None).trouble().text,
            "The agent does not listen on the network: other users can read the key file `key.pem`"
        );
        assert_eq!(
            refused(Some(at)).trouble().text,
            "The agent goes on listening at `10.0.0.7:7443` with the certificate that it had: other users can read the key file `key.pem`"
        );
        let moving = Problem::Address {
            wanted: "10.0.0.8:7443".parse().unwrap(),
            error: io::ErrorKind::AddrInUse.into(),
            serving: Some(at),
        };
        assert!(
            moving
                .trouble()
                .text
                .ends_with("it listens at `10.0.0.7:7443`")
        );
        assert!(moving.retry_in() < refused(None).retry_in());
    }

    #[test]
    fn the_dates_of_a_certificate_are_days() {
        let now: Timestamp = "2026-05-20T12:00:00Z".parse().unwrap();
        let later = now + Duration::from_secs(9 * 86_400);
        for (problem, says) in [
            (
                DateProblem::EndsSoon(later),
                "ends on 2026-05-29, in 9 days. ",
            ),
            (DateProblem::Ended(now), "ended on 2026-05-20. "),
            (
                DateProblem::NotBefore(later),
                "is not valid before 2026-05-29. ",
            ),
        ] {
            let trouble = dates(problem, now, &TimeZone::UTC);
            assert!(trouble.text.contains(says), "{}", trouble.text);
            assert_eq!(trouble.severity, Severity::Warning);
        }
    }
}
