//! The state of the relay that one process hands to the next, for Python.

use fortepiano_core::hub::Hub;
use fortepiano_core::relay::handover::{EchoesState, RelayState, ReplicaState};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::handover::needed;
use crate::hub::slot;

/// Return the numbers of messages; see `_core.pyi`, as for all functions of this file.
pub(crate) fn pack_relay<'py>(py: Python<'py>, hub: &mut Hub) -> PyResult<Option<Bound<'py, PyDict>>> {
    let Some(state) = hub.relay_state() else { return Ok(None) };
    let dict = PyDict::new(py);
    dict.set_item("seq", state.seq)?;
    dict.set_item("posted", state.posted)?;
    dict.set_item("heard", state.heard)?;
    Ok(Some(dict))
}

/// Go on with the numbers of messages.
pub(crate) fn unpack_relay(hub: &mut Hub, packed: &Bound<'_, PyDict>) -> PyResult<()> {
    let (seq, posted, heard) = (needed(packed, "seq")?, needed(packed, "posted")?, needed(packed, "heard")?);
    hub.restore_relay(&RelayState { seq, posted, heard });
    Ok(())
}

/// Return a replica.
pub(crate) fn pack_replica<'py>(
    py: Python<'py>,
    hub: &Hub,
    room: i64,
) -> PyResult<Option<Bound<'py, PyDict>>> {
    let Some(state) = hub.replica_state(slot(room)) else { return Ok(None) };
    let dict = PyDict::new(py);
    dict.set_item("is_whole", state.is_whole)?;
    dict.set_item("snapshot", PyBytes::new(py, &state.snapshot))?;
    dict.set_item("is_cut", state.echoes.is_cut)?;
    let sent = state
        .echoes
        .sent
        .iter()
        .map(|(stay, at, payload, is_played)| (*stay, *at, PyBytes::new(py, payload), *is_played));
    dict.set_item("unechoed", sent.collect::<Vec<_>>())?;
    Ok(Some(dict))
}

/// Restore a replica.
pub(crate) fn unpack_replica(hub: &mut Hub, room: i64, packed: &Bound<'_, PyDict>) -> PyResult<()> {
    let (is_cut, sent) = (needed(packed, "is_cut")?, needed(packed, "unechoed")?);
    let state = ReplicaState {
        is_whole: needed(packed, "is_whole")?,
        snapshot: needed(packed, "snapshot")?,
        echoes: EchoesState { is_cut, sent },
    };
    hub.restore_replica(slot(room), &state);
    Ok(())
}
