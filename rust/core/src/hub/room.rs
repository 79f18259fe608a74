//! Rooms as the hot path sees them: members, people and one log.

use crate::hub::room_log::RoomLog;
use crate::hub::NONE;

/// Somebody in a room, with all his tabs: one entry of `ppl`.
#[derive(Debug)]
pub struct Participant {
    /// The room.
    pub room: u32,
    /// The participant id as JSON, quotes included.
    pub id: Box<[u8]>,
    /// The participant as a JSON object without `x`, `y` and the closing brace.
    pub head: Box<[u8]>,
    /// The cursor's position as JSON, as the client wrote it.
    pub x: Box<[u8]>,
    /// As `x`.
    pub y: Box<[u8]>,
    /// Whether the newest position is not in the log yet.
    pub pointer_moved: bool,
    /// When the next position may go out, µs.
    pub next_pointer_at: u64,
    /// Whether his notes are dropped.
    pub muted: bool,
    /// Whether others do not see him.
    pub hidden: bool,
    /// His connections in this room.
    pub tabs: Vec<u32>,
}

impl Participant {
    /// Appends the entry of `ppl`.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.head);
        out.extend_from_slice(b",\"x\":");
        out.extend_from_slice(&self.x);
        out.extend_from_slice(b",\"y\":");
        out.extend_from_slice(&self.y);
        out.push(b'}');
    }
}

/// A room.
#[derive(Debug)]
pub struct Room {
    /// What its members are owed.
    pub log: RoomLog,
    /// Connections in it.
    pub members: Vec<u32>,
    /// People in it, the one who has been there longest first.
    pub participants: Vec<u32>,
    /// People whose newest position waits for the flush.
    pub movers: Vec<u32>,
    /// How many of its members the flush that is under way has served.
    pub served: Option<usize>,
    /// What that flush has taken so far, µs.
    pub spent: u64,
    /// Whether it waits in the hub's list of rooms to flush.
    pub queued: bool,
    /// When the flush that it waits for is due, µs; while one is under way, the one after it.
    pub due: u64,
    /// When positions alone may next cause a flush, µs.
    pub next_pointer_at: u64,
    /// When who comes and goes may next cause a flush, µs.
    pub soon_flush_at: u64,
    /// When what it spent on sending will be within its share of the time again, µs.
    pub within_budget: u64,
    /// Until when it rests after its last flush, µs.
    pub rests_until: u64,
    /// Whether only the holder of the crown may play (`crownsolo`).
    pub solo: bool,
    /// The person who holds the crown, or [`NONE`].
    pub holder: u32,
}

impl Room {
    /// Takes out the member at `seat`; calls `moved` with each who gets another seat, and that.
    ///
    /// A flush that is under way goes on with those whom it has not served.
    pub fn remove_member(&mut self, seat: usize, mut moved: impl FnMut(u32, usize)) {
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

impl Default for Room {
    fn default() -> Self {
        Self {
            log: RoomLog::default(),
            members: Vec::new(),
            participants: Vec::new(),
            movers: Vec::new(),
            served: None,
            spent: 0,
            queued: false,
            due: 0,
            next_pointer_at: 0,
            soon_flush_at: 0,
            within_budget: 0,
            rests_until: 0,
            solo: false,
            holder: NONE,
        }
    }
}
