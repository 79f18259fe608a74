//! When the next flush comes.

use crate::hub::Hub;

impl Hub {
    pub(crate) fn queue_client(&mut self, client: u32) {
        if let Some(it) = self.clients.get_mut(client as usize) {
            if !it.queued {
                it.queued = true;
                self.clients_to_flush.push(client);
            }
            self.need_flush();
        }
    }

    /// Has a room flushed as soon as it need not rest.
    pub(crate) fn queue_room(&mut self, room: u32) {
        self.queue_room_at(room, 0);
    }

    /// Has a room flushed at a time, or before if something else wants it.
    pub(crate) fn queue_room_at(&mut self, room: u32, at: u64) {
        let Some(it) = self.rooms.get_mut(room as usize) else { return };
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

    /// Sees to it that a flush comes: by the turn of the loop that is under way, or by the timer.
    fn need_flush(&mut self) {
        self.is_owed_flush = true;
        if !self.in_turn {
            self.set_alarm(self.now);
        }
    }

    /// Sets the timer, unless it fires before.
    pub(crate) fn set_alarm(&mut self, at: u64) {
        if at < self.alarm {
            self.alarm = at;
            self.poller.arm(at.saturating_sub(self.clock.now()));
        }
    }
}
