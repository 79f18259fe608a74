//! The state of the relay that another process adopts, which goes on as the same node.
//!
//! Other nodes notice nothing: messages go on with the numbers that they expect, and participants keep
//! theirs. A replica travels as the snapshot that its home would send.

use ahash::AHashMap;

use crate::hub::ids::{ClientId, ParticipantId, RoomId};
use crate::hub::room::Participant;
use crate::hub::Hub;
use crate::relay::item::Described;
use crate::relay::message::{decode, Content, Header, Kind, Snapshot};
use crate::relay::{Heard, Relay, Replica, RoomRelay, Stand};
use crate::slots::{SlotId, Slots};

/// Participants of other versions with greater numbers get new ones.
const MOST_PARTICIPANTS: u32 = 1 << 22;

/// The number, in a packed replica, of a participant that the home does not know any more.
const UNKNOWN: u32 = u32::MAX;

/// The numbers of the messages from and to other nodes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RelayState {
    /// The number of messages posted to all nodes.
    pub seq: u32,
    /// Nodes, and the number of messages posted into the inbox of each.
    pub posted: Vec<(u16, u32)>,
    /// Nodes, and the numbers expected next in this node's inbox and in the channel of all nodes.
    pub heard: Vec<(u16, Option<u32>, Option<u32>)>,
}

/// The place of a room in its stream, of which the home is here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HomeState {
    /// The reign.
    pub epoch: u64,
    /// The number of publications.
    pub seq: u32,
    /// The number of items published.
    pub position: u64,
}

/// A replica.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicaState {
    /// Whether everything that the home has published until now is here.
    pub is_whole: bool,
    /// The room as a message of its home; empty if nothing is known.
    pub snapshot: Vec<u8>,
    /// The messages of connections here that the home has not sent back.
    pub echoes: EchoesState,
}

/// The messages of connections here that the home has not sent back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EchoesState {
    /// Whether it is known that the home cannot be reached.
    pub is_cut: bool,
    /// Stay, time (µs of the hub's clock) and message, and whether people here have heard it; in order.
    pub sent: Vec<(u32, u64, Vec<u8>, bool)>,
}

impl Hub {
    /// Publish all that is pending; return the numbers of messages. `None` outside of clusters.
    pub fn relay_state(&mut self) -> Option<RelayState> {
        let (rooms, nodes) = self.relay.as_deref().map(Relay::pending)?;
        for room in rooms {
            self.publish_room(room);
        }
        for nid in nodes {
            self.publish_up(nid);
        }
        let relay = self.relay.as_deref()?;
        Some(RelayState {
            seq: relay.seq,
            posted: relay.nodes.iter().map(|(nid, node)| (*nid, node.seq)).collect(),
            heard: relay.heard.iter().map(|(nid, it)| (*nid, it.inbox, it.everybody)).collect(),
        })
    }

    /// Go on with the numbers of messages; the hub has just joined the cluster.
    pub fn restore_relay(&mut self, state: &RelayState) {
        let Some(relay) = self.relay.as_deref_mut() else { return };
        relay.seq = state.seq;
        for (nid, seq) in &state.posted {
            relay.nodes.entry(*nid).or_default().seq = *seq;
        }
        let heard = |&(nid, inbox, everybody)| (nid, Heard { inbox, everybody });
        relay.heard = state.heard.iter().map(heard).collect();
    }

    /// Return the place of a room in its stream; `None` if its home is not here.
    #[must_use]
    pub fn home_state(&self, room: RoomId) -> Option<HomeState> {
        match self.rooms.get(room)?.relay.as_deref()? {
            RoomRelay::Home(home) => {
                Some(HomeState { epoch: home.epoch, seq: home.seq, position: home.position })
            }
            RoomRelay::Replica(_) => None,
        }
    }

    /// Go on with the stream of a room.
    pub fn restore_home(&mut self, room: RoomId, state: HomeState) {
        self.set_epoch(room, state.epoch);
        if let Some(home) = self.home_mut(room) {
            home.seq = state.seq;
            home.position = state.position;
        }
    }

    /// Put a connection at an edge into a room, as its node knows already.
    pub fn restore_remote(&mut self, client: ClientId, room: RoomId, participant: ParticipantId) {
        self.seat_remote(client, room, participant);
    }

    /// Return a room that another node feeds; `None` if its home is another one.
    #[must_use]
    pub fn replica_state(&self, room: RoomId) -> Option<ReplicaState> {
        let it = self.rooms.get(room)?;
        let RoomRelay::Replica(replica) = it.relay.as_deref()? else { return None };
        let (is_whole, echoes) = (replica.stand == Stand::Whole, replica.echoes.state());
        if replica.stand == Stand::New {
            return Some(ReplicaState { is_whole, snapshot: Vec::new(), echoes });
        }
        let numbers = replica.home_numbers();
        let known = it.participants.iter().filter_map(|id| Some((*numbers.get(id)?, *id)));
        let known: Vec<(u32, ParticipantId)> = known.collect();
        let mut snapshot = Vec::new();
        Header { kind: Kind::Snapshot, nid: replica.nid, seq: 0 }.write(&mut snapshot);
        let players = (it.solo, it.holder.and_then(|id| numbers.get(&id).copied()));
        let (epoch, position) = (replica.epoch, replica.position);
        Snapshot::write_head(&mut snapshot, epoch, position, players, known.len() as u32);
        for (number, id) in known {
            let described = self.participants[id].described(id);
            Described { number, ..described }.write(&mut snapshot);
        }
        replica.records.write(&mut snapshot);
        Some(ReplicaState { is_whole, snapshot, echoes })
    }

    /// Make a replica, which was just opened, what it was; nobody is in it yet.
    ///
    /// One that is not understood brings its home's snapshot once the stream goes on.
    pub fn restore_replica(&mut self, room: RoomId, state: &ReplicaState) {
        let Ok((header, Content::Snapshot(snapshot))) = decode(&state.snapshot) else { return };
        self.apply_snapshot(header.nid, &snapshot);
        if let Some(replica) = self.replica_mut(room).filter(|_| !state.is_whole) {
            replica.stand = Stand::Torn;
        }
        self.restore_echoes(room, &state.echoes);
    }

    /// Return the home's number of the participant of a stay in a replica, for [`Hub::enter_replica`].
    #[must_use]
    pub fn stay_participant(&self, stay: u32) -> Option<u32> {
        let client = self.clients.get(self.relay.as_deref()?.inside(stay)?)?;
        let RoomRelay::Replica(replica) = self.rooms.get(client.room)?.relay.as_deref()? else { return None };
        let number = |id| replica.numbers.iter().find(|(_, it)| **it == id).map(|(number, _)| *number);
        Some(client.participant.and_then(number).unwrap_or(UNKNOWN))
    }

    /// Keep numbers free for the participants that had them; nobody is here yet.
    pub fn reserve_participants(&mut self, numbers: impl IntoIterator<Item = u32>) {
        let kept = numbers.into_iter().filter(|number| *number < MOST_PARTICIPANTS);
        self.participants = kept.map(|number| (number, Participant::nobody())).collect::<Slots<_, _>>();
    }

    /// Add a participant under the number that was kept for it; see [`Hub::add_participant`].
    pub fn restore_participant(
        &mut self,
        number: u32,
        room: RoomId,
        id: &[u8],
        head: &[u8],
        x: &[u8],
        y: &[u8],
    ) -> Option<ParticipantId> {
        let participant = ParticipantId::from_number(number);
        let Some(kept) = self.participants.get_mut(participant).filter(|it| it.is_nobody()) else {
            return self.add_participant(room, id, head, x, y);
        };
        *kept = Participant::new(room, id, head, x, y);
        self.rooms.get_mut(room)?.participants.push(participant);
        Some(participant)
    }
}

impl Relay {
    /// Return the rooms and nodes to which something is to be published.
    fn pending(&self) -> (Vec<RoomId>, Vec<u16>) {
        (self.rooms_to_publish.clone(), self.nodes_to_publish.clone())
    }
}

impl Replica {
    /// Return the home's numbers of the participants.
    fn home_numbers(&self) -> AHashMap<ParticipantId, u32> {
        self.numbers.iter().map(|(number, id)| (*id, *number)).collect()
    }
}
