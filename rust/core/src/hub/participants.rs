//! Rooms, their participants, and the connections of those.

use crate::hub::client::Phase;
use crate::hub::ids::{ClientId, ParticipantId, RoomId};
use crate::hub::room::{Participant, Room};
use crate::hub::Hub;
use crate::relay::item::{Described, Item};
use crate::slots::SlotId;

impl Hub {
    /// Create a room and return its number.
    pub fn open_room(&mut self) -> RoomId {
        self.rooms.insert(Room::default())
    }

    /// Forget a room that all participants have left.
    pub fn close_room(&mut self, room: RoomId) {
        if self.relay.is_some() {
            self.empty_of_remotes(room);
        }
        if let Some(gone) = self.rooms.remove(room) {
            if let Some(mut relay) = gone.relay {
                self.forget_replica(room, &mut relay);
            }
            for member in gone.members {
                self.leave_replica(member);
                if let Some(client) = self.clients.get_mut(member) {
                    client.leave_log(&gone.log, false);
                }
                self.queue_client(member);
            }
            for participant in gone.participants {
                self.participants.remove(participant);
            }
        }
    }

    /// Set which participants may play in a room.
    pub fn set_players(&mut self, room: RoomId, solo: bool, holder: Option<ParticipantId>) {
        if let Some(it) = self.rooms.get_mut(room) {
            it.solo = solo;
            it.holder = holder;
            self.record(room, &Item::Players { solo, holder: holder.map(SlotId::number) });
        }
    }

    /// Add a participant to a room and return its number.
    ///
    /// The arguments are the participant's id and entry of `ppl`, without x, y and the closing brace.
    /// The result is `None` if the room does not exist.
    pub fn add_participant(
        &mut self,
        room: RoomId,
        id: &[u8],
        head: &[u8],
        x: &[u8],
        y: &[u8],
    ) -> Option<ParticipantId> {
        let it = self.rooms.get_mut(room)?;
        let participant = self.participants.insert(Participant::new(room, id, head, x, y));
        it.participants.push(participant);
        let number = participant.number();
        self.record(room, &Item::Added(Described { number, muted: false, hidden: false, id, head, x, y }));
        Some(participant)
    }

    /// Change a participant's entry of `ppl`.
    pub fn update_participant(&mut self, participant: ParticipantId, head: &[u8]) {
        if let Some(it) = self.participants.get_mut(participant) {
            it.head = head.into();
            let room = it.room;
            self.record(room, &Item::Head { number: participant.number(), head });
        }
    }

    /// Set whether a participant may play, and whether others see it.
    pub fn set_participant_flags(&mut self, participant: ParticipantId, muted: bool, hidden: bool) {
        if let Some(it) = self.participants.get_mut(participant) {
            it.muted = muted;
            it.hidden = hidden;
            let room = it.room;
            self.record(room, &Item::Flags { number: participant.number(), muted, hidden });
        }
    }

    /// Remove a participant from its room, after its connections have left.
    pub fn remove_participant(&mut self, participant: ParticipantId) {
        let Some(gone) = self.participants.remove(participant) else { return };
        if let Some(room) = self.rooms.get_mut(gone.room) {
            room.participants.retain(|other| *other != participant);
            room.movers.retain(|other| *other != participant);
            if room.holder == Some(participant) {
                room.holder = None;
            }
        }
        for tab in gone.tabs {
            if let Some(client) = self.clients.get_mut(tab) {
                client.participant = None;
            }
        }
        self.record(gone.room, &Item::Removed(participant.number()));
    }

    /// Return the pointer position of a participant, as JSON.
    #[must_use]
    pub fn position(&self, participant: ParticipantId) -> Option<(&[u8], &[u8])> {
        self.participants.get(participant).map(|participant| (&*participant.x, &*participant.y))
    }

    /// Return the entries of a room's `ppl` visible to the participant `viewer`, separated by commas.
    #[must_use]
    pub fn participants_json(&self, room: RoomId, viewer: Option<ParticipantId>, sees_all: bool) -> Vec<u8> {
        let mut out = Vec::new();
        for number in self.rooms.get(room).iter().flat_map(|room| &room.participants) {
            let participant = &self.participants[*number];
            if participant.hidden && !sees_all && Some(*number) != viewer {
                continue;
            }
            if !out.is_empty() {
                out.push(b',');
            }
            participant.write(&mut out);
        }
        out
    }

    /// Put a connection into a room as one of the tabs of a participant there.
    ///
    /// The client receives all later broadcasts, after the frames queued before.
    pub fn enter(&mut self, client: ClientId, room: RoomId, participant: ParticipantId) {
        self.leave(client);
        let (Some(it), Some(to), Some(who)) = (
            self.clients.get_mut(client).filter(|it| it.phase == Phase::Open),
            self.rooms.get_mut(room),
            self.participants.get_mut(participant),
        ) else {
            return;
        };
        if it.is_remote() {
            return self.enter_remote(client, room, participant);
        }
        it.room = Some(room);
        it.participant = Some(participant);
        it.seat = to.members.len() as u32;
        it.offset = to.log.head();
        to.members.push(client);
        who.tabs.push(client);
    }

    /// Take a connection out of its room; the queued part of the log still reaches the client.
    pub fn leave(&mut self, client: ClientId) {
        self.leave_room(client, false);
    }

    /// Take a connection out of its room; when closing, a client with a full socket loses its backlog.
    pub(super) fn leave_room(&mut self, client: ClientId, closing: bool) {
        let Some(it) = self.clients.get_mut(client) else { return };
        if it.is_remote() {
            return self.leave_remote(client);
        }
        let (from, seat, participant) = (it.room, it.seat as usize, it.participant);
        let drop_backlog = closing && it.blocked;
        let nowhere = Room::default();
        it.leave_log(self.rooms.get(from).map_or(&nowhere.log, |room| &room.log), drop_backlog);
        it.participant = None;
        let is_owed = it.is_owed_inserts();
        if let Some(room) = self.rooms.get_mut(from) {
            let clients = &mut self.clients;
            room.remove_member(seat, |member, seat| clients[member].seat = seat as u32);
            if room.relay.is_some() {
                self.leave_replica(client);
            }
        }
        if let Some(participant) = self.participants.get_mut(participant) {
            participant.tabs.retain(|tab| *tab != client);
        }
        if is_owed {
            self.queue_client(client);
        }
    }
}
