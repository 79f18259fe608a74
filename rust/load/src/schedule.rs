//! The times of sending: evenly spread, and independent of the answers.

use std::time::{Duration, Instant};

/// Messages of `senders` clients in turn.
#[derive(Debug)]
pub struct Schedule {
    start: Instant,
    senders: u64,
    /// Messages of all senders per second.
    rate: f64,
    count: u64,
    next: u64,
}

impl Schedule {
    /// Let each sender send `rate` messages per second for the given time, at least one.
    pub fn new(start: Instant, senders: usize, rate: f64, lasts: Duration) -> Self {
        let rate = rate * senders as f64;
        let count = (rate * lasts.as_secs_f64()).round().max(1.0) as u64;
        Self { start, senders: senders as u64, rate, count, next: 0 }
    }

    fn due(&self, number: u64) -> Instant {
        self.start + Duration::from_secs_f64(number as f64 / self.rate)
    }

    /// Return the time of the next message; `None` after the last one.
    pub fn upcoming(&self) -> Option<Instant> {
        (self.next < self.count).then(|| self.due(self.next))
    }

    /// Take a message that is due by now; return its sender, and the time at which it was due.
    pub fn take(&mut self, now: Instant) -> Option<(usize, Instant)> {
        let due = self.upcoming().filter(|due| *due <= now)?;
        let sender = self.next % self.senders;
        self.next += 1;
        Some((sender as usize, due))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_take_turns_at_even_distances() {
        let start = Instant::now();
        let mut schedule = Schedule::new(start, 4, 50.0, Duration::from_millis(100));
        assert_eq!(schedule.upcoming(), Some(start));
        let far = start + Duration::from_secs(9);
        let taken: Vec<_> = std::iter::from_fn(|| schedule.take(far)).collect();
        assert_eq!(taken.len(), 20);
        for (number, (sender, due)) in taken.iter().enumerate() {
            assert_eq!(*sender, number % 4);
            let apart = (*due - start).as_secs_f64() - number as f64 * 0.005;
            assert!(apart.abs() < 1e-6);
        }
        assert_eq!(schedule.upcoming(), None);
    }

    #[test]
    fn nothing_is_sent_before_its_time() {
        let start = Instant::now();
        let mut schedule = Schedule::new(start, 1, 10.0, Duration::from_secs(1));
        assert!(schedule.take(start).is_some());
        assert!(schedule.take(start + Duration::from_millis(99)).is_none());
        assert!(schedule.take(start + Duration::from_millis(101)).is_some());
    }

    #[test]
    fn the_rarest_schedule_has_one_message() {
        let start = Instant::now();
        let mut schedule = Schedule::new(start, 2, 0.001, Duration::from_secs(1));
        assert_eq!(schedule.take(start), Some((0, start)));
        assert_eq!(schedule.upcoming(), None);
    }
}
