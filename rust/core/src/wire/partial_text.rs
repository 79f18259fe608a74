//! The text of an incomplete frame, checked as far as it has arrived (RFC 6455 section 8.1).

use crate::wire::close_code::INVALID_TEXT;
use crate::wire::frame::{self, text_payload, Fragments, MessageLimits, Parsed};

/// The part of an incomplete frame's text that is known to be UTF-8.
///
/// Each byte is checked once, however the frame arrives, but for those of an unfinished character.
#[derive(Debug, Default)]
pub struct PartialText {
    /// The number of bytes of the payload that are whole characters.
    checked: usize,
}

impl PartialText {
    /// Parse as [`frame::parse`] does, and check the text of an incomplete frame too, as the hub does.
    pub fn parse(
        &mut self,
        bytes: &mut [u8],
        fragments: &mut Option<Box<Fragments>>,
        limits: MessageLimits,
    ) -> Parsed {
        let parsed = frame::parse(bytes, fragments, limits);
        if parsed != Parsed::Incomplete {
            *self = Self::default();
            return parsed;
        }
        self.check(bytes, fragments.as_deref()).map_or_else(Parsed::Violation, |()| Parsed::Incomplete)
    }

    /// Check the bytes of an incomplete frame, still masked, that have arrived since the last call.
    ///
    /// Frames that are no part of a text pass. `fragments` are those received before the frame.
    ///
    /// # Errors
    /// The close code, if no further bytes could make the text valid.
    #[cold]
    pub fn check(&mut self, bytes: &[u8], fragments: Option<&Fragments>) -> Result<(), u16> {
        let Some((payload, mut key)) = text_payload(bytes, fragments) else { return Ok(()) };
        let begun = fragments.filter(|_| self.checked == 0).map_or(&[][..], Fragments::unfinished);
        key.rotate_left(self.checked % 4);
        let new = payload[self.checked..].iter().zip(key.into_iter().cycle());
        let text: Vec<u8> = begun.iter().copied().chain(new.map(|(byte, mask)| byte ^ mask)).collect();
        let valid = match simdutf8::compat::from_utf8(&text) {
            Ok(_) => text.len(),
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            Err(_) => return Err(INVALID_TEXT),
        };
        self.checked += valid.saturating_sub(begun.len());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 4] = [1, 2, 3, 4];

    /// Return the beginning of a frame that announces ten bytes more than it has.
    fn begun(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut bytes = vec![first, 0x80 | (payload.len() as u8 + 10)];
        bytes.extend_from_slice(&KEY);
        bytes.extend(payload.iter().zip(KEY.into_iter().cycle()).map(|(byte, mask)| byte ^ mask));
        bytes
    }

    /// Return after how many bytes of the payload the text is refused, if they come one by one.
    fn refused_after(first: u8, payload: &[u8], fragments: Option<&Fragments>) -> Option<usize> {
        let mut text = PartialText::default();
        let whole = begun(first, payload);
        let end = (0..=whole.len()).find(|end| text.check(&whole[..*end], fragments).is_err());
        assert_eq!(end.is_some(), PartialText::default().check(&whole, fragments).is_err());
        end.map(|end| end - 6)
    }

    /// Return the state of a message after its first fragment.
    fn fragment(first: u8, payload: &[u8]) -> Option<Box<Fragments>> {
        let mut bytes = begun(first, payload);
        bytes[1] -= 10;
        let mut pending = None;
        let limits = MessageLimits { message: 1000, fragments: 3 };
        assert!(matches!(frame::parse(&mut bytes, &mut pending, limits), Parsed::Frame(..)));
        pending
    }

    #[test]
    fn text_is_refused_at_the_byte_that_shows_it() {
        let cases: &[(&[u8], Option<usize>)] = &[
            ("κόσμε 🎹".as_bytes(), None),
            (b"abc\xff", Some(4)),
            (b"\xce\xba\xf4\x90", Some(4)),
            (b"\xf4\x8f\xbf", None),
            (b"\xed\xa0", Some(2)),
            (b"\xe2\x82\x28", Some(3)),
            (b"\xc0", Some(1)),
        ];
        for (payload, refused) in cases {
            assert_eq!(refused_after(0x81, payload, None), *refused, "{payload:?}");
            assert_eq!(refused_after(0x01, payload, None), *refused, "{payload:?}");
            assert_eq!(refused_after(0x82, payload, None), None, "binary");
            assert_eq!(refused_after(0x89, payload, None), None, "a ping");
        }
    }

    #[test]
    fn a_character_goes_on_in_the_next_fragment() {
        let pending = fragment(0x01, b"a\xf0\x9f");
        let pending = pending.as_deref();
        assert_eq!(refused_after(0x00, b"\x8e\xb9 and \xce", pending), None);
        assert_eq!(refused_after(0x00, b"\x8e\x20", pending), Some(2));
        assert_eq!(refused_after(0x80, b"\x20", pending), Some(1));
        assert_eq!(refused_after(0x80, b"\x8e\xb9\xff", pending), Some(3));
        let binary = fragment(0x02, b"a\xf0\x9f");
        assert_eq!(refused_after(0x00, b"\xff", binary.as_deref()), None);
        assert_eq!(refused_after(0x00, b"\xff", None), None, "refused as a frame, by its header");
    }
}
