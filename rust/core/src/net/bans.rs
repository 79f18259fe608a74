//! Bans of users and networks: the look-up for every connect and every join.

use ahash::{AHashMap, AHashSet, RandomState};
use hashbrown::{Equivalent, HashMap};
use std::hash::{Hash, Hasher};
use std::net::IpAddr;

use crate::net::network::Network;
use crate::net::network_table::NetworkTable;

/// The expiry of a permanent ban.
pub const PERMANENT: u64 = u64::MAX;

/// Bans by scope (such as a room's name) and user, and bans of networks from the whole site.
///
/// Users choose the names of rooms and their addresses. Therefore the maps hash with a random key: no
/// one can construct colliding names.
#[derive(Default)]
pub struct Bans {
    /// The end of each ban, found with one hash: a joining user is hardly ever banned, and their room
    /// often has no bans.
    ends: HashMap<Pair, u64, RandomState>,
    users: AHashMap<Box<str>, AHashSet<Box<str>>>,
    networks: NetworkTable,
}

impl Bans {
    /// Create an empty set of bans.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Ban `user` in `scope` until `until`; replace an earlier ban.
    ///
    /// The time is in milliseconds on the caller's clock, or [`PERMANENT`].
    pub fn add(&mut self, scope: &str, user: &str, until: u64) {
        if self.ends.insert(Pair::new(scope, user), until).is_none() {
            self.users.entry(scope.into()).or_default().insert(user.into());
        }
    }

    /// Lift a ban; return false if there was none.
    pub fn remove(&mut self, scope: &str, user: &str) -> bool {
        let removed = self.ends.remove(&PairRef { scope, user }).is_some();
        if removed {
            self.unlist(scope, user);
        }
        removed
    }

    fn unlist(&mut self, scope: &str, user: &str) {
        if let Some(users) = self.users.get_mut(scope) {
            users.remove(user);
            if users.is_empty() {
                self.users.remove(scope);
            }
        }
    }

    /// Ban a network from the whole site until `until`; replace an earlier ban of the same network.
    pub fn add_network(&mut self, network: Network, until: u64) {
        self.networks.insert(network, until);
    }

    /// Lift the ban of a network; return false if there was none.
    ///
    /// Bans of networks within the network or around it remain.
    pub fn remove_network(&mut self, network: Network) -> bool {
        self.networks.remove(network)
    }

    /// Return the end of the ban of `user` in `scope`; `None` if they are not banned there at `now`.
    #[must_use]
    pub fn banned_until(&self, scope: &str, user: &str, now: u64) -> Option<u64> {
        let until = *self.ends.get(&PairRef { scope, user })?;
        is_in_force(until, now).then_some(until)
    }

    /// Return the end of the ban of an address; `None` if it is not banned at `now`.
    ///
    /// The smallest network around the address with a ban in force decides.
    #[must_use]
    pub fn address_banned_until(&self, address: IpAddr, now: u64) -> Option<u64> {
        self.network_around(address, now).map(|(_, until)| until)
    }

    /// Return the smallest network around an address with a ban in force at `now`, and the end of that
    /// ban.
    #[must_use]
    pub fn network_around(&self, address: IpAddr, now: u64) -> Option<(Network, u64)> {
        self.networks.around(address, |network, until| is_in_force(until, now).then_some((network, until)))
    }

    /// Return whether a banned network lies within another one; ended bans count until they are pruned.
    #[must_use]
    pub fn is_any_within(&self, network: Network) -> bool {
        self.networks.is_any_within(network)
    }

    /// Forget the bans that have ended at `now` and return their number.
    pub fn prune(&mut self, now: u64) -> usize {
        let before = self.len();
        self.networks.retain(|until| is_in_force(until, now));
        let ended: Vec<Pair> =
            self.ends.extract_if(|_, until| !is_in_force(*until, now)).map(|(pair, _)| pair).collect();
        for pair in &ended {
            let (scope, user) = pair.split();
            self.unlist(scope, user);
        }
        before - self.len()
    }

    /// Return the bans of one scope in no particular order, ended ones included until they are pruned.
    pub fn bans_of<'a>(&'a self, scope: &str) -> impl Iterator<Item = (&'a str, u64)> + 'a {
        let listed = self.users.get_key_value(scope).into_iter();
        let asked = listed.flat_map(|(scope, users)| users.iter().map(move |user| PairRef { scope, user }));
        asked.filter_map(|asked| Some((asked.user, *self.ends.get(&asked)?)))
    }

    /// Return the number of bans, ended ones included until they are pruned.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len() + self.networks.len()
    }

    /// Return whether there are no bans.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A scope and a user in one text, so that a look-up fetches one text instead of two.
#[derive(PartialEq, Eq)]
struct Pair {
    text: Box<str>,
    border: usize,
}

impl Pair {
    fn new(scope: &str, user: &str) -> Self {
        Self { text: [scope, user].concat().into(), border: scope.len() }
    }

    fn split(&self) -> (&str, &str) {
        self.text.split_at(self.border)
    }
}

impl Hash for Pair {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.split().hash(state);
    }
}

/// A borrowed pair, for look-ups.
#[derive(Hash)]
struct PairRef<'a> {
    scope: &'a str,
    user: &'a str,
}

impl Equivalent<Pair> for PairRef<'_> {
    fn equivalent(&self, pair: &Pair) -> bool {
        pair.split() == (self.scope, self.user)
    }
}

/// Return whether a ban until `until` is in force; its last millisecond is the one before.
fn is_in_force(until: u64, now: u64) -> bool {
    until == PERMANENT || now < until
}

#[cfg(test)]
mod tests {
    use super::{Bans, Network, PERMANENT};
    use proptest::prelude::*;
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

    #[test]
    fn a_ban_is_of_one_user_in_one_scope() {
        let mut bans = Bans::new();
        bans.add("room", "ann", 100);
        assert_eq!(bans.banned_until("room", "ann", 99), Some(100));
        assert_eq!(bans.banned_until("room", "ann", 100), None);
        assert_eq!(bans.banned_until("room", "bea", 0), None);
        assert_eq!(bans.banned_until("other", "ann", 0), None);
        // The border between scope and user counts.
        bans.add("ab", "c", 9);
        assert_eq!(bans.banned_until("a", "bc", 0), None);
    }

    #[test]
    fn a_later_ban_replaces_even_by_a_shorter_one() {
        let mut bans = Bans::new();
        bans.add("room", "ann", PERMANENT);
        bans.add("room", "ann", 50);
        assert_eq!((bans.banned_until("room", "ann", 0), bans.len()), (Some(50), 1));
    }

    #[test]
    fn pruning_retains_bans_in_force() {
        let mut bans = Bans::new();
        bans.add("room", "ann", 10);
        bans.add("room", "bea", 11);
        bans.add("other", "ann", 5);
        bans.add("other", "cid", PERMANENT);
        bans.add_network(network("192.0.2.0/24"), 10);
        bans.add_network(network("198.51.100.0/24"), PERMANENT);
        assert_eq!(bans.prune(10), 3);
        assert_eq!(bans.prune(u64::MAX), 1);
        assert_eq!(bans.len(), 2);
        assert_eq!(bans.banned_until("other", "cid", u64::MAX), Some(PERMANENT));
        assert_eq!(bans.address_banned_until(address("198.51.100.9"), u64::MAX), Some(PERMANENT));
        assert_eq!(bans.bans_of("room").count(), 0);
    }

    #[test]
    fn removing_returns_whether_a_ban_existed() {
        let mut bans = Bans::new();
        bans.add("room", "ann", 10);
        assert!(!bans.remove("room", "bea"));
        assert!(!bans.remove("other", "ann"));
        assert!(bans.remove("room", "ann"));
        assert!(!bans.remove("room", "ann"));
        bans.add_network(network("192.0.2.0/24"), 10);
        assert!(!bans.remove_network(network("192.0.2.0/25")));
        assert!(bans.remove_network(network("192.0.2.0/24")));
        assert!(!bans.remove_network(network("192.0.2.0/24")));
        assert!(bans.is_empty());
    }

    #[test]
    fn a_scope_lists_its_own() {
        let mut bans = Bans::new();
        bans.add("room", "ann", 10);
        bans.add("room", "bea", 11);
        bans.add("other", "cid", 12);
        let mut listed: Vec<_> = bans.bans_of("room").collect();
        listed.sort_unstable();
        assert_eq!(listed, [("ann", 10), ("bea", 11)]);
    }

    #[test]
    fn the_smallest_network_in_force_decides() {
        let mut bans = Bans::new();
        bans.add_network(network("192.0.0.0/16"), 30);
        bans.add_network(network("192.0.2.0/24"), 10);
        bans.add_network(network("2001:db8::/32"), 20);
        assert_eq!(bans.address_banned_until(address("192.0.2.1"), 9), Some(10));
        assert_eq!(bans.address_banned_until(address("192.0.2.1"), 10), Some(30));
        assert_eq!(bans.address_banned_until(address("::ffff:192.0.2.1"), 9), Some(10));
        assert_eq!(bans.address_banned_until(address("192.1.2.1"), 0), None);
        assert_eq!(bans.address_banned_until(address("2001:db8:1::1"), 0), Some(20));
        assert_eq!(bans.address_banned_until(address("2001:db9::1"), 0), None);
    }

    proptest! {
        #[test]
        fn a_network_holds_the_addresses_that_share_its_bits(
            base: u32, other: u32, wide: u128, wider: u128, length in 0_u8..=32, length_6 in 0_u8..=128,
        ) {
            let mut bans = Bans::new();
            bans.add_network(Network::new(IpAddr::V4(Ipv4Addr::from_bits(base)), length).unwrap(), PERMANENT);
            let is_in = length == 0 || (base ^ other) >> (32 - length) == 0;
            let found = bans.address_banned_until(IpAddr::V4(Ipv4Addr::from_bits(other)), 0);
            prop_assert_eq!(found.is_some(), is_in);

            let mut bans = Bans::new();
            bans.add_network(Network::new(IpAddr::V6(Ipv6Addr::from_bits(wide)), length_6).unwrap(), PERMANENT);
            let is_in = length_6 == 0 || (wide ^ wider) >> (128 - length_6) == 0;
            let found = bans.address_banned_until(IpAddr::V6(Ipv6Addr::from_bits(wider)), 0);
            prop_assert_eq!(found.is_some(), is_in);
        }
    }

    fn network(text: &str) -> Network {
        Network::parse(text).unwrap()
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }
}
