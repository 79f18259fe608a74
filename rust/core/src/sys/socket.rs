//! System calls: sending on sockets, the epoll set and its timer.
//!
//! This module contains all `unsafe` of the crate: calls without a safe form in std.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

/// The number of slices of one `sendmsg`: more need a further call (`IOV_MAX` is 1024).
pub const SLICES: usize = 256;

/// The number of unsent bytes that the kernel holds for one client before the socket counts as full.
///
/// Without this limit a client that does not read takes up to 4 MiB of kernel memory (`tcp_wmem`).
const UNSENT_BYTES: libc::c_int = 128 << 10;

/// The result of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// The socket took this number of bytes, perhaps not all.
    Bytes(usize),
    /// The socket took none: its buffer is full.
    Full,
    /// The socket took none: the connection is gone.
    Gone,
}

fn outcome(written: isize) -> Sent {
    if written >= 0 {
        return Sent::Bytes(written as usize);
    }
    match io::Error::last_os_error().raw_os_error() {
        Some(libc::EAGAIN | libc::EINTR | libc::ENOBUFS | libc::ENOMEM) => Sent::Full,
        _ => Sent::Gone,
    }
}

/// Send one slice.
pub fn send(fd: RawFd, bytes: &[u8]) -> Sent {
    // SAFETY: the pointer and the length are those of `bytes`, borrowed for the call; the kernel only
    // reads them.
    outcome(unsafe {
        libc::send(fd, bytes.as_ptr().cast(), bytes.len(), libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT)
    })
}

/// Send up to [`SLICES`] slices in one call.
pub fn send_all(fd: RawFd, slices: &[io::IoSlice<'_>]) -> Sent {
    // SAFETY: msghdr consists of integers and pointers; zeros are valid for all, without address and
    // control data.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    // IoSlice is guaranteed to have the layout of iovec; the kernel only reads through it.
    message.msg_iov = slices.as_ptr().cast_mut().cast();
    message.msg_iovlen = slices.len().min(SLICES);
    // SAFETY: `message` points to `slices` and their bytes, borrowed for the call; the length is at
    // most theirs.
    outcome(unsafe { libc::sendmsg(fd, &raw const message, libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT) })
}

/// Disable Nagle's delay on a client's socket, and limit the unsent bytes that the kernel holds for it.
///
/// Errors are ignored: a socket that is not TCP (a test's socket pair) has neither option.
pub fn prepare(fd: RawFd) {
    let set = |name: libc::c_int, value: libc::c_int| {
        // SAFETY: the pointer refers to `value`, a c_int that lives through the call, and 4 is its
        // size.
        unsafe { libc::setsockopt(fd, libc::IPPROTO_TCP, name, (&raw const value).cast(), 4) };
    };
    set(libc::TCP_NODELAY, 1);
    set(libc::TCP_NOTSENT_LOWAT, UNSENT_BYTES);
}

/// Shut down the sending side; bytes on the way still arrive.
pub fn finish(fd: RawFd) {
    // SAFETY: the call takes no pointers. On a closed socket it fails, which has no effect.
    unsafe { libc::shutdown(fd, libc::SHUT_WR) };
}

/// An epoll set of full sockets and one timer.
#[derive(Debug)]
pub struct Poller {
    epoll: OwnedFd,
    timer: OwnedFd,
}

/// The token that [`Poller::wait`] reports for the timer.
pub const TIMER: u64 = u64::MAX;

impl Poller {
    /// Create the set.
    ///
    /// # Errors
    /// If the process has no file descriptor left.
    pub fn new() -> io::Result<Self> {
        // SAFETY: the calls take no pointers, and each valid descriptor was just created: nothing else
        // owns it.
        let (epoll, timer) = unsafe {
            let epoll = owned(libc::epoll_create1(libc::EPOLL_CLOEXEC))?;
            let timer =
                owned(libc::timerfd_create(libc::CLOCK_MONOTONIC, libc::TFD_NONBLOCK | libc::TFD_CLOEXEC))?;
            (epoll, timer)
        };
        let poller = Self { epoll, timer };
        poller.control(libc::EPOLL_CTL_ADD, poller.timer.as_raw_fd(), libc::EPOLLIN, TIMER)?;
        Ok(poller)
    }

    /// Return the descriptor that an event loop watches for reading.
    #[must_use]
    pub fn fd(&self) -> RawFd {
        self.epoll.as_raw_fd()
    }

    fn control(&self, operation: libc::c_int, fd: RawFd, events: libc::c_int, token: u64) -> io::Result<()> {
        let mut event = libc::epoll_event { events: events as u32, u64: token };
        // SAFETY: `event` lives through the call, which does not keep the pointer.
        let failed = unsafe { libc::epoll_ctl(self.fd(), operation, fd, &raw mut event) } != 0;
        if failed {
            Err(io::Error::last_os_error())
        } else {
            Ok(())
        }
    }

    /// Request one report of `token` when the socket takes bytes again.
    ///
    /// # Errors
    /// If the descriptor is no socket any more.
    pub fn watch(&self, fd: RawFd, token: u64, known: bool) -> io::Result<()> {
        let operation = if known { libc::EPOLL_CTL_MOD } else { libc::EPOLL_CTL_ADD };
        self.control(operation, fd, libc::EPOLLOUT | libc::EPOLLONESHOT, token)
    }

    /// Remove a socket from the set; must be called before the socket is closed.
    pub fn forget(&self, fd: RawFd) {
        // A closed socket has left the set by itself.
        let _ = self.control(libc::EPOLL_CTL_DEL, fd, 0, 0);
    }

    /// Set the timer to fire in `delay` microseconds.
    pub fn arm(&self, delay: u64) {
        let nanoseconds = delay.max(1).saturating_mul(1000);
        let value = libc::timespec {
            tv_sec: (nanoseconds / 1_000_000_000) as libc::time_t,
            tv_nsec: (nanoseconds % 1_000_000_000) as libc::c_long,
        };
        let once = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        let spec = libc::itimerspec { it_interval: once, it_value: value };
        // SAFETY: `spec` lives through the call, and a null pointer means that the old value is not
        // wanted.
        unsafe { libc::timerfd_settime(self.timer.as_raw_fd(), 0, &raw const spec, std::ptr::null_mut()) };
    }

    /// Collect the tokens that are due now, without waiting.
    pub fn wait(&self, tokens: &mut Vec<u64>) {
        const BATCH: usize = 64;
        let mut events = [libc::epoll_event { events: 0, u64: 0 }; BATCH];
        loop {
            // SAFETY: `events` has BATCH elements, and BATCH is the limit given to the call.
            let count = unsafe { libc::epoll_wait(self.fd(), events.as_mut_ptr(), BATCH as libc::c_int, 0) };
            let count = usize::try_from(count).unwrap_or(0);
            for event in &events[..count] {
                let token = event.u64;
                if token == TIMER {
                    let mut expirations = [0_u8; 8];
                    // SAFETY: `expirations` has the eight bytes that a timer writes, and 8 is the limit
                    // given to the call.
                    unsafe { libc::read(self.timer.as_raw_fd(), expirations.as_mut_ptr().cast(), 8) };
                }
                tokens.push(token);
            }
            if count < BATCH {
                return;
            }
        }
    }
}

/// Take ownership of a descriptor that a call just created.
///
/// # Safety
/// `fd` must be a descriptor that nothing else owns, or negative.
unsafe fn owned(fd: RawFd) -> io::Result<OwnedFd> {
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: `fd` is not negative, and this function's contract says that nothing else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
