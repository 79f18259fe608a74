//! Rooms whose stream is published, and the connections at edges: clients without a socket.

use crate::hub::client::{Client, Phase};
use crate::hub::ids::{ClientId, ParticipantId, RoomId};
use crate::hub::room::Participant;
use crate::hub::room_log::append_joined;
use crate::hub::Hub;
use crate::relay::fields::put_bytes;
use crate::relay::item::{Described, Item, Origin};
use crate::relay::message::{Kind, Place, Played, Snapshot};
use crate::relay::promotion::Records;
use crate::relay::{Home, RoomRelay};
use crate::slots::SlotId;
use crate::wire::frame;

impl Participant {
    /// Return the participant as edges know it.
    pub(super) fn described(&self, id: ParticipantId) -> Described<'_> {
        Described {
            number: id.number(),
            muted: self.muted,
            hidden: self.hidden,
            id: &self.id,
            head: &self.head,
            x: &self.x,
            y: &self.y,
        }
    }

    /// Append the pointer position to a stream that does not have it.
    fn record_position(&mut self, id: ParticipantId, home: &mut Home) {
        if !std::mem::replace(&mut self.is_position_known, true) {
            home.record(&Item::Position { number: id.number(), x: &self.x, y: &self.y });
        }
    }
}

impl Hub {
    /// Publish a room's stream under an epoch from now on, while connections of other nodes are in it.
    pub fn set_epoch(&mut self, room: RoomId, epoch: u64) {
        self.publish_room(room);
        let Some(it) = self.rooms.get_mut(room).filter(|_| self.relay.is_some()) else { return };
        match it.relay.as_deref_mut() {
            Some(RoomRelay::Home(home)) => (home.epoch, home.seq) = (epoch, 0),
            Some(RoomRelay::Replica(_)) => {}
            None => {
                it.relay = Some(Box::new(RoomRelay::Home(Home {
                    epoch,
                    seq: 0,
                    position: 0,
                    pending: Vec::new(),
                    count: 0,
                    rests_until: 0,
                    queued: false,
                    nodes: Vec::new(),
                    records: Records::default(),
                })));
            }
        }
    }

    /// Add a connection at another node, with the number of its stay there; `None` outside of clusters.
    ///
    /// The client has no socket: what it is sent goes to its node.
    pub fn attach_remote(&mut self, nid: u16, stay: u32) -> Option<ClientId> {
        let Self { relay: Some(relay), clients, now, .. } = self else { return None };
        let client = clients.insert(Client::remote(*now));
        let origin = Origin { nid, stay };
        relay.remotes.insert(client, origin);
        relay.by_origin.insert(origin, client);
        Some(client)
    }

    /// Send a node all that it must know of a room: something of the room's stream was lost.
    pub fn resnapshot(&mut self, room: RoomId, nid: u16) {
        self.publish_room(room);
        self.send_snapshot(room, nid);
    }

    fn send_snapshot(&mut self, room: RoomId, nid: u16) {
        let Self { relay: Some(relay), rooms, participants, .. } = self else { return };
        let Some(it) = rooms.get_mut(room) else { return };
        let Some(home) = it.relay.as_deref_mut().and_then(RoomRelay::home) else { return };
        let players = (it.solo, it.holder.map(SlotId::number));
        let members = &it.participants;
        relay.post(nid, Kind::Snapshot, |out| {
            Snapshot::write_head(out, home.epoch, home.position, players, members.len() as u32);
            for id in members {
                participants[*id].described(*id).write(out);
            }
            home.records.write(out);
        });
        relay.stats.snapshots += 1;
        self.need_flush();
    }

    /// Forget what the relay has of a client that is detached.
    pub(crate) fn forget_remote(&mut self, client: ClientId) {
        let Some(relay) = self.relay.as_deref_mut() else { return };
        if let Some(origin) = relay.remotes.remove(&client) {
            if relay.by_origin.get(&origin) == Some(&client) {
                relay.by_origin.remove(&origin);
            }
        }
    }

    /// Put a connection at an edge into a room: its node gets the room first, if it has nobody there.
    pub(crate) fn enter_remote(&mut self, client: ClientId, room: RoomId, participant: ParticipantId) {
        self.publish_room(room);
        let Some((origin, place, is_first)) = self.seat_remote(client, room, participant) else { return };
        let (epoch, position) = place;
        if is_first {
            self.send_snapshot(room, origin.nid);
        }
        self.post_to(client, Kind::Entered, |out, stay| {
            Place { epoch, position, stay }.write(out);
            out.extend_from_slice(&participant.number().to_le_bytes());
        });
    }

    /// Note that a connection at an edge is in a room.
    ///
    /// Return its origin, epoch and position of the stream, and whether its node had nobody there.
    pub(super) fn seat_remote(
        &mut self,
        client: ClientId,
        room: RoomId,
        participant: ParticipantId,
    ) -> Option<(Origin, (u64, u64), bool)> {
        let Self { relay: Some(relay), clients, rooms, participants, .. } = self else { return None };
        let (it, origin) = (clients.get_mut(client)?, relay.remotes.get(&client).copied()?);
        let home = rooms.get_mut(room)?.relay.as_deref_mut()?.home()?;
        let who = participants.get_mut(participant)?;
        it.room = Some(room);
        it.participant = Some(participant);
        who.tabs.push(client);
        let known = home.nodes.iter_mut().find(|(nid, _)| *nid == origin.nid);
        let is_first = known.is_none();
        match known {
            Some((_, count)) => *count += 1,
            None => home.nodes.push((origin.nid, 1)),
        }
        Some((origin, (home.epoch, home.position), is_first))
    }

    /// Take a connection at an edge out of its room, which goes on there until another home has it.
    pub fn drop_remote(&mut self, client: ClientId) {
        self.take_remote(client);
        self.forget_remote(client);
    }

    /// Take a connection at an edge out of its room.
    pub(crate) fn leave_remote(&mut self, client: ClientId) {
        if let Some((epoch, position)) = self.take_remote(client) {
            self.post_to(client, Kind::Left, |out, stay| Place { epoch, position, stay }.write(out));
        }
    }

    /// Take a connection at an edge out of its room here; return the reign and the position.
    fn take_remote(&mut self, client: ClientId) -> Option<(u64, u64)> {
        let it = self.clients.get_mut(client)?;
        let (from, participant) = (it.room.take()?, it.participant.take());
        if let Some(participant) = self.participants.get_mut(participant) {
            participant.tabs.retain(|tab| *tab != client);
        }
        self.publish_room(from);
        let Self { relay: Some(relay), rooms, .. } = self else { return None };
        let origin = relay.remotes.get(&client).copied()?;
        let room = rooms.get_mut(from).and_then(|room| room.relay.as_deref_mut());
        let (mut epoch, mut position) = (0, 0);
        if let Some(home) = room.and_then(RoomRelay::home) {
            (epoch, position) = (home.epoch, home.position);
            for (nid, count) in &mut home.nodes {
                *count -= u32::from(*nid == origin.nid);
            }
            home.nodes.retain(|(_, count)| *count > 0);
            // Nobody hears what follows: all that is one item, which no replica has.
            home.position += u64::from(home.nodes.is_empty());
        }
        Some((epoch, position))
    }

    /// Take all connections at edges out of a room that is closed.
    pub(crate) fn empty_of_remotes(&mut self, room: RoomId) {
        let participants = self.rooms.get(room).map_or(&[][..], |it| &it.participants);
        let tabs = participants.iter().flat_map(|id| &self.participants[*id].tabs).copied();
        let remote: Vec<ClientId> = tabs.filter(|tab| self.clients[*tab].is_remote()).collect();
        for client in remote {
            self.leave_remote(client);
        }
    }

    /// Send a frame to a connection at an edge, behind all that its room has heard.
    pub(crate) fn send_remote(&mut self, client: ClientId, opcode: u8, payload: &[u8]) {
        if !self.is_open(client) {
            return;
        }
        self.publish_room_of(client);
        self.stats.sent_frames += 1;
        self.stats.queued += payload.len() as u64;
        self.post_to(client, Kind::Send, |out, stay| {
            out.extend_from_slice(&stay.to_le_bytes());
            out.push(opcode);
            put_bytes(out, payload);
        });
    }

    /// Send the participants of a room to a connection at an edge, which fills them in itself.
    pub(crate) fn send_participants_remote(
        &mut self,
        client: ClientId,
        room: RoomId,
        before: &[u8],
        after: &[u8],
        sees_all: bool,
    ) {
        if self.clients.get(client).is_none_or(|it| it.room != Some(room)) {
            let entries = self.participants_json(room, None, sees_all);
            return self.send_remote(client, frame::TEXT, &[before, &entries, after].concat());
        }
        if !self.is_open(client) {
            return;
        }
        self.record_positions(room);
        self.publish_room(room);
        let Some(home) = self.home_mut(room) else { return };
        let (epoch, position) = (home.epoch, home.position);
        self.stats.sent_frames += 1;
        self.post_to(client, Kind::Participants, |out, stay| {
            Place { epoch, position, stay }.write(out);
            out.push(u8::from(sees_all));
            put_bytes(out, before);
            put_bytes(out, after);
        });
    }

    /// Have the node of a connection close it.
    pub(crate) fn close_remote(&mut self, client: ClientId, code: u16, reason: &str) {
        self.publish_room_of(client);
        self.post_to(client, Kind::Close, |out, stay| {
            out.extend_from_slice(&stay.to_le_bytes());
            out.extend_from_slice(&code.to_le_bytes());
            put_bytes(out, reason.as_bytes());
        });
    }

    fn is_open(&self, client: ClientId) -> bool {
        self.clients.get(client).is_some_and(|it| it.phase == Phase::Open)
    }

    fn publish_room_of(&mut self, client: ClientId) {
        if let Some(room) = self.clients.get(client).and_then(|it| it.room) {
            self.publish_room(room);
        }
    }

    /// Post a message about a connection at an edge to its node.
    fn post_to(&mut self, client: ClientId, kind: Kind, write: impl FnOnce(&mut Vec<u8>, u32)) {
        let Some(relay) = self.relay.as_deref_mut() else { return };
        let Some(Origin { nid, stay }) = relay.remotes.get(&client).copied() else { return };
        relay.post(nid, kind, |out| write(out, stay));
        self.need_flush();
    }

    /// Return the state of a room whose home is here.
    pub(super) fn home_mut(&mut self, room: RoomId) -> Option<&mut Home> {
        self.rooms.get_mut(room)?.relay.as_deref_mut()?.home()
    }

    /// Append an item to the stream of a room, if its home is here.
    pub(crate) fn record(&mut self, room: RoomId, item: &Item<'_>) {
        if let Some(home) = self.home_mut(room) {
            home.record(item);
            self.stream_grew(room);
        }
    }

    /// Append a broadcast to the stream of a room.
    pub(crate) fn record_broadcast(
        &mut self,
        room: RoomId,
        payload: &[u8],
        except: Option<ClientId>,
        soon: bool,
    ) {
        let remotes = self.relay.as_ref().map(|relay| &relay.remotes);
        let origin = except.and_then(|client| remotes?.get(&client).copied());
        self.record(room, &Item::Entry { origin, soon, payload });
    }

    /// Append the positions that participants have and the log has not: edges fill in entries of `ppl`.
    pub(crate) fn record_positions(&mut self, room: RoomId) {
        let Self { rooms, participants, .. } = self;
        let Some(it) = rooms.get_mut(room) else { return };
        let Some(home) = it.relay.as_deref_mut().and_then(RoomRelay::home) else { return };
        for mover in &it.movers {
            if let Some(participant) = participants.get_mut(*mover) {
                participant.record_position(*mover, home);
            }
        }
        self.stream_grew(room);
    }

    /// Broadcast what a connection has played in a room whose home is here.
    ///
    /// The connection is here, or at the origin.
    pub(super) fn play_at_home(
        &mut self,
        place: RoomId,
        client: Option<ClientId>,
        origin: Option<Origin>,
        payload: &[u8],
    ) {
        let Self { clients, rooms, stats, .. } = self;
        let Some(room) = rooms.get_mut(place) else { return };
        let range = append_joined!(room.log, false, [payload]);
        stats.broadcasts += 1;
        stats.deliveries += room.members.len() as u64;
        if let Some(it) = clients.get_mut(client) {
            it.skip(range);
            stats.deliveries -= 1;
        }
        if let Some(home) = room.relay.as_deref_mut().and_then(RoomRelay::home) {
            home.record(&Item::Entry { origin, soon: false, payload });
        }
        self.stream_grew(place);
        self.queue_room(place);
    }

    /// Apply what a connection at an edge has played; return whether it may play.
    pub(super) fn play_remote(&mut self, origin: Origin, played: &Played<'_>) -> bool {
        let Self { relay: Some(relay), clients, rooms, participants, quotas, .. } = self else {
            return false;
        };
        let client = relay.by_origin.get(&origin).copied();
        let Some(it) = clients.get(client).filter(|it| it.has_session) else { return false };
        let Some((place, mover)) = it.room.zip(it.participant) else { return false };
        let (Some(room), Some(participant)) = (rooms.get(place), participants.get(mover)) else {
            return false;
        };
        match *played {
            Played::Pointer { x, y } => self.move_participant(place, mover, x, y),
            Played::Notes { count, payload } => {
                let is_soloed = room.solo && room.holder != Some(mover);
                if (participant.muted || is_soloed) && !it.plays_anywhere {
                    return false;
                }
                if !it.quota.is_some_and(|quota| quotas.spend_from(origin.nid, quota, count)) {
                    return false;
                }
                self.play_at_home(place, None, Some(origin), payload);
            }
        }
        true
    }

    /// Let the node of a connection not wait for the echo of notes that are not broadcast.
    pub(super) fn deny_echo(&mut self, nid: u16, stay: u32, payload: &[u8]) {
        let Some(relay) = self.relay.as_deref_mut() else { return };
        relay.post(nid, Kind::Refused, |out| {
            out.extend_from_slice(&stay.to_le_bytes());
            put_bytes(out, payload);
        });
        self.need_flush();
    }

    /// Write the pointer positions of a room that are due into its log, and into its stream.
    pub(super) fn flush_pointers_at_home(&mut self, id: RoomId, now: u64) {
        let Self { clients, rooms, participants, settings, stats, .. } = self;
        let room = &mut rooms[id];
        let Some(home) = room.relay.as_deref_mut().and_then(RoomRelay::home) else { return };
        let (members, log, next_pointer_at) = (&room.members, &mut room.log, &mut room.next_pointer_at);
        room.movers.retain(|mover| {
            let Some(participant) = participants.get_mut(*mover) else { return false };
            if participant.next_pointer_at > now {
                return true;
            }
            participant.pointer_moved = false;
            if participant.hidden {
                // Staff at an edge see the participant where it is.
                participant.record_position(*mover, home);
                return false;
            }
            participant.next_pointer_at = now + settings.move_ms.us();
            *next_pointer_at = now + settings.move_ms.us() / 2;
            let range = participant.append_pointer(log);
            let mut receivers = members.len();
            for tab in &participant.tabs {
                let tab = &mut clients[*tab];
                if !tab.is_remote() {
                    tab.skip(range);
                    receivers -= 1;
                }
            }
            home.record(&Item::Pointer { number: mover.number(), x: &participant.x, y: &participant.y });
            stats.moves_out += 1;
            stats.broadcasts += 1;
            stats.deliveries += receivers as u64;
            false
        });
        self.stream_grew(id);
    }
}
