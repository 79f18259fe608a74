//! The pieces of memory that one client receives in one write.

use std::io::IoSlice;

/// The origin of a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// The room's log, up to this offset.
    Log(u64),
    /// The rest of an insert of the client, at this offset.
    Insert(u64),
}

/// The progress of a client after a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SendProgress {
    /// The offset in the log.
    pub offset: u64,
    /// The number of inserts sent completely.
    pub inserts: usize,
    /// The number of bytes of the next insert sent now, without those sent before.
    pub of_next: usize,
}

/// Pieces in the order of sending.
#[derive(Debug, Default)]
pub struct Segments<'a> {
    kinds: Vec<Kind>,
    slices: Vec<IoSlice<'a>>,
    /// The offset once everything is sent; skipped frames may follow the last piece.
    end: u64,
}

impl<'a> Segments<'a> {
    /// Add a piece of the log that ends at `end`.
    pub fn push_log(&mut self, end: u64, bytes: &'a [u8]) {
        self.kinds.push(Kind::Log(end));
        self.slices.push(IoSlice::new(bytes));
    }

    /// Add the rest of an insert at the offset `at` of the log.
    pub fn push_insert(&mut self, at: u64, bytes: &'a [u8]) {
        self.kinds.push(Kind::Insert(at));
        self.slices.push(IoSlice::new(bytes));
    }

    /// Set the offset that is reached once everything is sent.
    pub fn finish(&mut self, end: u64) {
        self.end = end;
    }

    /// Return the pieces for one system call.
    #[must_use]
    pub fn slices(&self) -> &[IoSlice<'a>] {
        &self.slices
    }

    /// Return the progress of a client from `offset` after `bytes` of all pieces were sent.
    #[must_use]
    pub fn progress_after(&self, mut offset: u64, mut bytes: usize) -> SendProgress {
        let mut inserts = 0;
        for (kind, slice) in self.kinds.iter().zip(&self.slices) {
            let whole = bytes >= slice.len();
            match *kind {
                Kind::Log(end) if whole => offset = end,
                Kind::Log(end) if bytes > 0 => {
                    return SendProgress { offset: end - (slice.len() - bytes) as u64, inserts, of_next: 0 };
                }
                // The frames skipped before an insert count as done as soon as the insert has begun.
                Kind::Insert(at) if whole => (offset, inserts) = (at, inserts + 1),
                Kind::Insert(at) if bytes > 0 => return SendProgress { offset: at, inserts, of_next: bytes },
                Kind::Log(_) | Kind::Insert(_) => return SendProgress { offset, inserts, of_next: 0 },
            }
            bytes -= slice.len();
        }
        SendProgress { offset: self.end, inserts, of_next: 0 }
    }

    /// Return the first `limit` bytes of all pieces, joined.
    #[must_use]
    pub fn concatenate(&self, limit: usize) -> Vec<u8> {
        let mut whole = Vec::new();
        for slice in &self.slices {
            whole.extend_from_slice(&slice[..slice.len().min(limit - whole.len())]);
        }
        whole
    }
}
