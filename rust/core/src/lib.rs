//! Plain data and untrusted bytes of fortepiano: frames, hot messages, room logs, quotas, bans and
//! the writes to sockets. No Python object comes in here, so the tests and the fuzzers need none.

pub mod address;
mod askers;
pub mod bans;
mod client;
pub mod clock;
mod feed;
mod flush;
pub mod frame;
pub mod handover;
pub mod hub;
pub mod listing;
mod log;
mod meter;
mod netpages;
pub mod nettable;
pub mod network;
pub mod notes;
mod number;
mod partial;
mod patience;
pub mod quota;
mod room;
pub mod scan;
mod segments;
mod settings;
mod socket;
pub mod stats;
pub mod text;
pub mod throttle;
mod watch;

pub use client::NONE;
pub use feed::Step;
pub use meter::Flow;
