//! The beginning of a frame whose end has not arrived.

/// Frames longer than this get their whole length at once, and each read goes behind the last: were
/// they put together anew at each read, a peer could make a byte cost a megabyte.
const LONG: usize = 16 << 10;

/// The beginning of a frame.
#[derive(Debug, Default)]
pub struct PartialFrame {
    bytes: Vec<u8>,
    filled: usize,
}

impl PartialFrame {
    /// What has come.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.filled]
    }

    /// Whether nothing has.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.filled == 0
    }

    /// Bytes that a long frame still lacks; 0 for a short one, of which that is not known here.
    #[must_use]
    pub fn missing(&self) -> usize {
        self.bytes.len() - self.filled
    }

    /// Keeps the beginning of a frame, in place of what was there.
    pub fn keep(&mut self, bytes: &[u8], length: usize) {
        self.filled = bytes.len();
        if length > LONG && length > bytes.len() {
            // Memory that nothing was written to is not taken from the machine yet.
            self.bytes = vec![0; length];
            self.bytes[..bytes.len()].copy_from_slice(bytes);
        } else {
            self.bytes.clear();
            self.bytes.extend_from_slice(bytes);
        }
    }

    /// Where the next bytes of a long frame are read to, at most so many.
    pub fn room(&mut self, most: usize) -> &mut [u8] {
        let end = self.bytes.len().min(self.filled + most);
        &mut self.bytes[self.filled..end]
    }

    /// Takes so many bytes that were read to its room.
    pub fn came(&mut self, count: usize) {
        self.filled += count.min(self.missing());
    }

    /// Forgets all of it.
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
    fn a_long_frame_grows_where_it_lies() {
        let mut partial = PartialFrame::default();
        partial.keep(b"head", LONG + 1);
        assert_eq!((partial.bytes(), partial.missing()), (&b"head"[..], LONG - 3));
        let place = partial.bytes().as_ptr();
        while partial.missing() > 0 {
            let room = partial.room(1000);
            let count = room.len();
            room.fill(b'x');
            partial.came(count);
        }
        assert_eq!(partial.bytes().as_ptr(), place);
        assert_eq!(partial.bytes().len(), LONG + 1);
        assert!(partial.bytes()[4..].iter().all(|byte| *byte == b'x'));
        partial.clear();
        assert!(partial.is_empty() && partial.bytes.capacity() == 0);
    }

    #[test]
    fn a_short_frame_is_put_together_anew() {
        let mut partial = PartialFrame::default();
        partial.keep(b"head", LONG);
        assert_eq!((partial.bytes(), partial.missing()), (&b"head"[..], 0));
        partial.keep(b"he", 0);
        assert_eq!(partial.bytes(), b"he");
        partial.clear();
        assert!(partial.is_empty());
    }
}
