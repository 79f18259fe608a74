//! Rooms over several processes: one hub has a room's home, others have replicas of it.
//!
//! A hub that joined no cluster has none of this. The connections of a room may be at any node; the
//! home gives the order of all that the room hears. Whatever a hub has to say to another node leaves in one
//! order, and each pair of nodes is joined by a FIFO. All else rests on that:
//!
//! - [`message`], [`item`], [`fields`]: what is sent;
//! - `outbox`, `publish`: what waits for the broker, and when the hub publishes;
//! - `home`: rooms whose stream is published, and connections at edges, which have no socket here;
//! - `edge`: replicas, and the connections of this node in them;
//! - `receive`, `replica`: publications of other nodes;
//! - `echoes`: replicas that go on by themselves while their home does not answer;
//! - `promotion`: what a replica needs in order to become the home;
//! - [`handover`]: the state that another process adopts;
//! - [`stats`](mod@stats): counters.

mod echoes;
mod edge;
pub mod fields;
pub mod handover;
mod home;
pub mod item;
pub mod message;
mod outbox;
mod promotion;
mod publish;
mod receive;
mod replica;
pub mod stats;

use ahash::AHashMap;

use crate::hub::ids::{ClientId, ParticipantId, RoomId};
use crate::relay::echoes::Echoes;
use crate::relay::item::Item;
pub use crate::relay::item::Origin;
use crate::relay::message::{Header, Kind};
use crate::relay::outbox::Outbox;
use crate::relay::promotion::Records;
pub use crate::relay::receive::Received;
use crate::relay::stats::RelayStats;

/// Another node, or this one.
#[derive(Debug, Default)]
struct Node {
    /// The channel of the node's inbox.
    inbox: Box<[u8]>,
    /// The number of messages posted into the inbox.
    seq: u32,
    /// Hot messages of connections here in rooms of that home, not published yet.
    up: Vec<u8>,
    /// The number of those.
    up_count: u32,
    /// The time from which the next of those may be published, µs.
    rests_until: u64,
    /// Whether the relay's list of nodes to publish has this one.
    queued: bool,
}

/// The numbers expected next from another node.
#[derive(Clone, Copy, Debug, Default)]
struct Heard {
    inbox: Option<u32>,
    everybody: Option<u32>,
}

/// A connection here that has stays in rooms of other homes.
#[derive(Debug, Default)]
struct Visitor {
    /// The stay in the replica that the connection is in.
    entered: Option<u32>,
    /// All stays that have begun and not ended.
    stays: Vec<u32>,
}

/// The part of a hub that has joined a cluster.
#[derive(Debug, Default)]
pub(crate) struct Relay {
    nid: u16,
    inbox: Box<[u8]>,
    /// The inboxes under the last numbers before this one, in which messages may still be.
    old_inboxes: Vec<Box<[u8]>>,
    everybody: Box<[u8]>,
    /// The beginning of the channels of rooms.
    rooms: Box<[u8]>,
    /// The time between two publications of one room, or to one home, µs.
    gap: u64,
    /// The number of messages posted to all nodes.
    seq: u32,
    outbox: Outbox,
    /// The time until which this node may publish, µs: then others may have declared it dead; `None` for ever.
    lease_until: Option<u64>,
    /// The replicas that wait for echoes.
    unechoed: Vec<RoomId>,
    nodes: AHashMap<u16, Node>,
    heard: AHashMap<u16, Heard>,
    rooms_to_publish: Vec<RoomId>,
    nodes_to_publish: Vec<u16>,
    /// The connections at edges, by their number here.
    remotes: AHashMap<ClientId, Origin>,
    /// The same by stay.
    by_origin: AHashMap<Origin, ClientId>,
    /// The connections here that have stays elsewhere.
    visitors: AHashMap<ClientId, Visitor>,
    /// The same by stay.
    stays: AHashMap<u32, ClientId>,
    /// The replicas, by home and epoch.
    replicas: AHashMap<(u16, u64), RoomId>,
    pub stats: RelayStats,
}

impl Relay {
    /// Return the number of this node.
    pub fn nid(&self) -> u16 {
        self.nid
    }

    /// Return the number of connections at edges.
    pub fn remotes(&self) -> usize {
        self.remotes.len()
    }

    /// Append a message to the outbox, for a node's inbox; no effect if the node is unknown.
    fn post(&mut self, nid: u16, kind: Kind, write: impl FnOnce(&mut Vec<u8>)) {
        let Some(node) = self.nodes.get_mut(&nid) else {
            self.stats.homeless += 1;
            return;
        };
        let header = Header { kind, nid: self.nid, seq: node.seq };
        node.seq = node.seq.wrapping_add(1);
        let size = self.outbox.push(&[&node.inbox], |out| {
            header.write(out);
            write(out);
        });
        self.stats.count_publication(size);
    }

    /// Return the connection of a stay, if it is one of this node's and has not ended.
    fn visitor(&self, stay: u32) -> Option<ClientId> {
        self.stays.get(&stay).copied()
    }

    /// Return the connection of a stay, if it is in a replica by that stay.
    fn inside(&self, stay: u32) -> Option<ClientId> {
        self.visitor(stay).filter(|client| self.entered(*client) == Some(stay))
    }

    /// Return the connection of this node at the origin of an entry.
    fn origin(&self, origin: Origin) -> Option<ClientId> {
        self.visitor(origin.stay).filter(|_| origin.nid == self.nid)
    }

    /// Return the stay of a connection in the replica that it is in.
    fn entered(&self, client: ClientId) -> Option<u32> {
        self.visitors.get(&client).and_then(|it| it.entered)
    }
}

/// The part of a room that other nodes know.
#[derive(Debug)]
pub(crate) enum RoomRelay {
    /// The room's order is given here.
    Home(Home),
    /// The room's order is given by another node.
    Replica(Replica),
}

/// The stream of a room whose home is here.
#[derive(Debug)]
pub(crate) struct Home {
    epoch: u64,
    /// The number of publications of this epoch.
    seq: u32,
    /// The number of items published.
    position: u64,
    /// The items not published yet.
    pending: Vec<u8>,
    /// The number of those.
    count: u32,
    /// The time from which the next items may be published, µs.
    rests_until: u64,
    /// Whether the relay's list of rooms to publish has this one.
    queued: bool,
    /// The nodes that hear the stream, and the number of connections of each in the room.
    nodes: Vec<(u16, u32)>,
    /// The records for the next home.
    records: Records,
}

impl Home {
    /// Append an item to the stream, if any node hears it.
    #[inline]
    pub fn record(&mut self, item: &Item<'_>) {
        if !self.nodes.is_empty() {
            item.write(&mut self.pending);
            self.count += 1;
        }
    }
}

/// How a replica stands to its home's stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stand {
    /// No snapshot has come.
    New,
    /// Everything up to the position is here.
    Whole,
    /// Something is missing, which was reported; a snapshot must come.
    Torn,
}

/// A room that another node feeds.
#[derive(Debug)]
pub(crate) struct Replica {
    nid: u16,
    epoch: u64,
    /// The number of items seen.
    position: u64,
    stand: Stand,
    /// The participants by the home's numbers.
    numbers: AHashMap<u32, ParticipantId>,
    /// The records with which this node can become the home.
    records: Records,
    /// The messages of connections here that the home has not sent back.
    echoes: Echoes,
}

impl RoomRelay {
    fn home(&mut self) -> Option<&mut Home> {
        match self {
            Self::Home(home) => Some(home),
            Self::Replica(_) => None,
        }
    }

    fn replica(&mut self) -> Option<&mut Replica> {
        match self {
            Self::Replica(replica) => Some(replica),
            Self::Home(_) => None,
        }
    }
}
