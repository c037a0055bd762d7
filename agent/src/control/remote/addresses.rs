//! Where a client can reach this computer.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use shopmaster_proto::remote::NetworkAddress;

/// Addresses for documentation (RFC 5737, RFC 3849), to which nothing is sent: choosing a way to them shows which of this
/// computer's addresses others see.
const ELSEWHERE_V4: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
const ELSEWHERE_V6: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1));

/// The addresses of a listener, best first: what it listens at, or this computer's name and addresses where it listens at all
/// of them. Only those that a client can read; there may be none.
pub(super) fn of(listening: SocketAddr) -> Vec<NetworkAddress> {
    let port = listening.port();
    let elsewhere: &[IpAddr] = match listening {
        _ if !listening.ip().is_unspecified() => return readable([listening.to_string()]),
        SocketAddr::V4(_) => &[ELSEWHERE_V4],
        // On most systems, this takes connections over IPv4, too.
        SocketAddr::V6(_) => &[ELSEWHERE_V6, ELSEWHERE_V4],
    };
    let ways = elsewhere.iter().filter_map(|&there| own_address(there));
    named(host_name(), ways, port)
}

/// This computer's name and addresses with the port.
fn named(
    name: Option<String>,
    addresses: impl Iterator<Item = IpAddr>,
    port: u16,
) -> Vec<NetworkAddress> {
    let name = name.map(|name| format!("{name}:{port}"));
    let addresses = addresses.map(|ip| SocketAddr::new(ip, port).to_string());
    readable(name.into_iter().chain(addresses))
}

/// A name may have letters that no address has, and an address that is valid on one link only has its interface.
fn readable(texts: impl IntoIterator<Item = String>) -> Vec<NetworkAddress> {
    let texts = texts.into_iter();
    texts.filter_map(|text| text.parse().ok()).collect()
}

/// The address that this computer has for whoever is at `there`; none when no way leads there.
fn own_address(there: IpAddr) -> Option<IpAddr> {
    let any: IpAddr = match there {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0)).ok()?;
    // Any port: nothing is sent.
    socket.connect((there, 9)).ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_unspecified()).then_some(address)
}

#[cfg(unix)]
fn host_name() -> Option<String> {
    let name = rustix::system::uname();
    let name = name.nodename().to_str().ok()?.to_owned();
    (!name.is_empty() && name != "localhost").then_some(name)
}

#[cfg(not(unix))]
fn host_name() -> Option<String> {
    std::env::var("COMPUTERNAME")
        .ok()
        .filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(addresses: Vec<NetworkAddress>) -> Vec<String> {
        addresses.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn an_address_of_its_own_is_the_only_one() {
        for address in ["127.0.0.1:7443", "[::1]:7"] {
            assert_eq!(texts(of(address.parse().unwrap())), [address]);
        }
        // One that is valid on one link only: a client cannot read it.
        let link = SocketAddr::V6(std::net::SocketAddrV6::new(
            "fe80::1".parse().unwrap(),
            7_443,
            0,
            2,
        ));
        assert!(of(link).is_empty());
    }

    #[test]
    fn all_addresses_are_named_by_this_computers_name() {
        for listening in ["0.0.0.0:7443", "[::]:7443"] {
            for address in texts(of(listening.parse().unwrap())) {
                let is_nowhere = address.starts_with("0.0.0.0") || address.starts_with("[::]");
                assert!(address.ends_with(":7443") && !is_nowhere, "{address}");
            }
        }
    }

    #[test]
    fn both_families_are_named_and_only_what_a_client_reads() {
        let ips = ["2001:db8::7", "10.0.0.7"].map(|ip| ip.parse().unwrap());
        let all = named(Some("till-7".to_owned()), ips.into_iter(), 7_443);
        assert_eq!(
            texts(all),
            ["till-7:7443", "[2001:db8::7]:7443", "10.0.0.7:7443"]
        );
        for name in ["KASSE-MÜNCHEN", "my till", "(none)", ""] {
            let some = named(Some(name.to_owned()), ips.into_iter().skip(1), 7_443);
            assert_eq!(texts(some), ["10.0.0.7:7443"], "{name}");
            assert!(named(Some(name.to_owned()), std::iter::empty(), 7_443).is_empty());
        }
    }
}
