//! The rate of an action, as token buckets that need one number of state each.
//!
//! An action costs one token, or as much as refills in a given time. Traffic in bytes has amounts
//! instead, see [`meter`](crate::limits::meter).

/// The rate of a subscriber relative to that of one user, so that a school class behind one address can
/// play.
pub const USERS_PER_SUBSCRIBER: u32 = 30;

/// The size of a token bucket, and the time in which one more token is added.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    /// The tokens of a full bucket.
    pub burst: u32,
    /// The time in which one more token is added, µs.
    pub interval: u64,
}

impl Rate {
    /// Return the rate of a subscriber whose users have this rate each.
    #[must_use]
    pub fn of_subscriber(self) -> Self {
        Self {
            burst: self.burst.saturating_mul(USERS_PER_SUBSCRIBER),
            interval: (self.interval / u64::from(USERS_PER_SUBSCRIBER)).max(1),
        }
    }

    /// Return the time in which an empty bucket fills, µs.
    #[must_use]
    pub fn size(self) -> u64 {
        u64::from(self.burst).saturating_mul(self.interval)
    }
}

/// A token bucket, full at first. Its rate is passed to each call, so that new settings apply at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bucket {
    /// The time at which the bucket is full again, µs.
    pub full_at: u64,
}

impl Bucket {
    /// Return whether the bucket has a token at the time `now`, µs.
    #[inline]
    #[must_use]
    pub fn has_token(self, rate: Rate, now: u64) -> bool {
        self.holds(rate.interval, rate.size(), now)
    }

    /// Return whether the bucket holds what refills in `cost`, if it fills in `size`; both µs.
    #[inline]
    #[must_use]
    pub fn holds(self, cost: u64, size: u64, now: u64) -> bool {
        self.full_at.max(now).saturating_add(cost) <= now.saturating_add(size)
    }

    /// Take a token; an empty bucket stays empty.
    #[inline]
    pub fn take(&mut self, rate: Rate, now: u64) {
        self.charge(rate.interval, rate.size(), now);
    }

    /// Take what refills in `cost` from a bucket that fills in `size`; it is empty at worst.
    #[inline]
    pub fn charge(&mut self, cost: u64, size: u64, now: u64) {
        self.full_at = self.full_at.max(now).saturating_add(cost).min(now.saturating_add(size));
    }

    /// Take what refills in `cost` if the bucket holds as much; return whether it did.
    #[inline]
    pub fn try_charge(&mut self, cost: u64, size: u64, now: u64) -> bool {
        let may = self.holds(cost, size, now);
        if may {
            self.charge(cost, size, now);
        }
        may
    }

    /// Take a token if the bucket has one; return whether it had.
    #[inline]
    pub fn try_take(&mut self, rate: Rate, now: u64) -> bool {
        self.try_charge(rate.interval, rate.size(), now)
    }

    /// Return whether the bucket is full, so that forgetting it changes nothing.
    #[inline]
    #[must_use]
    pub fn is_full(self, now: u64) -> bool {
        self.full_at <= now
    }
}

/// Take a token from a user's bucket and from their subscriber's, or from neither; return whether both
/// had one.
///
/// `rate` is the user's; without a subscriber, as for exempt networks, the user's bucket alone counts.
/// A `free` action needs no token of the user, but takes one.
#[inline]
pub fn try_take_both(
    own: &mut Bucket,
    shared: Option<&mut Bucket>,
    rate: Rate,
    free: bool,
    now: u64,
) -> bool {
    let wide = rate.of_subscriber();
    if !(free || own.has_token(rate, now)) || shared.as_ref().is_some_and(|it| !it.has_token(wide, now)) {
        return false;
    }
    own.take(rate, now);
    if let Some(shared) = shared {
        shared.take(wide, now);
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { burst: 3, interval: 100 };

    #[test]
    fn a_burst_is_followed_by_one_token_per_interval() {
        let mut bucket = Bucket::default();
        let taken = (1_000..2_000).filter(|now| bucket.try_take(RATE, *now)).collect::<Vec<_>>();
        assert_eq!(taken[..3], [1_000, 1_001, 1_002]);
        assert_eq!(taken[3..], [1_100, 1_200, 1_300, 1_400, 1_500, 1_600, 1_700, 1_800, 1_900]);
    }

    #[test]
    fn a_rest_fills_the_bucket_and_no_more() {
        let mut bucket = Bucket::default();
        while bucket.try_take(RATE, 0) {}
        assert!(!bucket.is_full(299) && bucket.is_full(300));
        let taken = (0..10).filter(|_| bucket.try_take(RATE, 1_000_000)).count();
        assert_eq!(taken, 3);
    }

    #[test]
    fn a_refused_action_costs_nothing() {
        let mut bucket = Bucket::default();
        while bucket.try_take(RATE, 0) {}
        let before = bucket;
        assert!(!bucket.try_take(RATE, 0) && bucket == before);
    }

    #[test]
    fn a_bucket_is_never_emptier_than_empty() {
        let mut bucket = Bucket::default();
        for _ in 0..10 {
            bucket.take(RATE, 50);
        }
        assert_eq!(bucket.full_at, 350);
        bucket.charge(u64::MAX, 300, 60);
        assert_eq!(bucket.full_at, 360);
        assert!(bucket.holds(0, 300, 60) && !bucket.holds(1, 300, 60));
    }

    #[test]
    fn rates_at_the_ends_of_the_numbers_overflow_nothing() {
        let endless = Rate { burst: u32::MAX, interval: u64::MAX };
        let mut bucket = Bucket::default();
        assert!(bucket.try_take(endless, 7) && bucket.try_take(endless.of_subscriber(), 7));
        assert!(!bucket.is_full(u64::MAX - 1));
        assert_eq!(Rate { burst: 1, interval: 1 }.of_subscriber().interval, 1);
    }

    #[test]
    fn a_token_is_taken_from_both_buckets_or_from_neither() {
        let (mut own, mut shared) = (Bucket::default(), Bucket { full_at: 300 });
        assert!(!try_take_both(&mut own, Some(&mut shared), RATE, false, 0));
        assert_eq!((own.full_at, shared.full_at), (0, 300));
        let mut shared = Bucket::default();
        for _ in 0..3 {
            assert!(try_take_both(&mut own, Some(&mut shared), RATE, false, 0));
        }
        let before = (own, shared);
        assert!(!try_take_both(&mut own, Some(&mut shared), RATE, false, 0));
        assert_eq!((own, shared), before);
        assert!(try_take_both(&mut own, Some(&mut shared), RATE, true, 0));
        assert!(own == before.0 && shared > before.1);
        assert!(!try_take_both(&mut own, None, RATE, false, 0));
    }
}
