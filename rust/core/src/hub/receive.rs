//! Handle the bytes of clients: frames, then messages, of which the hot ones are completed here.
//!
//! In each turn the caller reads into [`Hub::window`], passes the number of bytes to [`Hub::feed`], and
//! calls [`Hub::step`] until it returns [`StepResult::Done`] or [`StepResult::Full`]. The elements of a
//! frame are handled strictly in order: a step stops at each element that Python must handle first.

use std::ops::Range;

use crate::hub::client::{Client, Phase};
use crate::hub::ids::ClientId;
use crate::hub::receive_state::{InboundState, Text, READ};
use crate::hub::refusal::Refusal;
use crate::hub::Hub;
use crate::wire::close_code::{self, BYTE_RATE, MESSAGE_RATE};
use crate::wire::frame::{self, Incoming, Parsed};
use crate::wire::scan::{scan, Element};

/// The next thing that the caller must do in this turn.
#[derive(Debug, PartialEq, Eq)]
pub enum StepResult<'a> {
    /// Nothing: all bytes are handled, or some are deferred.
    Done,
    /// Read no more from the connection until it is resumed: many bytes are deferred.
    Full,
    /// Handle a message in Python: one JSON object.
    Cold(&'a [u8]),
    /// Handle a binary message in Python.
    Binary(&'a [u8]),
    /// End the session: the connection is closing.
    Ended,
}

impl Hub {
    /// Return the buffer for the next bytes of a connection: behind those of its incomplete frame.
    ///
    /// A long frame grows in place, so that each read costs only its own bytes and not the earlier
    /// ones.
    pub fn window(&mut self, client: ClientId) -> &mut [u8] {
        let mut from = 0;
        if let Some(pending) = self.clients.get_mut(client).and_then(Client::pending_if_any) {
            let partial = &mut pending.partial;
            if partial.missing() > 0 {
                self.inbound.at = 0;
                return partial.free_space(READ);
            }
            from = partial.bytes().len();
            self.inbound.buffer[..from].copy_from_slice(partial.bytes());
        }
        self.inbound.at = from;
        // A deferred connection may have stored more than leaves room for a whole read.
        let end = self.inbound.buffer.len().min(from + READ);
        &mut self.inbound.buffer[from..end]
    }

    /// Accept `count` bytes that were read into the window of this connection.
    pub fn feed(&mut self, client: ClientId, count: usize) {
        self.begin_turn();
        let gathered = self.gather(client, count.min(READ));
        let inbound = &mut self.inbound;
        inbound.client = Some(client);
        inbound.end = inbound.at + gathered;
        inbound.carried = inbound.at;
        inbound.at = 0;
        inbound.elements.clear();
        inbound.next = 0;
        inbound.is_blob = false;
        inbound.excess = None;
        inbound.is_counted = false;
        inbound.may_defer = true;
        inbound.is_held = false;
        if let Some(client) = self.clients.get_mut(client) {
            if let Some(meter) = &mut client.meter {
                let passed = self.now - client.last_received;
                let bytes = self.settings.byte_flow();
                meter.bytes.leak(bytes, passed);
                meter.messages.leak(self.settings.message_flow(), passed);
                if !meter.bytes.pour(bytes, count as u64) {
                    inbound.excess = Some(Refusal::Bytes);
                }
            }
            client.last_received = self.now;
            client.pinged_at = u64::MAX;
            inbound.is_counted = std::mem::take(&mut client.is_deferred);
            inbound.is_held = client.is_held;
            if let Some(pending) = client.pending_if_any().filter(|pending| pending.partial.missing() == 0) {
                pending.partial.clear();
            }
        }
        self.stats.bytes_in += count as u64;
    }

    /// Append bytes to a long frame; return the number of bytes to handle.
    ///
    /// That number is 0 until the frame is complete.
    #[inline]
    fn gather(&mut self, client: ClientId, count: usize) -> usize {
        let pending = self.clients.get_mut(client).and_then(Client::pending_if_any);
        let Some(pending) = pending.filter(|pending| pending.partial.missing() > 0) else { return count };
        pending.partial.received(count);
        if pending.partial.missing() > 0 {
            return 0;
        }
        let frame = pending.partial.bytes();
        self.inbound.buffer[..frame.len()].copy_from_slice(frame);
        frame.len()
    }

    /// Handle the received bytes, up to the next thing that the caller must do.
    pub fn step(&mut self) -> StepResult<'_> {
        let Some(client) = self.inbound.client else { return StepResult::Done };
        self.handler_budget.handler_returned(&self.clock);
        if self.inbound.is_held {
            if let Some(held) = self.hold_rest(client) {
                return held;
            }
        }
        loop {
            while self.inbound.next < self.inbound.elements.len() {
                let element = self.inbound.elements[self.inbound.next];
                self.inbound.next += 1;
                if !self.clients.get(client).is_some_and(|it| it.phase == Phase::Open) {
                    break;
                }
                match element {
                    Element::Notes(notes) => self.play_notes(client, notes),
                    Element::BadNotes => self.refuse_notes(client),
                    Element::Pointer { x, y } => self.move_pointer(client, x, y),
                    Element::Time { echo } => self.send_time(client, echo),
                    Element::Cold(span) => {
                        if self.handler_budget.is_spent(self.share) {
                            if let Some(deferred) = self.defer(span) {
                                return deferred;
                            }
                        }
                        self.handler_budget.handler_called(&self.clock);
                        return StepResult::Cold(span.of(self.inbound.text()));
                    }
                }
            }
            if std::mem::take(&mut self.inbound.is_blob) {
                return StepResult::Binary(self.inbound.text());
            }
            let Some(it) = self.clients.get_mut(client) else { return StepResult::Done };
            let phase = it.phase;
            let inbound = &mut self.inbound;
            if matches!(phase, Phase::Discarding(_) | Phase::Closed(_)) {
                return StepResult::Done;
            }
            if let (Some(excess), Phase::Open) = (inbound.excess, phase) {
                return self.close_for_excess(client, excess);
            }
            let bytes = &mut inbound.buffer[inbound.at..inbound.end];
            // Fragments are taken out for the call: most clients never have any.
            let mut fragments = it.pending_if_any().and_then(|pending| pending.fragments.take());
            let parsed = frame::parse(bytes, &mut fragments, self.settings.message_limits());
            if fragments.is_some() {
                it.pending().fragments = fragments;
            }
            match parsed {
                Parsed::Incomplete => {
                    if !bytes.is_empty() {
                        let continues = inbound.carried > 0 && inbound.at == 0;
                        it.pending().partial.store(bytes, frame::length(bytes), continues);
                    }
                    let Err(code) = it.check_partial_text() else { return StepResult::Done };
                    it.pending().partial.clear();
                    return self.close_for_fault(client, phase, code);
                }
                Parsed::Violation(code) => return self.close_for_fault(client, phase, code),
                Parsed::Frame(used, what) => {
                    let from = inbound.at;
                    inbound.at += used;
                    self.stats.frames_in += u64::from(!self.inbound.is_counted);
                    if let Some(code) = self.handle_frame(client, phase, from, what) {
                        // The answer repeats the code, and gives no reason of its own.
                        return self.close_for_peer(client, phase, code, "", Phase::Closed);
                    }
                }
            }
        }
    }

    /// Handle a frame that begins at `from` of the buffer; return a code if the frame ends the
    /// connection.
    fn handle_frame(&mut self, client: ClientId, phase: Phase, from: usize, what: Incoming) -> Option<u16> {
        let absolute = |range: Range<usize>| from + range.start..from + range.end;
        match what {
            Incoming::Close(code, _) => return Some(code),
            _ if phase != Phase::Open => {}
            Incoming::Text(range) => self.read_text(Text::Buffer(absolute(range))),
            Incoming::AssembledText(bytes) => self.read_text(Text::Assembled(bytes)),
            Incoming::Ping(range) => {
                let payload = self.inbound.buffer[absolute(range)].to_vec();
                self.send_with(client, |out| frame::append(out, frame::PONG, &payload));
            }
            Incoming::Binary(range) => self.read_binary(Text::Buffer(absolute(range))),
            Incoming::AssembledBinary(bytes) => self.read_binary(Text::Assembled(bytes)),
            Incoming::Pong(_) | Incoming::Fragment => {}
        }
        self.count_messages(client);
        None
    }

    /// Split a text message into its elements.
    #[inline]
    fn read_text(&mut self, mut text: Text) {
        let custom = self.settings.custom_notes;
        let InboundState { buffer, elements, .. } = &mut self.inbound;
        match &mut text {
            Text::Buffer(range) => scan(&mut buffer[range.clone()], custom, elements),
            Text::Assembled(bytes) => scan(bytes, custom, elements),
        };
        self.inbound.text = text;
        self.inbound.next = 0;
    }

    /// Read a binary message.
    ///
    /// An array of messages counts as text in any kind of frame: programs in languages that distinguish
    /// bytes from texts send such frames. All other binary messages go to Python.
    #[cold]
    fn read_binary(&mut self, message: Text) {
        self.inbound.text = message;
        let bytes = self.inbound.text();
        let begins_array = bytes.trim_ascii_start().first() == Some(&b'[');
        if begins_array && simdutf8::basic::from_utf8(bytes).is_ok() {
            let text = std::mem::replace(&mut self.inbound.text, Text::Buffer(0..0));
            self.read_text(text);
        } else {
            self.inbound.is_blob = true;
        }
    }

    /// Count the messages of a frame. If there are too many, none of them is handled.
    fn count_messages(&mut self, client: ClientId) {
        let inbound = &mut self.inbound;
        if std::mem::take(&mut inbound.is_counted) {
            return;
        }
        let Some(meter) = self.clients.get_mut(client).and_then(|it| it.meter.as_mut()) else {
            return;
        };
        let new = inbound.elements.len() - inbound.next;
        if !meter.messages.pour(self.settings.message_flow(), new.max(1) as u64) {
            inbound.next = inbound.elements.len();
            inbound.is_blob = false;
            inbound.excess = Some(Refusal::Messages);
        }
    }

    /// End a connection that sends too much, with a notice.
    fn close_for_excess(&mut self, client: ClientId, excess: Refusal) -> StepResult<'_> {
        self.refuse(client, excess);
        let code = if excess == Refusal::Bytes { BYTE_RATE } else { MESSAGE_RATE };
        // The client continues to send for a while. That must not cause a reset, which would overtake
        // the notice.
        self.close_for_fault(client, Phase::Open, code)
    }

    /// End a connection for what its peer sent: a violation of RFC 6455, or too much.
    fn close_for_fault(&mut self, client: ClientId, before: Phase, code: u16) -> StepResult<'_> {
        self.close_for_peer(client, before, code, close_code::meaning(code), Phase::Discarding)
    }

    /// End a connection because of its peer: a close frame, a violation of RFC 6455, or too much
    /// traffic.
    fn close_for_peer(
        &mut self,
        client: ClientId,
        before: Phase,
        code: u16,
        reason: &str,
        after: fn(u64) -> Phase,
    ) -> StepResult<'_> {
        self.inbound.at = self.inbound.end;
        self.send_close(client, code, reason);
        if let Some(it) = self.clients.get_mut(client) {
            it.phase = after(self.now + self.linger);
        }
        self.queue_client(client);
        if before == Phase::Open {
            StepResult::Ended
        } else {
            StepResult::Done
        }
    }
}
