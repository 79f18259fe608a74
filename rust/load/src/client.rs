//! One person: a socket, how far he has come, and what is not yet whole.

use crate::error::{Error, Result};
use crate::frame;
use crate::target::Target;
use rustix::net::{self, AddressFamily, SocketFlags, SocketType};
use std::io::{self, Read, Write};
use std::net::TcpStream;

/// How far somebody has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    Connecting,
    /// The upgrade is asked for.
    Upgrading,
    /// `hi` is said, perhaps `ch` with it.
    Greeting,
    /// `hi` is answered, and nothing else is wanted for now.
    Greeted,
    /// `ch` is said.
    Entering,
    /// In his room.
    Inside,
    /// In his room, and never reads.
    Deaf,
    Gone,
}

/// Buffers of rare large frames are given back; bytes.
const KEPT: usize = 64 * 1024;

/// How much the kernel is to hold for somebody who will not read; bytes.
const DEAF_BUFFER: usize = 16 * 1024;

/// A person.
pub struct Client {
    pub stage: Stage,
    pub room: usize,
    /// Whether the latency of what he hears is measured.
    pub is_sampled: bool,
    /// His participant id, once he is in his room.
    pub id: Box<[u8]>,
    /// None when gone.
    pub stream: Option<TcpStream>,
    /// Whether the loop is told when the socket takes bytes.
    pub is_full: bool,
    unread: Vec<u8>,
    unsent: Vec<u8>,
}

/// What came of an attempt to read.
pub enum Taken {
    Bytes(usize),
    Nothing,
    End,
}

fn system(what: &'static str) -> impl Fn(rustix::io::Errno) -> Error {
    move |errno| Error::System { what, why: errno.into() }
}

impl Client {
    /// Begins to connect.
    pub fn open(number: usize, room: usize, target: &Target, is_deaf: bool) -> Result<Self> {
        let family = if target.address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket = net::socket_with(family, SocketType::STREAM, flags, None)
            .map_err(system("cannot make a socket"))?;
        if is_deaf {
            net::sockopt::set_socket_recv_buffer_size(&socket, DEAF_BUFFER)
                .map_err(system("cannot bound a socket's buffer"))?;
        }
        if let Some(source) = target.source(number) {
            net::bind(&socket, &source).map_err(system("cannot take an address of 127.0.0.0/8"))?;
        }
        match net::connect(&socket, &target.address) {
            Ok(()) | Err(rustix::io::Errno::INPROGRESS) => {}
            Err(rustix::io::Errno::CONNREFUSED) => return Err(Error::Refused { address: target.address }),
            Err(errno) => return Err(system("cannot connect")(errno)),
        }
        Ok(Self {
            stage: Stage::Connecting,
            room,
            is_sampled: false,
            id: Box::default(),
            stream: Some(TcpStream::from(socket)),
            is_full: true,
            unread: Vec::new(),
            unsent: Vec::new(),
        })
    }

    /// Asks for the upgrade, when the connection stands.
    pub fn upgrade(&mut self, target: &Target) -> Result<()> {
        let Some(stream) = &self.stream else { return Ok(()) };
        match stream.take_error() {
            Ok(None) => {}
            Ok(Some(why)) | Err(why) if why.kind() == io::ErrorKind::ConnectionRefused => {
                return Err(Error::Refused { address: target.address })
            }
            Ok(Some(why)) | Err(why) => return Err(Error::System { what: "cannot connect", why }),
        }
        // Else a small message waits for the answer to the one before it.
        let _ = stream.set_nodelay(true);
        self.stage = Stage::Upgrading;
        self.unsent.extend_from_slice(target.request.as_bytes());
        Ok(())
    }

    /// Reads what has come, behind what of it was not whole.
    pub fn read(&mut self, buffer: &mut [u8]) -> Taken {
        let Some(stream) = &mut self.stream else { return Taken::Nothing };
        match stream.read(buffer) {
            Ok(0) => Taken::End,
            Ok(count) => Taken::Bytes(count),
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => Taken::Nothing,
                _ => Taken::End,
            },
        }
    }

    /// Joins what was left over and what came.
    pub fn whole(&mut self, fresh: &[u8]) -> Option<Vec<u8>> {
        if self.unread.is_empty() {
            return None;
        }
        let mut whole = std::mem::take(&mut self.unread);
        whole.extend_from_slice(fresh);
        Some(whole)
    }

    /// Keeps what is not whole yet.
    pub fn keep(&mut self, rest: &[u8]) {
        self.unread.clear();
        self.unread.extend_from_slice(rest);
        if self.unread.capacity() > KEPT && rest.len() < KEPT {
            self.unread.shrink_to(KEPT);
        }
    }

    /// Reads the answer to the upgrade off the front of `data`; tells whether it was all there.
    pub fn answer(data: &mut &[u8]) -> Result<bool> {
        let mut headers = [httparse::EMPTY_HEADER; 32];
        let mut response = httparse::Response::new(&mut headers);
        match response.parse(data) {
            Ok(httparse::Status::Partial) => Ok(false),
            Err(_) => Err(Error::Stranger),
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
                accepts.then_some(true).ok_or(Error::Stranger)
            }
        }
    }

    /// Queues a frame.
    pub fn queue(&mut self, opcode: u8, payload: &[u8]) {
        frame::write(&mut self.unsent, opcode, payload);
    }

    /// Writes what is queued, as far as the socket takes it; tells whether all of it went.
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
    fn an_upgrade_is_answered_whole_or_not_at_all() {
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
             sec-websocket-accept: {}\r\n\r\n\x01\x02",
            frame::ACCEPT
        );
        let mut data = answer.as_bytes();
        assert!(Client::answer(&mut data).unwrap());
        assert_eq!(data, b"\x01\x02");
        assert!(!Client::answer(&mut &answer.as_bytes()[..40]).unwrap());
    }

    #[test]
    fn other_answers_say_what_is_wrong() {
        let error = |answer: &str| Client::answer(&mut answer.as_bytes()).unwrap_err().to_string();
        let full = error("HTTP/1.1 429 Too Many Requests\r\nRetry-After: 5\r\n\r\n");
        assert!(full.contains("429") && full.contains("limits"), "{full}");
        assert!(error("SSH-2.0-OpenSSH_9.2\r\n\r\n").contains("no WebSocket server"));
        let proxy = error("HTTP/1.1 101 Switching Protocols\r\nsec-websocket-accept: x\r\n\r\n");
        assert!(proxy.contains("no WebSocket server"), "{proxy}");
    }
}
