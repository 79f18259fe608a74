//! What a process that goes on with this one's connections has to know of each.
//!
//! Taking it changes nothing here, so that this process can go on itself. Rooms' logs stay behind: what
//! a client is owed of one goes along with it, in order, as finished bytes.

use std::net::IpAddr;
use std::os::fd::RawFd;

pub use crate::hub::client::Phase;
use crate::hub::outbound::write_moves;
use crate::hub::room_log::Log;
use crate::hub::Hub;
use crate::limits::meter::{Level, Meter};
use crate::net::address::Subscriber;
use crate::wire::frame::Fragments;

/// The fragments of a message whose end has not arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pieces {
    /// Text or binary.
    pub opcode: u8,
    /// How many have come.
    pub count: u32,
    /// Bytes of them that are known to be UTF-8.
    pub checked: usize,
    /// The bytes of all.
    pub bytes: Vec<u8>,
}

/// A connection, but for its room and its quota. Times in µs of the hub's clock.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools)] // as those of a client
pub struct Baggage {
    /// Where its end stands.
    pub phase: Phase,
    /// Whether `hi` was said.
    pub greeted: bool,
    /// Whether it plays where others may not.
    pub plays_anywhere: bool,
    /// Whether no rate limit holds for it.
    pub unlimited: bool,
    /// When it was sent a ping that nothing has followed, or [`u64::MAX`].
    pub pinged: u64,
    /// When it came.
    pub since: u64,
    /// When a byte last came from it.
    pub heard: u64,
    /// When it last took a byte.
    pub progress: u64,
    /// When it last asked for the time.
    pub asked: u64,
    /// When its user's bucket of requests for the time is full again, or its own before `hi`.
    pub time_bucket: u64,
    /// An address of where it comes from, if that is counted.
    pub place: Option<IpAddr>,
    /// Until when it is not told again why something was refused, by kind.
    pub refused: Vec<u64>,
    /// What its buckets of bytes and messages hold, where it is metered.
    pub meter: Option<(u64, u64)>,
    /// The beginning of a frame whose end has not arrived.
    pub partial: Vec<u8>,
    /// The fragments of a message whose end has not arrived.
    pub pieces: Option<Pieces>,
    /// All that it is owed, in order.
    pub owed: Vec<u8>,
    /// How many bytes of that end a frame that is on the wire in part.
    pub tail: usize,
}

impl Hub {
    /// Writes all positions that wait for their time into the logs: who goes on knows of none.
    pub fn write_all_moves(&mut self) {
        let now = self.clock().now();
        let Self { clients, rooms, people, settings, stats, .. } = self;
        for (_, room) in rooms.iter_mut() {
            for mover in &room.movers {
                if let Some(person) = people.get_mut(*mover as usize) {
                    person.may_move = 0;
                }
            }
            write_moves(room, people, clients, settings, stats, now);
        }
        let rooms: Vec<u32> = self.rooms.iter().map(|(number, _)| number as u32).collect();
        for room in rooms {
            self.queue_room(room);
        }
    }

    /// All that is to be known of a connection.
    #[must_use]
    pub fn baggage(&mut self, client: u32) -> Option<Baggage> {
        let Self { clients, rooms, askers, .. } = self;
        let it = clients.get_mut(client as usize)?;
        let nowhere = Log::default();
        let (owed, tail) = it.owed(rooms.get(it.room as usize).map_or(&nowhere, |room| &room.log));
        let (partial, pieces) = it.extra_if_any().map_or((Vec::new(), None), |extra| {
            let pieces = extra.fragments.as_deref().map(|it| Pieces {
                opcode: it.opcode,
                count: it.count,
                checked: it.checked,
                bytes: it.bytes.clone(),
            });
            (extra.partial.bytes().to_vec(), pieces)
        });
        Some(Baggage {
            phase: it.phase,
            greeted: it.greeted,
            plays_anywhere: it.plays_anywhere,
            unlimited: it.unlimited,
            pinged: it.pinged,
            since: it.since,
            heard: it.heard,
            progress: it.progress,
            asked: it.asked,
            time_bucket: if it.greeted { askers.full_at(it.quota) } else { it.time_bucket },
            place: it.place.map(Subscriber::address),
            refused: it.refused.to_vec(),
            meter: it.meter.map(|meter| (meter.bytes.0, meter.messages.0)),
            partial,
            pieces,
            owed,
            tail,
        })
    }

    /// Takes a connection over, in no room yet, on this quota; see [`Hub::attach`].
    pub fn take_over(&mut self, fd: RawFd, quota: u32, baggage: Baggage) -> u32 {
        let number = self.attach(fd);
        let it = &mut self.clients[number as usize];
        it.phase = baggage.phase;
        it.greeted = baggage.greeted;
        it.quota = quota;
        it.plays_anywhere = baggage.plays_anywhere;
        it.unlimited = baggage.unlimited;
        it.pinged = baggage.pinged;
        it.since = baggage.since;
        it.heard = baggage.heard;
        it.progress = baggage.progress;
        it.asked = baggage.asked;
        it.time_bucket = baggage.time_bucket;
        it.place = baggage.place.map(Subscriber::of);
        for (kind, until) in it.refused.iter_mut().zip(baggage.refused) {
            *kind = until;
        }
        let level = |(bytes, messages)| Meter { bytes: Level(bytes), messages: Level(messages) };
        it.meter = baggage.meter.map(level);
        if !baggage.partial.is_empty() {
            it.extra().partial.keep(&baggage.partial, 0);
        }
        if let Some(Pieces { opcode, count, checked, bytes }) = baggage.pieces {
            it.extra().fragments = Some(Box::new(Fragments { opcode, count, checked, bytes }));
        }
        it.owe(baggage.owed, baggage.tail);
        if baggage.greeted {
            self.askers.wait(quota, baggage.time_bucket);
        }
        self.queue_client(number);
        number
    }

    /// When the note quotas are next filled up, µs.
    #[must_use]
    pub fn next_quota_tick(&self) -> u64 {
        self.next_quota_tick
    }

    /// Goes on where the time of another hub stands; to be called before anybody is here.
    pub fn go_on(&mut self, anchor: u64, now: u64, next_quota_tick: u64) {
        self.clock().go_on(anchor, now);
        self.now = now;
        self.next_watch = now + crate::hub::timers::PERIOD;
        // A tick that is far ahead was another setting's.
        self.next_quota_tick = next_quota_tick.min(now + self.settings.quota_tick);
        self.alarm = u64::MAX;
        self.set_alarm(self.next_watch.min(self.next_quota_tick));
    }
}

#[cfg(test)]
mod tests {
    use std::io::{ErrorKind, Read, Write};
    use std::os::fd::AsRawFd;
    use std::os::unix::net::UnixStream;

    use super::*;
    use crate::hub::inbound::Step;
    use crate::hub::settings::Settings;
    use crate::hub::NONE;
    use crate::sys::clock::Clock;

    fn hub() -> Hub {
        Hub::new(Settings::default(), Clock::standing(1_000)).unwrap()
    }

    /// A connection's two ends; ours takes little at once.
    fn ends() -> (UnixStream, UnixStream) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        theirs.set_nonblocking(true).unwrap();
        (ours, theirs)
    }

    fn drain(end: &mut UnixStream, into: &mut Vec<u8>) {
        let mut buffer = vec![0; 1 << 16];
        loop {
            match end.read(&mut buffer) {
                Ok(0) => return,
                Ok(count) => into.extend_from_slice(&buffer[..count]),
                Err(error) => return assert_eq!(error.kind(), ErrorKind::WouldBlock),
            }
        }
    }

    /// Lets another hub go on with a client in a room of its own there.
    fn hand_over(from: &mut Hub, client: u32, fd: RawFd) -> (Hub, u32, u32) {
        from.write_all_moves();
        let mut to = hub();
        let (anchor, now) = (from.clock().anchor(), from.clock().now());
        to.go_on(anchor, now, from.next_quota_tick());
        let baggage = from.baggage(client).unwrap();
        let quota = to.quotas.add(10, 100);
        let number = to.take_over(fd, quota, baggage.clone());
        assert_eq!(to.baggage(number), Some(baggage));
        let room = to.open_room();
        let person = to.add_person(room, b"\"a\"", b"{\"id\":\"a\"", b"1", b"2");
        to.enter(number, room, person);
        (to, number, room)
    }

    #[test]
    fn a_half_sent_frame_is_sent_to_its_end_and_all_else_follows_once() {
        let (ours, mut theirs) = ends();
        let mut first = hub();
        let client = first.attach(ours.as_raw_fd());
        let room = first.open_room();
        let person = first.add_person(room, b"\"a\"", b"{\"id\":\"a\"", b"1", b"2");
        first.greet(client, 0);
        first.enter(client, room, person);
        let mut expected = Vec::new();
        for number in 0..400 {
            let payload = format!("[{number:04}{}]", "x".repeat(2000)).into_bytes();
            crate::wire::frame::append(&mut expected, crate::wire::frame::TEXT, &payload);
            if number % 3 == 0 {
                first.tell(client, &payload);
            } else {
                first.say(room, &payload, NONE);
            }
        }
        first.flush();
        let sent = expected.len() as u64 - first.lag(client);
        assert!(first.clients[client as usize].blocked && sent % 2009 != 0, "{sent}");
        let (mut second, number, room) = hand_over(&mut first, client, ours.as_raw_fd());
        assert!(second.clients[number as usize].owed(&Log::default()).1 > 0);
        second.say(room, b"[9]", NONE);
        crate::wire::frame::append(&mut expected, crate::wire::frame::TEXT, b"[9]");
        let mut wire = Vec::new();
        second.flush();
        for _ in 0..100 {
            drain(&mut theirs, &mut wire);
            second.wake();
            second.flush();
        }
        drain(&mut theirs, &mut wire);
        assert!(wire == expected, "{} of {}", wire.len(), expected.len());
    }

    #[test]
    fn a_reader_that_is_closed_in_the_middle_of_a_frame_gets_its_end() {
        let (ours, mut theirs) = ends();
        let mut first = hub();
        let client = first.attach(ours.as_raw_fd());
        for _ in 0..40 {
            first.tell(client, &vec![b'x'; 50_000]);
        }
        first.flush();
        let (mut second, number, _) = hand_over(&mut first, client, ours.as_raw_fd());
        second.flush();
        second.close(number, 4000, "");
        let mut wire = Vec::new();
        for _ in 0..100 {
            drain(&mut theirs, &mut wire);
            second.wake();
            second.flush();
        }
        drain(&mut theirs, &mut wire);
        assert_eq!(wire.len() % 50_004, 4, "whole frames and a close frame");
        assert_eq!(&wire[wire.len() - 4..], [0x88, 2, 0x0f, 0xa0]);
    }

    #[test]
    fn half_received_frames_and_fragments_are_read_to_their_end() {
        let (ours, mut theirs) = ends();
        let mut first = hub();
        let client = first.attach(ours.as_raw_fd());
        first.meter(client, Some("192.0.2.1".parse().unwrap()));
        first.greet(client, 0);
        let masked = |first: u8, payload: &[u8]| {
            let mut frame = vec![first, 0x80 | payload.len() as u8, 0, 0, 0, 0];
            frame.extend_from_slice(payload);
            frame
        };
        let message = b"[{\"m\":\"hi\"}]";
        let mut bytes = masked(0x01, &message[..5]);
        bytes.extend(masked(0x00, &message[5..7]));
        let end = masked(0x80, &message[7..]);
        bytes.extend_from_slice(&end[..9]);
        theirs.write_all(&bytes).unwrap();
        let feed = |hub: &mut Hub, client: u32, bytes: &[u8]| {
            hub.window(client)[..bytes.len()].copy_from_slice(bytes);
            hub.feed(client, bytes.len());
        };
        feed(&mut first, client, &bytes);
        assert_eq!(first.step(), Step::Done);
        let baggage = first.baggage(client).unwrap();
        assert_eq!(baggage.partial, end[..9]);
        assert_eq!(baggage.pieces.as_ref().map(|it| (it.count, it.bytes.len())), Some((2, 7)));
        assert!(baggage.meter.is_some_and(|(held, _)| held > 0));
        assert_eq!(baggage.place, Some("192.0.2.1".parse().unwrap()));
        let (mut second, number, _) = hand_over(&mut first, client, ours.as_raw_fd());
        feed(&mut second, number, &end[9..]);
        assert_eq!(second.step(), Step::Cold(b"{\"m\":\"hi\"}"));
        assert_eq!(second.step(), Step::Done);
    }

    #[test]
    fn a_position_that_waits_for_its_time_is_not_lost() {
        let (ours, mut theirs) = ends();
        let mut first = hub();
        let client = first.attach(ours.as_raw_fd());
        let room = first.open_room();
        let listener = first.add_person(room, b"\"a\"", b"{\"id\":\"a\"", b"1", b"2");
        let mover = first.add_person(room, b"\"b\"", b"{\"id\":\"b\"", b"1", b"2");
        first.enter(client, room, listener);
        first.people[mover as usize].x = b"7".as_slice().into();
        first.people[mover as usize].moved = true;
        first.people[mover as usize].may_move = u64::MAX;
        first.rooms[room as usize].movers.push(mover);
        let (mut second, ..) = hand_over(&mut first, client, ours.as_raw_fd());
        second.flush();
        let mut wire = Vec::new();
        drain(&mut theirs, &mut wire);
        assert_eq!(&wire[2..], br#"[{"m":"m","id":"b","x":7,"y":2}]"#);
    }

    #[test]
    fn a_quota_goes_on_where_it_stood() {
        let (mut first, mut second) = (hub(), hub());
        let slot = first.quotas.add(10, 100);
        assert!(first.quotas.spend(slot, 60));
        first.quotas.tick();
        assert!(first.quotas.spend(slot, 5));
        let account = first.quotas.account(slot).unwrap();
        let other = second.quotas.add(1, 1);
        second.quotas.restore(other, &account);
        for _ in 0..20 {
            assert_eq!(first.quotas.spend(slot, 7), second.quotas.spend(other, 7));
            assert_eq!(first.quotas.account(slot), second.quotas.account(other));
            first.quotas.tick();
            second.quotas.tick();
        }
    }
}
