//! Queue frames for one client or for a room.

use crate::hub::client::{Client, Phase};
use crate::hub::ids::{ClientId, RoomId};
use crate::hub::refusal::Refusal;
use crate::hub::Hub;
use crate::relay::item::Item;
use crate::wire::frame;

impl Hub {
    /// Set the notice, a JSON array, that clients receive when a hot message is refused.
    pub fn set_notice(&mut self, refusal: Refusal, payload: &[u8]) {
        let notice = &mut self.notices[refusal as usize];
        notice.clear();
        frame::append(notice, frame::TEXT, payload);
    }

    /// Return whether a client may receive a notice about this refusal now.
    ///
    /// If so, further notices of the kind are suppressed for a while.
    pub fn may_notify(&mut self, client: ClientId, refusal: Refusal) -> bool {
        let now = self.clock.now();
        let Some(it) = self.clients.get_mut(client) else { return false };
        let quiet_until = &mut it.quiet_until[refusal.notice_kind()];
        let may = *quiet_until <= now;
        if may {
            *quiet_until = now + self.settings.notice_gap_ms.us();
        }
        may
    }

    /// Queue a JSON array for one client, after all frames queued so far.
    pub fn send(&mut self, client: ClientId, payload: &[u8]) {
        self.send_frame(client, frame::TEXT, payload);
    }

    /// Queue a binary message for one client, after all frames queued so far.
    pub fn send_binary(&mut self, client: ClientId, payload: &[u8]) {
        self.send_frame(client, frame::BINARY, payload);
    }

    fn send_frame(&mut self, client: ClientId, opcode: u8, payload: &[u8]) {
        if self.clients.get(client).is_some_and(Client::is_remote) {
            return self.send_remote(client, opcode, payload);
        }
        self.send_with(client, |out| frame::append(out, opcode, payload));
    }

    /// Queue finished bytes for one client here: the answer to its handshake, or a frame.
    pub fn send_with(&mut self, client: ClientId, write: impl FnOnce(&mut Vec<u8>)) {
        let Some(it) = self.clients.get_mut(client) else { return };
        if it.phase != Phase::Open || it.is_remote() {
            return;
        }
        let at = self.rooms.get(it.room).map_or(0, |room| room.log.head());
        self.stats.queued += it.insert(at, write);
        self.stats.sent_frames += 1;
        self.queue_client(client);
    }

    /// Queue a frame with the participants of a room between `before` and `after`.
    ///
    /// Hidden participants are included if the client `sees_all`; its own is always included.
    pub fn send_participants(
        &mut self,
        client: ClientId,
        room: RoomId,
        before: &[u8],
        after: &[u8],
        sees_all: bool,
    ) {
        if self.clients.get(client).is_some_and(Client::is_remote) {
            return self.send_participants_remote(client, room, before, after, sees_all);
        }
        let viewer = self.clients.get(client).and_then(|it| it.participant);
        let participants = self.participants_json(room, viewer, sees_all);
        self.send_with(client, |out| {
            frame::append_header(out, frame::TEXT, before.len() + participants.len() + after.len());
            out.extend_from_slice(before);
            out.extend_from_slice(&participants);
            out.extend_from_slice(after);
        });
    }

    /// Broadcast a JSON array to a room, except to one connection, if one is given.
    pub fn broadcast(&mut self, room: RoomId, payload: &[u8], except: Option<ClientId>) {
        self.append_to_log(room, payload, except);
        if self.relay.is_some() {
            self.record_broadcast(room, payload, except, false);
        }
        self.queue_room(room);
    }

    /// Broadcast a message that alone causes no flush within `rest` of the last one: joins and leaves.
    ///
    /// After a restart all clients return at once. A room of a thousand would receive each join by a
    /// thousand system calls.
    pub fn broadcast_soon(&mut self, room: RoomId, payload: &[u8], except: Option<ClientId>) {
        self.append_to_log(room, payload, except);
        if self.relay.is_some() {
            self.record_broadcast(room, payload, except, true);
        }
        if let Some(it) = self.rooms.get(room) {
            self.queue_room_at(room, it.soon_flush_at);
        }
    }

    fn append_to_log(&mut self, room: RoomId, payload: &[u8], except: Option<ClientId>) {
        let Some(it) = self.rooms.get_mut(room) else { return };
        let range = it.log.append(false, payload.len(), |out| out.extend_from_slice(payload));
        let mut receivers = it.members.len() as u64;
        if let Some(client) =
            self.clients.get_mut(except).filter(|it| it.room == Some(room) && !it.is_remote())
        {
            client.skip(range);
            receivers -= 1;
        }
        self.stats.broadcasts += 1;
        self.stats.deliveries += receivers;
        self.stats.queued += (range.1 - range.0) * receivers;
    }

    /// Broadcast a frame with all participants of a room between `before` and `after`.
    pub fn broadcast_participants(&mut self, room: RoomId, before: &[u8], after: &[u8]) {
        let mut payload = before.to_vec();
        payload.extend_from_slice(&self.participants_json(room, None, false));
        payload.extend_from_slice(after);
        self.append_to_log(room, &payload, None);
        self.record_positions(room);
        self.record(room, &Item::Roster { before, after });
        self.queue_room(room);
    }
}
