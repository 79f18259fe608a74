//! Limit the time of Python's handlers in one turn, so that notes do not wait for them.
//!
//! A thousand clients that enter a room in one turn of the loop keep Python busy for a fifth of a
//! second. Once the handlers have used their budget, each further connection with a message for them is
//! deferred: the message and all bytes behind it wait for a later turn. Hot messages of other
//! connections pass.

use std::collections::VecDeque;

use crate::hub::client::Client;
use crate::hub::ids::ClientId;
use crate::hub::receive::StepResult;
use crate::hub::Hub;
use crate::sys::clock::Clock;
use crate::wire::frame;
use crate::wire::json::Span;

/// If more bytes of one connection are deferred, no further ones are read until it is resumed.
pub(super) const MAX_DEFERRED: usize = 64 << 10;

/// The time that Python has used in this turn, and the deferred connections.
#[derive(Debug, Default)]
pub(crate) struct HandlerBudget {
    spent: u64,
    /// The time when a running handler was called, µs.
    called_at: Option<u64>,
    deferred: VecDeque<ClientId>,
}

impl HandlerBudget {
    /// Start measuring a handler.
    pub fn handler_called(&mut self, clock: &Clock) {
        self.called_at = Some(clock.now());
    }

    /// Stop measuring, if a handler was running.
    pub fn handler_returned(&mut self, clock: &Clock) {
        if let Some(called_at) = self.called_at.take() {
            self.spent += clock.now().saturating_sub(called_at);
        }
    }

    /// Return whether the handlers have used their `share` of this turn, µs.
    pub fn is_spent(&self, share: u64) -> bool {
        self.spent > share
    }

    /// Renew the budget for a new turn.
    pub fn renew(&mut self) {
        self.spent = 0;
    }
}

impl Hub {
    /// Defer the message at `span`, and all bytes that the connection sent after it.
    ///
    /// Return `None` if they must not be deferred: then the message is handled at once.
    pub(crate) fn defer(&mut self, span: Span) -> Option<StepResult<'static>> {
        let (text, rest) = self.inbound.behind(span)?;
        let client = self.inbound.abandon()?;
        let it = self.clients.get_mut(client)?;
        let mut again = Vec::new();
        frame::append_masked(&mut again, &text);
        again.extend_from_slice(&rest);
        it.pending().partial.store(&again, again.len(), false);
        it.is_deferred = true;
        self.await_turn(client);
        Some(if again.len() > MAX_DEFERRED { StepResult::Full } else { StepResult::Done })
    }

    /// Queue a connection whose stored bytes are to be handled.
    pub(super) fn await_turn(&mut self, client: ClientId) {
        let Some(it) = self.clients.get_mut(client) else { return };
        if !std::mem::replace(&mut it.awaits_turn, true) {
            self.handler_budget.deferred.push_back(client);
        }
    }

    /// Resume the next deferred connection, as [`Hub::feed`] does, while the handlers have budget left.
    pub fn resume(&mut self) -> Option<ClientId> {
        while let Some(client) = self.handler_budget.deferred.front().copied() {
            if self.handler_budget.is_spent(self.share) {
                return None;
            }
            self.handler_budget.deferred.pop_front();
            if let Some(it) = self.clients.get_mut(client) {
                it.awaits_turn = false;
            }
            let has_bytes = |it: &mut Client| it.pending_if_any().is_some_and(|it| !it.partial.is_empty());
            if self.clients.get_mut(client).is_some_and(has_bytes) {
                self.feed_stored(client);
                return Some(client);
            }
        }
        None
    }

    /// Resume a deferred connection at once, because it ends; return whether it was deferred.
    pub fn resume_ending(&mut self, client: ClientId) -> bool {
        let was_deferred = self.clients.get(client).is_some_and(|it| it.is_deferred && !it.is_held);
        if was_deferred {
            self.feed_stored(client);
            self.inbound.forbid_deferring();
        }
        was_deferred
    }

    /// Feed the stored bytes of a connection.
    fn feed_stored(&mut self, client: ClientId) {
        self.window(client);
        self.feed(client, 0);
    }

    /// Return the number of deferred connections.
    #[must_use]
    pub fn deferred(&self) -> usize {
        self.handler_budget.deferred.len()
    }
}
