//! Walks one strict JSON text (RFC 8259) byte by byte.
//!
//! Nothing is built: values are checked and skipped, and what a caller wants to keep it keeps as a
//! [`Span`] of the text. Every method answers `None` where the text is not strict JSON, and the
//! cursor is of no use after that.

/// Nesting allowed in a message, the outer array included: real messages have at most four levels, and
/// the data of a `custom` as many as its scripts like.
pub const MAX_DEPTH: u32 = 64;

/// Bytes of an escape with four hex digits.
const ESCAPE: usize = 6;

/// A byte range of the scanned text; four-byte offsets, as no message comes near 4 GiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Offset of the first byte.
    pub start: u32,
    /// Offset after the last byte.
    pub end: u32,
}

impl Span {
    /// The bytes of `text` this span stands for; empty if `text` is not the text it was taken from
    /// and is too short.
    #[must_use]
    #[inline]
    pub fn of(self, text: &[u8]) -> &[u8] {
        text.get(self.start as usize..self.end as usize).unwrap_or_default()
    }

    /// Number of bytes.
    #[must_use]
    #[inline]
    pub fn len(self) -> usize {
        (self.end - self.start) as usize
    }

    /// Whether it has no bytes.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.start == self.end
    }

    /// The span without its first and last byte: what stands between the quotes of a string.
    #[inline]
    pub(crate) fn inner(self) -> Self {
        Self { start: self.start + 1, end: self.end - 1 }
    }
}

/// A place in a JSON text.
pub(crate) struct Parser<'a> {
    text: &'a [u8],
    pos: usize,
    depth: u32,
    /// Whether an escape of a lone surrogate was met.
    has_lone_surrogates: bool,
}

impl<'a> Parser<'a> {
    /// Starts at byte `pos` of `text`.
    #[inline]
    pub(crate) fn new(text: &'a [u8], pos: u32) -> Self {
        Self { text, pos: pos as usize, depth: 0, has_lone_surrogates: false }
    }

    /// Whether an escape of a lone surrogate was met: see [`replace_lone_surrogates`].
    #[inline]
    pub(crate) fn has_lone_surrogates(&self) -> bool {
        self.has_lone_surrogates
    }

    /// The whole text, to take spans of.
    #[inline]
    pub(crate) fn text(&self) -> &'a [u8] {
        self.text
    }

    /// The byte at the cursor. The end of the text reads as NUL, which is allowed nowhere in JSON
    /// and so needs no case of its own.
    #[inline]
    pub(crate) fn peek(&self) -> u8 {
        self.text.get(self.pos).copied().unwrap_or(0)
    }

    /// Consumes the byte at the cursor.
    #[inline]
    pub(crate) fn next(&mut self) -> u8 {
        let byte = self.peek();
        self.pos += 1;
        byte
    }

    /// Consumes `byte` if it stands here.
    #[inline]
    pub(crate) fn eat(&mut self, byte: u8) -> Option<()> {
        (self.next() == byte).then_some(())
    }

    /// Moves over `count` bytes that were looked at already.
    #[inline]
    pub(crate) fn advance(&mut self, count: usize) {
        self.pos += count;
    }

    /// Offset of the cursor, to begin a span.
    #[inline]
    pub(crate) fn mark(&self) -> u32 {
        self.pos as u32
    }

    /// The span from `start` to the cursor.
    #[inline]
    pub(crate) fn since(&self, start: u32) -> Span {
        Span { start, end: self.mark() }
    }

    /// Whether nothing is left.
    pub(crate) fn at_end(&self) -> bool {
        self.pos == self.text.len()
    }

    /// Skips the four characters JSON calls white space.
    #[inline]
    pub(crate) fn whitespace(&mut self) {
        while matches!(self.peek(), b' ' | b'\t' | b'\n' | b'\r') {
            self.pos += 1;
        }
    }

    /// Walks an array, `item` consuming each of its values.
    #[inline]
    pub(crate) fn array(&mut self, mut item: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        if !self.open(b'[', b']')? {
            return Some(());
        }
        loop {
            item(self)?;
            if !self.more(b']')? {
                return Some(());
            }
        }
    }

    /// Walks an object, `member` consuming the value of each key. A key of one ASCII character is
    /// given as that character and any other one as 0: the hot messages have no longer keys.
    #[inline]
    pub(crate) fn object(&mut self, mut member: impl FnMut(&mut Self, u8) -> Option<()>) -> Option<()> {
        if !self.open(b'{', b'}')? {
            return Some(());
        }
        loop {
            let key = self.key()?;
            member(self, key)?;
            if !self.more(b'}')? {
                return Some(());
            }
        }
    }

    /// Enters a container; false if it is empty and left again.
    #[inline]
    fn open(&mut self, bracket: u8, closing: u8) -> Option<bool> {
        self.eat(bracket)?;
        if self.depth == MAX_DEPTH {
            return None;
        }
        self.whitespace();
        if self.peek() == closing {
            self.pos += 1;
            return Some(false);
        }
        self.depth += 1;
        Some(true)
    }

    /// Goes on to the next value of a container; false if there is none and the container is left.
    #[inline]
    fn more(&mut self, closing: u8) -> Option<bool> {
        self.whitespace();
        let byte = self.next();
        if byte == b',' {
            self.whitespace();
            return Some(true);
        }
        self.depth -= 1;
        (byte == closing).then_some(false)
    }

    #[inline]
    fn key(&mut self) -> Option<u8> {
        let key = match self.text.get(self.pos..self.pos + 4) {
            // All keys of a browser's hot messages take this path.
            Some(&[b'"', letter, b'"', b':']) if letter >= b' ' && letter != b'\\' && letter != b'"' => {
                self.pos += 4;
                letter
            }
            _ => self.any_key()?,
        };
        self.whitespace();
        Some(key)
    }

    #[cold]
    fn any_key(&mut self) -> Option<u8> {
        let key = letter(self.string()?.inner().of(self.text));
        self.whitespace();
        self.eat(b':')?;
        Some(key)
    }

    /// Consumes a string and gives its span, quotes included.
    #[inline]
    pub(crate) fn string(&mut self) -> Option<Span> {
        let start = self.mark();
        self.eat(b'"')?;
        loop {
            match *self.text.get(self.pos)? {
                b'"' => break,
                b'\\' => self.escape()?,
                0..=0x1f => return None,
                _ => self.pos += 1,
            }
        }
        self.pos += 1;
        Some(self.since(start))
    }

    #[cold]
    fn escape(&mut self) -> Option<()> {
        self.pos += 1;
        match self.next() {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(()),
            b'u' => match self.hex()? {
                0xd800..=0xdbff if is_low_surrogate(self.text, self.pos) => {
                    self.pos += ESCAPE;
                    Some(())
                }
                // Half a character is not text: no decoder after us could write it out again as
                // UTF-8. Programs that count in UTF-16 units cut texts there.
                0xd800..=0xdfff => {
                    self.has_lone_surrogates = true;
                    Some(())
                }
                _ => Some(()),
            },
            _ => None,
        }
    }

    fn hex(&mut self) -> Option<u32> {
        let digits = self.text.get(self.pos..self.pos + 4)?;
        self.pos += 4;
        hex(digits)
    }

    /// Consumes any value.
    pub(crate) fn value(&mut self) -> Option<()> {
        match self.peek() {
            b'"' => self.string().map(drop),
            b'{' => self.object(|parser, _| parser.value()),
            b'[' => self.array(Self::value),
            b't' => self.literal(b"true"),
            b'f' => self.literal(b"false"),
            b'n' => self.literal(b"null"),
            _ => self.number().map(drop),
        }
    }

    fn literal(&mut self, word: &[u8]) -> Option<()> {
        let found = self.text.get(self.pos..)?.starts_with(word);
        self.pos += word.len();
        found.then_some(())
    }
}

/// Writes U+FFFD over the escapes of lone surrogates, as a browser does with what it sends.
#[cold]
pub(crate) fn replace_lone_surrogates(text: &mut [u8]) {
    let mut at = 0;
    while let Some(next) = text.get(at..).and_then(|rest| rest.iter().position(|byte| *byte == b'\\')) {
        at += next;
        at += match code_unit(text, at) {
            Some(0xd800..=0xdbff) if is_low_surrogate(text, at + ESCAPE) => 2 * ESCAPE,
            Some(0xd800..=0xdfff) => {
                text[at..at + ESCAPE].copy_from_slice(b"\\ufffd");
                ESCAPE
            }
            _ => 2,
        };
    }
}

/// Whether the escape of a low surrogate stands at byte `at`.
fn is_low_surrogate(text: &[u8], at: usize) -> bool {
    matches!(code_unit(text, at), Some(0xdc00..=0xdfff))
}

/// The UTF-16 code unit of the escape that stands at byte `at`.
fn code_unit(text: &[u8], at: usize) -> Option<u32> {
    hex(text.get(at..at + ESCAPE)?.strip_prefix(b"\\u")?)
}

/// Reads the content of a valid string that may be a short ASCII word written with escapes, as
/// `\u0063s4` for `cs4`.
///
/// `None` if it is longer than `N` or has other characters, the short escapes among them: none of
/// those is part of a word we know.
pub(crate) fn word<const N: usize>(content: &[u8]) -> Option<([u8; N], usize)> {
    let mut word = [0; N];
    let mut length = 0;
    let mut rest = content;
    while let [first, tail @ ..] = rest {
        let (character, tail) = match (first, tail) {
            (b'\\', [b'u', a, b, c, d, tail @ ..]) => (hex(&[*a, *b, *c, *d])?, tail),
            (b'\\', _) => return None,
            _ => (u32::from(*first), tail),
        };
        *word.get_mut(length)? = u8::try_from(character).ok().filter(u8::is_ascii)?;
        length += 1;
        rest = tail;
    }
    Some((word, length))
}

/// The one ASCII character a valid string consists of, or 0.
#[inline]
pub(crate) fn letter(content: &[u8]) -> u8 {
    match content {
        [letter] => *letter,
        [b'\\', ..] => match word::<1>(content) {
            Some(([letter], 1)) => letter,
            _ => 0,
        },
        _ => 0,
    }
}

fn hex(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |value, digit| Some(value << 4 | char::from(*digit).to_digit(16)?))
}
