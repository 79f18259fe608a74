//! Replicas, and the connections of this node in them.

use crate::hub::ids::{ClientId, ParticipantId, RoomId};
use crate::hub::room::Room;
use crate::hub::Hub;
use crate::relay::message::Played;
use crate::relay::{Replica, RoomRelay, Stand};

impl Hub {
    /// Begin a stay of a connection elsewhere: what that home sends to the stay reaches the connection.
    pub fn begin_stay(&mut self, client: ClientId, stay: u32) {
        let Self { relay: Some(relay), clients, .. } = self else { return };
        if clients.get(client).is_some() {
            relay.stays.insert(stay, client);
            relay.visitors.entry(client).or_default().stays.push(stay);
        }
    }

    /// End a stay: later messages for it are dropped.
    pub fn end_stay(&mut self, stay: u32) {
        let Some(relay) = self.relay.as_deref_mut() else { return };
        let Some(client) = relay.stays.remove(&stay) else { return };
        let Some(visitor) = relay.visitors.get_mut(&client) else { return };
        visitor.stays.retain(|other| *other != stay);
        visitor.entered = visitor.entered.filter(|entered| *entered != stay);
        if visitor.stays.is_empty() {
            relay.visitors.remove(&client);
        }
    }

    /// Forget the stays of a connection that is detached.
    pub(crate) fn forget_visitor(&mut self, client: ClientId) {
        let Some(relay) = self.relay.as_deref_mut() else { return };
        for stay in relay.visitors.remove(&client).map_or(Vec::new(), |visitor| visitor.stays) {
            relay.stays.remove(&stay);
        }
    }

    /// Create a room that the home with this epoch feeds; `None` outside of clusters.
    pub fn open_replica(&mut self, nid: u16, epoch: u64) -> Option<RoomId> {
        let Self { relay: Some(relay), rooms, .. } = self else { return None };
        let numbers = super::AHashMap::default();
        let (records, echoes) = Default::default();
        let replica = Replica { nid, epoch, position: 0, stand: Stand::New, numbers, records, echoes };
        let relayed = Some(Box::new(RoomRelay::Replica(replica)));
        let room = rooms.insert(Room { relay: relayed, ..Room::default() });
        relay.replicas.insert((nid, epoch), room);
        Some(room)
    }

    /// Forget a replica that is closed.
    pub(crate) fn forget_replica(&mut self, room: RoomId, gone: &mut RoomRelay) {
        let (Some(relay), Some(replica)) = (self.relay.as_deref_mut(), gone.replica()) else { return };
        let key = (replica.nid, replica.epoch);
        if relay.replicas.get(&key) == Some(&room) {
            relay.replicas.remove(&key);
        }
    }

    /// Put the connection of a stay into a replica, as one of the tabs of a participant there.
    ///
    /// The participant's number is the home's. The result is the participant's number here, or `None` if
    /// the stay has ended, the connection is closing, or the room is no replica.
    pub fn enter_replica(&mut self, stay: u32, room: RoomId, number: u32) -> Option<ParticipantId> {
        let client = self.relay.as_deref()?.visitor(stay)?;
        let known = self.replica_mut(room)?.numbers.get(&number).copied();
        let participant = match known {
            Some(participant) => participant,
            None => self.expect_participant(room, number)?,
        };
        self.enter(client, room, participant);
        self.clients.get(client).filter(|it| it.room == Some(room))?;
        if let Some(visitor) = self.relay.as_deref_mut()?.visitors.get_mut(&client) {
            visitor.entered = Some(stay);
        }
        Some(participant)
    }

    /// Add a participant of which nothing is known: the snapshot that a gap brings describes it.
    fn expect_participant(&mut self, room: RoomId, number: u32) -> Option<ParticipantId> {
        let participant = self.add_participant(room, b"", b"{", b"", b"")?;
        self.set_participant_flags(participant, false, true);
        self.replica_mut(room)?.numbers.insert(number, participant);
        Some(participant)
    }

    pub(super) fn replica_mut(&mut self, room: RoomId) -> Option<&mut Replica> {
        self.rooms.get_mut(room)?.relay.as_deref_mut()?.replica()
    }

    /// Note that a connection is in no replica any more.
    pub(crate) fn leave_replica(&mut self, client: ClientId) {
        let visitors = self.relay.as_deref_mut().map(|relay| &mut relay.visitors);
        if let Some(visitor) = visitors.and_then(|visitors| visitors.get_mut(&client)) {
            visitor.entered = None;
        }
    }

    /// Broadcast notes in a room of a cluster, or send them to the room's home.
    #[cold]
    pub(crate) fn play_relayed(&mut self, client: ClientId, place: RoomId, count: u32, payload: &[u8]) {
        self.stats.notes += 1;
        let Some(nid) = self.replica_mut(place).map(|replica| replica.nid) else {
            return self.play_at_home(place, Some(client), None, payload);
        };
        if let Some(stay) = self.relay.as_ref().and_then(|relay| relay.entered(client)) {
            self.play_up(nid, stay, &Played::Notes { count, payload });
            self.await_echo(place, stay, payload);
        }
    }

    /// Write the pointer positions of a room of a cluster that are due.
    #[cold]
    pub(crate) fn flush_relayed_pointers(&mut self, id: RoomId, now: u64) {
        match self.replica_mut(id).map(|replica| replica.nid) {
            None => self.flush_pointers_at_home(id, now),
            Some(nid) => self.send_pointers_up(nid, id, now),
        }
        self.publish_due();
    }

    /// Send the pointer positions that are due to the room's home.
    fn send_pointers_up(&mut self, nid: u16, id: RoomId, now: u64) {
        let is_alone = self.is_alone(id);
        let mut movers = std::mem::take(&mut self.rooms[id].movers);
        movers.retain(|mover| {
            let Some(participant) = self.participants.get_mut(*mover) else { return false };
            if participant.next_pointer_at > now {
                return true;
            }
            participant.pointer_moved = false;
            let tab = participant.tabs.first().copied();
            let Some(position) = participant.next_position.take() else { return false };
            participant.next_pointer_at = now + self.settings.move_ms.us();
            self.rooms[id].next_pointer_at = now + self.settings.move_ms.us() / 2;
            let relay = self.relay.as_ref();
            if let Some(stay) = tab.and_then(|tab| relay?.entered(tab)) {
                self.play_up(nid, stay, &Played::Pointer { x: &position.0, y: &position.1 });
            }
            if is_alone {
                self.point_alone(id, *mover, &position);
            }
            false
        });
        movers.append(&mut self.rooms[id].movers);
        self.rooms[id].movers = movers;
    }
}
