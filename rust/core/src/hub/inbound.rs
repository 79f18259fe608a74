//! What clients send: frames, then messages, of which the hot ones end here.
//!
//! A turn goes [`Hub::window`] (where to read to), [`Hub::feed`] (so many bytes came), then
//! [`Hub::step`] until it says [`Step::Done`]. Elements of a frame are handled strictly in order:
//! a step stops at each element that Python must handle before the next one may be looked at.

use std::ops::Range;

use crate::hub::client::{Client, Phase, NONE};
use crate::hub::{Hub, Refusal};
use crate::wire::frame::{self, Incoming, Parsed};
use crate::wire::json::Span;
use crate::wire::notes::Notes;
use crate::wire::scan::{scan, Element};

/// Bytes that one read may bring.
const READ: usize = 256 << 10;
/// The largest header of a frame from a client.
const HEADER: usize = 14;
/// The close code for too many bytes per second.
const BYTE_RATE: u16 = 4002;
/// The close code for too many messages per second.
const MESSAGE_RATE: u16 = 4007;

/// The text that the elements under way are ranges of.
#[derive(Debug)]
enum Text {
    Buffer(Range<usize>),
    Assembled(Vec<u8>),
}

/// The receive buffer, shared by all connections, and what of it is not handled yet.
#[derive(Debug)]
pub(crate) struct Reading {
    buffer: Box<[u8]>,
    client: u32,
    at: usize,
    end: usize,
    text: Text,
    elements: Vec<Element>,
    next: usize,
    /// Whether the text is a binary message that Python has not seen yet.
    is_blob: bool,
    /// What it is too much of, where the connection must end for that.
    excess: Option<Refusal>,
    /// Whether the next frame was put off, and has been counted.
    is_counted: bool,
    /// Whether what Python must handle may be put off.
    may_wait: bool,
    scratch: Vec<u8>,
}

impl Reading {
    pub(crate) fn new(message: usize) -> Self {
        Self {
            buffer: vec![0; READ + message + HEADER].into_boxed_slice(),
            client: NONE,
            at: 0,
            end: 0,
            text: Text::Buffer(0..0),
            elements: Vec::new(),
            next: 0,
            is_blob: false,
            excess: None,
            is_counted: false,
            may_wait: true,
            scratch: Vec::new(),
        }
    }

    /// Makes room for longer messages. It never shrinks: half-read ones may have the old length.
    pub(crate) fn fit(&mut self, message: usize) {
        let needed = READ + message + HEADER;
        if needed > self.buffer.len() {
            self.buffer = vec![0; needed].into_boxed_slice();
        }
    }

    fn text(&self) -> &[u8] {
        match &self.text {
            Text::Buffer(range) => &self.buffer[range.clone()],
            Text::Assembled(bytes) => bytes,
        }
    }

    /// The text from an element on, and the bytes behind its frame; nothing where they may not wait
    /// or are more than `most` together.
    pub(crate) fn behind(&self, element: Span, most: usize) -> Option<(Vec<u8>, Vec<u8>)> {
        let rest = &self.buffer[self.at..self.end];
        let text = self.text();
        if !self.may_wait || self.excess.is_some() || HEADER + text.len() + rest.len() > most {
            return None;
        }
        let text = if self.next == 1 {
            text.to_vec()
        } else {
            // What stands before it is handled: the array begins with it now.
            [b"[", &text[element.start as usize..]].concat()
        };
        Some((text, rest.to_vec()))
    }

    /// Leaves what is not handled; gives whose it is.
    pub(crate) fn give_up(&mut self) -> u32 {
        self.at = self.end;
        self.next = self.elements.len();
        self.is_blob = false;
        self.client
    }

    /// Lets nothing wait until other bytes are taken.
    pub(crate) fn insist(&mut self) {
        self.may_wait = false;
    }
}

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

    /// Passes notes on, if the sender may play and can pay for them.
    fn play(&mut self, client: u32, notes: Notes) {
        let Some(it) = self.clients.get(client as usize).filter(|it| it.greeted) else { return };
        let (Some(room), Some(person)) =
            (self.rooms.get_mut(it.room as usize), self.people.get(it.person as usize))
        else {
            return;
        };
        if person.muted && !it.plays_anywhere {
            return self.refuse(client, Refusal::Muted);
        }
        if room.solo && room.holder != it.person && !it.plays_anywhere {
            return self.refuse(client, Refusal::Solo);
        }
        if !self.quotas.spend(it.quota, notes.count) {
            return self.refuse(client, Refusal::Quota);
        }
        if notes.is_senseless {
            return self.refuse(client, Refusal::Notes);
        }
        let Reading { text, buffer, scratch, .. } = &mut self.reading;
        let text = match text {
            Text::Buffer(range) => &buffer[range.clone()],
            Text::Assembled(bytes) => bytes,
        };
        let (t, played) = if notes.verbatim {
            (notes.t.of(text), notes.notes.of(text))
        } else {
            scratch.clear();
            notes.write_time(text, scratch);
            let until = scratch.len();
            notes.write(text, scratch);
            scratch.split_at(until)
        };
        let parts: [&[u8]; 7] =
            [b"[{\"m\":\"n\",\"t\":", t, b",\"p\":", &person.id, b",\"n\":", played, b"}]"];
        let length = parts.iter().map(|part| part.len()).sum();
        let range =
            room.log.append(false, length, |out| parts.iter().for_each(|part| out.extend_from_slice(part)));
        self.stats.notes += 1;
        self.stats.said += 1;
        self.stats.deliveries += room.members.len() as u64 - 1;
        let room = it.room;
        self.clients[client as usize].skip(range);
        self.queue_room(room);
    }

    /// Says to who plays that none of their notes was understood.
    fn refuse_notes(&mut self, client: u32) {
        if self.clients.get(client as usize).is_some_and(|it| it.greeted) {
            self.refuse(client, Refusal::Notes);
        }
    }

    /// Keeps a cursor's newest position for the next flush.
    fn point(&mut self, client: u32, x: Span, y: Span) {
        let Some(it) = self.clients.get(client as usize).filter(|it| it.greeted) else { return };
        let (room, number) = (it.room, it.person);
        let (Some(to), Some(person)) =
            (self.rooms.get_mut(room as usize), self.people.get_mut(number as usize))
        else {
            return;
        };
        let text = self.reading.text();
        set(&mut person.x, x.of(text));
        set(&mut person.y, y.of(text));
        self.stats.moves += 1;
        self.stats.conflated += u64::from(person.moved);
        if !person.moved {
            person.moved = true;
            to.movers.push(number);
            let at = person.may_move.max(to.may_move);
            self.queue_room_at(room, at);
        }
    }

    /// Answers a request for the time, before `hi` too; the answer goes to the sender only.
    fn tell_time(&mut self, client: u32, echo: Option<Span>) {
        let Some(it) = self.clients.get_mut(client as usize) else { return };
        it.asked = self.now;
        if !it.unlimited && !self.may_ask(client) {
            return self.refuse(client, Refusal::Time);
        }
        let mut payload = format!("[{{\"m\":\"t\",\"t\":{}", self.clock.stamp(self.now)).into_bytes();
        if let Some(echo) = echo {
            payload.extend_from_slice(b",\"e\":");
            payload.extend_from_slice(echo.of(self.reading.text()));
        }
        payload.extend_from_slice(b"}]");
        self.stats.times += 1;
        self.tell(client, &payload);
    }

    /// Whether a client's user and address may ask for the time once more; before `hi` it has no user.
    fn may_ask(&mut self, client: u32) -> bool {
        let (rate, now) = (self.settings.time, self.now);
        let Self { askers, clients, .. } = self;
        let Some(it) = clients.get_mut(client as usize) else { return false };
        let mut full = if it.greeted { askers.full_at(it.quota) } else { it.time_bucket };
        let may = askers.may_ask(&mut full, it.place, rate, now);
        if it.greeted {
            askers.wait(it.quota, full);
        } else {
            it.time_bucket = full;
        }
        may
    }

    /// Drops a hot message and says why, once in a while.
    fn refuse(&mut self, client: u32, why: Refusal) {
        self.stats.refused += 1;
        self.stats.refusals[why as usize] += 1;
        if !self.notices[why as usize].is_empty() && self.may_tell_why(client, why) {
            let notice = std::mem::take(&mut self.notices[why as usize]);
            self.insert(client, |out| out.extend_from_slice(&notice));
            self.notices[why as usize] = notice;
        }
    }
}

/// Replaces a short text, without a new allocation where the length stays.
fn set(slot: &mut Box<[u8]>, bytes: &[u8]) {
    if slot.len() == bytes.len() {
        slot.copy_from_slice(bytes);
    } else {
        *slot = bytes.into();
    }
}
