//! When the hub publishes: at the end of a turn, at once after a pause, else once in a gap.

use crate::hub::ids::RoomId;
use crate::hub::Hub;
use crate::relay::fields::put_bytes;
use crate::relay::message::{Header, Kind, Log, Played};
use crate::relay::stats::RelayStats;
use crate::relay::{Node, Relay};
use crate::settings::{Milliseconds, Seconds};

/// The bytes of publications that wait for a lease; receivers find out that more are missing.
const MOST_HELD: usize = 4 << 20;

/// The most numbers before the present one whose inboxes are known.
const MOST_OLD: usize = 8;

impl Hub {
    /// Join a cluster as the node `nid`, or join it again under another number.
    ///
    /// The channels are this node's inbox, that of all nodes, and the beginning of the channels of rooms,
    /// which the epoch follows. `gap` is the time between two publications of one room.
    pub fn join_cluster(
        &mut self,
        nid: u16,
        inbox: &[u8],
        everybody: &[u8],
        rooms: &[u8],
        gap: Milliseconds,
    ) {
        let now = self.clock.now();
        let relay = Relay {
            nid,
            inbox: inbox.into(),
            everybody: everybody.into(),
            rooms: rooms.into(),
            gap: gap.us(),
            ..self.relay.take().map_or_else(Relay::default, |relay| relay.again(now))
        };
        self.relay = Some(Box::new(relay));
        self.add_node(nid, inbox);
    }

    /// Set the channel of a node's inbox.
    pub fn add_node(&mut self, nid: u16, inbox: &[u8]) {
        if let Some(relay) = &mut self.relay {
            relay.nodes.entry(nid).or_default().inbox = inbox.into();
        }
    }

    /// Forget a node: nothing more is sent to its inbox.
    pub fn remove_node(&mut self, nid: u16) {
        if let Some(relay) = &mut self.relay {
            relay.nodes.remove(&nid);
            relay.heard.remove(&nid);
        }
    }

    /// Post a message into a node's inbox, behind all that connections here have played in its rooms.
    ///
    /// If a room is given, what is pending of that room goes first.
    pub fn post(&mut self, nid: u16, payload: &[u8], room: Option<RoomId>) {
        if let Some(room) = room {
            self.publish_room(room);
        }
        self.publish_up(nid);
        if let Some(relay) = &mut self.relay {
            relay.post(nid, Kind::Post, |out| put_bytes(out, payload));
            self.need_flush();
        }
    }

    /// Post a message to all other nodes.
    pub fn post_all(&mut self, payload: &[u8]) {
        let Some(relay) = self.relay.as_deref_mut() else { return };
        let header = Header { kind: Kind::Post, nid: relay.nid, seq: relay.seq };
        relay.seq = relay.seq.wrapping_add(1);
        let size = relay.outbox.push(&[&relay.everybody], |out| {
            header.write(out);
            put_bytes(out, payload);
        });
        relay.stats.count_publication(size);
        self.need_flush();
    }

    /// Call `each` with channel and message of every publication that waits, in order, and forget them.
    ///
    /// Without a lease everything waits: others may have declared this node dead.
    pub fn drain_publications(&mut self, each: impl FnMut(&[u8], &[u8])) {
        let now = self.clock.now();
        if let Some(relay) = self.relay.as_mut() {
            if relay.may_publish(now) {
                relay.outbox.drain(each);
            } else if relay.outbox.len() > MOST_HELD {
                relay.outbox.drain(|_, _| ());
            }
        }
    }

    /// Forget all publications that wait, as nobody can hear them; return their number.
    pub fn discard_publications(&mut self) -> u64 {
        let mut count = 0;
        if let Some(relay) = &mut self.relay {
            relay.outbox.drain(|_, _| count += 1);
        }
        count
    }

    /// Publish for so long without another call of this kind; `None` for ever.
    pub fn set_lease(&mut self, lasts: Option<Seconds>) {
        let now = self.clock.now();
        if let Some(relay) = &mut self.relay {
            relay.lease_until = lasts.map(|lasts| now + lasts.us());
            if !relay.outbox.is_empty() {
                self.need_flush();
            }
        }
    }

    /// Return the counters of the relay.
    #[must_use]
    pub fn relay_stats(&self) -> RelayStats {
        self.relay.as_ref().map_or_else(RelayStats::default, |relay| relay.stats)
    }

    /// Return the numbers of connections at edges, of replicas, and of stays elsewhere.
    #[must_use]
    pub fn relay_sizes(&self) -> [usize; 3] {
        self.relay.as_ref().map_or([0; 3], |it| [it.remotes.len(), it.replicas.len(), it.stays.len()])
    }

    /// Publish what is due of all rooms and to all homes.
    pub(crate) fn publish_due(&mut self) {
        let Some(relay) = self.relay.as_deref_mut() else { return };
        if relay.rooms_to_publish.is_empty() && relay.nodes_to_publish.is_empty() {
            return;
        }
        let mut rooms = std::mem::take(&mut relay.rooms_to_publish);
        let mut nodes = std::mem::take(&mut relay.nodes_to_publish);
        let mut next = u64::MAX;
        rooms.retain(|id| self.is_room_early(*id, &mut next));
        nodes.retain(|nid| self.is_node_early(*nid, &mut next));
        if let Some(relay) = self.relay.as_deref_mut() {
            relay.rooms_to_publish = rooms;
            relay.nodes_to_publish = nodes;
        }
        if next < u64::MAX {
            self.set_alarm(next);
        }
    }

    /// Publish a queued room unless it is too early for that; `next` is lowered to the time when not.
    fn is_room_early(&mut self, id: RoomId, next: &mut u64) -> bool {
        let room = self.rooms.get_mut(id).and_then(|room| room.relay.as_deref_mut());
        let Some(home) = room.and_then(|it| it.home()).filter(|home| home.queued) else { return false };
        if home.count > 0 && home.rests_until > self.now {
            *next = home.rests_until.min(*next);
            return true;
        }
        home.queued = false;
        self.publish_room(id);
        false
    }

    /// Publish what goes to a queued home unless it is too early for that.
    fn is_node_early(&mut self, nid: u16, next: &mut u64) -> bool {
        let Some(relay) = self.relay.as_deref_mut() else { return false };
        let Some(node) = relay.nodes.get_mut(&nid).filter(|node| node.queued) else { return false };
        if !node.up.is_empty() && node.rests_until > self.now {
            *next = node.rests_until.min(*next);
            return true;
        }
        node.queued = false;
        self.publish_up(nid);
        false
    }

    /// Publish what is pending of a room.
    pub(crate) fn publish_room(&mut self, id: RoomId) {
        let Self { relay: Some(relay), rooms, clock, now, .. } = self else { return };
        let Some(room) = rooms.get_mut(id).and_then(|room| room.relay.as_deref_mut()) else { return };
        let Some(home) = room.home().filter(|home| home.count > 0) else { return };
        let header = Header { kind: Kind::Log, nid: relay.nid, seq: home.seq };
        let stamp = clock.unix_us(*now) as u32;
        let mut digits = [0; 20];
        let channel: [&[u8]; 2] = [&relay.rooms, decimal(home.epoch, &mut digits)];
        let size = relay.outbox.push(&channel, |out| {
            header.write(out);
            Log::write_head(out, home.epoch, home.position, stamp, home.count);
            out.extend_from_slice(&home.pending);
        });
        relay.stats.count_publication(size);
        relay.stats.items_out += u64::from(home.count);
        home.seq = home.seq.wrapping_add(1);
        home.position += u64::from(home.count);
        home.count = 0;
        home.pending.clear();
        home.rests_until = *now + relay.gap;
    }

    /// Publish what connections here have played in rooms of a home.
    pub(crate) fn publish_up(&mut self, nid: u16) {
        let Self { relay: Some(relay), now, .. } = self else { return };
        let Some(node) = relay.nodes.get_mut(&nid).filter(|node| !node.up.is_empty()) else { return };
        node.rests_until = *now + relay.gap;
        let count = std::mem::take(&mut node.up_count);
        let mut up = std::mem::take(&mut node.up);
        relay.post(nid, Kind::Up, |out| {
            out.extend_from_slice(&count.to_le_bytes());
            out.extend_from_slice(&up);
        });
        up.clear();
        if let Some(node) = relay.nodes.get_mut(&nid) {
            node.up = up;
        }
    }

    /// Schedule the publication of a room whose stream has grown.
    pub(crate) fn stream_grew(&mut self, id: RoomId) {
        let Self { relay: Some(relay), rooms, .. } = self else { return };
        let Some(room) = rooms.get_mut(id).and_then(|room| room.relay.as_deref_mut()) else { return };
        let Some(home) = room.home().filter(|home| home.count > 0) else { return };
        if !std::mem::replace(&mut home.queued, true) {
            relay.rooms_to_publish.push(id);
        }
        let due = home.rests_until;
        self.need_flush_at(due);
    }

    /// Queue what a connection here has played for the home of its room.
    pub(super) fn play_up(&mut self, nid: u16, stay: u32, played: &Played<'_>) {
        let Some(relay) = self.relay.as_deref_mut() else { return };
        let Some(node) = relay.nodes.get_mut(&nid) else {
            relay.stats.homeless += 1;
            return;
        };
        played.write(&mut node.up, stay);
        node.up_count += 1;
        relay.stats.up_out += 1;
        if !std::mem::replace(&mut node.queued, true) {
            relay.nodes_to_publish.push(nid);
        }
        let due = node.rests_until;
        self.need_flush_at(due);
    }

    /// Restore the lists of what is to be published, after a flush that panicked.
    pub(crate) fn requeue_publications(&mut self) {
        let Self { relay: Some(relay), rooms, .. } = self else { return };
        relay.rooms_to_publish.clear();
        for (id, room) in rooms.iter_mut() {
            if let Some(home) = room.relay.as_deref_mut().and_then(|it| it.home()) {
                home.queued = home.count > 0;
                if home.queued {
                    relay.rooms_to_publish.push(id);
                }
            }
        }
        relay.nodes_to_publish.clear();
        for (nid, node) in &mut relay.nodes {
            node.queued = !node.up.is_empty();
            if node.queued {
                relay.nodes_to_publish.push(*nid);
            }
        }
    }
}

impl Relay {
    /// Return whether no lease has ended.
    fn may_publish(&self, now: u64) -> bool {
        self.lease_until.is_none_or(|until| until >= now)
    }

    /// Return what remains if the node joins again: all but the numbers of its messages.
    ///
    /// What waits for a lease that is over is dropped: nobody waits for it any more.
    fn again(mut self, now: u64) -> Self {
        self.seq = 0;
        self.old_inboxes.push(std::mem::take(&mut self.inbox));
        self.old_inboxes.drain(..self.old_inboxes.len().saturating_sub(MOST_OLD));
        if !self.may_publish(now) {
            self.outbox.drain(|_, _| ());
        }
        self.heard.clear();
        self.nodes.remove(&self.nid);
        self.nodes
            .values_mut()
            .for_each(|node| *node = Node { inbox: std::mem::take(&mut node.inbox), ..Node::default() });
        self.nodes_to_publish.clear();
        self
    }
}

/// Write a number in decimal digits.
fn decimal(number: u64, digits: &mut [u8; 20]) -> &[u8] {
    let mut at = digits.len();
    let mut rest = number;
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            return &digits[at..];
        }
    }
}
