//! The configured server name, parsed.

use std::net::Ipv6Addr;

use super::ConnectError;

/// The port on which SQL Server listens by default.
pub(super) const DEFAULT_PORT: u16 = 1433;

/// SQL Server's name for the default instance.
pub(super) const DEFAULT_INSTANCE: &str = "MSSQLSERVER";

/// How many bytes an instance's name may have in a request to SQL Server Browser (MS-SQLR 2.2.3).
const LONGEST_INSTANCE: usize = 32;

/// A computer, and which of its servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    /// The computer's name or address; `localhost` for this computer.
    pub host: String,
    /// Which of its servers.
    pub door: Door,
    /// Whether only TCP may be used, because the name began with `tcp:`.
    pub tcp_only: bool,
}

/// Which of a computer's servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Door {
    /// The default instance, which has no name.
    Default,
    /// The instance with this name; SQL Server Browser knows its port.
    Instance(String),
    /// The server that listens on this port.
    Port(u16),
}

impl Address {
    /// Parses `host`, `host,port`, `host\instance`, `.` and `(local)` for this computer, IPv6 addresses with
    /// and without brackets, and `tcp:` before any of them.
    ///
    /// # Errors
    ///
    /// `BadServer` for anything else.
    pub(super) fn parse(text: &str) -> Result<Self, ConnectError> {
        Self::understand(text.trim()).ok_or_else(|| ConnectError::BadServer(text.to_owned()))
    }

    fn understand(text: &str) -> Option<Self> {
        let (text, tcp_only) = match text.get(..4) {
            Some(prefix) if prefix.eq_ignore_ascii_case("tcp:") => (&text[4..], true),
            _ => (text, false),
        };
        let (text, port) = match text.split_once(',') {
            Some((rest, port)) => (rest, Some(port_number(port.trim())?)),
            None => (text, None),
        };
        let (host, instance) = match text.split_once('\\') {
            Some((host, instance)) => (host, Some(instance_name(instance.trim())?)),
            None => (text, None),
        };
        let host = host_name(host.trim())?;
        let door = match (port, instance) {
            // The port takes precedence, as in Microsoft's own drivers.
            (Some(port), _) => Door::Port(port),
            (None, Some(name)) if !name.eq_ignore_ascii_case(DEFAULT_INSTANCE) => {
                Door::Instance(name.to_owned())
            }
            (None, _) => Door::Default,
        };
        Some(Self {
            host,
            door,
            tcp_only,
        })
    }

    /// Whether the name alone shows that the address is this computer.
    #[cfg(any(windows, test))]
    pub(super) fn names_this_computer(&self) -> bool {
        if let Ok(ip) = self.host.parse::<std::net::IpAddr>() {
            return ip.is_loopback();
        }
        self.host.eq_ignore_ascii_case("localhost")
            || std::env::var("COMPUTERNAME").is_ok_and(|own| self.host.eq_ignore_ascii_case(&own))
    }
}

fn port_number(text: &str) -> Option<u16> {
    // `parse` alone would accept a sign.
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok().filter(|port| *port != 0)
}

fn instance_name(text: &str) -> Option<&str> {
    let fits = !text.is_empty() && text.len() <= LONGEST_INSTANCE;
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$' | '#' | '&' | '-');
    (fits && text.chars().all(plain)).then_some(text)
}

fn host_name(text: &str) -> Option<String> {
    if text == "." || text.eq_ignore_ascii_case("(local)") {
        return Some("localhost".to_owned());
    }
    if let Some(inner) = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'))
    {
        return is_ipv6(inner).then(|| inner.to_owned());
    }
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    let is_name =
        !text.is_empty() && text.len() <= 253 && !text.starts_with('.') && text.chars().all(plain);
    (is_name || is_ipv6(text)).then(|| text.to_owned())
}

/// Whether `text` is an IPv6 address, with or without a zone: `fe80::1%eth0`.
fn is_ipv6(text: &str) -> bool {
    let (address, zone) = text.split_once('%').unwrap_or((text, "0"));
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    address.parse::<Ipv6Addr>().is_ok() && !zone.is_empty() && zone.chars().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(host: &str, door: Door) -> Address {
        Address {
            host: host.to_owned(),
            door,
            tcp_only: false,
        }
    }

    fn instance(name: &str) -> Door {
        Door::Instance(name.to_owned())
    }

    #[test]
    fn every_form_of_a_server_is_understood() {
        for (text, expected) in [
            ("shop-pc", address("shop-pc", Door::Default)),
            (" shop-pc ", address("shop-pc", Door::Default)),
            ("SHOP_PC.lan", address("SHOP_PC.lan", Door::Default)),
            ("kassa-läden", address("kassa-läden", Door::Default)),
            ("10.0.0.7", address("10.0.0.7", Door::Default)),
            ("shop-pc,1444", address("shop-pc", Door::Port(1444))),
            ("shop-pc , 1444", address("shop-pc", Door::Port(1444))),
            (r"shop-pc\POS", address("shop-pc", instance("POS"))),
            (r"shop-pc\POS,1444", address("shop-pc", Door::Port(1444))),
            (r"shop-pc\mssqlserver", address("shop-pc", Door::Default)),
            (".", address("localhost", Door::Default)),
            ("(local)", address("localhost", Door::Default)),
            ("(LOCAL),1444", address("localhost", Door::Port(1444))),
            ("localhost", address("localhost", Door::Default)),
            (
                r".\SQLEXPRESS",
                address("localhost", instance("SQLEXPRESS")),
            ),
            ("::1", address("::1", Door::Default)),
            ("[::1]", address("::1", Door::Default)),
            ("[::1],1444", address("::1", Door::Port(1444))),
            (
                "fe80::1%eth0,1444",
                address("fe80::1%eth0", Door::Port(1444)),
            ),
            (r"[fe80::1]\POS", address("fe80::1", instance("POS"))),
        ] {
            assert_eq!(Address::parse(text).unwrap(), expected, "{text}");
            let forced = Address::parse(&format!("tcp:{}", text.trim())).unwrap();
            assert_eq!((forced.door, forced.tcp_only), (expected.door, true));
        }
    }

    #[test]
    fn garbage_is_no_server() {
        let long = "x".repeat(254);
        for text in [
            "",
            " ",
            ",1433",
            "tcp:",
            "TCP:,1",
            r"\SQLEXPRESS",
            "host,",
            "host,0",
            "host,65536",
            "host,+1433",
            "host,1433,1434",
            "host:1433",
            r"host\",
            r"host\a\b",
            r"host\a;b",
            r"(localdb)\MSSQLLocalDB",
            r"np:\\host\pipe\sql\query",
            "lpc:host",
            "http://host",
            "a b",
            "a;b",
            "host'--",
            ".x",
            "[host]",
            "[::1",
            "::1%",
            "1:2:3",
            "host\0",
            "tcp",
            "töp:x",
            &long,
        ] {
            let parsed = Address::parse(text);
            match text {
                "tcp" => assert!(parsed.is_ok()),
                _ => assert!(
                    matches!(parsed, Err(ConnectError::BadServer(named)) if named == text),
                    "{text}"
                ),
            }
        }
    }

    #[test]
    fn this_computer_is_known_by_name() {
        for text in [".", "(local)", "LOCALHOST", "127.0.0.1", "127.4.5.6", "::1"] {
            assert!(
                Address::parse(text).unwrap().names_this_computer(),
                "{text}"
            );
        }
        for text in ["shop-pc", "10.0.0.7", "localhost.evil.example", "::2"] {
            assert!(
                !Address::parse(text).unwrap().names_this_computer(),
                "{text}"
            );
        }
    }
}
