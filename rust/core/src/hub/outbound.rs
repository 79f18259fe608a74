//! Send queued frames at the end of a turn of the loop, within the budget of each room.
//!
//! Each room may spend a share (`duty`) of its time on sending. A room within that budget is flushed at
//! the end of each turn; another one rests until it is within the budget again. Therefore a room of a
//! thousand merges its flushes by itself, while a small room stays under a millisecond.
//!
//! Each member receives one piece of the log, from its offset on. A flush that exceeds its share of a
//! turn continues in the next turn, so that a room of thousands delays no other client.

use crate::hub::client::{Client, Phase};
use crate::hub::close_order::CloseOrder;
use crate::hub::room::{Participant, Room};
use crate::hub::room_log::RoomLog;
use crate::hub::{Hub, Settings, Stats, NONE};
use crate::sys::socket::{self, Poller, Sent, TIMER};
use crate::wire::close_code::TRY_AGAIN_LATER;

/// The time by which a room may exceed its budget, µs.
const CREDIT: u64 = 8_000;

/// The number of members served between two checks of the clock.
const STRIDE: usize = 8;

impl Hub {
    /// Begin a turn of the loop, which will end in [`Hub::end_turn`].
    ///
    /// Until then, queuing a frame needs no timer.
    pub fn begin_turn(&mut self) {
        self.in_turn = true;
        self.now = self.clock.now();
    }

    /// End a turn of the loop; return whether [`Hub::flush`], and then [`Hub::resume`], must be called.
    pub fn end_turn(&mut self) -> bool {
        self.in_turn = false;
        self.is_owed_flush || self.deferred() > 0
    }

    /// Send all queued frames, except those of resting rooms.
    pub fn flush(&mut self) {
        self.in_turn = false;
        self.is_owed_flush = false;
        self.handler_budget.renew();
        self.now = self.clock.now();
        let until = self.now + self.settings.share;
        let mut is_over = false;
        let mut resting = u64::MAX;
        let mut queue = std::mem::take(&mut self.rooms_to_flush);
        queue.retain(|number| {
            let Some(room) = self.rooms.get(*number as usize).filter(|room| room.queued) else {
                return false;
            };
            if room.due > self.now && room.served.is_none() {
                resting = resting.min(room.due);
                return true;
            }
            if is_over {
                self.is_owed_flush = true;
                return true;
            }
            is_over = !self.flush_room(*number, until);
            false
        });
        // An unfinished room comes after the rooms that wait.
        queue.append(&mut self.rooms_to_flush);
        self.rooms_to_flush = queue;
        self.flush_clients(until);
        if resting < u64::MAX {
            self.set_alarm(resting);
        }
    }

    /// Send to the clients with frames of their own, in the rest of the turn's share.
    ///
    /// At least half of the share is used, so that new clients do not wait for a room that is never
    /// finished.
    fn flush_clients(&mut self, until: u64) {
        let until = until.max(self.clock.now() + self.settings.share / 2);
        let mut queue = std::mem::take(&mut self.clients_to_flush);
        let mut served = 0;
        for client in &queue {
            if served > 0 && self.clock.now() > until {
                self.is_owed_flush = true;
                break;
            }
            served += 1;
            if self.clients.get(*client as usize).is_some_and(|it| it.queued) {
                self.flush_client(*client);
            }
        }
        queue.drain(..served);
        queue.append(&mut self.clients_to_flush);
        self.clients_to_flush = queue;
    }

    /// Flush a room; return whether there is time left for other rooms.
    fn flush_room(&mut self, number: u32, until: u64) -> bool {
        let Self { clients, rooms, participants, poller, settings, stats, close_orders, clock, .. } = self;
        let room = &mut rooms[number as usize];
        let begun = clock.now();
        if room.served.is_none() {
            room.spent = 0;
            room.due = u64::MAX;
            room.soon_flush_at = begun + settings.rest;
            flush_pointers(room, participants, clients, settings, stats, begun);
        }
        let head = room.log.head();
        let served = room.served.take().unwrap_or(0);
        for (count, member) in room.members.iter().enumerate().skip(served) {
            if count % STRIDE == 0 && count > served && clock.now() > until {
                room.served = Some(count);
                break;
            }
            let client = &mut clients[*member as usize];
            if client.blocked {
                if client.lag(head) > settings.lag_hard && client.phase == Phase::Open {
                    close_orders.push_back((*member, CloseOrder::Close(TRY_AGAIN_LATER)));
                }
            } else if !pump(client, *member, &room.log, settings, stats, poller, begun) {
                close_orders.push_back((*member, CloseOrder::Drop));
            }
        }
        let ended = clock.now();
        stats.count_flush(ended - begun);
        room.spent += ended - begun;
        if room.served.is_some() {
            self.rooms_to_flush.push(number);
            self.is_owed_flush = true;
            return false;
        }
        room.queued = false;
        let offsets = room.members.iter().map(|member| clients[*member as usize].offset);
        let behind = offsets.min().unwrap_or(u64::MAX);
        if behind >= room.log.head() {
            room.log.clear();
        } else {
            room.log.forget_before(behind);
        }
        // The budget as one number: the time when all sending so far will be within the room's share. A
        // room may exceed the budget by CREDIT, so that a room within its share never rests.
        room.within_budget =
            room.within_budget.max(ended - room.spent) + (room.spent as f64 / settings.duty) as u64;
        let rest_ends = room.within_budget.saturating_sub(CREDIT);
        room.rests_until = rest_ends.clamp(ended, ended + settings.rest);
        if rest_ends > room.rests_until {
            // The longest rest is guaranteed; the rest of the debt is forgiven.
            room.within_budget = room.rests_until + CREDIT;
        }
        let waiting = room
            .movers
            .iter()
            .filter_map(|mover| Some(participants.get(*mover as usize)?.next_pointer_at))
            .min();
        // Messages broadcast during the flush have not reached the members served before.
        let meanwhile = room.due;
        if meanwhile < u64::MAX {
            self.queue_room_at(number, meanwhile);
        }
        if let Some(waiting) = waiting {
            self.queue_room_at(number, waiting);
        }
        ended < until
    }

    /// Send a client all its queued frames, including its part of a resting room's log.
    pub(crate) fn flush_client(&mut self, number: u32) {
        let Self { clients, rooms, poller, settings, stats, close_orders, now, .. } = self;
        let Some(client) = clients.get_mut(number as usize) else { return };
        client.queued = false;
        let nowhere = RoomLog::default();
        let log = rooms.get(client.room as usize).map_or(&nowhere, |room| &room.log);
        if client.blocked {
            if client.lag(log.head()) > settings.lag_hard && client.phase == Phase::Open {
                close_orders.push_back((number, CloseOrder::Close(TRY_AGAIN_LATER)));
            }
        } else if !pump(client, number, log, settings, stats, poller, *now) {
            close_orders.push_back((number, CloseOrder::Drop));
        } else if !client.blocked {
            match client.phase {
                Phase::Closed(_) => close_orders.push_back((number, CloseOrder::Drop)),
                // The peer may continue to read up to the close frame; the end of the stream asks it to
                // close.
                Phase::Discarding(_) => socket::finish(client.fd),
                Phase::Open | Phase::Closing(_) => {}
            }
        }
    }

    /// Handle the events of the epoll set: its timer, and sockets that take bytes again.
    ///
    /// The call is part of a turn, which ends with [`Hub::end_turn`].
    pub fn wake(&mut self) {
        self.begin_turn();
        let mut tokens = Vec::new();
        self.poller.wait(&mut tokens);
        for token in tokens {
            if token == TIMER {
                self.alarm = u64::MAX;
            } else if let Some(client) = self.clients.get_mut(token as usize) {
                client.blocked = false;
                client.last_sent = self.now;
                self.flush_client(token as u32);
            }
        }
        self.run_timers();
        self.is_owed_flush = true;
        self.set_alarm(self.next_check.min(self.next_quota_tick));
    }
}

/// Write the newest pointer positions that are due into the log, one frame each.
pub(crate) fn flush_pointers(
    room: &mut Room,
    participants: &mut slab::Slab<Participant>,
    clients: &mut slab::Slab<Client>,
    settings: &Settings,
    stats: &mut Stats,
    now: u64,
) {
    let Room { movers, members, log, next_pointer_at, .. } = room;
    movers.retain(|number| {
        let Some(participant) = participants.get_mut(*number as usize) else { return false };
        if participant.next_pointer_at > now {
            return true;
        }
        participant.pointer_moved = false;
        if participant.hidden {
            return false;
        }
        participant.next_pointer_at = now + settings.move_gap;
        *next_pointer_at = now + settings.move_gap / 2;
        let parts: [&[u8]; 7] = [
            b"[{\"m\":\"m\",\"id\":",
            &participant.id,
            b",\"x\":",
            &participant.x,
            b",\"y\":",
            &participant.y,
            b"}]",
        ];
        let length = parts.iter().map(|part| part.len()).sum();
        let range = log.append(true, length, |out| parts.iter().for_each(|part| out.extend_from_slice(part)));
        for tab in &participant.tabs {
            clients[*tab as usize].skip(range);
        }
        stats.moves_out += 1;
        stats.broadcasts += 1;
        stats.deliveries += (members.len() - participant.tabs.len()) as u64;
        false
    });
}

/// Write to a socket until it is full or everything is sent; return false if the connection is gone.
fn pump(
    client: &mut Client,
    number: u32,
    log: &RoomLog,
    settings: &Settings,
    stats: &mut Stats,
    poller: &Poller,
    now: u64,
) -> bool {
    loop {
        let head = if client.room == NONE { client.offset } else { log.head() };
        let (sent, total) = if client.is_plain() && head - client.offset <= settings.lag_soft {
            if client.offset == head {
                return true;
            }
            let owed = log.slice(client.offset, head);
            let sent = socket::send(client.fd, owed);
            if let Sent::Bytes(count) = sent {
                client.offset += count as u64;
            }
            (sent, owed.len())
        } else {
            let lenient = client.lag(head) > settings.lag_soft;
            let segments = client.segments(log, lenient);
            let slices = segments.slices();
            if slices.is_empty() {
                // All new frames are the client's own.
                let progress = segments.progress_after(client.offset, 0);
                stats.spared += if lenient { client.spared(log, progress.offset) } else { 0 };
                client.advance(progress);
                return true;
            }
            let sent = socket::send_all(client.fd, slices);
            let total = slices.iter().take(socket::SLICES).map(|slice| slice.len()).sum();
            let is_all = slices.len() <= socket::SLICES;
            if let Sent::Bytes(count) = sent {
                let progress = segments.progress_after(client.offset, count);
                stats.spared += if lenient { client.spared(log, progress.offset) } else { 0 };
                client.advance(progress);
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
                    client.last_sent = now;
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

#[cfg(test)]
mod tests {
    use crate::hub::{Hub, Settings, NONE};
    use crate::sys::clock::Clock;
    use crate::wire::frame;
    use proptest::prelude::*;
    use std::io::{ErrorKind, Read};
    use std::os::fd::AsRawFd;
    use std::os::unix::net::UnixStream;

    /// A client in a room: the peer's end of its socket, and the expected bytes.
    struct Reader {
        number: u32,
        _ours: UnixStream,
        theirs: UnixStream,
        expected: Vec<u8>,
    }

    impl Reader {
        fn read(&mut self) -> Vec<u8> {
            let mut wire = Vec::new();
            let error = self.theirs.read_to_end(&mut wire).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::WouldBlock);
            wire
        }
    }

    fn enter(hub: &mut Hub, room: u32) -> Reader {
        let (ours, theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        theirs.set_nonblocking(true).unwrap();
        let number = hub.attach(ours.as_raw_fd());
        let participant = hub.add_participant(room, b"\"a\"", b"{\"id\":\"a\"", b"1", b"2");
        hub.start_session(number, 0);
        hub.enter(number, room, participant);
        Reader { number, _ours: ours, theirs, expected: Vec::new() }
    }

    /// Return a hub whose share of each turn is 0, so that it stops after every few members.
    fn hasty() -> (Hub, u32) {
        let settings = Settings { share: 0, rest: 0, duty: 1.0, ..Settings::default() };
        let mut hub = Hub::new(settings, Clock::running()).unwrap();
        let room = hub.open_room();
        (hub, room)
    }

    /// Flush to the end, and check that every reader received `[1]` once and nothing else.
    fn all_read_one(hub: &mut Hub, crowd: &mut [Reader]) {
        while hub.end_turn() {
            hub.flush();
        }
        for one in crowd {
            assert_eq!(one.read(), b"\x81\x03[1]");
        }
    }

    #[test]
    fn a_large_room_does_not_delay_a_small_one() {
        let (mut hub, large) = hasty();
        let small = hub.open_room();
        let mut crowd: Vec<Reader> = (0..400).map(|_| enter(&mut hub, large)).collect();
        let mut ann = enter(&mut hub, small);
        hub.begin_turn();
        hub.broadcast(large, b"[1]", NONE);
        assert!(hub.end_turn());
        hub.flush();
        assert!(hub.end_turn(), "not everybody can have been served in no time");
        hub.broadcast(small, b"[2]", NONE);
        hub.flush();
        hub.flush();
        assert_eq!(ann.read(), b"\x81\x03[2]");
        assert!(crowd.last_mut().unwrap().read().is_empty());
        all_read_one(&mut hub, &mut crowd);
    }

    #[test]
    fn a_thousand_answers_do_not_delay_a_room() {
        let (mut hub, room) = hasty();
        let mut ann = enter(&mut hub, room);
        let hall = hub.open_room();
        let mut crowd: Vec<Reader> = (0..400).map(|_| enter(&mut hub, hall)).collect();
        hub.begin_turn();
        for one in &crowd {
            hub.send(one.number, b"[1]");
        }
        hub.flush();
        assert!(hub.end_turn(), "not everybody can have been answered in no time");
        hub.broadcast(room, b"[2]", NONE);
        hub.flush();
        assert_eq!(ann.read(), b"\x81\x03[2]");
        assert!(crowd.last_mut().unwrap().read().is_empty());
        all_read_one(&mut hub, &mut crowd);
    }

    #[test]
    fn waiting_members_are_served_after_served_ones_have_left() {
        let (mut hub, room) = hasty();
        let mut crowd: Vec<Reader> = (0..400).map(|_| enter(&mut hub, room)).collect();
        hub.begin_turn();
        hub.broadcast(room, b"[1]", NONE);
        hub.flush();
        let waiting: Vec<u32> = crowd.iter().map(|one| one.number).filter(|one| hub.lag(*one) > 0).collect();
        assert!(!waiting.is_empty());
        for one in &crowd {
            if !waiting.contains(&one.number) {
                hub.leave(one.number);
            }
        }
        all_read_one(&mut hub, &mut crowd);
    }

    #[derive(Clone, Debug)]
    enum Action {
        Enter,
        Leave(prop::sample::Index),
        Broadcast,
        Flush,
    }

    fn actions() -> impl Strategy<Value = Vec<Action>> {
        let action = prop_oneof![
            2 => Just(Action::Enter),
            1 => any::<prop::sample::Index>().prop_map(Action::Leave),
            2 => Just(Action::Broadcast),
            5 => Just(Action::Flush),
        ];
        prop::collection::vec(action, 1..120)
    }

    proptest! {
        #[test]
        fn members_that_join_or_leave_during_a_flush_receive_all_once(actions in actions()) {
            let (mut hub, room) = hasty();
            let mut here: Vec<Reader> = (0..40).map(|_| enter(&mut hub, room)).collect();
            let mut gone = Vec::new();
            for (count, action) in actions.into_iter().enumerate() {
                match action {
                    Action::Enter => here.push(enter(&mut hub, room)),
                    Action::Leave(which) if !here.is_empty() => {
                        let one = here.swap_remove(which.index(here.len()));
                        hub.leave(one.number);
                        gone.push(one);
                    }
                    Action::Leave(_) => {}
                    Action::Broadcast => {
                        let payload = format!("[{count}]").into_bytes();
                        hub.begin_turn();
                        hub.broadcast(room, &payload, NONE);
                        for one in &mut here {
                            frame::append(&mut one.expected, frame::TEXT, &payload);
                        }
                    }
                    Action::Flush => hub.flush(),
                }
            }
            while here.iter().chain(&gone).any(|one| hub.lag(one.number) > 0) {
                hub.wake();
                hub.flush();
            }
            for one in here.iter_mut().chain(&mut gone) {
                let wire = one.read();
                prop_assert_eq!(&wire, &one.expected);
            }
        }
    }
}
