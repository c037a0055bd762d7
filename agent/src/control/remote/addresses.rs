//! Where a client can reach this computer.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};

/// An address to which nothing is sent: choosing a way to it shows which of this computer's addresses others see.
const ELSEWHERE: (Ipv4Addr, u16) = (Ipv4Addr::new(192, 0, 2, 1), 9);

/// The addresses of a listener, best first: what it listens at, or this computer's name and address where it listens at all
/// of them.
pub(super) fn of(listening: SocketAddr) -> Vec<String> {
    let port = listening.port();
    if !listening.ip().is_unspecified() {
        return vec![listening.to_string()];
    }
    let name = host_name().map(|name| format!("{name}:{port}"));
    let address = own_address().map(|ip| SocketAddr::new(ip, port).to_string());
    name.into_iter().chain(address).collect()
}

fn own_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect(ELSEWHERE).ok()?;
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

    #[test]
    fn an_address_of_its_own_is_the_only_one() {
        assert_eq!(of("127.0.0.1:7443".parse().unwrap()), ["127.0.0.1:7443"]);
        assert_eq!(of("[::1]:7".parse().unwrap()), ["[::1]:7"]);
    }

    #[test]
    fn all_addresses_are_named_by_this_computers_name() {
        for address in of("0.0.0.0:7443".parse().unwrap()) {
            assert!(
                address.ends_with(":7443") && !address.starts_with("0.0.0.0"),
                "{address}"
            );
        }
    }
}
