//! Patience: a storm of messages for Python waits, so that notes do not wait for it.
//!
//! A thousand people who enter a room in one turn of the loop keep Python busy for a fifth of a
//! second. What is hot goes past them: once the handlers have had their share of a turn, each further
//! connection with something for them keeps it, and all that is behind it, until a later turn.

use std::collections::VecDeque;

use crate::hub::Hub;
use crate::sys::clock::Clock;
use crate::wire::frame;
use crate::wire::json::Span;

/// Bytes of one connection that may wait: they are copied each time that they are put off.
const MAX_DEFERRED: usize = 64 << 10;

/// How long Python has been at work in this turn, and who waits for it.
#[derive(Debug, Default)]
pub(crate) struct HandlerBudget {
    spent: u64,
    /// When a handler was called that has not come back; µs, 0 for none.
    called_at: u64,
    deferred: VecDeque<u32>,
}

impl HandlerBudget {
    /// A handler is called.
    pub fn handler_called(&mut self, clock: &Clock) {
        self.called_at = clock.now().max(1);
    }

    /// A handler may have come back.
    pub fn handler_returned(&mut self, clock: &Clock) {
        if self.called_at > 0 {
            self.spent += clock.now().saturating_sub(self.called_at);
            self.called_at = 0;
        }
    }

    /// Whether the handlers have had their `share` of this turn, µs.
    pub fn is_spent(&self, share: u64) -> bool {
        self.spent > share
    }

    /// A new turn begins.
    pub fn renew(&mut self) {
        self.spent = 0;
    }
}

impl Hub {
    /// Puts the message at `span`, and all that the connection sent behind it, off to a later turn.
    ///
    /// Says whether it did: a connection that has sent more than may be kept is served at once.
    pub(crate) fn defer(&mut self, span: Span) -> bool {
        let Some((text, rest)) = self.inbound.behind(span, MAX_DEFERRED) else { return false };
        let client = self.inbound.abandon();
        let Some(it) = self.clients.get_mut(client as usize) else { return false };
        let mut again = Vec::new();
        frame::append_masked(&mut again, &text);
        again.extend_from_slice(&rest);
        it.pending().partial.keep(&again, again.len());
        it.is_deferred = true;
        self.handler_budget.deferred.push_back(client);
        true
    }

    /// Goes on with the next connection that was put off, as [`Hub::feed`] does, while the handlers
    /// have not had their share of this turn.
    pub fn resume(&mut self) -> Option<u32> {
        while let Some(client) = self.handler_budget.deferred.front().copied() {
            if self.handler_budget.is_spent(self.settings.share) {
                return None;
            }
            self.handler_budget.deferred.pop_front();
            if self.resume_client(client) {
                return Some(client);
            }
        }
        None
    }

    /// Goes on with a connection now, if it was put off; for one that ends.
    pub fn resume_ending(&mut self, client: u32) -> bool {
        let was_deferred = self.resume_client(client);
        if was_deferred {
            self.inbound.forbid_deferring();
        }
        was_deferred
    }

    /// Feeds what a connection kept, if it was put off; says whether it was.
    fn resume_client(&mut self, client: u32) -> bool {
        let was_deferred = self.clients.get(client as usize).is_some_and(|it| it.is_deferred);
        if was_deferred {
            self.window(client);
            self.feed(client, 0);
        }
        was_deferred
    }

    /// How many connections wait for a later turn.
    #[must_use]
    pub fn deferred(&self) -> usize {
        self.handler_budget.deferred.len()
    }
}
