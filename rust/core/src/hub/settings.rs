//! The settings of the hub.

use std::num::NonZeroU32;

use crate::limits::meter::Flow;
use crate::limits::token_bucket::Rate;
use crate::settings::{declare_settings, Milliseconds, Period, Seconds, Share};
use crate::wire::frame::MessageLimits;

/// The share of one turn of the loop for each task that can be interrupted, µs: sending, the handlers of
/// messages, and requests.
pub const SHARE: u64 = 1_000;

/// The time that the peer may take to answer a close frame.
pub(super) const LINGER: Seconds = Seconds(2.0);

declare_settings! {
    /// The settings of the hub, each as the operator names it.
    pub struct Settings {
        /// The largest message of a client.
        pub message_bytes: usize,
        /// The largest number of fragments of a message.
        pub fragments: u32,
        /// The lag from which a reader misses pointer positions.
        pub lag_soft_bytes: u64,
        /// The lag from which a reader is closed with 1013.
        pub lag_hard_bytes: u64,
        /// The time after which a client whose full socket takes nothing is closed with 1013.
        pub stall_seconds: Seconds,
        /// The time after which a client without `hi` is closed with 4004.
        pub hello_seconds: Seconds,
        /// The time after which a silent client is pinged.
        pub ping_seconds: Seconds,
        /// The time after which a pinged client that stays silent is dropped.
        pub pong_seconds: Seconds,
        /// The share of its time that a room may spend on sending.
        pub duty: Share,
        /// The longest rest of a room after a flush.
        pub rest_ms: Milliseconds,
        /// The time between two positions of one pointer.
        ///
        /// A newer position replaces one that waits, and the last one is always sent. Half of this time is
        /// the time between two flushes of a room for pointer positions alone.
        pub move_ms: Milliseconds,
        /// The time after `hi` or the last `t` after which a client is closed with 4004; 0 for never.
        pub silence_ms: Milliseconds,
        /// The rate of a user's `t`. The address of a metered client may send thirty times as many.
        pub rate_time: Rate,
        /// The number of ticks of the quota that may be spent in advance.
        pub quota_forgiven_ticks: u32,
        /// The time between two refills of the note quotas.
        pub quota_tick_ms: Period,
        /// The number of past ticks that a quota remembers (`maxHistLen`).
        pub quota_history: NonZeroU32,
        /// Whether notes off the keyboard are broadcast, for scripts that draw with them.
        pub custom_notes: bool,
        /// The time in which a client receives only one notice of a kind.
        pub notice_gap_ms: Milliseconds,
        /// The bytes that a metered client may send per second; more closes it with 4002.
        pub bytes_per_second: u64,
        /// The messages that a metered client may send per second; more closes it with 4007.
        pub messages_per_second: u64,
        /// The size of the buckets of both rates, as the time in which they fill.
        ///
        /// After a rest, a client may send at twice the rate for that long.
        pub burst_seconds: Seconds,
    }
}

impl Settings {
    /// Return the limits on one message of a client.
    #[inline]
    #[must_use]
    pub fn message_limits(&self) -> MessageLimits {
        MessageLimits { message: self.message_bytes, fragments: self.fragments }
    }

    /// Return the number of past ticks that a quota remembers.
    #[must_use]
    pub fn remembered_ticks(&self) -> usize {
        self.quota_history.get() as usize
    }

    /// Return the allowed traffic of a metered client, in bytes.
    #[inline]
    #[must_use]
    pub fn byte_flow(&self) -> Flow {
        self.flow(self.bytes_per_second)
    }

    /// Return the allowed traffic of a metered client, in messages.
    #[inline]
    #[must_use]
    pub fn message_flow(&self) -> Flow {
        self.flow(self.messages_per_second)
    }

    fn flow(&self, per_second: u64) -> Flow {
        Flow { per_second, most: (per_second as f64 * self.burst_seconds.0) as u64 }
    }
}

#[cfg(any(test, feature = "test-support"))]
impl Default for Settings {
    /// Return settings for tests of the core, which has no operator.
    fn default() -> Self {
        Self {
            message_bytes: 1 << 20,
            fragments: 1024,
            lag_soft_bytes: 256 << 10,
            lag_hard_bytes: 2 << 20,
            stall_seconds: Seconds(10.0),
            hello_seconds: Seconds(30.0),
            ping_seconds: Seconds(25.0),
            pong_seconds: Seconds(10.0),
            duty: Share(0.75),
            rest_ms: Milliseconds(20.0),
            move_ms: Milliseconds(40.0),
            silence_ms: Milliseconds(0.0),
            rate_time: Rate { burst: 30, interval: 100_000 },
            quota_forgiven_ticks: 0,
            quota_tick_ms: Period(Milliseconds(1_000.0)),
            quota_history: NonZeroU32::MIN.saturating_add(2),
            custom_notes: false,
            notice_gap_ms: Milliseconds(5_000.0),
            bytes_per_second: 1 << 20,
            messages_per_second: 5_000,
            burst_seconds: Seconds(5.0),
        }
    }
}
