//! The end of connections, and what their owner must do about it.

use crate::hub::client::Phase;
use crate::hub::Hub;
use crate::wire::close_code::TRY_AGAIN_LATER;
use crate::wire::frame;

/// What must happen to a connection, by whoever owns its transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseOrder {
    /// Its session ends, and it is closed with this code.
    Close(u16),
    /// Its transport is dropped now.
    Drop,
}

impl Hub {
    /// Closes a connection: what it is owed goes out first, unless its socket is full.
    ///
    /// Whoever owns the session has ended it before, so that nobody waits for the peer's answer.
    pub fn close(&mut self, client: u32, code: u16, reason: &str) {
        if !self.clients.get(client as usize).is_some_and(|it| it.phase == Phase::Open) {
            return;
        }
        self.stats.count_close(code);
        self.leave_room(client, true);
        let until = self.clock.now() + self.settings.linger;
        let Some(it) = self.clients.get_mut(client as usize) else { return };
        it.insert(0, |out| frame::append_close(out, code, reason));
        it.phase = Phase::Closing(until);
        self.queue_client(client);
    }

    /// The next connection that its owner must do something about.
    pub fn next_close_order(&mut self) -> Option<(u32, CloseOrder)> {
        while let Some((client, order)) = self.close_orders.pop_front() {
            // The one before may have closed it: a reader can be found slow in two ways at once.
            let is_open = self.clients.get(client as usize).is_some_and(|it| it.phase == Phase::Open);
            if is_open || order == CloseOrder::Drop {
                self.stats.slow += u64::from(order == CloseOrder::Close(TRY_AGAIN_LATER));
                return Some((client, order));
            }
        }
        None
    }
}
