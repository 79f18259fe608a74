//! Encode commands: arrays of byte strings, in RESP2 and RESP3 alike.

/// Begin a command of `count` parts; that many calls of [`part`] must follow.
pub fn begin(out: &mut Vec<u8>, count: usize) {
    header(out, b'*', count);
}

/// Append one part of a command.
pub fn part(out: &mut Vec<u8>, bytes: &[u8]) {
    header(out, b'$', bytes.len());
    out.extend_from_slice(bytes);
    out.extend_from_slice(b"\r\n");
}

/// Append a `PUBLISH`.
pub fn publish(out: &mut Vec<u8>, channel: &[u8], message: &[u8]) {
    out.reserve(64 + channel.len() + message.len());
    out.extend_from_slice(b"*3\r\n$7\r\nPUBLISH\r\n");
    part(out, channel);
    part(out, message);
}

/// Append a type, a number and the end of a line.
fn header(out: &mut Vec<u8>, kind: u8, number: usize) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    let mut rest = number;
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.push(kind);
    out.extend_from_slice(&digits[at..]);
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_an_array_of_byte_strings() {
        let mut out = Vec::new();
        begin(&mut out, 2);
        part(&mut out, b"SUBSCRIBE");
        part(&mut out, b"");
        publish(&mut out, b"{p}:a", b"0123456789\r\n");
        assert_eq!(
            out,
            b"*2\r\n$9\r\nSUBSCRIBE\r\n$0\r\n\r\n\
              *3\r\n$7\r\nPUBLISH\r\n$5\r\n{p}:a\r\n$12\r\n0123456789\r\n\r\n"
        );
    }

    #[test]
    fn numbers_are_decimal() {
        for number in [0, 9, 10, 1_048_576, usize::MAX] {
            let mut out = Vec::new();
            header(&mut out, b'$', number);
            assert_eq!(out, format!("${number}\r\n").into_bytes());
        }
    }
}
