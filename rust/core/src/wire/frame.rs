//! Parse and write WebSocket frames (RFC 6455), as far as a server without extensions needs them.

use std::ops::Range;

use crate::wire::close_code;

/// Opcode of a continuation of a fragmented message (RFC 6455 section 5.2).
pub const CONTINUATION: u8 = 0x0;
/// Opcode of a text message.
pub const TEXT: u8 = 0x1;
/// Opcode of a binary message.
pub const BINARY: u8 = 0x2;
/// Opcode of a close frame.
pub const CLOSE: u8 = 0x8;
/// Opcode of a ping.
pub const PING: u8 = 0x9;
/// Opcode of a pong.
pub const PONG: u8 = 0xA;

const FIN: u8 = 0x80;
const MASKED: u8 = 0x80;
/// The size of the masking key after a client's header.
const KEY: usize = 4;
/// The size of the largest header of a client's frame.
pub const MAX_HEADER: usize = 14;
/// The largest payload of a control frame (RFC 6455 section 5.5).
const CONTROL_MAX: usize = 125;

/// Limits on one message of a client.
#[derive(Clone, Copy, Debug)]
pub struct MessageLimits {
    /// The largest size of a whole message, all fragments together, in bytes.
    pub message: usize,
    /// The largest number of fragments of a message.
    pub fragments: u32,
}

/// The fragments of an incomplete message.
#[derive(Debug, Default)]
pub struct Fragments {
    pub(crate) opcode: u8,
    pub(crate) count: u32,
    /// The number of bytes of `bytes` already found to be UTF-8 (text only).
    pub(crate) checked: usize,
    pub(crate) bytes: Vec<u8>,
}

impl Fragments {
    /// Return the bytes of the last character, if more bytes may complete it (text only).
    #[must_use]
    pub fn unfinished(&self) -> &[u8] {
        &self.bytes[self.checked..]
    }
}

/// A frame, or the message that the frame completes.
///
/// Ranges point into the parsed bytes, unmasked in place.
#[derive(Debug, PartialEq, Eq)]
pub enum Incoming {
    /// A text message in one frame.
    Text(Range<usize>),
    /// A text message assembled from fragments.
    AssembledText(Vec<u8>),
    /// A binary message in one frame.
    Binary(Range<usize>),
    /// A binary message assembled from fragments.
    AssembledBinary(Vec<u8>),
    /// A fragment that does not complete its message.
    Fragment,
    /// A ping with its payload.
    Ping(Range<usize>),
    /// A pong.
    Pong(Range<usize>),
    /// A close frame: code (1005 if absent) and reason.
    Close(u16, Range<usize>),
}

/// The outcome of [`parse`].
#[derive(Debug, PartialEq, Eq)]
pub enum Parsed {
    /// The bytes end before the frame does.
    Incomplete,
    /// A frame, and the number of bytes it occupied.
    Frame(usize, Incoming),
    /// A violation of the protocol: the connection must be closed with this code.
    Violation(u16),
}

/// The bytes of a client's frame before the masking key, decoded (RFC 6455 section 5.2).
#[derive(Clone, Copy, Debug)]
struct Header {
    fin: bool,
    opcode: u8,
    /// The size of the header itself, without the masking key.
    size: usize,
    /// The size of the payload.
    payload: u64,
}

impl Header {
    /// Decode the header at the beginning of `bytes`, or return why there is none.
    #[inline]
    fn read(bytes: &[u8]) -> Result<Self, Parsed> {
        let &[first, second, ref extended @ ..] = bytes else { return Err(Parsed::Incomplete) };
        // RSV bits need an extension, and none is ever negotiated; a client must mask (RFC 6455 5.1, 5.2).
        if first & 0x70 != 0 || second & MASKED == 0 {
            return Err(Parsed::Violation(close_code::PROTOCOL_ERROR));
        }
        let (size, payload) = match second & 0x7F {
            126 => {
                let Some(two) = extended.first_chunk() else { return Err(Parsed::Incomplete) };
                (4, u16::from_be_bytes(*two).into())
            }
            127 => {
                let Some(eight) = extended.first_chunk() else { return Err(Parsed::Incomplete) };
                (10, u64::from_be_bytes(*eight))
            }
            short => (2, short.into()),
        };
        Ok(Self { fin: first & FIN != 0, opcode: first & 0x0F, size, payload })
    }

    /// Check that the frame may come after these fragments and is not too large; the error is a close
    /// code.
    #[inline]
    fn check(&self, pending: Option<&Fragments>, limits: MessageLimits) -> Result<(), u16> {
        let is_legal = match self.opcode {
            CONTINUATION => pending.is_some(),
            TEXT | BINARY => pending.is_none(),
            CLOSE | PING | PONG => self.fin && self.payload <= CONTROL_MAX as u64,
            _ => false,
        };
        if !is_legal || self.payload >> 63 != 0 {
            return Err(close_code::PROTOCOL_ERROR);
        }
        if self.opcode & 0x8 != 0 {
            return Ok(());
        }
        let (so_far, count) = pending.map_or((0, 0), |message| (message.bytes.len(), message.count));
        if self.payload > limits.message.saturating_sub(so_far) as u64 || count >= limits.fragments {
            return Err(close_code::TOO_BIG);
        }
        Ok(())
    }
}

/// Parse the first frame of `bytes`, sent by a client, and unmask the payload in place.
///
/// Sizes are checked in the header, before the payload arrives. Therefore nothing is ever allocated for
/// a frame that is too large.
pub fn parse(bytes: &mut [u8], pending: &mut Option<Box<Fragments>>, limits: MessageLimits) -> Parsed {
    let header = match Header::read(bytes) {
        Ok(header) => header,
        Err(outcome) => return outcome,
    };
    if let Err(code) = header.check(pending.as_deref(), limits) {
        return Parsed::Violation(code);
    }
    let start = header.size + KEY;
    let end = start + header.payload as usize;
    if bytes.len() < end {
        return Parsed::Incomplete;
    }
    let (before, payload) = bytes[..end].split_at_mut(start);
    unmask(payload, before.last_chunk().copied().unwrap_or_default());
    match read_payload(header, bytes, start..end, pending) {
        Ok(incoming) => Parsed::Frame(end, incoming),
        Err(code) => Parsed::Violation(code),
    }
}

/// Return what a whole frame means, whose payload is unmasked; the error is a close code.
#[inline]
fn read_payload(
    header: Header,
    bytes: &[u8],
    payload: Range<usize>,
    pending: &mut Option<Box<Fragments>>,
) -> Result<Incoming, u16> {
    Ok(match header.opcode {
        PING => Incoming::Ping(payload),
        PONG => Incoming::Pong(payload),
        CLOSE => {
            let code = close_code(&bytes[payload.clone()])?;
            Incoming::Close(code, (payload.start + 2).min(payload.end)..payload.end)
        }
        TEXT if header.fin => {
            if simdutf8::basic::from_utf8(&bytes[payload.clone()]).is_err() {
                return Err(close_code::INVALID_TEXT);
            }
            Incoming::Text(payload)
        }
        BINARY if header.fin => Incoming::Binary(payload),
        _ => assemble(pending, header.opcode, header.fin, &bytes[payload])?,
    })
}

/// Return the total length of a client's frame, header included, from its first bytes.
///
/// The result is 0 while those bytes do not contain the length.
#[must_use]
pub fn length(bytes: &[u8]) -> usize {
    Header::read(bytes).map_or(0, |header| (header.size + KEY).saturating_add(header.payload as usize))
}

/// Return the masked payload of a client's frame as far as it has arrived, and the masking key.
///
/// The result is `None` if the frame is no part of a text message, or has only the bytes of its header.
pub(crate) fn text_payload<'a>(
    bytes: &'a [u8],
    fragments: Option<&Fragments>,
) -> Option<(&'a [u8], [u8; KEY])> {
    let header = Header::read(bytes).ok()?;
    let is_text = match header.opcode {
        CONTINUATION => fragments?.opcode == TEXT,
        opcode => opcode == TEXT,
    };
    let (key, payload) = bytes[header.size..].split_first_chunk()?;
    is_text.then_some((payload, *key))
}

/// Return the length of the first frame in `bytes`, written by this server (unmasked, complete).
///
/// Bytes that are no complete frame count as one.
#[must_use]
pub fn unmasked_length(bytes: &[u8]) -> usize {
    let length = match bytes {
        [_, 126, extended @ ..] => {
            extended.first_chunk().map(|two| 4 + usize::from(u16::from_be_bytes(*two)))
        }
        [_, 127, extended @ ..] => {
            extended.first_chunk().map(|eight| (u64::from_be_bytes(*eight) as usize).saturating_add(10))
        }
        [_, short, ..] => Some(2 + usize::from(*short)),
        _ => None,
    };
    length.unwrap_or(bytes.len()).min(bytes.len())
}

/// Add a fragment; return the whole message after the last one.
#[cold]
fn assemble(
    pending: &mut Option<Box<Fragments>>,
    opcode: u8,
    fin: bool,
    payload: &[u8],
) -> Result<Incoming, u16> {
    let message = pending.get_or_insert_with(|| Box::new(Fragments { opcode, ..Fragments::default() }));
    message.count += 1;
    message.bytes.extend_from_slice(payload);
    if message.opcode == TEXT {
        // Invalid text is refused at the first fragment that shows it. A character may continue in the
        // next fragment.
        match simdutf8::compat::from_utf8(&message.bytes[message.checked..]) {
            Ok(_) => message.checked = message.bytes.len(),
            Err(error) if error.error_len().is_none() && !fin => message.checked += error.valid_up_to(),
            Err(_) => return Err(close_code::INVALID_TEXT),
        }
    }
    if !fin {
        return Ok(Incoming::Fragment);
    }
    let whole = pending.take().unwrap_or_default();
    Ok(if whole.opcode == TEXT {
        Incoming::AssembledText(whole.bytes)
    } else {
        Incoming::AssembledBinary(whole.bytes)
    })
}

/// Check the payload of a close frame (RFC 6455 sections 5.5.1 and 7.4) and return its code.
fn close_code(payload: &[u8]) -> Result<u16, u16> {
    if payload.is_empty() {
        return Ok(close_code::NO_STATUS);
    }
    if payload.len() < 2 {
        return Err(close_code::PROTOCOL_ERROR);
    }
    let given = u16::from_be_bytes([payload[0], payload[1]]);
    match given {
        1000..=1003 | 1007..=1014 | 3000..=4999 => {}
        _ => return Err(close_code::PROTOCOL_ERROR),
    }
    if simdutf8::basic::from_utf8(&payload[2..]).is_err() {
        return Err(close_code::INVALID_TEXT);
    }
    Ok(given)
}

/// Apply the mask of a client's frame to its payload (RFC 6455 section 5.3).
#[inline(never)] // parse is inlined where there is room for it: a note takes 3 % less time
fn unmask(payload: &mut [u8], key: [u8; 4]) {
    let wide = u64::from_ne_bytes([key[0], key[1], key[2], key[3], key[0], key[1], key[2], key[3]]);
    let mut chunks = payload.chunks_exact_mut(8);
    for chunk in &mut chunks {
        let mut eight = [0; 8];
        eight.copy_from_slice(chunk);
        chunk.copy_from_slice(&(u64::from_ne_bytes(eight) ^ wide).to_ne_bytes());
    }
    for (byte, mask) in chunks.into_remainder().iter_mut().zip(key.into_iter().cycle()) {
        *byte ^= mask;
    }
}

/// Append the header of an unmasked, final frame.
pub fn append_header(out: &mut Vec<u8>, opcode: u8, length: usize) {
    out.push(FIN | opcode);
    if length < 126 {
        out.push(length as u8);
    } else if let Ok(short) = u16::try_from(length) {
        out.push(126);
        out.extend_from_slice(&short.to_be_bytes());
    } else {
        out.push(127);
        out.extend_from_slice(&(length as u64).to_be_bytes());
    }
}

/// Append an unmasked, final frame.
pub fn append(out: &mut Vec<u8>, opcode: u8, payload: &[u8]) {
    out.reserve(payload.len() + 10);
    append_header(out, opcode, payload.len());
    out.extend_from_slice(payload);
}

/// Append a text frame as a client would send it, so that [`parse`] can read the frame again.
///
/// The mask consists of zeros (RFC 6455 section 5.3).
pub fn append_masked(out: &mut Vec<u8>, text: &[u8]) {
    let head = out.len();
    append_header(out, TEXT, text.len());
    out[head + 1] |= MASKED;
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(text);
}

/// Append a close frame; the reason is cut to the size of a control frame.
pub fn append_close(out: &mut Vec<u8>, code: u16, reason: &str) {
    if code == close_code::NO_STATUS {
        append(out, CLOSE, &[]);
        return;
    }
    let mut cut = reason.len().min(CONTROL_MAX - 2);
    while !reason.is_char_boundary(cut) {
        cut -= 1;
    }
    let mut payload = Vec::with_capacity(2 + cut);
    payload.extend_from_slice(&code.to_be_bytes());
    payload.extend_from_slice(&reason.as_bytes()[..cut]);
    append(out, CLOSE, &payload);
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: MessageLimits = MessageLimits { message: 1000, fragments: 3 };

    fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
        let key = [1, 2, 3, 4];
        let mut frame = vec![first];
        if payload.len() < 126 {
            frame.push(MASKED | payload.len() as u8);
        } else {
            frame.push(MASKED | 0x7E);
            frame.extend_from_slice(&(payload.len() as u16).to_be_bytes());
        }
        frame.extend_from_slice(&key);
        frame.extend(payload.iter().enumerate().map(|(i, b)| b ^ key[i % 4]));
        frame
    }

    fn one(mut bytes: Vec<u8>) -> Parsed {
        parse(&mut bytes, &mut None, LIMITS)
    }

    #[test]
    fn text_is_unmasked_in_place() {
        for length in [0, 1, 7, 8, 9, 125, 126, 300] {
            let payload: Vec<u8> = (0..length).map(|i| b'a' + (i % 26) as u8).collect();
            let mut bytes = masked(FIN | TEXT, &payload);
            let end = bytes.len();
            let Parsed::Frame(used, Incoming::Text(range)) = parse(&mut bytes, &mut None, LIMITS) else {
                panic!("no text of {length} bytes");
            };
            assert_eq!((used, &bytes[range]), (end, &payload[..]));
        }
    }

    #[test]
    fn every_prefix_is_incomplete() {
        let whole = masked(FIN | TEXT, &[b'x'; 200]);
        for cut in 0..whole.len() {
            assert_eq!(one(whole[..cut].to_vec()), Parsed::Incomplete, "{cut} bytes");
        }
    }

    #[test]
    fn violations() {
        let cases: &[(&str, Vec<u8>, u16)] = &[
            ("unmasked", vec![FIN | TEXT, 1, b'x'], 1002),
            ("reserved bit", masked(FIN | TEXT | 0x40, b"x"), 1002),
            ("reserved opcode", masked(FIN | 3, b"x"), 1002),
            ("reserved control opcode", masked(FIN | 0xB, b"x"), 1002),
            ("fragmented ping", masked(PING, b"x"), 1002),
            ("long ping", masked(FIN | PING, &[0; 126]), 1002),
            ("continuation of nothing", masked(FIN | CONTINUATION, b"x"), 1002),
            ("not UTF-8", masked(FIN | TEXT, b"\xff"), 1007),
            ("close of one byte", masked(FIN | CLOSE, b"\x03"), 1002),
            ("close 1005", masked(FIN | CLOSE, &1005_u16.to_be_bytes()), 1002),
            ("close 999", masked(FIN | CLOSE, &999_u16.to_be_bytes()), 1002),
            ("close with bad text", masked(FIN | CLOSE, b"\x03\xe8\xff"), 1007),
            ("too big", masked(FIN | TEXT, &[b'x'; 1001]), 1009),
        ];
        for (name, bytes, code) in cases {
            assert_eq!(one(bytes.clone()), Parsed::Violation(*code), "{name}");
        }
    }

    #[test]
    fn a_huge_length_is_refused_on_its_header() {
        let mut header = vec![FIN | BINARY, MASKED | 127];
        header.extend_from_slice(&(1_u64 << 31).to_be_bytes());
        assert_eq!(one(header), Parsed::Violation(1009));
        let mut header = vec![FIN | BINARY, MASKED | 127];
        header.extend_from_slice(&u64::MAX.to_be_bytes());
        assert_eq!(one(header), Parsed::Violation(1002));
    }

    #[test]
    fn fragments_make_one_message_around_a_ping() {
        let mut pending = None;
        let euro = "€".as_bytes();
        let steps = [
            (masked(TEXT, &euro[..1]), Incoming::Fragment),
            (masked(FIN | PING, b""), Incoming::Ping(6..6)),
            (masked(CONTINUATION, &euro[1..2]), Incoming::Fragment),
            (masked(FIN | CONTINUATION, &euro[2..]), Incoming::AssembledText(euro.to_vec())),
        ];
        for (mut bytes, expected) in steps {
            let end = bytes.len();
            assert_eq!(parse(&mut bytes, &mut pending, LIMITS), Parsed::Frame(end, expected));
        }
        assert!(pending.is_none());
    }

    #[test]
    fn fragments_are_limited_in_number_and_size() {
        let mut pending = None;
        for _ in 0..3 {
            let fragment = &mut masked(if pending.is_none() { BINARY } else { CONTINUATION }, b"");
            assert!(matches!(parse(fragment, &mut pending, LIMITS), Parsed::Frame(..)));
        }
        let fourth = &mut masked(CONTINUATION, b"");
        assert_eq!(parse(fourth, &mut pending, LIMITS), Parsed::Violation(1009));

        let mut pending = None;
        assert!(matches!(parse(&mut masked(BINARY, &[0; 900]), &mut pending, LIMITS), Parsed::Frame(..)));
        let rest = &mut masked(FIN | CONTINUATION, &[0; 101]);
        assert_eq!(parse(rest, &mut pending, LIMITS), Parsed::Violation(1009));
    }

    #[test]
    fn invalid_text_is_refused_at_the_first_fragment_that_shows_it() {
        let mut pending = None;
        assert_eq!(parse(&mut masked(TEXT, b"ok\xff"), &mut pending, LIMITS), Parsed::Violation(1007));
        let mut pending = None;
        assert!(matches!(parse(&mut masked(TEXT, b"\xe2"), &mut pending, LIMITS), Parsed::Frame(..)));
        let end = &mut masked(FIN | CONTINUATION, b"");
        assert_eq!(parse(end, &mut pending, LIMITS), Parsed::Violation(1007));
    }

    #[test]
    fn a_close_frame_cuts_its_reason_between_characters() {
        let mut out = Vec::new();
        append_close(&mut out, 4000, &"é".repeat(100));
        assert_eq!(out[1] as usize, out.len() - 2);
        assert!(out.len() <= CONTROL_MAX + 2);
        assert!(std::str::from_utf8(&out[4..]).is_ok());
    }

    #[test]
    fn headers_grow_with_the_length() {
        for (length, header) in [(125, 2), (126, 4), (65_535, 4), (65_536, 10)] {
            let mut out = Vec::new();
            append_header(&mut out, TEXT, length);
            assert_eq!(out.len(), header, "{length}");
        }
    }
}
