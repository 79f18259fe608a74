//! The C ABI between the Cython link and the hub; its C side is ext/core.h.
//!
//! No panic may cross this border: each body catches it and says so, and the link closes the one
//! connection that was served.

use std::panic::{catch_unwind, AssertUnwindSafe};
use std::slice;

use fortepiano_core::hub::{CloseOrder, Hub, StepResult, NONE};
use pyo3::ffi::PyObject;

/// All bytes are handled.
const DONE: i32 = 0;
/// A message is for Python.
const COLD: i32 = 1;
/// The session ends.
const ENDED: i32 = 2;
/// A binary message is for Python.
const BINARY: i32 = 3;
/// The hub failed.
const FAILED: i32 = -1;

/// Runs a body on the hub; `failed` is the answer where it panics.
///
/// # Safety
/// `hub` must be the address of a live hub that nobody else uses during the call.
unsafe fn with<T>(hub: *mut Hub, failed: T, body: impl FnOnce(&mut Hub) -> T) -> T {
    // SAFETY: the caller's promise.
    let hub = unsafe { &mut *hub };
    // A panic leaves plain data behind, never a broken invariant of memory; the hub goes on.
    catch_unwind(AssertUnwindSafe(|| body(hub))).unwrap_or(failed)
}

/// Takes a connection in and returns its number.
///
/// # Safety
/// As [`with`]; so for all functions here.
#[no_mangle]
pub unsafe extern "C" fn fortepiano_attach(hub: *mut Hub, fd: i32) -> u32 {
    // SAFETY: the caller's promise.
    unsafe { with(hub, NONE, |hub| hub.attach(fd)) }
}

/// Forgets a connection.
///
/// # Safety
/// As [`with`].
#[no_mangle]
pub unsafe extern "C" fn fortepiano_detach(hub: *mut Hub, client: u32) {
    // SAFETY: the caller's promise.
    unsafe { with(hub, (), |hub| hub.detach(client)) }
}

/// Where the next bytes of a connection go; valid until the next call.
///
/// # Safety
/// As [`with`]; `room` must point at a place for the size.
#[no_mangle]
pub unsafe extern "C" fn fortepiano_window(hub: *mut Hub, client: u32, room: *mut usize) -> *mut u8 {
    // SAFETY: the caller's promise.
    unsafe {
        with(hub, std::ptr::null_mut(), |hub| {
            let window = hub.window(client);
            *room = window.len();
            window.as_mut_ptr()
        })
    }
}

/// Takes bytes that were read to the window.
///
/// # Safety
/// As [`with`].
#[no_mangle]
pub unsafe extern "C" fn fortepiano_feed(hub: *mut Hub, client: u32, count: usize) {
    // SAFETY: the caller's promise.
    unsafe { with(hub, (), |hub| hub.feed(client, count)) }
}

/// Takes bytes that came in another way: behind the upgrade request.
///
/// # Safety
/// As [`with`]; `bytes` must be `count` bytes that live through the call.
#[no_mangle]
pub unsafe extern "C" fn fortepiano_feed_copy(hub: *mut Hub, client: u32, bytes: *const u8, count: usize) {
    // SAFETY: the caller's promise.
    unsafe {
        let bytes = slice::from_raw_parts(bytes, count);
        with(hub, (), |hub| {
            let window = hub.window(client);
            let count = count.min(window.len());
            window[..count].copy_from_slice(&bytes[..count]);
            hub.feed(client, count);
        });
    }
}

/// Handles what was fed, up to the next thing that is not the hub's.
///
/// # Safety
/// As [`with`]; `bytes` and `count` must point at places for a message's address and size, which
/// are valid until the next call.
#[no_mangle]
pub unsafe extern "C" fn fortepiano_step(hub: *mut Hub, bytes: *mut *const u8, count: *mut usize) -> i32 {
    // SAFETY: the caller's promise.
    unsafe {
        with(hub, FAILED, |hub| {
            let (kind, message) = match hub.step() {
                StepResult::Done => return DONE,
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

/// Begins a turn of the loop in which nothing was read.
///
/// # Safety
/// As [`with`].
#[no_mangle]
pub unsafe extern "C" fn fortepiano_begin_turn(hub: *mut Hub) {
    // SAFETY: the caller's promise.
    unsafe { with(hub, (), Hub::begin_turn) }
}

/// Ends a turn of the loop; says whether a flush is due.
///
/// # Safety
/// As [`with`].
#[no_mangle]
pub unsafe extern "C" fn fortepiano_end_turn(hub: *mut Hub) -> i32 {
    // SAFETY: the caller's promise.
    unsafe { with(hub, 1, |hub| i32::from(hub.end_turn())) }
}

/// Sends what is owed.
///
/// # Safety
/// As [`with`].
#[no_mangle]
pub unsafe extern "C" fn fortepiano_flush(hub: *mut Hub) -> i32 {
    // SAFETY: the caller's promise.
    unsafe {
        with(hub, FAILED, |hub| {
            hub.flush();
            DONE
        })
    }
}

/// Handles what the hub's descriptor reports.
///
/// # Safety
/// As [`with`].
#[no_mangle]
pub unsafe extern "C" fn fortepiano_wake(hub: *mut Hub) -> i32 {
    // SAFETY: the caller's promise.
    unsafe {
        with(hub, FAILED, |hub| {
            hub.wake();
            DONE
        })
    }
}

/// Goes on with a connection whose messages were put off: its number, or -1 where none is to be
/// served in this turn.
///
/// # Safety
/// As [`with`].
#[no_mangle]
pub unsafe extern "C" fn fortepiano_resume(hub: *mut Hub) -> i64 {
    // SAFETY: the caller's promise.
    unsafe { with(hub, -1, |hub| hub.resume().map_or(-1, i64::from)) }
}

/// Goes on with a connection that ends; whether anything of it was put off.
///
/// # Safety
/// As [`with`].
#[no_mangle]
pub unsafe extern "C" fn fortepiano_settle(hub: *mut Hub, client: u32) -> i32 {
    // SAFETY: the caller's promise.
    unsafe { with(hub, 0, |hub| i32::from(hub.resume_ending(client))) }
}

/// The next connection that must be ended: its number, or -1; a close code, or 0 to drop it.
///
/// # Safety
/// As [`with`]; `code` must point at a place for the code.
#[no_mangle]
pub unsafe extern "C" fn fortepiano_next_verdict(hub: *mut Hub, code: *mut u16) -> i64 {
    // SAFETY: the caller's promise.
    unsafe {
        with(hub, -1, |hub| {
            let Some((client, order)) = hub.next_close_order() else { return -1 };
            *code = match order {
                CloseOrder::Close(code) => code,
                CloseOrder::Drop => 0,
            };
            i64::from(client)
        })
    }
}

extern "C" {
    /// The Cython module's own entry point, renamed at compile time.
    fn fortepiano_init_link() -> *mut PyObject;
}

/// The entry point under which Python's import finds the Cython module in this shared object.
///
/// # Safety
/// Called by Python's import with the interpreter's lock held.
#[no_mangle]
#[allow(non_snake_case)] // the name that Python looks for
pub unsafe extern "C" fn PyInit__link() -> *mut PyObject {
    // SAFETY: as this function's.
    unsafe { fortepiano_init_link() }
}
