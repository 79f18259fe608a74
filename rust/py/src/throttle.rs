//! The limits per address for Python: used by admission for connections and by handlers for actions.

use fortepiano_core::limits::throttle::{self as core, Admission, LimitKind};
use fortepiano_core::net::address::parse;
use fortepiano_core::net::network::Network;
use fortepiano_core::settings::{Seconds, Setting, Value};
use fortepiano_core::sys::clock::Clock;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::settings::ThrottleSettings;

/// The limits per address; see `_core.pyi`.
#[pyclass(module = "fortepiano._core")]
pub(crate) struct Throttle {
    pub(crate) inner: core::Throttle,
    pub(crate) clock: Clock,
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
    #[pyo3(signature = (settings, *, standing_at=None))]
    fn new(settings: &ThrottleSettings, standing_at: Option<u64>) -> Self {
        let clock = standing_at.map_or_else(Clock::running, Clock::manual);
        Self { inner: core::Throttle::new(settings.0.clone()), clock }
    }

    fn advance_clock(&mut self, seconds: f64) {
        self.clock.advance(Seconds(seconds).us());
    }

    fn apply_settings(&mut self, settings: &ThrottleSettings) {
        self.inner.apply_settings(settings.0.clone());
    }

    fn limit_connections(&mut self, most: u32) {
        self.inner.limit_connections(most);
    }

    #[pyo3(signature = (address, always=false))]
    fn accept(&mut self, address: &str, always: bool) -> u8 {
        let Some(address) = parse(address) else { return Self::EXEMPT };
        admission_code(self.inner.accept(address, self.clock.now(), always))
    }

    fn hang_up(&mut self, address: &str) {
        if let Some(address) = parse(address) {
            self.inner.hang_up(address);
        }
    }

    #[pyo3(signature = (address, always=false))]
    fn connect(&mut self, address: &str, always: bool) -> u8 {
        let Some(address) = parse(address) else { return Self::EXEMPT };
        admission_code(self.inner.connect(address, self.clock.now(), always))
    }

    fn peek(&self, address: &str) -> u8 {
        let Some(address) = parse(address) else { return Self::EXEMPT };
        admission_code(self.inner.peek(address, self.clock.now()))
    }

    fn release(&mut self, address: &str) {
        if let Some(address) = parse(address) {
            self.inner.release(address);
        }
    }

    #[pyo3(signature = (address, always=false))]
    fn open_room(&mut self, address: &str, always: bool) -> bool {
        self.spend(LimitKind::Room, address, always)
    }

    fn count_failure(&mut self, address: &str) -> bool {
        self.spend(LimitKind::Failure, address, false)
    }

    fn may_fail(&self, address: &str) -> bool {
        let now = self.clock.now();
        parse(address).is_none_or(|address| self.inner.may(LimitKind::Failure, address, now))
    }

    #[pyo3(signature = (address, always=false))]
    fn admit_new_user(&mut self, address: &str, always: bool) -> bool {
        let now = self.clock.now();
        parse(address).is_none_or(|address| self.inner.admit_new_user(address, now, always))
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
        Admission::TooMany => Throttle::CROWDED,
        Admission::TooFast => Throttle::HASTY,
    }
}

impl Throttle {
    fn spend(&mut self, kind: LimitKind, address: &str, always: bool) -> bool {
        let now = self.clock.now();
        parse(address).is_none_or(|address| self.inner.spend(kind, address, now, always))
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
        let read = Vec::<Network>::of(&Value::Texts(networks));
        read.map(Self).map_err(|problem| PyValueError::new_err(format!("a list of networks {problem}")))
    }

    fn holds(&self, address: &str) -> bool {
        parse(address).is_some_and(|address| self.0.iter().any(|network| network.holds(address)))
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
