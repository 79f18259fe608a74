//! A room's log: the finished frames for its members, in one order for all.

use crate::wire::frame;

/// The end of a frame in the log, and whether a slow reader may miss the frame.
#[derive(Clone, Copy, Debug)]
struct Mark {
    end: u64,
    skippable: bool,
}

/// A linear buffer of complete frames with absolute offsets; every member has an offset into it.
#[derive(Debug, Default)]
pub struct RoomLog {
    base: u64,
    bytes: Vec<u8>,
    marks: Vec<Mark>,
}

impl RoomLog {
    /// Return the offset after the last frame.
    #[must_use]
    pub fn head(&self) -> u64 {
        self.base + self.bytes.len() as u64
    }

    /// Return whether the log holds no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Return the number of frames in the log.
    #[cfg(test)]
    #[must_use]
    pub fn frames(&self) -> usize {
        self.marks.len()
    }

    /// Append a text frame of `length` bytes that `write` fills; return the offsets of its start and
    /// end.
    ///
    /// A `skippable` frame is left out for members that are far behind: a pointer position, which the
    /// next one makes worthless.
    #[allow(clippy::inline_always)] // a call per broadcast note costs 5 % of a note
    #[inline(always)]
    pub fn append(&mut self, skippable: bool, length: usize, write: impl FnOnce(&mut Vec<u8>)) -> (u64, u64) {
        let start = self.head();
        self.bytes.reserve(length + 10);
        frame::append_header(&mut self.bytes, frame::TEXT, length);
        let payload = self.bytes.len();
        write(&mut self.bytes);
        debug_assert_eq!(self.bytes.len() - payload, length);
        let end = self.head();
        self.marks.push(Mark { end, skippable });
        (start, end)
    }

    /// Return the bytes between two offsets that are still in the log.
    #[must_use]
    pub fn slice(&self, from: u64, to: u64) -> &[u8] {
        &self.bytes[(from - self.base) as usize..(to - self.base) as usize]
    }

    /// Return the end of the frame that contains `offset`, or `offset` itself at the start of a frame.
    #[must_use]
    pub fn frame_end(&self, offset: u64) -> u64 {
        if offset == self.base {
            return offset;
        }
        let at = self.marks.partition_point(|mark| mark.end < offset);
        self.marks.get(at).map_or(offset, |mark| mark.end)
    }

    /// Return the skippable frames that begin at or after `offset`, as ranges.
    pub fn skippable_after(&self, offset: u64) -> impl Iterator<Item = (u64, u64)> + '_ {
        let first = self.marks.partition_point(|mark| mark.end <= offset);
        let mut start = first.checked_sub(1).map_or(self.base, |before| self.marks[before].end);
        self.marks[first..].iter().filter_map(move |mark| {
            let range = (start, mark.end);
            start = mark.end;
            (mark.skippable && range.0 >= offset).then_some(range)
        })
    }

    /// Drop all frames, because every member has received them.
    pub fn clear(&mut self) {
        self.base = self.head();
        self.bytes.clear();
        self.marks.clear();
    }

    /// Drop the frames before `offset`, if that releases enough memory to be worth the move.
    pub fn forget_before(&mut self, offset: u64) {
        let free = (offset - self.base) as usize;
        if free < WORTH_MOVING || free < self.bytes.len() / 4 {
            return;
        }
        // Whole frames only: `frame_end` requires that the log begins with a frame.
        let at = self.marks.partition_point(|mark| mark.end <= offset);
        let Some(last) = at.checked_sub(1) else { return };
        let cut = self.marks[last].end;
        self.bytes.drain(..(cut - self.base) as usize);
        self.marks.drain(..at);
        self.base = cut;
    }

    /// Release the memory of an empty log.
    pub fn shrink(&mut self) {
        if self.is_empty() {
            self.bytes = Vec::new();
            self.marks = Vec::new();
        }
    }
}

/// Append a text frame of several parts to a log; see [`RoomLog::append`].
///
/// A loop over the parts would call `memcpy` for each of the constant ones, which are the most.
macro_rules! append_joined {
    ($log:expr, $skippable:expr, [$($part:expr),+ $(,)?]) => {{
        let length = 0 $(+ $part.len())+;
        $log.append($skippable, length, |out| {
            $(out.extend_from_slice($part);)+
        })
    }};
}

pub(crate) use append_joined;

/// The gain from which the log is moved: moving copies the rest of the log.
const WORTH_MOVING: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn log(sizes: &[(usize, bool)]) -> (RoomLog, Vec<(u64, u64)>) {
        let mut log = RoomLog::default();
        let ranges = sizes
            .iter()
            .map(|&(size, skippable)| log.append(skippable, size, |out| out.resize(out.len() + size, b'x')))
            .collect();
        (log, ranges)
    }

    #[test]
    fn frames_follow_each_other() {
        let (log, ranges) = log(&[(10, false), (200, true), (3, false)]);
        assert_eq!(ranges, [(0, 12), (12, 216), (216, 221)]);
        assert_eq!((log.head(), log.frames()), (221, 3));
        assert_eq!(log.slice(0, 2), [0x81, 10]);
    }

    #[test]
    fn frame_end_finds_the_boundary() {
        let (log, _) = log(&[(10, false), (200, true), (3, false)]);
        for (offset, end) in [(0, 0), (1, 12), (12, 12), (13, 216), (216, 216), (220, 221), (221, 221)] {
            assert_eq!(log.frame_end(offset), end, "{offset}");
        }
    }

    #[test]
    fn skippable_frames_are_whole_and_ahead() {
        let (log, _) = log(&[(10, true), (10, false), (10, true), (10, true)]);
        let after = |offset| log.skippable_after(offset).collect::<Vec<_>>();
        assert_eq!(after(0), [(0, 12), (24, 36), (36, 48)]);
        assert_eq!(after(1), [(24, 36), (36, 48)]);
        assert_eq!(after(25), [(36, 48)]);
        assert_eq!(after(48), []);
    }

    #[test]
    fn forgetting_retains_offsets() {
        let (mut log, ranges) = log(&[(40_000, false), (40_000, false), (40_000, false)]);
        let second = ranges[1];
        log.forget_before(second.0 + 5);
        assert_eq!(log.frames(), 3, "40 kB are not worth a move");
        log.forget_before(ranges[2].0 + 5);
        assert_eq!(log.frames(), 1);
        assert_eq!(log.slice(ranges[2].0, ranges[2].0 + 1), [0x81]);
        assert_eq!(log.frame_end(ranges[2].0 + 7), ranges[2].1);
        let head = log.head();
        log.clear();
        log.shrink();
        assert_eq!((log.head(), log.frames(), log.is_empty()), (head, 0, true));
    }
}
