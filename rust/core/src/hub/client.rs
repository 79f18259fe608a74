//! One connection: its offset in the room's log, and the frames for this client alone.

use std::collections::VecDeque;
use std::os::fd::RawFd;

use crate::hub::ids::{ParticipantId, QuotaId, RoomId};
use crate::hub::refusal::Refusal;
use crate::hub::room_log::RoomLog;
use crate::hub::segments::{Segments, SendProgress};
use crate::limits::meter::Meter;
use crate::limits::token_bucket::Bucket;
use crate::net::address::Subscriber;
use crate::wire::frame::{self, Fragments};
use crate::wire::partial_frame::PartialFrame;

/// Finished frames for one client, sent when the client's offset reaches `at`.
#[derive(Debug)]
struct Insert {
    at: u64,
    /// The bytes at the beginning that complete a frame whose first part was already sent.
    tail: usize,
    bytes: Vec<u8>,
}

/// State that most clients do not need most of the time.
#[derive(Debug, Default)]
pub struct Pending {
    /// The beginning of a frame whose end has not arrived.
    pub partial: PartialFrame,
    /// The fragments of a message whose end has not arrived.
    pub fragments: Option<Box<Fragments>>,
    inserts: VecDeque<Insert>,
    /// The number of bytes of the first insert already sent.
    sent: usize,
    /// Ranges of the log that this client must not receive, in order: its own messages.
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

/// The stages of a connection's life; docs/architecture.md has them with all states before.
///
/// | from | event | to |
/// |---|---|---|
/// | `Open` | [`close`](crate::hub::Hub::close) by the server | `Closing` |
/// | `Open`, `Closing` | the peer's close frame | `Closed` |
/// | `Open`, `Closing` | a violation of the protocol; in `Open` also of a limit | `Discarding` |
/// | `Closed` | the close frame is written | dropped |
/// | all but `Open` | the time is over | dropped |
/// | `Open` | no pong, or a failed write | dropped |
///
/// "Dropped" is a [`CloseOrder::Drop`](crate::hub::CloseOrder::Drop); the connection is detached when
/// the owner of the socket has carried it out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The connection is in use.
    Open,
    /// A close frame is written or queued; the peer's answer is awaited until this time (µs).
    Closing(u64),
    /// The client violated the protocol or a limit, and its close frame is queued.
    ///
    /// Until this time (µs) its bytes are read and discarded: a reset would overtake the close frame.
    Discarding(u64),
    /// Both close frames exist: the connection ends once ours is written, at this time (µs) at the
    /// latest.
    Closed(u64),
}

impl Phase {
    /// Return the stage, which ends at this time (µs) at the latest.
    #[must_use]
    pub fn until_at_most(self, most: u64) -> Self {
        match self {
            Self::Open => Self::Open,
            Self::Closing(until) => Self::Closing(until.min(most)),
            Self::Discarding(until) => Self::Discarding(until.min(most)),
            Self::Closed(until) => Self::Closed(until.min(most)),
        }
    }
}

/// The descriptor of a connection at another node; a socket that is closed has -1.
const REMOTE: RawFd = -2;

/// One connection.
#[derive(Debug)]
#[allow(clippy::struct_excessive_bools)] // independent facts, one byte each
pub struct Client {
    /// The socket, owned by the event loop.
    pub fd: RawFd,
    /// The stage of the connection's life.
    pub phase: Phase,
    /// Whether the client sent `hi`; hot messages before that are ignored.
    pub has_session: bool,
    /// Whether the socket was full at the last write.
    pub blocked: bool,
    /// Whether the socket is registered in the epoll set.
    pub watched: bool,
    /// Whether the client is in the hub's list of clients to flush.
    pub queued: bool,
    /// Whether the stored bytes begin with a deferred frame, which was counted already.
    pub is_deferred: bool,
    /// Whether the queue of deferred connections has this one.
    pub awaits_turn: bool,
    /// Whether all that the client sends waits; see [`Hub::hold`](crate::hub::Hub::hold).
    pub is_held: bool,
    /// The time of a ping that no byte has followed, µs; [`u64::MAX`] if there is none.
    pub pinged_at: u64,
    /// The room of the client, if it is in one.
    pub room: Option<RoomId>,
    /// The client's index in the room's list of members; meaningless outside of rooms.
    pub seat: u32,
    /// The participant that the client plays as, if any.
    pub participant: Option<ParticipantId>,
    /// The quota of the client's user, known from `hi` on.
    pub quota: Option<QuotaId>,
    /// The offset in the room's log up to which everything was sent.
    pub offset: u64,
    /// The time of connecting, µs.
    pub connected_at: u64,
    /// The time of the last byte received, µs.
    pub last_received: u64,
    /// The time when the socket last took a byte, µs; used while the socket is full.
    pub last_sent: u64,
    /// The times until which the client gets no further notice, µs, by kind of refusal.
    pub quiet_until: [u64; Refusal::COUNT],
    /// The time of the last request for the time, µs.
    pub last_time_request: u64,
    /// The client's own bucket of time requests, used before `hi`.
    pub time_bucket: Bucket,
    /// The subscriber whose limits the client shares, if any apply.
    pub subscriber: Option<Subscriber>,
    /// Whether the client may play in spite of `crownsolo` and mutes.
    pub plays_anywhere: bool,
    /// Whether the client is exempt from rate limits.
    pub unlimited: bool,
    /// The recent traffic of the client, if that is limited.
    pub meter: Option<Meter>,
    pending: Option<Box<Pending>>,
}

impl Client {
    /// Create the state of a new connection.
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
            awaits_turn: false,
            is_held: false,
            pinged_at: u64::MAX,
            room: None,
            seat: 0,
            participant: None,
            quota: None,
            offset: 0,
            connected_at: now,
            last_received: now,
            last_sent: now,
            quiet_until: [0; Refusal::COUNT],
            last_time_request: now,
            time_bucket: Bucket::default(),
            subscriber: None,
            plays_anywhere: false,
            unlimited: false,
            meter: None,
            pending: None,
        }
    }

    /// Create the state of a connection at another node, which has no socket here.
    #[must_use]
    pub(crate) fn remote(now: u64) -> Self {
        Self::new(REMOTE, now)
    }

    /// Return whether the connection is at another node.
    #[inline]
    #[must_use]
    pub fn is_remote(&self) -> bool {
        self.fd == REMOTE
    }

    /// Return the quota of the client's user, if the client has a session.
    #[must_use]
    pub fn user(&self) -> Option<QuotaId> {
        self.quota.filter(|_| self.has_session)
    }

    /// Return the rarely needed state, created on first use.
    pub fn pending(&mut self) -> &mut Pending {
        self.pending.get_or_insert_default()
    }

    /// Return the rarely needed state, if it exists.
    pub fn pending_if_any(&mut self) -> Option<&mut Pending> {
        self.pending.as_deref_mut()
    }

    /// Check the text of a half-received frame as far as it has arrived.
    ///
    /// # Errors
    /// The close code, if no further bytes could make the text valid.
    #[inline]
    pub fn check_partial_text(&mut self) -> Result<(), u16> {
        match self.pending.as_deref_mut() {
            Some(pending) if !pending.partial.is_empty() => {
                pending.partial.check_text(pending.fragments.as_deref())
            }
            _ => Ok(()),
        }
    }

    /// Release the memory that an idle client does not need.
    pub fn shrink(&mut self) {
        if self.pending.as_ref().is_some_and(|pending| pending.is_idle()) {
            self.pending = None;
        }
    }

    /// Return whether finished frames for this client alone are queued.
    #[must_use]
    pub fn is_owed_inserts(&self) -> bool {
        self.pending.as_ref().is_some_and(|pending| !pending.inserts.is_empty())
    }

    /// Queue finished frames for this client alone, sent when the client's offset reaches `at`.
    ///
    /// Return how many bytes `write` has added.
    pub fn insert(&mut self, at: u64, write: impl FnOnce(&mut Vec<u8>)) -> u64 {
        let inserts = &mut self.pending().inserts;
        if inserts.back().is_none_or(|last| last.at != at) {
            inserts.push_back(Insert { at, tail: 0, bytes: Vec::new() });
        }
        let Some(last) = inserts.back_mut() else { return 0 };
        let before = last.bytes.len();
        write(&mut last.bytes);
        (last.bytes.len() - before) as u64
    }

    /// Exclude a range of the log for this client.
    pub fn skip(&mut self, range: (u64, u64)) {
        let skips = &mut self.pending().skips;
        match skips.back_mut() {
            Some(last) if last.1 == range.0 => last.1 = range.1,
            _ => skips.push_back(range),
        }
    }

    /// Return the number of queued bytes: the client's part of the log and its inserts.
    #[must_use]
    pub fn lag(&self, head: u64) -> u64 {
        let inserts = self.pending.as_ref().map_or(0, |pending| {
            pending.inserts.iter().map(|insert| insert.bytes.len() as u64).sum::<u64>() - pending.sent as u64
        });
        let is_reader = self.room.is_some() && !self.is_remote();
        inserts + if is_reader { head - self.offset } else { 0 }
    }

    /// Return whether the log alone holds the queued bytes, so that one `send` is enough.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.pending.as_ref().is_none_or(|pending| pending.inserts.is_empty() && pending.skips.is_empty())
    }

    /// List the queued bytes in order, from the client's offset on.
    ///
    /// The client's own messages are left out, and with `lenient` the skippable frames too.
    #[must_use]
    pub fn segments<'a>(&'a self, log: &'a RoomLog, lenient: bool) -> Segments<'a> {
        let mut segments = Segments::default();
        let mut at = self.offset;
        let head = if self.room.is_none() { at } else { log.head() };
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

    /// Count the skippable frames that the client misses up to an offset, without its own.
    #[must_use]
    pub fn spared(&self, log: &RoomLog, until: u64) -> u64 {
        let is_own = |range: &(u64, u64)| {
            let own = self.pending.iter().flat_map(|pending| &pending.skips);
            own.take_while(|own| own.0 <= range.0).any(|own| range.1 <= own.1)
        };
        let skippable = log.skippable_after(self.offset).take_while(|range| range.1 <= until);
        skippable.filter(|range| !is_own(range)).count() as u64
    }

    /// Record the progress of a write.
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

    /// Turn the queued part of the log into inserts, because the client leaves the room.
    ///
    /// With `drop_backlog` only the rest of a half-sent frame is retained, so that the stream stays
    /// valid. A connection that is closed for slowness need not receive its backlog.
    pub fn leave_log(&mut self, log: &RoomLog, drop_backlog: bool) {
        let (mut bytes, tail) = self.owed(log);
        if drop_backlog {
            bytes.truncate(tail);
        }
        self.room = None;
        self.offset = 0;
        if let Some(pending) = self.pending.as_deref_mut() {
            pending.inserts.clear();
            pending.sent = 0;
            pending.skips.clear();
        }
        self.queue_owed(bytes, tail);
    }

    /// Return all queued bytes, and how many of them complete a half-sent frame.
    #[must_use]
    pub fn owed(&self, log: &RoomLog) -> (Vec<u8>, usize) {
        (self.segments(log, false).concatenate(usize::MAX), self.half_sent(log))
    }

    /// Queue bytes returned by [`Client::owed`] for a client that is in no room.
    pub fn queue_owed(&mut self, bytes: Vec<u8>, tail: usize) {
        if !bytes.is_empty() {
            self.pending().inserts.push_back(Insert { at: 0, tail, bytes });
        }
    }

    /// Return the number of bytes that complete the half-sent frame; they are sent before all others.
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
        if self.room.is_none() {
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
    use crate::slots::SlotId;
    use crate::wire::frame;

    #[derive(Clone, Debug)]
    enum Act {
        /// The room receives a frame; a skippable one is a pointer position.
        Broadcast {
            length: usize,
            skippable: bool,
            own: bool,
        },
        /// The client alone receives a frame.
        SendFrame(usize),
        /// The socket takes some bytes.
        Write {
            bytes: usize,
            lenient: bool,
        },
        /// The client leaves the room, until the next `Enter`.
        Leave {
            drop_backlog: bool,
        },
        Enter,
        /// The log drops the frames that the client has.
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

    /// A frame that the client must receive.
    struct Owed {
        bytes: Vec<u8>,
        skippable: bool,
        /// Whether the frame may be missing because the connection was closed.
        dropped: bool,
    }

    /// A client, its room's log and a socket that takes any number of bytes.
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

        /// Return a unique payload.
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
            let is_in = self.client.room.is_some();
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
                    self.client.room = Some(RoomId::from_number(0));
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

        /// Check that only whole frames were sent, in order, and every required one.
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
        fn whole_frames_arrive_in_order_however_writes_are_cut(acts in acts()) {
            let mut scene = Scene::new();
            scene.play(&Act::Enter);
            for act in &acts {
                scene.play(act);
            }
            scene.check();
        }
    }

    #[test]
    fn a_client_stays_small() {
        assert_eq!(size_of::<Client>(), 208, "a server holds one for each of its connections");
    }

    #[test]
    fn a_half_sent_frame_is_completed_after_leaving_and_closing() {
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
