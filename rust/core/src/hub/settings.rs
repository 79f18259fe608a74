//! The settings of the hub.

use crate::limits::meter::Flow;
use crate::limits::token_bucket::Rate;
use crate::wire::frame::MessageLimits;

/// The default share of one turn of the loop, µs.
pub const SHARE: u64 = 1_000;

/// The settings of the hub. Times in microseconds, sizes in bytes.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Limits on one message of a client.
    pub limits: MessageLimits,
    /// The lag from which a reader misses pointer positions.
    pub lag_soft: u64,
    /// The lag from which a reader is closed with 1013.
    pub lag_hard: u64,
    /// The time after which a client whose full socket takes nothing is closed with 1013.
    pub stall: u64,
    /// The time after which a client without `hi` is closed with 4004.
    pub hello: u64,
    /// The time after which a silent client is pinged.
    pub ping: u64,
    /// The time after which a pinged client that stays silent is dropped.
    pub pong: u64,
    /// The time that the peer may take to answer a close frame.
    pub linger: u64,
    /// The share of its time that a room may spend on sending, in 0..1.
    pub duty: f64,
    /// The longest rest of a room after a flush.
    pub rest: u64,
    /// The share of one turn of the loop for each task that can be interrupted: sending, the handlers
    /// of messages, and requests.
    pub share: u64,
    /// The time between two positions of one pointer.
    ///
    /// Half of it is the time between two flushes of a room for pointer positions alone.
    pub move_gap: u64,
    /// The time after `hi` or the last request for the time after which a client is closed with 4004; 0
    /// for never.
    pub silence: u64,
    /// The rate at which a user may ask for the time.
    pub time: Rate,
    /// The number of ticks of the quota that may be spent in advance.
    pub quota_forgiven: u32,
    /// The time between two refills of the note quotas.
    pub quota_tick: u64,
    /// The number of past ticks that a quota remembers (`maxHistLen`).
    pub quota_history: usize,
    /// Whether notes off the keyboard are broadcast, for scripts that draw with them.
    pub custom_notes: bool,
    /// The time in which a client receives only one notice of a kind.
    pub notice_gap: u64,
    /// The bytes of a metered client; more closes it with 4002.
    pub bytes: Flow,
    /// The messages of a metered client; more closes it with 4007.
    pub messages: Flow,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            limits: MessageLimits { message: 1 << 20, fragments: 1024 },
            lag_soft: 256 << 10,
            lag_hard: 2 << 20,
            stall: 10_000_000,
            hello: 30_000_000,
            ping: 25_000_000,
            pong: 10_000_000,
            linger: 2_000_000,
            duty: 0.75,
            rest: 20_000,
            share: SHARE,
            move_gap: 40_000,
            silence: 0,
            time: Rate { burst: 30, interval: 100_000 },
            quota_forgiven: 0,
            quota_tick: 1_000_000,
            quota_history: 3,
            custom_notes: false,
            notice_gap: 5_000_000,
            bytes: Flow { per_second: 1 << 20, most: 5 << 20 },
            messages: Flow { per_second: 5_000, most: 25_000 },
        }
    }
}
