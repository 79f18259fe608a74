//! The publications that wait for the connection to the broker, in the order in which they leave.

/// The memory that an empty outbox keeps.
const KEPT: usize = 1 << 20;

/// One publication: the ends of its channel and of its message in the outbox.
#[derive(Clone, Copy, Debug)]
struct Mark {
    channel_end: usize,
    end: usize,
}

/// Publications in order.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    bytes: Vec<u8>,
    marks: Vec<Mark>,
}

impl Outbox {
    /// Return whether no publication waits.
    pub fn is_empty(&self) -> bool {
        self.marks.is_empty()
    }

    /// Return the number of bytes that wait.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Append a publication on the channel that consists of `parts`; return the size of its message.
    #[inline]
    pub fn push(&mut self, channel: &[&[u8]], write: impl FnOnce(&mut Vec<u8>)) -> usize {
        for part in channel {
            self.bytes.extend_from_slice(part);
        }
        let channel_end = self.bytes.len();
        write(&mut self.bytes);
        let end = self.bytes.len();
        self.marks.push(Mark { channel_end, end });
        end - channel_end
    }

    /// Call `each` with channel and message of every publication, and forget them.
    pub fn drain(&mut self, mut each: impl FnMut(&[u8], &[u8])) {
        let mut start = 0;
        for mark in self.marks.drain(..) {
            each(&self.bytes[start..mark.channel_end], &self.bytes[mark.channel_end..mark.end]);
            start = mark.end;
        }
        self.bytes.clear();
        self.bytes.shrink_to(KEPT);
    }
}
