//! Readers of a room's log receive what a naive server would send: each frame once, whole, in order.

#![no_main]

use fortepiano_core::hub::client::Client;
use fortepiano_core::hub::ids::RoomId;
use fortepiano_core::hub::room_log::RoomLog;
use fortepiano_core::slots::SlotId;
use fortepiano_core::wire::frame;
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;

const READERS: usize = 3;
const ROOMS: usize = 2;

#[derive(Arbitrary, Debug)]
enum Action {
    /// A room receives a message, which may be a reader's own or may be skipped by slow ones.
    Broadcast { room: u8, length: u16, skippable: bool, own: Option<u8> },
    /// One reader alone receives a message.
    Send { reader: u8, length: u16 },
    /// A reader's socket takes some bytes.
    Write { reader: u8, bytes: u16, lenient: bool },
    /// A reader enters a room, and leaves the one before.
    Enter { reader: u8, room: u8 },
    /// A reader leaves; a slow one may lose what it is owed.
    Leave { reader: u8, drop_backlog: bool },
    /// The logs drop what all their readers have.
    Tidy,
    /// Readers release memory.
    Shrink,
}

struct Owed {
    bytes: Vec<u8>,
    skippable: bool,
    dropped: bool,
}

/// One reader, and what a naive server owes it: a list of frames.
struct Reader {
    client: Client,
    room: Option<usize>,
    owed: Vec<Owed>,
    wire: Vec<u8>,
    was_lenient: bool,
}

impl Reader {
    fn owe(&mut self, payload: &[u8], skippable: bool) {
        let mut bytes = Vec::new();
        frame::append(&mut bytes, frame::TEXT, payload);
        self.owed.push(Owed { bytes, skippable, dropped: false });
    }

    fn leave(&mut self, logs: &[RoomLog], drop_backlog: bool) {
        let nowhere = RoomLog::default();
        let log = self.room.take().map_or(&nowhere, |room| &logs[room]);
        self.client.leave_log(log, drop_backlog);
        self.owed.iter_mut().for_each(|owed| owed.dropped |= drop_backlog);
    }

    fn write(&mut self, logs: &[RoomLog], most: usize, lenient: bool) {
        self.was_lenient |= lenient;
        let nowhere = RoomLog::default();
        let log = self.room.map_or(&nowhere, |room| &logs[room]);
        let segments = self.client.segments(log, lenient);
        let bytes = segments.concatenate(most);
        let progress = segments.progress_after(self.client.offset, bytes.len());
        self.client.advance(progress);
        self.wire.extend_from_slice(&bytes);
    }

    /// Check that only whole frames came, in order, and each one that must come.
    fn check(&self) {
        let mut wire = &self.wire[..];
        for owed in &self.owed {
            match wire.strip_prefix(&owed.bytes[..]) {
                Some(rest) => wire = rest,
                None => assert!(owed.dropped || owed.skippable && self.was_lenient, "a frame is lost"),
            }
        }
        assert!(wire.is_empty(), "more came than was owed");
    }
}

fn tidy(logs: &mut [RoomLog], readers: &[Reader]) {
    for (room, log) in logs.iter_mut().enumerate() {
        let here = readers.iter().filter(|reader| reader.room == Some(room));
        match here.map(|reader| reader.client.offset).min() {
            Some(offset) if offset < log.head() => log.forget_before(offset),
            _ => log.clear(),
        }
        log.shrink();
    }
}

fn payload(number: usize, length: u16) -> Vec<u8> {
    let mut payload = format!("{number:08}").into_bytes();
    payload.resize(8 + usize::from(length), b'.');
    payload
}

fuzz_target!(|actions: Vec<Action>| {
    let mut logs: Vec<RoomLog> = (0..ROOMS).map(|_| RoomLog::default()).collect();
    let mut readers: Vec<Reader> = (0..READERS)
        .map(|_| Reader {
            client: Client::new(-1, 0),
            room: None,
            owed: Vec::new(),
            wire: Vec::new(),
            was_lenient: false,
        })
        .collect();
    for (number, action) in actions.into_iter().enumerate() {
        match action {
            Action::Broadcast { room, length, skippable, own } => {
                let (room, payload) = (usize::from(room) % ROOMS, payload(number, length));
                let own = own.map(|own| usize::from(own) % READERS);
                let range = logs[room].append(skippable, payload.len(), |out| out.extend(&payload));
                for (index, reader) in readers.iter_mut().enumerate() {
                    if reader.room == Some(room) && own == Some(index) {
                        reader.client.skip(range);
                    } else if reader.room == Some(room) {
                        reader.owe(&payload, skippable);
                    }
                }
            }
            Action::Send { reader, length } => {
                let reader = &mut readers[usize::from(reader) % READERS];
                let payload = payload(number, length);
                let at = reader.room.map_or(0, |room| logs[room].head());
                reader.client.insert(at, |out| frame::append(out, frame::TEXT, &payload));
                reader.owe(&payload, false);
            }
            Action::Write { reader, bytes, lenient } => {
                readers[usize::from(reader) % READERS].write(&logs, bytes.into(), lenient);
            }
            Action::Enter { reader, room } => {
                let (reader, room) = (&mut readers[usize::from(reader) % READERS], usize::from(room) % ROOMS);
                reader.leave(&logs, false);
                reader.room = Some(room);
                reader.client.room = Some(RoomId::from_number(room as u32));
                reader.client.offset = logs[room].head();
            }
            Action::Leave { reader, drop_backlog } => {
                readers[usize::from(reader) % READERS].leave(&logs, drop_backlog);
            }
            Action::Tidy => tidy(&mut logs, &readers),
            Action::Shrink => readers.iter_mut().for_each(|reader| reader.client.shrink()),
        }
    }
    for reader in &mut readers {
        reader.write(&logs, usize::MAX, false);
        let head = reader.room.map_or(0, |room| logs[room].head());
        assert_eq!(reader.client.lag(head), 0);
        reader.check();
    }
});
