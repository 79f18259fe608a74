//! The operating system: sockets and the clock.

pub mod clock;
pub(crate) mod socket;
