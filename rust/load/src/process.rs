//! The resources that a process has used, from Linux's /proc (proc(5)).

use crate::error::{Error, Result};
use std::fs;
use std::ops::{Add, Sub};
use std::time::Duration;

/// A process to measure.
#[derive(Clone, Copy, Debug)]
pub struct Process(u32);

/// The resources used so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    /// Processor time of all threads, including the kernel's work for them; in steps of 10 ms.
    pub cpu: Duration,
    /// Resident memory in bytes.
    pub resident: u64,
}

impl Add for Usage {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { cpu: self.cpu + other.cpu, resident: self.resident + other.resident }
    }
}

impl Sub for Usage {
    type Output = Used;

    fn sub(self, earlier: Self) -> Used {
        Used {
            cpu: self.cpu.saturating_sub(earlier.cpu),
            resident: self.resident as i64 - earlier.resident as i64,
        }
    }
}

/// The resources used between two measurements.
#[derive(Clone, Copy, Debug)]
pub struct Used {
    pub cpu: Duration,
    /// Growth of the resident memory in bytes.
    pub resident: i64,
}

impl Process {
    /// Return the process with the given number.
    pub fn of(pid: u32) -> Result<Self> {
        let process = Self(pid);
        process.usage().map(|_| process)
    }

    /// Return this process.
    pub fn own() -> Self {
        Self(std::process::id())
    }

    pub fn usage(self) -> Result<Usage> {
        self.read().ok_or(Error::Process { pid: self.0 })
    }

    fn read(self) -> Option<Usage> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.0)).ok()?;
        let statm = fs::read_to_string(format!("/proc/{}/statm", self.0)).ok()?;
        let pages: u64 = statm.split(' ').nth(1)?.parse().ok()?;
        let ticks_per_second = rustix::param::clock_ticks_per_second();
        Some(Usage {
            cpu: Duration::from_secs_f64(ticks(&stat)? as f64 / ticks_per_second as f64),
            resident: pages * rustix::param::page_size() as u64,
        })
    }
}

/// Return user and system time from /proc/PID/stat. The name in parentheses may contain anything.
fn ticks(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut fields = fields.split(' ').skip(11);
    Some(fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_found_behind_any_name() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194304 100 0 0 0 21 4 0 0 20 0 1 0 5 6 7";
        assert_eq!(ticks(stat), Some(25));
        assert_eq!(ticks("7 (a"), None);
    }

    #[test]
    fn this_process_has_used_something() {
        let usage = Process::own().usage().unwrap();
        assert!(usage.resident > 100_000);
        assert!((usage - usage).cpu.is_zero());
        assert_eq!((usage + usage).resident, 2 * usage.resident);
    }

    #[test]
    fn a_missing_process_is_an_error() {
        // Linux assigns no number beyond 2^22.
        let error = Process::of(u32::MAX).unwrap_err();
        assert_eq!(error.to_string(), "there is no process 4294967295");
    }
}
