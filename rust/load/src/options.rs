//! The command line.

use clap::{Args, Parser, Subcommand};
use std::time::Duration;

/// Load a Multiplayer Piano server with clients, and report how it copes.
///
/// The server must run on this machine unless you declare that another one is yours. On 127.0.0.1 every
/// client has an address of its own, and is therefore a user with a note quota of their own.
#[derive(Debug, Parser)]
#[command(name = "fortepiano-load", version)]
pub struct Options {
    #[command(subcommand)]
    pub scenario: Scenario,
    /// Host of the server.
    #[arg(long, global = true, default_value = "127.0.0.1")]
    pub host: String,
    /// Public TCP port of the server; of several nodes all ports, to which clients connect in turn.
    #[arg(long, global = true, default_value = "8080", value_delimiter = ',')]
    pub port: Vec<u16>,
    /// Path of the WebSocket.
    #[arg(long, global = true, default_value = "/ws")]
    pub path: String,
    /// Process id of the server on this machine, to report its memory and processor time; several are
    /// taken together.
    #[arg(long, global = true, value_name = "PID", value_delimiter = ',')]
    pub server_pid: Vec<u32>,
    /// Number of clients that connect at the same time.
    #[arg(long, global = true, value_name = "CLIENTS", default_value_t = 64, value_parser = some)]
    pub at_once: usize,
    /// Check the sockets at most once in this many milliseconds: cheaper here, worse latency.
    #[arg(long, global = true, value_name = "MS", default_value_t = 0)]
    pub gather: u64,
    /// Print one line of JSON.
    #[arg(long, global = true)]
    pub json: bool,
    /// Number of the first client: generators that run side by side must use different addresses.
    #[arg(long, global = true, value_name = "NUMBER", default_value_t = 0)]
    pub first: usize,
    /// Connect all clients from one address, as one user.
    #[arg(long, global = true)]
    pub one_address: bool,
    /// Load another machine than this one.
    #[arg(long, global = true)]
    pub yes_this_host_is_mine: bool,
}

/// The scenario to run.
#[derive(Debug, Subcommand)]
pub enum Scenario {
    /// Clients join rooms and stay: connects/s, memory per client, cost of silence.
    Connect(Connect),
    /// Some clients play in one room and all receive: deliveries/s, latency, losses.
    Play(Play),
    /// All clients play in many small rooms, or some of them.
    Rooms(Rooms),
    /// All clients move their pointers in one room.
    Mouse(Mouse),
    /// All clients join one room at the same time: joins/s.
    JoinStorm(JoinStorm),
    /// One client in the room never reads: its cost to the server and the others.
    SlowReader(SlowReader),
}

#[derive(Args, Debug)]
pub struct Connect {
    /// Number of clients.
    #[arg(long, default_value_t = 1000, value_parser = some)]
    pub clients: usize,
    /// Participants in each room.
    #[arg(long, default_value_t = 20, value_parser = some)]
    pub people: usize,
    /// How long the clients stay.
    #[arg(long, default_value = "5", value_parser = seconds)]
    pub seconds: Duration,
}

#[derive(Args, Debug)]
pub struct Play {
    /// Participants in the room.
    #[arg(long, default_value_t = 100, value_parser = some)]
    pub clients: usize,
    /// Number of players among them.
    #[arg(long, default_value_t = 10, value_parser = some)]
    pub players: usize,
    /// Messages per second of each player.
    #[arg(long, default_value = "50", value_parser = rate)]
    pub rate: f64,
    /// Notes in each message.
    #[arg(long, default_value_t = 4, value_parser = some)]
    pub notes: usize,
    /// How long they play.
    #[arg(long, default_value = "5", value_parser = seconds)]
    pub seconds: Duration,
}

#[derive(Args, Debug)]
pub struct Rooms {
    /// Number of clients.
    #[arg(long, default_value_t = 1000, value_parser = some)]
    pub clients: usize,
    /// Participants in each room.
    #[arg(long, default_value_t = 5, value_parser = some)]
    pub people: usize,
    /// Number of players, spread evenly over the rooms; all clients, if not given.
    #[arg(long, value_parser = some)]
    pub players: Option<usize>,
    /// Messages per second of each player.
    #[arg(long, default_value = "5", value_parser = rate)]
    pub rate: f64,
    /// Notes in each message.
    #[arg(long, default_value_t = 4, value_parser = some)]
    pub notes: usize,
    /// How long the clients play.
    #[arg(long, default_value = "5", value_parser = seconds)]
    pub seconds: Duration,
}

#[derive(Args, Debug)]
pub struct Mouse {
    /// Participants in the room.
    #[arg(long, default_value_t = 100, value_parser = some)]
    pub clients: usize,
    /// Positions per second of each client.
    #[arg(long, default_value = "20", value_parser = rate)]
    pub rate: f64,
    /// How long the clients move.
    #[arg(long, default_value = "3", value_parser = seconds)]
    pub seconds: Duration,
}

#[derive(Args, Debug)]
pub struct JoinStorm {
    /// Number of clients.
    #[arg(long, default_value_t = 500, value_parser = some)]
    pub clients: usize,
}

#[derive(Args, Debug)]
pub struct SlowReader {
    /// Participants in the room, including the one that never reads.
    #[arg(long, default_value_t = 20, value_parser = some)]
    pub clients: usize,
    /// Number of players among them.
    #[arg(long, default_value_t = 10, value_parser = some)]
    pub players: usize,
    /// Messages per second of each player.
    #[arg(long, default_value = "150", value_parser = rate)]
    pub rate: f64,
    /// Notes in each message.
    #[arg(long, default_value_t = 32, value_parser = some)]
    pub notes: usize,
    /// How long they play.
    #[arg(long, default_value = "15", value_parser = seconds)]
    pub seconds: Duration,
}

fn some(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number @ 1..=1_000_000) => Ok(number),
        _ => Err("not a whole number from 1 to 1000000".to_owned()),
    }
}

fn rate(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|rate| (0.01..=1_000_000.0).contains(rate))
        .ok_or_else(|| "not a number from 0.01 to 1000000".to_owned())
}

fn seconds(text: &str) -> Result<Duration, String> {
    text.parse()
        .ok()
        .filter(|seconds| (0.1..=86_400.0).contains(seconds))
        .map(Duration::from_secs_f64)
        .ok_or_else(|| "not a number of seconds from 0.1 to 86400".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn parse(line: &str) -> Result<Options, clap::Error> {
        Options::try_parse_from(std::iter::once("fortepiano-load").chain(line.split_whitespace()))
    }

    #[test]
    fn the_command_line_is_valid() {
        Options::command().debug_assert();
    }

    #[test]
    fn each_scenario_has_defaults_and_the_target_may_be_anywhere() {
        for scenario in ["connect", "play", "rooms", "mouse", "join-storm", "slow-reader"] {
            let options = parse(&format!("{scenario} --port 9000 --json")).unwrap();
            assert_eq!((options.port, options.json), (vec![9000], true));
            assert_eq!((options.host.as_str(), options.at_once), ("127.0.0.1", 64));
            assert!(!options.yes_this_host_is_mine);
            assert!(parse(&format!("--port 9000 {scenario}")).is_ok());
        }
    }

    #[test]
    fn numbers_are_parsed() {
        let options = parse("play --clients 7 --players 3 --rate 0.5 --seconds 1.5").unwrap();
        let Scenario::Play(play) = options.scenario else { panic!("another scenario") };
        assert_eq!((play.clients, play.players, play.notes), (7, 3, 4));
        assert_eq!((play.rate, play.seconds), (0.5, Duration::from_millis(1500)));
        let options = parse("play --port 9000,9001 --server-pid 7,8,9").unwrap();
        assert_eq!((options.port, options.server_pid), (vec![9000, 9001], vec![7, 8, 9]));
        let options = parse("rooms --players 9 --first 20000").unwrap();
        let Scenario::Rooms(rooms) = options.scenario else { panic!("another scenario") };
        assert_eq!((rooms.players, options.first), (Some(9), 20_000));
    }

    #[test]
    fn invalid_values_are_refused() {
        for line in [
            "",
            "dance",
            "play --clients 0",
            "play --clients -3",
            "play --clients many",
            "play --rate 0",
            "play --rate nan",
            "play --rate inf",
            "play --seconds 0",
            "connect --rate 5",
            "play --port 65536",
            "play --port 9000,",
        ] {
            let error = parse(line).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{line}");
        }
    }
}
