//! Schedule flushes.

use crate::hub::ids::{ClientId, RoomId};
use crate::hub::Hub;

impl Hub {
    pub(crate) fn queue_client(&mut self, client: ClientId) {
        if let Some(it) = self.clients.get_mut(client) {
            if !it.queued {
                it.queued = true;
                self.clients_to_flush.push(client);
            }
            self.need_flush();
        }
    }

    /// Request a flush of a room as soon as the room need not rest.
    pub(crate) fn queue_room(&mut self, room: RoomId) {
        self.queue_room_at(room, 0);
    }

    /// Request a flush of a room at a given time, or earlier if another request is earlier.
    pub(crate) fn queue_room_at(&mut self, room: RoomId, at: u64) {
        let Some(it) = self.rooms.get_mut(room) else { return };
        let at = at.max(it.rests_until);
        if !it.queued {
            it.queued = true;
            it.due = at;
            self.rooms_to_flush.push(room);
        }
        it.due = it.due.min(at);
        let due = it.due;
        if due <= self.now {
            self.need_flush();
        } else {
            self.set_alarm(due);
        }
    }

    /// Ensure that a flush follows: at the end of the current turn of the loop, or by the timer.
    fn need_flush(&mut self) {
        self.is_owed_flush = true;
        if !self.in_turn {
            self.set_alarm(self.now);
        }
    }

    /// Set the timer, unless it fires earlier.
    pub(crate) fn set_alarm(&mut self, at: u64) {
        if at < self.alarm {
            self.alarm = at;
            self.poller.arm(at.saturating_sub(self.clock.now()));
        }
    }
}
