//! Close connections, and order their owner to close them.

use crate::hub::client::Phase;
use crate::hub::ids::ClientId;
use crate::hub::Hub;
use crate::wire::close_code::{self, TOO_SLOW};
use crate::wire::frame;

/// An order to end a connection, given to the owner of its transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseOrder {
    /// End the session and close the connection with this code.
    Close(u16),
    /// Drop the transport at once.
    Drop,
}

impl Hub {
    /// Close a connection; an empty reason stands for the meaning of the code.
    ///
    /// Queued bytes are sent first, unless the socket is full. The caller has ended the session before, so
    /// that nothing waits for the peer's answer.
    pub fn close(&mut self, client: ClientId, code: u16, reason: &str) {
        self.send_close(client, code, if reason.is_empty() { close_code::meaning(code) } else { reason });
    }

    /// Close a connection with exactly this reason.
    pub(crate) fn send_close(&mut self, client: ClientId, code: u16, reason: &str) {
        if !self.clients.get(client).is_some_and(|it| it.phase == Phase::Open) {
            return;
        }
        if self.clients[client].is_remote() {
            self.close_remote(client, code, reason);
            self.leave(client);
            self.clients[client].phase = Phase::Closed(0);
            return;
        }
        self.release(client);
        self.stats.count_close(code);
        self.leave_room(client, true);
        let until = self.clock.now() + self.linger;
        let Some(it) = self.clients.get_mut(client) else { return };
        it.insert(0, |out| frame::append_close(out, code, reason));
        it.phase = Phase::Closing(until);
        self.queue_client(client);
    }

    /// Return the next order for the owner of a connection.
    pub fn next_close_order(&mut self) -> Option<(ClientId, CloseOrder)> {
        while let Some((client, order)) = self.close_orders.pop_front() {
            // An earlier order may have closed the connection: a reader can be found slow in two ways
            // at once.
            let is_open = self.clients.get(client).is_some_and(|it| it.phase == Phase::Open);
            if is_open || order == CloseOrder::Drop {
                self.stats.slow += u64::from(order == CloseOrder::Close(TOO_SLOW));
                return Some((client, order));
            }
        }
        None
    }
}
