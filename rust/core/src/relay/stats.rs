//! Counters of the relay.

/// Counters since the hub joined the cluster.
#[derive(Clone, Copy, Debug, Default)]
pub struct RelayStats {
    /// Publications.
    pub publications: u64,
    /// Bytes of their messages.
    pub publication_bytes: u64,
    /// Publications received that were messages of this format.
    pub received: u64,
    /// Bytes of those.
    pub received_bytes: u64,
    /// Items of streams published.
    pub items_out: u64,
    /// Items of streams applied.
    pub items_in: u64,
    /// Notes and pointer positions sent to homes.
    pub up_out: u64,
    /// Notes and pointer positions received from edges and broadcast.
    pub up_in: u64,
    /// Notes and pointer positions received from edges and dropped: their sender has left or may not play.
    pub up_dropped: u64,
    /// Snapshots sent.
    pub snapshots: u64,
    /// Gaps found.
    pub gaps: u64,
    /// Publications received twice, or items seen before.
    pub repeated: u64,
    /// Publications received that were no message.
    pub garbage: u64,
    /// Messages for stays that have ended, or replicas that are gone.
    pub stale: u64,
    /// Messages for nodes that are unknown here, which were not sent.
    pub homeless: u64,
    /// Publications of streams whose age is known.
    pub hops: u64,
    /// Microseconds between their publication and their arrival, by the clocks of both nodes.
    pub hop_microseconds: u64,
}

impl RelayStats {
    /// Count a publication.
    pub(crate) fn count_publication(&mut self, bytes: usize) {
        self.publications += 1;
        self.publication_bytes += bytes as u64;
    }

    /// Count the way of a publication by its time and this node's, µs modulo 2³².
    ///
    /// A clock that is behind the other one gives no time.
    pub(crate) fn count_hop(&mut self, sent: u32, now: u32) {
        let took = now.wrapping_sub(sent);
        if took < 1 << 31 {
            self.hops += 1;
            self.hop_microseconds += u64::from(took);
        }
    }
}
