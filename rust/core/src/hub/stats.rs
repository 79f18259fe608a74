//! Counters and gauges of the hub for metrics, cheap enough to be always on.

use crate::hub::client::Phase;
use crate::hub::refusal::Refusal;
use crate::hub::Hub;
use crate::wire::close_code;

/// The upper bounds of the buckets of flush times, µs; one more bucket has no bound.
pub const FLUSH_BOUNDS: [u64; 12] =
    [50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000];

/// Counters since the start.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stats {
    /// Attached connections.
    pub attached: u64,
    /// Bytes received from clients.
    pub bytes_in: u64,
    /// Frames of clients parsed.
    pub frames_in: u64,
    /// Messages with notes that were broadcast.
    pub notes: u64,
    /// Pointer positions received.
    pub moves: u64,
    /// Pointer positions broadcast; newer positions replaced the others.
    pub moves_out: u64,
    /// Pointer positions that a newer one replaced before the broadcast.
    pub conflated: u64,
    /// Requests for the time answered.
    pub times: u64,
    /// Hot messages refused.
    pub refused: u64,
    /// The same by kind of [`Refusal`].
    pub refusals: [u64; Refusal::COUNT],
    /// Messages broadcast to a room, hot ones included.
    pub broadcasts: u64,
    /// Frames for one client alone, control frames included.
    pub sent_frames: u64,
    /// Messages of rooms, counted once for each receiving client.
    pub deliveries: u64,
    /// Of those, pointer positions that slow readers did not receive.
    pub spared: u64,
    /// System calls that sent something.
    pub sends: u64,
    /// Bytes taken by sockets.
    pub bytes_out: u64,
    /// Bytes queued for clients, once for each receiver; hot messages of rooms are not included.
    pub queued: u64,
    /// Flushes of rooms.
    pub flushes: u64,
    /// Microseconds spent in flushes.
    pub flush_time: u64,
    /// Flushes by duration, see [`FLUSH_BOUNDS`].
    pub flush_times: [u64; FLUSH_BOUNDS.len() + 1],
    /// Connections closed for slowness.
    pub slow: u64,
    /// Ended connections by close code, see [`close_code::ALL`]; the last element counts all other codes.
    pub closes: [u64; close_code::ALL.len() + 1],
}

impl Stats {
    /// Count a flush that took the given number of microseconds.
    pub(crate) fn count_flush(&mut self, took: u64) {
        self.flushes += 1;
        self.flush_time += took;
        self.flush_times[FLUSH_BOUNDS.partition_point(|bound| *bound < took)] += 1;
    }

    /// Count the end of a connection.
    pub(crate) fn count_close(&mut self, code: u16) {
        let known = close_code::ALL.iter().position(|known| known.number == code);
        self.closes[known.unwrap_or(close_code::ALL.len())] += 1;
    }
}

/// The state of the hub at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gauges {
    /// Connections, closing ones included.
    pub connections: usize,
    /// Open connections that sent `hi`.
    pub clients: usize,
    /// Connections with a full socket.
    pub blocked: usize,
    /// Rooms.
    pub rooms: usize,
    /// Participants, once for each room.
    pub participants: usize,
    /// Bytes queued for all clients.
    pub queue: u64,
    /// Bytes queued for the client with the most.
    pub longest_queue: u64,
}

impl Hub {
    /// Return the state of the hub; visits every connection.
    #[must_use]
    pub fn gauges(&self) -> Gauges {
        let mut gauges = Gauges {
            connections: self.connections(),
            rooms: self.rooms.len(),
            participants: self.participants.len(),
            ..Gauges::default()
        };
        for (_, client) in self.clients.iter().filter(|(_, client)| !client.is_remote()) {
            gauges.clients += usize::from(client.has_session && client.phase == Phase::Open);
            gauges.blocked += usize::from(client.blocked);
            let head = self.rooms.get(client.room).map_or(0, |room| room.log.head());
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
    fn a_flush_counts_in_the_first_bucket_that_fits() {
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
    fn unknown_codes_count_together() {
        let mut stats = Stats::default();
        for code in [1000, 3000, 4999, 4009] {
            stats.count_close(code);
        }
        assert_eq!((stats.closes[0], stats.closes[15], stats.closes[16]), (1, 1, 2));
    }
}
