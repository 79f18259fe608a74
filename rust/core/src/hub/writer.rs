//! Write queued frames to the sockets of clients.

use std::collections::VecDeque;

use crate::hub::client::{Client, Phase};
use crate::hub::close_order::CloseOrder;
use crate::hub::ids::ClientId;
use crate::hub::room_log::RoomLog;
use crate::hub::segments::SendProgress;
use crate::hub::{Settings, Stats};
use crate::slots::SlotId;
use crate::sys::socket::{self, Poller, Sent};
use crate::wire::close_code::TOO_SLOW;

/// Everything that a write needs, except the client.
pub(super) struct Writer<'a> {
    /// The log of the client's room; an empty log outside of rooms.
    pub log: &'a RoomLog,
    pub settings: &'a Settings,
    pub stats: &'a mut Stats,
    pub poller: &'a Poller,
    pub close_orders: &'a mut VecDeque<(ClientId, CloseOrder)>,
    /// The time of the write, µs.
    pub now: u64,
}

/// The outcome of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Written {
    /// Everything is sent.
    All,
    /// The socket took everything offered, and there is more.
    Part,
    /// The socket is full.
    Full,
    /// The connection is gone.
    Gone,
}

impl Writer<'_> {
    /// Send a client its queued bytes; return whether it has received everything.
    ///
    /// A client with a full socket is served when the poller reports it. A client that is too far
    /// behind, or gone, is ordered closed.
    #[inline]
    pub fn serve(&mut self, id: ClientId, client: &mut Client) -> bool {
        if client.blocked {
            if client.lag(self.log.head()) > self.settings.lag_hard_bytes && client.phase == Phase::Open {
                self.close_orders.push_back((id, CloseOrder::Close(TOO_SLOW)));
            }
            return false;
        }
        match self.pump(client) {
            Written::All => return true,
            Written::Full if self.watch(id, client) => {}
            _ => self.close_orders.push_back((id, CloseOrder::Drop)),
        }
        false
    }

    /// Write until everything is sent or the socket is full.
    #[inline]
    fn pump(&mut self, client: &mut Client) -> Written {
        loop {
            let head = if client.room.is_none() { client.offset } else { self.log.head() };
            let written = if client.is_plain() && head - client.offset <= self.settings.lag_soft_bytes {
                self.pump_plain(client, head)
            } else {
                self.pump_segments(client, head)
            };
            if written != Written::Part {
                return written;
            }
        }
    }

    /// Write a client's part of the log, which is all that is queued.
    #[inline]
    fn pump_plain(&mut self, client: &mut Client, head: u64) -> Written {
        if client.offset == head {
            return Written::All;
        }
        let owed = self.log.slice(client.offset, head);
        let sent = socket::send(client.fd, owed);
        if let Sent::Bytes(count) = sent {
            client.offset += count as u64;
        }
        self.count(client, sent, owed.len())
    }

    /// Write the log with a client's inserts, without the frames that the client must not receive.
    fn pump_segments(&mut self, client: &mut Client, head: u64) -> Written {
        let lenient = client.lag(head) > self.settings.lag_soft_bytes;
        let segments = client.segments(self.log, lenient);
        let slices = segments.slices();
        if slices.is_empty() {
            // All new frames are the client's own.
            let progress = segments.progress_after(client.offset, 0);
            self.advance(client, progress, lenient);
            return Written::All;
        }
        let sent = socket::send_all(client.fd, slices);
        let offered = slices.iter().take(socket::SLICES).map(|slice| slice.len()).sum();
        let is_rest_left = slices.len() > socket::SLICES;
        if let Sent::Bytes(count) = sent {
            let progress = segments.progress_after(client.offset, count);
            self.advance(client, progress, lenient);
        }
        match self.count(client, sent, offered) {
            Written::All if is_rest_left => Written::Part,
            written => written,
        }
    }

    /// Record the progress of a write of segments.
    fn advance(&mut self, client: &mut Client, progress: SendProgress, lenient: bool) {
        if lenient {
            self.stats.spared += client.spared(self.log, progress.offset);
        }
        client.advance(progress);
    }

    /// Count a write of which the socket was `offered` so many bytes.
    #[inline]
    fn count(&mut self, client: &mut Client, sent: Sent, offered: usize) -> Written {
        self.stats.sends += 1;
        match sent {
            Sent::Bytes(count) => {
                self.stats.bytes_out += count as u64;
                if count > 0 {
                    client.last_sent = self.now;
                }
                if count == offered {
                    Written::All
                } else {
                    Written::Full
                }
            }
            Sent::Full => Written::Full,
            Sent::Gone => Written::Gone,
        }
    }

    /// Have the poller report when a full socket takes bytes again; return false if that fails.
    fn watch(&self, id: ClientId, client: &mut Client) -> bool {
        client.blocked = true;
        let known = std::mem::replace(&mut client.watched, true);
        self.poller.watch(client.fd, u64::from(id.number()), known).is_ok()
    }
}
