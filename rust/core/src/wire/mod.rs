//! What is on the wire: WebSocket frames, JSON and hot messages.

pub mod frame;
pub mod json;
pub mod notes;
mod number;
pub(crate) mod partial;
pub mod scan;
