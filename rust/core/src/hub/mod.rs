//! The hub: all connections, rooms and people as plain data, and what may be done with them.
//!
//! [`crate::hub::inbound`] brings in what clients send, [`crate::hub::outbound`] sends out what they are owed,
//! [`crate::hub::timers`] looks after the silent and the slow.

mod client;
mod close_order;
mod connections;
mod deferred;
pub mod handover;
mod hot_messages;
mod inbound;
mod inbound_state;
mod outbound;
mod participants;
mod refusal;
mod room;
mod room_log;
mod schedule;
mod segments;
mod sending;
mod settings;
pub mod stats;
mod timers;

use std::collections::VecDeque;
use std::io;
use std::os::fd::RawFd;

use slab::Slab;

use crate::hub::client::Client;
pub use crate::hub::close_order::CloseOrder;
use crate::hub::deferred::HandlerBudget;
pub use crate::hub::inbound::StepResult;
use crate::hub::inbound_state::InboundState;
pub use crate::hub::refusal::Refusal;
use crate::hub::room::{Participant, Room};
pub use crate::hub::settings::{Settings, SHARE};
pub use crate::hub::stats::Stats;
use crate::limits::quota::Quotas;
use crate::limits::time_limit::TimeLimiter;
use crate::sys::clock::Clock;
use crate::sys::socket::Poller;

/// No room, no person: the slot number that none has.
pub const NONE: u32 = u32::MAX;

/// All connections, rooms and people, and the time.
pub struct Hub {
    pub(crate) settings: Settings,
    pub(crate) clock: Clock,
    /// The time of the turn of the loop that is under way, µs.
    pub(crate) now: u64,
    pub(crate) clients: Slab<Client>,
    pub(crate) rooms: Slab<Room>,
    pub(crate) participants: Slab<Participant>,
    /// The note quotas, one for each user.
    pub quotas: Quotas,
    pub(crate) poller: Poller,
    pub(crate) inbound: InboundState,
    /// What clients are told when a hot message is refused, as finished frames.
    pub(crate) notices: [Vec<u8>; Refusal::COUNT],
    pub(crate) rooms_to_flush: Vec<u32>,
    pub(crate) clients_to_flush: Vec<u32>,
    pub(crate) close_orders: VecDeque<(u32, CloseOrder)>,
    pub(crate) handler_budget: HandlerBudget,
    /// How often users and addresses ask for the time.
    pub(crate) time_limiter: TimeLimiter,
    /// Whether a turn of the loop is under way that will end in a flush.
    pub(crate) in_turn: bool,
    /// Whether something waits that need not rest.
    pub(crate) is_owed_flush: bool,
    /// When the timer is set to fire, µs.
    pub(crate) alarm: u64,
    pub(crate) next_check: u64,
    /// Who has been silent for so long that he is pinged.
    pub(crate) to_ping: Vec<u32>,
    pub(crate) next_quota_tick: u64,
    /// Counters since the start.
    pub stats: Stats,
}

impl Hub {
    /// Makes an empty hub.
    ///
    /// # Errors
    /// Where the process has no file descriptor left for the epoll set and its timer.
    pub fn new(settings: Settings, clock: Clock) -> io::Result<Self> {
        let now = clock.now();
        let mut hub = Self {
            inbound: InboundState::new(settings.limits.message),
            quotas: Quotas::new(settings.quota_history).forgiving(settings.quota_forgiven),
            poller: Poller::new()?,
            now,
            clients: Slab::new(),
            rooms: Slab::new(),
            participants: Slab::new(),
            notices: std::array::from_fn(|_| Vec::new()),
            rooms_to_flush: Vec::new(),
            clients_to_flush: Vec::new(),
            close_orders: VecDeque::new(),
            handler_budget: HandlerBudget::default(),
            time_limiter: TimeLimiter::default(),
            in_turn: false,
            is_owed_flush: false,
            alarm: u64::MAX,
            next_check: now + crate::hub::timers::CHECK_PERIOD,
            to_ping: Vec::new(),
            next_quota_tick: now + settings.quota_tick,
            stats: Stats::default(),
            settings,
            clock,
        };
        hub.set_alarm(hub.next_check.min(hub.next_quota_tick));
        Ok(hub)
    }

    /// Goes by other numbers from now on. Nobody is disconnected: what has been counted stays.
    pub fn apply_settings(&mut self, settings: Settings) {
        self.inbound.fit(settings.limits.message);
        self.quotas.apply_settings(settings.quota_history, settings.quota_forgiven);
        self.settings = settings;
    }

    /// The numbers it goes by.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The descriptor that the event loop watches for reading; [`Hub::wake`] is due when it fires.
    #[must_use]
    pub fn fd(&self) -> RawFd {
        self.poller.fd()
    }

    /// The hub's clock.
    pub fn clock(&mut self) -> &mut Clock {
        &mut self.clock
    }

    /// Milliseconds since 1970.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        self.clock.unix_ms(self.clock.now())
    }
}
