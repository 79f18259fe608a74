//! Networks of IP addresses: the addresses they contain, and their text form.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A range of addresses that begin with the same bits.
///
/// IPv4 is stored mapped into `::ffff:0:0/96` of IPv6 (RFC 4291 section 2.5.5.2). Therefore an address
/// is the same however a socket spells it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Network {
    bits: u128,
    length: u8,
}

const ADDRESS_BITS: u8 = 128;
const MAPPED_BITS: u8 = 96;
/// The value of the bits before a mapped IPv4 address.
pub(crate) const MAPPED: u128 = 0xffff;

impl Network {
    /// Return the network of the first `length` bits of `address`; its other bits are ignored.
    ///
    /// Return `None` if the address has fewer bits.
    #[must_use]
    pub fn new(address: IpAddr, length: u8) -> Option<Self> {
        let offset = if address.is_ipv4() { MAPPED_BITS } else { 0 };
        let length = length.checked_add(offset).filter(|&length| length <= ADDRESS_BITS)?;
        Some(Self { bits: bits(address) & mask(length), length })
    }

    /// Return the fewest networks that together are all addresses from `first` to `last`, in order.
    ///
    /// Return `None` if the two addresses belong to different families, or if `first` comes after
    /// `last`.
    #[must_use]
    pub fn between(first: IpAddr, last: IpAddr) -> Option<Vec<Self>> {
        let (mut from, to) = (bits(first), bits(last));
        if is_mapped(from) != is_mapped(to) || from > to {
            return None;
        }
        let mut found = Vec::new();
        loop {
            // The size is limited by the trailing zeros of the start and by the remaining range.
            let left = to - from;
            let fits = if left == u128::MAX { 128 } else { (left + 1).ilog2() };
            let zeros = fits.min(from.trailing_zeros());
            let length = ADDRESS_BITS - u8::try_from(zeros).unwrap_or(ADDRESS_BITS);
            found.push(Self { bits: from, length });
            match from.checked_add(!mask(length)).filter(|&end| end < to) {
                Some(end) => from = end + 1,
                None => return Some(found),
            }
        }
    }

    /// Parse `203.0.113.7`, `203.0.113.0/24`, `2001:db8::1` or `2001:db8::/32`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let Some((address, length)) = text.split_once('/') else {
            let address: IpAddr = text.parse().ok()?;
            return Self::new(address, if address.is_ipv4() { 32 } else { ADDRESS_BITS });
        };
        // Digits alone: the standard parser would accept a plus sign too.
        let is_plain = !length.is_empty() && length.bytes().all(|digit| digit.is_ascii_digit());
        Self::new(address.parse().ok()?, length.parse().ok().filter(|_| is_plain)?)
    }

    /// Return whether the network belongs to IPv4.
    #[must_use]
    pub fn is_mapped(self) -> bool {
        self.length >= MAPPED_BITS && is_mapped(self.bits)
    }

    /// Return the prefix length in the address's own family: at most 32 for IPv4.
    #[must_use]
    pub fn prefix(self) -> u8 {
        if self.is_mapped() {
            self.length - MAPPED_BITS
        } else {
            self.length
        }
    }

    /// Return the first address as 128 bits.
    pub(crate) fn bits(self) -> u128 {
        self.bits
    }

    /// Return the prefix length in 128 bits.
    pub(crate) fn length(self) -> u8 {
        self.length
    }

    /// Return the network of the first `length` of 128 bits.
    pub(crate) fn of_bits(bits: u128, length: u8) -> Self {
        Self { bits: bits & mask(length), length }
    }

    /// Return whether the network contains an address of the same family, given as 128 bits.
    pub(crate) fn has(self, bits: u128) -> bool {
        bits & mask(self.length) == self.bits
    }

    /// Return whether the network contains an address.
    ///
    /// An IPv6 network does not contain IPv4 addresses, even if it lies around their mapped range.
    #[must_use]
    pub fn holds(self, address: IpAddr) -> bool {
        let bits = bits(address);
        self.has(bits) && (self.length >= MAPPED_BITS || !is_mapped(bits))
    }
}

/// Return the 128 bits of an address; IPv4 is mapped.
pub(crate) fn bits(address: IpAddr) -> u128 {
    let wide = match address {
        IpAddr::V4(narrow) => narrow.to_ipv6_mapped(),
        IpAddr::V6(wide) => wide,
    };
    Ipv6Addr::to_bits(wide)
}

/// Return whether 128 bits are a mapped IPv4 address.
pub(crate) fn is_mapped(bits: u128) -> bool {
    bits >> (ADDRESS_BITS - MAPPED_BITS) == MAPPED
}

/// Return a mask of the first `length` of 128 bits.
fn mask(length: u8) -> u128 {
    u128::MAX.checked_shl(u32::from(ADDRESS_BITS - length)).unwrap_or(0)
}

impl fmt::Display for Network {
    /// Write the network as people do: an IPv4 address alone, anything else with the prefix length.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.is_mapped() {
            return write!(out, "{}/{}", Ipv6Addr::from_bits(self.bits), self.length);
        }
        // A mapped address consists of the last 32 bits.
        let first = Ipv4Addr::from_bits(u32::try_from(self.bits & u128::from(u32::MAX)).unwrap_or(0));
        match self.prefix() {
            32 => write!(out, "{first}"),
            prefix => write!(out, "{first}/{prefix}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Network;
    use proptest::prelude::*;
    use std::net::{IpAddr, Ipv4Addr};

    fn pieces(first: &str, last: &str) -> Option<Vec<String>> {
        let found = Network::between(first.parse().unwrap(), last.parse().unwrap())?;
        Some(found.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn networks_are_parsed_as_people_write_them() {
        assert_eq!(Network::parse("192.0.2.7/24"), Network::parse("192.0.2.0/24"));
        assert_eq!(Network::parse("192.0.2.7"), Network::parse("::ffff:192.0.2.7/128"));
        for wrong in
            ["", "/", "192.0.2.0/33", "192.0.2.0/+8", "192.0.2.0/", "192.0.2", "::/129", "::1/0x8", "name"]
        {
            assert_eq!(Network::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn networks_are_written_as_they_are_parsed() {
        for text in ["192.0.2.7", "192.0.2.0/24", "0.0.0.0/0", "2001:db8::/32", "2001:db8::1/128", "::/0"] {
            assert_eq!(Network::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Network::parse("192.0.2.7/24").unwrap().prefix(), 24);
        assert_eq!(Network::parse("2001:db8::/48").unwrap().prefix(), 48);
    }

    #[test]
    fn a_range_is_the_fewest_networks() {
        assert_eq!(pieces("192.0.2.0", "192.0.2.255").unwrap(), ["192.0.2.0/24"]);
        assert_eq!(pieces("192.0.2.7", "192.0.2.7").unwrap(), ["192.0.2.7"]);
        assert_eq!(pieces("192.0.2.1", "192.0.2.4").unwrap(), ["192.0.2.1", "192.0.2.2/31", "192.0.2.4"]);
        assert_eq!(pieces("255.255.255.254", "255.255.255.255").unwrap(), ["255.255.255.254/31"]);
        assert_eq!(pieces("0.0.0.0", "255.255.255.255").unwrap(), ["0.0.0.0/0"]);
        let all = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
        assert_eq!(pieces("::", all).unwrap(), ["::/0"]);
        assert_eq!(pieces("2001:db8::", "2001:db8:1:ffff:ffff:ffff:ffff:ffff").unwrap(), ["2001:db8::/47"]);
        assert_eq!(pieces("192.0.2.7", "192.0.2.6"), None);
        assert_eq!(pieces("192.0.2.7", "2001:db8::"), None);
    }

    proptest! {
        #[test]
        fn the_networks_of_a_range_contain_no_other_address(one: u32, other: u32, asked: u32, near in 0_u32..4) {
            let (first, last) = (one.min(other), one.max(other));
            let found = Network::between(Ipv4Addr::from_bits(first).into(), Ipv4Addr::from_bits(last).into());
            let found = found.unwrap();
            let edges = [first, last, first.wrapping_sub(near), last.wrapping_add(near)];
            for bits in edges.into_iter().chain([asked]) {
                let address = IpAddr::V4(Ipv4Addr::from_bits(bits));
                let holders = found.iter().filter(|piece| piece.holds(address)).count();
                prop_assert_eq!(holders, usize::from((first..=last).contains(&bits)));
            }
        }
    }
}
