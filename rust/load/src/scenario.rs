//! The scenarios: run the clients, and report the result.

use crate::client::Stage;
use crate::crowd::{Crowd, Plan};
use crate::error::Result;
use crate::message;
use crate::options::{Connect, JoinStorm, Mouse, Options, Play, Rooms, Scenario, SlowReader};
use crate::process::{Process, Usage, Used};
use crate::progress::Progress;
use crate::report::Report;
use crate::schedule::Schedule;
use crate::target::Target;
use std::time::{Duration, Instant};

/// The number of clients whose latency is measured in a large room; more would cost us, not the server.
const SAMPLES: usize = 16;

/// The longest time to wait for the last messages.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The time without any message after which a run counts as quiet.
const QUIET: Duration = Duration::from_millis(200);

/// The delay behind schedule from which a run is broken off: neither side can do what was asked.
const MAX_DELAY: Duration = Duration::from_secs(2);

/// The share of a core from which the generator was the limit, and not the server.
const BUSY: f64 = 0.9;

/// Run the chosen scenario.
pub fn run(options: &Options) -> Result<Report> {
    let Options { host, port, path, yes_this_host_is_mine, one_address, first, .. } = options;
    let target = Target::find(host, port, path, *yes_this_host_is_mine, *one_address)?.from(*first);
    let server = options.server_pid.iter().map(|&pid| Process::of(pid)).collect::<Result<_>>()?;
    let bench = Bench { options, target, server };
    match &options.scenario {
        Scenario::Connect(connect) => bench.connect(connect),
        Scenario::Play(play) => bench.play(play),
        Scenario::Rooms(rooms) => bench.rooms(rooms),
        Scenario::Mouse(mouse) => bench.mouse(mouse),
        Scenario::JoinStorm(storm) => bench.join_storm(storm),
        Scenario::SlowReader(slow) => bench.slow_reader(slow),
    }
}

/// The messages that some clients send in a given time.
struct Traffic {
    senders: Vec<usize>,
    rate: f64,
    seconds: Duration,
    /// Notes in each message; 0 for pointer positions.
    notes: usize,
}

/// The result of sending.
struct Outcome {
    sent: u64,
    expected: u64,
    received: u64,
    bytes: u64,
    /// The time until the last message arrived, or until the timeout.
    took: Duration,
    latest: Duration,
    is_broken_off: bool,
    server: Option<Used>,
    own: Used,
}

struct Bench<'a> {
    options: &'a Options,
    target: Target,
    server: Vec<Process>,
}

impl Bench<'_> {
    fn usage(&self) -> Result<Option<Usage>> {
        let all: Vec<Usage> = self.server.iter().map(|each| each.usage()).collect::<Result<_>>()?;
        Ok(all.into_iter().reduce(|sum, one| sum + one))
    }

    /// Connect all clients and report how that went.
    fn gather(&self, scenario: &'static str, plan: Plan) -> Result<(Crowd, Report)> {
        let gather = Duration::from_millis(self.options.gather);
        let mut crowd = Crowd::new(self.target.clone(), plan, gather)?;
        let before = self.usage()?;
        let took = crowd.connect_all(self.options.at_once)?;
        let mut report = Report::default();
        report.add("scenario", "scenario", scenario);
        report.add("clients", "people", plan.clients);
        report.add("rooms", "rooms", crowd.rooms());
        let per_second = plan.clients as f64 / took.as_secs_f64();
        report.measure("connects_per_s", "connects/s, `hi` and room included", per_second, 0);
        if let (Some(before), Some(after)) = (before, self.usage()?) {
            let each = (after - before).resident as f64 / plan.clients as f64;
            report.add("server_rss_bytes", "server's memory, bytes", after.resident);
            report.measure("rss_per_client_bytes", "  of it for each client", each, 0);
            let cpu = (after - before).cpu.as_micros() as f64 / plan.clients as f64;
            report.measure("server_cpu_us_per_connect", "server's time for each, µs", cpu, 0);
        }
        Ok((crowd, report))
    }

    fn connect(&self, connect: &Connect) -> Result<Report> {
        let Connect { clients, people, seconds } = *connect;
        let (mut crowd, mut report) = self.gather("connect", Plan::new(clients, people))?;
        let (before, start) = (self.usage()?, Instant::now());
        let progress = Progress::new("staying", seconds.as_millis() as u64);
        while start.elapsed() < seconds {
            crowd.turn((start + seconds).min(Instant::now() + Duration::from_millis(100)))?;
            progress.at(start.elapsed().as_millis() as u64);
        }
        report.measure("seconds", "seconds they stayed", start.elapsed().as_secs_f64(), 1);
        if let (Some(before), Some(after)) = (before, self.usage()?) {
            let busy = (after - before).cpu.as_secs_f64() / start.elapsed().as_secs_f64();
            report.measure("idle_busy", "server's share of a core meanwhile", busy, 4);
        }
        add_closed(&mut report, &crowd);
        Ok(report)
    }

    fn play(&self, play: &Play) -> Result<Report> {
        let Play { clients, players, rate, notes, seconds } = *play;
        let wanted = Plan { samples: SAMPLES, ..Plan::new(clients, clients) };
        let (mut crowd, mut report) = self.gather("play", wanted)?;
        let senders = (0..players.min(clients)).collect();
        let outcome = self.send(&mut crowd, &Traffic { senders, rate, seconds, notes })?;
        outcome.report(&mut report, &crowd);
        Ok(report)
    }

    fn rooms(&self, rooms: &Rooms) -> Result<Report> {
        let Rooms { clients, people, players, rate, notes, seconds } = *rooms;
        let wanted = Plan { samples: clients, ..Plan::new(clients, people) };
        let (mut crowd, mut report) = self.gather("rooms", wanted)?;
        let players = players.unwrap_or(clients).min(clients);
        let senders = (0..players).map(|player| player * clients / players).collect();
        let outcome = self.send(&mut crowd, &Traffic { senders, rate, seconds, notes })?;
        outcome.report(&mut report, &crowd);
        Ok(report)
    }

    fn mouse(&self, mouse: &Mouse) -> Result<Report> {
        let Mouse { clients, rate, seconds } = *mouse;
        let wanted = Plan { samples: SAMPLES, ..Plan::new(clients, clients) };
        let (mut crowd, mut report) = self.gather("mouse", wanted)?;
        let senders = (0..clients).collect();
        let outcome = self.send(&mut crowd, &Traffic { senders, rate, seconds, notes: 0 })?;
        outcome.report(&mut report, &crowd);
        let samples = crowd.clients.iter().filter(|client| client.is_sampled).count();
        let expected = (samples * (clients - 1)) as u64;
        for number in 0..clients {
            let mut text = String::new();
            message::position(&mut text, message::REST);
            crowd.send(number, &text)?;
        }
        wait(&mut crowd, TIMEOUT, |crowd| crowd.received.tally.resting >= expected)?;
        let missing = expected.saturating_sub(crowd.received.tally.resting);
        report.add("last_positions_missing", "last positions that never came", missing);
        Ok(report)
    }

    fn join_storm(&self, storm: &JoinStorm) -> Result<Report> {
        let clients = storm.clients;
        let wanted = Plan { waits: true, ..Plan::new(clients, clients) };
        let (mut crowd, mut report) = self.gather("join-storm", wanted)?;
        let (before, bytes) = (self.usage()?, crowd.received.tally.bytes);
        let took = crowd.join_all()?;
        let per_second = clients as f64 / took.as_secs_f64();
        report.measure("joins_per_s", "joins/s into one room", per_second, 0);
        report.measure("seconds", "seconds until all were inside", took.as_secs_f64(), 3);
        wait_until_quiet(&mut crowd)?;
        let bytes = crowd.received.tally.bytes - bytes;
        report.add("join_bytes", "bytes of `ch`, `ppl` and `p`", bytes);
        if let (Some(before), Some(after)) = (before, self.usage()?) {
            let cpu = (after - before).cpu.as_micros() as f64 / clients as f64;
            report.measure("server_cpu_us_per_join", "server's time for each join, µs", cpu, 0);
        }
        add_closed(&mut report, &crowd);
        Ok(report)
    }

    fn slow_reader(&self, slow: &SlowReader) -> Result<Report> {
        let SlowReader { clients, players, rate, notes, seconds } = *slow;
        let slow_reader = clients - 1;
        let wanted = Plan { samples: SAMPLES, slow_reader: Some(slow_reader), ..Plan::new(clients, clients) };
        let (mut crowd, mut report) = self.gather("slow-reader", wanted)?;
        let before = self.usage()?;
        crowd.stop_reading(slow_reader)?;
        let start = Instant::now();
        let senders = (0..players.min(slow_reader).max(1)).collect();
        let outcome = self.send(&mut crowd, &Traffic { senders, rate, seconds, notes })?;
        outcome.report(&mut report, &crowd);
        // The slow reader is owed as much as each of the others received.
        let owed = outcome.bytes / (clients.saturating_sub(1).max(1) as u64);
        report.add("owed_bytes", "bytes owed to the slow reader", owed);
        if let (Some(before), Some(after)) = (before, self.usage()?) {
            let growth = (after - before).resident;
            report.add("rss_growth_bytes", "growth of the server's memory, bytes", growth);
        }
        let bye_at = crowd.received.bye_at.map_or(f64::NAN, |at| (at - start).as_secs_f64());
        report.measure("dismissed_after_s", "seconds until the slow reader was closed", bye_at, 1);
        Ok(report)
    }

    /// Send each message when it is due, and wait for the last one.
    fn send(&self, crowd: &mut Crowd, traffic: &Traffic) -> Result<Outcome> {
        let Traffic { senders, rate, seconds, notes } = traffic;
        wait_until_quiet(crowd)?;
        let (chord, mut text) = (message::chord(*notes), String::new());
        let own = Process::own();
        let (server_before, own_before) = (self.usage()?, own.usage()?);
        let (count_before, bytes_before) = (count(crowd), crowd.received.tally.bytes);
        let progress = Progress::new("playing", seconds.as_millis() as u64);
        let start = Instant::now() + Duration::from_millis(10);
        let mut schedule = Schedule::new(start, senders.len(), *rate, *seconds);
        let (mut sent, mut expected, mut latest) = (0, 0, Duration::ZERO);
        let mut is_broken_off = false;
        while let Some(next) = schedule.upcoming() {
            crowd.turn(next)?;
            let now = Instant::now();
            while let Some((sender, due)) = schedule.take(now) {
                let sender = senders[sender];
                latest = latest.max(now - due);
                if crowd.clients[sender].stage != Stage::InRoom {
                    continue;
                }
                match notes {
                    0 => message::position(&mut text, crowd.received.run(due)),
                    _ => message::notes(&mut text, crowd.received.clock(due), &chord),
                }
                crowd.send(sender, &text)?;
                sent += 1;
                expected += crowd.audience(sender) as u64 - 1;
            }
            progress.at(now.saturating_duration_since(start).as_millis() as u64);
            if latest > MAX_DELAY {
                is_broken_off = true;
                break;
            }
        }
        // Notes are awaited for long: otherwise late ones would count as lost. The number of pointer
        // positions is unknown.
        let quiet = if *notes == 0 { 5 * QUIET } else { TIMEOUT };
        wait(crowd, quiet, |crowd| count(crowd) - count_before >= expected)?;
        let end = crowd.received.last.map_or_else(Instant::now, |last| last.max(start));
        let server = match (server_before, self.usage()?) {
            (Some(before), Some(after)) => Some(after - before),
            _ => None,
        };
        Ok(Outcome {
            sent,
            expected,
            received: count(crowd) - count_before,
            bytes: crowd.received.tally.bytes - bytes_before,
            took: (end - start).max(Duration::from_millis(1)),
            latest,
            is_broken_off,
            server,
            own: own.usage()? - own_before,
        })
    }
}

impl Plan {
    fn new(clients: usize, people: usize) -> Self {
        Self { clients, people, samples: 0, waits: false, slow_reader: None }
    }
}

fn count(crowd: &Crowd) -> u64 {
    crowd.received.tally.notes + crowd.received.tally.moves
}

/// Run the loop until the condition holds, or until it is quiet or the timeout has passed.
fn wait(crowd: &mut Crowd, quiet: Duration, is: impl Fn(&Crowd) -> bool) -> Result<()> {
    let start = Instant::now();
    let (mut frames, mut since) = (crowd.received.tally.frames, start);
    while !is(crowd) {
        let now = Instant::now();
        if crowd.received.tally.frames > frames {
            (frames, since) = (crowd.received.tally.frames, now);
        }
        if now - start > TIMEOUT || now - since > quiet {
            break;
        }
        crowd.turn(now + Duration::from_millis(10))?;
    }
    Ok(())
}

/// Run the loop until it is quiet: then all clients have received all joins.
fn wait_until_quiet(crowd: &mut Crowd) -> Result<()> {
    let start = Instant::now();
    let (mut frames, mut since) = (crowd.received.tally.frames, start);
    while since.elapsed() < QUIET && start.elapsed() < TIMEOUT {
        crowd.turn(Instant::now() + Duration::from_millis(20))?;
        if crowd.received.tally.frames > frames {
            (frames, since) = (crowd.received.tally.frames, Instant::now());
        }
    }
    Ok(())
}

fn add_closed(report: &mut Report, crowd: &Crowd) {
    let tally = &crowd.received.tally;
    report.add("closed", "connections that the server closed", tally.closed);
    if tally.notifications > 0 {
        report.add("notifications", "notifications", tally.notifications);
        report.remark("notifications mostly tell of limits, such as the note quota");
    }
}

impl Outcome {
    fn report(&self, report: &mut Report, crowd: &Crowd) {
        let (tally, seconds) = (&crowd.received.tally, self.took.as_secs_f64());
        let received = self.received as f64;
        report.measure("seconds", "seconds until the last one came", seconds, 3);
        report.add("sent", "messages sent", self.sent);
        report.add("deliveries", "deliveries", self.received);
        let lost = self.expected.saturating_sub(self.received);
        if tally.moves > 0 {
            report.add("superseded", "positions dropped for newer ones", lost);
        } else {
            report.add("lost", "lost", lost);
        }
        report.measure("deliveries_per_s", "deliveries/s", received / seconds, 0);
        report.measure("bytes_per_delivery", "bytes each", self.bytes as f64 / received, 1);
        report.add("p50_us", "latency µs, half of them", tally.percentile(50.0));
        report.add("p95_us", "  95 %", tally.percentile(95.0));
        report.add("p99_us", "  99 %", tally.percentile(99.0));
        report.add("max_us", "  longest", tally.longest());
        report.add("samples", "  measured", tally.samples());
        if let Some(server) = self.server {
            let each = server.cpu.as_micros() as f64 / received;
            report.measure("server_us_per_delivery", "server's time for each, µs", each, 3);
            let busy = server.cpu.as_secs_f64() / seconds;
            report.measure("server_busy", "server's share of a core", busy, 3);
        }
        let busy = self.own.cpu.as_secs_f64() / seconds;
        report.measure("generator_busy", "this program's share of a core", busy, 3);
        report.add("sent_late_us", "sent late by at most, µs", self.latest.as_micros() as u64);
        add_closed(report, crowd);
        if self.is_broken_off {
            report.remark("broken off: more than 2 s behind the schedule");
        } else if busy > BUSY {
            report.remark("this program was the limit, and not the server: see --gather");
        }
    }
}
