//! Replicas that become homes, and the records that they need for that.

use std::collections::VecDeque;

use crate::hub::ids::{ParticipantId, RoomId};
use crate::hub::Hub;
use crate::relay::fields::put_bytes;
use crate::relay::item::Item;
use crate::relay::message::Snapshot;
use crate::relay::RoomRelay;

/// The facts that Python knows of a room, as bytes of its own.
#[derive(Debug, Default)]
pub(super) struct Records {
    /// All but chat.
    record: Box<[u8]>,
    /// Chat, oldest line first.
    lines: VecDeque<Box<[u8]>>,
}

impl Records {
    /// Set all but chat.
    pub fn set(&mut self, record: &[u8]) {
        self.record = record.into();
    }

    /// Add a line of chat, of which `most` are kept; an empty one forgets all lines.
    pub fn add_line(&mut self, line: &[u8], most: u16) {
        if line.is_empty() {
            self.lines.clear();
            return;
        }
        self.lines.push_back(line.into());
        let surplus = self.lines.len().saturating_sub(most.into());
        self.lines.drain(..surplus);
    }

    /// Append everything to a snapshot.
    pub fn write(&self, out: &mut Vec<u8>) {
        put_bytes(out, &self.record);
        out.extend_from_slice(&(self.lines.len() as u32).to_le_bytes());
        for line in &self.lines {
            put_bytes(out, line);
        }
    }

    /// Take everything from a snapshot.
    pub fn read(&mut self, snapshot: &Snapshot<'_>) {
        self.set(snapshot.record);
        let mut lines = snapshot.lines;
        let read = (0..snapshot.line_count).map_while(|_| lines.bytes().ok());
        self.lines = read.map(Into::into).collect();
    }
}

impl Hub {
    /// Set what the next home of a room must know, except chat; the home of the room is here.
    pub fn set_record(&mut self, room: RoomId, record: &[u8]) {
        let Some(home) = self.home_mut(room) else { return };
        home.records.set(record);
        self.record(room, &Item::Record(record));
    }

    /// Add a line of chat that the next home of a room must know; see [`Item::Line`].
    pub fn add_line(&mut self, room: RoomId, line: &[u8], most: u16) {
        let Some(home) = self.home_mut(room) else { return };
        home.records.add_line(line, most);
        self.record(room, &Item::Line { most, line });
    }

    /// Return what the home of a replica has told for the next home: a record, and lines of chat.
    pub fn records(&self, room: RoomId) -> (&[u8], impl Iterator<Item = &[u8]>) {
        let relay = self.rooms.get(room).and_then(|room| room.relay.as_deref());
        let records = match relay {
            Some(RoomRelay::Replica(replica)) => Some(&replica.records),
            _ => None,
        };
        let lines = records.into_iter().flat_map(|it| &it.lines).map(|line| &**line);
        (records.map_or(&[], |it| &it.record), lines)
    }

    /// Return the participants of a room, and their entries of `ppl` without position and closing brace.
    pub fn entries(&self, room: RoomId) -> impl Iterator<Item = (ParticipantId, &[u8])> {
        let ids = self.rooms.get(room).into_iter().flat_map(|room| &room.participants);
        ids.map(|id| (*id, &*self.participants[*id].head))
    }

    /// Make a replica a room of this node, with all its participants and their connections here.
    pub fn promote_replica(&mut self, room: RoomId) {
        if self.replica_mut(room).is_none() {
            return;
        }
        self.play_unechoed(room);
        let Some(it) = self.rooms.get_mut(room) else { return };
        let gone = it.relay.take();
        for id in &it.participants {
            let Some(participant) = self.participants.get_mut(*id) else { continue };
            if let Some(position) = participant.next_position.take() {
                participant.place(&position.0, &position.1);
            }
        }
        for client in it.members.clone() {
            self.leave_replica(client);
        }
        if let Some(mut gone) = gone {
            self.forget_replica(room, &mut gone);
        }
        self.queue_room(room);
    }
}
