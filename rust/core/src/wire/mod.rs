//! Bytes on the wire: WebSocket frames, close codes, JSON and hot messages.

pub mod close_code;
pub mod frame;
pub mod json;
mod note;
pub mod notes;
mod number;
pub(crate) mod partial;
pub mod scan;
