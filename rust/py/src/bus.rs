//! The C ABI between the Cython link and the connection to the broker; its C side is ext/core.h.
//!
//! As in [`crate::ffi`] no panic may cross this border. The caller holds the interpreter's lock.

use std::ptr;
use std::slice;

use fortepiano_core::bus::connection::{Connection, Incoming, State};
use fortepiano_core::bus::reply::Token;
use fortepiano_core::hub::Hub;
use pyo3::exceptions::PyValueError;
use pyo3::ffi::PyObject;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyTuple};

use crate::ffi::{with, DONE, FAILED};
use crate::handover::needed;
use crate::relay;

/// An event of the hub follows.
const EVENT: i32 = 1;
/// Something else for Python follows.
const ANSWER: i32 = 2;

/// Make a connection that is not open.
#[no_mangle]
pub extern "C" fn fortepiano_bus_new() -> *mut Connection {
    Box::into_raw(Box::default())
}

/// Free a connection.
///
/// # Safety
/// `bus` must come from [`fortepiano_bus_new`], and must not be used again.
#[no_mangle]
pub unsafe extern "C" fn fortepiano_bus_free(bus: *mut Connection) {
    if !bus.is_null() {
        // SAFETY: by the contract above this is a leaked Box, which nobody else uses or frees.
        drop(unsafe { Box::from_raw(bus) });
    }
}

/// Forget all bytes, and drop what the hub publishes until [`fortepiano_bus_open`].
///
/// # Safety
/// `bus` must be a live connection that nothing else uses during the call; so for all functions of
/// this module.
#[no_mangle]
pub unsafe extern "C" fn fortepiano_bus_reset(bus: *mut Connection) {
    // SAFETY: this function has the contract of `with`.
    unsafe { with(bus, (), Connection::reset) }
}

/// Send what the hub publishes from now on.
///
/// # Safety
/// See [`fortepiano_bus_reset`]; the same contract holds.
#[no_mangle]
pub unsafe extern "C" fn fortepiano_bus_open(bus: *mut Connection) {
    // SAFETY: this function has the contract of `with`.
    unsafe { with(bus, (), Connection::open) }
}

/// Return the buffer for the next bytes; valid until the next call.
///
/// # Safety
/// See [`fortepiano_bus_reset`]; the same contract holds. `room` must be writable.
#[no_mangle]
pub unsafe extern "C" fn fortepiano_bus_window(bus: *mut Connection, room: *mut usize) -> *mut u8 {
    // SAFETY: this function has the contract of `with`, and the caller guarantees that `room` is
    // writable.
    unsafe {
        with(bus, ptr::null_mut(), |bus| {
            let window = bus.window();
            *room = window.len();
            window.as_mut_ptr()
        })
    }
}

/// Accept bytes that were read into the window.
///
/// # Safety
/// See [`fortepiano_bus_reset`]; the same contract holds.
#[no_mangle]
pub unsafe extern "C" fn fortepiano_bus_feed(bus: *mut Connection, count: usize) {
    // SAFETY: this function has the contract of `with`.
    unsafe { with(bus, (), |bus| bus.feed(count)) }
}

/// Handle the fed bytes, up to the next thing for Python; `event` receives a new reference to that.
///
/// # Safety
/// See [`fortepiano_bus_reset`]; the same contract holds for the hub too. `event` must be writable.
#[no_mangle]
pub unsafe extern "C" fn fortepiano_bus_step(
    hub: *mut Hub,
    bus: *mut Connection,
    event: *mut *mut PyObject,
) -> i32 {
    // SAFETY: this function has the contract of `with`, for the hub too, and the caller guarantees
    // that `event` is writable.
    unsafe {
        with(bus, FAILED, |bus| {
            let step = Python::attach(|py| step(py, &mut *hub, bus));
            let Ok(step) = step else { return FAILED };
            let Some((kind, object)) = step else { return DONE };
            *event = object.into_ptr();
            kind
        })
    }
}

/// Begin a command of `count` parts.
///
/// # Safety
/// See [`fortepiano_bus_reset`]; the same contract holds.
#[no_mangle]
pub unsafe extern "C" fn fortepiano_bus_begin(bus: *mut Connection, count: usize) {
    // SAFETY: this function has the contract of `with`.
    unsafe { with(bus, (), |bus| bus.begin(count)) }
}

/// Add one part of a command.
///
/// # Safety
/// See [`fortepiano_bus_reset`]; the same contract holds. `bytes` must point to `count` live bytes.
#[no_mangle]
pub unsafe extern "C" fn fortepiano_bus_part(bus: *mut Connection, bytes: *const u8, count: usize) {
    // SAFETY: this function has the contract of `with`, and the caller guarantees that `bytes` points
    // to `count` live bytes.
    unsafe { with(bus, (), |bus| bus.part(slice::from_raw_parts(bytes, count))) }
}

/// Publish a beat.
///
/// # Safety
/// See [`fortepiano_bus_reset`]; the same contract holds. The pointers must point to so many live bytes.
#[no_mangle]
pub unsafe extern "C" fn fortepiano_bus_beat(
    bus: *mut Connection,
    channel: *const u8,
    channel_count: usize,
    text: *const u8,
    text_count: usize,
) {
    // SAFETY: this function has the contract of `with`, and the caller guarantees that both pointers
    // point to so many live bytes.
    unsafe {
        let channel = slice::from_raw_parts(channel, channel_count);
        let text = slice::from_raw_parts(text, text_count);
        with(bus, (), |bus| bus.beat(channel, text));
    }
}

/// Add what the hub has published, or drop it until the connection is open.
///
/// # Safety
/// See [`fortepiano_bus_reset`]; the same contract holds for the hub too.
#[no_mangle]
pub unsafe extern "C" fn fortepiano_bus_drain(hub: *mut Hub, bus: *mut Connection) {
    // SAFETY: this function has the contract of `with`, for the hub too.
    unsafe {
        with(bus, (), |bus| {
            let hub = &mut *hub;
            if bus.is_open() {
                hub.drain_publications(|channel, message| bus.publish(channel, message));
            } else {
                bus.stats.dropped += hub.discard_publications();
            }
        });
    }
}

/// Return the bytes to send; valid until the next call.
///
/// # Safety
/// See [`fortepiano_bus_reset`]; the same contract holds. `count` must be writable.
#[no_mangle]
pub unsafe extern "C" fn fortepiano_bus_outbox(bus: *mut Connection, count: *mut usize) -> *const u8 {
    // SAFETY: this function has the contract of `with`, and the caller guarantees that `count` is
    // writable.
    unsafe {
        with(bus, ptr::null(), |bus| {
            *count = bus.outbox().len();
            bus.outbox().as_ptr()
        })
    }
}

/// Forget the bytes to send.
///
/// # Safety
/// See [`fortepiano_bus_reset`]; the same contract holds.
#[no_mangle]
pub unsafe extern "C" fn fortepiano_bus_clear_outbox(bus: *mut Connection) {
    // SAFETY: this function has the contract of `with`.
    unsafe { with(bus, (), Connection::clear_outbox) }
}

/// Return a new reference to a `dict` of all counters; null if that failed.
///
/// # Safety
/// See [`fortepiano_bus_reset`]; the same contract holds.
#[no_mangle]
pub unsafe extern "C" fn fortepiano_bus_stats(bus: *mut Connection) -> *mut PyObject {
    // SAFETY: this function has the contract of `with`.
    unsafe {
        with(bus, ptr::null_mut(), |bus| {
            let stats = Python::attach(|py| counters(py, bus).map(|it| it.unbind().into_ptr()));
            stats.unwrap_or(ptr::null_mut())
        })
    }
}

/// Return a new reference to a `dict` for another process; null if that failed.
///
/// # Safety
/// See [`fortepiano_bus_reset`]; the same contract holds.
#[no_mangle]
pub unsafe extern "C" fn fortepiano_bus_pack(bus: *mut Connection) -> *mut PyObject {
    // SAFETY: this function has the contract of `with`.
    unsafe {
        with(bus, ptr::null_mut(), |bus| {
            let packed = Python::attach(|py| pack(py, bus.state()).map(|it| it.unbind().into_ptr()));
            packed.unwrap_or(ptr::null_mut())
        })
    }
}

/// Go on where the connection that was packed has been; return [`FAILED`] if it is not understood.
///
/// # Safety
/// See [`fortepiano_bus_reset`]; the same contract holds. `packed` must be a live object.
#[no_mangle]
pub unsafe extern "C" fn fortepiano_bus_unpack(bus: *mut Connection, packed: *mut PyObject) -> i32 {
    // SAFETY: this function has the contract of `with`, and the caller guarantees that `packed` lives.
    unsafe {
        with(bus, FAILED, |bus| {
            let state = Python::attach(|py| unpack(&Bound::from_borrowed_ptr(py, packed)));
            state.map_or(FAILED, |state| {
                bus.restore(state);
                DONE
            })
        })
    }
}

fn pack(py: Python<'_>, state: State) -> PyResult<Bound<'_, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("received", PyBytes::new(py, &state.received))?;
    dict.set_item("outbox", PyBytes::new(py, &state.outbox))?;
    dict.set_item("asked", state.asked)?;
    dict.set_item("unheard", state.unheard)?;
    Ok(dict)
}

fn unpack(packed: &Bound<'_, PyAny>) -> PyResult<State> {
    let dict = packed.cast::<PyDict>()?;
    Ok(State {
        received: needed(dict, "received")?,
        outbox: needed(dict, "outbox")?,
        asked: needed(dict, "asked")?,
        unheard: needed(dict, "unheard")?,
    })
}

fn counters<'py>(py: Python<'py>, bus: &Connection) -> PyResult<Bound<'py, PyDict>> {
    let (dict, stats) = (PyDict::new(py), &bus.stats);
    for (name, value) in [
        ("published", stats.published),
        ("published_bytes", stats.published_bytes),
        ("dropped", stats.dropped),
        ("unheard", stats.unheard),
        ("received", stats.received),
        ("received_bytes", stats.received_bytes),
    ] {
        dict.set_item(name, value)?;
    }
    Ok(dict)
}

/// Let the hub handle messages, up to something for Python.
fn step(py: Python<'_>, hub: &mut Hub, bus: &mut Connection) -> PyResult<Option<(i32, Py<PyAny>)>> {
    while let Some(incoming) = bus.next() {
        if let Incoming::Message { channel, message } = incoming {
            if let Some(event) = relay::event(py, hub.receive_publication(channel, message))? {
                return Ok(Some((EVENT, event)));
            }
        } else {
            let kind = if matches!(incoming, Incoming::Unheard(_)) { EVENT } else { ANSWER };
            return Ok(Some((kind, answer(py, incoming)?)));
        }
    }
    Ok(None)
}

/// Return what is no message, as a tuple for Python.
fn answer(py: Python<'_>, incoming: Incoming<'_>) -> PyResult<Py<PyAny>> {
    let bytes = |name: &'static str, text: &[u8]| (name, PyBytes::new(py, text)).into_pyobject(py);
    let tuple = match incoming {
        Incoming::Message { channel, .. } => bytes("message", channel)?,
        Incoming::Beat(text) => bytes("beat", text)?,
        Incoming::Subscribed(channel) => bytes("subscribed", channel)?,
        Incoming::Unsubscribed(channel) => bytes("unsubscribed", channel)?,
        Incoming::Unheard(nid) => ("unheard", nid).into_pyobject(py)?,
        Incoming::Fault(fault) => ("broken", fault.to_string()).into_pyobject(py)?,
        Incoming::Reply(tokens) => match tokens[..] {
            [Token::Error(text)] => ("error", String::from_utf8_lossy(text)).into_pyobject(py)?,
            _ => ("reply", value(py, &mut tokens.iter())?).into_pyobject(py)?,
        },
    };
    Ok(tuple.into_any().unbind())
}

/// Return the next value, with all in it; the parser bounds its levels.
fn value<'py>(py: Python<'py>, tokens: &mut slice::Iter<'_, Token<'_>>) -> PyResult<Bound<'py, PyAny>> {
    let Some(token) = tokens.next() else { return Err(PyValueError::new_err("a value is missing")) };
    Ok(match *token {
        Token::Null => py.None().into_bound(py),
        Token::Bool(it) => it.into_pyobject(py)?.to_owned().into_any(),
        Token::Integer(it) => it.into_pyobject(py)?.into_any(),
        Token::Double(it) => it.into_pyobject(py)?.into_any(),
        Token::Text(it) | Token::Error(it) => PyBytes::new(py, it).into_any(),
        Token::Array(count) => {
            let items = (0..count).map(|_| value(py, tokens)).collect::<PyResult<Vec<_>>>()?;
            PyTuple::new(py, items)?.into_any()
        }
        Token::Map(count) => {
            let dict = PyDict::new(py);
            for _ in 0..count {
                let key = value(py, tokens)?;
                dict.set_item(key, value(py, tokens)?)?;
            }
            dict.into_any()
        }
    })
}
