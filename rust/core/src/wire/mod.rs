//! Bytes on the wire: WebSocket frames, close codes, JSON and hot messages.

pub mod close_code;
pub mod frame;
pub mod json;
mod note;
pub mod note_array;
mod number;
pub(crate) mod partial_frame;
pub mod partial_text;
pub mod scan;
