//! A clock that never jumps: monotonic, anchored to the wall clock once, and steered slowly if told.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Steering makes a clock faster or slower by one part in so many: 500 ppm.
const STEERING: u64 = 2_000;

/// The latest reading that a clock takes over, µs: after 36 000 years.
const LATEST: u64 = 1 << 60;

/// A clock for timers (microseconds since the start) and for timestamps (milliseconds since 1970).
///
/// Clients schedule every note by the timestamps. Therefore a step of the wall clock must not affect
/// them while the server runs. Servers that act as one are steered to one clock, so slowly that
/// nobody hears it; only timestamps follow, and timers do not.
#[derive(Clone, Debug)]
pub struct Clock {
    start: Instant,
    /// The wall clock at the start, µs since 1970.
    anchor: u64,
    /// The reading at the start, µs: above 0 if the clock continues that of another process.
    ahead: u64,
    /// The microseconds since the start, if a test sets the clock.
    manual: Option<u64>,
    /// The reading from which on the clock is steered.
    steered_at: u64,
    /// How far the timestamps are to move from then on, µs.
    correction: i64,
}

impl Clock {
    /// Create a running clock.
    #[must_use]
    pub fn running() -> Self {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Self::anchored(wall.as_micros() as u64, None)
    }

    /// Create a clock that stands at `milliseconds` since 1970 until it is advanced.
    #[must_use]
    pub fn manual(milliseconds: u64) -> Self {
        Self::anchored(milliseconds * 1000, Some(0))
    }

    fn anchored(anchor: u64, manual: Option<u64>) -> Self {
        Self { start: Instant::now(), anchor, ahead: 0, manual, steered_at: 0, correction: 0 }
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

    /// Return the wall clock at the reading 0, µs since 1970, as it follows from the time now.
    #[must_use]
    pub fn anchor(&self) -> u64 {
        self.anchor_at(self.now())
    }

    /// Return the anchor with what steering has added to it until the reading `now`.
    fn anchor_at(&self, now: u64) -> u64 {
        let most = (now.saturating_sub(self.steered_at) / STEERING) as i64;
        self.anchor.saturating_add_signed(self.correction.clamp(-most, most))
    }

    /// Move the timestamps by `correction` µs, in place of what is left of the last one.
    ///
    /// The clock gains or loses 500 µs a second, so that no timestamp comes before an earlier one.
    pub fn steer(&mut self, correction: i64) {
        let now = self.now();
        self.anchor = self.anchor_at(now);
        self.steered_at = now;
        self.correction = correction;
    }

    /// Move the timestamps by `correction` µs at once: before anybody has seen one of them.
    pub fn set(&mut self, correction: i64) {
        self.anchor = self.anchor().saturating_add_signed(correction).min(LATEST);
        self.correction = 0;
    }

    /// Continue the clock of another process: no time is lost or repeated.
    ///
    /// Times that no clock shows are cut to the latest one: times are added up without a check.
    pub fn continue_from(&mut self, anchor: u64, now: u64) {
        let (anchor, now) = (anchor.min(LATEST), now.min(LATEST));
        self.start = Instant::now();
        self.anchor = anchor;
        self.ahead = now;
        self.correction = 0;
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
        self.anchor_at(now) + now
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
    fn a_steered_clock_gains_and_loses_500_us_a_second_until_it_is_there() {
        for correction in [3_000, -3_000] {
            let mut clock = Clock::manual(1_000_000);
            clock.advance(1_000_000);
            clock.steer(correction);
            let mut last = clock.unix_us(clock.now());
            for second in 1..10 {
                clock.advance(1_000_000);
                let now = clock.unix_us(clock.now());
                let moved = correction.signum() * if second <= 6 { 500 } else { 0 };
                assert_eq!(now, (last + 1_000_000).saturating_add_signed(moved));
                last = now;
            }
            assert_eq!(last, 1_010_000_000_u64.saturating_add_signed(correction));
        }
    }

    #[test]
    fn a_steered_clock_never_jumps_and_never_goes_back() {
        let mut clock = Clock::manual(1_000_000);
        let mut last = clock.unix_us(clock.now());
        for correction in [i64::MIN, i64::MAX, 90, -40_000, 7, 0, -1, i64::MIN, 1_000_000] {
            clock.steer(correction);
            for step in [0, 1, 999, 2_000, 10_000_000] {
                clock.advance(step);
                let now = clock.unix_us(clock.now());
                assert!(now >= last);
                assert!((now - last).abs_diff(step) <= step / STEERING + 1, "{correction} {step}");
                last = now;
            }
        }
    }

    #[test]
    fn a_clock_is_set_at_once_and_handed_on_as_it_is_steered() {
        let mut clock = Clock::manual(1_000_000);
        clock.advance(5_000);
        clock.set(-2_000_000);
        assert_eq!(clock.unix_ms(clock.now()), 998_005);
        clock.steer(500);
        clock.advance(500_000);
        let mut next = Clock::manual(0);
        next.continue_from(clock.anchor(), clock.now());
        assert_eq!(next.unix_us(next.now()), clock.unix_us(clock.now()));
        clock.advance(500_000);
        next.advance(500_000);
        assert_eq!(clock.unix_us(clock.now()) - next.unix_us(next.now()), 250);
        for correction in [i64::MIN, i64::MAX] {
            clock.set(correction);
            assert!(clock.unix_ms(clock.now()) > 0);
        }
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
