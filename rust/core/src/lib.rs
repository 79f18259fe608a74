//! The core of fortepiano: frames, hot messages, room logs, quotas, bans and writes to sockets.
//!
//! The crate handles plain data and untrusted bytes and knows no Python object. Therefore its tests and
//! fuzzers need no interpreter.
//!
//! - [`wire`]: bytes as clients send and receive them;
//! - [`hub`]: connections, rooms and participants;
//! - [`bus`]: a node's connection to the broker;
//! - [`relay`]: rooms over several processes;
//! - [`limits`]: quotas and rate limits;
//! - [`settings`]: the settings of hub and throttle by name, and their units;
//! - [`net`]: addresses, networks and bans;
//! - [`sys`]: sockets and the clock;
//! - [`slots`]: numbered things, with a type for the numbers of each kind.

pub mod bus;
pub mod hub;
pub mod limits;
pub mod net;
pub mod relay;
pub mod settings;
pub mod slots;
pub mod sys;
pub mod wire;
