//! All clients, and the one loop that runs them.

use crate::client::{Client, ReadResult, Stage};
use crate::error::{Error, Result};
use crate::frame;
use crate::message::{self, MessageFinder};
use crate::progress::Progress;
use crate::tally::Tally;
use crate::target::Target;
use rustix::buffer::spare_capacity;
use rustix::event::{epoll, Timespec};
use rustix::fd::OwnedFd;
use rustix::process::{getrlimit, setrlimit, Resource, Rlimit};
use std::net::TcpStream;
use std::time::{Duration, Instant, SystemTime};

/// The size of one read; the kernel seldom has more.
const BUFFER: usize = 256 * 1024;

/// The longest time without progress while clients connect.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The interval at which each client asks for the time, as browsers do.
const TIME_EVERY: Duration = Duration::from_secs(20);

/// The number of open files of this process beside its sockets.
const OTHER_FILES: u64 = 32;

/// The clients of a run, and their rooms.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    pub clients: usize,
    /// The participants of each room; the last room may have fewer.
    pub people: usize,
    /// The number of clients whose latency is measured.
    pub samples: usize,
    /// Whether the clients stay outside until `join_all`.
    pub waits: bool,
    /// The client that will never read.
    pub slow_reader: Option<usize>,
}

/// Counts of the received messages.
pub struct Received {
    pub tally: Tally,
    /// The time of the last note or pointer position.
    pub last: Option<Instant>,
    /// The participant whose `bye` is awaited.
    pub watched: Box<[u8]>,
    pub bye_at: Option<Instant>,
    /// The number of clients that have reached the wanted stage.
    arrived: usize,
    finder: MessageFinder,
    waits: bool,
    began: Instant,
    began_us: u64,
}

impl Received {
    /// Return the microseconds since 1970, on a clock that never jumps.
    pub fn clock(&self, at: Instant) -> u64 {
        self.began_us + self.run(at)
    }

    /// Return the microseconds of the run.
    pub fn run(&self, at: Instant) -> u64 {
        at.saturating_duration_since(self.began).as_micros() as u64
    }

    fn receive(&mut self, client: &mut Client, payload: &[u8], now: Instant) {
        for message in self.finder.messages(payload) {
            match message.kind {
                b"n" => {
                    self.tally.notes += 1;
                    self.last = Some(now);
                    if client.is_sampled {
                        if let Some(then) = message.number(r#""t":"#, 3) {
                            self.tally.record((self.began_us + self.run(now)).saturating_sub(then));
                        }
                    }
                }
                b"m" => {
                    self.tally.moves += 1;
                    self.last = Some(now);
                    if client.is_sampled {
                        match message.number(r#""x":"#, 6) {
                            Some(message::REST..) => self.tally.resting += 1,
                            Some(then) => self.tally.record(self.run(now).saturating_sub(then)),
                            None => {}
                        }
                    }
                }
                b"hi" if self.waits && client.stage == Stage::HelloSent => {
                    client.stage = Stage::HelloDone;
                    self.arrived += 1;
                }
                b"ch" if matches!(client.stage, Stage::HelloSent | Stage::Joining) => {
                    client.id = message.string(r#""p":""#).unwrap_or_default().into();
                    client.stage = Stage::InRoom;
                    self.arrived += 1;
                }
                b"bye" if message.string(r#""p":""#) == Some(&self.watched) => {
                    self.bye_at.get_or_insert(now);
                }
                b"notification" => self.tally.notifications += 1,
                _ => {}
            }
        }
    }
}

/// All clients.
pub struct Crowd {
    pub received: Received,
    pub clients: Vec<Client>,
    target: Target,
    plan: Plan,
    rooms: String,
    epoll: OwnedFd,
    events: Vec<epoll::Event>,
    buffer: Box<[u8]>,
    gather: Duration,
    next_check: Instant,
    next_time: (Instant, usize),
}

impl Crowd {
    /// Prepare a run; no client connects yet.
    pub fn new(target: Target, plan: Plan, gather: Duration) -> Result<Self> {
        allow_files(plan.clients)?;
        let system = |what| move |errno: rustix::io::Errno| Error::System { what, why: errno.into() };
        let now = Instant::now();
        let began_us = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        Ok(Self {
            received: Received {
                tally: Tally::new(),
                last: None,
                watched: Box::default(),
                bye_at: None,
                arrived: 0,
                finder: MessageFinder::new(),
                waits: plan.waits,
                began: now,
                began_us: began_us.unwrap_or_default().as_micros() as u64,
            },
            clients: Vec::with_capacity(plan.clients),
            target,
            plan,
            // The names of the rooms are unique to this run.
            rooms: format!("load {:x}", std::process::id()),
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)
                .map_err(system("cannot create an epoll set"))?,
            events: Vec::with_capacity(1024),
            buffer: vec![0; BUFFER].into(),
            gather,
            next_check: now,
            next_time: (now + TIME_EVERY, 0),
        })
    }

    pub fn rooms(&self) -> usize {
        self.plan.clients.div_ceil(self.plan.people)
    }

    /// Return the number of participants in a client's room that read, the client included.
    pub fn audience(&self, client: usize) -> usize {
        let first = self.clients[client].room * self.plan.people;
        let end = (first + self.plan.people).min(self.plan.clients);
        let never_reads =
            self.plan.slow_reader.is_some_and(|slow_reader| (first..end).contains(&slow_reader));
        end - first - usize::from(never_reads)
    }

    /// Connect all clients, a limited number at once; return how long that took.
    pub fn connect_all(&mut self, at_once: usize) -> Result<Duration> {
        let start = Instant::now();
        let progress = Progress::new("connecting", self.plan.clients as u64);
        let every = (self.plan.clients / self.plan.samples.max(1)).max(1);
        self.wait_until_arrived(|crowd| {
            let most = crowd.plan.clients.min(crowd.received.arrived + at_once);
            while crowd.clients.len() < most {
                let number = crowd.clients.len();
                let (room, never_reads) =
                    (number / crowd.plan.people, crowd.plan.slow_reader == Some(number));
                let mut client = Client::open(number, room, &crowd.target, never_reads)?;
                // Of each node some, whatever their number is.
                client.is_sampled = number / crowd.target.addresses.len() % every == 0;
                crowd.clients.push(client);
                crowd.watch(number, epoll::add)?;
            }
            progress.at(crowd.received.arrived as u64);
            Ok(())
        })?;
        Ok(start.elapsed())
    }

    /// Let all waiting clients join their rooms at once; return how long that took.
    pub fn join_all(&mut self) -> Result<Duration> {
        let start = Instant::now();
        self.received.arrived = 0;
        for number in 0..self.clients.len() {
            self.clients[number].stage = Stage::Joining;
            let text = message::join(&self.room(number));
            self.send(number, &text)?;
        }
        let progress = Progress::new("joining", self.plan.clients as u64);
        self.wait_until_arrived(|crowd| {
            progress.at(crowd.received.arrived as u64);
            Ok(())
        })?;
        Ok(start.elapsed())
    }

    /// Run the loop until all clients have arrived.
    fn wait_until_arrived(&mut self, mut step: impl FnMut(&mut Self) -> Result<()>) -> Result<()> {
        let (mut most, mut since) = (0, Instant::now());
        loop {
            step(self)?;
            let arrived = self.received.arrived;
            if arrived == self.plan.clients {
                return Ok(());
            }
            let now = Instant::now();
            if arrived > most {
                (most, since) = (arrived, now);
            }
            if now - since > TIMEOUT {
                let seconds = TIMEOUT.as_secs();
                return Err(Error::Stalled { entered: arrived, clients: self.plan.clients, seconds });
            }
            self.turn(now + Duration::from_millis(100))?;
        }
    }

    fn room(&self, client: usize) -> String {
        format!("{} {}", self.rooms, self.clients[client].room)
    }

    /// Let a client stop reading for ever.
    pub fn stop_reading(&mut self, number: usize) -> Result<()> {
        let client = &mut self.clients[number];
        client.stage = Stage::NotReading;
        self.received.watched.clone_from(&client.id);
        match &client.stream {
            Some(stream) => epoll::delete(&self.epoll, stream)
                .map_err(|errno| Error::System { what: "epoll", why: errno.into() }),
            None => Ok(()),
        }
    }

    /// Let a client send a text, as one frame.
    pub fn send(&mut self, number: usize, text: &str) -> Result<()> {
        self.clients[number].queue(frame::TEXT, text.as_bytes());
        self.push(number)
    }

    /// Wait for sockets, at most until the given time, and handle their events.
    pub fn turn(&mut self, until: Instant) -> Result<()> {
        let now = Instant::now();
        self.ask_the_time(now)?;
        let until = until.min(self.next_time.0);
        if now < self.next_check {
            std::thread::sleep(until.min(self.next_check) - now);
            if until < self.next_check {
                return Ok(());
            }
        }
        self.next_check = now + self.gather;
        let wait = until.saturating_duration_since(Instant::now());
        let wait = Timespec { tv_sec: wait.as_secs() as i64, tv_nsec: wait.subsec_nanos().into() };
        self.events.clear();
        match epoll::wait(&self.epoll, spare_capacity(&mut self.events), Some(&wait)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(errno) => return Err(Error::System { what: "epoll", why: errno.into() }),
        }
        let mut events = std::mem::take(&mut self.events);
        for event in events.drain(..) {
            let (number, flags) = (event.data.u64() as usize, event.flags);
            if self.clients[number].stage == Stage::Connecting {
                self.clients[number].request_websocket(&self.target)?;
                self.push(number)?;
            } else {
                if flags.contains(epoll::EventFlags::OUT) {
                    self.push(number)?;
                }
                self.read(number)?;
            }
        }
        self.events = events;
        Ok(())
    }

    fn ask_the_time(&mut self, now: Instant) -> Result<()> {
        while self.next_time.0 <= now && !self.clients.is_empty() {
            let number = self.next_time.1 % self.clients.len();
            if self.clients[number].stage == Stage::InRoom {
                self.send(number, message::TIME)?;
            }
            self.next_time.0 += TIME_EVERY / self.clients.len() as u32;
            self.next_time.1 = number + 1;
        }
        Ok(())
    }

    fn read(&mut self, number: usize) -> Result<()> {
        let client = &mut self.clients[number];
        let count = match client.read(&mut self.buffer) {
            ReadResult::Nothing => return Ok(()),
            ReadResult::End => return self.lose(number, None),
            ReadResult::Bytes(count) => count,
        };
        let now = Instant::now();
        self.received.tally.bytes += count as u64;
        let whole = client.join_rest(&self.buffer[..count]);
        let mut data = whole.as_deref().unwrap_or(&self.buffer[..count]);
        let mut is_open = false;
        if client.stage == Stage::Handshake && Client::parse_answer(&mut data)? {
            client.stage = Stage::HelloSent;
            is_open = true;
        }
        let mut closed = None;
        while client.stage > Stage::Handshake {
            let Some(taken) = frame::take(&mut data) else { break };
            self.received.tally.frames += 1;
            match taken.opcode {
                frame::TEXT => self.received.receive(client, taken.payload, now),
                frame::PING => client.queue(frame::PONG, taken.payload),
                frame::CLOSE => closed = Some(taken.payload.first_chunk().copied()),
                _ => {}
            }
        }
        client.store_rest(data);
        if let Some(code) = closed {
            return self.lose(number, code.map(u16::from_be_bytes));
        }
        if is_open {
            let text =
                if self.plan.waits { message::HELLO.to_owned() } else { message::enter(&self.room(number)) };
            self.clients[number].queue(frame::TEXT, text.as_bytes());
        }
        self.push(number)
    }

    /// Write the queued bytes of a client; the rest follows when the socket takes bytes again.
    fn push(&mut self, number: usize) -> Result<()> {
        let client = &mut self.clients[number];
        match client.write() {
            Err(_) => self.lose(number, None),
            Ok(is_all) => {
                if client.is_full == is_all {
                    client.is_full = !is_all;
                    self.watch(number, epoll::modify)?;
                }
                Ok(())
            }
        }
    }

    fn lose(&mut self, number: usize, code: Option<u16>) -> Result<()> {
        let client = &mut self.clients[number];
        if client.stage < Stage::InRoom {
            return Err(Error::Closed { code });
        }
        client.stage = Stage::Gone;
        client.stream = None;
        self.received.tally.closed += 1;
        if self.received.tally.closed == self.clients.len() as u64 {
            return Err(Error::AllClosed);
        }
        Ok(())
    }

    /// Start or change watching a socket.
    fn watch<'a, How>(&'a self, number: usize, how: How) -> Result<()>
    where
        How: Fn(&'a OwnedFd, &'a TcpStream, epoll::EventData, epoll::EventFlags) -> rustix::io::Result<()>,
    {
        let client = &self.clients[number];
        let Some(stream) = &client.stream else { return Ok(()) };
        let mut flags = epoll::EventFlags::IN;
        flags.set(epoll::EventFlags::OUT, client.is_full);
        how(&self.epoll, stream, epoll::EventData::new_u64(number as u64), flags)
            .map_err(|errno| Error::System { what: "epoll", why: errno.into() })
    }
}

/// Raise the soft limit of open files as far as allowed.
fn allow_files(clients: usize) -> Result<()> {
    let limit = getrlimit(Resource::Nofile);
    let needed = clients as u64 + OTHER_FILES;
    if limit.current.is_none_or(|current| current >= needed) {
        return Ok(());
    }
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    match limit.maximum {
        Some(most) if most < needed => Err(Error::Files { clients, limit: most }),
        _ => setrlimit(Resource::Nofile, raised)
            .map_err(|errno| Error::System { what: "open files", why: errno.into() }),
    }
}
