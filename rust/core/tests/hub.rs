//! The hub over socket pairs, without an interpreter, so that a debug build checks its arithmetic.

use std::io::{ErrorKind, Read};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;

use fortepiano_core::hub::ids::{ClientId, RoomId};
use fortepiano_core::hub::{CloseOrder, Hub, Settings, StepResult};
use fortepiano_core::sys::clock::Clock;
use fortepiano_core::wire::{close_code, frame};
use proptest::prelude::*;

const SECOND: u64 = 1_000_000;

/// The client's end of a connection, and the bytes received there.
struct Peer {
    client: ClientId,
    /// The hub's end, kept open.
    _near: UnixStream,
    far: UnixStream,
    read: Vec<u8>,
}

impl Peer {
    /// Connect a client; a `small` send buffer holds about 4 kB.
    fn new(hub: &mut Hub, small: bool) -> Self {
        let (near, far) = UnixStream::pair().unwrap();
        far.set_nonblocking(true).unwrap();
        if small {
            let least: libc::c_int = 1;
            // SAFETY: the pointer refers to the option's value, a c_int that lives through the call,
            // with its size.
            unsafe {
                let value = (&raw const least).cast();
                libc::setsockopt(near.as_raw_fd(), libc::SOL_SOCKET, libc::SO_SNDBUF, value, 4);
            }
        }
        let client = hub.attach(near.as_raw_fd());
        Self { client, _near: near, far, read: Vec::new() }
    }

    /// Read up to `most` bytes and return their number.
    fn read(&mut self, most: usize) -> usize {
        let mut bytes = vec![0; most];
        match self.far.read(&mut bytes) {
            Ok(count) => {
                self.read.extend_from_slice(&bytes[..count]);
                count
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
            Err(error) => panic!("{error}"),
        }
    }

    /// Return the payloads of the received frames; fail if a frame is cut.
    fn payloads(&self) -> Vec<&[u8]> {
        let mut payloads = Vec::new();
        let mut rest = &self.read[..];
        while !rest.is_empty() {
            assert_eq!(rest[0] & 0xF0, 0x80, "no frame begins here");
            let (length, header) = match rest[1] {
                126 => (usize::from(u16::from_be_bytes([rest[2], rest[3]])), 4),
                short => (usize::from(short), 2),
            };
            payloads.push(&rest[header..header + length]);
            rest = &rest[header + length..];
        }
        payloads
    }
}

fn manual(settings: Settings) -> Hub {
    Hub::new(settings, Clock::manual(1_000)).unwrap()
}

/// Create a room and put all peers into it, each as a participant of its own.
fn gather(hub: &mut Hub, peers: &[&Peer]) -> RoomId {
    let room = hub.open_room();
    for peer in peers {
        let participant = hub.add_participant(room, b"\"id\"", b"{", b"0", b"0").unwrap();
        let quota = hub.quotas.add(8000, 24000);
        hub.start_session(peer.client, quota);
        hub.enter(peer.client, room, participant);
    }
    room
}

/// Flush and read until nothing is sent any more.
fn drain(hub: &mut Hub, peers: &mut [&mut Peer]) {
    hub.wake();
    hub.flush();
    while peers.iter_mut().map(|peer| peer.read(1 << 20)).sum::<usize>() > 0 {
        hub.wake();
        hub.flush();
    }
}

/// Pass a client's text to the hub and step through it; return the messages for Python.
fn receive(hub: &mut Hub, client: ClientId, text: &str) -> Vec<Vec<u8>> {
    let mut bytes = Vec::new();
    frame::append(&mut bytes, frame::TEXT, text.as_bytes());
    let header = bytes.len() - text.len();
    bytes[1] |= 0x80;
    bytes.splice(header..header, [0; 4]);
    hub.window(client)[..bytes.len()].copy_from_slice(&bytes);
    hub.feed(client, bytes.len());
    let mut cold = Vec::new();
    while let StepResult::Cold(message) = hub.step() {
        cold.push(message.to_vec());
    }
    cold
}

#[test]
fn notes_reach_all_sockets_but_the_sender() {
    let mut hub = manual(Settings::default());
    let mut ann = Peer::new(&mut hub, false);
    let mut bea = Peer::new(&mut hub, false);
    gather(&mut hub, &[&ann, &bea]);
    let cold = receive(&mut hub, ann.client, r#"[{"m":"n","t":1,"n":[{"n":"c4"}]},{"m":"a"}]"#);
    assert_eq!(cold, [br#"{"m":"a"}"#]);
    assert!(hub.end_turn(), "the notes want a flush");
    drain(&mut hub, &mut [&mut ann, &mut bea]);
    assert_eq!(ann.payloads(), [b""; 0]);
    assert_eq!(bea.payloads(), [br#"[{"m":"n","t":1,"p":"id","n":[{"n":"c4"}]}]"#]);
}

/// Return the payload of the close frame with a code and its meaning.
fn closing(code: u16) -> Vec<u8> {
    [&code.to_be_bytes()[..], close_code::meaning(code).as_bytes()].concat()
}

#[test]
fn a_slow_reader_is_ordered_closed_and_its_last_frame_is_whole() {
    let mut hub = manual(Settings { lag_hard_bytes: 20_000, ..Settings::default() });
    let mut ann = Peer::new(&mut hub, true);
    let mut bea = Peer::new(&mut hub, false);
    let room = gather(&mut hub, &[&ann, &bea]);
    let mut order = None;
    let mut broadcasts = 0;
    while order.is_none() {
        hub.broadcast(room, &[b'x'; 3_000], None);
        hub.wake();
        hub.flush();
        bea.read(1 << 20);
        order = hub.next_close_order();
        broadcasts += 1;
        assert!(hub.lag(ann.client) <= 20_000 + 3_004, "lag is bounded");
    }
    assert_eq!(order, Some((ann.client, CloseOrder::Close(1013))));
    // The owner of the session leaves the room, then closes: neither may cut a frame.
    hub.leave(ann.client);
    hub.close(ann.client, 1013, "");
    hub.close(ann.client, 4000, "again");
    let last = closing(1013);
    assert!(hub.lag(ann.client) < 3_004 + 2 + last.len() as u64, "the backlog is dropped");
    drain(&mut hub, &mut [&mut ann, &mut bea]);
    let payloads = ann.payloads();
    assert_eq!(payloads.last(), Some(&&last[..]));
    assert!(
        payloads.len() < broadcasts && payloads.iter().rev().skip(1).all(|payload| payload.len() == 3_000)
    );
    assert_eq!(bea.payloads().len(), broadcasts);
    assert_eq!(hub.stats.slow, 1);
}

#[test]
fn a_reused_number_has_no_past() {
    let mut hub = manual(Settings { lag_hard_bytes: 5_000, ..Settings::default() });
    let ann = Peer::new(&mut hub, true);
    let room = gather(&mut hub, &[&ann]);
    for _ in 0..2 {
        hub.broadcast(room, &[b'x'; 9_000], None);
        hub.wake();
        hub.flush();
    }
    hub.detach(ann.client);
    let number = ann.client;
    drop(ann);
    let mut stranger = Peer::new(&mut hub, false);
    assert_eq!(stranger.client, number);
    assert_eq!((hub.next_close_order(), hub.lag(number)), (None, 0));
    hub.broadcast(room, b"[1]", None);
    hub.send(number, b"[2]");
    drain(&mut hub, &mut [&mut stranger]);
    assert_eq!(stranger.payloads(), [b"[2]"]);
}

#[test]
fn silent_clients_are_gone_when_both_times_are_over() {
    let settings = Settings::default();
    let both = settings.ping_seconds.us() + settings.pong_seconds.us();
    let mut hub = manual(settings);
    let mut ann = Peer::new(&mut hub, false);
    gather(&mut hub, &[&ann]);
    let begun = hub.clock().now();
    // Checks come a little later each time, as in a real loop.
    while hub.next_close_order().is_none() {
        hub.clock().advance(SECOND + 300);
        drain(&mut hub, &mut [&mut ann]);
        assert!(hub.clock().now() - begun <= both + SECOND / 10);
    }
    assert!(hub.clock().now() - begun >= both - 2 * SECOND);
}

#[test]
fn silent_clients_are_pinged_before_they_are_dropped() {
    let mut hub = manual(Settings::default());
    let mut ann = Peer::new(&mut hub, false);
    gather(&mut hub, &[&ann]);
    for second in 0..40 {
        assert_eq!(hub.next_close_order(), None, "after {second} s");
        hub.clock().advance(SECOND);
        drain(&mut hub, &mut [&mut ann]);
        if !ann.read.is_empty() {
            break;
        }
    }
    assert_eq!(ann.read, [0x80 | frame::PING, 0]);
    for _ in 0..12 {
        hub.clock().advance(SECOND);
        hub.wake();
        hub.flush();
    }
    assert_eq!(hub.next_close_order(), Some((ann.client, CloseOrder::Drop)));
}

#[derive(Clone, Debug)]
enum Act {
    Broadcast { length: usize, except: usize },
    Send { peer: usize, length: usize },
    Read { peer: usize, most: usize },
    Flush,
    Leave(usize),
    Enter(usize),
    Close(usize),
}

const PEERS: usize = 3;

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let length = prop_oneof![8 => 8..300_usize, 2 => 3_000..9_000_usize];
    let peer = 0..PEERS;
    let act = prop_oneof![
        6 => (length.clone(), 0..PEERS + 1).prop_map(|(length, except)| Act::Broadcast { length, except }),
        4 => (peer.clone(), length).prop_map(|(peer, length)| Act::Send { peer, length }),
        4 => (peer.clone(), 1..6_000_usize).prop_map(|(peer, most)| Act::Read { peer, most }),
        4 => Just(Act::Flush),
        1 => peer.clone().prop_map(Act::Leave),
        2 => peer.clone().prop_map(Act::Enter),
        1 => peer.prop_map(Act::Close),
    ];
    prop::collection::vec(act, 1..80)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Check a sequence of acts; two of the peers have sockets that fill soon.
    #[test]
    fn all_peers_receive_all_frames_in_order(acts in acts()) {
        let mut hub = manual(Settings { lag_hard_bytes: u64::MAX, ..Settings::default() });
        let mut peers: Vec<Peer> = (0..PEERS).map(|index| Peer::new(&mut hub, index > 0)).collect();
        let room = gather(&mut hub, &peers.iter().collect::<Vec<_>>());
        let participant = hub.add_participant(room, b"\"id\"", b"{", b"0", b"0").unwrap();
        let mut owed: Vec<Vec<Vec<u8>>> = vec![Vec::new(); PEERS];
        let mut is_in = [true; PEERS];
        let mut is_closed = [false; PEERS];
        for (index, act) in acts.iter().enumerate() {
            let payload = |length: usize| {
                let mut payload = format!("{index:06}").into_bytes();
                payload.resize(length, b'.');
                payload
            };
            match *act {
                Act::Broadcast { length, except } => {
                    hub.broadcast(room, &payload(length), peers.get(except).map(|peer| peer.client));
                    for peer in (0..PEERS).filter(|peer| is_in[*peer] && *peer != except) {
                        owed[peer].push(payload(length));
                    }
                }
                Act::Send { peer, length } => {
                    hub.send(peers[peer].client, &payload(length));
                    if !is_closed[peer] {
                        owed[peer].push(payload(length));
                    }
                }
                Act::Read { peer, most } => {
                    peers[peer].read(most);
                }
                Act::Flush => {
                    hub.wake();
                    hub.flush();
                }
                Act::Leave(peer) => {
                    hub.leave(peers[peer].client);
                    is_in[peer] = false;
                }
                Act::Enter(peer) => {
                    hub.enter(peers[peer].client, room, participant);
                    is_in[peer] = !is_closed[peer];
                }
                Act::Close(peer) => {
                    hub.close(peers[peer].client, 4000, "");
                    is_in[peer] = false;
                    is_closed[peer] = true;
                }
            }
        }
        drain(&mut hub, &mut peers.iter_mut().collect::<Vec<_>>());
        for (index, peer) in peers.iter().enumerate() {
            let mut payloads = peer.payloads();
            if is_closed[index] {
                prop_assert_eq!(payloads.pop(), Some(&closing(4000)[..]));
                if index > 0 {
                    // A client with a full socket loses its backlog.
                    owed[index].truncate(payloads.len());
                }
            }
            prop_assert_eq!(payloads, owed[index].iter().map(Vec::as_slice).collect::<Vec<_>>());
        }
        prop_assert_eq!(hub.next_close_order(), None);
    }
}

/// Pass bytes to the hub, in one read if there is room; return whether the connection ended.
fn read_ends(hub: &mut Hub, client: ClientId, mut bytes: &[u8]) -> bool {
    while !bytes.is_empty() {
        let window = hub.window(client);
        let count = bytes.len().min(window.len());
        window[..count].copy_from_slice(&bytes[..count]);
        bytes = &bytes[count..];
        hub.feed(client, count);
        loop {
            match hub.step() {
                StepResult::Done => break,
                StepResult::Ended => return true,
                _ => {}
            }
        }
    }
    false
}

proptest! {
    #[test]
    fn text_is_refused_at_the_byte_that_shows_it_however_it_arrives(
        texts in prop::collection::vec("[a-zé€🎹]{0,40}|x{120,130}|x{17000}", 1..4),
        cuts in prop::collection::vec(1_usize..60, 1..60),
        broken: bool,
    ) {
        let mut hub = manual(Settings::default());
        let peer = Peer::new(&mut hub, false);
        let mut stream = Vec::new();
        for text in &texts {
            frame::append_masked(&mut stream, text.as_bytes());
        }
        if broken {
            // The frame goes on for long after the byte that no text can have.
            frame::append_masked(&mut stream, &[b"ok\xff".as_slice(), &[b'x'; 100]].concat());
            stream.truncate(stream.len() - 100);
        }
        let (mut at, mut ended) = (0, false);
        for cut in cuts.iter().cycle() {
            let end = stream.len().min(at + cut);
            prop_assert!(!ended, "refused before the byte");
            ended = read_ends(&mut hub, peer.client, &stream[at..end]);
            at = end;
            if at == stream.len() {
                break;
            }
        }
        prop_assert_eq!(ended, broken);
    }
}
