//! Once a second: who is silent, who is slow, who does not go; and the refill of the quotas.

use crate::hub::client::{Client, Phase};
use crate::hub::close_order::Verdict;
use crate::hub::Hub;
use crate::wire::close_code::{SILENT, TRY_AGAIN_LATER};
use crate::wire::frame;

/// The time between two looks at all connections, µs.
pub(crate) const PERIOD: u64 = 1_000_000;

/// Pings of one moment, and the time to the next ones, µs: a `send` is 3 to 10 µs, and notes must not
/// wait for those of thousands who came together.
const PINGS: usize = 64;
const PING_PAUSE: u64 = 4_000;

impl Hub {
    /// Does what is due by the clock.
    pub(crate) fn watch(&mut self) {
        while self.next_quota_tick <= self.now {
            self.quotas.tick();
            self.next_quota_tick += self.settings.quota_tick;
        }
        if self.next_watch <= self.now {
            self.next_watch = self.now + PERIOD;
            self.look_at_all();
        }
        self.ping();
    }

    fn look_at_all(&mut self) {
        let Self { clients, rooms, settings, verdicts, to_ping, now, .. } = self;
        to_ping.clear();
        for (number, client) in clients.iter_mut() {
            let number = number as u32;
            client.shrink();
            match client.phase {
                Phase::Closing(until) | Phase::Deaf(until) | Phase::Closed(until) if until <= *now => {
                    verdicts.push_back((number, Verdict::Drop));
                }
                Phase::Closing(_) | Phase::Deaf(_) | Phase::Closed(_) => {}
                Phase::Open if client.blocked && *now - client.progress > settings.stall => {
                    verdicts.push_back((number, Verdict::Dismiss(TRY_AGAIN_LATER)));
                }
                Phase::Open if !client.greeted && *now - client.since > settings.hello => {
                    verdicts.push_back((number, Verdict::Dismiss(SILENT)));
                }
                Phase::Open
                    if client.greeted && settings.silence > 0 && *now - client.asked > settings.silence =>
                {
                    verdicts.push_back((number, Verdict::Dismiss(SILENT)));
                }
                Phase::Open => {
                    // Judged from the ping, not from the silence: after a stall of this process
                    // everybody has been silent for long.
                    if client.pinged.saturating_add(settings.pong) < *now {
                        verdicts.push_back((number, Verdict::Drop));
                    } else if client.pinged == u64::MAX && *now - client.heard > settings.ping {
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
    fn ping(&mut self) {
        let rest = self.to_ping.len().saturating_sub(PINGS);
        for client in self.to_ping.split_off(rest) {
            let still = |it: &&mut Client| it.phase == Phase::Open && it.pinged == u64::MAX;
            if let Some(it) = self.clients.get_mut(client as usize).filter(still) {
                it.pinged = self.now;
                self.insert(client, |out| frame::append(out, frame::PING, &[]));
            }
        }
        if rest > 0 {
            self.set_alarm(self.now + PING_PAUSE);
        }
    }
}
