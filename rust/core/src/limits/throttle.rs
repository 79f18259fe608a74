//! Limits per address: open connections, and rates of connections, new rooms, new users and failed tokens.
//!
//! A connection is counted from accept to its end: while it speaks HTTP as one of `http`, and from the
//! handshake on as one of `sockets`.
//!
//! A subscriber has one IPv4 address, or a /64 of IPv6 in which they can change addresses at will. Many
//! subscribers have a /48 and can change the /64 as well; therefore connections are counted per /48 too.

use std::collections::HashMap;
use std::net::IpAddr;
use std::num::NonZeroU32;

use crate::limits::subscriber_table::MIN_REMEMBERED;
use crate::limits::token_bucket::{Bucket, Rate};
use crate::net::address::Subscriber;
use crate::net::network::Network;
use crate::settings::{declare_settings, PerMinute, PerSecond};

/// How many times as many connections as a /64 of IPv6 a /48 may have.
const WIDER: u32 = 4;
/// The time for which the number of new users per subscriber is limited, µs.
const HOUR: u64 = 3_600_000_000;

/// The kinds of actions that take a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitKind {
    /// A connection.
    Connect = 0,
    /// The creation of a room.
    Room = 1,
    /// A failed attempt with an invalid token.
    Failure = 2,
}

impl LimitKind {
    /// The number of kinds.
    pub const COUNT: usize = 3;
}

declare_settings! {
    /// The settings of a throttle, each as the operator names it.
    pub struct ThrottleSettings {
        /// The limit of open connections, sockets included, per IPv4 address or /64 of IPv6.
        pub connections_per_address: u32,
        /// The limit of open sockets per IPv4 address or /64 of IPv6.
        pub sockets_per_address: u32,
        /// The limit of open sockets per /48 of IPv6.
        pub sockets_per_48: u32,
        /// The rate of a subscriber's connections.
        pub connects_per_second: PerSecond,
        /// The number of a subscriber's connections at once, after a pause.
        pub connect_burst: NonZeroU32,
        /// The rate at which a subscriber creates rooms.
        pub rooms_per_second: PerSecond,
        /// The number of rooms that a subscriber creates at once, after a pause.
        pub room_burst: NonZeroU32,
        /// The rate of a subscriber's invalid tokens.
        pub failed_tokens_per_minute: PerMinute,
        /// The number of a subscriber's invalid tokens at once, after a pause.
        pub failed_token_burst: NonZeroU32,
        /// The limit of a subscriber's new users in any hour.
        pub new_users_per_hour: u32,
        /// The number of remembered subscribers; beyond that only those with open connections.
        pub addresses: usize,
        /// The networks for which nothing is counted.
        pub exempt: Vec<Network>,
    }
}

impl ThrottleSettings {
    /// Return the rate of a kind of action.
    fn rate(&self, kind: LimitKind) -> Rate {
        let (burst, interval) = match kind {
            LimitKind::Connect => (self.connect_burst, self.connects_per_second.interval()),
            LimitKind::Room => (self.room_burst, self.rooms_per_second.interval()),
            LimitKind::Failure => (self.failed_token_burst, self.failed_tokens_per_minute.interval()),
        };
        Rate { burst: burst.get(), interval }
    }
}

/// The answer to an attempt to connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// The address may connect; its connection is counted until it is released.
    Admitted,
    /// The address may connect; nothing is counted for it.
    Exempt,
    /// The address has reached its limit of open connections or sockets.
    TooMany,
    /// The address connects too fast.
    TooFast,
}

/// The recent use of one subscriber.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AddressUsage {
    /// The open connections.
    pub open: Open,
    /// The token bucket of each [`LimitKind`].
    pub buckets: [Bucket; LimitKind::COUNT],
    /// The times of new users in the last hour, µs, the earliest first.
    pub new_users: Vec<u64>,
}

impl AddressUsage {
    fn bucket(&mut self, kind: LimitKind) -> &mut Bucket {
        &mut self.buckets[kind as usize]
    }

    /// Return whether forgetting the subscriber changes nothing.
    fn is_idle(&self, now: u64) -> bool {
        let is_rested = self.buckets.iter().all(|bucket| bucket.is_full(now));
        self.open == Open::default()
            && is_rested
            && self.new_users.iter().all(|came| came.saturating_add(HOUR) <= now)
    }
}

/// The open connections of a subscriber, or of a /48 of IPv6.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Open {
    /// The open sockets.
    pub sockets: u32,
    /// The open connections that speak HTTP.
    pub http: u32,
}

impl Open {
    fn total(self) -> u32 {
        self.sockets.saturating_add(self.http)
    }
}

/// The subscribers that connected lately, and their limits.
///
/// Anyone with enough IPv6 can choose addresses. Therefore the maps use the randomly keyed `SipHash` of
/// the standard library.
pub struct Throttle {
    settings: ThrottleSettings,
    subscribers: HashMap<Subscriber, AddressUsage>,
    /// The open connections of each /48.
    open_48: HashMap<u64, Open>,
    /// The limit of open connections of any address, whatever the settings allow.
    most: u32,
    /// The number of subscribers from which idle ones are searched for and forgotten.
    prune_at: usize,
}

impl Throttle {
    /// Create a throttle without any subscriber.
    #[must_use]
    pub fn new(settings: ThrottleSettings) -> Self {
        let prune_at = MIN_REMEMBERED.min(settings.addresses);
        Self { settings, subscribers: HashMap::new(), open_48: HashMap::new(), most: u32::MAX, prune_at }
    }

    /// Set the limit of open connections of any address, a /48 included, from now on.
    pub fn limit_connections(&mut self, most: u32) {
        self.most = most;
    }

    /// Apply other settings from now on; all counts are retained.
    pub fn apply_settings(&mut self, settings: ThrottleSettings) {
        self.settings = settings;
        self.prune_at = MIN_REMEMBERED.min(self.settings.addresses).max(self.subscribers.len());
    }

    /// Return whether nothing is counted for an address.
    #[must_use]
    pub fn is_exempt(&self, address: IpAddr) -> bool {
        self.settings.exempt.iter().any(|network| network.holds(address))
    }

    /// Return whether one more connection of an address may speak HTTP; if so, count it.
    ///
    /// An exempt address is limited all the same if `always` is true.
    pub fn accept(&mut self, address: IpAddr, now: u64, always: bool) -> Admission {
        if !always && self.is_exempt(address) {
            return Admission::Exempt;
        }
        let wanted = self.settings.connections_per_address;
        let (most, most_48) = (wanted.min(self.most), wanted.saturating_mul(WIDER).min(self.most));
        let subscriber = Subscriber::of(address);
        let wider = subscriber.wider();
        let open_48 = wider.and_then(|wider| self.open_48.get(&wider)).copied().unwrap_or_default();
        let usage = self.usage(subscriber, now);
        if usage.open.total() >= most || open_48.total() >= most_48 {
            return Admission::TooMany;
        }
        usage.open.http += 1;
        if let Some(wider) = wider {
            self.open_48.entry(wider).or_default().http += 1;
        }
        Admission::Admitted
    }

    /// Count one connection less that speaks HTTP; must be called once for each that was counted.
    pub fn hang_up(&mut self, address: IpAddr) {
        self.close(address, |open| open.http = open.http.saturating_sub(1));
    }

    /// Return whether an address may open a socket at the time `now` (µs); if so, count the socket.
    ///
    /// An exempt address is limited all the same if `always` is true.
    pub fn connect(&mut self, address: IpAddr, now: u64, always: bool) -> Admission {
        if !always && self.is_exempt(address) {
            return Admission::Exempt;
        }
        let subscriber = Subscriber::of(address);
        let (most, rate) = (self.settings.sockets_per_address, self.settings.rate(LimitKind::Connect));
        let most_48 = self.settings.sockets_per_48;
        let wider = subscriber.wider();
        let is_full_48 =
            wider.is_some_and(|wider| self.open_48.get(&wider).is_some_and(|open| open.sockets >= most_48));
        let usage = self.usage(subscriber, now);
        if is_full_48 || usage.open.sockets >= most {
            return Admission::TooMany;
        }
        if !usage.bucket(LimitKind::Connect).try_take(rate, now) {
            return Admission::TooFast;
        }
        usage.open.sockets += 1;
        if let Some(wider) = wider {
            self.open_48.entry(wider).or_default().sockets += 1;
        }
        Admission::Admitted
    }

    /// Return the answer of [`Throttle::connect`] without counting anything.
    #[must_use]
    pub fn peek(&self, address: IpAddr, now: u64) -> Admission {
        if self.is_exempt(address) {
            return Admission::Exempt;
        }
        let subscriber = Subscriber::of(address);
        let open_48 = subscriber.wider().and_then(|wider| self.open_48.get(&wider));
        let usage = self.subscribers.get(&subscriber);
        if open_48.is_some_and(|open| open.sockets >= self.settings.sockets_per_48)
            || usage.map_or(0, |usage| usage.open.sockets) >= self.settings.sockets_per_address
        {
            return Admission::TooMany;
        }
        if self.may(LimitKind::Connect, address, now) {
            Admission::Admitted
        } else {
            Admission::TooFast
        }
    }

    /// Count one socket less; must be called once for each [`Admission::Admitted`] of
    /// [`Throttle::connect`].
    pub fn release(&mut self, address: IpAddr) {
        self.close(address, |open| open.sockets = open.sockets.saturating_sub(1));
    }

    /// Count a connection of a subscriber and of its /48 less; forget a /48 without connections.
    fn close(&mut self, address: IpAddr, close: fn(&mut Open)) {
        let subscriber = Subscriber::of(address);
        if let Some(usage) = self.subscribers.get_mut(&subscriber) {
            close(&mut usage.open);
        }
        let Some(wider) = subscriber.wider() else { return };
        if let Some(open) = self.open_48.get_mut(&wider) {
            close(open);
            if *open == Open::default() {
                self.open_48.remove(&wider);
            }
        }
    }

    /// Return whether [`Throttle::spend`] would succeed.
    #[must_use]
    pub fn may(&self, kind: LimitKind, address: IpAddr, now: u64) -> bool {
        let rate = self.settings.rate(kind);
        let usage = self.subscribers.get(&Subscriber::of(address));
        usage.is_none_or(|usage| usage.buckets[kind as usize].has_token(rate, now)) || self.is_exempt(address)
    }

    /// Take a token for an action of an address; return false if the bucket is empty.
    ///
    /// An exempt address is limited all the same if `always` is true.
    pub fn spend(&mut self, kind: LimitKind, address: IpAddr, now: u64, always: bool) -> bool {
        if !always && self.is_exempt(address) {
            return true;
        }
        let rate = self.settings.rate(kind);
        self.usage(Subscriber::of(address), now).bucket(kind).try_take(rate, now)
    }

    /// Count a new user; return false if the hour's limit is reached.
    ///
    /// An exempt address is limited all the same if `always` is true.
    pub fn admit_new_user(&mut self, address: IpAddr, now: u64, always: bool) -> bool {
        if !always && self.is_exempt(address) {
            return true;
        }
        let most = self.settings.new_users_per_hour as usize;
        let new_users = &mut self.usage(Subscriber::of(address), now).new_users;
        new_users.retain(|came| came.saturating_add(HOUR) > now);
        let may = new_users.len() < most;
        if may {
            new_users.push(now);
        }
        may
    }

    /// Forget the subscribers of which nothing needs to be remembered, and return their number.
    pub fn prune(&mut self, now: u64) -> usize {
        let before = self.subscribers.len();
        self.subscribers.retain(|_, usage| !usage.is_idle(now));
        self.release_memory();
        before - self.subscribers.len()
    }

    /// Return the use of each subscriber, with one of its addresses.
    pub fn usages(&self) -> impl Iterator<Item = (IpAddr, &AddressUsage)> {
        self.subscribers.iter().map(|(subscriber, usage)| (subscriber.address(), usage))
    }

    /// Restore the use of an address's subscriber from another process.
    pub fn restore(&mut self, address: IpAddr, usage: AddressUsage, now: u64) {
        let subscriber = Subscriber::of(address);
        if let Some(wider) = subscriber.wider().filter(|_| usage.open.sockets > 0) {
            let sockets = &mut self.open_48.entry(wider).or_default().sockets;
            *sockets = sockets.saturating_add(usage.open.sockets);
        }
        *self.usage(subscriber, now) = usage;
    }

    /// Return the number of remembered subscribers.
    #[must_use]
    pub fn len(&self) -> usize {
        self.subscribers.len()
    }

    /// Return whether no subscriber is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.subscribers.is_empty()
    }

    /// Return the used memory in bytes, approximately.
    #[must_use]
    pub fn size(&self) -> usize {
        let new_users: usize = self.subscribers.values().map(|usage| usage.new_users.capacity() * 8).sum();
        // A hash map has one more byte for each entry, and is at most 7/8 full.
        let subscribers = self.subscribers.capacity() * 8 / 7 * (size_of::<(Subscriber, AddressUsage)>() + 1);
        subscribers + new_users + self.open_48.capacity() * 8 / 7 * (size_of::<(u64, Open)>() + 1)
    }

    /// Return the use of a subscriber; make room for it first.
    fn usage(&mut self, subscriber: Subscriber, now: u64) -> &mut AddressUsage {
        if self.subscribers.len() >= self.prune_at && !self.subscribers.contains_key(&subscriber) {
            self.prune(now);
            if self.subscribers.len() >= self.settings.addresses {
                // A user with that many addresses can make us forget their rates, but can neither hide
                // open connections nor exhaust our memory.
                self.subscribers.retain(|_, usage| usage.open != Open::default());
                self.release_memory();
            }
            // Doubling: on average each subscriber is visited twice, however many come.
            self.prune_at = self
                .settings
                .addresses
                .min(MIN_REMEMBERED.max(2 * self.subscribers.len()))
                .max(self.subscribers.len() + 1);
        }
        self.subscribers.entry(subscriber).or_default()
    }

    fn release_memory(&mut self) {
        if self.subscribers.capacity() > MIN_REMEMBERED.max(4 * self.subscribers.len()) {
            self.subscribers.shrink_to(2 * self.subscribers.len());
        }
        if self.open_48.capacity() > MIN_REMEMBERED.max(4 * self.open_48.len()) {
            self.open_48.shrink_to(2 * self.open_48.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000;

    fn settings() -> ThrottleSettings {
        let (two, four) = (NonZeroU32::new(2).unwrap(), NonZeroU32::new(4).unwrap());
        ThrottleSettings {
            sockets_per_address: 3,
            sockets_per_48: 5,
            connections_per_address: 4,
            connects_per_second: PerSecond(5.0),
            connect_burst: four,
            rooms_per_second: PerSecond(1.0),
            room_burst: two,
            failed_tokens_per_minute: PerMinute(60.0),
            failed_token_burst: two,
            new_users_per_hour: 3,
            addresses: 100_000,
            exempt: vec![Network::parse("127.0.0.0/8").unwrap(), Network::parse("::1").unwrap()],
        }
    }

    fn throttle() -> Throttle {
        Throttle::new(settings())
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn sockets_are_counted_until_they_are_released() {
        let mut throttle = throttle();
        for second in 0..3 {
            assert_eq!(throttle.connect(ip("192.0.2.1"), second * SECOND, false), Admission::Admitted);
        }
        assert_eq!(throttle.connect(ip("::ffff:192.0.2.1"), 9 * SECOND, false), Admission::TooMany);
        assert_eq!(throttle.connect(ip("192.0.2.2"), 9 * SECOND, false), Admission::Admitted);
        throttle.release(ip("192.0.2.1"));
        assert_eq!(throttle.connect(ip("192.0.2.1"), 9 * SECOND, false), Admission::Admitted);
    }

    #[test]
    fn connections_are_counted_from_accept_to_their_end() {
        let mut throttle = throttle();
        let here = ip("192.0.2.1");
        let accept = |throttle: &mut Throttle| throttle.accept(here, 0, false);
        for _ in 0..4 {
            assert_eq!(accept(&mut throttle), Admission::Admitted);
        }
        assert_eq!(accept(&mut throttle), Admission::TooMany);
        // A handshake makes a socket of a connection; both kinds count together.
        assert_eq!(throttle.connect(here, 0, false), Admission::Admitted);
        throttle.hang_up(here);
        assert_eq!(accept(&mut throttle), Admission::TooMany);
        throttle.release(here);
        assert_eq!(accept(&mut throttle), Admission::Admitted);
        assert_eq!(throttle.prune(HOUR), 0);
        for _ in 0..4 {
            throttle.hang_up(here);
        }
        assert_eq!(throttle.prune(HOUR), 1);
    }

    #[test]
    fn connections_of_a_48_have_a_limit_of_their_own() {
        let mut throttle = throttle();
        throttle.limit_connections(6);
        for net in 0..6 {
            let address = ip(&format!("2001:db8:0:{net}::1"));
            assert_eq!(throttle.accept(address, 0, false), Admission::Admitted);
        }
        assert_eq!(throttle.accept(ip("2001:db8:0:9::1"), 0, false), Admission::TooMany);
        assert_eq!(throttle.accept(ip("2001:db8:1::1"), 0, false), Admission::Admitted);
        throttle.hang_up(ip("2001:db8:0:3::7"));
        throttle.limit_connections(5);
        assert_eq!(throttle.accept(ip("2001:db8:0:9::1"), 0, false), Admission::TooMany);
        throttle.limit_connections(u32::MAX);
        assert_eq!(throttle.accept(ip("2001:db8:0:9::1"), 0, false), Admission::Admitted);
    }

    #[test]
    fn exempt_addresses_can_be_limited_all_the_same() {
        let mut throttle = throttle();
        let here = ip("127.0.0.1");
        for _ in 0..9 {
            assert_eq!(throttle.accept(here, 0, false), Admission::Exempt);
        }
        for _ in 0..4 {
            assert_eq!(throttle.accept(here, 0, true), Admission::Admitted);
        }
        assert_eq!(throttle.accept(here, 0, true), Admission::TooMany);
        for _ in 0..3 {
            assert_eq!(throttle.connect(here, 0, true), Admission::Admitted);
        }
        assert_eq!(throttle.connect(here, 0, true), Admission::TooMany);
        assert_eq!(throttle.connect(here, 0, false), Admission::Exempt);
        assert!((0..2).all(|_| throttle.spend(LimitKind::Room, here, 0, true)));
        assert!(!throttle.spend(LimitKind::Room, here, 0, true));
        assert!((0..3).all(|_| throttle.admit_new_user(here, 0, true)));
        assert!(!throttle.admit_new_user(here, 0, true) && throttle.admit_new_user(here, 0, false));
    }

    #[test]
    fn peeking_counts_nothing_and_returns_the_same_answer() {
        let mut throttle = throttle();
        for address in ["192.0.2.1", "2001:db8:0:1::1", "2001:db8:0:2::1", "127.0.0.1"] {
            for round in 0..12 {
                // All limits are reached on the way: sockets, a /48, connections per second.
                let now = round / 6 * SECOND / 4;
                let admission = throttle.peek(ip(address), now);
                assert_eq!(throttle.peek(ip(address), now), admission);
                assert_eq!(throttle.connect(ip(address), now, false), admission, "{address} {round}");
                if round % 2 == 0 && admission == Admission::Admitted {
                    throttle.release(ip(address));
                }
            }
        }
    }

    #[test]
    fn another_throttle_continues_from_restored_usage() {
        let mut first = throttle();
        for address in ["192.0.2.1", "2001:db8:0:1::1", "2001:db8:0:1::2", "2001:db8:0:2::1"] {
            assert_eq!(first.connect(ip(address), 7, false), Admission::Admitted);
        }
        assert!(
            first.admit_new_user(ip("192.0.2.1"), 7, false)
                && first.spend(LimitKind::Room, ip("192.0.2.1"), 7, false)
        );
        let mut second = throttle();
        for (address, usage) in first.usages() {
            second.restore(address, usage.clone(), 7);
        }
        let known = |throttle: &Throttle| {
            let mut all: Vec<_> = throttle.usages().map(|(at, it)| (at, it.clone())).collect();
            all.sort_by_key(|(at, _)| *at);
            all
        };
        assert_eq!(known(&first), known(&second));
        assert_eq!(first.open_48, second.open_48);
        second.release(ip("2001:db8:0:1::9"));
        assert_eq!(second.open_48.values().copied().collect::<Vec<_>>(), [Open { sockets: 2, http: 0 }]);
    }

    #[test]
    fn new_settings_apply_to_known_addresses() {
        let mut throttle = throttle();
        for _ in 0..3 {
            assert_eq!(throttle.connect(ip("192.0.2.1"), 0, false), Admission::Admitted);
        }
        let wider = ThrottleSettings {
            sockets_per_address: 4,
            addresses: 1,
            exempt: vec![Network::parse("192.0.2.9").unwrap()],
            ..settings()
        };
        throttle.apply_settings(wider);
        assert_eq!(throttle.connect(ip("192.0.2.1"), 9 * SECOND, false), Admission::Admitted);
        assert_eq!(throttle.connect(ip("192.0.2.1"), 9 * SECOND, false), Admission::TooMany);
        assert_eq!(throttle.connect(ip("192.0.2.9"), 0, false), Admission::Exempt);
        assert_eq!(throttle.connect(ip("127.0.0.1"), 0, false), Admission::Admitted);
        throttle.apply_settings(settings());
        assert_eq!(throttle.connect(ip("192.0.2.1"), 9 * SECOND, false), Admission::TooMany);
    }

    #[test]
    fn a_64_is_one_subscriber_and_a_48_has_its_own_limit() {
        let mut throttle = throttle();
        for last in 1..=3 {
            assert_eq!(throttle.connect(ip(&format!("2001:db8:0:1::{last}")), 0, false), Admission::Admitted);
        }
        assert_eq!(throttle.connect(ip("2001:db8:0:1:ffff::"), 0, false), Admission::TooMany);
        for net in 2..=3 {
            assert_eq!(throttle.connect(ip(&format!("2001:db8:0:{net}::1")), 0, false), Admission::Admitted);
        }
        assert_eq!(throttle.connect(ip("2001:db8:0:4::1"), 0, false), Admission::TooMany);
        assert_eq!(throttle.connect(ip("2001:db8:1:4::1"), 0, false), Admission::Admitted);
        throttle.release(ip("2001:db8:0:1::1"));
        assert_eq!(throttle.connect(ip("2001:db8:0:4::1"), 0, false), Admission::Admitted);
    }

    #[test]
    fn connection_tokens_return_one_by_one() {
        let mut throttle = throttle();
        let come_and_go = |throttle: &mut Throttle, now| {
            let admission = throttle.connect(ip("192.0.2.1"), now, false);
            if admission == Admission::Admitted {
                throttle.release(ip("192.0.2.1"));
            }
            admission
        };
        for _ in 0..4 {
            assert_eq!(come_and_go(&mut throttle, 0), Admission::Admitted);
        }
        assert_eq!(come_and_go(&mut throttle, SECOND / 5 - 1), Admission::TooFast);
        assert_eq!(come_and_go(&mut throttle, SECOND / 5), Admission::Admitted);
        assert_eq!(come_and_go(&mut throttle, SECOND / 5), Admission::TooFast);
    }

    #[test]
    fn new_users_are_counted_over_any_hour() {
        let mut throttle = throttle();
        for minute in [0, 30, 59] {
            assert!(throttle.admit_new_user(ip("192.0.2.1"), minute * 60 * SECOND, false));
        }
        assert!(!throttle.admit_new_user(ip("192.0.2.1"), HOUR - 1, false));
        assert!(throttle.admit_new_user(ip("192.0.2.1"), HOUR, false));
        assert!(!throttle.admit_new_user(ip("192.0.2.1"), HOUR + 1, false));
    }

    #[test]
    fn nothing_is_counted_for_exempt_networks() {
        let mut throttle = throttle();
        for _ in 0..100 {
            assert_eq!(throttle.connect(ip("127.0.0.9"), 0, false), Admission::Exempt);
            assert!(
                throttle.spend(LimitKind::Room, ip("::1"), 0, false)
                    && throttle.admit_new_user(ip("::1"), 0, false)
            );
            assert!(throttle.may(LimitKind::Failure, ip("::ffff:127.0.0.1"), 0));
        }
        assert!(throttle.is_empty());
    }

    #[test]
    #[cfg_attr(miri, ignore = "hundreds of thousands of addresses take Miri too long")]
    fn memory_is_bounded() {
        let mut throttle = throttle();
        for number in 0..400_000_u32 {
            let subscriber = u64::from(number) << 16 | 0x2001 << 48;
            let address = IpAddr::V6((u128::from(subscriber) << 64).into());
            assert!(throttle.admit_new_user(address, 0, false));
            assert!(throttle.len() <= 100_000);
        }
        assert!(throttle.size() <= 20 << 20, "{}", throttle.size());
        assert!(throttle.prune(HOUR) > 0);
        assert!(throttle.is_empty() && throttle.size() < 1 << 20, "{}", throttle.size());
    }

    #[test]
    fn subscribers_with_sockets_are_never_forgotten() {
        let mut throttle = Throttle::new(ThrottleSettings { addresses: 10, ..settings() });
        for last in 0..50 {
            assert_eq!(throttle.connect(IpAddr::V4([192, 0, 2, last].into()), 0, false), Admission::Admitted);
        }
        assert_eq!(throttle.len(), 50);
        for last in 0..50 {
            throttle.release(IpAddr::V4([192, 0, 2, last].into()));
        }
        assert_eq!((throttle.prune(HOUR), throttle.len()), (50, 0));
    }
}
