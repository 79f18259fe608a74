//! One note of an `n` message: parsed, corrected where possible, and written out again.

use crate::wire::json::{word, Parser, Span};
use crate::wire::number::{self, Number};

/// The longest name of a key, as in `as-1`.
const NAME: usize = 4;
/// The longest name of a custom note, in bytes: scripts that draw with notes need a few.
const CUSTOM_NAME: usize = 64;
/// The largest velocity.
const LOUDEST: f64 = 1.0;
/// The longest delay, in milliseconds.
const LATEST: f64 = 10_000.0;

/// The value found under one of a note's keys.
#[derive(Clone, Copy)]
enum RawField {
    Absent,
    Number(Number),
    Text(Span),
    Truth(bool),
    Other,
}

impl RawField {
    /// Consume a value.
    fn read(parser: &mut Parser) -> Option<Self> {
        Some(match parser.peek() {
            b'0'..=b'9' | b'-' => Self::Number(parser.number()?),
            b'"' => Self::Text(parser.string()?),
            first => {
                parser.value()?;
                match first {
                    b'n' => Self::Absent,
                    b't' => Self::Truth(true),
                    b'f' => Self::Truth(false),
                    _ => Self::Other,
                }
            }
        })
    }

    /// Return the number, or the number that the text stands for.
    fn value(self, text: &[u8]) -> Option<f64> {
        match self {
            Self::Number(number) => Some(number.value(text)),
            Self::Text(span) => number::numeric(span.inner().of(text)),
            _ => None,
        }
    }

    /// Return the number unchanged if `is_good` accepts it, and else clamped to `0..=most`.
    ///
    /// Return `None` if the value is no number.
    #[inline]
    fn number(self, text: &[u8], most: f64, is_good: impl FnOnce(Number) -> bool) -> Option<Field> {
        match self {
            Self::Absent => Some(Field::Absent),
            Self::Number(number) if is_good(number) => match number.passable() {
                Some(span) => Some(Field::Given(span)),
                None => self.corrected(text, most),
            },
            _ => self.corrected(text, most),
        }
    }

    #[cold]
    fn corrected(self, text: &[u8], most: f64) -> Option<Field> {
        let value = self.value(text)?;
        let least = if most == f64::INFINITY { f64::NEG_INFINITY } else { 0.0 };
        Some(Field::Corrected(value.clamp(least, most)))
    }

    /// Return the release flag as web clients interpret it.
    ///
    /// Any value that JavaScript takes for true is a release, except texts that mean no.
    #[inline]
    fn stop(self, text: &[u8]) -> Field {
        let is_stop = match self {
            Self::Absent => return Field::Absent,
            Self::Number(number) if number.is_one(text) => match number.passable() {
                Some(span) => return Field::Given(span),
                None => true,
            },
            Self::Number(number) => number.is_truthy(text),
            Self::Truth(truth) => truth,
            Self::Text(span) => !is_no(span.inner().of(text)),
            Self::Other => true,
        };
        if is_stop {
            Field::Corrected(1.0)
        } else {
            Field::Absent
        }
    }
}

/// Return whether the content of a string means no: nothing, `0` or `false`.
fn is_no(content: &[u8]) -> bool {
    matches!(word::<5>(content), Some((word, length)) if matches!(&word[..length], b"" | b"0" | b"false"))
}

/// The value that is sent under one of a note's keys.
#[derive(Clone, Copy)]
enum Field {
    Absent,
    /// The digits as the client sent them.
    Given(Span),
    /// A corrected number.
    Corrected(f64),
}

impl Field {
    /// Return the bytes of the member if it can be sent unchanged, and 0 otherwise.
    #[inline]
    fn length(self) -> usize {
        match self {
            Self::Given(span) => 5 + span.len(),
            Self::Absent | Self::Corrected(_) => 0,
        }
    }

    fn write(self, key: &[u8], text: &[u8], out: &mut Vec<u8>) {
        match self {
            Self::Absent => {}
            Self::Given(span) => {
                out.extend_from_slice(key);
                out.extend_from_slice(span.of(text));
            }
            Self::Corrected(value) => {
                out.extend_from_slice(key);
                number::write(value, out);
            }
        }
    }
}

/// The name of a note.
#[derive(Clone, Copy)]
enum Name {
    /// One of the piano's keys: the string with its quotes, and the length of the name without escapes.
    Key(Span, usize),
    /// Any other text, with its quotes.
    Custom(Span),
}

/// Marks a note that is left out.
pub(crate) struct InvalidNote;

/// A valid note.
pub(crate) struct Note {
    name: Name,
    velocity: Field,
    delay: Field,
    stop: Field,
}

impl Note {
    /// Consume a value and read it as a note.
    pub(crate) fn read(parser: &mut Parser, custom: bool) -> Option<Result<Self, InvalidNote>> {
        if parser.peek() != b'{' {
            parser.value()?;
            return Some(Err(InvalidNote));
        }
        let (mut name, mut velocity) = (RawField::Absent, RawField::Absent);
        let (mut delay, mut stop) = (RawField::Absent, RawField::Absent);
        // A repeated key overwrites the earlier one: the last value is the one that any JSON decoder
        // would report.
        parser.object(|parser, key| {
            let field = match key {
                b'n' => &mut name,
                b'v' => &mut velocity,
                b'd' => &mut delay,
                b's' => &mut stop,
                _ => return parser.value(),
            };
            *field = RawField::read(parser)?;
            Some(())
        })?;
        let text = parser.text();
        Some(Self::from_fields(name, velocity, delay, stop, custom, text).ok_or(InvalidNote))
    }

    #[inline]
    fn from_fields(
        name: RawField,
        velocity: RawField,
        delay: RawField,
        stop: RawField,
        custom: bool,
        text: &[u8],
    ) -> Option<Self> {
        let RawField::Text(span) = name else { return None };
        let name = match Name::of(span, text)? {
            Name::Custom(_) if !custom => return None,
            name => name,
        };
        let (velocity, delay) = match name {
            Name::Key(..) => (
                velocity.number(text, LOUDEST, |number| number.is_velocity(text))?,
                delay.number(text, LATEST, |number| number.is_delay(text))?,
            ),
            // Scripts that draw with notes put colours there.
            Name::Custom(_) => (
                velocity.number(text, f64::INFINITY, |_| true)?,
                delay.number(text, f64::INFINITY, |_| true)?,
            ),
        };
        Some(Self { name, velocity, delay, stop: stop.stop(text) })
    }

    /// Return the size in bytes of the members that can be sent unchanged, with braces and commas.
    #[inline]
    pub(crate) fn length(&self) -> usize {
        // Two braces and, for each member, quoted key, colon, value and a comma, which the last member
        // lacks.
        1 + 5 + self.name.length() + self.velocity.length() + self.delay.length() + self.stop.length()
    }

    pub(crate) fn write(&self, text: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"n\":");
        self.name.write(text, out);
        self.velocity.write(b",\"v\":", text, out);
        self.delay.write(b",\"d\":", text, out);
        self.stop.write(b",\"s\":", text, out);
        out.push(b'}');
    }
}

impl Name {
    /// Read a string; return `None` if it is no valid name.
    #[inline]
    fn of(span: Span, text: &[u8]) -> Option<Self> {
        let content = span.inner().of(text);
        if is_key(content) {
            return Some(Self::Key(span, content.len()));
        }
        match word::<NAME>(content) {
            Some((name, length)) if is_key(&name[..length]) => Some(Self::Key(span, length)),
            _ => (1..=CUSTOM_NAME).contains(&content.len()).then_some(Self::Custom(span)),
        }
    }

    /// Return the length of the name with its quotes.
    #[inline]
    fn length(self) -> usize {
        match self {
            Self::Key(_, length) => 2 + length,
            Self::Custom(span) => span.len(),
        }
    }

    fn write(self, text: &[u8], out: &mut Vec<u8>) {
        match self {
            Self::Key(span, _) => {
                let (name, length) = word::<NAME>(span.inner().of(text)).unwrap_or_default();
                out.push(b'"');
                out.extend_from_slice(&name[..length]);
                out.push(b'"');
            }
            Self::Custom(span) => out.extend_from_slice(span.of(text)),
        }
    }
}

/// Return whether `name` is one of the 88 keys `a-1 as-1 b-1 c0 cs0 … b6 c7`, sharps written `s`.
#[inline]
pub(crate) fn is_key(name: &[u8]) -> bool {
    match name {
        [b'a'..=b'g', b'0'..=b'6'] | [b'a' | b'c' | b'd' | b'f' | b'g', b's', b'0'..=b'6'] => true,
        _ => matches!(name, b"a-1" | b"as-1" | b"b-1" | b"c7"),
    }
}

#[cfg(test)]
mod tests {
    use super::is_key;

    #[test]
    fn the_keyboard_has_88_keys() {
        let letters = ["c", "cs", "d", "ds", "e", "f", "fs", "g", "gs", "a", "as", "b"];
        let mut keys: Vec<String> = ["a-1", "as-1", "b-1"].map(String::from).to_vec();
        for octave in 0..7 {
            keys.extend(letters.map(|letter| format!("{letter}{octave}")));
        }
        keys.push("c7".into());
        assert_eq!(keys.len(), 88);
        assert!(keys.iter().all(|key| is_key(key.as_bytes())));
    }

    #[test]
    #[cfg_attr(miri, ignore = "all words of four letters take Miri too long")]
    fn nothing_else_is_a_key() {
        // Every string of up to four characters over the alphabet of the names.
        let alphabet = b"abcdefghs-01678";
        let mut found = 0;
        let mut names: Vec<Vec<u8>> = vec![vec![]];
        for _ in 0..4 {
            names = names
                .iter()
                .flat_map(|name| alphabet.map(|byte| [name.as_slice(), &[byte]].concat()))
                .collect();
            found += names.iter().filter(|name| is_key(name)).count();
        }
        // The alphabet lacks the octaves 2 to 5.
        assert_eq!(found, 88 - 4 * 12);
        assert!(!is_key(b""));
        assert!(!is_key(b"C4"));
    }
}
