//! Networks with a value each, looked up by address: bans of networks, and lists of networks.

use crate::net::network::{bits, is_mapped, Network};
use crate::net::network_pages::{Key, NetworkPages};
use ahash::AHashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;

/// Networks, each with a value.
///
/// Two networks are disjoint, or one lies within the other. Take the last network that starts at or
/// before an address. Either it contains the address and is the smallest to do so, or all networks with
/// that address also lie around it. Therefore each entry stores the prefix lengths of those around it.
///
/// A look-up is one search, whatever prefix lengths there are. With few different lengths there is no
/// search at all: then each length is looked up by its hash.
#[derive(Clone, Debug, Default)]
pub struct NetworkTable {
    /// The networks of IPv4: no address of IPv4 is in a network of IPv6.
    narrow: NetworkPages<u32>,
    /// The networks of IPv6 with at most 64 bits: nearly all, and half an address is enough for them.
    halves: NetworkPages<u64>,
    /// All other networks of IPv6.
    wide: NetworkPages<u128>,
    /// The number of networks of `wide` in each /64: most addresses need no search in them.
    shared: AHashMap<u64, usize>,
    /// The values of all networks, by start and prefix length.
    values: AHashMap<Network, u64>,
    /// The lengths of IPv6 and of IPv4: no address of the one is in a network of the other.
    lengths: [Lengths; 2],
}

/// The number of networks of each prefix length, the longest first; no number is 0.
type Lengths = Vec<(u8, usize)>;

/// The number of prefix lengths up to which separate look-ups take less time than a search.
const FEW: usize = 3;

/// The number of bits of half an IPv6 address.
const HALF: u8 = 64;

/// Run the same code on the one of three tables that a network belongs to.
macro_rules! of_its_family {
    ($self:ident, $network:expr, $pages:ident => $what:expr) => {
        if $network.is_mapped() {
            let $pages = &mut $self.narrow;
            $what
        } else if $network.length() <= HALF {
            let $pages = &mut $self.halves;
            $what
        } else {
            let $pages = &mut $self.wide;
            $what
        }
    };
}

impl NetworkTable {
    /// Create a table of networks, given in any order, whose values are bits.
    ///
    /// Each network also receives the bits of all networks around it, so that the smallest one is
    /// enough.
    #[must_use]
    pub fn of_bits(mut all: Vec<(Network, u64)>) -> Self {
        all.sort_unstable_by_key(|&(network, _)| (network.bits(), network.length()));
        all.dedup_by(|later, first| {
            let is_same = later.0 == first.0;
            if is_same {
                first.1 |= later.1;
            }
            is_same
        });
        let mut table = Self::default();
        for (network, bits) in all {
            table.count_wide(network);
            of_its_family!(table, network, pages => pages.push(network, bits));
        }
        for (network, bits) in table.narrow.entries().chain(table.halves.entries()).collect::<Vec<_>>() {
            table.cache(network, bits);
        }
        // Networks shorter than half an address are in the map by now.
        let Self { halves, wide, values, .. } = &mut table;
        wide.add_bits(|bits| halves.around(bits, values, &mut |_, value| Some(value)).unwrap_or(0));
        for (network, bits) in table.wide.entries().collect::<Vec<_>>() {
            table.cache(network, bits);
        }
        table
    }

    fn entries(&self) -> impl Iterator<Item = (Network, u64)> + '_ {
        self.narrow.entries().chain(self.halves.entries()).chain(self.wide.entries())
    }

    /// Store the value of a network in the map.
    fn cache(&mut self, network: Network, value: u64) {
        if self.values.insert(network, value).is_none() {
            let lengths = &mut self.lengths[usize::from(network.is_mapped())];
            match length_index(lengths, network.length()) {
                Ok(at) => lengths[at].1 += 1,
                Err(at) => lengths.insert(at, (network.length(), 1)),
            }
        }
    }

    fn uncache(&mut self, network: Network) {
        let is_gone = self.values.remove(&network).is_some();
        let lengths = &mut self.lengths[usize::from(network.is_mapped())];
        if let (true, Ok(at)) = (is_gone, length_index(lengths, network.length())) {
            lengths[at].1 -= 1;
            if lengths[at].1 == 0 {
                lengths.remove(at);
            }
        }
    }

    /// Insert a network, or change its value; return whether the network is new.
    pub fn insert(&mut self, network: Network, value: u64) -> bool {
        let is_new = of_its_family!(self, network, pages => pages.insert(network, value));
        self.cache(network, value);
        if is_new {
            self.count_wide(network);
        }
        is_new
    }

    /// Remove a network, but not those within it or around it; return false if it is not stored.
    pub fn remove(&mut self, network: Network) -> bool {
        let is_gone = of_its_family!(self, network, pages => pages.remove(network));
        self.uncache(network);
        if is_gone && network.length() > HALF && !network.is_mapped() {
            if let Entry::Occupied(mut count) = self.shared.entry(u64::of(network.bits())) {
                *count.get_mut() -= 1;
                if *count.get() == 0 {
                    count.remove();
                }
            }
        }
        is_gone
    }

    fn count_wide(&mut self, network: Network) {
        if network.length() > HALF && !network.is_mapped() {
            *self.shared.entry(u64::of(network.bits())).or_default() += 1;
        }
    }

    /// Visit the networks around an address, the smallest first, until `look` returns a value.
    pub fn around<T>(&self, address: IpAddr, mut look: impl FnMut(Network, u64) -> Option<T>) -> Option<T> {
        let bits = bits(address);
        let lengths = &self.lengths[usize::from(is_mapped(bits))];
        if lengths.len() <= FEW {
            let around = lengths.iter().map(|&(length, _)| Network::of_bits(bits, length));
            let mut found = around.filter_map(|network| Some((network, *self.values.get(&network)?)));
            return found.find_map(|(network, value)| look(network, value));
        }
        if is_mapped(bits) {
            return self.narrow.around(bits, &self.values, &mut look);
        }
        if self.shared.contains_key(&u64::of(bits)) {
            let found = self.wide.around(bits, &self.values, &mut look);
            if found.is_some() {
                return found;
            }
        }
        self.halves.around(bits, &self.values, &mut look)
    }

    /// Return whether the table contains a network within `network`, or that network itself.
    #[must_use]
    pub fn is_any_within(&self, network: Network) -> bool {
        if network.is_mapped() {
            return self.narrow.is_any_within(network);
        }
        self.wide.is_any_within(network) || self.halves.is_any_within(network)
    }

    /// Retain the networks whose values the function accepts.
    pub fn retain(&mut self, keeps: impl Fn(u64) -> bool) {
        let dropped = self.entries().filter(|&(_, value)| !keeps(value)).map(|(network, _)| network);
        for network in dropped.collect::<Vec<_>>() {
            self.remove(network);
        }
    }

    /// Return the number of networks.
    #[must_use]
    pub fn len(&self) -> usize {
        self.narrow.count + self.halves.count + self.wide.count
    }

    /// Return whether there are no networks.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Return the used memory in bytes, approximately.
    #[must_use]
    pub fn size(&self) -> usize {
        let shared = self.shared.capacity() * size_of::<(u64, usize)>();
        let values = self.values.capacity() * 8 / 7 * (size_of::<(Network, u64)>() + 1);
        self.narrow.size() + self.halves.size() + self.wide.size() + shared + values
    }
}

/// Return the index of a prefix length in the list, or the index for its insertion.
fn length_index(lengths: &Lengths, length: u8) -> Result<usize, usize> {
    lengths.binary_search_by(|&(other, _)| length.cmp(&other))
}

#[cfg(test)]
mod tests {
    use super::NetworkTable;
    use crate::net::network::{bits, Network};
    use proptest::prelude::*;
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

    /// Generate networks that often lie within each other, and often start together.
    fn networks() -> impl Strategy<Value = Network> {
        let narrow = (0_u32..64, 0_u8..=32).prop_map(|(bits, length)| {
            Network::new(IpAddr::V4(Ipv4Addr::from_bits(bits << 26 | bits)), length).unwrap()
        });
        let wide = (0_u128..32, 0_u8..=128).prop_map(|(bits, length)| {
            Network::new(IpAddr::V6(Ipv6Addr::from_bits(bits << 123 | bits << 60)), length).unwrap()
        });
        prop_oneof![narrow, wide]
    }

    fn found(table: &NetworkTable, address: IpAddr) -> Vec<(Network, u64)> {
        let mut found = Vec::new();
        let nothing: Option<()> = table.around(address, |network, value| {
            found.push((network, value));
            None
        });
        assert!(nothing.is_none());
        found
    }

    fn by_hand(all: &[(Network, u64)], address: IpAddr) -> Vec<(Network, u64)> {
        let mut found: Vec<_> = all.iter().copied().filter(|(network, _)| network.holds(address)).collect();
        found.sort_by_key(|(network, _)| std::cmp::Reverse(network.length()));
        found
    }

    proptest! {
        #[test]
        fn finds_what_a_list_finds(
            steps in prop::collection::vec((networks(), 0_u64..9, prop::bool::weighted(0.7)), 0..400),
        ) {
            let (mut table, mut all) = (NetworkTable::default(), Vec::<(Network, u64)>::new());
            for &(network, value, comes) in &steps {
                let known = all.iter().position(|&(other, _)| other == network);
                if comes {
                    prop_assert_eq!(table.insert(network, value), known.is_none());
                    match known {
                        Some(at) => all[at].1 = value,
                        None => all.push((network, value)),
                    }
                } else {
                    prop_assert_eq!(table.remove(network), known.is_some());
                    known.map(|at| all.swap_remove(at));
                }
                prop_assert_eq!(table.len(), all.len());
            }
            let built = NetworkTable::of_bits(all.iter().map(|&(network, value)| (network, 1 << value)).collect());
            let edges = steps.iter().map(|&(network, ..)| network.bits());
            for bits in edges.flat_map(|bits| [bits, bits.wrapping_sub(1), bits | 0xff]) {
                let wide = Ipv6Addr::from_bits(bits);
                let address = wide.to_ipv4_mapped().map_or(IpAddr::V6(wide), IpAddr::V4);
                let wanted = by_hand(&all, address);
                for length in [8, 20] {
                    let asked = Network::new(address, length).unwrap();
                    let is_within = |network: Network| {
                        asked.length() <= network.length()
                            && asked.is_mapped() == network.is_mapped()
                            && asked.has(network.bits())
                    };
                    let any = all.iter().any(|&(network, _)| is_within(network));
                    prop_assert_eq!(table.is_any_within(asked), any);
                }
                prop_assert_eq!(&found(&table, address), &wanted);
                let joined = wanted.iter().fold(0, |bits, (_, value)| bits | 1 << value);
                prop_assert_eq!(built.around(address, |_, bits| Some(bits)).unwrap_or(0), joined);
            }
            table.retain(|value| value % 2 == 0);
            all.retain(|(_, value)| value % 2 == 0);
            prop_assert_eq!(table.len(), all.len());
            for &(network, _) in &all {
                let first = Ipv6Addr::from_bits(network.bits());
                let first = first.to_ipv4_mapped().map_or(IpAddr::V6(first), IpAddr::V4);
                prop_assert_eq!(found(&table, first), by_hand(&all, first));
            }
        }
    }

    #[test]
    fn values_of_a_repeated_network_are_joined() {
        let network = Network::parse("192.0.2.0/24").unwrap();
        let table = NetworkTable::of_bits(vec![(network, 1), (network, 4)]);
        let address: IpAddr = "192.0.2.9".parse().unwrap();
        assert_eq!(found(&table, address), [(network, 5)]);
        assert!(bits(address) > 0 && table.size() > 0 && !table.is_empty());
    }
}
