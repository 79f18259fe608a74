//! Every number that the hub goes by.

use crate::limits::meter::Flow;
use crate::limits::throttle::Rate;
use crate::wire::frame::MessageLimits;

/// The usual share of one turn of the loop, µs.
pub const SHARE: u64 = 1_000;

/// Every number that the hub goes by. Times in microseconds, sizes in bytes.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What a client's message may measure.
    pub limits: MessageLimits,
    /// A reader that is further behind misses cursor positions.
    pub lag_soft: u64,
    /// A reader that is further behind is closed with 1013.
    pub lag_hard: u64,
    /// A full socket that takes nothing for so long is closed with 1013.
    pub stall: u64,
    /// A client that has not said `hi` after so long is closed with 4004.
    pub hello: u64,
    /// A client that is silent for so long is pinged.
    pub ping: u64,
    /// A pinged client that stays silent for so long is gone.
    pub pong: u64,
    /// How long the peer may take to answer a close frame.
    pub linger: u64,
    /// The share of its time that a room may spend sending, in 0..1.
    pub duty: f64,
    /// The longest rest of a room after a flush.
    pub rest: u64,
    /// The share of one turn of the loop that whatever may be cut off has: sending, and the handlers
    /// of messages, and requests.
    pub share: u64,
    /// The time between two positions of one cursor, and half of it between two flushes of a room
    /// that positions alone cause.
    pub move_gap: u64,
    /// A client that has not asked for the time for so long after `hi` is closed with 4004; 0: never.
    pub silence: u64,
    /// How often a user may ask for the time.
    pub time: Rate,
    /// Ticks of the quota that may be spent before they come.
    pub quota_forgiven: u32,
    /// The time between two refills of the note quotas.
    pub quota_tick: u64,
    /// How many past ticks a quota remembers (`maxHistLen`).
    pub quota_history: usize,
    /// Whether notes that are no keys are passed on, for scripts that draw by them.
    pub custom_notes: bool,
    /// The time in which a client is told only once why something of one kind was refused.
    pub notice_gap: u64,
    /// Bytes of a metered client; more is 4002.
    pub bytes: Flow,
    /// Messages of a metered client; more is 4007.
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
