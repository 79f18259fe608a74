//! The traffic of one connection: bytes and messages per second, with a burst of some seconds.
//!
//! These are leaky buckets, not the ones of [`token_bucket`](crate::limits::token_bucket). A read has an amount
//! of any size, which counts even where it is too much. A byte has less than a microsecond, so that a
//! whole number of microseconds per token could not express the rate.

/// A leaky bucket: the rate at which it leaks, and its size.
#[derive(Clone, Copy, Debug)]
pub struct Flow {
    /// The amount that leaks out per second.
    pub per_second: u64,
    /// The size of the bucket.
    pub most: u64,
}

/// The content of a bucket, in millionths: a microsecond's leak is a whole number of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Level(pub(crate) u64);

const MILLION: u64 = 1_000_000;

impl Level {
    /// Subtract the amount that leaked out in the given number of microseconds.
    pub fn leak(&mut self, flow: Flow, microseconds: u64) {
        self.0 = self.0.saturating_sub(microseconds.saturating_mul(flow.per_second));
    }

    /// Add an amount; return false if the bucket overflows.
    pub fn pour(&mut self, flow: Flow, amount: u64) -> bool {
        self.0 = self.0.saturating_add(amount.saturating_mul(MILLION));
        self.0 <= flow.most.saturating_mul(MILLION)
    }
}

/// The recent traffic of a metered client.
#[derive(Clone, Copy, Debug, Default)]
pub struct Meter {
    /// The traffic in bytes.
    pub bytes: Level,
    /// The traffic in elements of frames; a frame without elements counts as one.
    pub messages: Level,
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLOW: Flow = Flow { per_second: 5_000, most: 25_000 };

    #[test]
    #[cfg_attr(miri, ignore = "half a million steps take Miri too long")]
    fn leaks_between_two_additions_are_not_rounded_away() {
        let mut level = Level::default();
        assert!(level.pour(FLOW, 25_000));
        // At 5000 per second one leaks out each 200 µs, however the time is divided.
        for _ in 0..100_000 {
            for _ in 0..4 {
                level.leak(FLOW, 50);
            }
            assert!(level.pour(FLOW, 1));
        }
        assert!(!level.pour(FLOW, 1));
    }

    #[test]
    fn a_bucket_never_falls_below_empty() {
        let mut level = Level::default();
        assert!(level.pour(FLOW, 10));
        level.leak(FLOW, u64::MAX);
        assert_eq!(level, Level::default());
        assert!(level.pour(FLOW, 25_000) && !level.pour(FLOW, u64::MAX));
    }
}
