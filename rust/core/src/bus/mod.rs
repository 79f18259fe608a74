//! A node's connection to the broker: commands of Redis or Valkey, and what comes back (RESP3).
//!
//! - [`command`]: what is sent;
//! - [`reply`]: what is received, as far as a node uses RESP3;
//! - [`connection`]: the buffers of one connection, and its counters.
//!
//! The codec is our own: a publication is read where it was received, without a tree of values around
//! it, which no published codec offers.

pub mod command;
pub mod connection;
pub mod reply;
