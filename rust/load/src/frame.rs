//! WebSocket frames (RFC 6455 section 5), as far as a client needs them.

/// The nonce of RFC 6455 section 1.3, and the server's answer to it.
///
/// Both protect nothing here: they show that a WebSocket server is at the other end.
pub const NONCE: &str = "dGhlIHNhbXBsZSBub25jZQ==";
pub const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

pub const TEXT: u8 = 1;
pub const CLOSE: u8 = 8;
pub const PING: u8 = 9;
pub const PONG: u8 = 10;

const FINAL: u8 = 0x80;
const MASKED: u8 = 0x80;
// Lengths that stand for a length in the next two or eight bytes.
const MEDIUM: u8 = 126;
const LONG: u8 = 127;

// Any key will do: masks protect proxies from browsers. Not zero, which a server could skip.
const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// Append one masked, final frame.
pub fn write(to: &mut Vec<u8>, opcode: u8, payload: &[u8]) {
    to.push(FINAL | opcode);
    match payload.len() {
        length @ ..126 => to.push(MASKED | length as u8),
        length @ ..65536 => {
            to.push(MASKED | MEDIUM);
            to.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            to.push(MASKED | LONG);
            to.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    to.extend_from_slice(&KEY);
    to.extend(payload.iter().zip(KEY.iter().cycle()).map(|(byte, key)| byte ^ key));
}

/// One frame of a server: its opcode and payload.
#[derive(Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    pub opcode: u8,
    pub payload: &'a [u8],
}

/// Take the first frame off the front of `data`; return `None` if it is incomplete.
pub fn take<'a>(data: &mut &'a [u8]) -> Option<Frame<'a>> {
    let [first, second, ..] = **data else { return None };
    let (header, length) = match second & 0x7f {
        MEDIUM => (4, usize::from(u16::from_be_bytes(data.get(2..4)?.try_into().ok()?))),
        LONG => (10, u64::from_be_bytes(data.get(2..10)?.try_into().ok()?) as usize),
        short => (2, usize::from(short)),
    };
    let payload = data.get(header..)?.get(..length)?;
    *data = &data[header + length..];
    Some(Frame { opcode: first & 0x0f, payload })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server_frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
        let mut masked = Vec::new();
        write(&mut masked, opcode, payload);
        let header = masked.len() - payload.len() - KEY.len();
        masked[1] &= 0x7f;
        masked.truncate(header);
        masked.extend_from_slice(payload);
        masked
    }

    #[test]
    fn lengths_take_the_shortest_form() {
        for (length, header) in [(0, 2), (125, 2), (126, 4), (65535, 4), (65536, 10)] {
            let mut frame = Vec::new();
            write(&mut frame, TEXT, &vec![b'x'; length]);
            assert_eq!(frame.len(), header + KEY.len() + length);
            assert_eq!(frame[0], 0x81);
        }
    }

    #[test]
    fn written_frames_are_masked() {
        let mut frame = Vec::new();
        write(&mut frame, TEXT, b"Hello");
        // The example of RFC 6455 section 5.7.
        assert_eq!(frame, [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58]);
    }

    #[test]
    fn complete_frames_are_taken_one_by_one() {
        let long = vec![b'y'; 70_000];
        let payloads: [&[u8]; 4] = [b"a", b"", &long[..300], &long];
        let stream: Vec<u8> = payloads.iter().flat_map(|each| server_frame(TEXT, each)).collect();
        let mut data = &stream[..];
        for payload in payloads {
            assert_eq!(take(&mut data), Some(Frame { opcode: TEXT, payload }));
        }
        assert!(data.is_empty());
        for end in [0, 1, 2, 4, 8, 100, 311, stream.len() - 1] {
            let mut part = &stream[..end];
            let whole = std::iter::from_fn(|| take(&mut part)).count();
            assert!(whole < 4 && stream[..end].ends_with(part));
        }
    }
}
