//! Replicas whose home does not answer: their people hear each other at once.
//!
//! What a connection here has played goes to the home, and comes back in the home's order. If it does
//! not come back in time, it is appended to the replica's log at once, and so is all that follows.
//! What comes back later is left out then, since everybody here has heard it.

use std::collections::VecDeque;

use crate::hub::ids::{ParticipantId, RoomId};
use crate::hub::room::Position;
use crate::hub::Hub;
use crate::relay::handover::EchoesState;
use crate::relay::item::Origin;
use crate::relay::Replica;

/// How long the way to the home and back may take, µs.
const PATIENCE: u64 = 300_000;
/// How long an echo is expected, µs: longer than it takes to declare a home dead.
const EXPECTED: u64 = 15_000_000;
/// The most echoes expected at a time.
const MOST: usize = 8_192;

/// A message that went to the home.
#[derive(Debug)]
struct Sent {
    stay: u32,
    at: u64,
    payload: Box<[u8]>,
    /// Whether people here have heard it.
    is_played: bool,
}

/// The messages that a replica sent to its home and has not got back, oldest first.
#[derive(Debug, Default)]
pub(super) struct Echoes {
    sent: VecDeque<Sent>,
    /// Whether it is known that the home cannot be reached.
    pub is_cut: bool,
    /// Whether the relay's list of replicas that wait has this one.
    is_listed: bool,
}

impl Echoes {
    /// Return what another process needs to go on.
    pub fn state(&self) -> EchoesState {
        let pack = |it: &Sent| (it.stay, it.at, it.payload.to_vec(), it.is_played);
        EchoesState { is_cut: self.is_cut, sent: self.sent.iter().map(pack).collect() }
    }

    /// Return whether the home does not answer.
    fn is_alone(&self, now: u64) -> bool {
        self.is_cut || self.sent.front().is_some_and(|sent| sent.at + PATIENCE <= now)
    }

    fn expect(&mut self, stay: u32, payload: &[u8], now: u64) {
        while self.sent.len() >= MOST || self.sent.front().is_some_and(|it| it.at + EXPECTED < now) {
            self.sent.pop_front();
        }
        self.sent.push_back(Sent { stay, at: now, payload: payload.into(), is_played: false });
    }

    /// Note that a message came back; return whether people here have heard it before.
    ///
    /// Earlier messages do not come back any more.
    fn take(&mut self, stay: u32, payload: &[u8]) -> bool {
        let found = self.sent.iter().position(|it| it.stay == stay && *it.payload == *payload);
        found.and_then(|at| self.sent.drain(..=at).next_back()).is_some_and(|it| it.is_played)
    }

    /// Note that a message does not come back, as the home has refused it.
    fn forget(&mut self, stay: u32, payload: &[u8]) {
        if let Some(at) = self.sent.iter().position(|it| it.stay == stay && *it.payload == *payload) {
            self.sent.remove(at);
        }
    }
}

impl Hub {
    /// Let the people of replicas hear each other at once: the home cannot be reached.
    ///
    /// These are all replicas, or those of one home. The home's next message ends that.
    pub fn cut_replicas(&mut self, nid: Option<u16>) {
        let Some(relay) = self.relay.as_deref_mut() else { return };
        let wanted = relay.replicas.iter().filter(|((home, _), _)| nid.is_none_or(|nid| nid == *home));
        let rooms: Vec<RoomId> = wanted.map(|(_, room)| *room).collect();
        for room in rooms {
            self.cut_replica(room);
        }
    }

    /// Let the people of one replica hear each other at once; see [`Hub::cut_replicas`].
    pub fn cut_replica(&mut self, room: RoomId) {
        if let Some(replica) = self.replica_mut(room) {
            replica.echoes.is_cut = true;
        }
        self.play_unechoed(room);
    }

    /// Go on waiting for the messages of a replica that was restored.
    pub(super) fn restore_echoes(&mut self, room: RoomId, state: &EchoesState) {
        let Some(Replica { echoes, .. }) = self.replica_mut(room) else { return };
        for (stay, at, payload, is_played) in &state.sent {
            let (payload, is_played) = (payload.as_slice().into(), *is_played);
            echoes.sent.push_back(Sent { stay: *stay, at: *at, payload, is_played });
        }
        echoes.is_cut = state.is_cut;
        let Some(first) = echoes.sent.front() else { return };
        let due = first.at + PATIENCE;
        echoes.is_listed = true;
        if let Some(relay) = self.relay.as_deref_mut() {
            relay.unechoed.push(room);
        }
        self.set_alarm(due);
    }

    /// Return whether the home of a replica does not answer.
    pub(super) fn is_alone(&mut self, room: RoomId) -> bool {
        let now = self.now;
        self.replica_mut(room).is_some_and(|replica| replica.echoes.is_alone(now))
    }

    /// Note that notes of a stay went to the home of a replica.
    pub(super) fn await_echo(&mut self, room: RoomId, stay: u32, payload: &[u8]) {
        let now = self.now;
        let Some(Replica { echoes, .. }) = self.replica_mut(room) else { return };
        echoes.expect(stay, payload, now);
        let is_alone = echoes.is_alone(now);
        if !std::mem::replace(&mut echoes.is_listed, true) {
            if let Some(relay) = self.relay.as_deref_mut() {
                relay.unechoed.push(room);
            }
            self.set_alarm(now + PATIENCE);
        }
        if is_alone {
            self.play_unechoed(room);
        }
    }

    /// Return whether people here have heard what a stay has played, and the home sends back now.
    #[inline]
    pub(super) fn was_played(&mut self, room: RoomId, origin: Origin, payload: &[u8]) -> bool {
        let is_own = self.relay.as_ref().is_some_and(|relay| relay.nid == origin.nid);
        is_own && self.replica_mut(room).is_some_and(|it| it.echoes.take(origin.stay, payload))
    }

    /// Wait no more for the echo of notes that a home has refused.
    pub(super) fn expect_no_echo(&mut self, nid: u16, stay: u32, payload: &[u8]) {
        let Some(relay) = self.relay.as_deref() else { return };
        let of_home = relay.replicas.iter().filter(|((home, _), _)| *home == nid);
        let rooms: Vec<RoomId> = of_home.map(|(_, room)| *room).collect();
        for room in rooms {
            if let Some(replica) = self.replica_mut(room) {
                replica.echoes.forget(stay, payload);
            }
        }
    }

    /// Find replicas whose home has not answered in time.
    pub(crate) fn check_echoes(&mut self) {
        let now = self.now;
        let Some(relay) = self.relay.as_deref_mut().filter(|it| !it.unechoed.is_empty()) else { return };
        let mut rooms = std::mem::take(&mut relay.unechoed);
        let mut next = u64::MAX;
        rooms.retain(|room| {
            let Some(Replica { echoes, .. }) = self.replica_mut(*room) else { return false };
            echoes.is_listed = !echoes.sent.is_empty();
            if echoes.is_alone(now) {
                self.play_unechoed(*room);
            } else if let Some(first) = echoes.sent.front() {
                next = next.min(first.at + PATIENCE);
            }
            self.replica_mut(*room).is_some_and(|it| it.echoes.is_listed)
        });
        if let Some(relay) = self.relay.as_deref_mut() {
            rooms.append(&mut relay.unechoed);
            relay.unechoed = rooms;
        }
        if next < u64::MAX {
            self.set_alarm(next);
        }
    }

    /// Append what did not come back to the log of a replica.
    pub(super) fn play_unechoed(&mut self, room: RoomId) {
        let Some(nid) = self.relay.as_ref().map(|relay| relay.nid) else { return };
        let Some(Replica { echoes, .. }) = self.replica_mut(room) else { return };
        let first = echoes.sent.iter().rposition(|it| it.is_played).map_or(0, |last| last + 1);
        let mut sent = std::mem::take(&mut echoes.sent);
        for it in sent.range_mut(first..) {
            it.is_played = true;
            self.append_entry(room, Some(Origin { nid, stay: it.stay }), &it.payload);
        }
        let is_any = first < sent.len();
        if let Some(replica) = self.replica_mut(room) {
            replica.echoes.sent = sent;
        }
        if is_any {
            self.queue_room(room);
        }
    }

    /// Broadcast a pointer position in a replica whose home does not answer.
    pub(super) fn point_alone(&mut self, id: RoomId, mover: ParticipantId, position: &Position) {
        let Self { clients, rooms, participants, .. } = self;
        let (Some(room), Some(participant)) = (rooms.get_mut(id), participants.get_mut(mover)) else {
            return;
        };
        participant.place(&position.0, &position.1);
        if participant.hidden {
            return;
        }
        let range = participant.append_pointer(&mut room.log);
        for tab in &participant.tabs {
            clients[*tab].skip(range);
        }
    }
}
