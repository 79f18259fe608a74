//! What can go wrong, each as one line for the person at the keyboard.

use std::fmt;
use std::io;
use std::net::SocketAddr;

/// Why a run ended before it had a result.
#[derive(Debug)]
pub enum Error {
    /// The name of the host means nothing.
    Unknown { host: String, why: io::Error },
    /// The host is somewhere else, and nobody said that it is his.
    Elsewhere { host: String },
    /// More sockets than the process may have.
    Files { clients: usize, limit: u64 },
    /// Nobody listens.
    Refused { address: SocketAddr },
    /// The upgrade was answered with another status than 101.
    Status { status: u16 },
    /// What came was no answer of a WebSocket server.
    Stranger,
    /// The server closed a connection before its person was in a room.
    Dismissed { code: Option<u16> },
    /// Nothing happened for long.
    Stalled { entered: usize, clients: usize, seconds: u64 },
    /// All connections of a run that needs them are gone.
    Deserted,
    /// There is no process to look at.
    Process { pid: u32 },
    /// The machine said no.
    System { what: &'static str, why: io::Error },
}

pub type Result<T> = std::result::Result<T, Error>;

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { host, why } => write!(f, "{host}: {why}"),
            Self::Elsewhere { host } => write!(
                f,
                "{host} is not this machine: load for a server of somebody else is an attack; \
                 if it is yours, add --yes-this-host-is-mine"
            ),
            Self::Files { clients, limit } => write!(
                f,
                "{clients} clients need more open files than this shell allows ({limit}): \
                 raise it with `ulimit -n`, or ask for fewer --clients"
            ),
            Self::Refused { address } => {
                write!(f, "nobody listens on {address}: start the server first, or name its --port")
            }
            Self::Status { status } => write!(
                f,
                "the server refused a WebSocket with status {status}{}",
                match status {
                    403 => ": the address is banned or not allowed",
                    429 => ": too many connections from one address; raise its limits for the run",
                    503 => ": it is full or stopping",
                    _ => "; is it a Multiplayer Piano server, and --path right?",
                }
            ),
            Self::Stranger => write!(f, "what answered is no WebSocket server"),
            Self::Dismissed { code: Some(code) } => {
                write!(f, "the server closed a connection with {code} before it was in a room")
            }
            Self::Dismissed { code: None } => {
                write!(f, "the server dropped a connection before it was in a room")
            }
            Self::Stalled { entered, clients, seconds } => write!(
                f,
                "{entered} of {clients} people got into their rooms, then nothing came \
                 for {seconds} s"
            ),
            Self::Deserted => write!(f, "the server closed all connections"),
            Self::Process { pid } => write!(f, "there is no process {pid} to look at"),
            Self::System { what, why } => write!(f, "{what}: {why}"),
        }
    }
}

impl std::error::Error for Error {}
