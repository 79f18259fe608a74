//! One client: a socket, the stage of its connection, and incomplete frames.

use crate::error::{Error, Result};
use crate::frame;
use crate::target::Target;
use rustix::net::{self, AddressFamily, SocketFlags, SocketType};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};

/// The stage of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    Connecting,
    /// The request for a WebSocket was sent.
    Handshake,
    /// `hi` was sent, perhaps with `ch`.
    HelloSent,
    /// `hi` was answered, and nothing else is wanted for now.
    HelloDone,
    /// `ch` was sent.
    Joining,
    /// The client is in its room.
    InRoom,
    /// The client is in its room and never reads.
    NotReading,
    Gone,
}

/// The buffer size from which the memory of rare large frames is released, in bytes.
const MAX_SPARE: usize = 64 * 1024;

/// The receive buffer of a client that never reads, in bytes.
const SMALL_BUFFER: usize = 16 * 1024;

/// A client.
pub struct Client {
    pub stage: Stage,
    address: SocketAddr,
    pub room: usize,
    /// Whether the latency of its received messages is measured.
    pub is_sampled: bool,
    /// The participant id, once the client is in its room.
    pub id: Box<[u8]>,
    /// The socket; None once the connection has ended.
    pub stream: Option<TcpStream>,
    /// Whether the loop watches for a writable socket.
    pub is_full: bool,
    unread: Vec<u8>,
    unsent: Vec<u8>,
}

/// The result of an attempt to read.
pub enum ReadResult {
    Bytes(usize),
    Nothing,
    End,
}

fn system(what: &'static str) -> impl Fn(rustix::io::Errno) -> Error {
    move |errno| Error::System { what, why: errno.into() }
}

impl Client {
    /// Begin to connect.
    pub fn open(number: usize, room: usize, target: &Target, never_reads: bool) -> Result<Self> {
        let address = target.address(number);
        let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket = net::socket_with(family, SocketType::STREAM, flags, None)
            .map_err(system("cannot make a socket"))?;
        if never_reads {
            net::sockopt::set_socket_recv_buffer_size(&socket, SMALL_BUFFER)
                .map_err(system("cannot bound a socket's buffer"))?;
        }
        if let Some(source) = target.source(number) {
            net::bind(&socket, &source).map_err(system("cannot take an address of 127.0.0.0/8"))?;
        }
        match net::connect(&socket, &address) {
            Ok(()) | Err(rustix::io::Errno::INPROGRESS) => {}
            Err(rustix::io::Errno::CONNREFUSED) => return Err(Error::Refused { address }),
            Err(errno) => return Err(system("cannot connect")(errno)),
        }
        Ok(Self {
            stage: Stage::Connecting,
            address,
            room,
            is_sampled: false,
            id: Box::default(),
            stream: Some(TcpStream::from(socket)),
            is_full: true,
            unread: Vec::new(),
            unsent: Vec::new(),
        })
    }

    /// Request a WebSocket, once the connection is established.
    pub fn request_websocket(&mut self, target: &Target) -> Result<()> {
        let Some(stream) = &self.stream else { return Ok(()) };
        match stream.take_error() {
            Ok(None) => {}
            Ok(Some(why)) | Err(why) if why.kind() == io::ErrorKind::ConnectionRefused => {
                return Err(Error::Refused { address: self.address })
            }
            Ok(Some(why)) | Err(why) => return Err(Error::System { what: "cannot connect", why }),
        }
        // Otherwise a small message waits for the acknowledgement of the one before it.
        let _ = stream.set_nodelay(true);
        self.stage = Stage::Handshake;
        self.unsent.extend_from_slice(target.request.as_bytes());
        Ok(())
    }

    /// Read available bytes into the buffer.
    pub fn read(&mut self, buffer: &mut [u8]) -> ReadResult {
        let Some(stream) = &mut self.stream else { return ReadResult::Nothing };
        match stream.read(buffer) {
            Ok(0) => ReadResult::End,
            Ok(count) => ReadResult::Bytes(count),
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => ReadResult::Nothing,
                _ => ReadResult::End,
            },
        }
    }

    /// Join the incomplete frame, if there is one, with the new bytes.
    pub fn join_rest(&mut self, fresh: &[u8]) -> Option<Vec<u8>> {
        if self.unread.is_empty() {
            return None;
        }
        let mut whole = std::mem::take(&mut self.unread);
        whole.extend_from_slice(fresh);
        Some(whole)
    }

    /// Store an incomplete frame.
    pub fn store_rest(&mut self, rest: &[u8]) {
        self.unread.clear();
        self.unread.extend_from_slice(rest);
        if self.unread.capacity() > MAX_SPARE && rest.len() < MAX_SPARE {
            self.unread.shrink_to(MAX_SPARE);
        }
    }

    /// Parse the answer to the handshake at the start of `data`; return whether it is complete.
    pub fn parse_answer(data: &mut &[u8]) -> Result<bool> {
        let mut headers = [httparse::EMPTY_HEADER; 32];
        let mut response = httparse::Response::new(&mut headers);
        match response.parse(data) {
            Ok(httparse::Status::Partial) => Ok(false),
            Err(_) => Err(Error::NotWebSocket),
            Ok(httparse::Status::Complete(length)) => {
                let status = response.code.unwrap_or(0);
                if status != 101 {
                    return Err(Error::Status { status });
                }
                let accepts = response.headers.iter().any(|header| {
                    header.name.eq_ignore_ascii_case("sec-websocket-accept")
                        && header.value == frame::ACCEPT.as_bytes()
                });
                *data = &data[length..];
                accepts.then_some(true).ok_or(Error::NotWebSocket)
            }
        }
    }

    /// Queue a frame.
    pub fn queue(&mut self, opcode: u8, payload: &[u8]) {
        frame::write(&mut self.unsent, opcode, payload);
    }

    /// Write the queued bytes as far as the socket takes them; return whether all were written.
    pub fn write(&mut self) -> io::Result<bool> {
        let Some(stream) = &mut self.stream else { return Ok(true) };
        let mut done = 0;
        while done < self.unsent.len() {
            match stream.write(&self.unsent[done..]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => done += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.unsent.drain(..done);
        Ok(self.unsent.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_complete_or_not_parsed() {
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
             sec-websocket-accept: {}\r\n\r\n\x01\x02",
            frame::ACCEPT
        );
        let mut data = answer.as_bytes();
        assert!(Client::parse_answer(&mut data).unwrap());
        assert_eq!(data, b"\x01\x02");
        assert!(!Client::parse_answer(&mut &answer.as_bytes()[..40]).unwrap());
    }

    #[test]
    fn other_answers_are_explained() {
        let error = |answer: &str| Client::parse_answer(&mut answer.as_bytes()).unwrap_err().to_string();
        let full = error("HTTP/1.1 429 Too Many Requests\r\nRetry-After: 5\r\n\r\n");
        assert!(full.contains("429") && full.contains("limits"), "{full}");
        assert!(error("SSH-2.0-OpenSSH_9.2\r\n\r\n").contains("did not come from a WebSocket server"));
        let proxy = error("HTTP/1.1 101 Switching Protocols\r\nsec-websocket-accept: x\r\n\r\n");
        assert!(proxy.contains("did not come from a WebSocket server"), "{proxy}");
    }
}
