//! The counters and gauges of a hub by name, for Python.

use fortepiano_core::hub::stats::Gauges;
use fortepiano_core::hub::{Refusal, Stats};
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// Return the counters of a hub.
pub(crate) fn counters<'py>(py: Python<'py>, stats: &Stats) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    for (name, value) in [
        ("attached", stats.attached),
        ("bytes_in", stats.bytes_in),
        ("frames_in", stats.frames_in),
        ("notes", stats.notes),
        ("moves", stats.moves),
        ("moves_out", stats.moves_out),
        ("conflated", stats.conflated),
        ("times", stats.times),
        ("refused", stats.refused),
        ("refused_quota", stats.refusals[Refusal::Quota as usize]),
        ("refused_solo", stats.refusals[Refusal::Solo as usize]),
        ("refused_muted", stats.refusals[Refusal::Muted as usize]),
        ("refused_t", stats.refusals[Refusal::Time as usize]),
        ("refused_bytes", stats.refusals[Refusal::Bytes as usize]),
        ("refused_messages", stats.refusals[Refusal::Messages as usize]),
        ("refused_notes", stats.refusals[Refusal::Notes as usize]),
        ("said", stats.broadcasts),
        ("told", stats.sent_frames),
        ("deliveries", stats.deliveries),
        ("spared", stats.spared),
        ("sends", stats.sends),
        ("bytes_out", stats.bytes_out),
        ("flushes", stats.flushes),
        ("flush_microseconds", stats.flush_time),
        ("slow", stats.slow),
    ] {
        dict.set_item(name, value)?;
    }
    Ok(dict)
}

/// Return the state of a hub.
pub(crate) fn gauges(py: Python<'_>, gauges: Gauges) -> PyResult<Bound<'_, PyDict>> {
    let dict = PyDict::new(py);
    for (name, value) in [
        ("connections", gauges.connections as u64),
        ("clients", gauges.clients as u64),
        ("blocked", gauges.blocked as u64),
        ("rooms", gauges.rooms as u64),
        ("people", gauges.participants as u64),
        ("queue_bytes", gauges.queue),
        ("longest_queue_bytes", gauges.longest_queue),
    ] {
        dict.set_item(name, value)?;
    }
    Ok(dict)
}
