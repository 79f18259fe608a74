//! The state of connections that another process adopts.
//!
//! Reading the state changes nothing here, so that this process can continue if the other one fails.
//! Room logs stay behind: the queued part of a log travels with each client as finished bytes, in
//! order.

use std::net::IpAddr;
use std::os::fd::RawFd;

pub use crate::hub::client::Phase;
use crate::hub::ids::{ClientId, QuotaId, RoomId};
use crate::hub::room_log::RoomLog;
use crate::hub::Hub;
use crate::limits::meter::{Level, Meter};
use crate::limits::token_bucket::Bucket;
use crate::net::address::Subscriber;
use crate::wire::frame::Fragments;

/// The fragments of a message whose end has not arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parts {
    /// The opcode: text or binary.
    pub opcode: u8,
    /// The number of fragments received.
    pub count: u32,
    /// The bytes of all fragments.
    pub bytes: Vec<u8>,
}

/// A connection without its room and its quota. Times are µs of the hub's clock.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools)] // as in Client
pub struct ClientState {
    /// The stage of the connection's life.
    pub phase: Phase,
    /// Whether the client sent `hi`.
    pub has_session: bool,
    /// Whether the client may play in spite of `crownsolo` and mutes.
    pub plays_anywhere: bool,
    /// Whether the client is exempt from rate limits.
    pub unlimited: bool,
    /// The time of a ping that no byte has followed, or [`u64::MAX`].
    pub pinged_at: u64,
    /// The time of connecting.
    pub connected_at: u64,
    /// The time of the last byte received.
    pub last_received: u64,
    /// The time when the socket last took a byte.
    pub last_sent: u64,
    /// The time of the last request for the time.
    pub last_time_request: u64,
    /// The bucket of time requests: the user's, or the client's own before `hi`.
    pub time_bucket: Bucket,
    /// An address of the subscriber whose limits the client shares, if any apply.
    pub subscriber: Option<IpAddr>,
    /// The times until which the client gets no further notice, by kind of refusal.
    pub quiet_until: Vec<u64>,
    /// The contents of the buckets of bytes and messages, if the client is metered.
    pub meter: Option<(u64, u64)>,
    /// The beginning of a frame whose end has not arrived.
    pub partial: Vec<u8>,
    /// The fragments of a message whose end has not arrived.
    pub parts: Option<Parts>,
    /// All queued bytes, in order.
    pub owed: Vec<u8>,
    /// The number of those bytes that complete a half-sent frame.
    pub tail: usize,
}

impl Hub {
    /// Write all waiting pointer positions into the logs: the adopting process does not know them.
    pub fn flush_all_pointers(&mut self) {
        let now = self.clock().now();
        let rooms: Vec<RoomId> = self.rooms.iter().map(|(id, _)| id).collect();
        for id in rooms {
            for mover in &self.rooms[id].movers {
                if let Some(participant) = self.participants.get_mut(*mover) {
                    participant.next_pointer_at = 0;
                }
            }
            self.flush_pointers(id, now);
            self.queue_room(id);
        }
    }

    /// Return the state of a connection here.
    #[must_use]
    pub fn client_state(&mut self, client: ClientId) -> Option<ClientState> {
        let Self { clients, rooms, time_limiter, .. } = self;
        let it = clients.get_mut(client).filter(|it| !it.is_remote())?;
        let nowhere = RoomLog::default();
        let (owed, tail) = it.owed(rooms.get(it.room).map_or(&nowhere, |room| &room.log));
        let (partial, parts) = it.pending_if_any().map_or((Vec::new(), None), |pending| {
            let parts = pending.fragments.as_deref().map(|it| Parts {
                opcode: it.opcode,
                count: it.count,
                bytes: it.bytes.clone(),
            });
            (pending.partial.bytes().to_vec(), parts)
        });
        Some(ClientState {
            phase: it.phase,
            has_session: it.has_session,
            plays_anywhere: it.plays_anywhere,
            unlimited: it.unlimited,
            pinged_at: it.pinged_at,
            connected_at: it.connected_at,
            last_received: it.last_received,
            last_sent: it.last_sent,
            last_time_request: it.last_time_request,
            time_bucket: it.user().map_or(it.time_bucket, |user| time_limiter.bucket(user)),
            subscriber: it.subscriber.map(Subscriber::address),
            quiet_until: it.quiet_until.to_vec(),
            meter: it.meter.map(|meter| (meter.bytes.0, meter.messages.0)),
            partial,
            parts,
            owed,
            tail,
        })
    }

    /// Adopt a connection from another process, in no room, on the quota of its user; see [`Hub::attach`].
    ///
    /// No state can make this hub fail, however another version came to it. Times are cut to those that
    /// a client of this hub can have, and text is checked anew.
    pub fn adopt(&mut self, fd: RawFd, quota: Option<QuotaId>, state: ClientState) -> ClientId {
        let number = self.attach(fd);
        let now = self.now;
        // The other process may have allowed longer messages: then the frame ends with a violation.
        self.inbound.fit(state.partial.len());
        let it = &mut self.clients[number];
        it.phase = state.phase.until_at_most(now + self.linger);
        it.has_session = state.has_session;
        it.quota = quota;
        it.plays_anywhere = state.plays_anywhere;
        it.unlimited = state.unlimited;
        it.pinged_at = if state.pinged_at == u64::MAX { u64::MAX } else { state.pinged_at.min(now) };
        it.connected_at = state.connected_at.min(now);
        it.last_received = state.last_received.min(now);
        it.last_sent = state.last_sent.min(now);
        it.last_time_request = state.last_time_request.min(now);
        it.time_bucket = state.time_bucket;
        it.subscriber = state.subscriber.map(Subscriber::of);
        for (kind, until) in it.quiet_until.iter_mut().zip(state.quiet_until) {
            *kind = until.min(now + self.settings.notice_gap_ms.us());
        }
        let level = |(bytes, messages)| Meter { bytes: Level(bytes), messages: Level(messages) };
        it.meter = state.meter.map(level);
        if !state.partial.is_empty() {
            it.pending().partial.store(&state.partial, 0, false);
        }
        if let Some(Parts { opcode, count, bytes }) = state.parts {
            it.pending().fragments = Some(Box::new(Fragments { opcode, count, checked: 0, bytes }));
        }
        let tail = state.tail.min(state.owed.len());
        it.queue_owed(state.owed, tail);
        if let Some(quota) = quota.filter(|_| state.has_session) {
            self.time_limiter.merge(quota, state.time_bucket);
        }
        self.queue_client(number);
        number
    }

    /// Return the time of the next refill of the note quotas, µs.
    #[must_use]
    pub fn next_quota_tick(&self) -> u64 {
        self.next_quota_tick
    }

    /// Continue the clock of another hub; must be called before any connection is added.
    pub fn continue_from(&mut self, anchor: u64, now: u64, next_quota_tick: u64) {
        self.clock().continue_from(anchor, now);
        let now = self.clock.now();
        self.now = now;
        self.next_check = now + crate::hub::timers::CHECK_PERIOD;
        // A tick far from now comes from another setting.
        let tick = self.settings.quota_tick_ms.us();
        self.next_quota_tick = next_quota_tick.clamp(now.saturating_sub(tick), now.saturating_add(tick));
        self.alarm = u64::MAX;
        self.set_alarm(self.next_check.min(self.next_quota_tick));
    }
}

#[cfg(test)]
mod tests {
    use std::io::{ErrorKind, Read, Write};
    use std::os::fd::AsRawFd;
    use std::os::unix::net::UnixStream;

    use super::*;
    use crate::hub::receive::StepResult;
    use crate::hub::settings::Settings;
    use crate::sys::clock::Clock;

    fn hub() -> Hub {
        Hub::new(Settings::default(), Clock::manual(1_000)).unwrap()
    }

    /// Return the two ends of a connection, both non-blocking.
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

    /// Let another hub adopt a client, in a room of its own there.
    fn hand_over(from: &mut Hub, client: ClientId, fd: RawFd) -> (Hub, ClientId, RoomId) {
        from.flush_all_pointers();
        let mut to = hub();
        let (anchor, now) = (from.clock().anchor(), from.clock().now());
        to.continue_from(anchor, now, from.next_quota_tick());
        let state = from.client_state(client).unwrap();
        let quota = to.quotas.add(10, 100);
        let number = to.adopt(fd, Some(quota), state.clone());
        assert_eq!(to.client_state(number), Some(state));
        let room = to.open_room();
        let participant = to.add_participant(room, b"\"a\"", b"{\"id\":\"a\"", b"1", b"2").unwrap();
        to.enter(number, room, participant);
        (to, number, room)
    }

    #[test]
    fn a_half_sent_frame_is_completed_and_all_others_follow_once() {
        let (ours, mut theirs) = ends();
        let mut first = hub();
        let client = first.attach(ours.as_raw_fd());
        let room = first.open_room();
        let participant = first.add_participant(room, b"\"a\"", b"{\"id\":\"a\"", b"1", b"2").unwrap();
        let quota = first.add_quota(1, 1);
        first.start_session(client, quota);
        first.enter(client, room, participant);
        let mut expected = Vec::new();
        for number in 0..400 {
            let payload = format!("[{number:04}{}]", "x".repeat(2000)).into_bytes();
            crate::wire::frame::append(&mut expected, crate::wire::frame::TEXT, &payload);
            if number % 3 == 0 {
                first.send(client, &payload);
            } else {
                first.broadcast(room, &payload, None);
            }
        }
        first.flush();
        let sent = expected.len() as u64 - first.lag(client);
        assert!(first.clients[client].blocked && sent % 2009 != 0, "{sent}");
        let (mut second, number, room) = hand_over(&mut first, client, ours.as_raw_fd());
        assert!(second.clients[number].owed(&RoomLog::default()).1 > 0);
        second.broadcast(room, b"[9]", None);
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
    fn a_frame_is_completed_although_its_reader_is_closed() {
        let (ours, mut theirs) = ends();
        let mut first = hub();
        let client = first.attach(ours.as_raw_fd());
        for _ in 0..40 {
            first.send(client, &vec![b'x'; 50_000]);
        }
        first.flush();
        let (mut second, number, _) = hand_over(&mut first, client, ours.as_raw_fd());
        second.flush();
        second.close(number, 4000, "bye");
        let mut wire = Vec::new();
        for _ in 0..100 {
            drain(&mut theirs, &mut wire);
            second.wake();
            second.flush();
        }
        drain(&mut theirs, &mut wire);
        assert_eq!(wire.len() % 50_004, 7, "whole frames and a close frame");
        assert_eq!(&wire[wire.len() - 7..], b"\x88\x05\x0f\xa0bye");
    }

    #[test]
    fn a_half_received_frame_may_be_longer_than_new_limits_allow() {
        let (ours, _theirs) = ends();
        let mut first = hub();
        let client = first.attach(ours.as_raw_fd());
        let length = 500_000;
        let mut frame = vec![0x81, 0x80 | 127];
        frame.extend_from_slice(&(length as u64 + 1).to_be_bytes());
        frame.resize(frame.len() + 4 + length, b' ');
        for piece in frame.chunks(100_000) {
            first.window(client)[..piece.len()].copy_from_slice(piece);
            first.feed(client, piece.len());
            assert_eq!(first.step(), StepResult::Done);
        }
        let state = first.client_state(client).unwrap();
        assert_eq!(state.partial, frame);
        let settings = Settings { message_bytes: 1024, ..Settings::default() };
        let mut second = Hub::new(settings, Clock::manual(0)).unwrap();
        let number = second.adopt(ours.as_raw_fd(), None, state);
        second.window(number)[0] = b' ';
        second.feed(number, 1);
        assert_eq!(second.step(), StepResult::Ended);
    }

    #[test]
    fn half_received_frames_and_fragments_are_completed() {
        let (ours, mut theirs) = ends();
        let mut first = hub();
        let client = first.attach(ours.as_raw_fd());
        first.meter(client, Some("192.0.2.1".parse().unwrap()));
        let quota = first.add_quota(1, 1);
        first.start_session(client, quota);
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
        let feed = |hub: &mut Hub, client: ClientId, bytes: &[u8]| {
            hub.window(client)[..bytes.len()].copy_from_slice(bytes);
            hub.feed(client, bytes.len());
        };
        feed(&mut first, client, &bytes);
        assert_eq!(first.step(), StepResult::Done);
        let state = first.client_state(client).unwrap();
        assert_eq!(state.partial, end[..9]);
        assert_eq!(state.parts.as_ref().map(|it| (it.count, it.bytes.len())), Some((2, 7)));
        assert!(state.meter.is_some_and(|(held, _)| held > 0));
        assert_eq!(state.subscriber, Some("192.0.2.1".parse().unwrap()));
        let (mut second, number, _) = hand_over(&mut first, client, ours.as_raw_fd());
        feed(&mut second, number, &end[9..]);
        assert_eq!(second.step(), StepResult::Cold(b"{\"m\":\"hi\"}"));
        assert_eq!(second.step(), StepResult::Done);
    }

    #[test]
    fn a_waiting_position_is_not_lost() {
        let (ours, mut theirs) = ends();
        let mut first = hub();
        let client = first.attach(ours.as_raw_fd());
        let room = first.open_room();
        let listener = first.add_participant(room, b"\"a\"", b"{\"id\":\"a\"", b"1", b"2").unwrap();
        let mover = first.add_participant(room, b"\"b\"", b"{\"id\":\"b\"", b"1", b"2").unwrap();
        first.enter(client, room, listener);
        first.participants[mover].x = b"7".as_slice().into();
        first.participants[mover].pointer_moved = true;
        first.participants[mover].next_pointer_at = u64::MAX;
        first.rooms[room].movers.push(mover);
        let (mut second, ..) = hand_over(&mut first, client, ours.as_raw_fd());
        second.flush();
        let mut wire = Vec::new();
        drain(&mut theirs, &mut wire);
        assert_eq!(&wire[2..], br#"[{"m":"m","id":"b","x":7,"y":2}]"#);
    }

    #[test]
    fn a_quota_continues_where_it_stopped() {
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
