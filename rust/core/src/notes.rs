//! The notes of an `n` message: checked one by one, and written out again without what nobody asked
//! for.

use crate::text::{word, Cursor, Span};

/// Longest name of a key, as `as-1`.
const NAME: usize = 4;

/// An `n` message that may be passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Notes {
    /// The number `t`: server time of the first note, in milliseconds.
    pub t: Span,
    /// The array `n` as it came.
    pub notes: Span,
    /// How many notes it has, which is what they cost of the quota; at least 1.
    pub count: u32,
    /// Whether the array can go out as it came: no white space, no unknown or repeated keys, no
    /// escapes.
    pub verbatim: bool,
}

impl Notes {
    /// Appends the JSON array of the notes as it goes out; `text` is the text the message was
    /// scanned from.
    pub fn write(&self, text: &[u8], out: &mut Vec<u8>) {
        if self.verbatim {
            out.extend_from_slice(self.notes.of(text));
            return;
        }
        let mut separator = b'[';
        let walked = Cursor::new(text, self.notes.start).array(|cursor| {
            out.push(separator);
            separator = b',';
            Note::read(cursor)?.write(text, out);
            Some(())
        });
        debug_assert!(walked.is_some(), "the array was walked once before");
        out.push(b']');
    }
}

/// The value of the key `n`, on its way into [`Notes`].
#[derive(Clone, Copy)]
pub(crate) struct Array {
    pub(crate) span: Span,
    pub(crate) count: u32,
    pub(crate) verbatim: bool,
    /// Whether it is an array of at least one valid note and nothing else.
    pub(crate) valid: bool,
}

impl Array {
    /// Consumes a value.
    #[inline]
    pub(crate) fn read(cursor: &mut Cursor) -> Option<Self> {
        let start = cursor.mark();
        let mut count = 0;
        let mut good = true;
        let mut compact = 1;
        if cursor.peek() == b'[' {
            cursor.array(|cursor| {
                let length = Note::read(cursor)?.length();
                good &= length.is_some();
                compact += length.unwrap_or(0) + 1;
                count += 1;
                Some(())
            })?;
        } else {
            cursor.value()?;
        }
        let span = cursor.since(start);
        // White space, an unknown or repeated key, an escape: each makes the array longer than what
        // we would write for it.
        let verbatim = compact == span.len();
        Some(Self { span, count, verbatim, valid: good && count > 0 })
    }
}

/// What a note has under one of its keys.
#[derive(Clone, Copy)]
enum Field {
    Absent,
    Good(Span),
    Bad,
}

struct Note {
    name: Field,
    /// Length of the name without the escapes it may have been written with.
    name_length: usize,
    velocity: Field,
    delay: Field,
    stop: Field,
}

impl Note {
    /// Consumes a value and reads it as a note.
    #[inline]
    fn read(cursor: &mut Cursor) -> Option<Self> {
        let mut note = Self {
            name: Field::Absent,
            name_length: 0,
            velocity: Field::Absent,
            delay: Field::Absent,
            stop: Field::Absent,
        };
        if cursor.peek() != b'{' {
            cursor.value()?;
            return Some(note);
        }
        // A repeated key overwrites, for better or worse: the last one is what any JSON decoder
        // would report.
        cursor.object(|cursor, key| {
            let field = match key {
                b'v' => &mut note.velocity,
                b'd' => &mut note.delay,
                b's' => &mut note.stop,
                b'n' => {
                    (note.name, note.name_length) = name(cursor)?;
                    return Some(());
                }
                _ => return cursor.value(),
            };
            *field = number(cursor, key)?;
            Some(())
        })?;
        Some(note)
    }

    /// Length in bytes of what `write` makes of it, or `None` if it is not a valid note.
    #[inline]
    fn length(&self) -> Option<usize> {
        if !matches!(self.name, Field::Good(_)) {
            return None;
        }
        // Two braces and, for each member, quoted key, colon, value and a comma, which the last one
        // lacks.
        let mut length = 1 + 5 + 2 + self.name_length;
        for field in [self.velocity, self.delay, self.stop] {
            match field {
                Field::Absent => (),
                Field::Good(span) => length += 5 + span.len(),
                Field::Bad => return None,
            }
        }
        Some(length)
    }

    fn write(&self, text: &[u8], out: &mut Vec<u8>) {
        if let Field::Good(span) = self.name {
            let (name, length) = word::<NAME>(span.inner().of(text)).unwrap_or_default();
            out.extend_from_slice(b"{\"n\":\"");
            out.extend_from_slice(&name[..length]);
            out.push(b'"');
        }
        let members: [(&[u8], Field); 3] =
            [(b",\"v\":", self.velocity), (b",\"d\":", self.delay), (b",\"s\":", self.stop)];
        for (key, field) in members {
            if let Field::Good(span) = field {
                out.extend_from_slice(key);
                out.extend_from_slice(span.of(text));
            }
        }
        out.push(b'}');
    }
}

/// Consumes the value of `n`: a name of the keyboard and its length without escapes.
#[inline]
fn name(cursor: &mut Cursor) -> Option<(Field, usize)> {
    if cursor.peek() != b'"' {
        cursor.value()?;
        return Some((Field::Bad, 0));
    }
    let span = cursor.string()?;
    let content = span.inner().of(cursor.text());
    if is_key(content) {
        return Some((Field::Good(span), content.len()));
    }
    Some(match word::<NAME>(content) {
        Some((name, length)) if is_key(&name[..length]) => (Field::Good(span), length),
        _ => (Field::Bad, 0),
    })
}

/// Consumes the value of one of the numbers of a note.
#[inline]
fn number(cursor: &mut Cursor, key: u8) -> Option<Field> {
    if !matches!(cursor.peek(), b'0'..=b'9' | b'-') {
        cursor.value()?;
        return Some(Field::Bad);
    }
    let number = cursor.number()?;
    let text = cursor.text();
    let valid = match key {
        b'v' => number.is_velocity(text),
        b'd' => number.is_delay(text),
        _ => number.is_one(text),
    };
    Some(match number.passable() {
        Some(span) if valid => Field::Good(span),
        _ => Field::Bad,
    })
}

/// Whether `name` is one of the 88 keys `a-1 as-1 b-1 c0 cs0 … b6 c7`, sharps written `s`.
#[inline]
fn is_key(name: &[u8]) -> bool {
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
