//! How much one connection sends: bytes and messages per second, with some seconds to spare.

/// A bucket that leaks: so much a second runs out, and so much it holds.
#[derive(Clone, Copy, Debug)]
pub struct Flow {
    /// What runs out in a second.
    pub per_second: u64,
    /// What may be in it.
    pub most: u64,
}

/// What is in a bucket, in millionths: so a microsecond's leak is a whole number of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Level(pub(crate) u64);

const MILLION: u64 = 1_000_000;

impl Level {
    /// Lets out what ran out in so many microseconds.
    pub fn leak(&mut self, flow: Flow, microseconds: u64) {
        self.0 = self.0.saturating_sub(microseconds.saturating_mul(flow.per_second));
    }

    /// Pours something in; false where it runs over.
    pub fn pour(&mut self, flow: Flow, amount: u64) -> bool {
        self.0 = self.0.saturating_add(amount.saturating_mul(MILLION));
        self.0 <= flow.most.saturating_mul(MILLION)
    }
}

/// What a client that is metered has sent lately.
#[derive(Clone, Copy, Debug, Default)]
pub struct Meter {
    /// In bytes.
    pub bytes: Level,
    /// In elements of frames; a frame without any counts as one.
    pub messages: Level,
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLOW: Flow = Flow { per_second: 5_000, most: 25_000 };

    #[test]
    fn what_runs_out_between_two_pours_is_not_rounded_away() {
        let mut level = Level::default();
        assert!(level.pour(FLOW, 25_000));
        // At 5000 a second, one each 200 µs, however the time is cut.
        for _ in 0..100_000 {
            for _ in 0..4 {
                level.leak(FLOW, 50);
            }
            assert!(level.pour(FLOW, 1));
        }
        assert!(!level.pour(FLOW, 1));
    }

    #[test]
    fn a_bucket_is_empty_at_last_and_never_below() {
        let mut level = Level::default();
        assert!(level.pour(FLOW, 10));
        level.leak(FLOW, u64::MAX);
        assert_eq!(level, Level::default());
        assert!(level.pour(FLOW, 25_000) && !level.pour(FLOW, u64::MAX));
    }
}
