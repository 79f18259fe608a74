//! The rate of an action, as a token bucket that needs one number of state.

/// A token bucket: a burst, then one more token per interval.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    /// The tokens of a full bucket.
    pub burst: u32,
    /// The time in which one more token is added, µs.
    pub interval: u64,
}

impl Rate {
    /// Return whether a bucket that is full again at `full` has a token at the time `now` (both µs).
    #[must_use]
    pub fn may(self, full: u64, now: u64) -> bool {
        full.max(now) + self.interval - now <= u64::from(self.burst) * self.interval
    }

    /// Take a token, whether the bucket has one or not.
    pub fn take(self, full: &mut u64, now: u64) {
        *full = (*full).max(now) + self.interval;
    }
}
