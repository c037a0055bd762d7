//! The addresses of Digible's calls.

use std::net::IpAddr;
use std::str::FromStr;

use reqwest::Url;

use super::setup::SetupError;
use super::wire::Endpoint;

/// The addresses of Digible's calls under one base address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    login: Url,
    batch: Url,
    update: Url,
    /// Whether the base address is this computer, which a proxy cannot reach.
    pub(super) is_loopback: bool,
}

impl Address {
    /// Checks `base_url`, with or without a trailing slash.
    ///
    /// # Errors
    ///
    /// When it cannot be parsed, is neither `https` nor `http` to this computer, or contains more than a path.
    pub(super) fn new(base_url: &str) -> Result<Self, SetupError> {
        let base = Url::parse(base_url.trim()).map_err(|source| SetupError::BaseUrl { source })?;
        let Some(host) = base.host_str() else {
            return Err(SetupError::Scheme);
        };
        let is_loopback = is_loopback(host);
        match base.scheme() {
            "https" => {}
            "http" if is_loopback => {}
            "http" => {
                return Err(SetupError::PlainHttp {
                    host: host.to_owned(),
                });
            }
            _ => return Err(SetupError::Scheme),
        }
        if !base.username().is_empty() || base.password().is_some() {
            return Err(SetupError::UserInfo);
        }
        if base.query().is_some() || base.fragment().is_some() {
            return Err(SetupError::Query);
        }
        Ok(Self {
            login: below(&base, Endpoint::Login),
            batch: below(&base, Endpoint::Batch),
            update: below(&base, Endpoint::Update),
            is_loopback,
        })
    }

    /// The address of one call.
    pub(super) fn of(&self, endpoint: Endpoint) -> &Url {
        match endpoint {
            Endpoint::Login => &self.login,
            Endpoint::Batch => &self.batch,
            Endpoint::Update => &self.update,
        }
    }

    /// Whether the connection is not encrypted.
    pub(super) fn is_plain(&self) -> bool {
        self.login.scheme() == "http"
    }

    /// The host and, unless it is the default, the port; for messages.
    pub(super) fn server(&self) -> String {
        let host = self.login.host_str().unwrap_or_default();
        match self.login.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        }
    }
}

fn below(base: &Url, endpoint: Endpoint) -> Url {
    let mut url = base.clone();
    url.set_path(&format!(
        "{}/{}",
        base.path().trim_end_matches('/'),
        endpoint.path()
    ));
    url
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    match IpAddr::from_str(bare) {
        Ok(address) => address.to_canonical().is_loopback(),
        Err(_) => host.eq_ignore_ascii_case("localhost"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_below_the_base_with_or_without_a_slash() {
        for base in [
            "https://api.digible.one/v1/business",
            " https://api.digible.one/v1/business/ ",
        ] {
            let address = Address::new(base).unwrap();
            assert_eq!(
                address.of(Endpoint::Login).as_str(),
                "https://api.digible.one/v1/business/account/auth/login"
            );
            assert_eq!(
                address.of(Endpoint::Update).as_str(),
                "https://api.digible.one/v1/business/stores/product/external/update"
            );
            assert!(!address.is_loopback);
            assert!(!address.is_plain());
            assert_eq!(address.server(), "api.digible.one");
        }
        let bare = Address::new("http://localhost:9000").unwrap();
        assert_eq!(
            bare.of(Endpoint::Batch).as_str(),
            "http://localhost:9000/stores/product/sync"
        );
        assert_eq!(bare.server(), "localhost:9000");
    }

    #[test]
    fn plain_http_stays_on_this_computer() {
        for own in ["127.0.0.1:80", "127.9.9.9", "[::1]:8080", "LOCALHOST"] {
            let address = Address::new(&format!("http://{own}/v1")).unwrap();
            assert!(address.is_loopback && address.is_plain(), "{own}");
        }
        for other in [
            "digible.one",
            "192.168.1.2",
            "[fe80::1]",
            "localhost.evil.example",
        ] {
            let error = Address::new(&format!("http://{other}/v1")).unwrap_err();
            assert!(matches!(error, SetupError::PlainHttp { .. }), "{other}");
            assert!(error.to_string().contains("`https`"), "{error}");
        }
    }

    #[test]
    fn what_is_no_base_is_refused_without_repeating_it() {
        for bad in [
            "",
            "api.digible.one",
            "ftp://digible.one",
            "mailto:hunter2@digible.one",
            "https://me:hunter2@digible.one",
            "https://digible.one/?token=hunter2",
            "https://digible.one/#hunter2",
        ] {
            let error = Address::new(bad).unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
