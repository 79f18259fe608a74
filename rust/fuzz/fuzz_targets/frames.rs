//! Frames mean the same however they are cut, and the same as to a reader that takes its time.

#![no_main]

use fortepiano_core::wire::frame::{Fragments, Incoming, MessageLimits, Parsed};
use fortepiano_core::wire::partial_text::PartialText;
use libfuzzer_sys::fuzz_target;

#[derive(Clone, Debug, PartialEq)]
enum Event {
    Text(Vec<u8>),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(u16, Vec<u8>),
    Violation(u16),
}

/// The parser of the core, fed as the hub feeds it.
struct Reader {
    limits: MessageLimits,
    bytes: Vec<u8>,
    fragments: Option<Box<Fragments>>,
    text: PartialText,
}

impl Reader {
    fn feed(&mut self, more: &[u8], events: &mut Vec<Event>) {
        self.bytes.extend_from_slice(more);
        while !matches!(events.last(), Some(Event::Violation(_))) {
            let (used, what) = match self.text.parse(&mut self.bytes, &mut self.fragments, self.limits) {
                Parsed::Incomplete => return,
                Parsed::Violation(code) => return events.push(Event::Violation(code)),
                Parsed::Frame(used, what) => (used, what),
            };
            let of = |range: std::ops::Range<usize>| self.bytes[range].to_vec();
            events.extend(match what {
                Incoming::Text(range) => Some(Event::Text(of(range))),
                Incoming::AssembledText(whole) => Some(Event::Text(whole)),
                Incoming::Binary(range) => Some(Event::Binary(of(range))),
                Incoming::AssembledBinary(whole) => Some(Event::Binary(whole)),
                Incoming::Fragment => None,
                Incoming::Ping(range) => Some(Event::Ping(of(range))),
                Incoming::Pong(range) => Some(Event::Pong(of(range))),
                Incoming::Close(code, range) => Some(Event::Close(code, of(range))),
            });
            self.bytes.drain(..used);
        }
    }
}

/// A message whose last fragment has not come.
struct Message {
    opcode: u8,
    count: u32,
    bytes: Vec<u8>,
}

/// The bytes behind a frame, and what the frame completes.
type Read<'a> = (&'a [u8], Option<Event>);

/// Read the first frame of `bytes` as RFC 6455 words it: the rest, and what the frame completes.
///
/// The result is `None` if the frame is not complete; the error is a close code.
fn read<'a>(
    bytes: &'a [u8],
    message: &mut Option<Message>,
    limits: MessageLimits,
) -> Result<Option<Read<'a>>, u16> {
    let [first, second, ..] = *bytes else { return Ok(None) };
    let (is_last, opcode) = (first >= 0x80, first & 0x0F);
    if first & 0x70 != 0 || second < 0x80 {
        return Err(1002);
    }
    let size = [0, 2, 8][usize::from((second & 0x7F).saturating_sub(125))];
    let Some(extended) = bytes.get(2..2 + size) else { return Ok(None) };
    let extended = extended.iter().fold(0_u64, |length, byte| length << 8 | u64::from(*byte));
    let length = if size == 0 { u64::from(second & 0x7F) } else { extended };
    match opcode {
        0 if message.is_some() => {}
        1 | 2 if message.is_none() => {}
        8..=10 if is_last && length < 126 => {}
        _ => return Err(1002),
    }
    if length >= 1 << 63 {
        return Err(1002);
    }
    let (so_far, count) = message.as_ref().map_or((0, 0), |it| (it.bytes.len() as u64, it.count));
    if opcode < 8 && (so_far + length > limits.message as u64 || count + 1 > limits.fragments) {
        return Err(1009);
    }
    let Some((mask, masked)) = bytes[2 + size..].split_at_checked(4) else { return Ok(None) };
    let end = masked.len().min(length as usize);
    let payload: Vec<u8> = masked[..end].iter().zip(mask.iter().cycle()).map(|(a, b)| a ^ b).collect();
    let is_whole = end as u64 == length;
    let event = if opcode >= 8 {
        if !is_whole {
            return Ok(None);
        }
        Some(control(opcode, payload)?)
    } else {
        let before = message.take().unwrap_or(Message { opcode, count: 0, bytes: Vec::new() });
        let whole = [before.bytes.clone(), payload].concat();
        if before.opcode == 1 {
            let fault = std::str::from_utf8(&whole).err();
            if fault.is_some_and(|it| it.error_len().is_some() || is_whole && is_last) {
                return Err(1007);
            }
        }
        if !is_whole {
            *message = Some(before).filter(|_| opcode == 0);
            return Ok(None);
        }
        if is_last {
            Some(if before.opcode == 1 { Event::Text(whole) } else { Event::Binary(whole) })
        } else {
            *message = Some(Message { opcode: before.opcode, count: before.count + 1, bytes: whole });
            None
        }
    };
    Ok(Some((&masked[end..], event)))
}

fn control(opcode: u8, payload: Vec<u8>) -> Result<Event, u16> {
    match (opcode, &payload[..]) {
        (9, _) => Ok(Event::Ping(payload)),
        (10, _) => Ok(Event::Pong(payload)),
        (_, []) => Ok(Event::Close(1005, payload)),
        (_, [high, low, reason @ ..]) => {
            let code = u16::from_be_bytes([*high, *low]);
            match code {
                1000..=1003 | 1007..=1014 | 3000..=4999 => {}
                _ => return Err(1002),
            }
            std::str::from_utf8(reason).map_err(|_| 1007_u16)?;
            Ok(Event::Close(code, reason.to_vec()))
        }
        _ => Err(1002),
    }
}

/// Return what all bytes mean, read frame by frame.
fn expected(mut bytes: &[u8], limits: MessageLimits) -> Vec<Event> {
    let (mut events, mut message) = (Vec::new(), None);
    loop {
        match read(bytes, &mut message, limits) {
            Ok(Some((rest, event))) => {
                events.extend(event);
                bytes = rest;
            }
            Ok(None) => return events,
            Err(code) => {
                events.push(Event::Violation(code));
                return events;
            }
        }
    }
}

fuzz_target!(|input: (u16, u8, Vec<u8>, Vec<u8>)| {
    let (message, fragments, cuts, bytes) = input;
    let limits = MessageLimits { message: message.into(), fragments: fragments.into() };
    let mut reader = Reader { limits, bytes: Vec::new(), fragments: None, text: PartialText::default() };
    let (mut events, mut rest) = (Vec::new(), &bytes[..]);
    for cut in cuts {
        let (piece, after) = rest.split_at(rest.len().min(cut.into()));
        reader.feed(piece, &mut events);
        rest = after;
    }
    reader.feed(rest, &mut events);
    assert_eq!(events, expected(&bytes, limits));
});
