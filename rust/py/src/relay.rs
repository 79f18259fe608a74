//! What the hub has in a cluster, for Python.

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
    let stats = hub.relay_stats();
    let [remotes, replicas, stays] = hub.relay_sizes();
    let dict = PyDict::new(py);
    for (name, value) in [
        ("publications", stats.publications),
        ("publication_bytes", stats.publication_bytes),
        ("received", stats.received),
        ("received_bytes", stats.received_bytes),
        ("items_out", stats.items_out),
        ("items_in", stats.items_in),
        ("up_out", stats.up_out),
        ("up_in", stats.up_in),
        ("up_dropped", stats.up_dropped),
        ("snapshots", stats.snapshots),
        ("gaps", stats.gaps),
        ("repeated", stats.repeated),
        ("garbage", stats.garbage),
        ("stale", stats.stale),
        ("homeless", stats.homeless),
        ("hops", stats.hops),
        ("hop_microseconds", stats.hop_microseconds),
        ("remotes", remotes as u64),
        ("replicas", replicas as u64),
        ("stays", stays as u64),
    ] {
        dict.set_item(name, value)?;
    }
    Ok(dict)
}
