//! Measure the core's inner steps: `cargo run --release -p fortepiano-core --example measure`.
//!
//! The program prints the best of many rounds: the time of an undisturbed step.

// This program exists to print.
#![allow(clippy::print_stdout)]

use fortepiano_core::hub::{Hub, Settings, StepResult};
use fortepiano_core::limits::quota::{QuotaId, Quotas};
use fortepiano_core::net::bans::Bans;
use fortepiano_core::net::network::Network;
use fortepiano_core::settings::{Milliseconds, Share};
use fortepiano_core::sys::clock::Clock;
use fortepiano_core::wire::frame;
use fortepiano_core::wire::scan::scan;
use std::hint::black_box;
use std::io::Read;
use std::net::IpAddr;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::time::Instant;

const ROUNDS: usize = 300;

/// Print the least time of one of `count` steps in any round.
fn measure(what: &str, count: usize, mut steps: impl FnMut()) {
    let best = (0..ROUNDS).map(|_| {
        let start = Instant::now();
        steps();
        start.elapsed()
    });
    let best = best.min().unwrap_or_default().as_nanos() as f64 / count as f64;
    println!("{what:<44}{best:>10.1} ns");
}

fn scans() {
    let chat = format!(r#"[{{"m":"a","message":"{}"}}]"#, "hello world ".repeat(30));
    let texts = [
        r#"[{"m":"n","t":1795300001000,"n":[{"n":"c4","v":0.5}]}]"#,
        r#"[{"m":"n","t":1795300001000,"n":[{"n":"c4","v":0.512},{"n":"ds4","v":0.75,"d":20},{"n":"c4","s":1,"d":120.52}]}]"#,
        r#"[ {"m":"n", "t":1795300001000, "n":[{"n":"c4", "v":0.512}, {"n":"ds4","v":0.75,"d":20}]} ]"#,
        r#"[{"m":"m","x":"12.34","y":"56.78"}]"#,
        r#"[{"m":"t","e":1795300001000}]"#,
        &chat,
    ];
    let mut elements = Vec::new();
    for text in texts {
        let mut bytes = text.as_bytes().to_vec();
        assert!(scan(&mut bytes, false, &mut elements) && elements.len() == 1);
        let what = format!("scan {} bytes: {}…", text.len(), &text[..22]);
        measure(&what, 1000, || {
            for _ in 0..1000 {
                black_box(scan(black_box(&mut bytes), false, &mut elements));
            }
        });
    }
}

fn frames() {
    let limits = Settings::default().message_limits();
    for size in [30, 60, 300, 3000] {
        let mut bytes = Vec::new();
        frame::append_masked(&mut bytes, &vec![b'x'; size]);
        let mut fragments = None;
        measure(&format!("parse a frame of {size} bytes"), 1000, || {
            for _ in 0..1000 {
                black_box(frame::parse(black_box(&mut bytes), &mut fragments, limits));
            }
        });
    }
}

fn quotas() {
    for users in [10_000, 100_000] {
        let mut quotas = Quotas::new(3);
        let slots: Vec<QuotaId> = (0..users).map(|_| quotas.add(8000, 24000)).collect();
        measure(&format!("tick {users} quotas"), 1, || quotas.tick());
        measure("  spend", slots.len(), || {
            for slot in &slots {
                black_box(quotas.spend(black_box(*slot), 4));
            }
            quotas.tick();
        });
    }
}

/// Messages of one client in a room of ten, from the bytes to the sockets of all.
fn messages() {
    let settings = Settings {
        rest_ms: Milliseconds(0.0),
        move_ms: Milliseconds(0.0),
        duty: Share(1.0),
        ..Settings::default()
    };
    let mut hub = Hub::new(settings, Clock::running()).expect("descriptors");
    let room = hub.open_room();
    let mut ends = Vec::new();
    let mut clients = Vec::new();
    for _ in 0..10 {
        let (near, far) = UnixStream::pair().expect("sockets");
        near.set_nonblocking(true).expect("a socket");
        far.set_nonblocking(true).expect("a socket");
        let client = hub.attach(near.as_raw_fd());
        let participant = hub.add_participant(room, b"\"id\"", b"{", b"0", b"0").expect("a room");
        let quota = hub.add_quota(i32::MAX, i32::MAX);
        hub.start_session(client, quota);
        hub.set_privileges(client, true, true);
        hub.enter(client, room, participant);
        clients.push(client);
        ends.push((near, far));
    }
    let sender = clients[0];
    let mut buffer = vec![0; 1 << 20];
    for (what, text, count) in [
        ("notes", r#"[{"m":"n","t":1795300001000,"n":[{"n":"c4","v":0.5}]}]"#, 100),
        ("pointer", r#"[{"m":"m","x":"12.34","y":"56.78"}]"#, 100),
        ("time", r#"[{"m":"t","e":1795300001000}]"#, 100),
    ] {
        let mut bytes = Vec::new();
        frame::append_masked(&mut bytes, text.as_bytes());
        let read = |hub: &mut Hub| {
            hub.window(sender)[..bytes.len()].copy_from_slice(&bytes);
            hub.feed(sender, bytes.len());
            assert_eq!(hub.step(), StepResult::Done);
            black_box(hub.end_turn());
        };
        let mut drain = |hub: &mut Hub| {
            hub.flush();
            for (_, far) in &mut ends {
                while far.read(&mut buffer).is_ok_and(|count| count > 0) {}
            }
        };
        measure(&format!("read {what}, {count} in a flush to ten"), count, || {
            for _ in 0..count {
                read(&mut hub);
            }
            drain(&mut hub);
        });
        measure("  one in a flush", 1, || {
            read(&mut hub);
            drain(&mut hub);
        });
    }
}

fn bans() {
    for (scopes, users) in [(100_000, 1), (1000, 100), (10, 10_000)] {
        let mut bans = Bans::new();
        for index in 0..scopes * users {
            bans.add(&scope(index % scopes), &user(index), u64::MAX);
        }
        // Far apart, so that most of them are not in the nearest cache.
        let indexes: Vec<usize> = (0..1000).map(|index| index * 7919 % (scopes * users)).collect();
        let banned: Vec<_> = indexes.iter().map(|&index| (scope(index % scopes), user(index))).collect();
        measure(&format!("look up a ban, {scopes} scopes of {users}"), banned.len(), || {
            for (scope, user) in &banned {
                assert!(bans.banned_until(black_box(scope), black_box(user), 0).is_some());
            }
        });
        measure("  the same one again", banned.len(), || {
            for _ in &banned {
                black_box(bans.banned_until(black_box(&banned[7].0), black_box(&banned[7].1), 0));
            }
        });
        measure("  a scope without bans", banned.len(), || {
            for (_, user) in &banned {
                assert!(bans.banned_until(black_box("lobby"), black_box(user), 0).is_none());
            }
        });
    }
}

fn networks() {
    let mut bans = Bans::new();
    for number in 0..100_000 {
        let length = [32, 32, 24, 128, 64][number % 5];
        bans.add_network(Network::new(address(number), length).expect("a length that fits"), u64::MAX);
    }
    // Addresses belong to two families, and lengths are tried the longest first.
    let banned: Vec<IpAddr> = (0..1000).map(|index| address(index * 7919 % 100_000)).collect();
    measure("look up a banned address, 4 lengths", banned.len(), || {
        for &address in &banned {
            assert!(bans.address_banned_until(black_box(address), 0).is_some());
        }
    });
    measure("  one that is not banned", banned.len(), || {
        for _ in &banned {
            assert!(bans.address_banned_until(black_box(IpAddr::from([127, 0, 0, 1])), 0).is_none());
        }
    });
}

fn address(number: usize) -> IpAddr {
    match number % 5 {
        0..=2 => IpAddr::from(0x0b00_0000_u32.wrapping_add(number as u32 * 257).to_be_bytes()),
        _ => IpAddr::from((0x2001_0db8_u128 << 96 | (number as u128) << 64 | 1).to_be_bytes()),
    }
}

fn scope(number: usize) -> String {
    format!("room number {number}")
}

fn user(number: usize) -> String {
    format!("{:024x}", (number as u128 + 1) * 0x9e37_79b9_7f4a_7c15_f39c)
}

fn main() {
    scans();
    frames();
    quotas();
    messages();
    bans();
    networks();
}
