//! A hub serves whatever state it adopts, and what it hands over again is what it has.

#![no_main]

use std::io::{Read, Write};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;

use fortepiano_core::hub::handover::{ClientState, Parts, Phase};
use fortepiano_core::hub::ids::{ClientId, RoomId};
use fortepiano_core::hub::{CloseOrder, Hub, Settings, StepResult};
use fortepiano_core::limits::quota::Account;
use fortepiano_core::limits::throttle::{AddressUsage, Open, Throttle, ThrottleSettings};
use fortepiano_core::limits::token_bucket::Bucket;
use fortepiano_core::settings::{Milliseconds, PerMinute, PerSecond};
use fortepiano_core::sys::clock::Clock;
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;

#[derive(Arbitrary, Clone, Debug)]
struct State {
    phase: u8,
    until: u64,
    flags: [bool; 3],
    times: [u64; 6],
    subscriber: Option<u128>,
    quiet_until: Vec<u64>,
    meter: Option<(u64, u64)>,
    partial: Vec<u8>,
    parts: Option<(u8, u32, Vec<u8>)>,
    owed: Vec<u8>,
    tail: usize,
    account: (i32, i32, i32, i32, Vec<i32>),
}

impl State {
    fn client(&self) -> ClientState {
        let [pinged_at, connected_at, last_received, last_sent, last_time_request, full_at] = self.times;
        let phases = [
            Phase::Open,
            Phase::Closing(self.until),
            Phase::Discarding(self.until),
            Phase::Closed(self.until),
        ];
        ClientState {
            phase: phases[usize::from(self.phase) % phases.len()],
            has_session: self.flags[0],
            plays_anywhere: self.flags[1],
            unlimited: self.flags[2],
            pinged_at,
            connected_at,
            last_received,
            last_sent,
            last_time_request,
            time_bucket: Bucket { full_at },
            subscriber: self.subscriber.map(|bits| IpAddr::V6(bits.into())),
            quiet_until: self.quiet_until.clone(),
            meter: self.meter,
            partial: self.partial.clone(),
            parts: self.parts.clone().map(|(opcode, count, bytes)| Parts { opcode, count, bytes }),
            owed: self.owed.clone(),
            tail: self.tail,
        }
    }

    fn account(&self) -> Account {
        let (points, allowance, max, lent, history) = self.account.clone();
        Account { points, allowance, max, lent, history }
    }
}

#[derive(Arbitrary, Debug)]
enum Action {
    Read(u8, Vec<u8>),
    Turn,
    Pass(u32),
    Broadcast(Vec<u8>),
    Send(u8, Vec<u8>),
    Enter(u8),
    Leave(u8),
    Close(u8, u16),
    Detach(u8),
    Resume,
}

struct Client {
    number: ClientId,
    ours: UnixStream,
    theirs: UnixStream,
    is_attached: bool,
    /// Whether its reading is paused until it is resumed.
    is_full: bool,
}

struct Server {
    hub: Hub,
    room: RoomId,
    clients: Vec<Client>,
}

fn settings() -> Settings {
    Settings {
        message_bytes: 4096,
        fragments: 4,
        quota_forgiven_ticks: 2,
        lag_hard_bytes: 8192,
        lag_soft_bytes: 1024,
        silence_ms: Milliseconds(9_000.0),
        ..Settings::default()
    }
}

impl Server {
    fn new(clock: (u64, u64, u64), states: &[State]) -> Self {
        let mut hub = Hub::new(settings(), Clock::manual(1_000)).expect("descriptors");
        hub.continue_from(clock.0, clock.1, clock.2);
        let room = hub.open_room();
        let mut server = Self { hub, room, clients: Vec::new() };
        states.iter().take(4).for_each(|state| server.adopt(state));
        server
    }

    fn adopt(&mut self, state: &State) {
        let (ours, theirs) = UnixStream::pair().expect("descriptors");
        for end in [&ours, &theirs] {
            end.set_nonblocking(true).expect("a socket");
        }
        let quota = self.hub.add_quota(400, 1200);
        self.hub.quotas.restore(quota, &state.account());
        let number = self.hub.adopt(ours.as_raw_fd(), Some(quota), state.client());
        let taken = self.hub.client_state(number).expect("it was just adopted");
        // A state that fits is adopted as it is.
        let again = self.hub.adopt(ours.as_raw_fd(), Some(quota), taken.clone());
        assert_eq!(self.hub.client_state(again).expect("it was just adopted"), taken);
        self.hub.detach(again);
        self.clients.push(Client { number, ours, theirs, is_attached: true, is_full: false });
    }

    fn client(&self, index: u8) -> Option<&Client> {
        self.clients.get(usize::from(index) % self.clients.len().max(1)).filter(|it| it.is_attached)
    }

    fn read(&mut self, client: ClientId, bytes: &[u8]) {
        let window = self.hub.window(client);
        let count = bytes.len().min(window.len());
        window[..count].copy_from_slice(&bytes[..count]);
        self.hub.feed(client, count);
        self.step(client);
        self.hub.end_turn();
    }

    fn step(&mut self, client: ClientId) {
        let is_full = loop {
            match self.hub.step() {
                StepResult::Done => break false,
                StepResult::Full => break true,
                StepResult::Ended | StepResult::Binary(_) => {}
                StepResult::Cold(message) => {
                    serde_json::from_slice::<serde_json::Value>(message).expect("a cold message is JSON");
                }
            }
        };
        for it in self.clients.iter_mut().filter(|it| it.number == client && it.is_attached) {
            it.is_full = is_full;
        }
    }

    fn turn(&mut self) {
        self.hub.flush();
        self.hub.wake();
        while let Some((client, order)) = self.hub.next_close_order() {
            match order {
                CloseOrder::Close(code) => self.hub.close(client, code, ""),
                CloseOrder::Drop => self.detach(client),
            }
        }
        let mut heard = [0; 4096];
        for client in &mut self.clients {
            while matches!(client.theirs.read(&mut heard), Ok(1..)) {}
            let _ = client.ours.flush();
        }
    }

    fn detach(&mut self, number: ClientId) {
        for client in self.clients.iter_mut().filter(|it| it.number == number && it.is_attached) {
            client.is_attached = false;
            self.hub.detach(number);
        }
    }

    fn resume(&mut self) {
        while let Some(client) = self.hub.resume() {
            self.step(client);
        }
    }

    fn act(&mut self, action: Action) {
        let number = |server: &Self, index| server.client(index).map(|it| it.number);
        match action {
            Action::Read(index, bytes) => {
                if let Some(client) = self.client(index).filter(|it| !it.is_full).map(|it| it.number) {
                    self.read(client, &bytes);
                }
            }
            Action::Turn => self.turn(),
            Action::Pass(microseconds) => self.hub.clock().advance(microseconds.into()),
            Action::Broadcast(payload) => self.hub.broadcast(self.room, &payload, None),
            Action::Send(index, payload) => {
                if let Some(client) = number(self, index) {
                    self.hub.send(client, &payload);
                }
            }
            Action::Enter(index) => {
                if let Some(client) = number(self, index) {
                    let head = b"{\"id\":\"a\"";
                    let entry = self.hub.add_participant(self.room, b"\"a\"", head, b"1", b"2");
                    self.hub.enter(client, self.room, entry.expect("the room is there"));
                }
            }
            Action::Leave(index) => {
                if let Some(client) = number(self, index) {
                    self.hub.leave(client);
                }
            }
            Action::Close(index, code) => {
                if let Some(client) = number(self, index) {
                    self.hub.close(client, code, "");
                }
            }
            Action::Detach(index) => {
                if let Some(client) = number(self, index) {
                    self.detach(client);
                }
            }
            Action::Resume => self.resume(),
        }
    }
}

fn throttle_settings() -> ThrottleSettings {
    let burst = NonZeroU32::new(5).expect("five");
    ThrottleSettings {
        connections_per_address: 32,
        sockets_per_address: 16,
        sockets_per_48: 64,
        connects_per_second: PerSecond(5.0),
        connect_burst: burst,
        rooms_per_second: PerSecond(1.0),
        room_burst: burst,
        failed_tokens_per_minute: PerMinute(5.0),
        failed_token_burst: burst,
        new_users_per_hour: 9,
        addresses: 8,
        exempt: Vec::new(),
    }
}

/// Let a throttle go on with any use of addresses.
fn count_on(now: u64, usages: &Usages) {
    let (mut throttle, mut clock) = (Throttle::new(throttle_settings()), Clock::manual(0));
    clock.continue_from(0, now);
    let now = clock.now();
    for (address, sockets, times, new_users) in usages {
        let buckets = times.map(|full_at| Bucket { full_at });
        let open = Open { sockets: *sockets, http: 0 };
        let usage = AddressUsage { open, buckets, new_users: new_users.clone() };
        throttle.restore(IpAddr::V6((*address).into()), usage, now);
    }
    for (address, ..) in usages {
        let address = IpAddr::V6((*address).into());
        throttle.accept(address, now, false);
        throttle.connect(address, now, false);
        throttle.admit_new_user(address, now, false);
        throttle.release(address);
        throttle.hang_up(address);
    }
    throttle.prune(now);
}

type Usages = Vec<(u128, u32, [u64; 3], Vec<u64>)>;

fuzz_target!(|input: ((u64, u64, u64), Vec<State>, Usages, Vec<Action>)| {
    let (clock, states, usages, actions) = input;
    count_on(clock.1, &usages);
    let mut server = Server::new(clock, &states);
    actions.into_iter().take(64).for_each(|action| server.act(action));
    server.turn();
    server.hub.flush_all_pointers();
    for client in server.clients.iter().filter(|it| it.is_attached) {
        assert!(server.hub.client_state(client.number).is_some());
    }
});
