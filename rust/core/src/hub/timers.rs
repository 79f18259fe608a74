//! Once a second: who is silent, who is slow, who does not go; and the refill of the quotas.

use crate::hub::client::{Client, Phase};
use crate::hub::close_order::CloseOrder;
use crate::hub::Hub;
use crate::wire::close_code::{SILENT, TRY_AGAIN_LATER};
use crate::wire::frame;

/// The time between two looks at all connections, µs.
pub(crate) const CHECK_PERIOD: u64 = 1_000_000;

/// Pings of one moment, and the time to the next ones, µs: a `send` is 3 to 10 µs, and notes must not
/// wait for those of thousands who came together.
const PINGS: usize = 64;
const PING_PAUSE: u64 = 4_000;

impl Hub {
    /// Does what is due by the clock.
    pub(crate) fn run_timers(&mut self) {
        while self.next_quota_tick <= self.now {
            self.quotas.tick();
            self.next_quota_tick += self.settings.quota_tick;
        }
        if self.next_check <= self.now {
            self.next_check = self.now + CHECK_PERIOD;
            self.check_clients();
        }
        self.send_pings();
    }

    fn check_clients(&mut self) {
        let Self { clients, rooms, settings, close_orders, to_ping, now, .. } = self;
        to_ping.clear();
        for (number, client) in clients.iter_mut() {
            let number = number as u32;
            client.shrink();
            match client.phase {
                Phase::Closing(until) | Phase::Deaf(until) | Phase::Closed(until) if until <= *now => {
                    close_orders.push_back((number, CloseOrder::Drop));
                }
                Phase::Closing(_) | Phase::Deaf(_) | Phase::Closed(_) => {}
                Phase::Open if client.blocked && *now - client.last_sent > settings.stall => {
                    close_orders.push_back((number, CloseOrder::Close(TRY_AGAIN_LATER)));
                }
                Phase::Open if !client.has_session && *now - client.connected_at > settings.hello => {
                    close_orders.push_back((number, CloseOrder::Close(SILENT)));
                }
                Phase::Open
                    if client.has_session
                        && settings.silence > 0
                        && *now - client.last_time_request > settings.silence =>
                {
                    close_orders.push_back((number, CloseOrder::Close(SILENT)));
                }
                Phase::Open => {
                    // Judged from the ping, not from the silence: after a stall of this process
                    // everybody has been silent for long.
                    if client.pinged_at.saturating_add(settings.pong) < *now {
                        close_orders.push_back((number, CloseOrder::Drop));
                    } else if client.pinged_at == u64::MAX && *now - client.last_received > settings.ping {
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

    /// Pings some of those who have been silent, and sets the alarm for the others.
    fn send_pings(&mut self) {
        let rest = self.to_ping.len().saturating_sub(PINGS);
        for client in self.to_ping.split_off(rest) {
            let still = |it: &&mut Client| it.phase == Phase::Open && it.pinged_at == u64::MAX;
            if let Some(it) = self.clients.get_mut(client as usize).filter(still) {
                it.pinged_at = self.now;
                self.send_with(client, |out| frame::append(out, frame::PING, &[]));
            }
        }
        if rest > 0 {
            self.set_alarm(self.now + PING_PAUSE);
        }
    }
}
