//! Tasks by the clock: pings, the end of silent and slow clients, and the refill of the quotas.

use crate::hub::client::{Client, Phase};
use crate::hub::close_order::CloseOrder;
use crate::hub::Hub;
use crate::wire::close_code::{SILENT, TOO_SLOW};
use crate::wire::frame;

/// The time between two checks of all connections, µs.
pub(crate) const CHECK_PERIOD: u64 = 1_000_000;

/// The delay of a check that shows that this process was stopped, µs.
const FROZEN: u64 = 3_000_000;

/// The number of pings sent at once, and the pause before the next ones, µs.
///
/// A `send` takes 3 to 10 µs, and notes must not wait for the pings of thousands of clients that
/// connected together.
const PINGS: usize = 64;
const PING_PAUSE: u64 = 4_000;

impl Hub {
    /// Run the tasks that are due.
    pub(crate) fn run_timers(&mut self) {
        while self.next_quota_tick <= self.now {
            self.quotas.tick();
            self.next_quota_tick += self.settings.quota_tick_ms.us();
        }
        if self.next_check <= self.now {
            // A node that was stopped for so long goes on in its cluster. What its clients have sent
            // meanwhile is read before anybody counts as silent.
            let was_frozen = self.relay.is_some() && self.now - self.next_check > FROZEN;
            self.next_check = self.now + CHECK_PERIOD;
            if !was_frozen {
                self.check_clients();
            }
        }
        self.send_pings();
    }

    fn check_clients(&mut self) {
        let Self { clients, rooms, settings, close_orders, to_ping, now, .. } = self;
        to_ping.clear();
        for (number, client) in clients.iter_mut() {
            client.shrink();
            if client.is_remote() {
                continue;
            }
            match client.phase {
                Phase::Closing(until) | Phase::Discarding(until) | Phase::Closed(until) if until <= *now => {
                    close_orders.push_back((number, CloseOrder::Drop));
                }
                Phase::Closing(_) | Phase::Discarding(_) | Phase::Closed(_) => {}
                Phase::Open if client.blocked && *now - client.last_sent > settings.stall_seconds.us() => {
                    close_orders.push_back((number, CloseOrder::Close(TOO_SLOW)));
                }
                Phase::Open
                    if !client.has_session && *now - client.connected_at > settings.hello_seconds.us() =>
                {
                    close_orders.push_back((number, CloseOrder::Close(SILENT)));
                }
                Phase::Open
                    if client.has_session
                        && settings.silence_ms.us() > 0
                        && *now - client.last_time_request > settings.silence_ms.us() =>
                {
                    close_orders.push_back((number, CloseOrder::Close(SILENT)));
                }
                Phase::Open => {
                    // Measured from the ping, not from the last byte: after a stall of this process all
                    // clients have been silent for long.
                    //
                    // Checks come once a period. A ping may be early by one, and the end early or late by
                    // half of one, so that both times together are never exceeded.
                    let ended = (*now + CHECK_PERIOD / 2).saturating_sub(settings.pong_seconds.us());
                    let silent = *now - client.last_received + CHECK_PERIOD;
                    if client.pinged_at < ended {
                        close_orders.push_back((number, CloseOrder::Drop));
                    } else if client.pinged_at == u64::MAX && silent > settings.ping_seconds.us() {
                        to_ping.push(number);
                    }
                }
            }
        }
        for (_, room) in rooms.iter_mut() {
            if !room.queued {
                room.log.shrink();
            }
        }
    }

    /// Ping some of the silent clients, and set the alarm for the others.
    fn send_pings(&mut self) {
        let rest = self.to_ping.len().saturating_sub(PINGS);
        for client in self.to_ping.split_off(rest) {
            let still = |it: &&mut Client| it.phase == Phase::Open && it.pinged_at == u64::MAX;
            if let Some(it) = self.clients.get_mut(client).filter(still) {
                it.pinged_at = self.now;
                self.send_with(client, |out| frame::append(out, frame::PING, &[]));
            }
        }
        if rest > 0 {
            self.set_alarm(self.now + PING_PAUSE);
        }
    }
}
