//! Counts of received messages, and their latencies.

use hdrhistogram::Histogram;

/// The longest latency distinguished from longer ones, in microseconds.
const LONGEST: u64 = 60_000_000;

/// The counts of a run.
pub struct Tally {
    /// Messages received by all clients together.
    pub notes: u64,
    pub moves: u64,
    pub notifications: u64,
    /// Bytes received, frame headers included.
    pub bytes: u64,
    pub frames: u64,
    /// Connections that the server ended.
    pub closed: u64,
    /// Resting pointers received after a run by the measured clients.
    pub resting: u64,
    latency: Histogram<u64>,
}

impl Tally {
    pub fn new() -> Self {
        let latency = Histogram::new_with_bounds(1, LONGEST, 3).unwrap_or_else(|_| unreachable!());
        Self { notes: 0, moves: 0, notifications: 0, bytes: 0, frames: 0, closed: 0, resting: 0, latency }
    }

    /// Record the latency of a message, in microseconds.
    pub fn record(&mut self, microseconds: u64) {
        self.latency.saturating_record(microseconds.max(1));
    }

    /// Return the latency that this percentage of messages did not exceed; `None` without a sample.
    pub fn percentile(&self, percent: f64) -> Option<u64> {
        (!self.latency.is_empty()).then(|| self.latency.value_at_percentile(percent))
    }

    pub fn longest(&self) -> Option<u64> {
        (!self.latency.is_empty()).then(|| self.latency.max())
    }

    pub fn samples(&self) -> u64 {
        self.latency.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_within_a_thousandth() {
        let mut tally = Tally::new();
        for microseconds in 1..=100_000 {
            tally.record(microseconds);
        }
        for (percent, exact) in [(50.0, 50_000u64), (95.0, 95_000), (99.0, 99_000), (99.9, 99_900)] {
            let found = tally.percentile(percent).unwrap();
            assert!(found.abs_diff(exact) <= exact / 1000 + 1, "{percent}: {found}");
        }
        assert_eq!(tally.samples(), 100_000);
        assert!(tally.longest().unwrap().abs_diff(100_000) <= 100);
    }

    #[test]
    fn a_single_slow_message_shows_in_the_maximum_alone() {
        let mut tally = Tally::new();
        (0..999).for_each(|_| tally.record(300));
        tally.record(40_000);
        assert_eq!(tally.percentile(99.0), Some(300));
        assert!(tally.longest().unwrap() >= 40_000);
    }

    #[test]
    fn no_sample_has_no_percentile_and_long_ones_are_capped() {
        let mut tally = Tally::new();
        assert_eq!((tally.percentile(50.0), tally.longest()), (None, None));
        tally.record(0);
        assert_eq!(tally.percentile(50.0), Some(1));
        tally.record(u64::MAX);
        assert!(tally.longest().unwrap() >= LONGEST);
    }
}
