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
        self.need_flush_at(due);
    }

    /// Ensure that a flush follows: at the end of the current turn of the loop, or by the timer.
    pub(crate) fn need_flush(&mut self) {
        self.is_owed_flush = true;
        if !self.in_turn {
            self.set_alarm(self.now);
        }
    }

    /// Ensure that a flush follows at a given time, or at the end of the turn.
    pub(crate) fn need_flush_at(&mut self, due: u64) {
        if due <= self.now {
            self.need_flush();
        } else {
            self.set_alarm(due);
        }
    }

    /// Restore the queues of a flush that panicked, so that all rooms and clients are served again.
    ///
    /// The room in whose flush the panic was comes last.
    pub fn requeue(&mut self) {
        self.rooms_to_flush = self.rooms.iter().filter(|(_, room)| room.queued).map(|(id, _)| id).collect();
        self.rooms_to_flush.sort_by_key(|id| self.rooms[*id].served.is_some());
        self.clients_to_flush =
            self.clients.iter().filter(|(_, client)| client.queued).map(|(id, _)| id).collect();
        self.requeue_publications();
        self.is_owed_flush = true;
        self.alarm = u64::MAX;
        self.set_alarm(self.now);
    }

    /// Set the timer, unless it fires earlier.
    pub(crate) fn set_alarm(&mut self, at: u64) {
        if at < self.alarm {
            self.alarm = at;
            self.poller.arm(at.saturating_sub(self.clock.now()));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::fd::AsRawFd;
    use std::os::unix::net::UnixStream;

    use super::*;
    use crate::hub::settings::Settings;
    use crate::sys::clock::Clock;

    #[test]
    fn after_a_panic_all_rooms_and_clients_are_served() {
        let (near, mut far) = UnixStream::pair().unwrap();
        let mut hub = Hub::new(Settings::default(), Clock::manual(1_000)).unwrap();
        let client = hub.attach(near.as_raw_fd());
        let room = hub.open_room();
        let participant = hub.add_participant(room, b"\"id\"", b"{", b"0", b"0").unwrap();
        hub.enter(client, room, participant);
        hub.broadcast(room, b"[1]", None);
        hub.send(client, b"[2]");
        // A flush takes the queues first; if it panics they are gone.
        hub.rooms_to_flush.clear();
        hub.clients_to_flush.clear();
        hub.broadcast(room, b"[3]", None);
        hub.requeue();
        hub.flush();
        let mut read = [0; 64];
        let count = far.read(&mut read).unwrap();
        assert_eq!(read[..count], *b"\x81\x03[1]\x81\x03[2]\x81\x03[3]");
    }
}
