//! The buffers of one connection to the broker, and its counters.

use std::collections::VecDeque;

use crate::bus::command;
use crate::bus::reply::{parse, Fault, Frame, Parsed, Token};

/// The room for one read.
const READ: usize = 64 << 10;
/// The size of a receive buffer that is kept when it is empty.
const KEPT: usize = 4 * READ;

/// The beginning of a message by which a node finds out that its publications come back.
///
/// The messages of hubs begin with another byte, their version.
const BEAT: &[u8] = b"beat ";

/// Counters since the node was started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Messages that were published.
    pub published: u64,
    /// Their bytes.
    pub published_bytes: u64,
    /// Messages that were dropped, since the connection was down.
    pub dropped: u64,
    /// Published messages that nobody heard.
    pub unheard: u64,
    /// Messages that were received.
    pub received: u64,
    /// Their bytes.
    pub received_bytes: u64,
}

/// Something that came from the broker.
#[derive(Debug, PartialEq)]
pub enum Incoming<'a> {
    /// A message for the hub.
    Message {
        /// The channel.
        channel: &'a [u8],
        /// The message.
        message: &'a [u8],
    },
    /// The text of a beat.
    Beat(&'a [u8]),
    /// A channel is subscribed to.
    Subscribed(&'a [u8]),
    /// A channel is no longer subscribed to.
    Unsubscribed(&'a [u8]),
    /// Nobody has heard a message for this inbox; said once, until somebody has heard one again.
    Unheard(u16),
    /// The answer to a command, as tokens.
    Reply(Vec<Token<'a>>),
    /// The bytes cannot be understood; nothing more can be read.
    Fault(Fault),
}

/// The connection to the broker: bytes in both directions.
#[derive(Debug, Default)]
pub struct Connection {
    received: Vec<u8>,
    /// The place of the first byte that has not been read.
    from: usize,
    /// The place behind the last byte that has come.
    end: usize,
    /// The least length of the next frame.
    needed: usize,
    outbox: Vec<u8>,
    is_open: bool,
    /// The inboxes of messages whose number of receivers is not known yet; 0 for other channels.
    asked: VecDeque<u16>,
    /// The inboxes that nobody hears.
    unheard: Vec<u16>,
    /// Counters, which survive reconnects.
    pub stats: Stats,
}

/// The state of an open connection that another process adopts together with the socket.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Bytes that have come and were not read.
    pub received: Vec<u8>,
    /// Bytes to send.
    pub outbox: Vec<u8>,
    /// The inboxes of messages whose number of receivers is not known yet; 0 for other channels.
    pub asked: Vec<u16>,
    /// The inboxes that nobody hears.
    pub unheard: Vec<u16>,
}

impl Connection {
    /// Return what another process needs to go on.
    #[must_use]
    pub fn state(&self) -> State {
        State {
            received: self.received[self.from..self.end].to_vec(),
            outbox: self.outbox.clone(),
            asked: self.asked.iter().copied().collect(),
            unheard: self.unheard.clone(),
        }
    }

    /// Go on where another process was, and send what is published from now on.
    pub fn restore(&mut self, state: State) {
        self.reset();
        self.end = state.received.len();
        self.received = state.received;
        self.outbox = state.outbox;
        self.asked = state.asked.into();
        self.unheard = state.unheard;
        self.open();
    }

    /// Forget all bytes, and drop what is published until [`Self::open`].
    pub fn reset(&mut self) {
        *self = Self { stats: self.stats, ..Self::default() };
    }

    /// Return whether what is published is sent.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.is_open
    }

    /// Send what is published from now on.
    pub fn open(&mut self) {
        self.is_open = true;
    }

    /// Return the buffer for the next bytes.
    pub fn window(&mut self) -> &mut [u8] {
        if self.from > 0 {
            self.received.copy_within(self.from..self.end, 0);
            self.end -= self.from;
            self.from = 0;
        }
        if self.end == 0 && self.received.len() > KEPT {
            self.received = Vec::new();
        }
        // A size that the broker says is believed as far as bytes have come.
        let wanted = self.needed.min(2 * self.end).max(self.end + READ);
        if self.received.len() < wanted {
            self.received.resize(wanted, 0);
        }
        &mut self.received[self.end..]
    }

    /// Accept `count` bytes that were read into the window.
    pub fn feed(&mut self, count: usize) {
        self.end = self.received.len().min(self.end + count);
    }

    /// Return the next thing that has come, or nothing if its end is missing.
    ///
    /// Answers to `PUBLISH` are counted here.
    // Not an iterator: the result borrows the buffer.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Option<Incoming<'_>> {
        loop {
            let bytes = &self.received[self.from..self.end];
            if bytes.is_empty() || bytes.len() < self.needed {
                return None;
            }
            match parse(bytes) {
                Parsed::Incomplete(length) => {
                    self.needed = length;
                    return None;
                }
                Parsed::Fault(fault) => {
                    self.from = self.end;
                    return Some(Incoming::Fault(fault));
                }
                Parsed::Frame(length, frame) => {
                    self.from += length;
                    self.needed = 0;
                    if let Frame::Reply(tokens) = &frame {
                        // Only `PUBLISH` is answered by a number, among the commands of a bus.
                        if let [Token::Integer(receivers)] = tokens[..] {
                            let inbox = self.asked.pop_front().unwrap_or_default();
                            self.stats.unheard += u64::from(receivers == 0);
                            if note(&mut self.unheard, inbox, receivers > 0) {
                                return Some(Incoming::Unheard(inbox));
                            }
                            continue;
                        }
                    }
                    if let Some(incoming) = incoming(frame, &mut self.stats) {
                        return Some(incoming);
                    }
                }
            }
        }
    }

    /// Begin a command of `count` parts; that many calls of [`Self::part`] must follow.
    pub fn begin(&mut self, count: usize) {
        command::begin(&mut self.outbox, count);
    }

    /// Add one part of a command.
    pub fn part(&mut self, bytes: &[u8]) {
        command::part(&mut self.outbox, bytes);
    }

    /// Publish a message; it is dropped while the connection is closed.
    pub fn publish(&mut self, channel: &[u8], message: &[u8]) {
        if self.is_open {
            command::publish(&mut self.outbox, channel, message);
            self.asked.push_back(inbox_of(channel));
            self.stats.published += 1;
            self.stats.published_bytes += message.len() as u64;
        } else {
            self.stats.dropped += 1;
        }
    }

    /// Publish a beat with a text that comes back with [`Incoming::Beat`].
    pub fn beat(&mut self, channel: &[u8], text: &[u8]) {
        command::publish(&mut self.outbox, channel, &[BEAT, text].concat());
        self.asked.push_back(0);
    }

    /// Return the bytes to send.
    #[must_use]
    pub fn outbox(&self) -> &[u8] {
        &self.outbox
    }

    /// Forget the bytes to send: they are sent.
    pub fn clear_outbox(&mut self) {
        self.outbox.clear();
        self.outbox.shrink_to(KEPT);
    }
}

/// Return what a frame means to a node; nothing for what is only counted, or of no interest.
fn incoming<'a>(frame: Frame<'a>, stats: &mut Stats) -> Option<Incoming<'a>> {
    match frame {
        Frame::Message { channel, message } => {
            if let Some(text) = message.strip_prefix(BEAT) {
                return Some(Incoming::Beat(text));
            }
            stats.received += 1;
            stats.received_bytes += message.len() as u64;
            Some(Incoming::Message { channel, message })
        }
        Frame::Push(tokens) => match tokens[..] {
            [_, Token::Text(b"subscribe"), Token::Text(channel), ..] => Some(Incoming::Subscribed(channel)),
            [_, Token::Text(b"unsubscribe"), Token::Text(channel), ..] => {
                Some(Incoming::Unsubscribed(channel))
            }
            _ => None,
        },
        Frame::Reply(tokens) => Some(Incoming::Reply(tokens)),
    }
}

/// Return the number at the end of the channel of an inbox (`…:n:<nid>`); 0 for other channels.
fn inbox_of(channel: &[u8]) -> u16 {
    let at = channel.iter().rposition(|byte| *byte == b':').map_or(0, |at| at + 1);
    let (name, digits) = channel.split_at(at);
    let number = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok());
    number.filter(|_| name.ends_with(b":n:")).unwrap_or_default()
}

/// Note whether somebody hears an inbox; return whether it is new that nobody does.
fn note(unheard: &mut Vec<u16>, inbox: u16, is_heard: bool) -> bool {
    if is_heard {
        unheard.retain(|it| *it != inbox);
    }
    let is_new = inbox > 0 && !is_heard && !unheard.contains(&inbox);
    if is_new {
        unheard.push(inbox);
    }
    is_new
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Feed bytes as a loop does: in pieces of at most `piece` bytes.
    fn feed(connection: &mut Connection, bytes: &[u8], piece: usize, mut each: impl FnMut(Incoming<'_>)) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let window = connection.window();
            let count = rest.len().min(piece).min(window.len());
            window[..count].copy_from_slice(&rest[..count]);
            connection.feed(count);
            rest = &rest[count..];
            while let Some(incoming) = connection.next() {
                each(incoming);
            }
        }
    }

    fn message(channel: &[u8], message: &[u8]) -> Vec<u8> {
        let mut out = b">3\r\n".to_vec();
        for part in [b"message", channel, message] {
            command::part(&mut out, part);
        }
        out
    }

    #[test]
    fn another_connection_goes_on_within_a_message() {
        let mut first = Connection::default();
        first.open();
        first.publish(b"c", b"1");
        let bytes = [message(b"c", b"whole"), message(b"c", b"cut in two")].concat();
        let (here, there) = bytes.split_at(bytes.len() - 7);
        let mut came = Vec::new();
        let window = first.window();
        window[..here.len()].copy_from_slice(here);
        first.feed(here.len());
        assert!(first.next().is_some());
        let mut second = Connection::default();
        second.restore(first.state());
        assert_eq!(second.outbox(), first.outbox());
        second.publish(b"c", b"2");
        assert!(second.outbox().len() > first.outbox().len());
        feed(&mut second, there, 3, |it| came.push(format!("{it:?}")));
        let expected = Incoming::Message { channel: b"c", message: b"cut in two" };
        assert_eq!(came, [format!("{expected:?}")]);
    }

    #[test]
    fn what_comes_is_told_apart() {
        let mut connection = Connection::default();
        let mut came = Vec::new();
        let bytes = [
            &b"%1\r\n$5\r\nproto\r\n:3\r\n>3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n"[..],
            &message(b"c", b"beat 7"),
            b":1\r\n:0\r\n",
            &message(b"c", b"\x01abc"),
            b">2\r\n$10\r\ninvalidate\r\n_\r\n",
            b">3\r\n$11\r\nunsubscribe\r\n$1\r\nc\r\n:0\r\n-NOPERM no\r\n",
            b"HTTP",
        ]
        .concat();
        feed(&mut connection, &bytes, 5, |it| came.push(format!("{it:?}")));
        let expected = [
            Incoming::Reply(vec![Token::Map(1), Token::Text(b"proto"), Token::Integer(3)]),
            Incoming::Subscribed(b"c"),
            Incoming::Beat(b"7"),
            Incoming::Message { channel: b"c", message: b"\x01abc" },
            Incoming::Unsubscribed(b"c"),
            Incoming::Reply(vec![Token::Error(b"NOPERM no")]),
            Incoming::Fault(Fault::Type(b'H')),
        ];
        // After the fault the rest is read as a new frame, which the caller does not wait for.
        assert_eq!(came[..7], expected.map(|it| format!("{it:?}")));
        let counted = Stats { received: 1, received_bytes: 4, unheard: 1, ..Stats::default() };
        assert_eq!(connection.stats, counted);
    }

    #[test]
    fn what_is_published_before_the_opening_is_dropped() {
        let mut connection = Connection::default();
        connection.publish(b"c", b"1");
        assert!(connection.outbox().is_empty());
        connection.open();
        connection.publish(b"c", b"22");
        connection.begin(1);
        connection.part(b"ROLE");
        connection.beat(b"c", b"1");
        let sent = b"*3\r\n$7\r\nPUBLISH\r\n$1\r\nc\r\n$2\r\n22\r\n*1\r\n$4\r\nROLE\r\n\
            *3\r\n$7\r\nPUBLISH\r\n$1\r\nc\r\n$6\r\nbeat 1\r\n";
        assert_eq!(connection.outbox(), sent);
        connection.clear_outbox();
        connection.reset();
        connection.publish(b"c", b"3");
        assert!(connection.outbox().is_empty());
        let counted = Stats { published: 1, published_bytes: 2, dropped: 2, ..Stats::default() };
        assert_eq!(connection.stats, counted);
    }

    #[test]
    fn an_inbox_that_nobody_hears_is_said_once() {
        let mut connection = Connection::default();
        connection.open();
        for channel in [&b"{p}:n:7"[..], b"{p}:n:7", b"{p}:r:7", b"{p}:n:7", b"{p}:n:7"] {
            connection.publish(channel, b"1");
        }
        let mut came = Vec::new();
        feed(&mut connection, b":0\r\n:0\r\n:0\r\n:1\r\n:0\r\n", 100, |it| came.push(format!("{it:?}")));
        assert_eq!(came, ["Unheard(7)", "Unheard(7)"]);
        assert_eq!(connection.stats.unheard, 4);
    }

    #[test]
    fn a_new_connection_knows_nothing_of_the_old_one() {
        let mut connection = Connection::default();
        connection.open();
        feed(&mut connection, b">3\r\n$7\r\nmess", 100, |_| panic!("it is incomplete"));
        connection.publish(b"c", b"1");
        connection.reset();
        assert!(connection.outbox().is_empty());
        let mut count = 0;
        feed(&mut connection, &message(b"c", b"1"), 100, |_| count += 1);
        assert_eq!((count, connection.stats.published), (1, 1));
    }

    #[test]
    fn a_large_message_grows_in_place_and_is_given_back() {
        let mut connection = Connection::default();
        let large = vec![7; 3 << 20];
        let mut size = 0;
        feed(&mut connection, &message(b"c", &large), READ, |it| match it {
            Incoming::Message { message, .. } => size = message.len(),
            other => panic!("{other:?}"),
        });
        assert_eq!(size, large.len());
        assert!(connection.received.len() <= large.len() + 2 * READ);
        assert_eq!(connection.window().len(), READ);
    }

    #[test]
    fn a_size_is_believed_as_far_as_bytes_have_come() {
        let mut connection = Connection::default();
        feed(&mut connection, b"$60000000\r\nabc", 100, |_| panic!("it is incomplete"));
        assert!(connection.window().len() <= READ);
    }

    proptest! {
        #[test]
        fn pieces_mean_the_same_as_the_whole(
            messages in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..60), 0..20),
            piece in 1_usize..100,
        ) {
            let mut connection = Connection::default();
            let bytes: Vec<u8> = messages.iter().flat_map(|it| message(b"c", &[b"\x01", &it[..]].concat())).collect();
            let mut came = Vec::new();
            feed(&mut connection, &bytes, piece, |it| match it {
                Incoming::Message { message, .. } => came.push(message[1..].to_vec()),
                other => panic!("{other:?}"),
            });
            prop_assert_eq!(came, messages);
        }
    }
}
