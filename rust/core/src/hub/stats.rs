//! What the hub counts, for metrics: cheap enough to be counted always.

use crate::hub::client::Phase;
use crate::hub::refusal::Refusal;
use crate::hub::Hub;
use crate::wire::close_code::ABNORMAL;

/// The close codes that are counted one by one; a peer may choose among thousands.
pub const CLOSE_CODES: [u16; 15] =
    [1000, 1001, 1002, 1005, ABNORMAL, 1007, 1009, 1011, 1013, 4000, 4002, 4004, 4007, 4008, 4009];

/// The upper bounds of the flush times that are counted together, µs; one more has no bound.
pub const FLUSH_BOUNDS: [u64; 12] =
    [50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000];

/// Counters since the start.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stats {
    /// Connections that were taken in.
    pub attached: u64,
    /// Bytes of clients that were read.
    pub bytes_in: u64,
    /// Frames of clients that were parsed.
    pub frames_in: u64,
    /// Messages of notes that were passed on.
    pub notes: u64,
    /// Cursor positions that came in.
    pub moves: u64,
    /// Cursor positions that were passed on; the others were overtaken by newer ones.
    pub moves_out: u64,
    /// Cursor positions that a newer one replaced before they were passed on.
    pub conflated: u64,
    /// Requests for the time that were answered.
    pub times: u64,
    /// Hot messages that were refused.
    pub refused: u64,
    /// The same by kind of [`Refusal`].
    pub refusals: [u64; Refusal::COUNT],
    /// Messages that were said to a room, its hot ones included.
    pub broadcasts: u64,
    /// Frames for one client alone, control frames included.
    pub sent_frames: u64,
    /// Messages of rooms, counted once for each client that is to get them.
    pub deliveries: u64,
    /// Of those, cursor positions that slow readers were spared.
    pub spared: u64,
    /// System calls that sent something.
    pub sends: u64,
    /// Bytes that sockets took.
    pub bytes_out: u64,
    /// Flushes of rooms.
    pub flushes: u64,
    /// Microseconds spent in them.
    pub flush_time: u64,
    /// Flushes by how long they took, see [`FLUSH_BOUNDS`].
    pub flush_times: [u64; FLUSH_BOUNDS.len() + 1],
    /// Connections that were closed for being slow.
    pub slow: u64,
    /// Connections that ended, by [`CLOSE_CODES`]; the last counts all other codes.
    pub closes: [u64; CLOSE_CODES.len() + 1],
}

impl Stats {
    /// Counts a flush that took so many microseconds.
    pub(crate) fn count_flush(&mut self, took: u64) {
        self.flushes += 1;
        self.flush_time += took;
        self.flush_times[FLUSH_BOUNDS.partition_point(|bound| *bound < took)] += 1;
    }

    /// Counts the end of a connection.
    pub(crate) fn count_close(&mut self, code: u16) {
        let known = CLOSE_CODES.iter().position(|one| *one == code);
        self.closes[known.unwrap_or(CLOSE_CODES.len())] += 1;
    }
}

/// How things stand at a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gauges {
    /// Connections, closing ones included.
    pub connections: usize,
    /// Open connections that have said `hi`.
    pub clients: usize,
    /// Connections whose socket is full.
    pub blocked: usize,
    /// Rooms.
    pub rooms: usize,
    /// People in rooms, once for each room.
    pub participants: usize,
    /// Bytes that wait for all clients.
    pub queue: u64,
    /// Bytes that wait for the client for whom most bytes wait.
    pub longest_queue: u64,
}

impl Hub {
    /// Says how things stand; looks at every connection.
    #[must_use]
    pub fn gauges(&self) -> Gauges {
        let mut gauges = Gauges {
            connections: self.clients.len(),
            rooms: self.rooms.len(),
            participants: self.participants.len(),
            ..Gauges::default()
        };
        for (_, client) in &self.clients {
            gauges.clients += usize::from(client.has_session && client.phase == Phase::Open);
            gauges.blocked += usize::from(client.blocked);
            let head = self.rooms.get(client.room as usize).map_or(0, |room| room.log.head());
            let lag = client.lag(head);
            gauges.queue += lag;
            gauges.longest_queue = gauges.longest_queue.max(lag);
        }
        gauges
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flush_counts_under_the_first_bound_that_holds_it() {
        let mut stats = Stats::default();
        for took in [0, 50, 51, 250_000, 250_001] {
            stats.count_flush(took);
        }
        assert_eq!((stats.flushes, stats.flush_time), (5, 500_102));
        let mut expected = [0; FLUSH_BOUNDS.len() + 1];
        (expected[0], expected[1], expected[11], expected[12]) = (2, 1, 1, 1);
        assert_eq!(stats.flush_times, expected);
    }

    #[test]
    fn codes_that_a_peer_made_up_count_together() {
        let mut stats = Stats::default();
        for code in [1000, 3000, 4999, 4009] {
            stats.count_close(code);
        }
        assert_eq!((stats.closes[0], stats.closes[14], stats.closes[15]), (1, 1, 2));
    }
}
