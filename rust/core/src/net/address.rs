//! IP addresses: parse them, and find the subscriber that an address belongs to.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Parse an address. A link-local one may name its interface after a `%` (RFC 4007 section 11).
#[must_use]
pub fn parse(text: &str) -> Option<IpAddr> {
    let bytes = text.as_bytes();
    if bytes.len() <= LONGEST_V4 {
        if let Some(address) = dotted(bytes) {
            return Some(IpAddr::V4(address));
        }
    }
    plain(bytes).map(IpAddr::V6).or_else(|| text.split('%').next()?.parse().ok())
}

const LONGEST_V4: usize = "255.255.255.255".len();

/// Parse four numbers of up to three digits between dots, without leading zeros.
///
/// The standard parser accepts the same, but takes three times as long.
fn dotted(text: &[u8]) -> Option<Ipv4Addr> {
    let (mut bits, mut group, mut digits, mut points) = (0_u32, 0_u32, 0_u32, 0_u32);
    for &byte in text {
        let digit = u32::from(byte.wrapping_sub(b'0'));
        if digit < 10 {
            if digits == 3 || digits > 0 && group == 0 {
                return None;
            }
            group = group * 10 + digit;
            digits += 1;
        } else if byte == b'.' && digits > 0 && group < 256 {
            bits = bits << 8 | group;
            (group, digits, points) = (0, 0, points + 1);
        } else {
            return None;
        }
    }
    (points == 3 && (1..=3).contains(&digits) && group < 256).then(|| Ipv4Addr::from_bits(bits << 8 | group))
}

/// Parse groups of hex digits with at most one `::` (RFC 4291 section 2.2).
///
/// Nearly all IPv6 addresses have this form; the others go to the standard parser. That parser looks
/// for an IPv4 address at each group, which takes it 130 ns.
fn plain(text: &[u8]) -> Option<Ipv6Addr> {
    let mut all = [0_u16; 8];
    let Some(gap) = text.windows(2).position(|pair| pair == b"::") else {
        return (groups(text, &mut all)? == all.len()).then(|| all.into());
    };
    let mut behind = [0_u16; 8];
    let (before, after) = (groups(&text[..gap], &mut all)?, groups(&text[gap + 2..], &mut behind)?);
    let from = all.len().checked_sub(after).filter(|&from| before < from)?;
    all[from..].copy_from_slice(&behind[..after]);
    Some(all.into())
}

/// Parse groups of up to four hex digits between colons, none empty, and return their number.
fn groups(text: &[u8], into: &mut [u16; 8]) -> Option<usize> {
    if text.is_empty() {
        return Some(0);
    }
    let mut count = 0;
    for group in text.split(|&byte| byte == b':') {
        if !(1..=4).contains(&group.len()) {
            return None;
        }
        let slot = into.get_mut(count)?;
        for &digit in group {
            *slot = *slot << 4 | u16::try_from(char::from(digit).to_digit(16)?).ok()?;
        }
        count += 1;
    }
    Some(count)
}

/// The prefix length of an IPv6 subscriber, who has every address in it.
pub(crate) const SUBSCRIBER_BITS: u8 = 64;

/// Return the subscriber of an address in one spelling: an IPv4 address, or an IPv6 /64.
///
/// Any other text, such as the name of a Unix socket, is its own subscriber.
#[must_use]
pub fn subscriber(text: &str) -> Cow<'_, str> {
    match parse(text).map(Subscriber::of) {
        None => text.into(),
        Some(narrow @ Subscriber::V4(_)) => narrow.address().to_string().into(),
        Some(wide @ Subscriber::V6(_)) => format!("{}/{SUBSCRIBER_BITS}", wide.address()).into(),
    }
}

/// The holder of shared limits: an IPv4 address, or the first 64 bits of an IPv6 address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Subscriber {
    /// The bits of an IPv4 address.
    V4(u32),
    /// The first 64 bits of an IPv6 address.
    V6(u64),
}

impl Subscriber {
    /// Return the subscriber of an address.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(narrow) => Self::V4(narrow.to_bits()),
            IpAddr::V6(wide) => Self::V6((wide.to_bits() >> (128 - SUBSCRIBER_BITS)) as u64),
        }
    }

    /// Return the subscriber's first address.
    #[must_use]
    pub fn address(self) -> IpAddr {
        match self {
            Self::V4(bits) => Ipv4Addr::from_bits(bits).into(),
            Self::V6(bits) => Ipv6Addr::from_bits(u128::from(bits) << (128 - SUBSCRIBER_BITS)).into(),
        }
    }

    /// Return the first 48 bits of an IPv6 subscriber.
    #[must_use]
    pub fn wider(self) -> Option<u64> {
        match self {
            Self::V4(_) => None,
            Self::V6(bits) => Some(bits >> 16),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{parse, subscriber};
    use proptest::prelude::*;
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

    proptest! {
        #[test]
        fn parses_like_the_standard_parser(text in "[0-9a-fA-F:.]{0,24}|([0-9a-f]{0,5}:){0,9}[0-9a-f]{0,5}") {
            prop_assert_eq!(parse(&text), text.parse::<IpAddr>().ok());
        }

        #[test]
        fn parses_ipv4_like_the_standard_parser(text in "([0-9]{0,4}[.]){0,4}[0-9]{0,4}|[0-9.]{0,15}", bits: u32) {
            prop_assert_eq!(parse(&text), text.parse::<IpAddr>().ok());
            let address = Ipv4Addr::from_bits(bits);
            prop_assert_eq!(parse(&address.to_string()), Some(IpAddr::V4(address)));
        }

        #[test]
        fn parses_every_address(bits: u128, kept: u128) {
            // Long runs of zeros too.
            for address in [bits, bits & kept & (kept << 17), bits & (u128::MAX << 64), bits & 0xffff] {
                let address = Ipv6Addr::from_bits(address);
                prop_assert_eq!(parse(&address.to_string()), Some(IpAddr::V6(address)));
                prop_assert_eq!(parse(&format!("{address}%eth0")), Some(IpAddr::V6(address)));
            }
        }
    }

    #[test]
    fn a_subscriber_has_one_spelling() {
        for (text, wanted) in [
            ("192.0.2.7", "192.0.2.7"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("::ffff:c000:207%eth0", "192.0.2.7"),
            ("2001:DB8:0:1:2:3:4:5", "2001:db8:0:1::/64"),
            ("0:0:0:5::1", "0:0:0:5::/64"),
            ("::1", "::/64"),
            ("fe80::1%eth0", "fe80::/64"),
            ("unix:/run/x.sock", "unix:/run/x.sock"),
            ("", ""),
        ] {
            assert_eq!(subscriber(text), wanted);
        }
    }

    #[test]
    fn parses_ipv4_and_refuses_other_texts() {
        assert_eq!(parse("192.0.2.7"), Some(IpAddr::from([192, 0, 2, 7])));
        assert_eq!(parse("::ffff:192.0.2.7").map(|it| it.to_string()), Some("::ffff:192.0.2.7".into()));
        for wrong in ["", "name", "1:2:3:4:5:6:7:8::", "1::2::3", ":::", "%eth0", "12345::"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
