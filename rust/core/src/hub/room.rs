//! Rooms as the hot path needs them: members, participants and one log.

use crate::hub::ids::{ClientId, ParticipantId, RoomId};
use crate::hub::room_log::{append_joined, RoomLog};
use crate::hub::Settings;
use crate::relay::RoomRelay;
use crate::slots::SlotId;

/// The time by which a room may exceed its budget, µs.
const CREDIT: u64 = 8_000;

/// The number of no room.
const NO_ROOM: u32 = u32::MAX - 1;

/// The position of a pointer: x and y as JSON, as the client wrote them.
pub type Position = (Box<[u8]>, Box<[u8]>);

/// A user in a room, with all their tabs: one entry of `ppl`.
#[derive(Debug)]
#[allow(clippy::struct_excessive_bools)] // independent facts, one byte each
pub struct Participant {
    /// The room.
    pub room: RoomId,
    /// The participant id as JSON, quotes included.
    pub id: Box<[u8]>,
    /// The participant as a JSON object without `x`, `y` and the closing brace.
    pub head: Box<[u8]>,
    /// The horizontal pointer position as JSON, as the client wrote it.
    pub x: Box<[u8]>,
    /// The vertical pointer position, likewise.
    pub y: Box<[u8]>,
    /// Whether the newest pointer position is not in the log yet.
    pub pointer_moved: bool,
    /// The time when the next pointer position may be broadcast, µs.
    pub next_pointer_at: u64,
    /// Whether the participant's notes are dropped.
    pub muted: bool,
    /// Whether the participant is invisible to others.
    pub hidden: bool,
    /// Whether the stream of the room has the newest pointer position.
    pub is_position_known: bool,
    /// The newest position of the pointer in a replica, which goes to the room's home first.
    pub next_position: Option<Box<Position>>,
    /// The participant's connections in this room.
    pub tabs: Vec<ClientId>,
}

impl Participant {
    /// Create a participant without connections.
    #[must_use]
    pub fn new(room: RoomId, id: &[u8], head: &[u8], x: &[u8], y: &[u8]) -> Self {
        Self {
            room,
            id: id.into(),
            head: head.into(),
            x: x.into(),
            y: y.into(),
            pointer_moved: false,
            next_pointer_at: 0,
            muted: false,
            hidden: false,
            is_position_known: false,
            next_position: None,
            tabs: Vec::new(),
        }
    }

    /// Create what keeps the place of a participant that is yet to be restored.
    #[must_use]
    pub(crate) fn nobody() -> Self {
        Self::new(RoomId::from_number(NO_ROOM), b"", b"", b"", b"")
    }

    /// Return whether this only keeps the place of a participant.
    #[must_use]
    pub(crate) fn is_nobody(&self) -> bool {
        self.room.number() == NO_ROOM
    }

    /// Append the entry of `ppl`.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.head);
        out.extend_from_slice(b",\"x\":");
        out.extend_from_slice(&self.x);
        out.extend_from_slice(b",\"y\":");
        out.extend_from_slice(&self.y);
        out.push(b'}');
    }

    /// Set the pointer position.
    pub fn place(&mut self, x: &[u8], y: &[u8]) {
        set(&mut self.x, x);
        set(&mut self.y, y);
        self.is_position_known = false;
    }

    /// Append the pointer position to a log, as a message of its own; return its range.
    #[inline]
    pub fn append_pointer(&self, log: &mut RoomLog) -> (u64, u64) {
        append_joined!(
            log,
            true,
            [b"[{\"m\":\"m\",\"id\":", &self.id, b",\"x\":", &self.x, b",\"y\":", &self.y, b"}]"]
        )
    }
}

/// Replace a short text, without an allocation if the length is the same.
fn set(slot: &mut Box<[u8]>, bytes: &[u8]) {
    if slot.len() == bytes.len() {
        slot.copy_from_slice(bytes);
    } else {
        *slot = bytes.into();
    }
}

/// A room.
#[derive(Debug, Default)]
pub struct Room {
    /// The frames for the members.
    pub log: RoomLog,
    /// The connections in the room.
    pub members: Vec<ClientId>,
    /// The participants, in the order of their arrival.
    pub participants: Vec<ParticipantId>,
    /// The participants whose newest pointer position waits for the flush.
    pub movers: Vec<ParticipantId>,
    /// The number of members that the current flush has served.
    pub served: Option<usize>,
    /// The time that the current flush has taken so far, µs.
    pub spent: u64,
    /// Whether the room is in the hub's list of rooms to flush.
    pub queued: bool,
    /// The time when the awaited flush is due, µs; during a flush, the time of the one after it.
    pub due: u64,
    /// The time when pointer positions alone may next cause a flush, µs.
    pub next_pointer_at: u64,
    /// The time when a [`broadcast_soon`](crate::hub::Hub::broadcast_soon) may next cause a flush, µs.
    pub soon_flush_at: u64,
    /// The time when all sending so far will be within the room's share, µs.
    pub within_budget: u64,
    /// The time until which the room rests after its last flush, µs.
    pub rests_until: u64,
    /// Whether only the holder of the crown may play (`crownsolo`).
    pub solo: bool,
    /// The participant that holds the crown, if any.
    pub holder: Option<ParticipantId>,
    /// The room's stream, or its home; none if no other node knows the room.
    pub relay: Option<Box<RoomRelay>>,
}

impl Room {
    /// Return whether another node gives the room's order.
    #[inline]
    pub fn is_replica(&self) -> bool {
        matches!(self.relay.as_deref(), Some(RoomRelay::Replica(_)))
    }

    /// Let the room rest after a flush that ended `now`, until it is within its budget again.
    ///
    /// The budget is one number: the time when all sending so far will be within the room's share. A
    /// room may exceed the budget by `CREDIT`, so that a room within its share never rests.
    pub fn rest(&mut self, settings: &Settings, now: u64) {
        self.within_budget =
            self.within_budget.max(now - self.spent) + (self.spent as f64 / settings.duty.0) as u64;
        let rest_ends = self.within_budget.saturating_sub(CREDIT);
        self.rests_until = rest_ends.clamp(now, now + settings.rest_ms.us());
        if rest_ends > self.rests_until {
            // The longest rest is guaranteed; the rest of the debt is forgiven.
            self.within_budget = self.rests_until + CREDIT;
        }
    }

    /// Remove the member at `seat`; call `moved` with each member that changes its seat, and the new
    /// seat.
    ///
    /// A flush in progress continues with the members that it has not served.
    pub fn remove_member(&mut self, seat: usize, mut moved: impl FnMut(ClientId, usize)) {
        let mut gap = seat;
        if let Some(served) = self.served.as_mut().filter(|served| seat < **served) {
            *served -= 1;
            gap = *served;
            self.members.swap(seat, gap);
            moved(self.members[seat], seat);
        }
        self.members.swap_remove(gap);
        if let Some(last) = self.members.get(gap) {
            moved(*last, gap);
        }
    }
}
