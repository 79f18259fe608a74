//! The notes of an `n` message: parsed one by one, corrected where possible, and written out again
//! without unknown keys.
//!
//! MIDI players and web clients send velocities of 1.27, numbers as texts and keys off the piano. Every
//! receiving web client clamps its input (docs/protocol.md, "Notes").

use crate::wire::json::{Parser, Span};
use crate::wire::note::{is_key, Note};
use crate::wire::number::{self, Number};

/// An `n` message that may be broadcast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Notes {
    /// The number `t`: server time of the first note, in milliseconds.
    pub t: Span,
    /// The array `n` as the client sent it.
    pub notes: Span,
    /// The number of notes, at least 1, which is their price in quota points.
    pub count: u32,
    /// Whether no note is valid, so that nothing is broadcast.
    pub has_no_valid_notes: bool,
    /// Whether time and array can be broadcast unchanged.
    ///
    /// This requires: no white space, no unknown or repeated keys, no escapes, no corrections, and no
    /// number longer than the limit.
    pub verbatim: bool,
    /// Whether notes with names off the keyboard are accepted.
    pub custom: bool,
}

impl Notes {
    /// Append the JSON array of the notes to broadcast; `text` is the scanned text.
    pub fn write(&self, text: &[u8], out: &mut Vec<u8>) {
        if self.verbatim {
            out.extend_from_slice(self.notes.of(text));
            return;
        }
        out.push(b'[');
        let first = out.len();
        let walked = Parser::new(text, self.notes.start).array(|parser| {
            if let Ok(note) = Note::read(parser, self.custom)? {
                if out.len() > first {
                    out.push(b',');
                }
                note.write(text, out);
            }
            Some(())
        });
        debug_assert!(walked.is_some(), "the array was walked once before");
        out.push(b']');
    }

    /// Append the time to broadcast: with its own digits, unless there are too many of them.
    pub fn write_time(&self, text: &[u8], out: &mut Vec<u8>) {
        let digits = self.t.of(text);
        if digits.len() <= number::MAX_LENGTH {
            out.extend_from_slice(digits);
        } else if let Some(number) = Parser::new(text, self.t.start).number() {
            number::write(number.value(text), out);
        }
    }
}

/// The value of the key `n`, before it becomes part of [`Notes`].
#[derive(Clone, Copy)]
pub(crate) struct NoteArray {
    pub(crate) span: Span,
    pub(crate) count: u32,
    pub(crate) kept: u32,
    pub(crate) verbatim: bool,
    /// Whether the value is an array at all.
    pub(crate) is_list: bool,
}

impl NoteArray {
    /// Consume a value.
    #[inline]
    pub(crate) fn read(parser: &mut Parser, custom: bool) -> Option<Self> {
        let start = parser.mark();
        let (mut count, mut kept) = (0, 0);
        let mut compact = 1;
        let is_list = parser.peek() == b'[';
        if is_list {
            parser.array(|parser| {
                if let Some(length) = length(parser, custom)? {
                    compact += length + 1;
                    kept += 1;
                }
                count += 1;
                Some(())
            })?;
        } else {
            parser.value()?;
        }
        let span = parser.since(start);
        // White space, an unknown or repeated key, an escape, a correction, an omission: each makes the
        // array longer than the counted sum of the members that can be sent unchanged.
        let verbatim = compact == span.len();
        Some(Self { span, count, kept, verbatim, is_list })
    }
}

/// Consume a note; return the size of its members that can be sent unchanged.
///
/// The inner `None` stands for an invalid note.
#[inline]
#[allow(clippy::option_option)] // the outer one belongs to the parser
fn length(parser: &mut Parser, custom: bool) -> Option<Option<usize>> {
    let start = parser.mark();
    let plain = PlainNote::read(parser)?.length();
    if plain.is_some() {
        return Some(plain);
    }
    Some(odd_length(Parser::new(parser.text(), start), custom))
}

/// Return the same for a note that was walked once before.
#[cold]
fn odd_length(mut parser: Parser, custom: bool) -> Option<usize> {
    Note::read(&mut parser, custom)?.ok().map(|note| note.length())
}

/// A note that needs no correction, as nearly all do: the lengths of its values, 0 for absent ones.
#[derive(Default)]
struct PlainNote {
    name: usize,
    velocity: usize,
    delay: usize,
    stop: usize,
}

impl PlainNote {
    /// A marker for a value that needs a closer look.
    const ODD: usize = usize::MAX;

    /// Consume a value.
    #[inline]
    fn read(parser: &mut Parser) -> Option<Self> {
        let mut plain = Self::default();
        if parser.peek() != b'{' {
            parser.value()?;
            return Some(plain);
        }
        // A repeated key overwrites the earlier one: the last value is the one that any JSON decoder
        // would report.
        parser.object(|parser, key| {
            match key {
                b'n' => plain.name = Self::key(parser)?,
                b'v' => plain.velocity = Self::number(parser, Number::is_velocity)?,
                b'd' => plain.delay = Self::number(parser, Number::is_delay)?,
                b's' => plain.stop = Self::number(parser, Number::is_one)?,
                _ => parser.value()?,
            }
            Some(())
        })?;
        Some(plain)
    }

    #[inline]
    fn key(parser: &mut Parser) -> Option<usize> {
        if parser.peek() != b'"' {
            parser.value()?;
            return Some(Self::ODD);
        }
        let content = parser.string()?.inner();
        Some(if is_key(content.of(parser.text())) { content.len() } else { Self::ODD })
    }

    #[inline]
    fn number(parser: &mut Parser, is_good: impl FnOnce(Number, &[u8]) -> bool) -> Option<usize> {
        if !matches!(parser.peek(), b'0'..=b'9' | b'-') {
            parser.value()?;
            return Some(Self::ODD);
        }
        let number = parser.number()?;
        Some(match number.passable() {
            Some(span) if is_good(number, parser.text()) => span.len(),
            _ => Self::ODD,
        })
    }

    /// Return the length of the note without white space, unless the note needs a closer look.
    #[inline]
    fn length(&self) -> Option<usize> {
        if self.name == 0 || self.name == Self::ODD {
            return None;
        }
        // Two braces and, for each member, quoted key, colon, value and a comma, which the last member
        // lacks.
        let mut length = 1 + 5 + 2 + self.name;
        for value in [self.velocity, self.delay, self.stop] {
            match value {
                0 => {}
                Self::ODD => return None,
                value => length += 5 + value,
            }
        }
        Some(length)
    }
}
