//! What clients send: frames, then messages, of which the hot ones end here.
//!
//! A turn goes [`Hub::window`] (where to read to), [`Hub::feed`] (so many bytes came), then
//! [`Hub::step`] until it says [`Step::Done`]. Elements of a frame are handled strictly in order:
//! a step stops at each element that Python must handle before the next one may be looked at.

use std::ops::Range;

use crate::hub::client::{Client, Phase};
use crate::hub::inbound_state::{Reading, Text, READ};
use crate::hub::refusal::Refusal;
use crate::hub::Hub;
use crate::wire::close_code::{BYTE_RATE, MESSAGE_RATE};
use crate::wire::frame::{self, Incoming, Parsed};
use crate::wire::scan::{scan, Element};

/// What a turn needs next.
#[derive(Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// Nothing: all bytes are handled.
    Done,
    /// A message that Python handles: one JSON object.
    Cold(&'a [u8]),
    /// A binary message.
    Binary(&'a [u8]),
    /// The connection is closing: its session ends.
    Ended,
}

impl Hub {
    /// Where the next bytes of a connection are read to: behind what came of its last frame.
    ///
    /// A long frame grows where it lies, so that each read costs what it brings and not what came
    /// before.
    pub fn window(&mut self, client: u32) -> &mut [u8] {
        let mut from = 0;
        if let Some(extra) = self.clients.get_mut(client as usize).and_then(Client::extra_if_any) {
            let partial = &mut extra.partial;
            if partial.missing() > 0 {
                self.reading.at = 0;
                return partial.room(READ);
            }
            from = partial.bytes().len();
            self.reading.buffer[..from].copy_from_slice(partial.bytes());
        }
        self.reading.at = from;
        &mut self.reading.buffer[from..from + READ]
    }

    /// Takes `count` bytes that were read to the window of this connection.
    pub fn feed(&mut self, client: u32, count: usize) {
        self.begin_turn();
        let gathered = self.gather(client, count.min(READ));
        let reading = &mut self.reading;
        reading.client = client;
        reading.end = reading.at + gathered;
        reading.at = 0;
        reading.elements.clear();
        reading.next = 0;
        reading.is_blob = false;
        reading.excess = None;
        reading.is_counted = false;
        reading.may_wait = true;
        if let Some(client) = self.clients.get_mut(client as usize) {
            if let Some(meter) = &mut client.meter {
                let passed = self.now - client.heard;
                meter.bytes.leak(self.settings.bytes, passed);
                meter.messages.leak(self.settings.messages, passed);
                if !meter.bytes.pour(self.settings.bytes, count as u64) {
                    reading.excess = Some(Refusal::Bytes);
                }
            }
            client.heard = self.now;
            client.pinged = u64::MAX;
            reading.is_counted = std::mem::take(&mut client.postponed);
            if let Some(extra) = client.extra_if_any().filter(|extra| extra.partial.missing() == 0) {
                extra.partial.clear();
            }
        }
        self.stats.bytes_in += count as u64;
    }

    /// Puts bytes that were read for a long frame behind what it has; gives how many there are to be
    /// handled: none before its end.
    #[inline]
    fn gather(&mut self, client: u32, count: usize) -> usize {
        let extra = self.clients.get_mut(client as usize).and_then(Client::extra_if_any);
        let Some(extra) = extra.filter(|extra| extra.partial.missing() > 0) else { return count };
        extra.partial.came(count);
        if extra.partial.missing() > 0 {
            return 0;
        }
        let frame = extra.partial.bytes();
        self.reading.buffer[..frame.len()].copy_from_slice(frame);
        frame.len()
    }

    /// Handles what came, up to the next thing that is not the hub's.
    pub fn step(&mut self) -> Step<'_> {
        let client = self.reading.client;
        self.patience.came_back(&self.clock);
        loop {
            while self.reading.next < self.reading.elements.len() {
                let element = self.reading.elements[self.reading.next];
                self.reading.next += 1;
                if !self.clients.get(client as usize).is_some_and(|it| it.phase == Phase::Open) {
                    break;
                }
                match element {
                    Element::Notes(notes) => self.play(client, notes),
                    Element::BadNotes => self.refuse_notes(client),
                    Element::Mouse { x, y } => self.point(client, x, y),
                    Element::Time { echo } => self.tell_time(client, echo),
                    Element::Cold(span) => {
                        if self.patience.is_over(self.settings.share) && self.postpone(span) {
                            return Step::Done;
                        }
                        self.patience.goes_out(&self.clock);
                        return Step::Cold(span.of(self.reading.text()));
                    }
                }
            }
            if std::mem::take(&mut self.reading.is_blob) {
                return Step::Binary(self.reading.text());
            }
            let Some(it) = self.clients.get_mut(client as usize) else { return Step::Done };
            let phase = it.phase;
            let reading = &mut self.reading;
            if matches!(phase, Phase::Deaf(_) | Phase::Closed(_)) {
                return Step::Done;
            }
            if let (Some(excess), Phase::Open) = (reading.excess, phase) {
                return self.cut(client, excess);
            }
            let bytes = &mut reading.buffer[reading.at..reading.end];
            // Fragments are taken out for the call: most clients never have any.
            let mut fragments = it.extra_if_any().and_then(|extra| extra.fragments.take());
            let parsed = frame::parse(bytes, &mut fragments, self.settings.limits);
            if fragments.is_some() {
                it.extra().fragments = fragments;
            }
            match parsed {
                Parsed::Incomplete => {
                    if !bytes.is_empty() {
                        it.extra().partial.keep(bytes, frame::length(bytes));
                    }
                    return Step::Done;
                }
                Parsed::Violation(code) => return self.end(client, phase, code, Phase::Deaf),
                Parsed::Frame(used, what) => {
                    let from = reading.at;
                    reading.at += used;
                    self.stats.frames_in += u64::from(!self.reading.is_counted);
                    if let Some(code) = self.take(client, phase, from, what) {
                        return self.end(client, phase, code, Phase::Closed);
                    }
                }
            }
        }
    }

    /// Handles a frame that begins at `from` of the buffer; returns a code where it ends the connection.
    fn take(&mut self, client: u32, phase: Phase, from: usize, what: Incoming) -> Option<u16> {
        let absolute = |range: Range<usize>| from + range.start..from + range.end;
        match what {
            Incoming::Close(code, _) => return Some(code),
            _ if phase != Phase::Open => {}
            Incoming::Text(range) => self.read_text(Text::Buffer(absolute(range))),
            Incoming::AssembledText(bytes) => self.read_text(Text::Assembled(bytes)),
            Incoming::Ping(range) => {
                let payload = self.reading.buffer[absolute(range)].to_vec();
                self.insert(client, |out| frame::append(out, frame::PONG, &payload));
            }
            Incoming::Binary(range) => self.read_binary(Text::Buffer(absolute(range))),
            Incoming::AssembledBinary(bytes) => self.read_binary(Text::Assembled(bytes)),
            Incoming::Pong(_) | Incoming::Fragment => {}
        }
        self.count(client);
        None
    }

    /// Splits a text message into its elements.
    #[inline]
    fn read_text(&mut self, mut text: Text) {
        let custom = self.settings.custom_notes;
        let Reading { buffer, elements, .. } = &mut self.reading;
        match &mut text {
            Text::Buffer(range) => scan(&mut buffer[range.clone()], custom, elements),
            Text::Assembled(bytes) => scan(bytes, custom, elements),
        };
        self.reading.text = text;
        self.reading.next = 0;
    }

    /// Reads a binary message: an array of messages is text, whatever its frame says; programs whose
    /// language has bytes and texts send such ones. The rest is Python's.
    #[cold]
    fn read_binary(&mut self, message: Text) {
        self.reading.text = message;
        let bytes = self.reading.text();
        let begins_array = bytes.trim_ascii_start().first() == Some(&b'[');
        if begins_array && simdutf8::basic::from_utf8(bytes).is_ok() {
            let text = std::mem::replace(&mut self.reading.text, Text::Buffer(0..0));
            self.read_text(text);
        } else {
            self.reading.is_blob = true;
        }
    }

    /// Counts the messages of a frame; where they are too many, none of them is handled.
    fn count(&mut self, client: u32) {
        let reading = &mut self.reading;
        if std::mem::take(&mut reading.is_counted) {
            return;
        }
        let Some(meter) = self.clients.get_mut(client as usize).and_then(|it| it.meter.as_mut()) else {
            return;
        };
        let new = reading.elements.len() - reading.next;
        if !meter.messages.pour(self.settings.messages, new.max(1) as u64) {
            reading.next = reading.elements.len();
            reading.is_blob = false;
            reading.excess = Some(Refusal::Messages);
        }
    }

    /// Ends a connection that sends too much, and says so before.
    fn cut(&mut self, client: u32, excess: Refusal) -> Step<'_> {
        self.refuse(client, excess);
        let code = if excess == Refusal::Bytes { BYTE_RATE } else { MESSAGE_RATE };
        // It goes on sending for a while, which must not become a reset that overtakes the notice.
        self.end(client, Phase::Open, code, Phase::Deaf)
    }

    /// Ends a connection because of its peer: a close frame, or a violation of RFC 6455.
    fn end(&mut self, client: u32, before: Phase, code: u16, after: fn(u64) -> Phase) -> Step<'_> {
        self.reading.at = self.reading.end;
        self.close(client, code, "");
        if let Some(it) = self.clients.get_mut(client as usize) {
            it.phase = after(self.now + self.settings.linger);
        }
        self.queue_client(client);
        if before == Phase::Open {
            Step::Ended
        } else {
            Step::Done
        }
    }
}
