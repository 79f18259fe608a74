//! A table of subscribers that forgets those who no longer matter.

use std::collections::HashMap;

use crate::net::address::Subscriber;

/// The number of subscribers always remembered before any are forgotten.
pub(crate) const MIN_REMEMBERED: usize = 1024;
/// The largest number of subscribers: addresses are cheap, and must not fill the memory.
const MAX_REMEMBERED: usize = 20_000;

/// A value for each subscriber, the default at first.
///
/// Anyone with enough IPv6 can choose addresses. Therefore the map uses the randomly keyed `SipHash` of
/// the standard library.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SubscriberTable<T> {
    entries: HashMap<Subscriber, T>,
    /// The number of subscribers from which idle ones are searched for and forgotten.
    prune_at: usize,
}

impl<T: Default> SubscriberTable<T> {
    /// Return the value of a subscriber; make room for it first.
    ///
    /// `is_idle` tells whether forgetting a value changes nothing. If too many are not idle, half of
    /// all are forgotten.
    pub fn entry(&mut self, subscriber: Subscriber, is_idle: impl Fn(&T) -> bool) -> &mut T {
        let is_long = self.entries.len() >= self.prune_at.max(MIN_REMEMBERED);
        if is_long && !self.entries.contains_key(&subscriber) {
            self.entries.retain(|_, value| !is_idle(value));
            if self.entries.len() >= MAX_REMEMBERED {
                let mut is_kept = false;
                self.entries.retain(|_, _| {
                    is_kept = !is_kept;
                    is_kept
                });
            }
            // Doubling: on average each subscriber is visited twice, however many come.
            self.prune_at = MAX_REMEMBERED.min(2 * self.entries.len());
        }
        self.entries.entry(subscriber).or_default()
    }

    /// Return the value of a subscriber that is remembered.
    pub fn get(&self, subscriber: Subscriber) -> Option<&T> {
        self.entries.get(&subscriber)
    }

    /// Return the number of remembered subscribers.
    pub fn len(&self) -> usize {
        self.entries.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subscriber(number: usize) -> Subscriber {
        Subscriber::of(std::net::Ipv4Addr::from_bits(number as u32).into())
    }

    #[test]
    fn idle_subscribers_are_forgotten() {
        let mut table = SubscriberTable::<usize>::default();
        for number in 0..100_000 {
            *table.entry(subscriber(number), |&since| since < number) = number;
            assert!(table.len() <= MIN_REMEMBERED);
        }
    }

    #[test]
    fn of_too_many_half_is_forgotten() {
        let mut table = SubscriberTable::<bool>::default();
        for number in 0..MAX_REMEMBERED {
            *table.entry(subscriber(number), |_| false) = true;
            assert_eq!(table.len(), number + 1);
        }
        *table.entry(subscriber(0), |_| false) = true;
        assert_eq!(table.len(), MAX_REMEMBERED, "a known subscriber needs no room");
        table.entry(subscriber(MAX_REMEMBERED), |_| false);
        assert_eq!(table.len(), MAX_REMEMBERED / 2 + 1);
    }
}
