//! The module `fortepiano._core`: each file registers its own names.

use pyo3::prelude::*;

mod bans;
mod bus;
mod close_codes;
mod ffi;
mod frame;
mod handover;
mod hub;
mod quota;
mod rates;
mod relay;
mod relay_handover;
mod scan;
mod settings;
mod stats;
mod throttle;

/// Return the version of this binary, which must equal the package's.
#[pyfunction]
fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

/// Return how this binary was built: "release" or "debug".
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
    close_codes::register(module)?;
    frame::register(module)?;
    scan::register(module)?;
    quota::register(module)?;
    bans::register(module)?;
    settings::register(module)?;
    throttle::register(module)?;
    rates::register(module)?;
    hub::register(module)?;
    handover::register(module)
}
