//! The address of the server, and the addresses of the clients.

use crate::error::{Error, Result};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs};

/// A server, and how to connect to it.
#[derive(Clone, Debug)]
pub struct Target {
    /// One address for each node.
    pub addresses: Vec<SocketAddr>,
    /// Whether every client has an address of its own, and is therefore a user of its own.
    pub spreads: bool,
    /// The number of the first client, of all that have addresses.
    first: usize,
    /// The beginning of the handshake, up to its headers.
    pub request: String,
}

impl Target {
    /// Look up a host.
    ///
    /// # Errors
    /// If the host is unknown, or is another machine and not `is_mine`.
    pub fn find(host: &str, ports: &[u16], path: &str, is_mine: bool, one: bool) -> Result<Self> {
        let unknown = |why| Error::Unknown { host: host.to_owned(), why };
        let port = ports.first().copied().unwrap_or_default();
        let all: Vec<SocketAddr> = (host, port).to_socket_addrs().map_err(unknown)?.collect();
        if !is_mine && !all.iter().all(|address| address.ip().is_loopback()) {
            return Err(Error::Remote { host: host.to_owned() });
        }
        // A server on 0.0.0.0 is not found under ::1, which `localhost` may mean first.
        let address = all.iter().find(|address| address.is_ipv4()).or(all.first());
        let Some(&address) = address else {
            return Err(unknown(std::io::ErrorKind::NotFound.into()));
        };
        let path = path.trim_start_matches('/');
        let nonce = crate::frame::NONCE;
        let request = format!(
            "GET /{path} HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\n\
             Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {nonce}\r\n\r\n"
        );
        let spreads = !one && address.is_ipv4() && address.ip().is_loopback();
        let addresses = ports.iter().map(|&port| SocketAddr::new(address.ip(), port)).collect();
        Ok(Self { addresses, spreads, first: 0, request })
    }

    /// Give the first client this number: other generators use the addresses before it.
    pub fn from(self, first: usize) -> Self {
        Self { first, ..self }
    }

    /// Return the node that the client with the given number connects to.
    pub fn address(&self, number: usize) -> SocketAddr {
        self.addresses[number % self.addresses.len()]
    }

    /// Return the address of the client with the given number, if it has one of its own.
    pub fn source(&self, number: usize) -> Option<SocketAddr> {
        // All of 127.0.0.0/8 is this machine; 0 and 255 at the end look like networks.
        let own = |number: usize| {
            let [block, net, host] = [number / 64_000 % 190, number / 250 % 256, number % 250];
            Ipv4Addr::new(127, 64 + block as u8, net as u8, 1 + host as u8)
        };
        self.spreads.then(|| SocketAddr::new(IpAddr::V4(own(self.first + number)), 0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn find(host: &str, is_mine: bool) -> Result<Target> {
        Target::find(host, &[8080, 8081], "/ws", is_mine, false)
    }

    #[test]
    fn another_machine_needs_consent() {
        // An address for documentation (RFC 5737): nothing is sent to it here.
        let error = find("192.0.2.1", false).unwrap_err();
        assert!(error.to_string().contains("--yes-this-host-is-mine"), "{error}");
        let target = find("192.0.2.1", true).unwrap();
        assert_eq!(target.source(0), None);
    }

    #[test]
    fn this_machine_needs_no_consent() {
        for host in ["127.0.0.1", "localhost", "::1", "127.9.9.9"] {
            let target = find(host, false).unwrap();
            assert!(target.addresses.iter().all(|address| address.ip().is_loopback()));
            assert_eq!([0, 1, 2].map(|number| target.address(number).port()), [8080, 8081, 8080]);
            assert!(target.request.starts_with("GET /ws HTTP/1.1\r\n"));
            assert!(target.request.ends_with("\r\n\r\n"));
        }
    }

    #[test]
    fn every_client_has_an_address_of_its_own() {
        let target = find("127.0.0.1", false).unwrap();
        let sources: HashSet<_> = (0..100_000).filter_map(|each| target.source(each)).collect();
        assert_eq!(sources.len(), 100_000);
        assert!(sources.iter().all(|source| source.ip().is_loopback()));
        let other = find("127.0.0.1", false).unwrap().from(60_000);
        assert_eq!(other.source(7), target.source(60_007));
        let one = Target::find("127.0.0.1", &[1], "", false, true).unwrap();
        assert_eq!(one.source(3), None);
    }
}
