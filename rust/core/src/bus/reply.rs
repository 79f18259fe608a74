//! Decode what a broker sends (RESP3), without a copy.
//!
//! A frame is read as a row of [`Token`]s: an array or a map says how many values follow it. The
//! frequent frame, a published message, has no tokens at all.

use std::fmt;

/// The longest frame: twice what Redis lets wait for a subscriber by default.
pub const LONGEST: usize = 64 << 20;
/// The longest line: an error, or a short text.
const LONGEST_LINE: usize = 16 << 10;
/// The most values in one frame; also as many as its tokens.
const MOST_VALUES: usize = 4096;
/// The most levels of arrays and maps.
const MOST_LEVELS: usize = 8;

/// The beginning of each message that somebody has published.
const MESSAGE: &[u8] = b">3\r\n$7\r\nmessage\r\n";

/// One value, or the beginning of several.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Token<'a> {
    /// Nothing.
    Null,
    /// A truth value.
    Bool(bool),
    /// An integer.
    Integer(i64),
    /// A floating-point number.
    Double(f64),
    /// A text, or bytes.
    Text(&'a [u8]),
    /// An error: a code in capitals, and words.
    Error(&'a [u8]),
    /// An array or a set of so many values.
    Array(usize),
    /// A map of so many pairs.
    Map(usize),
}

/// A complete frame.
#[derive(Debug, PartialEq)]
pub enum Frame<'a> {
    /// A message that somebody published.
    Message {
        /// The channel.
        channel: &'a [u8],
        /// The message.
        message: &'a [u8],
    },
    /// Something else that no command asked for; its tokens begin with that array.
    Push(Vec<Token<'a>>),
    /// The answer to a command, as tokens.
    Reply(Vec<Token<'a>>),
}

/// The reason why bytes are no RESP3, or more of it than a node accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A type that no broker sends to this node.
    Type(u8),
    /// A number that is none.
    Number,
    /// A frame or a line that is too long.
    Length,
    /// A value without its end of line.
    End,
    /// Arrays within arrays within arrays.
    Levels,
    /// Too many values.
    Values,
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Type(kind) => write!(out, "an unknown type: {:?}", char::from(*kind)),
            Self::Number => out.write_str("a number that is none"),
            Self::Length => out.write_str("a value that is too long"),
            Self::End => out.write_str("a value without an end of line"),
            Self::Levels => out.write_str("too many levels of values"),
            Self::Values => out.write_str("too many values"),
        }
    }
}

/// The outcome of [`parse`].
#[derive(Debug, PartialEq)]
pub enum Parsed<'a> {
    /// The frame takes this many bytes, of which some are missing.
    ///
    /// The number may be too small, and is always larger than what there is.
    Incomplete(usize),
    /// A frame, and the number of its bytes.
    Frame(usize, Frame<'a>),
    /// The bytes cannot be understood: the connection is of no use any more.
    Fault(Fault),
}

/// Why a value cannot be read: bytes are missing up to a place, or wrong.
enum Stop {
    Missing(usize),
    Fault(Fault),
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// Read the first frame of some bytes.
#[must_use]
pub fn parse(bytes: &[u8]) -> Parsed<'_> {
    let mut reader = Reader { bytes, at: 0 };
    let read = if bytes.starts_with(MESSAGE) { reader.message() } else { reader.frame() };
    match read {
        Ok(frame) => Parsed::Frame(reader.at, frame),
        Err(Stop::Missing(end)) => Parsed::Incomplete(end),
        Err(Stop::Fault(fault)) => Parsed::Fault(fault),
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// Read the message that follows [`MESSAGE`].
    fn message(&mut self) -> Result<Frame<'a>, Stop> {
        self.at = MESSAGE.len();
        let channel = self.text()?;
        let message = self.text()?;
        Ok(Frame::Message { channel, message })
    }

    /// Read a byte string.
    fn text(&mut self) -> Result<&'a [u8], Stop> {
        let kind = self.bytes.get(self.at).copied();
        match self.value()? {
            Token::Text(text) => Ok(text),
            _ => Err(Fault::Type(kind.unwrap_or_default()).into()),
        }
    }

    /// Read any frame.
    fn frame(&mut self) -> Result<Frame<'a>, Stop> {
        let is_push = self.bytes.first() == Some(&b'>');
        let mut tokens = Vec::new();
        // How many values each open array still lacks, the innermost last.
        let mut missing = [0; MOST_LEVELS];
        let mut level = 0;
        loop {
            let token = self.value()?;
            tokens.push(token);
            let inside = match token {
                Token::Array(count) => count,
                Token::Map(pairs) => 2 * pairs,
                _ => 0,
            };
            if inside > 0 {
                if tokens.len() + inside > MOST_VALUES {
                    return Err(Fault::Values.into());
                }
                let open = missing.get_mut(level).ok_or(Fault::Levels)?;
                *open = inside;
                level += 1;
                continue;
            }
            while level > 0 {
                missing[level - 1] -= 1;
                if missing[level - 1] > 0 {
                    break;
                }
                level -= 1;
            }
            if level == 0 {
                return Ok(if is_push { Frame::Push(tokens) } else { Frame::Reply(tokens) });
            }
            if tokens.len() > MOST_VALUES {
                return Err(Fault::Values.into());
            }
        }
    }

    /// Read one value; of an array or map only its size.
    fn value(&mut self) -> Result<Token<'a>, Stop> {
        let kind = *self.bytes.get(self.at).ok_or(Stop::Missing(self.at + 1))?;
        if !b"+-:,#_$=!(*~>%".contains(&kind) {
            return Err(Fault::Type(kind).into());
        }
        self.at += 1;
        let line = self.line()?;
        Ok(match kind {
            b'+' | b'(' => Token::Text(line),
            b'-' => Token::Error(line),
            b':' => Token::Integer(integer(line)?),
            b',' => Token::Double(double(line)?),
            b'#' => Token::Bool(truth(line)?),
            b'_' => Token::Null,
            b'$' | b'=' | b'!' => match size(line, LONGEST)? {
                None => Token::Null,
                Some(count) if kind == b'!' => Token::Error(self.take(count)?),
                // The three letters and the colon of a verbatim text say how to show the text.
                Some(count) if kind == b'=' => {
                    let text = self.take(count)?;
                    Token::Text(text.get(4..).ok_or(Fault::Length)?)
                }
                Some(count) => Token::Text(self.take(count)?),
            },
            _ => match size(line, MOST_VALUES)? {
                None => Token::Null,
                Some(count) if kind == b'%' => Token::Map(count),
                Some(count) => Token::Array(count),
            },
        })
    }

    /// Read up to the end of the line, which is not part of the result.
    fn line(&mut self) -> Result<&'a [u8], Stop> {
        let rest = &self.bytes[self.at..];
        let searched = &rest[..rest.len().min(LONGEST_LINE)];
        let Some(length) = searched.iter().position(|byte| *byte == b'\r') else {
            return Err(if rest.len() < LONGEST_LINE {
                Stop::Missing(self.bytes.len() + 1)
            } else {
                Fault::Length.into()
            });
        };
        self.at += length;
        self.end()?;
        Ok(&rest[..length])
    }

    /// Read so many bytes, and the end of their line.
    fn take(&mut self, count: usize) -> Result<&'a [u8], Stop> {
        let from = self.at;
        if from + count > LONGEST {
            return Err(Fault::Length.into());
        }
        self.at += count;
        self.end()?;
        Ok(&self.bytes[from..from + count])
    }

    /// Read the end of a line.
    fn end(&mut self) -> Result<(), Stop> {
        let end = self.at + 2;
        let found = self.bytes.get(self.at..end).ok_or(Stop::Missing(end))?;
        if found != b"\r\n" {
            return Err(Fault::End.into());
        }
        self.at = end;
        Ok(())
    }
}

/// Return a size; nothing for -1, the nothing of RESP2.
fn size(line: &[u8], most: usize) -> Result<Option<usize>, Fault> {
    if line == b"-1" {
        return Ok(None);
    }
    let number = usize::try_from(integer(line)?).map_err(|_| Fault::Number)?;
    if number > most {
        return Err(Fault::Length);
    }
    Ok(Some(number))
}

fn integer(line: &[u8]) -> Result<i64, Fault> {
    let (is_negative, digits) = match line {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, line),
    };
    if digits.is_empty() {
        return Err(Fault::Number);
    }
    // Below zero, since the lowest number has no opposite.
    let mut number = 0_i64;
    for digit in digits {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 {
            return Err(Fault::Number);
        }
        let shifted = number.checked_mul(10).ok_or(Fault::Number)?;
        number = shifted.checked_sub(i64::from(digit)).ok_or(Fault::Number)?;
    }
    if is_negative {
        Ok(number)
    } else {
        number.checked_neg().ok_or(Fault::Number)
    }
}

fn double(line: &[u8]) -> Result<f64, Fault> {
    let text = std::str::from_utf8(line).map_err(|_| Fault::Number)?;
    text.parse().map_err(|_| Fault::Number)
}

fn truth(line: &[u8]) -> Result<bool, Fault> {
    match line {
        b"t" => Ok(true),
        b"f" => Ok(false),
        _ => Err(Fault::Number),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A value as a tree, which the model writes and the parser must find again.
    #[derive(Clone, Debug)]
    enum Value {
        Null,
        Bool(bool),
        Integer(i64),
        Double(f64),
        Simple(String),
        Text(Vec<u8>),
        Error(String),
        Array(Vec<Value>),
        Map(Vec<(Value, Value)>),
    }

    impl Value {
        fn write(&self, out: &mut Vec<u8>) {
            match self {
                Self::Null => out.extend_from_slice(b"_\r\n"),
                Self::Bool(it) => out.extend_from_slice(if *it { b"#t\r\n" } else { b"#f\r\n" }),
                Self::Integer(it) => out.extend(format!(":{it}\r\n").bytes()),
                Self::Double(it) => out.extend(format!(",{it}\r\n").bytes()),
                Self::Simple(it) => out.extend(format!("+{it}\r\n").bytes()),
                Self::Error(it) => out.extend(format!("-{it}\r\n").bytes()),
                Self::Text(it) => {
                    out.extend(format!("${}\r\n", it.len()).bytes());
                    out.extend_from_slice(it);
                    out.extend_from_slice(b"\r\n");
                }
                Self::Array(items) => write_array(b'*', items, out),
                Self::Map(pairs) => {
                    out.extend(format!("%{}\r\n", pairs.len()).bytes());
                    for (key, value) in pairs {
                        key.write(out);
                        value.write(out);
                    }
                }
            }
        }

        fn tokens<'a>(&'a self, out: &mut Vec<Token<'a>>) {
            out.push(match self {
                Self::Null => Token::Null,
                Self::Bool(it) => Token::Bool(*it),
                Self::Integer(it) => Token::Integer(*it),
                Self::Double(it) => Token::Double(*it),
                Self::Simple(it) => Token::Text(it.as_bytes()),
                Self::Error(it) => Token::Error(it.as_bytes()),
                Self::Text(it) => Token::Text(it),
                Self::Array(items) => Token::Array(items.len()),
                Self::Map(pairs) => Token::Map(pairs.len()),
            });
            match self {
                Self::Array(items) => {
                    for it in items {
                        it.tokens(out);
                    }
                }
                Self::Map(pairs) => {
                    for (key, value) in pairs {
                        key.tokens(out);
                        value.tokens(out);
                    }
                }
                _ => {}
            }
        }
    }

    fn write_array(kind: u8, items: &[Value], out: &mut Vec<u8>) {
        out.push(kind);
        out.extend(format!("{}\r\n", items.len()).bytes());
        for it in items {
            it.write(out);
        }
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::Integer),
            (-1e9..1e9).prop_map(Value::Double),
            "[ -~]{0,20}".prop_map(Value::Simple),
            "[A-Z]{1,10} [ -~]{0,20}".prop_map(Value::Error),
            proptest::collection::vec(any::<u8>(), 0..40).prop_map(Value::Text),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
                proptest::collection::vec((inner.clone(), inner), 0..4).prop_map(Value::Map),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_a_model_writes_is_read(value in values(), rest in any::<Vec<u8>>()) {
            let mut bytes = Vec::new();
            value.write(&mut bytes);
            let end = bytes.len();
            for cut in 0..end {
                match parse(&bytes[..cut]) {
                    Parsed::Incomplete(length) => prop_assert!(length > cut && length <= end),
                    other => prop_assert!(false, "{cut} of {end} bytes: {other:?}"),
                }
            }
            bytes.extend_from_slice(&rest);
            let mut expected = Vec::new();
            value.tokens(&mut expected);
            prop_assert_eq!(parse(&bytes), Parsed::Frame(end, Frame::Reply(expected)));
        }

        #[test]
        fn messages_are_read_in_place(
            channel in proptest::collection::vec(any::<u8>(), 0..40),
            message in proptest::collection::vec(any::<u8>(), 0..200),
        ) {
            let parts = [b"message".to_vec(), channel.clone(), message.clone()].map(Value::Text);
            let mut bytes = Vec::new();
            write_array(b'>', &parts, &mut bytes);
            for cut in 0..bytes.len() {
                prop_assert!(matches!(parse(&bytes[..cut]), Parsed::Incomplete(_)));
            }
            let frame = Frame::Message { channel: &channel, message: &message };
            prop_assert_eq!(parse(&bytes), Parsed::Frame(bytes.len(), frame));
        }

        #[test]
        fn garbage_is_never_a_panic(
            bytes in proptest::collection::vec(
                prop_oneof![any::<u8>(), proptest::sample::select(&b"+-:,#_$=!(*~>%0123456789\r\n"[..])],
                0..300,
            )
        ) {
            if let Parsed::Frame(end, _) = parse(&bytes) {
                prop_assert!(end <= bytes.len());
            }
        }
    }

    fn tokens(bytes: &[u8]) -> Vec<Token<'_>> {
        match parse(bytes) {
            Parsed::Frame(end, Frame::Reply(tokens) | Frame::Push(tokens)) if end == bytes.len() => tokens,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn older_and_rarer_types_are_known() {
        assert_eq!(tokens(b"$-1\r\n"), [Token::Null]);
        assert_eq!(tokens(b"*-1\r\n"), [Token::Null]);
        assert_eq!(tokens(b"=6\r\ntxt:ab\r\n"), [Token::Text(b"ab")]);
        assert_eq!(tokens(b"!5\r\nERR a\r\n"), [Token::Error(b"ERR a")]);
        assert_eq!(tokens(b"(123456789012345678901\r\n"), [Token::Text(b"123456789012345678901")]);
        assert_eq!(tokens(b"~1\r\n:-1\r\n"), [Token::Array(1), Token::Integer(-1)]);
        assert_eq!(tokens(b":-9223372036854775808\r\n"), [Token::Integer(i64::MIN)]);
        assert_eq!(tokens(b",inf\r\n"), [Token::Double(f64::INFINITY)]);
        let confirmed = [Token::Array(3), Token::Text(b"subscribe"), Token::Text(b"c"), Token::Integer(1)];
        assert_eq!(tokens(b">3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n"), confirmed);
    }

    #[test]
    fn what_no_broker_sends_is_a_fault() {
        let deep = b"*1\r\n".repeat(MOST_LEVELS + 1);
        let long = [b"+".to_vec(), vec![b'x'; LONGEST_LINE]].concat();
        for (bytes, fault) in [
            (&b"HTTP/1.1 400 Bad Request\r\n"[..], Fault::Type(b'H')),
            (b":\r\n", Fault::Number),
            (b":9223372036854775808\r\n", Fault::Number),
            (b",1,5\r\n", Fault::Number),
            (b"#yes\r\n", Fault::Number),
            (b"$-2\r\n", Fault::Number),
            (b"$?\r\n", Fault::Number),
            (b"$67108865\r\n", Fault::Length),
            (b"=3\r\ntxt\r\n", Fault::Length),
            (b"$1\r\nabc", Fault::End),
            (b"+a\rb", Fault::End),
            (b"*4097\r\n", Fault::Length),
            (b"*4096\r\n", Fault::Values),
            (b">3\r\n$7\r\nmessage\r\n:1\r\n", Fault::Type(b':')),
            (&deep, Fault::Levels),
            (&long, Fault::Length),
        ] {
            assert_eq!(parse(bytes), Parsed::Fault(fault), "{:?}", &bytes[..bytes.len().min(40)]);
            assert!(!fault.to_string().is_empty());
        }
    }
}
