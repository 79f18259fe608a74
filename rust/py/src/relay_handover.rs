//! The state of the relay that one process hands to the next, for Python.

use fortepiano_core::hub::Hub;
use fortepiano_core::relay::handover::{EchoesState, HomeState, RelayState, ReplicaState};
use fortepiano_core::slots::SlotId;
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

/// Return the place of a room in its stream.
pub(crate) fn pack_home(hub: &Hub, room: i64) -> Option<(u64, u32, u64)> {
    hub.home_state(slot(room)).map(|it| (it.epoch, it.seq, it.position))
}

/// Go on with the stream of a room.
pub(crate) fn unpack_home(hub: &mut Hub, room: i64, packed: (u64, u32, u64)) {
    let (epoch, seq, position) = packed;
    hub.restore_home(slot(room), HomeState { epoch, seq, position });
}

/// Put a connection at an edge into a room again.
pub(crate) fn enter_again(hub: &mut Hub, client: i64, room: i64, participant: i64) {
    hub.restore_remote(slot(client), slot(room), slot(participant));
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

/// Return the home's number of a participant.
pub(crate) fn stay_participant(hub: &Hub, stay: u32) -> Option<u32> {
    hub.stay_participant(stay)
}

/// Keep numbers of participants free.
pub(crate) fn reserve_participants(hub: &mut Hub, numbers: Vec<u32>) {
    hub.reserve_participants(numbers);
}

/// Add a participant under its number.
pub(crate) fn add_participant_again(
    hub: &mut Hub,
    number: u32,
    room: i64,
    id: &[u8],
    head: &[u8],
    x: &[u8],
    y: &[u8],
) -> Option<u32> {
    hub.restore_participant(number, slot(room), id, head, x, y).map(SlotId::number)
}
