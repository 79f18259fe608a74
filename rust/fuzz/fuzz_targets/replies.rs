//! Replies of a broker mean the same however they are cut, and the same as to a plain reader.

#![no_main]

use fortepiano_core::bus::connection::{Connection, Incoming};
use fortepiano_core::bus::reply::{parse, Fault, Frame, Parsed, Token};
use libfuzzer_sys::fuzz_target;

/// Feed bytes to a connection as a loop does, in pieces, and return what came.
fn fed(bytes: &[u8], cuts: &[u8]) -> Vec<String> {
    let (mut connection, mut came) = (Connection::default(), Vec::new());
    let (mut rest, mut cuts) = (bytes, cuts.iter().cycle());
    while !rest.is_empty() {
        let piece = 1 + cuts.next().map_or(usize::MAX - 1, |cut| usize::from(*cut));
        let window = connection.window();
        let count = rest.len().min(piece).min(window.len());
        window[..count].copy_from_slice(&rest[..count]);
        connection.feed(count);
        rest = &rest[count..];
        while let Some(incoming) = connection.next() {
            let is_last = matches!(incoming, Incoming::Fault(_));
            came.push(format!("{incoming:?}"));
            if is_last {
                return came;
            }
        }
    }
    came
}

/// The first frame of some bytes, as the documentation of RESP3 words it: the rest, and its tokens.
///
/// The result is `None` if the frame is not complete; the error stands for any fault.
fn read<'a>(bytes: &'a [u8], level: usize, tokens: &mut Vec<Token<'a>>) -> Result<Option<&'a [u8]>, ()> {
    let [kind, rest @ ..] = bytes else { return Ok(None) };
    if !b"+-:,#_$=!(*~>%".contains(kind) {
        return Err(());
    }
    let Some(end) = rest.iter().take(16 << 10).position(|byte| *byte == b'\r') else {
        return if rest.len() < 16 << 10 { Ok(None) } else { Err(()) };
    };
    let (line, behind) = rest.split_at(end);
    match behind {
        [b'\r', b'\n', ..] => {}
        [b'\r'] => return Ok(None),
        _ => return Err(()),
    }
    let behind = &behind[2..];
    let text = std::str::from_utf8(line).map_err(|_| ());
    let size = || -> Result<Option<usize>, ()> {
        let number: i64 = text?.parse().map_err(|_| ())?;
        if text? == "-1" {
            return Ok(None);
        }
        usize::try_from(number).map(Some).map_err(|_| ())
    };
    let token = match kind {
        b'+' | b'(' => Token::Text(line),
        b'-' => Token::Error(line),
        b':' => Token::Integer(text?.parse().map_err(|_| ())?),
        b',' => Token::Double(text?.parse().map_err(|_| ())?),
        b'#' if line == b"t" || line == b"f" => Token::Bool(line == b"t"),
        b'#' => return Err(()),
        b'_' => Token::Null,
        b'$' | b'=' | b'!' => {
            let Some(size) = size()? else {
                tokens.push(Token::Null);
                return Ok(Some(behind));
            };
            if size > 64 << 20 {
                return Err(());
            }
            let Some((blob, end)) = behind.split_at_checked(size) else { return Ok(None) };
            match end {
                [] | [b'\r'] => return Ok(None),
                [b'\r', b'\n', ..] => {}
                [_] => return Ok(None),
                _ => return Err(()),
            }
            tokens.push(match kind {
                b'!' => Token::Error(blob),
                b'=' => Token::Text(blob.get(4..).ok_or(())?),
                _ => Token::Text(blob),
            });
            return Ok(Some(&end[2..]));
        }
        _ => {
            let Some(size) = size()? else {
                tokens.push(Token::Null);
                return Ok(Some(behind));
            };
            let count = if *kind == b'%' { size.checked_mul(2).ok_or(())? } else { size };
            if size > 4096 || tokens.len() + 1 + count > 4096 && count > 0 || level == 8 && count > 0 {
                return Err(());
            }
            tokens.push(if *kind == b'%' { Token::Map(size) } else { Token::Array(size) });
            let mut behind = behind;
            for _ in 0..count {
                let Some(rest) = read(behind, level + 1, tokens)? else { return Ok(None) };
                behind = rest;
            }
            return Ok(Some(behind));
        }
    };
    tokens.push(token);
    Ok(Some(behind))
}

fuzz_target!(|input: (Vec<u8>, Vec<u8>)| {
    let (cuts, bytes) = input;
    assert_eq!(fed(&bytes, &cuts), fed(&bytes, &[]));
    let mut tokens = Vec::new();
    match (parse(&bytes), read(&bytes, 0, &mut tokens)) {
        (Parsed::Frame(length, Frame::Reply(found) | Frame::Push(found)), Ok(Some(rest))) => {
            assert_eq!(length, bytes.len() - rest.len());
            assert_eq!(format!("{found:?}"), format!("{tokens:?}"));
        }
        (Parsed::Frame(length, Frame::Message { channel, message }), Ok(Some(rest))) => {
            assert_eq!(length, bytes.len() - rest.len());
            assert_eq!(tokens[2..], [Token::Text(channel), Token::Text(message)]);
        }
        (Parsed::Incomplete(length), Ok(None)) => assert!(length > bytes.len()),
        // A message of other types is refused, though RESP3 could have it.
        (Parsed::Fault(Fault::Type(_)), _) if bytes.starts_with(b">3\r\n$7\r\nmessage\r\n") => {}
        // A plain reader waits for what a number or a type at the end shows to be wrong.
        (Parsed::Fault(_), Err(()) | Ok(None)) | (Parsed::Incomplete(_), Err(())) => {}
        (found, expected) => panic!("{found:?}, {expected:?}"),
    }
});
