//! Bring a replica to where its home is: items of the stream, and snapshots.

use crate::hub::ids::{ParticipantId, RoomId};
use crate::hub::room_log::append_joined;
use crate::hub::Hub;
use crate::relay::item::{Described, Item, Origin};
use crate::relay::message::{Log, Snapshot};
use crate::relay::{Replica, Stand};

/// How soon the members of a replica must receive what was applied.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Urgency {
    Never,
    Soon,
    Now,
}

impl Hub {
    /// Apply a publication of a home's stream; return false if something is missing, once for each gap.
    pub(super) fn apply_log(&mut self, nid: u16, log: &Log<'_>) -> bool {
        let stamp = self.clock.unix_us(self.now) as u32;
        let Some(relay) = self.relay.as_deref_mut() else { return true };
        relay.stats.count_hop(log.stamp, stamp);
        let Some(room) = relay.replicas.get(&(nid, log.epoch)).copied() else {
            relay.stats.stale += 1;
            return true;
        };
        let has_members = self.has_members(room);
        let Some(replica) = self.replica_mut(room) else { return true };
        match replica.stand {
            Stand::Torn => return true,
            Stand::New if !has_members => return true,
            Stand::Whole if log.from <= replica.position => {}
            Stand::New | Stand::Whole => return self.tear(room),
        }
        let seen = (replica.position - log.from).min(log.count.into());
        replica.position += u64::from(log.count) - seen;
        replica.echoes.is_cut = false;
        let is_whole = self.apply_items(room, log, seen);
        if let Some(relay) = self.relay.as_deref_mut() {
            relay.stats.items_in += u64::from(log.count) - seen;
            relay.stats.repeated += u64::from(seen > 0);
        }
        is_whole
    }

    /// Apply the items of a publication behind those `seen` before; return false if one does not fit.
    fn apply_items(&mut self, room: RoomId, log: &Log<'_>, seen: u64) -> bool {
        let mut items = log.items;
        let mut urgency = Urgency::Never;
        let mut is_whole = true;
        for at in 0..u64::from(log.count) {
            let Ok(item) = Item::read(&mut items) else { break };
            if at < seen {
                continue;
            }
            let Some(this) = self.apply_item(room, &item) else {
                is_whole = self.tear(room);
                break;
            };
            urgency = urgency.max(this);
        }
        match (urgency, self.rooms.get(room).map(|it| it.soon_flush_at)) {
            (Urgency::Now, _) => self.queue_room(room),
            (Urgency::Soon, Some(at)) => self.queue_room_at(room, at),
            _ => {}
        }
        is_whole
    }

    pub(super) fn has_members(&self, room: RoomId) -> bool {
        self.rooms.get(room).is_some_and(|it| !it.members.is_empty())
    }

    /// Ignore a home's stream until a snapshot comes; return whether nobody misses anything.
    ///
    /// Nobody enters a replica without members before another snapshot has come.
    fn tear(&mut self, room: RoomId) -> bool {
        let has_members = self.has_members(room);
        if let Some(replica) = self.replica_mut(room) {
            replica.stand = if has_members { Stand::Torn } else { Stand::New };
        }
        !has_members
    }

    /// Apply an item; return `None` if it does not fit to what is known of the room.
    #[inline]
    fn apply_item(&mut self, room: RoomId, item: &Item<'_>) -> Option<Urgency> {
        match *item {
            Item::Entry { origin, soon, payload } => {
                if origin.is_some_and(|origin| self.was_played(room, origin, payload)) {
                    return Some(Urgency::Never);
                }
                self.append_entry(room, origin, payload);
                return Some(if soon { Urgency::Soon } else { Urgency::Now });
            }
            Item::Roster { before, after } => {
                let entries = self.participants_json(room, None, false);
                self.append_entry(room, None, &[before, &entries, after].concat());
                return Some(Urgency::Now);
            }
            Item::Pointer { number, x, y } => {
                self.place(room, number, x, y)?;
                self.append_pointer(room, number);
                return Some(Urgency::Now);
            }
            Item::Position { number, x, y } => self.place(room, number, x, y)?,
            Item::Added(participant) => self.add_described(room, &participant)?,
            Item::Head { number, head } => {
                let participant = self.numbered(room, number)?;
                self.update_participant(participant, head);
            }
            Item::Flags { number, muted, hidden } => {
                let participant = self.numbered(room, number)?;
                self.set_participant_flags(participant, muted, hidden);
            }
            Item::Removed(number) => {
                let participant = self.replica_mut(room)?.numbers.remove(&number)?;
                self.remove_participant(participant);
            }
            Item::Players { solo, holder } => {
                let holder = match holder {
                    Some(number) => Some(self.numbered(room, number)?),
                    None => None,
                };
                self.set_players(room, solo, holder);
            }
            Item::Record(record) => self.replica_mut(room)?.records.set(record),
            Item::Line { most, line } => self.replica_mut(room)?.records.add_line(line, most),
        }
        Some(Urgency::Never)
    }

    /// Return the participant with a number of the home.
    fn numbered(&mut self, room: RoomId, number: u32) -> Option<ParticipantId> {
        self.replica_mut(room)?.numbers.get(&number).copied()
    }

    /// Set the pointer position of a participant.
    fn place(&mut self, room: RoomId, number: u32, x: &[u8], y: &[u8]) -> Option<()> {
        let participant = self.numbered(room, number)?;
        self.participants.get_mut(participant)?.place(x, y);
        Some(())
    }

    fn add_described(&mut self, room: RoomId, it: &Described<'_>) -> Option<()> {
        if self.numbered(room, it.number).is_some() {
            return None;
        }
        let participant = self.add_participant(room, it.id, it.head, it.x, it.y)?;
        self.set_participant_flags(participant, it.muted, it.hidden);
        self.replica_mut(room)?.numbers.insert(it.number, participant);
        Some(())
    }

    /// Append a text frame to a replica's log, for all members but the one at the origin.
    pub(super) fn append_entry(&mut self, id: RoomId, origin: Option<Origin>, payload: &[u8]) {
        let Self { relay: Some(relay), clients, rooms, stats, .. } = self else { return };
        let Some(room) = rooms.get_mut(id) else { return };
        let range = append_joined!(room.log, false, [payload]);
        stats.broadcasts += 1;
        stats.deliveries += room.members.len() as u64;
        let client = origin.and_then(|origin| relay.origin(origin));
        if let Some(client) = clients.get_mut(client).filter(|client| client.room == Some(id)) {
            client.skip(range);
            stats.deliveries -= 1;
        }
    }

    /// Append the pointer position of a participant to a replica's log.
    fn append_pointer(&mut self, id: RoomId, number: u32) {
        let Some(participant) = self.numbered(id, number) else { return };
        let Self { clients, rooms, participants, stats, .. } = self;
        let (Some(room), Some(participant)) = (rooms.get_mut(id), participants.get(participant)) else {
            return;
        };
        let range = participant.append_pointer(&mut room.log);
        for tab in &participant.tabs {
            clients[*tab].skip(range);
        }
        stats.moves_out += 1;
        stats.broadcasts += 1;
        stats.deliveries += (room.members.len() - participant.tabs.len()) as u64;
    }

    /// Return whether a replica has all items up to the home's position; otherwise `tear` it.
    ///
    /// The second value is false if that must be reported.
    pub(super) fn is_complete(&mut self, room: RoomId, position: u64) -> (bool, bool) {
        match self.replica_mut(room).map(|it| (it.stand, it.position == position)) {
            Some((Stand::Whole, true)) => (true, true),
            Some((Stand::Whole | Stand::New, _)) => (false, self.tear(room)),
            Some((Stand::Torn, _)) | None => (false, true),
        }
    }

    /// Apply a snapshot; return false if members have missed something that was not reported.
    pub(super) fn apply_snapshot(&mut self, nid: u16, snapshot: &Snapshot<'_>) -> bool {
        let Some(relay) = self.relay.as_deref_mut() else { return true };
        let Some(room) = relay.replicas.get(&(nid, snapshot.epoch)).copied() else {
            relay.stats.stale += 1;
            return true;
        };
        let has_members = self.has_members(room);
        let Some(replica) = self.replica_mut(room) else { return true };
        let is_right = match replica.stand {
            Stand::Whole => replica.position == snapshot.position,
            Stand::Torn => true,
            Stand::New => false,
        };
        let is_whole = is_right || !has_members;
        replica.stand = Stand::Whole;
        replica.position = snapshot.position;
        replica.echoes.is_cut = false;
        replica.records.read(snapshot);
        let Replica { numbers: before, .. } = replica;
        let mut before = std::mem::take(before);
        let mut order = Vec::new();
        let mut fields = snapshot.participants;
        for _ in 0..snapshot.count {
            let Ok(described) = Described::read(&mut fields) else { break };
            let known = before.remove(&described.number);
            order.extend(self.describe(room, known, &described));
        }
        for gone in before.into_values() {
            self.remove_participant(gone);
        }
        if let Some(it) = self.rooms.get_mut(room) {
            it.participants = order;
        }
        let holder = snapshot.holder.and_then(|number| self.numbered(room, number));
        self.set_players(room, snapshot.solo, holder);
        is_whole
    }

    /// Make a participant what a snapshot says, or add it; return its number here.
    ///
    /// Connections whose participant the home has removed stay in the room, as nobody.
    fn describe(
        &mut self,
        room: RoomId,
        known: Option<ParticipantId>,
        it: &Described<'_>,
    ) -> Option<ParticipantId> {
        let is_same = |id: &[u8]| id.is_empty() || id == it.id;
        match known.and_then(|known| Some((known, self.participants.get_mut(known)?))) {
            Some((known, participant)) if is_same(&participant.id) => {
                participant.id = it.id.into();
                participant.place(it.x, it.y);
                self.update_participant(known, it.head);
                self.set_participant_flags(known, it.muted, it.hidden);
                self.replica_mut(room)?.numbers.insert(it.number, known);
                Some(known)
            }
            other => {
                if let Some(known) = other.map(|(known, _)| known) {
                    self.remove_participant(known);
                }
                self.add_described(room, it)?;
                self.numbered(room, it.number)
            }
        }
    }
}
