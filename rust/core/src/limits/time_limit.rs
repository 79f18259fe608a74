//! Limit how often users and addresses ask for the time: one bucket for each (docs/protocol.md,
//! "Rates").

use std::collections::HashMap;

use crate::limits::rate::Rate;
use crate::net::address::Subscriber;

/// The rate of an address relative to that of one user, so that a school class behind one address can
/// play.
const USERS_PER_SUBSCRIBER: u32 = 30;
/// The number of addresses always remembered before any are forgotten.
const MIN_REMEMBERED: usize = 1024;

/// The buckets of all users and addresses, each as the time at which it is full again, µs.
#[derive(Debug, Default)]
pub(crate) struct TimeLimiter {
    /// The buckets of users, by the number of the user's quota.
    users: Vec<u64>,
    subscribers: HashMap<Subscriber, u64>,
    /// The number of subscribers from which full buckets are searched for and forgotten.
    prune_at: usize,
}

impl TimeLimiter {
    /// Give a new user a full bucket.
    pub fn reset(&mut self, user: u32) {
        if let Some(full) = self.users.get_mut(user as usize) {
            *full = 0;
        }
    }

    /// Return the time at which a user's bucket is full again.
    pub fn full_at(&self, user: u32) -> u64 {
        self.users.get(user as usize).copied().unwrap_or(0)
    }

    /// Delay the time at which a user's bucket is full again; an earlier time has no effect.
    pub fn raise_full_at(&mut self, user: u32, until: u64) {
        if until > 0 {
            let index = user as usize;
            if self.users.len() <= index {
                self.users.resize(index + 1, 0);
            }
            self.users[index] = self.users[index].max(until);
        }
    }

    /// Take a token if a connection may ask for the time at `now`; return whether it may.
    ///
    /// `full` is the bucket of the connection's user, or its own.
    pub fn try_take(&mut self, full: &mut u64, subscriber: Option<Subscriber>, rate: Rate, now: u64) -> bool {
        let wide = Rate {
            burst: rate.burst.saturating_mul(USERS_PER_SUBSCRIBER),
            interval: (rate.interval / u64::from(USERS_PER_SUBSCRIBER)).max(1),
        };
        if subscriber.is_some() {
            self.prune(now);
        }
        let shared = subscriber.map(|subscriber| self.subscribers.entry(subscriber).or_default());
        if !rate.may(*full, now) || shared.as_ref().is_some_and(|full| !wide.may(**full, now)) {
            return false;
        }
        rate.take(full, now);
        if let Some(shared) = shared {
            wide.take(shared, now);
        }
        true
    }

    fn prune(&mut self, now: u64) {
        if self.subscribers.len() >= self.prune_at.max(MIN_REMEMBERED) {
            self.subscribers.retain(|_, full| *full > now);
            self.prune_at = 2 * self.subscribers.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { burst: 3, interval: 100_000 };

    fn subscriber(number: u32) -> Subscriber {
        Subscriber::of(std::net::Ipv4Addr::from_bits(number).into())
    }

    #[test]
    fn an_address_asks_thirty_times_as_often_as_a_user() {
        let mut limiter = TimeLimiter::default();
        let mut asked = 0;
        for _ in 0..40 {
            let mut full = 0;
            while limiter.try_take(&mut full, Some(subscriber(1)), RATE, 0) {
                asked += 1;
            }
        }
        assert_eq!(asked, 90);
        assert!(limiter.try_take(&mut 0, Some(subscriber(2)), RATE, 0), "another address has its own");
        assert!(limiter.try_take(&mut 0, None, RATE, 0), "and where none is counted there is no such limit");
        assert!(!limiter.try_take(&mut 0, Some(subscriber(1)), RATE, 0));
        assert!(limiter.try_take(&mut 0, Some(subscriber(1)), RATE, RATE.interval));
    }

    #[test]
    fn refused_requests_cost_nothing() {
        let mut limiter = TimeLimiter::default();
        let mut full = 0;
        for _ in 0..3 {
            assert!(limiter.try_take(&mut full, Some(subscriber(1)), RATE, 0));
        }
        let before = (full, limiter.subscribers.clone());
        assert!(!limiter.try_take(&mut full, Some(subscriber(1)), RATE, 0));
        assert_eq!((full, limiter.subscribers), before);
    }

    #[test]
    fn full_buckets_are_forgotten() {
        let mut limiter = TimeLimiter::default();
        for number in 0..100_000 {
            let now = u64::from(number) * RATE.interval;
            assert!(limiter.try_take(&mut 0, Some(subscriber(number)), RATE, now));
            assert!(limiter.subscribers.len() <= MIN_REMEMBERED);
        }
    }

    #[test]
    fn a_new_user_has_a_full_bucket() {
        let mut limiter = TimeLimiter::default();
        limiter.reset(7);
        limiter.raise_full_at(7, 5);
        limiter.raise_full_at(7, 3);
        assert_eq!((limiter.full_at(7), limiter.full_at(8)), (5, 0));
        limiter.reset(7);
        assert_eq!(limiter.full_at(7), 0);
    }
}
