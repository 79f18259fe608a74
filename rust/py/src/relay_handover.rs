//! The state of the relay that one process hands to the next, for Python.

use fortepiano_core::relay::handover::{HomeState, RelayState, ReplicaState};
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
fn pack_replica<'py>(py: Python<'py>, hub: &Hub, room: i64) -> Option<(bool, Bound<'py, PyBytes>)> {
    hub.get().replica_state(slot(room)).map(|it| (it.is_whole, PyBytes::new(py, &it.snapshot)))
}

#[pyfunction]
fn unpack_replica(hub: &mut Hub, room: i64, packed: (bool, Vec<u8>)) {
    let (is_whole, snapshot) = packed;
    hub.get_mut().restore_replica(slot(room), &ReplicaState { is_whole, snapshot });
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
