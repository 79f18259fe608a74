//! One note of an `n` message: read, mended where that is possible, and written out again.

use crate::wire::json::{word, Parser, Span};
use crate::wire::number::{self, Number};

/// Longest name of a key, as `as-1`.
const NAME: usize = 4;
/// Longest name of a note that is no key, in bytes: scripts that draw by notes need a few.
const CUSTOM_NAME: usize = 64;
/// The strongest velocity.
const LOUDEST: f64 = 1.0;
/// The longest delay, in milliseconds.
const LATEST: f64 = 10_000.0;

/// What came under one of a note's keys.
#[derive(Clone, Copy)]
enum RawField {
    Absent,
    Number(Number),
    Text(Span),
    Truth(bool),
    Other,
}

impl RawField {
    /// Consumes a value.
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

    /// The number that it is or is the text of.
    fn value(self, text: &[u8]) -> Option<f64> {
        match self {
            Self::Number(number) => Some(number.value(text)),
            Self::Text(span) => number::numeric(span.inner().of(text)),
            _ => None,
        }
    }

    /// A number that goes out as it came where `is_good` says so, and else cut to `0..=most`; `None`
    /// where it is no number.
    #[inline]
    fn number(self, text: &[u8], most: f64, is_good: impl FnOnce(Number) -> bool) -> Option<Field> {
        match self {
            Self::Absent => Some(Field::Absent),
            Self::Number(number) if is_good(number) => match number.passable() {
                Some(span) => Some(Field::Given(span)),
                None => self.mended(text, most),
            },
            _ => self.mended(text, most),
        }
    }

    #[cold]
    fn mended(self, text: &[u8], most: f64) -> Option<Field> {
        let value = self.value(text)?;
        let least = if most == f64::INFINITY { f64::NEG_INFINITY } else { 0.0 };
        Some(Field::Mended(value.clamp(least, most)))
    }

    /// What a page takes for a release: anything that JavaScript takes for true, but for texts that
    /// say no.
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
            Field::Mended(1.0)
        } else {
            Field::Absent
        }
    }
}

/// Whether the content of a string means no: nothing, `0`, `false`.
fn is_no(content: &[u8]) -> bool {
    matches!(word::<5>(content), Some((word, length)) if matches!(&word[..length], b"" | b"0" | b"false"))
}

/// What goes out under one of a note's keys.
#[derive(Clone, Copy)]
enum Field {
    Absent,
    /// The digits that came.
    Given(Span),
    /// Another number.
    Mended(f64),
}

impl Field {
    /// Bytes of the member that can go out as they came.
    #[inline]
    fn length(self) -> usize {
        match self {
            Self::Given(span) => 5 + span.len(),
            Self::Absent | Self::Mended(_) => 0,
        }
    }

    fn write(self, key: &[u8], text: &[u8], out: &mut Vec<u8>) {
        match self {
            Self::Absent => {}
            Self::Given(span) => {
                out.extend_from_slice(key);
                out.extend_from_slice(span.of(text));
            }
            Self::Mended(value) => {
                out.extend_from_slice(key);
                number::write(value, out);
            }
        }
    }
}

/// What a note is called.
#[derive(Clone, Copy)]
enum Name {
    /// One of the keys, with its quotes, and its length without the escapes that it may have been
    /// written with.
    Key(Span, usize),
    /// Any other text, with its quotes.
    Custom(Span),
}

/// A note that is left out.
pub(crate) struct Senseless;

/// A note that makes sense.
pub(crate) struct Note {
    name: Name,
    velocity: Field,
    delay: Field,
    stop: Field,
}

impl Note {
    /// Consumes a value and reads it as a note.
    pub(crate) fn read(parser: &mut Parser, custom: bool) -> Option<Result<Self, Senseless>> {
        if parser.peek() != b'{' {
            parser.value()?;
            return Some(Err(Senseless));
        }
        let (mut name, mut velocity) = (RawField::Absent, RawField::Absent);
        let (mut delay, mut stop) = (RawField::Absent, RawField::Absent);
        // A repeated key overwrites, for better or worse: the last one is what any JSON decoder
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
        Some(Self::from_fields(name, velocity, delay, stop, custom, text).ok_or(Senseless))
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
            // Scripts that draw by notes put colours there.
            Name::Custom(_) => (
                velocity.number(text, f64::INFINITY, |_| true)?,
                delay.number(text, f64::INFINITY, |_| true)?,
            ),
        };
        Some(Self { name, velocity, delay, stop: stop.stop(text) })
    }

    /// Length in bytes of the members that can go out as they came, with braces and commas.
    #[inline]
    pub(crate) fn length(&self) -> usize {
        // Two braces and, for each member, quoted key, colon, value and a comma, which the last one
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
    /// Reads a string; `None` where no note is called so.
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

    /// Length with its quotes.
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

/// Whether `name` is one of the 88 keys `a-1 as-1 b-1 c0 cs0 … b6 c7`, sharps written `s`.
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
