//! The system calls of the engine: sending on sockets, the epoll set and its timer.
//!
//! All `unsafe` of this crate is here: calls that std has no safe form of.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

/// Slices that one `sendmsg` takes: more would go out in a further call (`IOV_MAX` is 1024).
pub const SLICES: usize = 256;

/// Bytes that the kernel may hold unsent for one client before the socket counts as full.
///
/// Without it a reader that does not read is lent up to 4 MiB of kernel memory (`tcp_wmem`).
const UNSENT_BYTES: libc::c_int = 128 << 10;

/// How much of a write the socket took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// That many bytes, maybe not all.
    Bytes(usize),
    /// None: its buffer is full.
    Full,
    /// None: the connection is gone.
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

/// Sends one slice.
pub fn send(fd: RawFd, bytes: &[u8]) -> Sent {
    // SAFETY: the pointer and the length are those of a live slice; the kernel only reads it.
    outcome(unsafe {
        libc::send(fd, bytes.as_ptr().cast(), bytes.len(), libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT)
    })
}

/// Sends up to [`SLICES`] slices in one call.
pub fn send_all(fd: RawFd, slices: &[io::IoSlice<'_>]) -> Sent {
    // SAFETY: an all-zero msghdr is a valid one without address and control data.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    // IoSlice is guaranteed to have the layout of iovec; the kernel only reads through it.
    message.msg_iov = slices.as_ptr().cast_mut().cast();
    message.msg_iovlen = slices.len().min(SLICES);
    // SAFETY: `message` points at live slices for the length of the call.
    outcome(unsafe { libc::sendmsg(fd, &raw const message, libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT) })
}

/// Makes a client's socket send at once and bounds what the kernel holds for it.
///
/// Errors are ignored: a socket that is not TCP (a test's socket pair) has neither option.
pub fn prepare(fd: RawFd) {
    let set = |name: libc::c_int, value: libc::c_int| {
        // SAFETY: the option's value is a live c_int of the size given.
        unsafe { libc::setsockopt(fd, libc::IPPROTO_TCP, name, (&raw const value).cast(), 4) };
    };
    set(libc::TCP_NODELAY, 1);
    set(libc::TCP_NOTSENT_LOWAT, UNSENT_BYTES);
}

/// Says that nothing more will be sent; what is on the way still arrives.
pub fn finish(fd: RawFd) {
    // SAFETY: a plain call without pointers; on a socket that is gone it fails, which is as good.
    unsafe { libc::shutdown(fd, libc::SHUT_WR) };
}

/// The epoll set of the sockets that were full, and of one timer.
#[derive(Debug)]
pub struct Poller {
    epoll: OwnedFd,
    timer: OwnedFd,
}

/// The token that [`Poller::wait`] reports for the timer.
pub const TIMER: u64 = u64::MAX;

impl Poller {
    /// Makes the set.
    ///
    /// # Errors
    /// Where the process has no file descriptor left.
    pub fn new() -> io::Result<Self> {
        // SAFETY: plain calls without pointers; a valid descriptor is owned by nobody else yet.
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

    /// The descriptor that an event loop watches for reading.
    #[must_use]
    pub fn fd(&self) -> RawFd {
        self.epoll.as_raw_fd()
    }

    fn control(&self, operation: libc::c_int, fd: RawFd, events: libc::c_int, token: u64) -> io::Result<()> {
        let mut event = libc::epoll_event { events: events as u32, u64: token };
        // SAFETY: `event` lives through the call.
        let failed = unsafe { libc::epoll_ctl(self.fd(), operation, fd, &raw mut event) } != 0;
        if failed {
            Err(io::Error::last_os_error())
        } else {
            Ok(())
        }
    }

    /// Asks for one report of `token` when the socket takes bytes again.
    ///
    /// # Errors
    /// Where the socket is not a socket any more.
    pub fn watch(&self, fd: RawFd, token: u64, known: bool) -> io::Result<()> {
        let operation = if known { libc::EPOLL_CTL_MOD } else { libc::EPOLL_CTL_ADD };
        self.control(operation, fd, libc::EPOLLOUT | libc::EPOLLONESHOT, token)
    }

    /// Forgets a socket; must come before it is closed.
    pub fn forget(&self, fd: RawFd) {
        // A socket that is gone already has left the set by itself.
        let _ = self.control(libc::EPOLL_CTL_DEL, fd, 0, 0);
    }

    /// Lets the timer fire in `delay` microseconds.
    pub fn arm(&self, delay: u64) {
        let nanoseconds = delay.max(1).saturating_mul(1000);
        let value = libc::timespec {
            tv_sec: (nanoseconds / 1_000_000_000) as libc::time_t,
            tv_nsec: (nanoseconds % 1_000_000_000) as libc::c_long,
        };
        let once = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        let spec = libc::itimerspec { it_interval: once, it_value: value };
        // SAFETY: `spec` lives through the call, and the old value is not asked for.
        unsafe { libc::timerfd_settime(self.timer.as_raw_fd(), 0, &raw const spec, std::ptr::null_mut()) };
    }

    /// Collects the tokens that are due now, without waiting.
    pub fn wait(&self, tokens: &mut Vec<u64>) {
        const BATCH: usize = 64;
        let mut events = [libc::epoll_event { events: 0, u64: 0 }; BATCH];
        loop {
            // SAFETY: the array has room for BATCH events.
            let count = unsafe { libc::epoll_wait(self.fd(), events.as_mut_ptr(), BATCH as libc::c_int, 0) };
            let count = usize::try_from(count).unwrap_or(0);
            for event in &events[..count] {
                let token = event.u64;
                if token == TIMER {
                    let mut expirations = [0_u8; 8];
                    // SAFETY: the buffer has the eight bytes that a timer writes.
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

/// Takes a descriptor that a call just made.
///
/// # Safety
/// `fd` must be a descriptor that nobody else owns, or negative.
unsafe fn owned(fd: RawFd) -> io::Result<OwnedFd> {
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the caller says that it is new and ours.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
