//! What is queued for one client or for a room.

use crate::hub::client::Phase;
use crate::hub::refusal::Refusal;
use crate::hub::{Hub, NONE};
use crate::wire::frame;

impl Hub {
    /// Sets what clients are told when a hot message is refused: a JSON array.
    pub fn set_notice(&mut self, refusal: Refusal, payload: &[u8]) {
        let notice = &mut self.notices[refusal as usize];
        notice.clear();
        frame::append(notice, frame::TEXT, payload);
    }

    /// Whether a client may be told now why something was refused; then it is not for a while.
    pub fn may_notify(&mut self, client: u32, refusal: Refusal) -> bool {
        let now = self.clock.now();
        let Some(it) = self.clients.get_mut(client as usize) else { return false };
        let quiet_until = &mut it.quiet_until[refusal.notice_kind()];
        let may = *quiet_until <= now;
        if may {
            *quiet_until = now + self.settings.notice_gap;
        }
        may
    }

    /// Queues a JSON array for one client, after all that it has been told so far.
    pub fn send(&mut self, client: u32, payload: &[u8]) {
        self.send_with(client, |out| frame::append(out, frame::TEXT, payload));
    }

    /// Queues finished bytes for one client: the answer to its upgrade, or a frame.
    pub fn send_with(&mut self, client: u32, write: impl FnOnce(&mut Vec<u8>)) {
        let Some(it) = self.clients.get_mut(client as usize) else { return };
        if it.phase != Phase::Open {
            return;
        }
        let at = self.rooms.get(it.room as usize).map_or(0, |room| room.log.head());
        it.insert(at, write);
        self.stats.sent_frames += 1;
        self.queue_client(client);
    }

    /// Queues a frame with the people of a room between `before` and `after`.
    ///
    /// Hidden people are among them if the client `sees_all`; it always sees itself.
    pub fn send_participants(&mut self, client: u32, room: u32, before: &[u8], after: &[u8], sees_all: bool) {
        let viewer = self.clients.get(client as usize).map_or(NONE, |it| it.participant);
        let participants = self.participants_json(room, viewer, sees_all);
        self.send_with(client, |out| {
            frame::append_header(out, frame::TEXT, before.len() + participants.len() + after.len());
            out.extend_from_slice(before);
            out.extend_from_slice(&participants);
            out.extend_from_slice(after);
        });
    }

    /// Says a JSON array to a room, the connection `except` left out ([`NONE`] for nobody).
    pub fn broadcast(&mut self, room: u32, payload: &[u8], except: u32) {
        self.append_to_log(room, payload, except);
        self.queue_room(room);
    }

    /// Says something that alone causes no flush within `rest` of the last one: who comes and goes.
    ///
    /// After a restart everybody comes back at once, and a room of a thousand would be told of each
    /// by a thousand system calls.
    pub fn broadcast_soon(&mut self, room: u32, payload: &[u8], except: u32) {
        self.append_to_log(room, payload, except);
        if let Some(it) = self.rooms.get(room as usize) {
            self.queue_room_at(room, it.soon_flush_at);
        }
    }

    fn append_to_log(&mut self, room: u32, payload: &[u8], except: u32) {
        let Some(it) = self.rooms.get_mut(room as usize) else { return };
        let range = it.log.append(false, payload.len(), |out| out.extend_from_slice(payload));
        self.stats.broadcasts += 1;
        self.stats.deliveries += it.members.len() as u64;
        if let Some(client) = self.clients.get_mut(except as usize).filter(|client| client.room == room) {
            client.skip(range);
            self.stats.deliveries -= 1;
        }
    }

    /// Says a frame with all people of a room between `before` and `after`.
    pub fn broadcast_participants(&mut self, room: u32, before: &[u8], after: &[u8]) {
        let mut payload = before.to_vec();
        payload.extend_from_slice(&self.participants_json(room, NONE, false));
        payload.extend_from_slice(after);
        self.broadcast(room, &payload, NONE);
    }
}
