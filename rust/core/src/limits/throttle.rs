//! What each address may cost: sockets at once, and how fast it may connect, open rooms, bring new
//! users and fail with tokens.
//!
//! One subscriber has one IPv4 address or a /64 of IPv6, within which he changes addresses at will;
//! many have a /48 of which they change the /64 as well, so those are counted too.

use std::collections::HashMap;
use std::net::IpAddr;

use crate::net::address::Subscriber;
use crate::net::network::Network;

/// Microseconds in which so many new users may come from one place.
const HOUR: u64 = 3_600_000_000;
/// Places that are always remembered before any are forgotten.
const FEW: usize = 1024;

/// A bucket of tokens: so many at once, then one more in each interval.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    /// Tokens of a full bucket.
    pub burst: u32,
    /// The time in which one more token comes, µs.
    pub interval: u64,
}

impl Rate {
    /// Whether a bucket that is full again at `full` has a token, at the time `now` (both µs).
    #[must_use]
    pub fn may(self, full: u64, now: u64) -> bool {
        full.max(now) + self.interval - now <= u64::from(self.burst) * self.interval
    }

    /// Takes a token, whether there is one or not.
    pub fn take(self, full: &mut u64, now: u64) {
        *full = (*full).max(now) + self.interval;
    }
}

/// What takes a token out of a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// A connection.
    Connect = 0,
    /// A room that is made.
    Room = 1,
    /// A token that is none.
    Failure = 2,
}

/// How many kinds of [`Deed`] there are.
pub const DEEDS: usize = 3;

/// Every number that a throttle goes by.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Sockets at once of one IPv4 address or one /64 of IPv6.
    pub sockets: u32,
    /// Sockets at once of one /48 of IPv6.
    pub sockets_48: u32,
    /// How fast each [`Deed`] may be done.
    pub rates: [Rate; DEEDS],
    /// New users in any hour.
    pub newcomers: u32,
    /// Places that are remembered; of more only those with sockets.
    pub places: usize,
}

/// Whether somebody may connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// He may, and his socket is counted until it is released.
    Admitted,
    /// He may: nothing is counted there.
    Exempt,
    /// As many sockets as may be are open from there.
    Crowded,
    /// Connections come too fast from there.
    Hasty,
}

/// What is known of a place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// Sockets that are open from there.
    pub sockets: u32,
    /// When each bucket is full again, µs: a bucket of tokens as one number.
    pub full: [u64; DEEDS],
    /// When new users came in the last hour, µs, the earliest first.
    pub newcomers: Vec<u64>,
}

impl Record {
    fn may(&self, deed: Deed, rate: Rate, now: u64) -> bool {
        rate.may(self.full[deed as usize], now)
    }

    fn take(&mut self, deed: Deed, rate: Rate, now: u64) {
        rate.take(&mut self.full[deed as usize], now);
    }

    /// Whether forgetting it changes nothing.
    fn is_idle(&self, now: u64) -> bool {
        let is_rested = self.full.iter().all(|full| *full <= now);
        self.sockets == 0 && is_rested && self.newcomers.iter().all(|came| came + HOUR <= now)
    }
}

/// All places that somebody came from lately.
///
/// Addresses are chosen by anybody with enough IPv6, so the maps hash with the randomly keyed
/// `SipHash` of the standard library.
pub struct Throttle {
    limits: Limits,
    exempt: Vec<Network>,
    places: HashMap<Subscriber, Record>,
    /// Sockets of each /48.
    sockets_48: HashMap<u64, u32>,
    /// How many places there must be before the idle ones are looked for.
    crowd: usize,
}

impl Throttle {
    /// Makes a throttle that knows nobody yet, and takes no notice of the networks that are exempt.
    #[must_use]
    pub fn new(limits: Limits, exempt: Vec<Network>) -> Self {
        let crowd = FEW.min(limits.places);
        Self { limits, exempt, places: HashMap::new(), sockets_48: HashMap::new(), crowd }
    }

    /// Goes by other numbers from now on; what has been counted stays.
    pub fn adopt(&mut self, other: &Self) {
        self.limits = other.limits.clone();
        self.exempt.clone_from(&other.exempt);
        self.crowd = FEW.min(self.limits.places).max(self.places.len());
    }

    /// Whether nothing is counted at an address.
    #[must_use]
    pub fn is_exempt(&self, address: IpAddr) -> bool {
        self.exempt.iter().any(|network| network.holds(address))
    }

    /// Says whether an address may connect at the time `now` (µs), and counts its socket if so.
    pub fn connect(&mut self, address: IpAddr, now: u64) -> Answer {
        if self.is_exempt(address) {
            return Answer::Exempt;
        }
        let place = Subscriber::of(address);
        let (most, rate) = (self.limits.sockets, self.limits.rates[Deed::Connect as usize]);
        let most_48 = self.limits.sockets_48;
        let wider = place.wider();
        let is_full_48 =
            wider.is_some_and(|wider| self.sockets_48.get(&wider).is_some_and(|count| *count >= most_48));
        let record = self.record(place, now);
        if is_full_48 || record.sockets >= most {
            return Answer::Crowded;
        }
        if !record.may(Deed::Connect, rate, now) {
            return Answer::Hasty;
        }
        record.take(Deed::Connect, rate, now);
        record.sockets += 1;
        if let Some(wider) = wider {
            *self.sockets_48.entry(wider).or_default() += 1;
        }
        Answer::Admitted
    }

    /// What [`Throttle::connect`] would say; nothing is counted.
    #[must_use]
    pub fn look(&self, address: IpAddr, now: u64) -> Answer {
        if self.is_exempt(address) {
            return Answer::Exempt;
        }
        let place = Subscriber::of(address);
        let count_48 = place.wider().and_then(|wider| self.sockets_48.get(&wider));
        let record = self.places.get(&place);
        if count_48.is_some_and(|count| *count >= self.limits.sockets_48)
            || record.map_or(0, |record| record.sockets) >= self.limits.sockets
        {
            return Answer::Crowded;
        }
        if self.may(Deed::Connect, address, now) {
            Answer::Admitted
        } else {
            Answer::Hasty
        }
    }

    /// Counts one socket less; for each [`Answer::Admitted`] once.
    pub fn release(&mut self, address: IpAddr) {
        let place = Subscriber::of(address);
        if let Some(record) = self.places.get_mut(&place) {
            record.sockets = record.sockets.saturating_sub(1);
        }
        let Some(wider) = place.wider() else { return };
        if let Some(count) = self.sockets_48.get_mut(&wider) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.sockets_48.remove(&wider);
            }
        }
    }

    /// Whether [`Throttle::spend`] would say yes.
    #[must_use]
    pub fn may(&self, deed: Deed, address: IpAddr, now: u64) -> bool {
        let rate = self.limits.rates[deed as usize];
        let record = self.places.get(&Subscriber::of(address));
        record.is_none_or(|record| record.may(deed, rate, now)) || self.is_exempt(address)
    }

    /// Takes a token for a deed out of an address's bucket; false where there is none.
    pub fn spend(&mut self, deed: Deed, address: IpAddr, now: u64) -> bool {
        if self.is_exempt(address) {
            return true;
        }
        let rate = self.limits.rates[deed as usize];
        let record = self.record(Subscriber::of(address), now);
        let may = record.may(deed, rate, now);
        if may {
            record.take(deed, rate, now);
        }
        may
    }

    /// Counts a new user; false where as many as may be have come in the last hour.
    pub fn welcome(&mut self, address: IpAddr, now: u64) -> bool {
        if self.is_exempt(address) {
            return true;
        }
        let most = self.limits.newcomers as usize;
        let newcomers = &mut self.record(Subscriber::of(address), now).newcomers;
        newcomers.retain(|came| came + HOUR > now);
        let may = newcomers.len() < most;
        if may {
            newcomers.push(now);
        }
        may
    }

    /// Forgets the places of which nothing needs to be known, and gives their number.
    pub fn prune(&mut self, now: u64) -> usize {
        let before = self.places.len();
        self.places.retain(|_, record| !record.is_idle(now));
        self.give_back();
        before - self.places.len()
    }

    /// What is known of each place, by an address of it.
    pub fn records(&self) -> impl Iterator<Item = (IpAddr, &Record)> {
        self.places.iter().map(|(place, record)| (place.address(), record))
    }

    /// Knows of an address's place what was known elsewhere.
    pub fn restore(&mut self, address: IpAddr, record: Record, now: u64) {
        let place = Subscriber::of(address);
        if let Some(wider) = place.wider().filter(|_| record.sockets > 0) {
            *self.sockets_48.entry(wider).or_default() += record.sockets;
        }
        *self.record(place, now) = record;
    }

    /// How many places are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Bytes of memory that are in use, as near as can be told.
    #[must_use]
    pub fn size(&self) -> usize {
        let newcomers: usize = self.places.values().map(|record| record.newcomers.capacity() * 8).sum();
        // A hash map has a byte of its own for each entry, and is at most 7/8 full.
        let places = self.places.capacity() * 8 / 7 * (size_of::<(Subscriber, Record)>() + 1);
        places + newcomers + self.sockets_48.capacity() * 8 / 7 * (size_of::<(u64, u32)>() + 1)
    }

    /// The record of a place, for which room is made first.
    fn record(&mut self, place: Subscriber, now: u64) -> &mut Record {
        if self.places.len() >= self.crowd && !self.places.contains_key(&place) {
            self.prune(now);
            if self.places.len() >= self.limits.places {
                // Whoever has so many addresses can make us forget how fast he was, but neither
                // his sockets nor how much memory there is.
                self.places.retain(|_, record| record.sockets > 0);
                self.give_back();
            }
            // Twice as many: so each place is looked at twice on the average, however many come.
            self.crowd = self.limits.places.min(FEW.max(2 * self.places.len())).max(self.places.len() + 1);
        }
        self.places.entry(place).or_default()
    }

    fn give_back(&mut self) {
        if self.places.capacity() > FEW.max(4 * self.places.len()) {
            self.places.shrink_to(2 * self.places.len());
        }
        if self.sockets_48.capacity() > FEW.max(4 * self.sockets_48.len()) {
            self.sockets_48.shrink_to(2 * self.sockets_48.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000;

    fn limits() -> Limits {
        let slow = Rate { burst: 2, interval: SECOND };
        Limits {
            sockets: 3,
            sockets_48: 5,
            rates: [Rate { burst: 4, interval: SECOND / 5 }, slow, slow],
            newcomers: 3,
            places: 100_000,
        }
    }

    fn throttle() -> Throttle {
        Throttle::new(limits(), vec![Network::parse("127.0.0.0/8").unwrap(), Network::parse("::1").unwrap()])
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn sockets_are_counted_until_they_are_released() {
        let mut throttle = throttle();
        for second in 0..3 {
            assert_eq!(throttle.connect(ip("192.0.2.1"), second * SECOND), Answer::Admitted);
        }
        assert_eq!(throttle.connect(ip("::ffff:192.0.2.1"), 9 * SECOND), Answer::Crowded);
        assert_eq!(throttle.connect(ip("192.0.2.2"), 9 * SECOND), Answer::Admitted);
        throttle.release(ip("192.0.2.1"));
        assert_eq!(throttle.connect(ip("192.0.2.1"), 9 * SECOND), Answer::Admitted);
    }

    #[test]
    fn looking_counts_nothing_and_says_what_would_be() {
        let mut throttle = throttle();
        for address in ["192.0.2.1", "2001:db8:0:1::1", "2001:db8:0:2::1", "127.0.0.1"] {
            for round in 0..12 {
                // All bounds are met on the way: of sockets, of a /48, of connections in a second.
                let now = round / 6 * SECOND / 4;
                let answer = throttle.look(ip(address), now);
                assert_eq!(throttle.look(ip(address), now), answer);
                assert_eq!(throttle.connect(ip(address), now), answer, "{address} {round}");
                if round % 2 == 0 && answer == Answer::Admitted {
                    throttle.release(ip(address));
                }
            }
        }
    }

    #[test]
    fn another_throttle_goes_on_with_what_one_knew() {
        let mut first = throttle();
        for address in ["192.0.2.1", "2001:db8:0:1::1", "2001:db8:0:1::2", "2001:db8:0:2::1"] {
            assert_eq!(first.connect(ip(address), 7), Answer::Admitted);
        }
        assert!(first.welcome(ip("192.0.2.1"), 7) && first.spend(Deed::Room, ip("192.0.2.1"), 7));
        let mut second = throttle();
        for (address, record) in first.records() {
            second.restore(address, record.clone(), 7);
        }
        let known = |throttle: &Throttle| {
            let mut all: Vec<_> = throttle.records().map(|(at, it)| (at, it.clone())).collect();
            all.sort_by_key(|(at, _)| *at);
            all
        };
        assert_eq!(known(&first), known(&second));
        assert_eq!(first.sockets_48, second.sockets_48);
        second.release(ip("2001:db8:0:1::9"));
        assert_eq!(second.sockets_48.values().copied().collect::<Vec<_>>(), [2]);
    }

    #[test]
    fn other_numbers_hold_for_those_who_are_here() {
        let mut throttle = throttle();
        for _ in 0..3 {
            assert_eq!(throttle.connect(ip("192.0.2.1"), 0), Answer::Admitted);
        }
        let wider = Limits { sockets: 4, places: 1, ..limits() };
        throttle.adopt(&Throttle::new(wider, vec![Network::parse("192.0.2.9").unwrap()]));
        assert_eq!(throttle.connect(ip("192.0.2.1"), 9 * SECOND), Answer::Admitted);
        assert_eq!(throttle.connect(ip("192.0.2.1"), 9 * SECOND), Answer::Crowded);
        assert_eq!(throttle.connect(ip("192.0.2.9"), 0), Answer::Exempt);
        assert_eq!(throttle.connect(ip("127.0.0.1"), 0), Answer::Admitted);
        throttle.adopt(&Throttle::new(limits(), Vec::new()));
        assert_eq!(throttle.connect(ip("192.0.2.1"), 9 * SECOND), Answer::Crowded);
    }

    #[test]
    fn a_64_is_one_place_and_a_48_has_a_bound_of_its_own() {
        let mut throttle = throttle();
        for last in 1..=3 {
            assert_eq!(throttle.connect(ip(&format!("2001:db8:0:1::{last}")), 0), Answer::Admitted);
        }
        assert_eq!(throttle.connect(ip("2001:db8:0:1:ffff::"), 0), Answer::Crowded);
        for net in 2..=3 {
            assert_eq!(throttle.connect(ip(&format!("2001:db8:0:{net}::1")), 0), Answer::Admitted);
        }
        assert_eq!(throttle.connect(ip("2001:db8:0:4::1"), 0), Answer::Crowded);
        assert_eq!(throttle.connect(ip("2001:db8:1:4::1"), 0), Answer::Admitted);
        throttle.release(ip("2001:db8:0:1::1"));
        assert_eq!(throttle.connect(ip("2001:db8:0:4::1"), 0), Answer::Admitted);
    }

    #[test]
    fn connects_come_back_one_by_one() {
        let mut throttle = throttle();
        let come_and_go = |throttle: &mut Throttle, now| {
            let answer = throttle.connect(ip("192.0.2.1"), now);
            if answer == Answer::Admitted {
                throttle.release(ip("192.0.2.1"));
            }
            answer
        };
        for _ in 0..4 {
            assert_eq!(come_and_go(&mut throttle, 0), Answer::Admitted);
        }
        assert_eq!(come_and_go(&mut throttle, SECOND / 5 - 1), Answer::Hasty);
        assert_eq!(come_and_go(&mut throttle, SECOND / 5), Answer::Admitted);
        assert_eq!(come_and_go(&mut throttle, SECOND / 5), Answer::Hasty);
    }

    #[test]
    fn newcomers_are_counted_over_any_hour() {
        let mut throttle = throttle();
        for minute in [0, 30, 59] {
            assert!(throttle.welcome(ip("192.0.2.1"), minute * 60 * SECOND));
        }
        assert!(!throttle.welcome(ip("192.0.2.1"), HOUR - 1));
        assert!(throttle.welcome(ip("192.0.2.1"), HOUR));
        assert!(!throttle.welcome(ip("192.0.2.1"), HOUR + 1));
    }

    #[test]
    fn nothing_is_counted_where_it_is_exempt() {
        let mut throttle = throttle();
        for _ in 0..100 {
            assert_eq!(throttle.connect(ip("127.0.0.9"), 0), Answer::Exempt);
            assert!(throttle.spend(Deed::Room, ip("::1"), 0) && throttle.welcome(ip("::1"), 0));
            assert!(throttle.may(Deed::Failure, ip("::ffff:127.0.0.1"), 0));
        }
        assert!(throttle.is_empty());
    }

    #[test]
    fn memory_is_bounded_whatever_comes() {
        let mut throttle = throttle();
        for number in 0..400_000_u32 {
            let place = u64::from(number) << 16 | 0x2001 << 48;
            let address = IpAddr::V6((u128::from(place) << 64).into());
            assert!(throttle.welcome(address, 0));
            assert!(throttle.len() <= 100_000);
        }
        assert!(throttle.size() <= 20 << 20, "{}", throttle.size());
        assert!(throttle.prune(HOUR) > 0);
        assert!(throttle.is_empty() && throttle.size() < 1 << 20, "{}", throttle.size());
    }

    #[test]
    fn whoever_has_sockets_is_never_forgotten() {
        let mut throttle = Throttle::new(Limits { places: 10, ..limits() }, Vec::new());
        for last in 0..50 {
            assert_eq!(throttle.connect(IpAddr::V4([192, 0, 2, last].into()), 0), Answer::Admitted);
        }
        assert_eq!(throttle.len(), 50);
        for last in 0..50 {
            throttle.release(IpAddr::V4([192, 0, 2, last].into()));
        }
        assert_eq!((throttle.prune(HOUR), throttle.len()), (50, 0));
    }
}
