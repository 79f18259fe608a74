//! Walk one strict JSON text (RFC 8259) byte by byte.
//!
//! The parser builds no values: it checks and skips them, and a caller keeps a value as a [`Span`] of
//! the text. Every method returns `None` where the text is not strict JSON; the parser is unusable
//! after that.

/// The deepest nesting allowed in a message, the outer array included.
///
/// Real messages have at most four levels; the data of a `custom` message may have as many as its
/// script wants.
pub const MAX_DEPTH: u32 = 64;

/// The length of an escape with four hex digits.
const ESCAPE: usize = 6;

/// A range of bytes of the scanned text, with four-byte offsets: no message comes near 4 GiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Offset of the first byte.
    pub start: u32,
    /// Offset after the last byte.
    pub end: u32,
}

impl Span {
    /// Return the bytes of `text` in this span.
    ///
    /// The result is empty if `text` is another text than the scanned one and is too short.
    #[must_use]
    #[inline]
    pub fn of(self, text: &[u8]) -> &[u8] {
        text.get(self.start as usize..self.end as usize).unwrap_or_default()
    }

    /// Return the number of bytes.
    #[must_use]
    #[inline]
    pub fn len(self) -> usize {
        (self.end - self.start) as usize
    }

    /// Return whether the span has no bytes.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.start == self.end
    }

    /// Return the span without its first and last byte: the content of a string without the quotes.
    #[inline]
    pub(crate) fn inner(self) -> Self {
        Self { start: self.start + 1, end: self.end - 1 }
    }
}

/// A parser at one place of a JSON text.
pub(crate) struct Parser<'a> {
    text: &'a [u8],
    pos: usize,
    depth: u32,
    /// Whether an escape of a lone surrogate was found.
    has_lone_surrogates: bool,
}

impl<'a> Parser<'a> {
    /// Start at byte `pos` of `text`.
    #[inline]
    pub(crate) fn new(text: &'a [u8], pos: u32) -> Self {
        Self { text, pos: pos as usize, depth: 0, has_lone_surrogates: false }
    }

    /// Start at the beginning of `text`, which is an element of an array that was not sent.
    pub(crate) fn of_element(text: &'a [u8]) -> Self {
        Self { depth: 1, ..Self::new(text, 0) }
    }

    /// Return whether an escape of a lone surrogate was found: see [`replace_lone_surrogates`].
    #[inline]
    pub(crate) fn has_lone_surrogates(&self) -> bool {
        self.has_lone_surrogates
    }

    /// Return the whole text, which spans refer to.
    #[inline]
    pub(crate) fn text(&self) -> &'a [u8] {
        self.text
    }

    /// Return the current byte.
    ///
    /// The end of the text reads as NUL, which JSON allows nowhere; therefore the end needs no case of
    /// its own.
    #[inline]
    pub(crate) fn peek(&self) -> u8 {
        self.text.get(self.pos).copied().unwrap_or(0)
    }

    /// Consume the current byte.
    #[inline]
    pub(crate) fn next(&mut self) -> u8 {
        let byte = self.peek();
        self.pos += 1;
        byte
    }

    /// Consume `byte` if it is the current one.
    #[inline]
    pub(crate) fn eat(&mut self, byte: u8) -> Option<()> {
        (self.next() == byte).then_some(())
    }

    /// Skip `count` bytes that were checked already.
    #[inline]
    pub(crate) fn advance(&mut self, count: usize) {
        self.pos += count;
    }

    /// Return the current offset, where a span may begin.
    #[inline]
    pub(crate) fn mark(&self) -> u32 {
        self.pos as u32
    }

    /// Return the span from `start` to the current offset.
    #[inline]
    pub(crate) fn since(&self, start: u32) -> Span {
        Span { start, end: self.mark() }
    }

    /// Return whether the text is used up.
    pub(crate) fn at_end(&self) -> bool {
        self.pos == self.text.len()
    }

    /// Skip the four characters that JSON calls white space.
    #[inline]
    pub(crate) fn whitespace(&mut self) {
        while matches!(self.peek(), b' ' | b'\t' | b'\n' | b'\r') {
            self.pos += 1;
        }
    }

    /// Walk an array; `item` consumes each of its values.
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

    /// Walk an object; `member` consumes the value of each key.
    ///
    /// A key of one ASCII character is passed as that character, any other key as 0: no key of the hot
    /// messages is longer.
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

    /// Enter a container; return false if the container is empty and was left again.
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

    /// Go on to the next value of a container; return false if there is none and the container was
    /// left.
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

    /// Consume a string and return its span, quotes included.
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
                // Half a character is not text: no later decoder could write it as UTF-8. Programs that
                // count in UTF-16 units cut texts there.
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

    /// Consume any value.
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

/// Write U+FFFD over the escapes of lone surrogates, as a browser does with the text it sends.
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

/// Return whether the escape of a low surrogate begins at byte `at`.
fn is_low_surrogate(text: &[u8], at: usize) -> bool {
    matches!(code_unit(text, at), Some(0xdc00..=0xdfff))
}

/// Return the UTF-16 code unit of the escape at byte `at`.
fn code_unit(text: &[u8], at: usize) -> Option<u32> {
    hex(text.get(at..at + ESCAPE)?.strip_prefix(b"\\u")?)
}

/// Decode the content of a valid string as a short ASCII word, which may contain escapes: `\u0063s4`
/// for `cs4`.
///
/// Return `None` if the word is longer than `N` or has other characters. Short escapes such as `\n` are
/// among those: no known word contains them.
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

/// Return the one ASCII character that a valid string consists of, or 0.
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
