//! The state of the relay that one process hands to the next, for Python.

use fortepiano_core::relay::handover::{EchoesState, HomeState, RelayState, ReplicaState};
use fortepiano_core::slots::SlotId;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::handover::needed;
use crate::hub::{slot, Hub};

#[pyfunction]
fn pack_relay<'py>(py: Python<'py>, hub: &mut Hub) -> PyResult<Option<Bound<'py, PyDict>>> {
    let Some(state) = hub.get_mut().relay_state() else { return Ok(None) };
    let dict = PyDict::new(py);
    dict.set_item("seq", state.seq)?;
    dict.set_item("posted", state.posted)?;
    dict.set_item("heard", state.heard)?;
    Ok(Some(dict))
}

#[pyfunction]
fn unpack_relay(hub: &mut Hub, packed: &Bound<'_, PyDict>) -> PyResult<()> {
    let (seq, posted, heard) = (needed(packed, "seq")?, needed(packed, "posted")?, needed(packed, "heard")?);
    hub.get_mut().restore_relay(&RelayState { seq, posted, heard });
    Ok(())
}

#[pyfunction]
fn pack_home(hub: &Hub, room: i64) -> Option<(u64, u32, u64)> {
    hub.get().home_state(slot(room)).map(|it| (it.epoch, it.seq, it.position))
}

#[pyfunction]
fn unpack_home(hub: &mut Hub, room: i64, packed: (u64, u32, u64)) {
    let (epoch, seq, position) = packed;
    hub.get_mut().restore_home(slot(room), HomeState { epoch, seq, position });
}

#[pyfunction]
fn enter_again(hub: &mut Hub, client: i64, room: i64, participant: i64) {
    hub.get_mut().restore_remote(slot(client), slot(room), slot(participant));
}

#[pyfunction]
fn pack_replica<'py>(py: Python<'py>, hub: &Hub, room: i64) -> PyResult<Option<Bound<'py, PyDict>>> {
    let Some(state) = hub.get().replica_state(slot(room)) else { return Ok(None) };
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

#[pyfunction]
fn unpack_replica(hub: &mut Hub, room: i64, packed: &Bound<'_, PyDict>) -> PyResult<()> {
    let (is_cut, sent) = (needed(packed, "is_cut")?, needed(packed, "unechoed")?);
    let state = ReplicaState {
        is_whole: needed(packed, "is_whole")?,
        snapshot: needed(packed, "snapshot")?,
        echoes: EchoesState { is_cut, sent },
    };
    hub.get_mut().restore_replica(slot(room), &state);
    Ok(())
}

#[pyfunction]
fn stay_participant(hub: &Hub, stay: u32) -> Option<u32> {
    hub.get().stay_participant(stay)
}

#[pyfunction]
fn reserve_participants(hub: &mut Hub, numbers: Vec<u32>) {
    hub.get_mut().reserve_participants(numbers);
}

#[pyfunction]
fn add_participant_again(
    hub: &mut Hub,
    number: u32,
    room: i64,
    id: &[u8],
    head: &[u8],
    x: &[u8],
    y: &[u8],
) -> Option<u32> {
    hub.get_mut().restore_participant(number, slot(room), id, head, x, y).map(SlotId::number)
}

/// Add the names of this file to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(pack_relay, module)?)?;
    module.add_function(wrap_pyfunction!(unpack_relay, module)?)?;
    module.add_function(wrap_pyfunction!(pack_home, module)?)?;
    module.add_function(wrap_pyfunction!(unpack_home, module)?)?;
    module.add_function(wrap_pyfunction!(enter_again, module)?)?;
    module.add_function(wrap_pyfunction!(pack_replica, module)?)?;
    module.add_function(wrap_pyfunction!(unpack_replica, module)?)?;
    module.add_function(wrap_pyfunction!(stay_participant, module)?)?;
    module.add_function(wrap_pyfunction!(reserve_participants, module)?)?;
    module.add_function(wrap_pyfunction!(add_participant_again, module)?)
}
