//! Plain data and untrusted bytes of fortepiano: frames, hot messages, room logs, quotas, bans and
//! the writes to sockets. No Python object comes in here, so the tests and the fuzzers need none.

pub mod hub;
pub mod limits;
pub mod net;
pub mod sys;
pub mod wire;
