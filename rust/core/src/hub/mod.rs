//! The hub: all connections, rooms and participants as plain data, and the operations on them.
//!
//! - `connections`, `participants`, `enqueue`: what the server does with clients and rooms;
//! - `receive`, `hot_messages`, `deferred`, `held`: bytes and messages from clients;
//! - `schedule`, `flush`, `writer`, `timers`: when the hub sends, and what it does by the clock;
//! - [`ids`]: the numbers of clients, rooms and participants;
//! - [`handover`]: the state that another process adopts.

pub mod client;
mod close_order;
mod connections;
mod deferred;
mod enqueue;
mod flush;
pub mod handover;
mod held;
mod hot_messages;
pub mod ids;
mod participants;
mod receive;
mod receive_state;
mod refusal;
pub(crate) mod room;
pub mod room_log;
mod schedule;
pub mod segments;
mod settings;
pub mod stats;
mod timers;
mod writer;

use std::collections::VecDeque;
use std::io;
use std::os::fd::RawFd;

use crate::hub::client::Client;
pub use crate::hub::close_order::CloseOrder;
use crate::hub::deferred::HandlerBudget;
use crate::hub::ids::{ClientId, ParticipantId, RoomId};
pub use crate::hub::receive::StepResult;
use crate::hub::receive_state::InboundState;
pub use crate::hub::refusal::Refusal;
use crate::hub::room::{Participant, Room};
pub use crate::hub::settings::{Settings, SHARE};
pub use crate::hub::stats::Stats;
use crate::limits::quota::Quotas;
use crate::limits::time_limit::TimeLimiter;
use crate::relay::Relay;
use crate::settings::Seconds;
use crate::slots::Slots;
use crate::sys::clock::Clock;
use crate::sys::socket::Poller;

/// All connections, rooms and participants, and the clock.
pub struct Hub {
    pub(crate) settings: Settings,
    /// The time that the peer may take to answer a close frame, µs.
    pub(crate) linger: u64,
    /// The share of one turn of the loop for each task that can be interrupted, µs.
    pub(crate) share: u64,
    pub(crate) clock: Clock,
    /// The time of the current turn of the loop, µs.
    pub(crate) now: u64,
    pub(crate) clients: Slots<ClientId, Client>,
    pub(crate) rooms: Slots<RoomId, Room>,
    pub(crate) participants: Slots<ParticipantId, Participant>,
    /// The note quotas, one for each user.
    pub quotas: Quotas,
    pub(crate) poller: Poller,
    pub(crate) inbound: InboundState,
    /// The notices that clients receive when a hot message is refused, as finished frames.
    pub(crate) notices: [Vec<u8>; Refusal::COUNT],
    pub(crate) rooms_to_flush: Vec<RoomId>,
    pub(crate) clients_to_flush: Vec<ClientId>,
    pub(crate) close_orders: VecDeque<(ClientId, CloseOrder)>,
    pub(crate) handler_budget: HandlerBudget,
    /// Limits on how often users and addresses ask for the time.
    pub(crate) time_limiter: TimeLimiter,
    /// Whether the current turn of the loop will end in a call of [`Hub::end_turn`].
    pub(crate) in_turn: bool,
    /// Whether something is queued that may be sent at once.
    pub(crate) is_owed_flush: bool,
    /// The time for which the timer is set, µs.
    pub(crate) alarm: u64,
    pub(crate) next_check: u64,
    /// Clients due for a ping.
    pub(crate) to_ping: Vec<ClientId>,
    pub(crate) next_quota_tick: u64,
    /// The part of the hub that joined a cluster, if it has.
    pub(crate) relay: Option<Box<Relay>>,
    /// Counters since the start.
    pub stats: Stats,
}

impl Hub {
    /// Create an empty hub.
    ///
    /// # Errors
    /// If the process has no file descriptor left for the epoll set and its timer.
    pub fn new(settings: Settings, clock: Clock) -> io::Result<Self> {
        let now = clock.now();
        let mut hub = Self {
            inbound: InboundState::new(settings.message_bytes),
            quotas: Quotas::new(settings.remembered_ticks()).forgiving(settings.quota_forgiven_ticks),
            poller: Poller::new()?,
            now,
            clients: Slots::default(),
            rooms: Slots::default(),
            participants: Slots::default(),
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
            next_quota_tick: now + settings.quota_tick_ms.us(),
            relay: None,
            stats: Stats::default(),
            settings,
            linger: settings::LINGER.us(),
            share: SHARE,
            clock,
        };
        hub.set_alarm(hub.next_check.min(hub.next_quota_tick));
        Ok(hub)
    }

    /// Apply other settings from now on.
    ///
    /// No client is disconnected, and all counts are retained.
    pub fn apply_settings(&mut self, settings: Settings) {
        self.inbound.fit(settings.message_bytes);
        self.quotas.apply_settings(settings.remembered_ticks(), settings.quota_forgiven_ticks);
        self.settings = settings;
    }

    /// Let the peer take another time to answer a close frame, for tests.
    pub fn set_linger(&mut self, linger: Seconds) {
        self.linger = linger.us();
    }

    /// Return the descriptor that the event loop watches for reading; when it fires, call
    /// [`Hub::wake`].
    #[must_use]
    pub fn fd(&self) -> RawFd {
        self.poller.fd()
    }

    /// Return the hub's clock.
    pub fn clock(&mut self) -> &mut Clock {
        &mut self.clock
    }

    /// Return the time in milliseconds since 1970.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        self.clock.unix_ms(self.clock.now())
    }
}
