//! What clients are owed goes out: at the end of a turn of the loop, within each room's budget.
//!
//! Each room may spend a share (`duty`) of the time sending. One that stays within it is flushed at
//! the end of each turn; one that does not rests until it is within it again, so that a room of a
//! thousand coalesces by itself while a small one stays under a millisecond. Each member is sent one
//! piece of the log, from its cursor.

use crate::client::{Client, Phase};
use crate::hub::{Hub, Settings, Stats, Verdict};
use crate::log::Log;
use crate::room::{Person, Room};
use crate::socket::{self, Poller, Sent, TIMER};
use crate::watch::SLOW;

/// How far ahead of its budget a room may be, µs.
const CREDIT: u64 = 8_000;

impl Hub {
    /// Begins a turn of the loop, which will end in [`Hub::end_turn`]: until then what is told needs
    /// no timer to be sent.
    pub fn begin_turn(&mut self) {
        self.in_turn = true;
        self.now = self.clock.now();
    }

    /// Ends a turn of the loop; says whether [`Hub::flush`], and then [`Hub::resume`], is due.
    pub fn end_turn(&mut self) -> bool {
        self.in_turn = false;
        self.is_owed_flush || self.postponed() > 0
    }

    /// Sends what is owed, except in rooms that rest.
    pub fn flush(&mut self) {
        self.in_turn = false;
        self.is_owed_flush = false;
        self.patience.renew();
        self.now = self.clock.now();
        let mut resting = u64::MAX;
        let mut queue = std::mem::take(&mut self.rooms_to_flush);
        queue.retain(|number| {
            let Some(room) = self.rooms.get(*number as usize).filter(|room| room.queued) else {
                return false;
            };
            if room.due > self.now {
                resting = resting.min(room.due);
                return true;
            }
            self.flush_room(*number);
            false
        });
        queue.append(&mut self.rooms_to_flush);
        self.rooms_to_flush = queue;
        let mut queue = std::mem::take(&mut self.clients_to_flush);
        for client in queue.drain(..) {
            if self.clients.get(client as usize).is_some_and(|it| it.queued) {
                self.flush_client(client);
            }
        }
        queue.append(&mut self.clients_to_flush);
        self.clients_to_flush = queue;
        if resting < u64::MAX {
            self.set_alarm(resting);
        }
    }

    fn flush_room(&mut self, number: u32) {
        let Self { clients, rooms, people, poller, settings, stats, verdicts, clock, .. } = self;
        let room = &mut rooms[number as usize];
        room.queued = false;
        let begun = clock.now();
        room.may_mention = begun + settings.rest;
        let waiting = write_moves(room, people, clients, settings, stats, begun);
        let head = room.log.head();
        let mut behind = u64::MAX;
        for member in &room.members {
            let client = &mut clients[*member as usize];
            if client.blocked {
                if client.lag(head) > settings.lag_hard && client.phase == Phase::Open {
                    verdicts.push_back((*member, Verdict::Dismiss(SLOW)));
                }
            } else if !pump(client, *member, &room.log, settings, stats, poller, begun) {
                verdicts.push_back((*member, Verdict::Drop));
            }
            if client.cursor < head {
                behind = behind.min(client.cursor);
            }
        }
        if behind == u64::MAX {
            room.log.clear();
        } else {
            room.log.forget_before(behind);
        }
        let ended = clock.now();
        let took = ended - begun;
        stats.flushed(took);
        // The budget as one number: when all that was spent will be within the share again. A room
        // may be ahead of it by CREDIT, so that one within its share never rests.
        room.within_budget = room.within_budget.max(begun) + (took as f64 / settings.duty) as u64;
        let rest_ends = room.within_budget.saturating_sub(CREDIT);
        room.rests_until = rest_ends.clamp(ended, ended + settings.rest);
        if rest_ends > room.rests_until {
            // The longest rest is a promise; what it leaves unpaid is forgiven.
            room.within_budget = room.rests_until + CREDIT;
        }
        if waiting < u64::MAX {
            self.queue_room_at(number, waiting);
        }
    }

    /// Sends a client all that it is owed, its part of a resting room's log included.
    pub(crate) fn flush_client(&mut self, number: u32) {
        let Self { clients, rooms, poller, settings, stats, verdicts, now, .. } = self;
        let Some(client) = clients.get_mut(number as usize) else { return };
        client.queued = false;
        let nowhere = Log::default();
        let log = rooms.get(client.room as usize).map_or(&nowhere, |room| &room.log);
        if client.blocked {
            if client.lag(log.head()) > settings.lag_hard && client.phase == Phase::Open {
                verdicts.push_back((number, Verdict::Dismiss(SLOW)));
            }
        } else if !pump(client, number, log, settings, stats, poller, *now) {
            verdicts.push_back((number, Verdict::Drop));
        } else if !client.blocked {
            match client.phase {
                Phase::Closed(_) => verdicts.push_back((number, Verdict::Drop)),
                // The peer may read on to the close frame; the end of the stream tells it to go.
                Phase::Deaf(_) => socket::finish(client.fd),
                Phase::Open | Phase::Closing(_) => {}
            }
        }
    }

    /// Handles what the epoll set reports: its timer, and sockets that take bytes again.
    pub fn wake(&mut self) {
        self.now = self.clock.now();
        let mut tokens = Vec::new();
        self.poller.wait(&mut tokens);
        for token in tokens {
            if token == TIMER {
                self.alarm = u64::MAX;
            } else if let Some(client) = self.clients.get_mut(token as usize) {
                client.blocked = false;
                client.progress = self.now;
                self.flush_client(token as u32);
            }
        }
        self.watch();
        self.flush();
        self.set_alarm(self.next_watch.min(self.next_quota_tick));
    }
}

/// Writes the newest positions of those who may move again into the log, one frame each.
///
/// Returns when the first of the others may, µs.
pub(crate) fn write_moves(
    room: &mut Room,
    people: &mut slab::Slab<Person>,
    clients: &mut slab::Slab<Client>,
    settings: &Settings,
    stats: &mut Stats,
    now: u64,
) -> u64 {
    let mut waiting = u64::MAX;
    let Room { movers, members, log, may_move, .. } = room;
    movers.retain(|number| {
        let Some(person) = people.get_mut(*number as usize) else { return false };
        if person.may_move > now {
            waiting = waiting.min(person.may_move);
            return true;
        }
        person.moved = false;
        if person.hidden {
            return false;
        }
        person.may_move = now + settings.move_gap;
        *may_move = now + settings.move_gap / 2;
        let parts: [&[u8]; 7] =
            [b"[{\"m\":\"m\",\"id\":", &person.id, b",\"x\":", &person.x, b",\"y\":", &person.y, b"}]"];
        let length = parts.iter().map(|part| part.len()).sum();
        let range = log.append(true, length, |out| parts.iter().for_each(|part| out.extend_from_slice(part)));
        for tab in &person.tabs {
            clients[*tab as usize].skip(range);
        }
        stats.moves_out += 1;
        stats.said += 1;
        stats.deliveries += (members.len() - person.tabs.len()) as u64;
        false
    });
    waiting
}

/// Writes to a socket until it is full or everything is sent; false where the connection is gone.
fn pump(
    client: &mut Client,
    number: u32,
    log: &Log,
    settings: &Settings,
    stats: &mut Stats,
    poller: &Poller,
    now: u64,
) -> bool {
    loop {
        let head = if client.room == crate::client::NONE { client.cursor } else { log.head() };
        let (sent, total) = if client.is_plain() && head - client.cursor <= settings.lag_soft {
            if client.cursor == head {
                return true;
            }
            let owed = log.slice(client.cursor, head);
            let sent = socket::send(client.fd, owed);
            if let Sent::Bytes(count) = sent {
                client.cursor += count as u64;
            }
            (sent, owed.len())
        } else {
            let lenient = client.lag(head) > settings.lag_soft;
            let segments = client.segments(log, lenient);
            let slices = segments.slices();
            if slices.is_empty() {
                // All that is new is its own.
                let standing = segments.standing(client.cursor, 0);
                stats.spared += if lenient { client.spared(log, standing.cursor) } else { 0 };
                client.advance(standing);
                return true;
            }
            let sent = socket::send_all(client.fd, slices);
            let total = slices.iter().take(socket::SLICES).map(|slice| slice.len()).sum();
            let is_all = slices.len() <= socket::SLICES;
            if let Sent::Bytes(count) = sent {
                let standing = segments.standing(client.cursor, count);
                stats.spared += if lenient { client.spared(log, standing.cursor) } else { 0 };
                client.advance(standing);
                if count == total && !is_all {
                    stats.sends += 1;
                    stats.bytes_out += count as u64;
                    continue;
                }
            }
            (sent, total)
        };
        stats.sends += 1;
        match sent {
            Sent::Bytes(count) => {
                stats.bytes_out += count as u64;
                if count > 0 {
                    client.progress = now;
                }
                if count == total {
                    return true;
                }
            }
            Sent::Full => {}
            Sent::Gone => return false,
        }
        client.blocked = true;
        let known = client.watched;
        client.watched = true;
        return poller.watch(client.fd, u64::from(number), known).is_ok();
    }
}
