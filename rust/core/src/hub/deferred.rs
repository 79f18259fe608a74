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
const MOST: usize = 64 << 10;

/// How long Python has been at work in this turn, and who waits for it.
#[derive(Debug, Default)]
pub(crate) struct Patience {
    spent: u64,
    /// When a handler was called that has not come back; µs, 0 for none.
    since: u64,
    waiting: VecDeque<u32>,
}

impl Patience {
    /// A handler is called.
    pub fn goes_out(&mut self, clock: &Clock) {
        self.since = clock.now().max(1);
    }

    /// A handler may have come back.
    pub fn came_back(&mut self, clock: &Clock) {
        if self.since > 0 {
            self.spent += clock.now().saturating_sub(self.since);
            self.since = 0;
        }
    }

    /// Whether the handlers have had their `share` of this turn, µs.
    pub fn is_over(&self, share: u64) -> bool {
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
    pub(crate) fn postpone(&mut self, span: Span) -> bool {
        let Some((text, rest)) = self.reading.behind(span, MOST) else { return false };
        let client = self.reading.give_up();
        let Some(it) = self.clients.get_mut(client as usize) else { return false };
        let mut again = Vec::new();
        frame::append_to_read(&mut again, &text);
        again.extend_from_slice(&rest);
        it.extra().partial.keep(&again, again.len());
        it.postponed = true;
        self.patience.waiting.push_back(client);
        true
    }

    /// Goes on with the next connection that was put off, as [`Hub::feed`] does, while the handlers
    /// have not had their share of this turn.
    pub fn resume(&mut self) -> Option<u32> {
        while let Some(client) = self.patience.waiting.front().copied() {
            if self.patience.is_over(self.settings.share) {
                return None;
            }
            self.patience.waiting.pop_front();
            if self.take_up(client) {
                return Some(client);
            }
        }
        None
    }

    /// Goes on with a connection now, if it was put off; for one that ends.
    pub fn settle(&mut self, client: u32) -> bool {
        let was_waiting = self.take_up(client);
        if was_waiting {
            self.reading.insist();
        }
        was_waiting
    }

    /// Feeds what a connection kept, if it was put off; says whether it was.
    fn take_up(&mut self, client: u32) -> bool {
        let was_waiting = self.clients.get(client as usize).is_some_and(|it| it.postponed);
        if was_waiting {
            self.window(client);
            self.feed(client, 0);
        }
        was_waiting
    }

    /// How many connections wait for a later turn.
    #[must_use]
    pub fn postponed(&self) -> usize {
        self.patience.waiting.len()
    }
}
