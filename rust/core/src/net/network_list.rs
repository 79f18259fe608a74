//! Parse published files of networks: one network a line, with all the extras that people add.

use crate::net::address::{self, SUBSCRIBER_BITS};
use crate::net::network::Network;
use std::net::IpAddr;

/// The smallest accepted prefix lengths for IPv4 and IPv6: `/2` is easily typed instead of `/24`.
const MIN_PREFIX: [u8; 2] = [8, 16];
/// The number of invalid lines that are reported.
const MAX_PROBLEMS: usize = 100;
/// The number of characters of a line shown in a report.
const MAX_SHOWN: usize = 40;

/// The content of a file.
#[derive(Debug, Default)]
pub struct NetworkList {
    /// The networks, in the order of the file.
    pub networks: Vec<Network>,
    /// The first invalid lines, by number, with the problem of each.
    pub problems: Vec<(usize, String)>,
    /// The number of invalid lines.
    pub wrong: usize,
}

/// Parse a file; report invalid lines and accept the others.
///
/// A line has an address, a network or a range (`192.0.2.0 - 192.0.2.9`). More columns may follow after
/// a comma, a semicolon or white space; they are ignored, as are quotation marks. `#`, `;` and `//`
/// begin a comment. A first line of words alone names the columns.
#[must_use]
pub fn parse(file: &[u8]) -> NetworkList {
    let mut list = NetworkList::default();
    let file = file.strip_prefix(b"\xef\xbb\xbf").unwrap_or(file);
    let mut is_first = true;
    for (number, line) in file.split(|&byte| byte == b'\n').enumerate() {
        let found = match std::str::from_utf8(line) {
            Ok(line) => {
                let column = first_column(line);
                if column.is_empty() || std::mem::take(&mut is_first) && is_heading(column) {
                    continue;
                }
                networks(column)
            }
            Err(_) => Err("is not UTF-8".into()),
        };
        match found {
            Ok(found) => list.networks.extend(found),
            Err(why) => {
                list.wrong += 1;
                if list.problems.len() < MAX_PROBLEMS {
                    list.problems.push((number + 1, why));
                }
            }
        }
    }
    list
}

/// Return the text before the first comma, semicolon or comment, without quotation marks.
fn first_column(line: &str) -> &str {
    let line = line.split("//").next().unwrap_or_default();
    let column = line.split(['#', ';', ',']).next().unwrap_or_default();
    column.trim().trim_matches(['"', '\'']).trim()
}

fn is_heading(column: &str) -> bool {
    column.starts_with(char::is_alphabetic)
        && !column.contains([':', '.', '/'])
        && !column.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Parse the networks that a text names.
fn networks(text: &str) -> Result<Vec<Network>, String> {
    if let Some((first, last)) = text.split_once('-') {
        return range(first.trim(), last.trim()).unwrap_or_else(|| Err(unreadable(text)));
    }
    let mut words = text.split_whitespace();
    let word = words.next().unwrap_or_default();
    if words.next().is_some_and(|next| next.parse::<IpAddr>().is_ok()) {
        return Err(format!("{:?} has two addresses: a range has a - between them", shown(text)));
    }
    let network = Network::parse(word).ok_or_else(|| unreadable(text))?;
    // A single IPv6 address stands for the whole network of its subscriber.
    let is_alone = !word.contains('/') && !network.is_mapped();
    let network = if is_alone { Network::of_bits(network.bits(), SUBSCRIBER_BITS) } else { network };
    narrow(network, text).map(|network| vec![network])
}

fn range(first: &str, last: &str) -> Option<Result<Vec<Network>, String>> {
    let text = format!("{first} - {last}");
    let Some(found) = Network::between(address::parse(first)?, address::parse(last)?) else {
        return Some(Err(format!("{:?} is no range: it ends before it begins", shown(&text))));
    };
    Some(found.into_iter().map(|network| narrow(network, &text)).collect())
}

fn narrow(network: Network, text: &str) -> Result<Network, String> {
    let least = MIN_PREFIX[usize::from(!network.is_mapped())];
    if network.prefix() < least {
        return Err(format!("{:?} is too wide: at least /{least} is taken", shown(text)));
    }
    Ok(network)
}

fn unreadable(text: &str) -> String {
    format!("{:?} is neither an address, a network nor a range", shown(text))
}

fn shown(text: &str) -> &str {
    text.char_indices().nth(MAX_SHOWN).map_or(text, |(end, _)| &text[..end])
}

#[cfg(test)]
mod tests {
    use super::parse;

    fn networks_in(file: &str) -> Vec<String> {
        let list = parse(file.as_bytes());
        assert_eq!((list.wrong, &list.problems[..]), (0, &[][..]), "{file}");
        list.networks.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn lines_are_parsed_as_people_publish_them() {
        assert_eq!(networks_in(""), [""; 0]);
        assert_eq!(
            networks_in("# Tor\r\n\r\n192.0.2.7\r\n  198.51.100.0/24  \n"),
            ["192.0.2.7", "198.51.100.0/24"]
        );
        assert_eq!(networks_in("\u{feff}192.0.2.0/24 ; SBL1\n192.0.3.0/24# x\n192.0.4.0/24 // y").len(), 3);
        assert_eq!(networks_in("network,asn\n\"192.0.2.0/24\",64496,\"A, B\"\n"), ["192.0.2.0/24"]);
        assert_eq!(networks_in("192.0.2.0/24\tAS64496\tNL\n192.0.3.1 a word"), ["192.0.2.0/24", "192.0.3.1"]);
        assert_eq!(networks_in("192.0.2.0-192.0.2.255\n192.0.2.1 - 192.0.2.2").len(), 3);
        assert_eq!(
            networks_in("2001:db8::1\n2001:db8::1/128\n::ffff:192.0.2.7\n"),
            ["2001:db8::/64", "2001:db8::1/128", "192.0.2.7",]
        );
        assert_eq!(networks_in("2001:db8::-2001:db8::ffff"), ["2001:db8::/112"]);
    }

    #[test]
    fn invalid_lines_are_reported_and_the_others_accepted() {
        let file = b"192.0.2.0/24\nname\n\n192.0.2.0/33\n0.0.0.0/0\n1.2.3.4 5.6.7.8\n\xff\n\
            192.0.2.9-192.0.2.1\n1.0.0.0-200.0.0.0\n192.0.2.1-2001:db8::\n2001:db8::/8\n198.51.100.1";
        let list = parse(file);
        assert_eq!(list.networks.len(), 2);
        let lines: Vec<usize> = list.problems.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [2, 4, 5, 6, 7, 8, 9, 10, 11]);
        assert_eq!(list.wrong, 9);
        assert!(list.problems[2].1.contains("too wide"), "{:?}", list.problems);
    }

    #[test]
    fn only_the_first_invalid_lines_are_reported() {
        let list = parse("x.y\n".repeat(5000).as_bytes());
        assert_eq!((list.wrong, list.problems.len()), (5000, 100));
        let long = parse("x.".repeat(5000).as_bytes());
        assert!(long.problems[0].1.len() < 120);
    }
}
