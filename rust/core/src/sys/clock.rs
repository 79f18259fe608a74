//! A clock that never jumps: monotonic, anchored to the wall clock once.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The latest reading that a clock takes over, µs: after 36 000 years.
const LATEST: u64 = 1 << 60;

/// A clock for timers (microseconds since the start) and for timestamps (milliseconds since 1970).
///
/// Clients schedule every note by the timestamps. Therefore a step of the wall clock must not affect
/// them while the server runs.
#[derive(Clone, Debug)]
pub struct Clock {
    start: Instant,
    /// The wall clock at the start, µs since 1970.
    anchor: u64,
    /// The reading at the start, µs: above 0 if the clock continues that of another process.
    ahead: u64,
    /// The microseconds since the start, if a test sets the clock.
    manual: Option<u64>,
}

impl Clock {
    /// Create a running clock.
    #[must_use]
    pub fn running() -> Self {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Self { start: Instant::now(), anchor: wall.as_micros() as u64, ahead: 0, manual: None }
    }

    /// Create a clock that stands at `milliseconds` since 1970 until it is advanced.
    #[must_use]
    pub fn manual(milliseconds: u64) -> Self {
        Self { start: Instant::now(), anchor: milliseconds * 1000, ahead: 0, manual: Some(0) }
    }

    /// Advance a manual clock; no effect on a running one.
    pub fn advance(&mut self, microseconds: u64) {
        if let Some(hands) = &mut self.manual {
            *hands += microseconds;
        }
    }

    /// Return the microseconds since the start.
    #[must_use]
    pub fn now(&self) -> u64 {
        self.manual.unwrap_or_else(|| self.ahead + self.start.elapsed().as_micros() as u64)
    }

    /// Return the wall clock at the reading 0, µs since 1970.
    #[must_use]
    pub fn anchor(&self) -> u64 {
        self.anchor
    }

    /// Continue the clock of another process: no time is lost or repeated.
    ///
    /// Times that no clock shows are cut to the latest one: times are added up without a check.
    pub fn continue_from(&mut self, anchor: u64, now: u64) {
        let (anchor, now) = (anchor.min(LATEST), now.min(LATEST));
        self.start = Instant::now();
        self.anchor = anchor;
        self.ahead = now;
        self.manual = self.manual.map(|_| now);
    }

    /// Return the milliseconds since 1970 at the reading `now`.
    #[must_use]
    pub fn unix_ms(&self, now: u64) -> u64 {
        self.unix_us(now) / 1000
    }

    /// Return the microseconds since 1970 at the reading `now`.
    #[must_use]
    pub fn unix_us(&self, now: u64) -> u64 {
        self.anchor + now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_moves_only_when_advanced() {
        let mut clock = Clock::manual(1_000);
        assert_eq!((clock.now(), clock.unix_ms(clock.now())), (0, 1_000));
        clock.advance(2_500);
        assert_eq!((clock.now(), clock.unix_ms(clock.now())), (2_500, 1_002));
    }

    #[test]
    fn a_clock_continues_where_another_stands() {
        let mut clock = Clock::running();
        clock.continue_from(5_000_000, 3_000_000_000);
        assert!((3_000_000_000..3_001_000_000).contains(&clock.now()));
        assert_eq!(clock.unix_ms(3_000_000_000), 3_005_000);
        let mut manual = Clock::manual(1);
        manual.continue_from(clock.anchor(), 7);
        assert_eq!((manual.now(), manual.unix_ms(995_000)), (7, 5_995));
    }

    #[test]
    fn a_running_clock_is_near_the_wall_clock_and_never_goes_back() {
        let clock = Clock::running();
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64;
        let first = clock.now();
        assert!(clock.unix_ms(first).abs_diff(wall) < 1_000);
        assert!(clock.now() >= first);
    }
}
