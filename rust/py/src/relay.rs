//! The relay of a hub, for Python.

use fortepiano_core::hub::Hub;
use fortepiano_core::relay::Received;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyTuple};

/// Return what a publication asks of Python; see `_core.pyi`.
pub(crate) fn event(py: Python<'_>, received: Received<'_>) -> PyResult<Option<Py<PyAny>>> {
    let event: Bound<'_, PyTuple> = match received {
        Received::Applied => return Ok(None),
        Received::Message { nid, payload } => {
            ("message", nid, PyBytes::new(py, payload)).into_pyobject(py)?
        }
        Received::Registry(payload) => ("registry", PyBytes::new(py, payload)).into_pyobject(py)?,
        Received::Entered { nid, stay, epoch, participant } => {
            ("entered", nid, stay, epoch, participant).into_pyobject(py)?
        }
        Received::Left { nid, stay } => ("left", nid, stay).into_pyobject(py)?,
        Received::Close { nid, stay, code, reason } => {
            ("close", nid, stay, code, reason).into_pyobject(py)?
        }
        Received::Gap { nid, epoch } => ("gap", nid, epoch).into_pyobject(py)?,
        Received::Garbage(why) => ("garbage", why).into_pyobject(py)?,
    };
    Ok(Some(event.into_any().unbind()))
}

/// Return the counters of the relay, and the numbers of what it has, by name.
pub(crate) fn stats<'py>(py: Python<'py>, hub: &Hub) -> PyResult<Bound<'py, PyDict>> {
    let counts = hub.relay_stats();
    let [remotes, replicas, stays] = hub.relay_sizes();
    let dict = PyDict::new(py);
    for (name, value) in [
        ("publications", counts.publications),
        ("publication_bytes", counts.publication_bytes),
        ("received", counts.received),
        ("received_bytes", counts.received_bytes),
        ("items_out", counts.items_out),
        ("items_in", counts.items_in),
        ("up_out", counts.up_out),
        ("up_in", counts.up_in),
        ("up_dropped", counts.up_dropped),
        ("snapshots", counts.snapshots),
        ("gaps", counts.gaps),
        ("repeated", counts.repeated),
        ("garbage", counts.garbage),
        ("stale", counts.stale),
        ("homeless", counts.homeless),
        ("hops", counts.hops),
        ("hop_microseconds", counts.hop_microseconds),
        ("remotes", remotes as u64),
        ("replicas", replicas as u64),
        ("stays", stays as u64),
    ] {
        dict.set_item(name, value)?;
    }
    Ok(dict)
}
