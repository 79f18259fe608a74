//! One connection: where it stands in its room's log, and what it alone is owed.

use std::collections::VecDeque;
use std::os::fd::RawFd;

use crate::hub::refusal::Refusal;
use crate::hub::room_log::RoomLog;
use crate::hub::segments::{Segments, SendProgress};
use crate::hub::NONE;
use crate::limits::meter::Meter;
use crate::net::address::Subscriber;
use crate::wire::frame::{self, Fragments};
use crate::wire::partial::PartialFrame;

/// Finished frames for one client, which go out when its cursor reaches `at`.
#[derive(Debug)]
struct Insert {
    at: u64,
    /// Bytes at the beginning that end a frame whose beginning is on the wire already.
    tail: usize,
    bytes: Vec<u8>,
}

/// What most clients do not need most of the time.
#[derive(Debug, Default)]
pub struct Pending {
    /// The beginning of a frame whose end has not arrived.
    pub partial: PartialFrame,
    /// The fragments of a message whose end has not arrived.
    pub fragments: Option<Box<Fragments>>,
    inserts: VecDeque<Insert>,
    /// Bytes of the first insert that are sent.
    sent: usize,
    /// Ranges of the log that are not for this client: what it wrote itself. In order.
    skips: VecDeque<(u64, u64)>,
}

impl Pending {
    fn is_idle(&self) -> bool {
        self.partial.is_empty()
            && self.fragments.is_none()
            && self.inserts.is_empty()
            && self.skips.is_empty()
    }
}

/// How far the end of a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It plays.
    Open,
    /// A close frame is written or queued; the peer's is awaited until the time (µs).
    Closing(u64),
    /// It broke RFC 6455 and was told so: until the time (µs) nothing that it sends is looked at,
    /// but it is read, because a reset would overtake the close frame.
    Deaf(u64),
    /// Both sides have said it: gone as soon as ours is written, at the time (µs) at the latest.
    Closed(u64),
}

/// One connection.
#[derive(Debug)]
#[allow(clippy::struct_excessive_bools)] // each is a fact of its own, and they take a byte
pub struct Client {
    /// Its socket, owned by the event loop.
    pub fd: RawFd,
    /// Where its end stands.
    pub phase: Phase,
    /// Whether `hi` was said: hot messages before it are ignored.
    pub has_session: bool,
    /// Whether the socket was full at the last write.
    pub blocked: bool,
    /// Whether the socket is known to the epoll set.
    pub watched: bool,
    /// Whether it waits in the hub's list of clients to flush.
    pub queued: bool,
    /// Whether its bytes begin with a frame that was put off, which has been counted.
    pub is_deferred: bool,
    /// When it was sent a ping that nothing has followed, µs; [`u64::MAX`] where there is none.
    pub pinged_at: u64,
    /// The room it is in, or [`NONE`].
    pub room: u32,
    /// Its place in the room's list of members.
    pub seat: u32,
    /// The person it plays as, or [`NONE`].
    pub participant: u32,
    /// Its user's quota.
    pub quota: u32,
    /// The position of the room's log up to which it has everything.
    pub offset: u64,
    /// When it came, µs.
    pub connected_at: u64,
    /// When a byte last came from it, µs.
    pub last_received: u64,
    /// When it last took a byte, µs; counts while it is blocked.
    pub last_sent: u64,
    /// Until when it is not told again why something was refused, µs, by kind of refusal.
    pub quiet_until: [u64; Refusal::COUNT],
    /// When it last asked for the time, µs.
    pub last_time_request: u64,
    /// When its own bucket of requests for the time is full again, µs; counts before `hi`.
    pub time_full_at: u64,
    /// Where it comes from, if that is counted.
    pub subscriber: Option<Subscriber>,
    /// Whether it plays where others may not.
    pub plays_anywhere: bool,
    /// Whether no rate limit holds for it.
    pub unlimited: bool,
    /// What it sent lately, where that is bounded.
    pub meter: Option<Meter>,
    pending: Option<Box<Pending>>,
}

impl Client {
    /// A connection that was just opened.
    #[must_use]
    pub fn new(fd: RawFd, now: u64) -> Self {
        Self {
            fd,
            phase: Phase::Open,
            has_session: false,
            blocked: false,
            watched: false,
            queued: false,
            is_deferred: false,
            pinged_at: u64::MAX,
            room: NONE,
            seat: NONE,
            participant: NONE,
            quota: NONE,
            offset: 0,
            connected_at: now,
            last_received: now,
            last_sent: now,
            quiet_until: [0; Refusal::COUNT],
            last_time_request: now,
            time_full_at: 0,
            subscriber: None,
            plays_anywhere: false,
            unlimited: false,
            meter: None,
            pending: None,
        }
    }

    /// Its rarely needed part, made on first use.
    pub fn pending(&mut self) -> &mut Pending {
        self.pending.get_or_insert_default()
    }

    /// Its rarely needed part, where there is one.
    pub fn pending_if_any(&mut self) -> Option<&mut Pending> {
        self.pending.as_deref_mut()
    }

    /// Gives back the memory that a silent client does not need.
    pub fn shrink(&mut self) {
        if self.pending.as_ref().is_some_and(|pending| pending.is_idle()) {
            self.pending = None;
        }
    }

    /// Whether finished frames for it alone are waiting.
    #[must_use]
    pub fn is_owed_inserts(&self) -> bool {
        self.pending.as_ref().is_some_and(|pending| !pending.inserts.is_empty())
    }

    /// Queues finished frames for this client alone, to go out when its cursor reaches `at`.
    pub fn insert(&mut self, at: u64, write: impl FnOnce(&mut Vec<u8>)) {
        let inserts = &mut self.pending().inserts;
        if inserts.back().is_none_or(|last| last.at != at) {
            inserts.push_back(Insert { at, tail: 0, bytes: Vec::new() });
        }
        if let Some(last) = inserts.back_mut() {
            write(&mut last.bytes);
        }
    }

    /// Leaves a range of the log out for this client.
    pub fn skip(&mut self, range: (u64, u64)) {
        let skips = &mut self.pending().skips;
        match skips.back_mut() {
            Some(last) if last.1 == range.0 => last.1 = range.1,
            _ => skips.push_back(range),
        }
    }

    /// Bytes that wait for it: its part of the log and its inserts.
    #[must_use]
    pub fn lag(&self, head: u64) -> u64 {
        let inserts = self.pending.as_ref().map_or(0, |pending| {
            pending.inserts.iter().map(|insert| insert.bytes.len() as u64).sum::<u64>() - pending.sent as u64
        });
        inserts + if self.room == NONE { 0 } else { head - self.offset }
    }

    /// Whether log and cursor alone say what it is owed, so that one `send` will do.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.pending.as_ref().is_none_or(|pending| pending.inserts.is_empty() && pending.skips.is_empty())
    }

    /// Lists what it is owed, in order, from where it stands.
    ///
    /// Frames that it wrote itself are left out, and with `lenient` the skippable ones too.
    #[must_use]
    pub fn segments<'a>(&'a self, log: &'a RoomLog, lenient: bool) -> Segments<'a> {
        let mut segments = Segments::default();
        let mut at = self.offset;
        let head = if self.room == NONE { at } else { log.head() };
        let mut own = self.pending.iter().flat_map(|pending| pending.skips.iter().copied()).peekable();
        let mut spare = lenient.then(|| log.skippable_after(at)).into_iter().flatten().peekable();
        let mut walk = |until: u64, segments: &mut Segments<'a>| {
            while at < until {
                while own.next_if(|range| range.1 <= at).is_some() {}
                while spare.next_if(|range| range.1 <= at).is_some() {}
                let nothing = (u64::MAX, u64::MAX);
                let next =
                    own.peek().copied().unwrap_or(nothing).min(spare.peek().copied().unwrap_or(nothing));
                let end = until.min(if next.0 <= at { next.1 } else { next.0 });
                if next.0 > at {
                    segments.push_log(end, log.slice(at, end));
                }
                at = end;
            }
        };
        if let Some(pending) = &self.pending {
            let mut sent = pending.sent;
            for insert in &pending.inserts {
                let at = insert.at.clamp(self.offset, head);
                walk(at, &mut segments);
                segments.push_insert(at, &insert.bytes[sent..]);
                sent = 0;
            }
        }
        walk(head, &mut segments);
        segments.finish(head);
        segments
    }

    /// Counts the skippable frames that it misses on the way to a position, its own left out.
    #[must_use]
    pub fn spared(&self, log: &RoomLog, until: u64) -> u64 {
        let is_own = |range: &(u64, u64)| {
            let own = self.pending.iter().flat_map(|pending| &pending.skips);
            own.take_while(|own| own.0 <= range.0).any(|own| range.1 <= own.1)
        };
        let skippable = log.skippable_after(self.offset).take_while(|range| range.1 <= until);
        skippable.filter(|range| !is_own(range)).count() as u64
    }

    /// Records how far a write came.
    pub fn advance(&mut self, to: SendProgress) {
        self.offset = to.offset;
        if let Some(pending) = self.pending.as_deref_mut() {
            if to.inserts > 0 {
                pending.inserts.drain(..to.inserts);
                pending.sent = 0;
            }
            pending.sent += to.of_next;
            while pending.skips.front().is_some_and(|skip| skip.1 <= to.offset) {
                pending.skips.pop_front();
            }
        }
    }

    /// Turns what it is still owed of its room into inserts, because it leaves the room.
    ///
    /// With `drop_backlog` only the rest of a half-sent frame is kept, so that the stream stays
    /// whole: nobody is sent the backlog of a connection that ends for being slow.
    pub fn leave_log(&mut self, log: &RoomLog, drop_backlog: bool) {
        let (mut bytes, tail) = self.owed(log);
        if drop_backlog {
            bytes.truncate(tail);
        }
        self.room = NONE;
        self.offset = 0;
        if let Some(pending) = self.pending.as_deref_mut() {
            pending.inserts.clear();
            pending.sent = 0;
            pending.skips.clear();
        }
        self.queue_owed(bytes, tail);
    }

    /// All that it is owed, and how many bytes of it end a frame that is on the wire in part.
    #[must_use]
    pub fn owed(&self, log: &RoomLog) -> (Vec<u8>, usize) {
        (self.segments(log, false).concatenate(usize::MAX), self.half_sent(log))
    }

    /// Queues what a client that is in no room was owed before: see [`Client::owed`].
    pub fn queue_owed(&mut self, bytes: Vec<u8>, tail: usize) {
        if !bytes.is_empty() {
            self.pending().inserts.push_back(Insert { at: 0, tail, bytes });
        }
    }

    /// Bytes that are left of the frame that is on the wire in part; they come first of all.
    fn half_sent(&self, log: &RoomLog) -> usize {
        if let Some(pending) = self.pending.as_deref() {
            if let Some(insert) = pending.inserts.front().filter(|insert| pending.sent > 0 || insert.tail > 0)
            {
                let mut end = insert.tail;
                while end < pending.sent {
                    end += frame::unmasked_length(&insert.bytes[end..]);
                }
                return end.min(insert.bytes.len()) - pending.sent;
            }
        }
        if self.room == NONE {
            0
        } else {
            (log.frame_end(self.offset) - self.offset) as usize
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::wire::frame;

    #[derive(Clone, Debug)]
    enum Act {
        /// The room hears something; a skippable one is a position.
        Broadcast {
            length: usize,
            skippable: bool,
            own: bool,
        },
        /// The client alone hears something.
        SendFrame(usize),
        /// The socket takes so many bytes.
        Write {
            bytes: usize,
            lenient: bool,
        },
        /// The client leaves the room, and comes back when it next enters.
        Leave {
            drop_backlog: bool,
        },
        Enter,
        /// The log forgets what the client has.
        Tidy,
    }

    fn acts() -> impl Strategy<Value = Vec<Act>> {
        let length = prop_oneof![40 => 8..40_usize, 4 => 120..130_usize, 1 => 65_530..65_540_usize];
        let act = prop_oneof![
            8 => (length.clone(), any::<bool>(), any::<bool>())
                .prop_map(|(length, skippable, own)| Act::Broadcast { length, skippable, own }),
            4 => length.prop_map(Act::SendFrame),
            4 => (0..60_usize, any::<bool>()).prop_map(|(bytes, lenient)| Act::Write { bytes, lenient }),
            1 => Just(Act::Write { bytes: usize::MAX, lenient: false }),
            1 => any::<bool>().prop_map(|drop_backlog| Act::Leave { drop_backlog }),
            2 => Just(Act::Enter),
            2 => Just(Act::Tidy),
        ];
        prop::collection::vec(act, 1..60)
    }

    /// A frame that the client is to get.
    struct Owed {
        bytes: Vec<u8>,
        skippable: bool,
        /// Whether its connection was closed over it.
        dropped: bool,
    }

    /// A client, its room's log and its socket, which takes as little as one likes.
    struct Scene {
        client: Client,
        log: RoomLog,
        owed: Vec<Owed>,
        wire: Vec<u8>,
        was_lenient: bool,
        broadcasts: usize,
    }

    impl Scene {
        fn new() -> Self {
            let (client, log) = (Client::new(-1, 0), RoomLog::default());
            Self { client, log, owed: Vec::new(), wire: Vec::new(), was_lenient: false, broadcasts: 0 }
        }

        /// A payload like no other.
        fn payload(&mut self, length: usize) -> Vec<u8> {
            self.broadcasts += 1;
            let mut payload = format!("{:08}", self.broadcasts).into_bytes();
            payload.resize(length, b'.');
            payload
        }

        fn queue_owed(&mut self, payload: &[u8], skippable: bool) {
            let mut bytes = Vec::new();
            frame::append(&mut bytes, frame::TEXT, payload);
            self.owed.push(Owed { bytes, skippable, dropped: false });
        }

        fn play(&mut self, act: &Act) {
            let is_in = self.client.room != NONE;
            match *act {
                Act::Broadcast { length, skippable, own } => {
                    let payload = self.payload(length);
                    let range = self.log.append(skippable, length, |out| out.extend_from_slice(&payload));
                    if is_in && own {
                        self.client.skip(range);
                    } else if is_in {
                        self.queue_owed(&payload, skippable);
                    }
                }
                Act::SendFrame(length) => {
                    let payload = self.payload(length);
                    let at = if is_in { self.log.head() } else { 0 };
                    self.client.insert(at, |out| frame::append(out, frame::TEXT, &payload));
                    self.queue_owed(&payload, false);
                }
                Act::Write { bytes, lenient } => self.send(bytes, lenient),
                Act::Leave { drop_backlog } => {
                    self.client.leave_log(&self.log, drop_backlog);
                    if drop_backlog {
                        self.owed.iter_mut().for_each(|owed| owed.dropped = true);
                    }
                }
                Act::Enter if is_in => {}
                Act::Enter => {
                    self.client.room = 0;
                    self.client.offset = self.log.head();
                }
                Act::Tidy if !is_in || self.client.offset == self.log.head() => self.log.clear(),
                Act::Tidy => self.log.forget_before(self.client.offset),
            }
        }

        fn send(&mut self, most: usize, lenient: bool) {
            self.was_lenient |= lenient;
            let segments = self.client.segments(&self.log, lenient);
            let bytes = segments.concatenate(most);
            let progress = segments.progress_after(self.client.offset, bytes.len());
            self.client.advance(progress);
            self.wire.extend_from_slice(&bytes);
        }

        /// Fails unless whole frames came, in order, and all that had to.
        fn check(&mut self) {
            self.send(usize::MAX, false);
            let head = self.log.head();
            assert_eq!((self.client.lag(head), self.client.is_plain()), (0, true));
            let mut wire = &self.wire[..];
            for owed in &self.owed {
                if let Some(rest) = wire.strip_prefix(&owed.bytes[..]) {
                    wire = rest;
                } else {
                    assert!(owed.dropped || owed.skippable && self.was_lenient, "a frame is lost or cut");
                }
            }
            assert_eq!(wire.len(), 0, "more came than was owed, or a frame was cut");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn whole_frames_come_in_order_however_they_are_cut(acts in acts()) {
            let mut scene = Scene::new();
            scene.play(&Act::Enter);
            for act in &acts {
                scene.play(act);
            }
            scene.check();
        }
    }

    #[test]
    fn a_frame_that_is_half_sent_is_ended_after_leaving_and_closing() {
        let mut scene = Scene::new();
        let broadcast = Act::Broadcast { length: 20, skippable: false, own: false };
        let acts = [Act::Enter, broadcast.clone(), broadcast, Act::Write { bytes: 7, lenient: false }];
        for act in &acts {
            scene.play(act);
        }
        scene.play(&Act::Leave { drop_backlog: false });
        assert_eq!(scene.client.lag(0), 2 * 22 - 7);
        scene.play(&Act::Leave { drop_backlog: true });
        assert_eq!(scene.client.lag(0), 22 - 7);
        scene.check();
    }
}
