//! The limits per address for Python: used by admission for connections and by handlers for actions.

use std::net::IpAddr;

use fortepiano_core::limits::throttle::{self as core, Admission, LimitKind, ThrottleSettings};
use fortepiano_core::limits::token_bucket::Rate;
use fortepiano_core::net::network::Network;
use fortepiano_core::sys::clock::Clock;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

const MICROSECONDS: f64 = 1_000_000.0;

/// The limits per address; see `_core.pyi`.
#[pyclass(module = "fortepiano._core")]
pub(crate) struct Throttle {
    pub(crate) inner: core::Throttle,
    pub(crate) clock: Clock,
}

/// Parse an address; return `None` for a peer without one, such as a Unix socket.
pub(crate) fn ip_address(text: &str) -> Option<IpAddr> {
    // A link-local address names its interface after a `%` (RFC 4007 section 11).
    text.split('%').next()?.parse().ok()
}

fn networks(texts: &[String]) -> PyResult<Vec<Network>> {
    let read = |text: &String| {
        let wrong = || PyValueError::new_err(format!("{text:?} is neither an address nor a network"));
        Network::parse(text).ok_or_else(wrong)
    };
    texts.iter().map(read).collect()
}

fn rate((burst, per_second): (u32, f64)) -> PyResult<Rate> {
    if burst == 0 || per_second.is_nan() || per_second <= 0.0 {
        return Err(PyValueError::new_err("a rate must be positive, with a burst of at least 1"));
    }
    Ok(Rate { burst, interval: (MICROSECONDS / per_second).max(1.0) as u64 })
}

#[pymethods]
impl Throttle {
    #[classattr]
    const ADMITTED: u8 = 0;
    #[classattr]
    const EXEMPT: u8 = 1;
    #[classattr]
    const CROWDED: u8 = 2;
    #[classattr]
    const HASTY: u8 = 3;

    #[new]
    #[pyo3(signature = (
        *, sockets=16, sockets_48=64, connects=(20, 5.0), rooms=(10, 1.0), failures=(10, 0.1),
        new_users=3, subscribers=100_000, exempt=Vec::new(), standing_at=None
    ))]
    #[allow(clippy::too_many_arguments)] // one keyword per setting
    #[allow(clippy::needless_pass_by_value)] // converted from a Python list
    fn new(
        sockets: u32,
        sockets_48: u32,
        connects: (u32, f64),
        rooms: (u32, f64),
        failures: (u32, f64),
        new_users: u32,
        subscribers: usize,
        exempt: Vec<String>,
        standing_at: Option<u64>,
    ) -> PyResult<Self> {
        let rates = [rate(connects)?, rate(rooms)?, rate(failures)?];
        let settings = ThrottleSettings { sockets, sockets_48, rates, new_users, subscribers };
        let clock = standing_at.map_or_else(Clock::running, Clock::manual);
        Ok(Self { inner: core::Throttle::new(settings, networks(&exempt)?), clock })
    }

    fn advance_clock(&mut self, seconds: f64) {
        self.clock.advance((seconds * MICROSECONDS) as u64);
    }

    fn apply_settings(&mut self, other: &Self) {
        self.inner.apply_settings(&other.inner);
    }

    fn connect(&mut self, address: &str) -> u8 {
        let Some(address) = ip_address(address) else { return Self::EXEMPT };
        admission_code(self.inner.connect(address, self.clock.now()))
    }

    fn peek(&self, address: &str) -> u8 {
        let Some(address) = ip_address(address) else { return Self::EXEMPT };
        admission_code(self.inner.peek(address, self.clock.now()))
    }

    fn release(&mut self, address: &str) {
        if let Some(address) = ip_address(address) {
            self.inner.release(address);
        }
    }

    fn open_room(&mut self, address: &str) -> bool {
        self.spend(LimitKind::Room, address)
    }

    fn count_failure(&mut self, address: &str) -> bool {
        self.spend(LimitKind::Failure, address)
    }

    fn may_fail(&self, address: &str) -> bool {
        let now = self.clock.now();
        ip_address(address).is_none_or(|address| self.inner.may(LimitKind::Failure, address, now))
    }

    fn admit_new_user(&mut self, address: &str) -> bool {
        let now = self.clock.now();
        ip_address(address).is_none_or(|address| self.inner.admit_new_user(address, now))
    }

    fn prune(&mut self) -> usize {
        self.inner.prune(self.clock.now())
    }

    fn size(&self) -> usize {
        self.inner.size()
    }

    fn __len__(&self) -> usize {
        self.inner.len()
    }
}

fn admission_code(admission: Admission) -> u8 {
    match admission {
        Admission::Admitted => Throttle::ADMITTED,
        Admission::Exempt => Throttle::EXEMPT,
        Admission::TooManySockets => Throttle::CROWDED,
        Admission::TooFast => Throttle::HASTY,
    }
}

impl Throttle {
    fn spend(&mut self, kind: LimitKind, address: &str) -> bool {
        let now = self.clock.now();
        ip_address(address).is_none_or(|address| self.inner.spend(kind, address, now))
    }
}

/// A set of networks; see `_core.pyi`.
#[pyclass(module = "fortepiano._core", frozen)]
struct Networks(Vec<Network>);

#[pymethods]
impl Networks {
    #[new]
    #[allow(clippy::needless_pass_by_value)] // converted from a Python list
    fn new(networks: Vec<String>) -> PyResult<Self> {
        Ok(Self(self::networks(&networks)?))
    }

    fn holds(&self, address: &str) -> bool {
        ip_address(address).is_some_and(|address| self.0.iter().any(|network| network.holds(address)))
    }

    fn __len__(&self) -> usize {
        self.0.len()
    }
}

/// Add the names of this file to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Throttle>()?;
    module.add_class::<Networks>()
}
