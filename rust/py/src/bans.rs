//! The bans' face for Python: handlers ask it who may join.

use fortepiano_core::bans;
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

    fn until(&self, scope: &str, user: &str, now_ms: u64) -> Option<u64> {
        self.0.until(scope, user, now_ms)
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

/// Adds this file's names to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Bans>()
}
