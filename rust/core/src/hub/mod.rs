//! The hub: all connections, rooms and people as plain data, and what may be done with them.
//!
//! [`crate::hub::inbound`] brings in what clients send, [`crate::hub::outbound`] sends out what they are owed,
//! [`crate::hub::timers`] looks after the silent and the slow.

mod client;
mod deferred;
pub mod handover;
mod inbound;
mod outbound;
mod room;
mod room_log;
mod segments;
mod settings;
pub mod stats;
mod timers;

use std::collections::VecDeque;
use std::io;
use std::net::IpAddr;
use std::os::fd::RawFd;

use slab::Slab;

pub use crate::hub::client::NONE;
use crate::hub::client::{Client, Phase};
use crate::hub::deferred::Patience;
use crate::hub::inbound::Reading;
pub use crate::hub::inbound::Step;
use crate::hub::room::{Person, Room};
pub use crate::hub::settings::{Settings, SHARE};
pub use crate::hub::stats::Stats;
use crate::hub::stats::ABNORMAL;
use crate::hub::timers::SLOW;
use crate::limits::meter::Meter;
use crate::limits::quota::Quotas;
use crate::limits::throttle::Place;
use crate::limits::time_limit::Askers;
use crate::sys::clock::Clock;
use crate::sys::socket::{self, Poller};
use crate::wire::frame;

/// What must happen to a connection, by whoever owns its transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Its session ends, and it is closed with this code.
    Dismiss(u16),
    /// Its transport is dropped now.
    Drop,
}

/// Why a hot message was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The note quota is used up.
    Quota = 0,
    /// Only the holder of the crown may play.
    Solo = 1,
    /// The sender is muted.
    Muted = 2,
    /// The time is asked for too often.
    Time = 3,
    /// Too many bytes come per second; the connection ends.
    Bytes = 4,
    /// Too many messages come per second; the connection ends.
    Messages = 5,
    /// No note of a message was understood.
    Notes = 6,
}

/// How many kinds of [`Refusal`] there are.
pub const REFUSALS: usize = 7;

impl Refusal {
    /// The kind with which it shares its notices: both have one code for clients.
    fn told_as(self) -> usize {
        match self {
            Self::Time => Self::Quota as usize,
            Self::Messages => Self::Bytes as usize,
            other => other as usize,
        }
    }
}

/// All connections, rooms and people, and the time.
pub struct Hub {
    pub(crate) settings: Settings,
    pub(crate) clock: Clock,
    /// The time of the turn of the loop that is under way, µs.
    pub(crate) now: u64,
    pub(crate) clients: Slab<Client>,
    pub(crate) rooms: Slab<Room>,
    pub(crate) people: Slab<Person>,
    /// The note quotas, one for each user.
    pub quotas: Quotas,
    pub(crate) poller: Poller,
    pub(crate) reading: Reading,
    /// What clients are told when a hot message is refused, as finished frames.
    pub(crate) notices: [Vec<u8>; REFUSALS],
    pub(crate) rooms_to_flush: Vec<u32>,
    pub(crate) clients_to_flush: Vec<u32>,
    pub(crate) verdicts: VecDeque<(u32, Verdict)>,
    pub(crate) patience: Patience,
    /// How often users and addresses ask for the time.
    pub(crate) askers: Askers,
    /// Whether a turn of the loop is under way that will end in a flush.
    pub(crate) in_turn: bool,
    /// Whether something waits that need not rest.
    pub(crate) is_owed_flush: bool,
    /// When the timer is set to fire, µs.
    pub(crate) alarm: u64,
    pub(crate) next_watch: u64,
    /// Who has been silent for so long that he is pinged.
    pub(crate) to_ping: Vec<u32>,
    pub(crate) next_quota_tick: u64,
    /// Counters since the start.
    pub stats: Stats,
}

impl Hub {
    /// Makes an empty hub.
    ///
    /// # Errors
    /// Where the process has no file descriptor left for the epoll set and its timer.
    pub fn new(settings: Settings, clock: Clock) -> io::Result<Self> {
        let now = clock.now();
        let mut hub = Self {
            reading: Reading::new(settings.limits.message),
            quotas: Quotas::new(settings.quota_history).forgiving(settings.quota_forgiven),
            poller: Poller::new()?,
            now,
            clients: Slab::new(),
            rooms: Slab::new(),
            people: Slab::new(),
            notices: std::array::from_fn(|_| Vec::new()),
            rooms_to_flush: Vec::new(),
            clients_to_flush: Vec::new(),
            verdicts: VecDeque::new(),
            patience: Patience::default(),
            askers: Askers::default(),
            in_turn: false,
            is_owed_flush: false,
            alarm: u64::MAX,
            next_watch: now + crate::hub::timers::PERIOD,
            to_ping: Vec::new(),
            next_quota_tick: now + settings.quota_tick,
            stats: Stats::default(),
            settings,
            clock,
        };
        hub.set_alarm(hub.next_watch.min(hub.next_quota_tick));
        Ok(hub)
    }

    /// Goes by other numbers from now on. Nobody is disconnected: what has been counted stays.
    pub fn adopt(&mut self, settings: Settings) {
        self.reading.fit(settings.limits.message);
        self.quotas.adopt(settings.quota_history, settings.quota_forgiven);
        self.settings = settings;
    }

    /// The numbers it goes by.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The descriptor that the event loop watches for reading; [`Hub::wake`] is due when it fires.
    #[must_use]
    pub fn fd(&self) -> RawFd {
        self.poller.fd()
    }

    /// The hub's clock.
    pub fn clock(&mut self) -> &mut Clock {
        &mut self.clock
    }

    /// Milliseconds since 1970.
    #[must_use]
    pub fn stamp(&self) -> u64 {
        self.clock.stamp(self.clock.now())
    }

    /// Sets what clients are told when a hot message is refused: a JSON array.
    pub fn set_notice(&mut self, refusal: Refusal, payload: &[u8]) {
        let notice = &mut self.notices[refusal as usize];
        notice.clear();
        frame::append(notice, frame::TEXT, payload);
    }

    // Connections

    /// Whether a client may be told now why something was refused; then it is not for a while.
    pub fn may_tell_why(&mut self, client: u32, refusal: Refusal) -> bool {
        let now = self.clock.now();
        let Some(it) = self.clients.get_mut(client as usize) else { return false };
        let quiet_until = &mut it.refused[refusal.told_as()];
        let may = *quiet_until <= now;
        if may {
            *quiet_until = now + self.settings.notice_gap;
        }
        may
    }

    /// Takes a connection in; its socket stays the event loop's, which detaches it before closing.
    pub fn attach(&mut self, fd: RawFd) -> u32 {
        socket::prepare(fd);
        self.now = self.clock.now();
        self.stats.attached += 1;
        self.clients.insert(Client::new(fd, self.now)) as u32
    }

    /// Forgets a connection; must come before its socket is closed, because the number is used again.
    pub fn detach(&mut self, client: u32) {
        if !self.clients.contains(client as usize) {
            return;
        }
        self.leave(client);
        let gone = self.clients.remove(client as usize);
        if gone.phase == Phase::Open {
            self.stats.closed(ABNORMAL);
        }
        if gone.watched {
            self.poller.forget(gone.fd);
        }
        self.verdicts.retain(|(of, _)| *of != client);
    }

    /// Makes the quota of a new user, with all their points; see [`Quotas::add`].
    pub fn add_quota(&mut self, allowance: i32, max: i32) -> u32 {
        let quota = self.quotas.add(allowance, max);
        self.askers.welcome(quota);
        quota
    }

    /// Lets a connection play, on its user's quota.
    pub fn greet(&mut self, client: u32, quota: u32) {
        if let Some(client) = self.clients.get_mut(client as usize) {
            client.greeted = true;
            client.quota = quota;
            client.asked = self.clock.now();
            self.askers.wait(quota, client.time_bucket);
        }
    }

    /// Bounds the bytes and messages per second of a connection, and what its address asks for.
    pub fn meter(&mut self, client: u32, address: Option<IpAddr>) {
        if let Some(client) = self.clients.get_mut(client as usize) {
            client.meter = Some(Meter::default());
            client.place = address.map(Place::of);
        }
    }

    /// Frees a client from `crownsolo` and mutes, or from rate limits, or from both.
    pub fn privilege(&mut self, client: u32, plays_anywhere: bool, unlimited: bool) {
        if let Some(client) = self.clients.get_mut(client as usize) {
            client.plays_anywhere = plays_anywhere;
            client.unlimited = unlimited;
        }
    }

    /// Queues a JSON array for one client, after all that it has been told so far.
    pub fn tell(&mut self, client: u32, payload: &[u8]) {
        self.insert(client, |out| frame::append(out, frame::TEXT, payload));
    }

    /// Queues finished bytes for one client: the answer to its upgrade, or a frame.
    pub fn insert(&mut self, client: u32, write: impl FnOnce(&mut Vec<u8>)) {
        let Some(it) = self.clients.get_mut(client as usize) else { return };
        if it.phase != Phase::Open {
            return;
        }
        let at = self.rooms.get(it.room as usize).map_or(0, |room| room.log.head());
        it.insert(at, write);
        self.stats.told += 1;
        self.queue_client(client);
    }

    /// Queues a frame with the people of a room between `before` and `after`.
    ///
    /// Hidden people are among them if the client `sees_all`; it always sees itself.
    pub fn tell_people(&mut self, client: u32, room: u32, before: &[u8], after: &[u8], sees_all: bool) {
        let viewer = self.clients.get(client as usize).map_or(NONE, |it| it.person);
        let people = self.people_of(room, viewer, sees_all);
        self.insert(client, |out| {
            frame::append_header(out, frame::TEXT, before.len() + people.len() + after.len());
            out.extend_from_slice(before);
            out.extend_from_slice(&people);
            out.extend_from_slice(after);
        });
    }

    /// Says a JSON array to a room, the connection `except` left out ([`NONE`] for nobody).
    pub fn say(&mut self, room: u32, payload: &[u8], except: u32) {
        self.write(room, payload, except);
        self.queue_room(room);
    }

    /// Says something that alone causes no flush within `rest` of the last one: who comes and goes.
    ///
    /// After a restart everybody comes back at once, and a room of a thousand would be told of each
    /// by a thousand system calls.
    pub fn mention(&mut self, room: u32, payload: &[u8], except: u32) {
        self.write(room, payload, except);
        if let Some(it) = self.rooms.get(room as usize) {
            self.queue_room_at(room, it.may_mention);
        }
    }

    fn write(&mut self, room: u32, payload: &[u8], except: u32) {
        let Some(it) = self.rooms.get_mut(room as usize) else { return };
        let range = it.log.append(false, payload.len(), |out| out.extend_from_slice(payload));
        self.stats.said += 1;
        self.stats.deliveries += it.members.len() as u64;
        if let Some(client) = self.clients.get_mut(except as usize).filter(|client| client.room == room) {
            client.skip(range);
            self.stats.deliveries -= 1;
        }
    }

    /// Says a frame with all people of a room between `before` and `after`.
    pub fn say_people(&mut self, room: u32, before: &[u8], after: &[u8]) {
        let mut payload = before.to_vec();
        payload.extend_from_slice(&self.people_of(room, NONE, false));
        payload.extend_from_slice(after);
        self.say(room, &payload, NONE);
    }

    /// Closes a connection: what it is owed goes out first, unless its socket is full.
    ///
    /// Whoever owns the session has ended it before, so that nobody waits for the peer's answer.
    pub fn close(&mut self, client: u32, code: u16, reason: &str) {
        if !self.clients.get(client as usize).is_some_and(|it| it.phase == Phase::Open) {
            return;
        }
        self.stats.closed(code);
        self.part(client, true);
        let until = self.clock.now() + self.settings.linger;
        let Some(it) = self.clients.get_mut(client as usize) else { return };
        it.insert(0, |out| frame::append_close(out, code, reason));
        it.phase = Phase::Closing(until);
        self.queue_client(client);
    }

    // Rooms and people

    /// Makes a room.
    pub fn open_room(&mut self) -> u32 {
        self.rooms.insert(Room::default()) as u32
    }

    /// Forgets a room, which everybody has left.
    pub fn close_room(&mut self, room: u32) {
        if let Some(gone) = self.rooms.try_remove(room as usize) {
            for member in gone.members {
                if let Some(client) = self.clients.get_mut(member as usize) {
                    client.leave_log(&gone.log, false);
                }
                self.queue_client(member);
            }
            for person in gone.people {
                self.people.try_remove(person as usize);
            }
        }
    }

    /// Says who may play in a room.
    pub fn guard_room(&mut self, room: u32, solo: bool, holder: u32) {
        if let Some(room) = self.rooms.get_mut(room as usize) {
            room.solo = solo;
            room.holder = holder;
        }
    }

    /// Puts somebody into a room: his id, his entry of `ppl` without x, y and the closing brace.
    ///
    /// Returns [`NONE`] where there is no such room.
    pub fn add_person(&mut self, room: u32, id: &[u8], head: &[u8], x: &[u8], y: &[u8]) -> u32 {
        let Some(it) = self.rooms.get_mut(room as usize) else { return NONE };
        let person = self.people.insert(Person {
            room,
            id: id.into(),
            head: head.into(),
            x: x.into(),
            y: y.into(),
            moved: false,
            may_move: 0,
            muted: false,
            hidden: false,
            tabs: Vec::new(),
        }) as u32;
        it.people.push(person);
        person
    }

    /// Changes somebody's entry of `ppl`.
    pub fn update_person(&mut self, person: u32, head: &[u8]) {
        if let Some(person) = self.people.get_mut(person as usize) {
            person.head = head.into();
        }
    }

    /// Says whether somebody may play, and whether others see him.
    pub fn mark_person(&mut self, person: u32, muted: bool, hidden: bool) {
        if let Some(person) = self.people.get_mut(person as usize) {
            person.muted = muted;
            person.hidden = hidden;
        }
    }

    /// Takes somebody out of his room; his connections have left it.
    pub fn remove_person(&mut self, person: u32) {
        let Some(gone) = self.people.try_remove(person as usize) else { return };
        if let Some(room) = self.rooms.get_mut(gone.room as usize) {
            room.people.retain(|other| *other != person);
            room.movers.retain(|other| *other != person);
            if room.holder == person {
                room.holder = NONE;
            }
        }
        for tab in gone.tabs {
            if let Some(client) = self.clients.get_mut(tab as usize) {
                client.person = NONE;
            }
        }
    }

    /// Where somebody's cursor is, as JSON.
    #[must_use]
    pub fn position(&self, person: u32) -> Option<(&[u8], &[u8])> {
        self.people.get(person as usize).map(|person| (&*person.x, &*person.y))
    }

    /// The entries of a room's `ppl` that the person `viewer` sees, separated by commas.
    #[must_use]
    pub fn people_of(&self, room: u32, viewer: u32, sees_all: bool) -> Vec<u8> {
        let mut out = Vec::new();
        for number in self.rooms.get(room as usize).iter().flat_map(|room| &room.people) {
            let person = &self.people[*number as usize];
            if person.hidden && !sees_all && *number != viewer {
                continue;
            }
            if !out.is_empty() {
                out.push(b',');
            }
            person.write(&mut out);
        }
        out
    }

    /// Puts a connection into a room as one of the tabs of a person there.
    ///
    /// It hears what is said from now on, after what it was told so far.
    pub fn enter(&mut self, client: u32, room: u32, person: u32) {
        self.leave(client);
        let (Some(it), Some(to), Some(who)) = (
            self.clients.get_mut(client as usize).filter(|it| it.phase == Phase::Open),
            self.rooms.get_mut(room as usize),
            self.people.get_mut(person as usize),
        ) else {
            return;
        };
        it.room = room;
        it.person = person;
        it.seat = to.members.len() as u32;
        it.cursor = to.log.head();
        to.members.push(client);
        who.tabs.push(client);
    }

    /// Takes a connection out of its room; what it is owed of the room still reaches it.
    pub fn leave(&mut self, client: u32) {
        self.part(client, false);
    }

    /// Takes a connection out of its room; a full socket may lose the backlog.
    fn part(&mut self, client: u32, closing: bool) {
        let Some(it) = self.clients.get_mut(client as usize) else { return };
        let (from, seat, person) = (it.room, it.seat as usize, it.person);
        let drop_backlog = closing && it.blocked;
        let nowhere = Room::default();
        it.leave_log(self.rooms.get(from as usize).map_or(&nowhere.log, |room| &room.log), drop_backlog);
        it.person = NONE;
        let is_owed = it.is_owed_inserts();
        if let Some(room) = self.rooms.get_mut(from as usize) {
            let clients = &mut self.clients;
            room.part(seat, |member, seat| clients[member as usize].seat = seat as u32);
        }
        if let Some(person) = self.people.get_mut(person as usize) {
            person.tabs.retain(|tab| *tab != client);
        }
        if is_owed {
            self.queue_client(client);
        }
    }

    // What waits

    pub(crate) fn queue_client(&mut self, client: u32) {
        if let Some(it) = self.clients.get_mut(client as usize) {
            if !it.queued {
                it.queued = true;
                self.clients_to_flush.push(client);
            }
            self.need_flush();
        }
    }

    /// Has a room flushed as soon as it need not rest.
    pub(crate) fn queue_room(&mut self, room: u32) {
        self.queue_room_at(room, 0);
    }

    /// Has a room flushed at a time, or before if something else wants it.
    pub(crate) fn queue_room_at(&mut self, room: u32, at: u64) {
        let Some(it) = self.rooms.get_mut(room as usize) else { return };
        let at = at.max(it.rests_until);
        if !it.queued {
            it.queued = true;
            it.due = at;
            self.rooms_to_flush.push(room);
        }
        it.due = it.due.min(at);
        let due = it.due;
        if due <= self.now {
            self.need_flush();
        } else {
            self.set_alarm(due);
        }
    }

    /// Sees to it that a flush comes: by the turn of the loop that is under way, or by the timer.
    fn need_flush(&mut self) {
        self.is_owed_flush = true;
        if !self.in_turn {
            self.set_alarm(self.now);
        }
    }

    /// Sets the timer, unless it fires before.
    pub(crate) fn set_alarm(&mut self, at: u64) {
        if at < self.alarm {
            self.alarm = at;
            self.poller.arm(at.saturating_sub(self.clock.now()));
        }
    }

    /// The next connection that its owner must do something about.
    pub fn next_verdict(&mut self) -> Option<(u32, Verdict)> {
        while let Some((client, verdict)) = self.verdicts.pop_front() {
            // The one before may have closed it: a reader can be found slow in two ways at once.
            let is_open = self.clients.get(client as usize).is_some_and(|it| it.phase == Phase::Open);
            if is_open || verdict == Verdict::Drop {
                self.stats.slow += u64::from(verdict == Verdict::Dismiss(SLOW));
                return Some((client, verdict));
            }
        }
        None
    }

    /// Connections that are attached.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.clients.len()
    }

    /// Bytes of its room's log and of its own that wait for a client.
    #[must_use]
    pub fn lag(&self, client: u32) -> u64 {
        self.clients.get(client as usize).map_or(0, |client| {
            client.lag(self.rooms.get(client.room as usize).map_or(0, |room| room.log.head()))
        })
    }
}
