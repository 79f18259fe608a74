//! Send queued frames at the end of a turn of the loop, within the budget of each room.
//!
//! Each room may spend a share (`duty`) of its time on sending. A room within that budget is flushed at
//! the end of each turn; another one rests until it is within the budget again. Therefore a room of a
//! thousand merges its flushes by itself, while a small room stays under a millisecond.
//!
//! Each member receives one piece of the log, from its offset on. A flush that exceeds its share of a
//! turn continues in the next turn, so that a room of thousands delays no other client.

use crate::hub::client::Phase;
use crate::hub::close_order::CloseOrder;
use crate::hub::ids::{ClientId, RoomId};
use crate::hub::room::Room;
use crate::hub::room_log::RoomLog;
use crate::hub::writer::Writer;
use crate::hub::Hub;
use crate::slots::SlotId;
use crate::sys::socket::{self, TIMER};

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
        self.check_echoes();
        self.publish_due();
        let until = self.now + self.share;
        let mut is_over = false;
        let mut resting = u64::MAX;
        let mut queue = std::mem::take(&mut self.rooms_to_flush);
        queue.retain(|id| {
            let Some(room) = self.rooms.get(*id).filter(|room| room.queued) else {
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
            is_over = !self.flush_room(*id, until);
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
        let until = until.max(self.clock.now() + self.share / 2);
        let mut queue = std::mem::take(&mut self.clients_to_flush);
        let mut served = 0;
        for client in &queue {
            if served > 0 && self.clock.now() > until {
                self.is_owed_flush = true;
                break;
            }
            served += 1;
            if self.clients.get(*client).is_some_and(|it| it.queued) {
                self.flush_client(*client);
            }
        }
        queue.drain(..served);
        queue.append(&mut self.clients_to_flush);
        self.clients_to_flush = queue;
    }

    /// Flush a room; return whether there is time left for other rooms.
    fn flush_room(&mut self, id: RoomId, until: u64) -> bool {
        let begun = self.clock.now();
        if self.rooms[id].served.is_none() {
            self.begin_flush(id, begun);
        }
        let is_done = self.serve_members(id, begun, until);
        let ended = self.clock.now();
        self.stats.count_flush(ended - begun);
        self.rooms[id].spent += ended - begun;
        if !is_done {
            self.rooms_to_flush.push(id);
            self.is_owed_flush = true;
            return false;
        }
        self.settle_room(id, ended);
        ended < until
    }

    /// Begin a flush of a room with the pointer positions that are due.
    #[inline]
    fn begin_flush(&mut self, id: RoomId, now: u64) {
        let room = &mut self.rooms[id];
        room.spent = 0;
        room.due = u64::MAX;
        room.soon_flush_at = now + self.settings.rest_ms.us();
        self.flush_pointers(id, now);
    }

    /// Write the newest pointer positions of a room that are due into its log, one frame each.
    pub(super) fn flush_pointers(&mut self, id: RoomId, now: u64) {
        if self.rooms[id].relay.is_some() {
            return self.flush_relayed_pointers(id, now);
        }
        let Self { clients, rooms, participants, settings, stats, .. } = self;
        let Room { movers, members, log, next_pointer_at, .. } = &mut rooms[id];
        movers.retain(|mover| {
            let Some(participant) = participants.get_mut(*mover) else { return false };
            if participant.next_pointer_at > now {
                return true;
            }
            participant.pointer_moved = false;
            if participant.hidden {
                return false;
            }
            participant.next_pointer_at = now + settings.move_ms.us();
            *next_pointer_at = now + settings.move_ms.us() / 2;
            let range = participant.append_pointer(log);
            for tab in &participant.tabs {
                clients[*tab].skip(range);
            }
            stats.moves_out += 1;
            stats.broadcasts += 1;
            stats.deliveries += (members.len() - participant.tabs.len()) as u64;
            false
        });
    }

    /// Send to the members of a room that this flush has not served; return whether there was time for
    /// all of them.
    #[inline]
    fn serve_members(&mut self, id: RoomId, now: u64, until: u64) -> bool {
        let Self { clients, rooms, poller, settings, stats, close_orders, clock, .. } = self;
        let room = &mut rooms[id];
        let served = room.served.take().unwrap_or(0);
        let mut writer = Writer { log: &room.log, settings, stats, poller, close_orders, now };
        for (count, member) in room.members.iter().enumerate().skip(served) {
            if count % STRIDE == 0 && count > served && clock.now() > until {
                room.served = Some(count);
                return false;
            }
            writer.serve(*member, &mut clients[*member]);
        }
        true
    }

    /// End a flush of a room: drop the frames that all members have, let the room rest, and queue it
    /// again for what waits.
    #[inline]
    fn settle_room(&mut self, id: RoomId, now: u64) {
        let Self { clients, rooms, participants, settings, .. } = self;
        let room = &mut rooms[id];
        room.queued = false;
        let offsets = room.members.iter().map(|member| clients[*member].offset);
        let behind = offsets.min().unwrap_or(u64::MAX);
        if behind >= room.log.head() {
            room.log.clear();
        } else {
            room.log.forget_before(behind);
        }
        room.rest(settings, now);
        let movers = room.movers.iter().filter_map(|mover| participants.get(*mover));
        let next_pointer = movers.map(|participant| participant.next_pointer_at).min();
        // Messages broadcast during the flush have not reached the members served before.
        let meanwhile = Some(room.due).filter(|due| *due < u64::MAX);
        for at in meanwhile.into_iter().chain(next_pointer) {
            self.queue_room_at(id, at);
        }
    }

    /// Send a client all its queued frames, including its part of a resting room's log.
    pub(crate) fn flush_client(&mut self, id: ClientId) {
        let Self { clients, rooms, poller, settings, stats, close_orders, now, .. } = self;
        let Some(client) = clients.get_mut(id) else { return };
        client.queued = false;
        let nowhere = RoomLog::default();
        let log = rooms.get(client.room).map_or(&nowhere, |room| &room.log);
        let mut writer = Writer { log, settings, stats, poller, close_orders, now: *now };
        if !writer.serve(id, client) {
            return;
        }
        match client.phase {
            Phase::Closed(_) => close_orders.push_back((id, CloseOrder::Drop)),
            // The peer may continue to read up to the close frame; the end of the stream asks it to
            // close.
            Phase::Discarding(_) => socket::finish(client.fd),
            Phase::Open | Phase::Closing(_) => {}
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
                continue;
            }
            let id = ClientId::from_number(token as u32);
            if let Some(client) = self.clients.get_mut(id) {
                client.blocked = false;
                client.last_sent = self.now;
                self.flush_client(id);
            }
        }
        self.run_timers();
        self.is_owed_flush = true;
        self.set_alarm(self.next_check.min(self.next_quota_tick));
    }
}

#[cfg(test)]
mod tests {
    use crate::hub::ids::{ClientId, RoomId};
    use crate::hub::{Hub, Settings};
    use crate::settings::{Milliseconds, Share};
    use crate::sys::clock::Clock;
    use crate::wire::frame;
    use proptest::prelude::*;
    use std::io::{ErrorKind, Read};
    use std::os::fd::AsRawFd;
    use std::os::unix::net::UnixStream;

    /// A client in a room: the peer's end of its socket, and the expected bytes.
    struct Reader {
        number: ClientId,
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

    fn enter(hub: &mut Hub, room: RoomId) -> Reader {
        let (ours, theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        theirs.set_nonblocking(true).unwrap();
        let number = hub.attach(ours.as_raw_fd());
        let participant = hub.add_participant(room, b"\"a\"", b"{\"id\":\"a\"", b"1", b"2").unwrap();
        let quota = hub.add_quota(1, 1);
        hub.start_session(number, quota);
        hub.enter(number, room, participant);
        Reader { number, _ours: ours, theirs, expected: Vec::new() }
    }

    /// Return a hub whose share of each turn is 0, so that it stops after every few members.
    fn hasty() -> (Hub, RoomId) {
        let settings = Settings { rest_ms: Milliseconds(0.0), duty: Share(1.0), ..Settings::default() };
        let mut hub = Hub::new(settings, Clock::running()).unwrap();
        hub.share = 0;
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
        hub.broadcast(large, b"[1]", None);
        assert!(hub.end_turn());
        hub.flush();
        assert!(hub.end_turn(), "not everybody can have been served in no time");
        hub.broadcast(small, b"[2]", None);
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
        hub.broadcast(room, b"[2]", None);
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
        hub.broadcast(room, b"[1]", None);
        hub.flush();
        let waiting: Vec<ClientId> =
            crowd.iter().map(|one| one.number).filter(|one| hub.lag(*one) > 0).collect();
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
                        hub.broadcast(room, &payload, None);
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
