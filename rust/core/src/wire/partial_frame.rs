//! The beginning of a frame whose end has not arrived.

use crate::wire::frame::Fragments;
use crate::wire::partial_text::PartialText;

/// The size from which a frame is allocated at once, so that each read appends to the last one.
///
/// Without this a long frame would be copied anew at each read, and a peer could make one byte cost a
/// megabyte.
const LONG: usize = 16 << 10;

/// The beginning of a frame.
#[derive(Debug, Default)]
pub struct PartialFrame {
    bytes: Vec<u8>,
    filled: usize,
    text: PartialText,
}

impl PartialFrame {
    /// Return the bytes received so far.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.filled]
    }

    /// Return whether no bytes were received.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.filled == 0
    }

    /// Return the number of bytes that a long frame still lacks; 0 for a short one, whose length is
    /// unknown here.
    #[must_use]
    pub fn missing(&self) -> usize {
        self.bytes.len() - self.filled
    }

    /// Store the beginning of a frame in place of the earlier content.
    ///
    /// If the frame `continues`, the earlier content was a shorter beginning of the same frame. Then its
    /// text is not checked again: one byte could cost 16 KiB otherwise.
    pub fn store(&mut self, bytes: &[u8], length: usize, continues: bool) {
        self.filled = bytes.len();
        if !continues {
            self.text = PartialText::default();
        }
        if length > LONG && length > bytes.len() {
            // The system commits memory only when it is first written to.
            self.bytes = vec![0; length];
            self.bytes[..bytes.len()].copy_from_slice(bytes);
        } else {
            self.bytes.clear();
            self.bytes.extend_from_slice(bytes);
        }
    }

    /// Return the buffer for the next bytes of a long frame, at most `most` bytes.
    pub fn free_space(&mut self, most: usize) -> &mut [u8] {
        let end = self.bytes.len().min(self.filled + most);
        &mut self.bytes[self.filled..end]
    }

    /// Count `count` bytes that were read into the buffer of [`PartialFrame::free_space`].
    pub fn received(&mut self, count: usize) {
        self.filled += count.min(self.missing());
    }

    /// Check the text of the frame as far as it has arrived; the error is a close code.
    pub fn check_text(&mut self, fragments: Option<&Fragments>) -> Result<(), u16> {
        self.text.check(&self.bytes[..self.filled], fragments)
    }

    /// Forget all bytes.
    pub fn clear(&mut self) {
        if self.bytes.capacity() > LONG {
            self.bytes = Vec::new();
        }
        self.bytes.clear();
        self.filled = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_frame_grows_in_place() {
        let mut partial = PartialFrame::default();
        partial.store(b"head", LONG + 1, false);
        assert_eq!((partial.bytes(), partial.missing()), (&b"head"[..], LONG - 3));
        let place = partial.bytes().as_ptr();
        while partial.missing() > 0 {
            let space = partial.free_space(1000);
            let count = space.len();
            space.fill(b'x');
            partial.received(count);
        }
        assert_eq!(partial.bytes().as_ptr(), place);
        assert_eq!(partial.bytes().len(), LONG + 1);
        assert!(partial.bytes()[4..].iter().all(|byte| *byte == b'x'));
        partial.clear();
        assert!(partial.is_empty() && partial.bytes.capacity() == 0);
    }

    #[test]
    fn a_short_frame_is_stored_anew() {
        let mut partial = PartialFrame::default();
        partial.store(b"head", LONG, false);
        assert_eq!((partial.bytes(), partial.missing()), (&b"head"[..], 0));
        partial.store(b"ab", 0, false);
        assert_eq!(partial.bytes(), b"ab");
        partial.clear();
        assert!(partial.is_empty());
    }
}
