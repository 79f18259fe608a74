//! All the people, and the one loop that plays them.

use crate::client::{Client, Stage, Taken};
use crate::error::{Error, Result};
use crate::frame;
use crate::message::{self, Finding};
use crate::progress::Progress;
use crate::tally::Tally;
use crate::target::Target;
use rustix::buffer::spare_capacity;
use rustix::event::{epoll, Timespec};
use rustix::fd::OwnedFd;
use rustix::process::{getrlimit, setrlimit, Resource, Rlimit};
use std::net::TcpStream;
use std::time::{Duration, Instant, SystemTime};

/// Of one read; the kernel seldom has more.
const BUFFER: usize = 256 * 1024;

/// How long nothing may happen while people come in.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often everybody asks the time, as clients do.
const TIME_EVERY: Duration = Duration::from_secs(20);

/// Files of this process beside its sockets.
const OTHER_FILES: u64 = 32;

/// Who is to come, and where to.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    pub clients: usize,
    /// People in each room; the last one may have fewer.
    pub people: usize,
    /// Of how many the latency is measured.
    pub samples: usize,
    /// Stay outside until `storm`.
    pub waits: bool,
    /// Who will never read.
    pub deaf: Option<usize>,
}

/// What people hear, counted.
pub struct Ears {
    pub tally: Tally,
    /// When the last note or cursor came.
    pub last: Option<Instant>,
    /// The participant whose `bye` is waited for, and when it came.
    pub watched: Box<[u8]>,
    pub farewell: Option<Instant>,
    /// How many are where they are to be for now.
    arrived: usize,
    finding: Finding,
    waits: bool,
    began: Instant,
    began_us: u64,
}

impl Ears {
    /// Microseconds since 1970, on a clock that never jumps.
    pub fn clock(&self, at: Instant) -> u64 {
        self.began_us + self.run(at)
    }

    /// Microseconds of the run.
    pub fn run(&self, at: Instant) -> u64 {
        at.saturating_duration_since(self.began).as_micros() as u64
    }

    fn hear(&mut self, client: &mut Client, payload: &[u8], now: Instant) {
        for heard in self.finding.messages(payload) {
            match heard.kind {
                b"n" => {
                    self.tally.notes += 1;
                    self.last = Some(now);
                    if client.is_sampled {
                        if let Some(then) = heard.number(r#""t":"#, 3) {
                            self.tally.took((self.began_us + self.run(now)).saturating_sub(then));
                        }
                    }
                }
                b"m" => {
                    self.tally.moves += 1;
                    self.last = Some(now);
                    if client.is_sampled {
                        match heard.number(r#""x":"#, 6) {
                            Some(message::REST..) => self.tally.rested += 1,
                            Some(then) => self.tally.took(self.run(now).saturating_sub(then)),
                            None => {}
                        }
                    }
                }
                b"hi" if self.waits && client.stage == Stage::Greeting => {
                    client.stage = Stage::Greeted;
                    self.arrived += 1;
                }
                b"ch" if matches!(client.stage, Stage::Greeting | Stage::Entering) => {
                    client.id = heard.string(r#""p":""#).unwrap_or_default().into();
                    client.stage = Stage::Inside;
                    self.arrived += 1;
                }
                b"bye" if heard.string(r#""p":""#) == Some(&self.watched) => {
                    self.farewell.get_or_insert(now);
                }
                b"notification" => self.tally.notifications += 1,
                _ => {}
            }
        }
    }
}

/// All the people.
pub struct Crowd {
    pub ears: Ears,
    pub clients: Vec<Client>,
    target: Target,
    plan: Plan,
    rooms: String,
    epoll: OwnedFd,
    events: Vec<epoll::Event>,
    buffer: Box<[u8]>,
    gather: Duration,
    next_look: Instant,
    next_time: (Instant, usize),
}

impl Crowd {
    /// Makes ready for so many; nobody has come yet.
    pub fn new(target: Target, plan: Plan, gather: Duration) -> Result<Self> {
        allow_files(plan.clients)?;
        let system = |what| move |errno: rustix::io::Errno| Error::System { what, why: errno.into() };
        let now = Instant::now();
        let began_us = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        Ok(Self {
            ears: Ears {
                tally: Tally::new(),
                last: None,
                watched: Box::default(),
                farewell: None,
                arrived: 0,
                finding: Finding::new(),
                waits: plan.waits,
                began: now,
                began_us: began_us.unwrap_or_default().as_micros() as u64,
            },
            clients: Vec::with_capacity(plan.clients),
            target,
            plan,
            // Rooms of one run only.
            rooms: format!("load {:x}", std::process::id()),
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC).map_err(system("no epoll set"))?,
            events: Vec::with_capacity(1024),
            buffer: vec![0; BUFFER].into(),
            gather,
            next_look: now,
            next_time: (now + TIME_EVERY, 0),
        })
    }

    pub fn rooms(&self) -> usize {
        self.plan.clients.div_ceil(self.plan.people)
    }

    /// How many are in the room of somebody, he included, who read.
    pub fn audience(&self, client: usize) -> usize {
        let first = self.clients[client].room * self.plan.people;
        let end = (first + self.plan.people).min(self.plan.clients);
        let is_deaf = self.plan.deaf.is_some_and(|deaf| (first..end).contains(&deaf));
        end - first - usize::from(is_deaf)
    }

    /// Lets everybody come in, so many at once; returns how long it took.
    pub fn come(&mut self, at_once: usize) -> Result<Duration> {
        let start = Instant::now();
        let progress = Progress::new("coming in", self.plan.clients as u64);
        let every = (self.plan.clients / self.plan.samples.max(1)).max(1);
        self.settle(|crowd| {
            let most = crowd.plan.clients.min(crowd.ears.arrived + at_once);
            while crowd.clients.len() < most {
                let number = crowd.clients.len();
                let (room, is_deaf) = (number / crowd.plan.people, crowd.plan.deaf == Some(number));
                let mut client = Client::open(number, room, &crowd.target, is_deaf)?;
                client.is_sampled = number % every == 0;
                crowd.clients.push(client);
                crowd.watch(number, epoll::add)?;
            }
            progress.at(crowd.ears.arrived as u64);
            Ok(())
        })?;
        Ok(start.elapsed())
    }

    /// Lets all who wait go into their rooms at once; returns how long that took.
    pub fn storm(&mut self) -> Result<Duration> {
        let start = Instant::now();
        self.ears.arrived = 0;
        for number in 0..self.clients.len() {
            self.clients[number].stage = Stage::Entering;
            let text = message::join(&self.room(number));
            self.say(number, &text)?;
        }
        let progress = Progress::new("joining", self.plan.clients as u64);
        self.settle(|crowd| {
            progress.at(crowd.ears.arrived as u64);
            Ok(())
        })?;
        Ok(start.elapsed())
    }

    /// Turns until all have arrived.
    fn settle(&mut self, mut step: impl FnMut(&mut Self) -> Result<()>) -> Result<()> {
        let (mut most, mut since) = (0, Instant::now());
        loop {
            step(self)?;
            let arrived = self.ears.arrived;
            if arrived == self.plan.clients {
                return Ok(());
            }
            let now = Instant::now();
            if arrived > most {
                (most, since) = (arrived, now);
            }
            if now - since > PATIENCE {
                let seconds = PATIENCE.as_secs();
                return Err(Error::Stalled { entered: arrived, clients: self.plan.clients, seconds });
            }
            self.turn(now + Duration::from_millis(100))?;
        }
    }

    fn room(&self, client: usize) -> String {
        format!("{} {}", self.rooms, self.clients[client].room)
    }

    /// Lets somebody stop reading for ever.
    pub fn deafen(&mut self, number: usize) -> Result<()> {
        let client = &mut self.clients[number];
        client.stage = Stage::Deaf;
        self.ears.watched.clone_from(&client.id);
        match &client.stream {
            Some(stream) => epoll::delete(&self.epoll, stream)
                .map_err(|errno| Error::System { what: "epoll", why: errno.into() }),
            None => Ok(()),
        }
    }

    /// Lets somebody say something, as one frame.
    pub fn say(&mut self, number: usize, text: &str) -> Result<()> {
        self.clients[number].queue(frame::TEXT, text.as_bytes());
        self.push(number)
    }

    /// Waits for sockets until then at most, and handles what came.
    pub fn turn(&mut self, until: Instant) -> Result<()> {
        let now = Instant::now();
        self.ask_the_time(now)?;
        let until = until.min(self.next_time.0);
        if now < self.next_look {
            std::thread::sleep(until.min(self.next_look) - now);
            if until < self.next_look {
                return Ok(());
            }
        }
        self.next_look = now + self.gather;
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
                self.clients[number].upgrade(&self.target)?;
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
            if self.clients[number].stage == Stage::Inside {
                self.say(number, message::TIME)?;
            }
            self.next_time.0 += TIME_EVERY / self.clients.len() as u32;
            self.next_time.1 = number + 1;
        }
        Ok(())
    }

    fn read(&mut self, number: usize) -> Result<()> {
        let client = &mut self.clients[number];
        let count = match client.read(&mut self.buffer) {
            Taken::Nothing => return Ok(()),
            Taken::End => return self.lose(number, None),
            Taken::Bytes(count) => count,
        };
        let now = Instant::now();
        self.ears.tally.bytes += count as u64;
        let whole = client.whole(&self.buffer[..count]);
        let mut data = whole.as_deref().unwrap_or(&self.buffer[..count]);
        let mut says_hello = false;
        if client.stage == Stage::Upgrading && Client::answer(&mut data)? {
            client.stage = Stage::Greeting;
            says_hello = true;
        }
        let mut closed = None;
        while client.stage > Stage::Upgrading {
            let Some(taken) = frame::take(&mut data) else { break };
            self.ears.tally.frames += 1;
            match taken.opcode {
                frame::TEXT => self.ears.hear(client, taken.payload, now),
                frame::PING => client.queue(frame::PONG, taken.payload),
                frame::CLOSE => closed = Some(taken.payload.first_chunk().copied()),
                _ => {}
            }
        }
        client.keep(data);
        if let Some(code) = closed {
            return self.lose(number, code.map(u16::from_be_bytes));
        }
        if says_hello {
            let text =
                if self.plan.waits { message::HELLO.to_owned() } else { message::enter(&self.room(number)) };
            self.clients[number].queue(frame::TEXT, text.as_bytes());
        }
        self.push(number)
    }

    /// Writes what is queued for somebody; what the socket does not take is written when it can.
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
        if client.stage < Stage::Inside {
            return Err(Error::Dismissed { code });
        }
        client.stage = Stage::Gone;
        client.stream = None;
        self.ears.tally.closed += 1;
        if self.ears.tally.closed == self.clients.len() as u64 {
            return Err(Error::Deserted);
        }
        Ok(())
    }

    /// Begins to watch a socket, or changes what for.
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

/// Raises the soft limit of open files as far as it may be.
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
