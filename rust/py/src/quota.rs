//! The note quotas for Python: for tests against a reference model, and for simulations.

use fortepiano_core::limits::quota::{self, QuotaId};
use fortepiano_core::slots::SlotId;
use pyo3::exceptions::{PyIndexError, PyValueError};
use pyo3::prelude::*;

/// The note quotas of all users; see `_core.pyi`.
#[pyclass(module = "fortepiano._core")]
struct Quotas(quota::Quotas);

impl Quotas {
    fn find(&self, slot: u32) -> PyResult<QuotaId> {
        let quota = QuotaId::from_number(slot);
        if self.0.contains(quota) {
            Ok(quota)
        } else {
            Err(PyIndexError::new_err(format!("no quota has the slot {slot}")))
        }
    }
}

#[pymethods]
impl Quotas {
    #[new]
    fn new(history: usize) -> PyResult<Self> {
        if history == 0 {
            return Err(PyValueError::new_err("a quota must remember at least one tick"));
        }
        Ok(Self(quota::Quotas::new(history)))
    }

    fn add(&mut self, allowance: i32, max: i32) -> u32 {
        self.0.add(allowance, max).number()
    }

    fn remove(&mut self, slot: u32) -> PyResult<()> {
        let quota = self.find(slot)?;
        self.0.remove(quota);
        Ok(())
    }

    fn set_params(&mut self, slot: u32, allowance: i32, max: i32) -> PyResult<bool> {
        let quota = self.find(slot)?;
        Ok(self.0.set_params(quota, allowance, max))
    }

    fn spend(&mut self, slot: u32, k: u32) -> PyResult<bool> {
        let quota = self.find(slot)?;
        Ok(self.0.spend(quota, k))
    }

    fn tick(&mut self) {
        self.0.tick();
    }

    fn points(&self, slot: u32) -> PyResult<i32> {
        let quota = self.find(slot)?;
        Ok(self.0.points(quota))
    }

    fn __len__(&self) -> usize {
        self.0.len()
    }
}

/// Add the names of this file to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Quotas>()
}
