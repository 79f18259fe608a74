//! Apply the publications of other nodes.

use crate::hub::ids::{ClientId, RoomId};
use crate::hub::Hub;
use crate::relay::fields::Fields;
use crate::relay::item::Origin;
use crate::relay::message::{decode, Content, Header, Kind, Place, Played};
use crate::relay::Relay;
use crate::wire::frame;

/// The answer to a publication: mostly nothing for the caller to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received<'a> {
    /// Nothing: the hub has applied it.
    Applied,
    /// Handle a message of another node's Python.
    Message {
        /// The sender.
        nid: u16,
        /// The message.
        payload: &'a [u8],
    },
    /// Handle a message of the registry.
    Registry(&'a [u8]),
    /// Put the connection of a stay into a replica, before the next publication is received.
    Entered {
        /// The home.
        nid: u16,
        /// The stay.
        stay: u32,
        /// The epoch of the replica.
        epoch: u64,
        /// The home's number of the participant.
        participant: u32,
    },
    /// The home took the connection of a stay out of the room; here it has left, too.
    Left {
        /// The home.
        nid: u16,
        /// The stay.
        stay: u32,
    },
    /// The home wants the connection of a stay closed.
    Close {
        /// The home.
        nid: u16,
        /// The stay.
        stay: u32,
        /// The close code.
        code: u16,
        /// The reason.
        reason: &'a str,
    },
    /// Something is missing.
    Gap {
        /// The sender.
        nid: u16,
        /// The epoch of the torn stream; 0 if it is the sender's messages to this node or to all.
        epoch: u64,
    },
    /// The publication is no message; the reason.
    Garbage(&'static str),
}

/// How a message stands to those before it.
enum Turn {
    Next,
    Repeated,
    Late,
}

impl Relay {
    /// Return how a message of an inbox, or of the channel of all nodes, stands to those before.
    fn turn(&mut self, is_inbox: bool, header: Header) -> Turn {
        let heard = self.heard.entry(header.nid).or_default();
        let expected = if is_inbox { &mut heard.inbox } else { &mut heard.everybody };
        let ahead = expected.map_or(0, |expected| header.seq.wrapping_sub(expected) as i32);
        if ahead < 0 {
            return Turn::Repeated;
        }
        *expected = Some(header.seq.wrapping_add(1));
        if ahead == 0 {
            Turn::Next
        } else {
            Turn::Late
        }
    }
}

impl Hub {
    /// Apply a publication, or return what the caller must do before the next one is received.
    ///
    /// A message that shows a gap before it is dropped with what is missing.
    pub fn receive_publication<'a>(&mut self, channel: &[u8], message: &'a [u8]) -> Received<'a> {
        if !self.in_turn {
            self.now = self.clock.now();
        }
        let Some(relay) = self.relay.as_deref_mut() else { return Received::Garbage("this node is alone") };
        let (header, content) = match decode(message) {
            Ok(decoded) => decoded,
            Err(why) => return self.refuse_publication(why),
        };
        relay.stats.received += 1;
        relay.stats.received_bytes += message.len() as u64;
        let is_inbox = *channel == *relay.inbox;
        if !is_inbox && relay.old_inboxes.iter().any(|old| **old == *channel) {
            relay.stats.stale += 1;
            return Received::Applied;
        }
        match (header.kind, is_inbox || *channel == *relay.everybody) {
            (Kind::Registry, _) => return self.hand_out(header, content),
            (Kind::Log, false) if channel.starts_with(&relay.rooms) => return self.hand_out(header, content),
            (Kind::Post, true) if !is_inbox && header.nid == relay.nid => return Received::Applied,
            (Kind::Post, true) => {}
            (Kind::Log, _) | (_, false) => return self.refuse_publication("a message of another channel"),
            (_, true) if !is_inbox => return self.refuse_publication("a message of another channel"),
            (_, true) => {}
        }
        match relay.turn(is_inbox, header) {
            Turn::Next => self.hand_out(header, content),
            Turn::Repeated => {
                relay.stats.repeated += 1;
                Received::Applied
            }
            Turn::Late => {
                relay.stats.gaps += 1;
                Received::Gap { nid: header.nid, epoch: 0 }
            }
        }
    }

    fn refuse_publication(&mut self, why: &'static str) -> Received<'static> {
        if let Some(relay) = self.relay.as_deref_mut() {
            relay.stats.garbage += 1;
        }
        Received::Garbage(why)
    }

    fn hand_out<'a>(&mut self, header: Header, content: Content<'a>) -> Received<'a> {
        let nid = header.nid;
        let is_whole = match content {
            Content::Post(payload) => return Received::Message { nid, payload },
            Content::Registry(payload) => return Received::Registry(payload),
            Content::Log(log) => (self.apply_log(nid, &log), log.epoch),
            Content::Snapshot(snapshot) => (self.apply_snapshot(nid, &snapshot), snapshot.epoch),
            Content::Up(played) => {
                self.apply_up(nid, played);
                (true, 0)
            }
            Content::Refused { stay, payload } => {
                self.expect_no_echo(nid, stay, payload);
                (true, 0)
            }
            Content::Send { stay, opcode, payload } => {
                if let Some(client) = self.visitor(stay) {
                    self.send_with(client, |out| frame::append(out, opcode, payload));
                }
                (true, 0)
            }
            Content::Participants { place, sees_all, before, after } => {
                let Some(client) = self.visitor(place.stay) else { return Received::Applied };
                let (is_complete, is_whole) = self.fits(nid, place);
                // A connection that has not entered the room misses that.
                let room = self.entered_room(place.stay);
                if let Some(room) = room.filter(|_| is_complete) {
                    self.send_participants(client, room, before, after, sees_all);
                }
                (is_whole && room.is_some(), place.epoch)
            }
            Content::Entered { place, participant } => {
                if self.visitor(place.stay).is_none() {
                    return Received::Applied;
                }
                if self.fits(nid, place).0 {
                    return Received::Entered { nid, stay: place.stay, epoch: place.epoch, participant };
                }
                (false, place.epoch)
            }
            Content::Left(place) => {
                if self.visitor(place.stay).is_none() {
                    return Received::Applied;
                }
                if self.fits(nid, place).1 {
                    if let Some(client) = self.relay.as_ref().and_then(|it| it.inside(place.stay)) {
                        self.leave(client);
                    }
                    return Received::Left { nid, stay: place.stay };
                }
                (false, place.epoch)
            }
            Content::Close { stay, code, reason } => {
                return self.visitor(stay).map_or(Received::Applied, |_| Received::Close {
                    nid,
                    stay,
                    code,
                    reason,
                });
            }
        };
        match is_whole {
            (true, _) => Received::Applied,
            (false, epoch) => {
                if let Some(relay) = self.relay.as_deref_mut() {
                    relay.stats.gaps += 1;
                }
                Received::Gap { nid, epoch }
            }
        }
    }

    /// Return whether a replica has all that its home had published before a message about a stay.
    ///
    /// The second value is false if something is missing that must be reported.
    fn fits(&mut self, nid: u16, place: Place) -> (bool, bool) {
        let room = self.relay.as_deref().and_then(|it| it.replicas.get(&(nid, place.epoch)).copied());
        room.map_or((false, true), |room| self.is_complete(room, place.position))
    }

    /// Return the replica that the connection of a stay is in.
    fn entered_room(&self, stay: u32) -> Option<RoomId> {
        self.clients.get(self.relay.as_deref()?.inside(stay)?)?.room
    }

    /// Return the connection of a stay; a stay that has ended is counted.
    fn visitor(&mut self, stay: u32) -> Option<ClientId> {
        let relay = self.relay.as_deref_mut()?;
        let client = relay.visitor(stay);
        relay.stats.stale += u64::from(client.is_none());
        client
    }

    /// Apply what connections at an edge have played.
    fn apply_up(&mut self, nid: u16, mut played: Fields<'_>) {
        let (mut heard, mut dropped) = (0, 0);
        while let Ok((stay, one)) = Played::read(&mut played) {
            let may = self.play_remote(Origin { nid, stay }, &one);
            *(if may { &mut heard } else { &mut dropped }) += 1;
            if let (false, Played::Notes { payload, .. }) = (may, one) {
                self.deny_echo(nid, stay, payload);
            }
        }
        if let Some(relay) = self.relay.as_deref_mut() {
            relay.stats.up_in += heard;
            relay.stats.up_dropped += dropped;
        }
    }
}
