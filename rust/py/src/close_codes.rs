//! The table of close codes for Python.

use fortepiano_core::wire::close_code;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

/// Add the names of this file to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let rows =
        close_code::ALL.iter().map(|code| (code.number, code.name, code.meaning, code.retry, code.is_sent));
    module.add("CLOSE_CODES", PyTuple::new(module.py(), rows)?)
}
