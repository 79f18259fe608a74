//! Limit how often users and addresses ask for the time: one bucket for each (docs/protocol.md,
//! "Rates").

use crate::limits::quota::QuotaId;
use crate::limits::subscriber_table::SubscriberTable;
use crate::limits::token_bucket::{try_take_both, Bucket, Rate};
use crate::net::address::Subscriber;
use crate::slots::SlotId;

/// The buckets of all users and addresses.
#[derive(Debug, Default)]
pub(crate) struct TimeLimiter {
    /// The buckets of users, by the number of the user's quota.
    users: Vec<Bucket>,
    subscribers: SubscriberTable<Bucket>,
}

impl TimeLimiter {
    /// Give a new user a full bucket.
    pub fn reset(&mut self, user: QuotaId) {
        if let Some(bucket) = self.users.get_mut(user.index()) {
            *bucket = Bucket::default();
        }
    }

    /// Return a user's bucket.
    pub fn bucket(&self, user: QuotaId) -> Bucket {
        self.users.get(user.index()).copied().unwrap_or_default()
    }

    /// Leave a user the emptier one of two buckets: their own and the given one.
    pub fn merge(&mut self, user: QuotaId, bucket: Bucket) {
        if bucket > Bucket::default() {
            let index = user.index();
            if self.users.len() <= index {
                self.users.resize(index + 1, Bucket::default());
            }
            self.users[index] = self.users[index].max(bucket);
        }
    }

    /// Take a token if a connection may ask for the time at `now`; return whether it may.
    ///
    /// `own` is the bucket of the connection's user, or the connection's own.
    pub fn try_take(
        &mut self,
        own: &mut Bucket,
        subscriber: Option<Subscriber>,
        rate: Rate,
        now: u64,
    ) -> bool {
        let shared =
            subscriber.map(|subscriber| self.subscribers.entry(subscriber, |bucket| bucket.is_full(now)));
        try_take_both(own, shared, rate, false, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::subscriber_table::MIN_REMEMBERED;

    const RATE: Rate = Rate { burst: 3, interval: 100_000 };

    fn subscriber(number: u32) -> Subscriber {
        Subscriber::of(std::net::Ipv4Addr::from_bits(number).into())
    }

    #[test]
    fn an_address_asks_thirty_times_as_often_as_a_user() {
        let mut limiter = TimeLimiter::default();
        let mut asked = 0;
        for _ in 0..40 {
            let mut own = Bucket::default();
            while limiter.try_take(&mut own, Some(subscriber(1)), RATE, 0) {
                asked += 1;
            }
        }
        assert_eq!(asked, 90);
        assert!(
            limiter.try_take(&mut Bucket::default(), Some(subscriber(2)), RATE, 0),
            "another address has its own"
        );
        assert!(
            limiter.try_take(&mut Bucket::default(), None, RATE, 0),
            "and where none is counted there is no such limit"
        );
        assert!(!limiter.try_take(&mut Bucket::default(), Some(subscriber(1)), RATE, 0));
        assert!(limiter.try_take(&mut Bucket::default(), Some(subscriber(1)), RATE, RATE.interval));
    }

    #[test]
    fn refused_requests_cost_nothing() {
        let mut limiter = TimeLimiter::default();
        let mut own = Bucket::default();
        for _ in 0..3 {
            assert!(limiter.try_take(&mut own, Some(subscriber(1)), RATE, 0));
        }
        let before = (own, limiter.subscribers.clone());
        assert!(!limiter.try_take(&mut own, Some(subscriber(1)), RATE, 0));
        assert_eq!((own, limiter.subscribers), before);
    }

    #[test]
    #[cfg_attr(miri, ignore = "thousands of addresses take Miri too long")]
    fn full_buckets_are_forgotten() {
        let mut limiter = TimeLimiter::default();
        for number in 0..100_000 {
            let now = u64::from(number) * RATE.interval;
            assert!(limiter.try_take(&mut Bucket::default(), Some(subscriber(number)), RATE, now));
            assert!(limiter.subscribers.len() <= MIN_REMEMBERED);
        }
    }

    #[test]
    fn a_new_user_has_a_full_bucket() {
        let mut limiter = TimeLimiter::default();
        let (user, other) = (QuotaId::from_number(7), QuotaId::from_number(8));
        limiter.reset(user);
        limiter.merge(user, Bucket { full_at: 5 });
        limiter.merge(user, Bucket { full_at: 3 });
        assert_eq!((limiter.bucket(user).full_at, limiter.bucket(other).full_at), (5, 0));
        limiter.reset(user);
        assert_eq!(limiter.bucket(user), Bucket::default());
    }
}
