//! Let all that a connection sends wait, in order, until an answer for it has come from another node.

use crate::hub::client::Phase;
use crate::hub::deferred::MAX_DEFERRED;
use crate::hub::ids::ClientId;
use crate::hub::receive::StepResult;
use crate::hub::Hub;
use crate::wire::frame;

impl Hub {
    /// Let everything that a connection sends wait, behind the message that is being handled.
    pub fn hold(&mut self, client: ClientId) {
        let Some(it) = self.clients.get_mut(client).filter(|it| it.phase == Phase::Open) else { return };
        it.is_held = true;
        if self.inbound.client == Some(client) {
            self.inbound.is_held = true;
        }
    }

    /// Handle what a connection has sent since [`Hub::hold`], in this turn or the next.
    pub fn release(&mut self, client: ClientId) {
        let Some(it) = self.clients.get_mut(client).filter(|it| it.is_held) else { return };
        it.is_held = false;
        if self.inbound.client == Some(client) {
            self.inbound.is_held = false;
        }
        self.await_turn(client);
        self.need_flush();
    }

    /// Store all unhandled bytes of a held connection.
    ///
    /// Return `None` if the connection ends: then the bytes are handled.
    #[cold]
    pub(super) fn hold_rest(&mut self, client: ClientId) -> Option<StepResult<'static>> {
        let inbound = &mut self.inbound;
        let it = self.clients.get_mut(client).filter(|it| it.phase == Phase::Open)?;
        if inbound.excess.is_some() {
            return None;
        }
        let mut kept = Vec::new();
        let mut is_counted = inbound.is_counted;
        if let Some(text) = inbound.behind_handled() {
            frame::append_masked(&mut kept, &text);
            is_counted = true;
        }
        kept.extend_from_slice(&inbound.buffer[inbound.at..inbound.end]);
        inbound.abandon();
        if kept.is_empty() {
            return Some(StepResult::Done);
        }
        inbound.fit(kept.len());
        it.is_deferred = is_counted;
        let is_long = kept.len() > MAX_DEFERRED;
        it.pending().partial.store(&kept, kept.len(), false);
        Some(if is_long { StepResult::Full } else { StepResult::Done })
    }
}
