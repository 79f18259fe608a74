//! The bans' face for Python: the gate asks it who may connect, handlers who may join.

use fortepiano_core::address;
use fortepiano_core::bans::{self, Network};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// Who is banned from where, and until when; see `_core.pyi`.
#[pyclass(module = "fortepiano._core")]
#[derive(Default)]
struct Bans(bans::Bans);

#[pymethods]
impl Bans {
    #[classattr]
    const PERMANENT: u64 = bans::PERMANENT;

    #[new]
    fn new() -> Self {
        Self::default()
    }

    fn add(&mut self, scope: &str, user: &str, until_ms: Option<u64>) {
        self.0.add(scope, user, until_ms.unwrap_or(bans::PERMANENT));
    }

    fn remove(&mut self, scope: &str, user: &str) -> bool {
        self.0.remove(scope, user)
    }

    fn add_network(&mut self, network: &str, until_ms: Option<u64>) -> PyResult<()> {
        self.0.add_network(parsed(network)?, until_ms.unwrap_or(bans::PERMANENT));
        Ok(())
    }

    fn remove_network(&mut self, network: &str) -> PyResult<bool> {
        Ok(self.0.remove_network(parsed(network)?))
    }

    fn until(&self, scope: &str, user: &str, now_ms: u64) -> Option<u64> {
        self.0.until(scope, user, now_ms)
    }

    fn until_address(&self, address: &str, now_ms: u64) -> Option<u64> {
        self.0.until_address(address::parse(address)?, now_ms)
    }

    fn prune(&mut self, now_ms: u64) -> usize {
        self.0.prune(now_ms)
    }

    fn of(&self, scope: &str) -> Vec<(&str, u64)> {
        self.0.of(scope).collect()
    }

    fn __len__(&self) -> usize {
        self.0.len()
    }
}

fn parsed(network: &str) -> PyResult<Network> {
    Network::parse(network)
        .ok_or_else(|| PyValueError::new_err(format!("{network:?} is neither an address nor a network")))
}

/// Adds this file's names to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Bans>()
}
