//! A hub bears whatever other nodes publish, and serves its clients after that.

#![no_main]

use std::io::Read;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;

use fortepiano_core::hub::ids::{ClientId, RoomId};
use fortepiano_core::hub::{Hub, Settings};
use fortepiano_core::relay::item::Item;
use fortepiano_core::relay::message::{decode, Content};
use fortepiano_core::relay::Received;
use fortepiano_core::settings::Milliseconds;
use fortepiano_core::sys::clock::Clock;
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;

const OTHER: u16 = 2;
const EPOCH: u64 = 7;
const STAY: u32 = 5;

#[derive(Arbitrary, Debug)]
enum Step {
    /// Any bytes.
    Raw(u8, Vec<u8>),
    /// A message with a right beginning.
    Whole {
        channel: u8,
        kind: u8,
        seq: u8,
        body: Vec<u8>,
    },
    /// A piece of the stream, or a snapshot, with a right head.
    Stream {
        is_snapshot: bool,
        from: u8,
        count: u8,
        items: Vec<u8>,
    },
    /// A snapshot without participants, so that the stream has a beginning.
    Empty(u8),
    Flush(u16),
}

fn channel(number: u8) -> &'static [u8] {
    [&b"P:n:1"[..], b"P:a", b"P:r:7", b"P:x"][usize::from(number) % 4]
}

fn head(kind: u8, seq: u8) -> Vec<u8> {
    let mut head = vec![1, kind];
    head.extend_from_slice(&OTHER.to_le_bytes());
    head.extend_from_slice(&u32::from(seq).to_le_bytes());
    head
}

impl Step {
    fn publication(&self) -> Option<(&'static [u8], Vec<u8>)> {
        Some(match self {
            Self::Raw(to, bytes) => (channel(*to), bytes.clone()),
            Self::Whole { channel: to, kind, seq, body } => {
                let mut message = head(*kind % 12, *seq);
                message.extend_from_slice(body);
                (channel(*to), message)
            }
            Self::Stream { is_snapshot, from, count, items } => {
                let mut message = head(if *is_snapshot { 8 } else { 1 }, *from);
                message.extend_from_slice(&EPOCH.to_le_bytes());
                message.extend_from_slice(&u64::from(*from).to_le_bytes());
                if *is_snapshot {
                    message.push(0);
                }
                message.extend_from_slice(&[0xFF; 4]);
                message.extend_from_slice(&u32::from(*count).to_le_bytes());
                message.extend_from_slice(items);
                (channel(if *is_snapshot { 0 } else { 2 }), message)
            }
            Self::Empty(seq) => {
                return Self::Stream { is_snapshot: true, from: *seq, count: 0, items: vec![] }.publication()
            }
            Self::Flush(_) => return None,
        })
    }
}

/// Items that were read are written and read again as they are.
fn check_items(message: &[u8]) {
    let Ok((_, Content::Log(log))) = decode(message) else { return };
    let mut items = log.items;
    for _ in 0..log.count {
        let item = Item::read(&mut items).expect("decode has read the items");
        let mut written = Vec::new();
        item.write(&mut written);
        let mut fields = fortepiano_core::relay::fields::Fields::new(&written);
        assert_eq!(Item::read(&mut fields), Ok(item));
        assert!(fields.is_empty());
    }
}

fn attach(hub: &mut Hub) -> (ClientId, UnixStream, UnixStream) {
    let (near, far) = UnixStream::pair().expect("a pair of sockets");
    near.set_nonblocking(true).expect("a socket");
    far.set_nonblocking(true).expect("a socket");
    let client = hub.attach(near.as_raw_fd());
    let quota = hub.add_quota(1_000, 10_000);
    hub.start_session(client, quota);
    (client, near, far)
}

fn receive(hub: &mut Hub, replica: RoomId, channel: &[u8], message: &[u8]) {
    if let Received::Entered { stay, participant, .. } = hub.receive_publication(channel, message) {
        hub.enter_replica(stay, replica, participant);
    }
}

fuzz_target!(|steps: Vec<Step>| {
    let mut hub = Hub::new(Settings::default(), Clock::manual(1_000)).expect("a hub");
    hub.join_cluster(1, b"P:n:1", b"P:a", b"P:r:", Milliseconds(2.0));
    hub.add_node(OTHER, b"P:n:2");
    let room = hub.open_room();
    hub.set_epoch(room, EPOCH);
    let remote = hub.attach_remote(OTHER, STAY).expect("a cluster");
    let quota = hub.add_quota(1_000, 10_000);
    hub.start_session(remote, quota);
    let participant = hub.add_participant(room, b"\"r\"", b"{", b"0", b"0").expect("a room");
    hub.enter(remote, room, participant);
    let (client, _near, mut far) = attach(&mut hub);
    hub.begin_stay(client, STAY);
    let replica = hub.open_replica(OTHER, EPOCH).expect("a cluster");
    for step in &steps {
        if let Step::Flush(time) = step {
            hub.clock().advance(u64::from(*time));
            hub.flush();
        } else if let Some((channel, message)) = step.publication() {
            check_items(&message);
            receive(&mut hub, replica, channel, &message);
        }
    }
    let _ = hub.participants_json(replica, None, true);
    hub.drain_publications(|_, message| assert!(decode(message).is_ok(), "what a hub sends is a message"));
    hub.flush();
    let mut read = Vec::new();
    let _ = far.read_to_end(&mut read);
    hub.close_room(replica);
    hub.detach(client);
    hub.detach(remote);
    hub.close_room(room);
    assert_eq!(hub.relay_sizes(), [0; 3]);
    assert_eq!(hub.gauges().participants, 0);
});
