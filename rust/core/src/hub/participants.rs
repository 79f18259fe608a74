//! Rooms, their participants, and the connections of those.

use crate::hub::client::Phase;
use crate::hub::room::{Participant, Room};
use crate::hub::{Hub, NONE};

impl Hub {
    /// Create a room and return its number.
    pub fn open_room(&mut self) -> u32 {
        self.rooms.insert(Room::default()) as u32
    }

    /// Forget a room that all participants have left.
    pub fn close_room(&mut self, room: u32) {
        if let Some(gone) = self.rooms.try_remove(room as usize) {
            for member in gone.members {
                if let Some(client) = self.clients.get_mut(member as usize) {
                    client.leave_log(&gone.log, false);
                }
                self.queue_client(member);
            }
            for participant in gone.participants {
                self.participants.try_remove(participant as usize);
            }
        }
    }

    /// Set which participants may play in a room.
    pub fn set_players(&mut self, room: u32, solo: bool, holder: u32) {
        if let Some(room) = self.rooms.get_mut(room as usize) {
            room.solo = solo;
            room.holder = holder;
        }
    }

    /// Add a participant to a room and return its number.
    ///
    /// The arguments are the participant's id and entry of `ppl`, without x, y and the closing brace.
    /// The result is [`NONE`] if the room does not exist.
    pub fn add_participant(&mut self, room: u32, id: &[u8], head: &[u8], x: &[u8], y: &[u8]) -> u32 {
        let Some(it) = self.rooms.get_mut(room as usize) else { return NONE };
        let participant = self.participants.insert(Participant {
            room,
            id: id.into(),
            head: head.into(),
            x: x.into(),
            y: y.into(),
            pointer_moved: false,
            next_pointer_at: 0,
            muted: false,
            hidden: false,
            tabs: Vec::new(),
        }) as u32;
        it.participants.push(participant);
        participant
    }

    /// Change a participant's entry of `ppl`.
    pub fn update_participant(&mut self, participant: u32, head: &[u8]) {
        if let Some(participant) = self.participants.get_mut(participant as usize) {
            participant.head = head.into();
        }
    }

    /// Set whether a participant may play, and whether others see it.
    pub fn set_participant_flags(&mut self, participant: u32, muted: bool, hidden: bool) {
        if let Some(participant) = self.participants.get_mut(participant as usize) {
            participant.muted = muted;
            participant.hidden = hidden;
        }
    }

    /// Remove a participant from its room, after its connections have left.
    pub fn remove_participant(&mut self, participant: u32) {
        let Some(gone) = self.participants.try_remove(participant as usize) else { return };
        if let Some(room) = self.rooms.get_mut(gone.room as usize) {
            room.participants.retain(|other| *other != participant);
            room.movers.retain(|other| *other != participant);
            if room.holder == participant {
                room.holder = NONE;
            }
        }
        for tab in gone.tabs {
            if let Some(client) = self.clients.get_mut(tab as usize) {
                client.participant = NONE;
            }
        }
    }

    /// Return the pointer position of a participant, as JSON.
    #[must_use]
    pub fn position(&self, participant: u32) -> Option<(&[u8], &[u8])> {
        self.participants.get(participant as usize).map(|participant| (&*participant.x, &*participant.y))
    }

    /// Return the entries of a room's `ppl` visible to the participant `viewer`, separated by commas.
    #[must_use]
    pub fn participants_json(&self, room: u32, viewer: u32, sees_all: bool) -> Vec<u8> {
        let mut out = Vec::new();
        for number in self.rooms.get(room as usize).iter().flat_map(|room| &room.participants) {
            let participant = &self.participants[*number as usize];
            if participant.hidden && !sees_all && *number != viewer {
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
    pub fn enter(&mut self, client: u32, room: u32, participant: u32) {
        self.leave(client);
        let (Some(it), Some(to), Some(who)) = (
            self.clients.get_mut(client as usize).filter(|it| it.phase == Phase::Open),
            self.rooms.get_mut(room as usize),
            self.participants.get_mut(participant as usize),
        ) else {
            return;
        };
        it.room = room;
        it.participant = participant;
        it.seat = to.members.len() as u32;
        it.offset = to.log.head();
        to.members.push(client);
        who.tabs.push(client);
    }

    /// Take a connection out of its room; the queued part of the log still reaches the client.
    pub fn leave(&mut self, client: u32) {
        self.leave_room(client, false);
    }

    /// Take a connection out of its room; when closing, a client with a full socket loses its backlog.
    pub(super) fn leave_room(&mut self, client: u32, closing: bool) {
        let Some(it) = self.clients.get_mut(client as usize) else { return };
        let (from, seat, participant) = (it.room, it.seat as usize, it.participant);
        let drop_backlog = closing && it.blocked;
        let nowhere = Room::default();
        it.leave_log(self.rooms.get(from as usize).map_or(&nowhere.log, |room| &room.log), drop_backlog);
        it.participant = NONE;
        let is_owed = it.is_owed_inserts();
        if let Some(room) = self.rooms.get_mut(from as usize) {
            let clients = &mut self.clients;
            room.remove_member(seat, |member, seat| clients[member as usize].seat = seat as u32);
        }
        if let Some(participant) = self.participants.get_mut(participant as usize) {
            participant.tabs.retain(|tab| *tab != client);
        }
        if is_owed {
            self.queue_client(client);
        }
    }
}
