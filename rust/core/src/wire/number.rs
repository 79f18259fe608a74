//! JSON numbers, kept as the digits that the client sent.

use std::io::Write;

use crate::wire::json::{word, Parser, Span};

/// The longest number that is broadcast, in bytes.
///
/// A double needs 24; a megabyte of zeros must not be multiplied by the size of a room.
pub(crate) const MAX_LENGTH: usize = 40;

/// A number without an exponent is finite up to this many bytes: the largest double has 309 digits.
const SURELY_FINITE: usize = 300;

/// A finite number of the text.
#[derive(Clone, Copy)]
pub(crate) struct Number {
    pub(crate) span: Span,
    /// The length of the part before the decimal point.
    whole: u32,
    exponent: bool,
}

impl Parser<'_> {
    /// Consume a number.
    ///
    /// Return `None` also for a number too large for a double (RFC 8259 section 6 allows that limit).
    #[inline]
    pub(crate) fn number(&mut self) -> Option<Number> {
        let start = self.mark();
        if self.peek() == b'-' {
            self.advance(1);
        }
        match self.next() {
            b'0' => (),
            b'1'..=b'9' => self.digits(),
            _ => return None,
        }
        let whole = self.mark() - start;
        if self.peek() == b'.' {
            self.advance(1);
            self.some_digits()?;
        }
        let exponent = matches!(self.peek(), b'e' | b'E');
        if exponent {
            self.advance(1);
            if matches!(self.peek(), b'+' | b'-') {
                self.advance(1);
            }
            self.some_digits()?;
        }
        let number = Number { span: self.since(start), whole, exponent };
        let surely = !exponent && number.span.len() <= SURELY_FINITE;
        (surely || number.value(self.text()).is_finite()).then_some(number)
    }

    #[inline]
    fn digits(&mut self) {
        while self.peek().is_ascii_digit() {
            self.advance(1);
        }
    }

    #[inline]
    fn some_digits(&mut self) -> Option<()> {
        let first = self.next();
        self.digits();
        first.is_ascii_digit().then_some(())
    }
}

impl Number {
    /// Return the span of a number short enough to be broadcast.
    #[inline]
    pub(crate) fn passable(self) -> Option<Span> {
        (self.span.len() <= MAX_LENGTH).then_some(self.span)
    }

    /// Return whether the number is not zero.
    pub(crate) fn is_truthy(self, text: &[u8]) -> bool {
        self.value(text) != 0.0
    }

    /// Return whether the number is a velocity: in 0..=1.
    #[inline]
    pub(crate) fn is_velocity(self, text: &[u8]) -> bool {
        let digits = self.span.of(text);
        digits == b"1"
            || (digits.starts_with(b"0") && !self.exponent)
            || (0.0..=1.0).contains(&self.value(text))
    }

    /// Return whether the number is a delay: in 0..=10000 milliseconds.
    #[inline]
    pub(crate) fn is_delay(self, text: &[u8]) -> bool {
        let unsigned = !self.span.of(text).starts_with(b"-");
        // A number with up to four digits before the decimal point stays below 10000.
        (unsigned && self.whole <= 4 && !self.exponent) || (0.0..=10_000.0).contains(&self.value(text))
    }

    /// Return whether the number equals 1.
    #[inline]
    pub(crate) fn is_one(self, text: &[u8]) -> bool {
        self.span.of(text) == b"1" || (1.0..=1.0).contains(&self.value(text))
    }

    /// Return the nearest double; infinite beyond the range of doubles.
    #[cold]
    pub(crate) fn value(self, text: &[u8]) -> f64 {
        std::str::from_utf8(self.span.of(text))
            .ok()
            .and_then(|digits| digits.parse().ok())
            .unwrap_or(f64::NAN)
    }
}

/// Return whether `content`, the inside of a string, is a finite JSON number short enough to be
/// broadcast: browsers send positions like `"12.34"`.
pub(crate) fn is_numeric(content: &[u8]) -> bool {
    let mut parser = Parser::new(content, 0);
    content.len() <= MAX_LENGTH && parser.number().is_some() && parser.at_end()
}

/// Read `content`, the inside of a string, as a number as people and their programs write one.
///
/// Surrounding spaces, a plus sign and a missing digit on one side of the decimal point are accepted.
pub(crate) fn numeric(content: &[u8]) -> Option<f64> {
    const LONGEST: usize = 400;
    let (digits, length) = word::<LONGEST>(content)?;
    let digits = std::str::from_utf8(&digits[..length]).ok()?;
    digits.trim_matches(' ').parse().ok().filter(|value: &f64| value.is_finite())
}

/// Append a finite number in its shortest JSON form.
pub(crate) fn write(value: f64, out: &mut Vec<u8>) {
    const WHOLE: f64 = 1e15;
    // Neither write fails: a vector grows.
    let _ = if value.fract() == 0.0 && value.abs() < WHOLE {
        write!(out, "{}", value as i64)
    } else {
        write!(out, "{value:?}")
    };
}
