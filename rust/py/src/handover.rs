//! The state that one process hands to the next, for Python.
//!
//! The state consists of dictionaries with names, so that versions with more or fewer fields understand
//! each other.

use std::net::IpAddr;

use fortepiano_core::hub::handover::{ClientState, Parts, Phase};
use fortepiano_core::limits::quota::Account;
use fortepiano_core::limits::throttle::{AddressUsage, Open};
use fortepiano_core::limits::token_bucket::Bucket;
use fortepiano_core::slots::SlotId;
use pyo3::exceptions::{PyKeyError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::hub::{slot, Hub};
use crate::throttle::Throttle;

/// Return the value of a field, or `missing` if an older version did not write the field.
fn field<'py, T: FromPyObjectOwned<'py>>(dict: &Bound<'py, PyDict>, name: &str, missing: T) -> PyResult<T> {
    match dict.get_item(name)? {
        Some(value) => value.extract().map_err(Into::into),
        None => Ok(missing),
    }
}

pub(crate) fn needed<'py, T: FromPyObjectOwned<'py>>(dict: &Bound<'py, PyDict>, name: &str) -> PyResult<T> {
    let value = dict.get_item(name)?.ok_or_else(|| PyKeyError::new_err(name.to_owned()))?;
    value.extract().map_err(Into::into)
}

#[pyfunction]
fn pack_clock(hub: &mut Hub) -> (u64, u64, u64) {
    let hub = hub.get_mut();
    let tick = hub.next_quota_tick();
    (hub.clock().anchor(), hub.clock().now(), tick)
}

#[pyfunction]
fn unpack_clock(hub: &mut Hub, anchor: u64, now: u64, next_quota_tick: u64) {
    hub.get_mut().continue_from(anchor, now, next_quota_tick);
}

#[pyfunction]
fn flush_pointers(hub: &mut Hub) {
    hub.get_mut().flush_all_pointers();
}

#[pyfunction]
fn pack_client<'py>(py: Python<'py>, hub: &mut Hub, client: i64) -> PyResult<Option<Bound<'py, PyDict>>> {
    let Some(it) = hub.get_mut().client_state(slot(client)) else { return Ok(None) };
    let dict = PyDict::new(py);
    let (phase, until) = match it.phase {
        Phase::Open => ("open", 0),
        Phase::Closing(until) => ("closing", until),
        Phase::Discarding(until) => ("deaf", until),
        Phase::Closed(until) => ("closed", until),
    };
    dict.set_item("phase", phase)?;
    dict.set_item("until", until)?;
    dict.set_item("greeted", it.has_session)?;
    dict.set_item("plays_anywhere", it.plays_anywhere)?;
    dict.set_item("unlimited", it.unlimited)?;
    dict.set_item("pinged", it.pinged_at)?;
    dict.set_item("since", it.connected_at)?;
    dict.set_item("heard", it.last_received)?;
    dict.set_item("progress", it.last_sent)?;
    dict.set_item("asked", it.last_time_request)?;
    dict.set_item("time_bucket", it.time_bucket.full_at)?;
    dict.set_item("place", it.subscriber.map(|address| address.to_string()))?;
    dict.set_item("refused", it.quiet_until)?;
    if let Some((bytes, messages)) = it.meter {
        dict.set_item("metered_bytes", bytes)?;
        dict.set_item("metered_messages", messages)?;
    }
    dict.set_item("partial", PyBytes::new(py, &it.partial))?;
    if let Some(Parts { opcode, count, bytes }) = it.parts {
        dict.set_item("pieces", PyBytes::new(py, &bytes))?;
        dict.set_item("pieces_opcode", opcode)?;
        dict.set_item("pieces_count", count)?;
    }
    dict.set_item("owed", PyBytes::new(py, &it.owed))?;
    dict.set_item("tail", it.tail)?;
    Ok(Some(dict))
}

#[pyfunction]
fn unpack_client(hub: &mut Hub, fd: i32, quota: Option<i64>, packed: &Bound<'_, PyDict>) -> PyResult<u32> {
    let until = field(packed, "until", 0)?;
    let phase = match needed::<String>(packed, "phase")?.as_str() {
        "open" => Phase::Open,
        "closing" => Phase::Closing(until),
        "deaf" => Phase::Discarding(until),
        "closed" => Phase::Closed(until),
        other => return Err(PyValueError::new_err(format!("unknown phase of a connection: {other:?}"))),
    };
    let parts = match field::<Option<Vec<u8>>>(packed, "pieces", None)? {
        Some(bytes) => Some(Parts {
            opcode: needed(packed, "pieces_opcode")?,
            count: needed(packed, "pieces_count")?,
            bytes,
        }),
        None => None,
    };
    let meter = match field::<Option<u64>>(packed, "metered_bytes", None)? {
        Some(bytes) => Some((bytes, field(packed, "metered_messages", 0)?)),
        None => None,
    };
    let now = hub.get_mut().clock().now();
    let state = ClientState {
        phase,
        has_session: needed(packed, "greeted")?,
        plays_anywhere: field(packed, "plays_anywhere", false)?,
        unlimited: field(packed, "unlimited", false)?,
        pinged_at: field(packed, "pinged", u64::MAX)?,
        connected_at: field(packed, "since", now)?,
        last_received: field(packed, "heard", now)?,
        last_sent: field(packed, "progress", now)?,
        last_time_request: field(packed, "asked", now)?,
        time_bucket: Bucket { full_at: field(packed, "time_bucket", 0)? },
        subscriber: field::<Option<String>>(packed, "place", None)?.and_then(|place| place.parse().ok()),
        quiet_until: field(packed, "refused", Vec::new())?,
        meter,
        partial: needed(packed, "partial")?,
        parts,
        owed: needed(packed, "owed")?,
        tail: needed(packed, "tail")?,
    };
    Ok(hub.get_mut().adopt(fd, quota.map(slot), state).number())
}

#[pyfunction]
fn pack_quota(hub: &Hub, quota: i64) -> Option<(i32, i32, i32, i32, Vec<i32>)> {
    let account = hub.get().quotas.account(slot(quota))?;
    Some((account.points, account.allowance, account.max, account.lent, account.history))
}

#[pyfunction]
fn unpack_quota(hub: &mut Hub, quota: i64, packed: (i32, i32, i32, i32, Vec<i32>)) {
    let (points, allowance, max, lent, history) = packed;
    let account = Account { points, allowance, max, lent, history };
    hub.get_mut().quotas.restore(slot(quota), &account);
}

type PackedUsage = (String, u32, Vec<u64>, Vec<u64>);

#[pyfunction]
fn pack_throttle(throttle: &Throttle) -> (u64, Vec<PackedUsage>) {
    let usages = throttle.inner.usages();
    let pack = |(at, it): (IpAddr, &AddressUsage)| {
        let full = it.buckets.iter().map(|bucket| bucket.full_at).collect();
        (at.to_string(), it.open.sockets, full, it.new_users.clone())
    };
    (throttle.clock.now(), usages.map(pack).collect())
}

#[pyfunction]
fn unpack_throttle(throttle: &mut Throttle, now: u64, packed: Vec<PackedUsage>) -> PyResult<()> {
    let anchor = throttle.clock.anchor();
    throttle.clock.continue_from(anchor, now);
    let now = throttle.clock.now();
    for (address, sockets, full, newcomers) in packed {
        let address: IpAddr =
            address.parse().map_err(|_| PyValueError::new_err(format!("{address:?} is not an address")))?;
        let open = Open { sockets, http: 0 };
        let mut usage = AddressUsage { open, new_users: newcomers, ..AddressUsage::default() };
        for (bucket, full_at) in usage.buckets.iter_mut().zip(full) {
            bucket.full_at = full_at;
        }
        throttle.inner.restore(address, usage, now);
    }
    Ok(())
}

/// Add the names of this file to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(pack_clock, module)?)?;
    module.add_function(wrap_pyfunction!(unpack_clock, module)?)?;
    module.add_function(wrap_pyfunction!(flush_pointers, module)?)?;
    module.add_function(wrap_pyfunction!(pack_client, module)?)?;
    module.add_function(wrap_pyfunction!(unpack_client, module)?)?;
    module.add_function(wrap_pyfunction!(pack_quota, module)?)?;
    module.add_function(wrap_pyfunction!(unpack_quota, module)?)?;
    module.add_function(wrap_pyfunction!(pack_throttle, module)?)?;
    module.add_function(wrap_pyfunction!(unpack_throttle, module)?)
}
