//! The pieces of memory that one client is sent in one go.

use std::io::IoSlice;

/// What a piece is a part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// The room's log, up to this position.
    Log(u64),
    /// The rest of an insert of the client's own, which stands at this position.
    Insert(u64),
}

/// Where a client stands after a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SendProgress {
    /// The position in the log.
    pub offset: u64,
    /// Inserts that are sent whole.
    pub inserts: usize,
    /// Bytes of the next insert that are sent, beyond those sent before.
    pub of_next: usize,
}

/// Pieces in the order in which they go out.
#[derive(Debug, Default)]
pub struct Segments<'a> {
    kinds: Vec<Kind>,
    slices: Vec<IoSlice<'a>>,
    /// Where the cursor stands when all is sent; what is left out may lie behind the last piece.
    end: u64,
}

impl<'a> Segments<'a> {
    /// Adds a piece of the log that ends at `end`.
    pub fn push_log(&mut self, end: u64, bytes: &'a [u8]) {
        self.kinds.push(Kind::Log(end));
        self.slices.push(IoSlice::new(bytes));
    }

    /// Adds the rest of an insert that stands at the position `at` of the log.
    pub fn push_insert(&mut self, at: u64, bytes: &'a [u8]) {
        self.kinds.push(Kind::Insert(at));
        self.slices.push(IoSlice::new(bytes));
    }

    /// Says where the cursor stands when all is sent.
    pub fn finish(&mut self, end: u64) {
        self.end = end;
    }

    /// The pieces for one system call.
    #[must_use]
    pub fn slices(&self) -> &[IoSlice<'a>] {
        &self.slices
    }

    /// Where a client that stood at `offset` stands after `bytes` of all pieces were sent.
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
                // What is left out before an insert is behind the client as soon as that has begun.
                Kind::Insert(at) if whole => (offset, inserts) = (at, inserts + 1),
                Kind::Insert(at) if bytes > 0 => return SendProgress { offset: at, inserts, of_next: bytes },
                Kind::Log(_) | Kind::Insert(_) => return SendProgress { offset, inserts, of_next: 0 },
            }
            bytes -= slice.len();
        }
        SendProgress { offset: self.end, inserts, of_next: 0 }
    }

    /// The first `limit` bytes of all pieces, one after the other.
    #[must_use]
    pub fn concatenate(&self, limit: usize) -> Vec<u8> {
        let mut whole = Vec::new();
        for slice in &self.slices {
            whole.extend_from_slice(&slice[..slice.len().min(limit - whole.len())]);
        }
        whole
    }
}
