//! The rate of an action, as token buckets that need one number of state each.
//!
//! Each action costs one token here. Traffic in bytes has amounts instead, see
//! [`meter`](crate::limits::meter).

/// The size of a token bucket, and the time in which one more token is added.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    /// The tokens of a full bucket.
    pub burst: u32,
    /// The time in which one more token is added, µs.
    pub interval: u64,
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
        self.full_at.max(now) + rate.interval - now <= u64::from(rate.burst) * rate.interval
    }

    /// Take a token, whether the bucket has one or not.
    #[inline]
    pub fn take(&mut self, rate: Rate, now: u64) {
        self.full_at = self.full_at.max(now) + rate.interval;
    }

    /// Take a token if the bucket has one; return whether it had.
    #[inline]
    pub fn try_take(&mut self, rate: Rate, now: u64) -> bool {
        let may = self.has_token(rate, now);
        if may {
            self.take(rate, now);
        }
        may
    }

    /// Return whether the bucket is full, so that forgetting it changes nothing.
    #[inline]
    #[must_use]
    pub fn is_full(self, now: u64) -> bool {
        self.full_at <= now
    }
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
}
