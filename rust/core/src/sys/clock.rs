//! Time that never jumps: monotonic, anchored to the wall clock once.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A clock for timers (microseconds since the start) and for time stamps (milliseconds since 1970).
///
/// Clients trust the stamps for the schedule of every note, so a step of the wall clock while the
/// server runs must not show in them.
#[derive(Clone, Debug)]
pub struct Clock {
    start: Instant,
    /// Wall clock at the start, µs since 1970.
    anchor: u64,
    /// What it stood at then, µs: more than nothing where it goes on for another process.
    ahead: u64,
    /// Microseconds since the start, where a test turns the hands.
    manual: Option<u64>,
}

impl Clock {
    /// A clock that runs.
    #[must_use]
    pub fn running() -> Self {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Self { start: Instant::now(), anchor: wall.as_micros() as u64, ahead: 0, manual: None }
    }

    /// A clock that stands at `milliseconds` since 1970 until it is turned.
    #[must_use]
    pub fn manual(milliseconds: u64) -> Self {
        Self { start: Instant::now(), anchor: milliseconds * 1000, ahead: 0, manual: Some(0) }
    }

    /// Turns a standing clock on; a running one takes no notice.
    pub fn advance(&mut self, microseconds: u64) {
        if let Some(hands) = &mut self.manual {
            *hands += microseconds;
        }
    }

    /// Microseconds since the start.
    #[must_use]
    pub fn now(&self) -> u64 {
        self.manual.unwrap_or_else(|| self.ahead + self.start.elapsed().as_micros() as u64)
    }

    /// The wall clock when it stood at nothing, µs since 1970.
    #[must_use]
    pub fn anchor(&self) -> u64 {
        self.anchor
    }

    /// Goes on where the clock of another process stands: no time is lost or comes again.
    pub fn continue_from(&mut self, anchor: u64, now: u64) {
        self.start = Instant::now();
        self.anchor = anchor;
        self.ahead = now;
        self.manual = self.manual.map(|_| now);
    }

    /// Milliseconds since 1970 at `now`.
    #[must_use]
    pub fn unix_ms(&self, now: u64) -> u64 {
        (self.anchor + now) / 1000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_standing_clock_moves_by_hand_only() {
        let mut clock = Clock::manual(1_000);
        assert_eq!((clock.now(), clock.unix_ms(clock.now())), (0, 1_000));
        clock.advance(2_500);
        assert_eq!((clock.now(), clock.unix_ms(clock.now())), (2_500, 1_002));
    }

    #[test]
    fn a_clock_goes_on_where_another_stands() {
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
