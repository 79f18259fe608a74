//! The numbers by which clients, rooms and participants are known here and in Python.
//!
//! Each kind has a type, so that a number is not taken for one of another kind:
//!
//! ```compile_fail,E0308
//! # use fortepiano_core::hub::{ids::*, Hub};
//! fn enter(hub: &mut Hub, client: ClientId, room: RoomId, participant: ParticipantId) {
//!     hub.enter(client, participant, room);
//! }
//! ```

use crate::slots::slot_id;

pub use crate::limits::quota::QuotaId;

slot_id!(
    /// The number of a connection.
    ClientId
);

slot_id!(
    /// The number of a room.
    RoomId
);

slot_id!(
    /// The number of a participant: a user in one room.
    ParticipantId
);
