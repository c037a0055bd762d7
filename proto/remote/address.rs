//! Where an agent is on the network.

use std::{fmt, net::Ipv6Addr, str::FromStr};

use super::DEFAULT_PORT;

/// `HOST:PORT`: a name or an IPv4 address, or an IPv6 address in brackets. Without a port it is [`DEFAULT_PORT`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NetworkAddress {
    /// Without brackets.
    host: String,
    port: u16,
}

/// A text is not an address on the network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an address: use `HOST:PORT`, such as `shop-7.example.org:{DEFAULT_PORT}`")]
pub struct NetworkAddressError(String);

impl NetworkAddress {
    /// The name or address, without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl fmt::Display for NetworkAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

impl FromStr for NetworkAddress {
    type Err = NetworkAddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).ok_or_else(|| NetworkAddressError(text.to_owned()))
    }
}

fn parse(text: &str) -> Option<NetworkAddress> {
    let (host, port) = host_and_port(text)?;
    let (host, port) = (host.to_owned(), port.unwrap_or(DEFAULT_PORT));
    Some(NetworkAddress { host, port })
}

/// Splits `HOST`, `HOST:PORT`, `[IPV6]` or `[IPV6]:PORT` into the host, without brackets, and the port. None when the text
/// is something else: a host consists of letters, digits, `-`, `_` and `.`, starts with a letter or digit, and a port is
/// not zero.
#[must_use]
pub fn host_and_port(text: &str) -> Option<(&str, Option<u16>)> {
    let (host, rest) = match text.strip_prefix('[') {
        Some(bracketed) => {
            let (host, rest) = bracketed.split_once(']')?;
            host.parse::<Ipv6Addr>().ok()?;
            (host, rest)
        }
        None => {
            let end = text.find(':').unwrap_or(text.len());
            let (host, rest) = text.split_at(end);
            is_name(host).then_some((host, rest))?
        }
    };
    if rest.is_empty() {
        return Some((host, None));
    }
    let digits = rest.strip_prefix(':')?;
    if !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let port = digits.parse().ok().filter(|port| *port != 0)?;
    Some((host, Some(port)))
}

/// A name or an IPv4 address.
fn is_name(host: &str) -> bool {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    host.starts_with(|c: char| c.is_ascii_alphanumeric())
        && host.len() <= 253
        && host.chars().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_they_are_shown() {
        for (text, shown) in [
            ("shop-7.example.org:7443", "shop-7.example.org:7443"),
            ("10.0.0.7:1", "10.0.0.7:1"),
            ("till", "till:7443"),
            ("[2001:db8::7]:7443", "[2001:db8::7]:7443"),
            ("[::1]", "[::1]:7443"),
        ] {
            let address: NetworkAddress = text.parse().unwrap();
            assert_eq!(address.to_string(), shown);
            assert_eq!(shown.parse(), Ok(address));
        }
    }

    #[test]
    fn other_texts_are_no_addresses() {
        for text in [
            "",
            ":7443",
            "a:",
            "a:0",
            "a:65536",
            "a:+1",
            "a b:1",
            "a:1:2",
            "-a:1",
            "[::1",
            "[a]:1",
            "::1",
            "[::1]1",
            "https://a:1",
            "a/b:1",
            "a\n:1",
        ] {
            assert!(text.parse::<NetworkAddress>().is_err(), "{text:?}");
        }
    }
}
