//! The notes of an `n` message: read one by one, mended where that is possible, and written out again
//! without what nobody asked for.
//!
//! Players of MIDI files and pages send velocities of 1.27, numbers as texts and keys off the piano, and
//! every page that receives notes clamps what it gets (docs/protocol.md, "Notes").

use crate::wire::json::{Parser, Span};
use crate::wire::note::{is_key, Note};
use crate::wire::number::{self, Number};

/// An `n` message that may be passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Notes {
    /// The number `t`: server time of the first note, in milliseconds.
    pub t: Span,
    /// The array `n` as it came.
    pub notes: Span,
    /// How many notes it has, which is what they cost of the quota; at least 1.
    pub count: u32,
    /// Whether none of them makes sense, so that nothing goes out.
    pub is_senseless: bool,
    /// Whether time and array can go out as they came: no white space, no unknown or repeated keys,
    /// no escapes, nothing to mend, and no more digits than are passed on.
    pub verbatim: bool,
    /// Whether notes that are no keys are kept.
    pub custom: bool,
}

impl Notes {
    /// Appends the JSON array of the notes as it goes out; `text` is the text the message was
    /// scanned from.
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

    /// Appends the time as it goes out: with its digits, unless they are too many to be passed on.
    pub fn write_time(&self, text: &[u8], out: &mut Vec<u8>) {
        let digits = self.t.of(text);
        if digits.len() <= number::MAX_LENGTH {
            out.extend_from_slice(digits);
        } else if let Some(number) = Parser::new(text, self.t.start).number() {
            number::write(number.value(text), out);
        }
    }
}

/// The value of the key `n`, on its way into [`Notes`].
#[derive(Clone, Copy)]
pub(crate) struct NoteArray {
    pub(crate) span: Span,
    pub(crate) count: u32,
    pub(crate) kept: u32,
    pub(crate) verbatim: bool,
    /// Whether it is an array at all.
    pub(crate) is_list: bool,
}

impl NoteArray {
    /// Consumes a value.
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
        // White space, an unknown or repeated key, an escape, what is mended or left out: each makes
        // the array longer than what is counted here, the members that go out as they came.
        let verbatim = compact == span.len();
        Some(Self { span, count, kept, verbatim, is_list })
    }
}

/// Consumes a note; gives the length of its members that can go out as they came, or the inner `None`
/// where it makes no sense.
#[inline]
#[allow(clippy::option_option)] // the outer one is the cursor's
fn length(parser: &mut Parser, custom: bool) -> Option<Option<usize>> {
    let start = parser.mark();
    let plain = PlainNote::read(parser)?.length();
    if plain.is_some() {
        return Some(plain);
    }
    Some(odd_length(Parser::new(parser.text(), start), custom))
}

/// The same for a note that was walked once before.
#[cold]
fn odd_length(mut parser: Parser, custom: bool) -> Option<usize> {
    Note::read(&mut parser, custom)?.ok().map(|note| note.length())
}

/// A note that needs no mending, as nearly all do: the lengths of its values, 0 for what it lacks.
#[derive(Default)]
struct PlainNote {
    name: usize,
    velocity: usize,
    delay: usize,
    stop: usize,
}

impl PlainNote {
    /// The length of what is to be looked at more closely.
    const ODD: usize = usize::MAX;

    /// Consumes a value.
    #[inline]
    fn read(parser: &mut Parser) -> Option<Self> {
        let mut plain = Self::default();
        if parser.peek() != b'{' {
            parser.value()?;
            return Some(plain);
        }
        // A repeated key overwrites, for better or worse: the last one is what any JSON decoder
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

    /// Length of the note without white space, unless there is something odd about it.
    #[inline]
    fn length(&self) -> Option<usize> {
        if self.name == 0 || self.name == Self::ODD {
            return None;
        }
        // Two braces and, for each member, quoted key, colon, value and a comma, which the last one
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
