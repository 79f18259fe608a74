//! The module `fortepiano._core`: a table of contents; each part registers itself.

use pyo3::prelude::*;

mod bans;
mod ffi;
mod frame;
mod handover;
mod hub;
mod quota;
mod scan;
mod throttle;

/// The version of this binary, which must be the package's.
#[pyfunction]
fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

/// How this binary was built: "release" or "debug".
#[pyfunction]
fn profile() -> &'static str {
    if cfg!(debug_assertions) {
        "debug"
    } else {
        "release"
    }
}

#[pymodule(gil_used = true)]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(version, module)?)?;
    module.add_function(wrap_pyfunction!(profile, module)?)?;
    frame::register(module)?;
    scan::register(module)?;
    quota::register(module)?;
    bans::register(module)?;
    throttle::register(module)?;
    hub::register(module)?;
    handover::register(module)
}
