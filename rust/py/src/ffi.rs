//! The C ABI between the Cython link and the hub; its C side is ext/core.h.
//!
//! No panic may cross this border. Each body catches panics and reports failure, and the link then
//! closes the one connection that was served.

use std::panic::{catch_unwind, AssertUnwindSafe};
use std::slice;

use fortepiano_core::hub::ids::ClientId;
use fortepiano_core::hub::{CloseOrder, Hub, StepResult};
use fortepiano_core::slots::SlotId;
use fortepiano_core::wire::close_code;
use pyo3::ffi::PyObject;

/// All bytes are handled, or some are deferred.
pub(crate) const DONE: i32 = 0;
/// A JSON message for Python follows.
const COLD: i32 = 1;
/// The session ends.
const ENDED: i32 = 2;
/// A binary message for Python follows.
const BINARY: i32 = 3;
/// No more bytes may be read until the connection is resumed.
const FULL: i32 = 4;
/// The hub failed.
pub(crate) const FAILED: i32 = -1;
/// The number of a connection that could not be added: unknown to all other functions.
const UNKNOWN: u32 = u32::MAX;
/// No connection, where a function returns the number of one.
const NOBODY: i64 = -1;

/// The close code for the connection that was served when the hub failed.
#[no_mangle]
pub static FORTEPIANO_INTERNAL_ERROR: u16 = close_code::INTERNAL_ERROR;

/// Return the number of a connection, or [`NOBODY`].
fn number(client: Option<ClientId>) -> i64 {
    client.map_or(NOBODY, |client| client.number().into())
}

/// Run a body on plain data, the hub or the connection to the broker; return `failed` if it panics.
///
/// # Safety
/// `data` must be the address of live data, and nothing else may use that data during the call.
pub(crate) unsafe fn with<D, T>(data: *mut D, failed: T, body: impl FnOnce(&mut D) -> T) -> T {
    // SAFETY: by the contract above `data` points to live data, and no other reference to it is in use.
    let data = unsafe { &mut *data };
    // A panic leaves plain data behind, never a broken invariant of memory; the hub continues.
    catch_unwind(AssertUnwindSafe(|| body(data))).unwrap_or(failed)
}

/// Run a function that sends; if it panics, let the next flush serve everybody whom this one did not.
///
/// # Safety
/// See [`with`]; the same contract holds.
unsafe fn sending(hub: *mut Hub, send: fn(&mut Hub)) -> i32 {
    let body = |hub: &mut Hub| {
        send(hub);
        DONE
    };
    // SAFETY: this function has the contract of `with`.
    unsafe {
        let outcome = with(hub, FAILED, body);
        if outcome == FAILED {
            with(hub, (), Hub::requeue);
        }
        outcome
    }
}

/// Add a connection and return its number, or `UINT32_MAX` if that failed.
///
/// # Safety
/// See [`with`]; the same contract holds for every function in this module.
#[no_mangle]
pub unsafe extern "C" fn fortepiano_attach(hub: *mut Hub, fd: i32) -> u32 {
    // SAFETY: this function has the contract of `with`.
    unsafe { with(hub, UNKNOWN, |hub| hub.attach(fd).number()) }
}

/// Forget a connection.
///
/// # Safety
/// See [`with`]; the same contract holds.
#[no_mangle]
pub unsafe extern "C" fn fortepiano_detach(hub: *mut Hub, client: u32) {
    // SAFETY: this function has the contract of `with`.
    unsafe { with(hub, (), |hub| hub.detach(ClientId::from_number(client))) }
}

/// Return the buffer for the next bytes of a connection; valid until the next call.
///
/// # Safety
/// See [`with`]; the same contract holds. `room` must point to a `usize` that may be written.
#[no_mangle]
pub unsafe extern "C" fn fortepiano_window(hub: *mut Hub, client: u32, room: *mut usize) -> *mut u8 {
    // SAFETY: this function has the contract of `with`, and the caller guarantees that `room` is
    // writable.
    unsafe {
        with(hub, std::ptr::null_mut(), |hub| {
            let window = hub.window(ClientId::from_number(client));
            *room = window.len();
            window.as_mut_ptr()
        })
    }
}

/// Accept bytes that were read into the window.
///
/// # Safety
/// See [`with`]; the same contract holds.
#[no_mangle]
pub unsafe extern "C" fn fortepiano_feed(hub: *mut Hub, client: u32, count: usize) {
    // SAFETY: this function has the contract of `with`.
    unsafe { with(hub, (), |hub| hub.feed(ClientId::from_number(client), count)) }
}

/// Accept bytes that arrived another way: behind the request of the handshake.
///
/// # Safety
/// See [`with`]; the same contract holds. `bytes` must point to `count` bytes that live through the
/// call.
#[no_mangle]
pub unsafe extern "C" fn fortepiano_feed_copy(hub: *mut Hub, client: u32, bytes: *const u8, count: usize) {
    // SAFETY: this function has the contract of `with`, and the caller guarantees that `bytes` points
    // to `count` live bytes.
    unsafe {
        let client = ClientId::from_number(client);
        let bytes = slice::from_raw_parts(bytes, count);
        with(hub, (), |hub| {
            let window = hub.window(client);
            let count = count.min(window.len());
            window[..count].copy_from_slice(&bytes[..count]);
            hub.feed(client, count);
        });
    }
}

/// Handle the fed bytes, up to the next thing that the caller must do.
///
/// # Safety
/// See [`with`]; the same contract holds. `bytes` and `count` must point to writable places for a
/// message's address and size, which are valid until the next call.
#[no_mangle]
pub unsafe extern "C" fn fortepiano_step(hub: *mut Hub, bytes: *mut *const u8, count: *mut usize) -> i32 {
    // SAFETY: this function has the contract of `with`, and the caller guarantees that `bytes` and
    // `count` are writable.
    unsafe {
        with(hub, FAILED, |hub| {
            let (kind, message) = match hub.step() {
                StepResult::Done => return DONE,
                StepResult::Full => return FULL,
                StepResult::Ended => return ENDED,
                StepResult::Cold(message) => (COLD, message),
                StepResult::Binary(message) => (BINARY, message),
            };
            *bytes = message.as_ptr();
            *count = message.len();
            kind
        })
    }
}

/// Begin a turn of the loop in which nothing was read.
///
/// # Safety
/// See [`with`]; the same contract holds.
#[no_mangle]
pub unsafe extern "C" fn fortepiano_begin_turn(hub: *mut Hub) {
    // SAFETY: this function has the contract of `with`.
    unsafe { with(hub, (), Hub::begin_turn) }
}

/// End a turn of the loop; return whether a flush is due.
///
/// # Safety
/// See [`with`]; the same contract holds.
#[no_mangle]
pub unsafe extern "C" fn fortepiano_end_turn(hub: *mut Hub) -> i32 {
    // SAFETY: this function has the contract of `with`.
    unsafe { with(hub, 1, |hub| i32::from(hub.end_turn())) }
}

/// Send all queued frames that are due.
///
/// # Safety
/// See [`with`]; the same contract holds.
#[no_mangle]
pub unsafe extern "C" fn fortepiano_flush(hub: *mut Hub) -> i32 {
    // SAFETY: this function has the contract of `with`.
    unsafe { sending(hub, Hub::flush) }
}

/// Handle the events of the hub's descriptor.
///
/// # Safety
/// See [`with`]; the same contract holds.
#[no_mangle]
pub unsafe extern "C" fn fortepiano_wake(hub: *mut Hub) -> i32 {
    // SAFETY: this function has the contract of `with`.
    unsafe { sending(hub, Hub::wake) }
}

/// Resume a deferred connection and return its number, or -1 if none may be served in this turn.
///
/// # Safety
/// See [`with`]; the same contract holds.
#[no_mangle]
pub unsafe extern "C" fn fortepiano_resume(hub: *mut Hub) -> i64 {
    // SAFETY: this function has the contract of `with`.
    unsafe { with(hub, NOBODY, |hub| number(hub.resume())) }
}

/// Resume a connection that ends; return whether it was deferred.
///
/// # Safety
/// See [`with`]; the same contract holds.
#[no_mangle]
pub unsafe extern "C" fn fortepiano_resume_ending(hub: *mut Hub, client: u32) -> i32 {
    // SAFETY: this function has the contract of `with`.
    unsafe { with(hub, 0, |hub| i32::from(hub.resume_ending(ClientId::from_number(client)))) }
}

/// Return the number of the next connection that must be ended, or -1 if there is none.
///
/// `code` receives the close code, or 0 if the transport must be dropped.
///
/// # Safety
/// See [`with`]; the same contract holds. `code` must point to a `u16` that may be written.
#[no_mangle]
pub unsafe extern "C" fn fortepiano_next_close_order(hub: *mut Hub, code: *mut u16) -> i64 {
    // SAFETY: this function has the contract of `with`, and the caller guarantees that `code` is
    // writable.
    unsafe {
        with(hub, NOBODY, |hub| {
            let Some((client, order)) = hub.next_close_order() else { return NOBODY };
            *code = match order {
                CloseOrder::Close(code) => code,
                CloseOrder::Drop => 0,
            };
            number(Some(client))
        })
    }
}

extern "C" {
    /// The entry point of the Cython module, renamed at compile time.
    fn fortepiano_init_link() -> *mut PyObject;
}

/// The entry point under which Python's import finds the Cython module in this shared object.
///
/// # Safety
/// Must be called by Python's import, with the interpreter's lock held.
#[no_mangle]
#[allow(non_snake_case)] // the name that Python requires
pub unsafe extern "C" fn PyInit__link() -> *mut PyObject {
    // SAFETY: Python's import calls this function with the lock held, as the Cython entry point
    // requires.
    unsafe { fortepiano_init_link() }
}
