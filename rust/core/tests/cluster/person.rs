//! The clients, and what each must have read.

use std::collections::HashMap;
use std::io::{ErrorKind, Read};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;

use fortepiano_core::hub::ids::ClientId;
use fortepiano_core::hub::{Hub, StepResult};
use fortepiano_core::wire::frame;

use super::PEOPLE;

/// A connection, and all that its client has read.
pub struct Socket {
    pub client: ClientId,
    _near: UnixStream,
    far: UnixStream,
    bytes: Vec<u8>,
}

impl Socket {
    pub fn new(hub: &mut Hub) -> Self {
        let (near, far) = UnixStream::pair().unwrap();
        near.set_nonblocking(true).unwrap();
        far.set_nonblocking(true).unwrap();
        let client = hub.attach(near.as_raw_fd());
        let quota = hub.add_quota(1_000_000, 1_000_000);
        hub.start_session(client, quota);
        Self { client, _near: near, far, bytes: Vec::new() }
    }

    pub fn read(&mut self) {
        let error = self.far.read_to_end(&mut self.bytes).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
    }

    /// Return the payloads of all frames.
    pub fn payloads(&self) -> Vec<Vec<u8>> {
        let mut payloads = Vec::new();
        let mut rest = &self.bytes[..];
        while !rest.is_empty() {
            assert_eq!(rest[0], 0x81);
            let (one, others) = rest.split_at(frame::unmasked_length(rest));
            payloads.push(one[if one[1] < 126 { 2 } else { 4 }..].to_vec());
            rest = others;
        }
        payloads
    }
}

/// Hand a hot message to a hub.
pub fn feed(hub: &mut Hub, client: ClientId, message: &[u8]) {
    let mut bytes = Vec::new();
    frame::append_masked(&mut bytes, message);
    hub.window(client)[..bytes.len()].copy_from_slice(&bytes);
    hub.feed(client, bytes.len());
    assert_eq!(hub.step(), StepResult::Done);
    hub.end_turn();
}

pub fn is_pointer(payload: &[u8]) -> bool {
    payload.starts_with(b"[{\"m\":\"m\"")
}

/// A client in a room.
#[derive(Clone, Copy)]
pub struct Place {
    pub room: usize,
    pub stay: u32,
}

/// A stay: its piece of the room's order, in messages that are no pointers.
pub struct Stay {
    pub room: usize,
    pub start: u64,
    /// Whether the others heard that the client's user has come.
    is_new: bool,
    /// The end, unless the stay goes on.
    pub end: Option<u64>,
    /// The end that the home gave.
    pub kicked_at: Option<u64>,
    /// Whether the client left because the home wanted it, or where the home is.
    pub ended_at_home: bool,
    /// The first frame.
    ch: Vec<u8>,
    /// The frames for the client alone, and how much the room had heard before each.
    pub sent: Vec<(u64, Vec<u8>)>,
    /// The client's own notes, as others hear them.
    pub played: Vec<Vec<u8>>,
}

impl Stay {
    pub fn new(room: usize, start: u64, ch: Vec<u8>, is_new: bool) -> Self {
        Self {
            room,
            start,
            is_new,
            end: None,
            kicked_at: None,
            ended_at_home: false,
            ch,
            sent: Vec::new(),
            played: Vec::new(),
        }
    }

    /// Check the frames of a stay behind its first one against the order of its room.
    ///
    /// Behind them may be frames of a room of which something is missing, unless this `is_last`.
    fn check(&self, who: &Person, order: &[Vec<u8>], read: &[Vec<u8>], is_last: bool) {
        let heard: Vec<&Vec<u8>> = read.iter().filter(|payload| !payload.starts_with(b"[\"s\"")).collect();
        let sent: Vec<&Vec<u8>> =
            read.iter().filter(|payload| payload.starts_with(self.own().as_bytes())).collect();
        let total = order.iter().filter(|payload| !is_pointer(payload)).count() as u64;
        let end = self.end.unwrap_or(total);
        let own_pointer = format!("[{{\"m\":\"m\",\"id\":\"{}\"", who.user());
        let own_join = format!("[\"p\",{},{}]", self.room, self.start);
        let mut at = 0;
        let mut heard = heard.into_iter().peekable();
        for payload in order {
            let is_move = is_pointer(payload);
            let is_within =
                if is_move { at >= self.start && at <= end } else { at >= self.start && at < end };
            let is_own = payload.starts_with(own_pointer.as_bytes())
                || self.played.contains(payload)
                || payload == own_join.as_bytes() && self.is_new;
            at += u64::from(!is_move);
            if !is_within || is_own {
                continue;
            }
            // A pointer right at the beginning or the end may be before or behind it.
            let may_miss = is_move && (at == self.start || at == end);
            let came = heard.next_if(|next| *next == payload).is_some();
            assert!(came || may_miss, "{} misses {}", who.who, payload.escape_ascii());
        }
        let surplus = heard.next().filter(|_| is_last);
        assert!(
            surplus.is_none(),
            "{} has {:?} too much",
            who.who,
            surplus.map(|it| it.escape_ascii().to_string())
        );
        self.check_sent(who, end, &sent, read);
    }

    /// Return how the client's private frames begin.
    fn own(&self) -> String {
        let text = String::from_utf8_lossy(&self.ch);
        format!("[\"s\",{},", text.split(',').nth(1).unwrap_or_default())
    }

    /// Check that the private frames came in their places.
    fn check_sent(&self, who: &Person, end: u64, sent: &[&Vec<u8>], read: &[Vec<u8>]) {
        let is_sure = |(at, _): &&(u64, Vec<u8>)| *at < end || self.end.is_none() || self.ended_at_home;
        let sure = self.sent.iter().filter(is_sure).count();
        assert!(sent.len() >= sure && sent.len() <= self.sent.len(), "{} misses a frame of its own", who.who);
        for ((at, expected), payload) in self.sent.iter().zip(sent) {
            assert_eq!(&expected, payload);
            // All that the room heard before is read before, and nothing else.
            let place = read.iter().position(|one| one == expected).unwrap();
            let number = |payload: &Vec<u8>| {
                let text = String::from_utf8_lossy(payload);
                let mut words = text.trim_matches(['[', ']']).split(',');
                let (kind, room, number) = (words.next()?, words.next()?, words.next()?);
                let is_entry = ["e", "soon", "bye", "all", "p", "end"].contains(&kind.trim_matches('"'));
                number.parse().ok().filter(|_: &u64| is_entry && room == self.room.to_string())
            };
            assert!(read[..place].iter().filter_map(number).all(|entry| entry < *at), "{} too late", who.who);
            assert!(
                read[place..].iter().filter_map(number).all(|entry| entry >= *at),
                "{} too early",
                who.who
            );
        }
    }
}

/// A client beside the witnesses.
pub struct Person {
    pub who: usize,
    pub node: usize,
    pub socket: Socket,
    pub place: Option<Place>,
    /// The room that the client has asked for.
    pub joining: Option<Place>,
    /// The stays whose first frame the client must have read, in order.
    pub order: Vec<u32>,
}

impl Person {
    pub fn new(hub: &mut Hub, who: usize, node: usize) -> Self {
        Self { who, node, socket: Socket::new(hub), place: None, joining: None, order: Vec::new() }
    }

    /// Return the user: the last client is another tab of the first one's.
    pub fn user(&self) -> usize {
        self.who % (PEOPLE - 1)
    }

    pub fn is_in(&self, room: usize) -> bool {
        self.place.is_some_and(|place| place.room == room)
    }

    /// Check all that the client has read, in rooms of which it is known that nothing is missing.
    pub fn check(
        &self,
        orders: &[Vec<Vec<u8>>],
        stays: &HashMap<u32, Stay>,
        is_known: impl Fn(usize) -> bool,
    ) {
        let read = self.socket.payloads();
        let mut pieces = read.split(|payload| payload.starts_with(b"[\"ch\""));
        let before = pieces.next().unwrap_or_default();
        let starts = read.iter().filter(|payload| payload.starts_with(b"[\"ch\""));
        let known: Vec<(&Vec<u8>, &[Vec<u8>])> = starts.zip(pieces).collect();
        let are_all_known = (0..orders.len()).all(&is_known);
        assert!(before.is_empty() || !are_all_known, "something came before the first room");
        let mut order = Vec::new();
        let is_known = |stay: &&Stay| is_known(stay.room);
        let all: Vec<&Stay> = self.order.iter().map(|stay| &stays[stay]).collect();
        for (at, stay) in all.iter().copied().enumerate().filter(|(_, stay)| is_known(stay)) {
            let is_last = all[at + 1..].iter().all(is_known);
            match known.iter().find(|(ch, _)| **ch == stay.ch) {
                Some((ch, piece)) => {
                    stay.check(self, &orders[stay.room], piece, is_last);
                    order.push(*ch);
                }
                // The client left before the first frame had come.
                None => assert!(
                    stay.end == Some(stay.start),
                    "{} has not read {}",
                    self.who,
                    stay.ch.escape_ascii()
                ),
            }
        }
        if are_all_known {
            assert!(order.into_iter().eq(known.iter().map(|(ch, _)| *ch)), "the rooms came in another order");
        }
    }
}
