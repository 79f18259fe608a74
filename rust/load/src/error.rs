//! Errors, each shown as one line to the user.

use std::fmt;
use std::io;
use std::net::SocketAddr;

/// The reason why a run ended without a result.
#[derive(Debug)]
pub enum Error {
    /// The name of the host is unknown.
    Unknown { host: String, why: io::Error },
    /// The host is another machine, and the user has not declared it as their own.
    Remote { host: String },
    /// The run needs more sockets than the process may have.
    Files { clients: usize, limit: u64 },
    /// No program listens on the address.
    Refused { address: SocketAddr },
    /// The handshake was answered with another status than 101.
    Status { status: u16 },
    /// The answer did not come from a WebSocket server.
    NotWebSocket,
    /// The server closed a connection before its client was in a room.
    Closed { code: Option<u16> },
    /// Nothing happened for a long time.
    Stalled { entered: usize, clients: usize, seconds: u64 },
    /// All connections that the run needs are gone.
    AllClosed,
    /// The process does not exist.
    Process { pid: u32 },
    /// The system refused a call.
    System { what: &'static str, why: io::Error },
}

pub type Result<T> = std::result::Result<T, Error>;

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { host, why } => write!(f, "{host}: {why}"),
            Self::Remote { host } => write!(
                f,
                "{host} is not this machine: load on a server that belongs to others is an attack; \
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
            Self::NotWebSocket => write!(f, "the answer did not come from a WebSocket server"),
            Self::Closed { code: Some(code) } => {
                write!(f, "the server closed a connection with {code} before it was in a room")
            }
            Self::Closed { code: None } => {
                write!(f, "the server dropped a connection before it was in a room")
            }
            Self::Stalled { entered, clients, seconds } => write!(
                f,
                "{entered} of {clients} clients joined their rooms, then nothing happened \
                 for {seconds} s"
            ),
            Self::AllClosed => write!(f, "the server closed all connections"),
            Self::Process { pid } => write!(f, "there is no process {pid}"),
            Self::System { what, why } => write!(f, "{what}: {why}"),
        }
    }
}

impl std::error::Error for Error {}
