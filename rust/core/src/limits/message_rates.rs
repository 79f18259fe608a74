//! Limit how often users and subscribers send each kind of message that Python handles.

use std::net::IpAddr;

use crate::limits::subscriber_table::SubscriberTable;
use crate::limits::token_bucket::{try_take_both, Bucket, Rate, USERS_PER_SUBSCRIBER};
use crate::net::address::Subscriber;

/// The token buckets of one user, connection or subscriber: one for each kind of message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Buckets(Vec<(Box<str>, Bucket)>);

impl Buckets {
    /// Return the bucket of a kind of message; a new one is full.
    pub fn bucket(&mut self, kind: &str) -> &mut Bucket {
        let found = self.0.iter().position(|(known, _)| **known == *kind);
        let at = found.unwrap_or_else(|| {
            self.0.push((kind.into(), Bucket::default()));
            self.0.len() - 1
        });
        &mut self.0[at].1
    }

    /// Return the buckets from which something was taken, by kind.
    pub fn used(&self) -> impl Iterator<Item = (&str, Bucket)> {
        self.0.iter().map(|(kind, bucket)| (&**kind, *bucket)).filter(|(_, it)| *it > Bucket::default())
    }

    fn is_full(&self, now: u64) -> bool {
        self.0.iter().all(|(_, bucket)| bucket.is_full(now))
    }
}

/// The buckets of subscribers; those of users are passed to each call.
///
/// Times are microseconds on the caller's clock, which must be the same for all calls.
#[derive(Debug, Default)]
pub struct MessageRates {
    subscribers: SubscriberTable<Buckets>,
}

impl MessageRates {
    /// Take a token for a message, from the user's bucket and from the subscriber's, or from neither;
    /// return whether there was one.
    ///
    /// `address` is absent for exempt networks, and `rate` that of a user. A `free` message needs no
    /// token of the user, but takes one.
    pub fn try_take(
        &mut self,
        own: &mut Buckets,
        address: Option<IpAddr>,
        kind: &str,
        rate: Rate,
        free: bool,
        now: u64,
    ) -> bool {
        let shared = address.map(|address| self.shared(address, kind, now));
        try_take_both(own.bucket(kind), shared, rate, free, now)
    }

    /// Take a token from the subscriber's bucket, or from the user's if there is no `address`; return
    /// whether there was one.
    ///
    /// All users of a subscriber share the `rate`.
    pub fn try_take_shared(
        &mut self,
        own: &mut Buckets,
        address: Option<IpAddr>,
        kind: &str,
        rate: Rate,
        now: u64,
    ) -> bool {
        match address {
            Some(address) => self.shared(address, kind, now).try_take(rate, now),
            None => own.bucket(kind).try_take(rate, now),
        }
    }

    /// Take a part of what a subscriber may send in a window of time; return whether enough was left.
    ///
    /// An `amount` of 1 is all that one user may send in the window.
    pub fn try_take_share(
        &mut self,
        address: Option<IpAddr>,
        kind: &str,
        amount: f64,
        window: u64,
        now: u64,
    ) -> bool {
        let Some(address) = address else { return true };
        let cost = (amount * window as f64 / f64::from(USERS_PER_SUBSCRIBER)) as u64;
        self.shared(address, kind, now).try_charge(cost.max(1), window, now)
    }

    /// Charge a subscriber for what it has caused, whether its bucket holds as much or not.
    ///
    /// Return when the bucket is full again, if it fills in `size` from empty; both µs.
    pub fn charge(&mut self, address: IpAddr, kind: &str, cost: u64, size: u64, now: u64) -> u64 {
        let bucket = self.shared(address, kind, now);
        bucket.charge(cost, size, now);
        bucket.full_at
    }

    /// Return when a subscriber's bucket is full again, µs; 0 if nothing was taken from it.
    #[must_use]
    pub fn full_at(&self, address: IpAddr, kind: &str) -> u64 {
        let used = self.subscribers.get(Subscriber::of(address)).into_iter().flat_map(Buckets::used);
        used.filter(|(known, _)| *known == kind).map(|(_, bucket)| bucket.full_at).sum()
    }

    /// Return the number of remembered subscribers.
    #[must_use]
    pub fn len(&self) -> usize {
        self.subscribers.len()
    }

    /// Return whether no subscriber is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn shared(&mut self, address: IpAddr, kind: &str, now: u64) -> &mut Bucket {
        self.subscribers.entry(Subscriber::of(address), |it| it.is_full(now)).bucket(kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLOW: Rate = Rate { burst: 2, interval: 2_000_000 };

    fn ip(text: &str) -> Option<IpAddr> {
        text.parse().ok()
    }

    fn crowd(rates: &mut MessageRates, count: usize, at: Option<IpAddr>) -> usize {
        let take_two = |_| {
            let mut own = Buckets::default();
            (0..2).filter(|_| rates.try_take(&mut own, at, "a", SLOW, false, 0)).count()
        };
        (0..count).map(take_two).sum()
    }

    #[test]
    fn each_kind_has_a_bucket() {
        let (mut rates, mut own) = (MessageRates::default(), Buckets::default());
        for kind in ["a", "dm", "a", "dm"] {
            assert!(rates.try_take(&mut own, None, kind, SLOW, false, 9));
        }
        assert!(!rates.try_take(&mut own, None, "a", SLOW, false, 9));
        assert_eq!(own.used().map(|(kind, _)| kind).collect::<Vec<_>>(), ["a", "dm"]);
        assert!(rates.is_empty());
    }

    #[test]
    fn a_subscriber_has_thirty_times_as_much() {
        let mut rates = MessageRates::default();
        assert_eq!(crowd(&mut rates, 40, ip("192.0.2.1")), 60);
        assert_eq!(crowd(&mut rates, 1, ip("::ffff:192.0.2.1")), 0);
        assert_eq!(crowd(&mut rates, 20, ip("2001:db8::1")), 40);
        assert_eq!(crowd(&mut rates, 20, ip("2001:db8::ffff:2")), 20);
        assert_eq!(crowd(&mut rates, 1, ip("2001:db8:0:1::1")), 2);
        assert_eq!((rates.len(), crowd(&mut rates, 40, None)), (3, 80));
    }

    #[test]
    fn all_users_of_a_subscriber_share_a_rate() {
        let (mut rates, mut own) = (MessageRates::default(), Buckets::default());
        for at in ["2001:db8::1", "2001:db8::2"] {
            assert!(rates.try_take_shared(&mut Buckets::default(), ip(at), "act", SLOW, 0));
        }
        assert!(!rates.try_take_shared(&mut own, ip("2001:db8::3"), "act", SLOW, 0));
        assert!(rates.try_take_shared(&mut own, ip("2001:db8:0:1::1"), "act", SLOW, 0));
        let mut exempt = |own: &mut Buckets| rates.try_take_shared(own, None, "act", SLOW, 0);
        assert!(exempt(&mut own) && exempt(&mut own) && !exempt(&mut own));
    }

    #[test]
    fn a_charge_leaves_an_empty_bucket_at_worst() {
        let mut rates = MessageRates::default();
        let (here, beside) = (ip("2001:db8::1").unwrap(), ip("2001:db8::2").unwrap());
        assert_eq!(rates.full_at(here, "output"), 0);
        assert_eq!(rates.charge(here, "output", 300, 1000, 50), 350);
        assert_eq!(rates.charge(beside, "output", 900, 1000, 100), 1100);
        assert_eq!(rates.full_at(here, "output"), 1100);
        assert_eq!(rates.full_at(here, "act"), 0);
        assert_eq!(rates.full_at(ip("2001:db8:0:1::1").unwrap(), "output"), 0);
    }

    #[test]
    fn a_window_has_thirty_shares() {
        let mut rates = MessageRates::default();
        let mut take = |now| rates.try_take_share(ip("192.0.2.1"), "custom", 0.5, 10_000_000, now);
        assert_eq!((0..70).filter(|_| take(0)).count(), 60);
        assert!(!take(166_000) && take(167_000));
    }

    #[test]
    fn an_unused_bucket_is_not_listed() {
        let mut own = Buckets::default();
        own.bucket("a");
        assert_eq!(own.used().count(), 0);
    }
}
