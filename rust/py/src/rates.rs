//! The rates of messages, and the subscribers that share them, for Python.

use std::collections::HashMap;
use std::net::IpAddr;

use fortepiano_core::limits::message_rates as core;
use fortepiano_core::limits::token_bucket::Rate;
use fortepiano_core::net::address;
use fortepiano_core::settings::{Setting, Value};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

const MS: u64 = 1_000;

/// Return the subscriber of an address; see `_core.pyi`.
#[pyfunction]
fn subscriber(address: &str) -> std::borrow::Cow<'_, str> {
    address::subscriber(address)
}

/// The token buckets of one user or connection; see `_core.pyi`.
#[pyclass(module = "fortepiano._core")]
#[derive(Default)]
struct Buckets(core::Buckets);

#[pymethods]
impl Buckets {
    #[new]
    #[pyo3(signature = (full_at_ms=HashMap::new()))]
    fn new(full_at_ms: HashMap<String, f64>) -> Self {
        let mut made = core::Buckets::default();
        for (kind, ms) in full_at_ms {
            made.bucket(&kind).full_at = microseconds(ms);
        }
        Self(made)
    }

    fn full_at_ms(&self) -> HashMap<&str, f64> {
        self.0.used().map(|(kind, bucket)| (kind, bucket.full_at as f64 / MS as f64)).collect()
    }

    fn charge(&mut self, kind: &str, cost_ms: f64, burst: u32, per_second: f64, now_ms: u64) -> PyResult<()> {
        let size = rate(burst, per_second)?.size();
        self.0.bucket(kind).charge(microseconds(cost_ms), size, now_ms * MS);
        Ok(())
    }
}

fn rate(burst: u32, per_second: f64) -> PyResult<Rate> {
    Rate::of(&Value::Rate(burst, per_second))
        .map_err(|problem| PyValueError::new_err(format!("a rate {problem}")))
}

fn microseconds(ms: f64) -> u64 {
    (ms * MS as f64) as u64
}

/// The buckets of subscribers; see `_core.pyi`.
#[pyclass(module = "fortepiano._core")]
#[derive(Default)]
struct MessageRates(core::MessageRates);

#[pymethods]
impl MessageRates {
    #[new]
    fn new() -> Self {
        Self::default()
    }

    #[staticmethod]
    fn new_buckets() -> Buckets {
        Buckets::default()
    }

    #[allow(clippy::too_many_arguments)] // a message, its rate and its time
    fn take(
        &mut self,
        own: &mut Buckets,
        address: Option<&str>,
        kind: &str,
        burst: u32,
        per_second: f64,
        free: bool,
        now_ms: u64,
    ) -> PyResult<bool> {
        let rate = rate(burst, per_second)?;
        Ok(self.0.try_take(&mut own.0, parsed(address), kind, rate, free, now_ms * MS))
    }

    fn take_shared(
        &mut self,
        own: &mut Buckets,
        address: Option<&str>,
        kind: &str,
        burst: u32,
        per_second: f64,
        now_ms: u64,
    ) -> PyResult<bool> {
        let rate = rate(burst, per_second)?;
        Ok(self.0.try_take_shared(&mut own.0, parsed(address), kind, rate, now_ms * MS))
    }

    fn take_share(
        &mut self,
        address: Option<&str>,
        kind: &str,
        amount: f64,
        window_ms: u64,
        now_ms: u64,
    ) -> bool {
        self.0.try_take_share(parsed(address), kind, amount, window_ms * MS, now_ms * MS)
    }

    fn charge(&mut self, address: &str, kind: &str, cost_ms: f64, most_ms: u64, now_ms: u64) -> f64 {
        let Some(address) = address::parse(address) else { return 0.0 };
        let full_at = self.0.charge(address, kind, microseconds(cost_ms), most_ms * MS, now_ms * MS);
        full_at as f64 / MS as f64
    }

    fn full_at_ms(&self, address: &str, kind: &str) -> f64 {
        address::parse(address).map_or(0.0, |address| self.0.full_at(address, kind) as f64 / MS as f64)
    }

    fn __len__(&self) -> usize {
        self.0.len()
    }
}

fn parsed(address: Option<&str>) -> Option<IpAddr> {
    address::parse(address?)
}

/// Add the names of this file to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(subscriber, module)?)?;
    module.add_class::<Buckets>()?;
    module.add_class::<MessageRates>()
}
