//! Hubs joined by queues, with just enough of a server that clients enter and leave rooms.

mod person;

use std::collections::{HashMap, VecDeque};

use fortepiano_core::hub::ids::{ClientId, ParticipantId, RoomId};
use fortepiano_core::hub::{Hub, Settings};
use fortepiano_core::relay::Received;
use fortepiano_core::settings::{Milliseconds, Share};
use fortepiano_core::sys::clock::Clock;
use proptest::prelude::*;

pub use person::Person;
use person::{Place, Socket, Stay};

/// The number of clients beside the witnesses; two of them are tabs of one user.
const PEOPLE: usize = 6;
const EVERYBODY: &[u8] = b"P:a";
/// The longest time that actions let pass while messages are under way, µs: homes must answer in 300 ms.
const LONGEST_DELAY: u64 = 120_000;

/// Channel and message.
type Publication = (Vec<u8>, Vec<u8>);

/// The way of a publication.
#[derive(Clone, Debug)]
pub enum Fate {
    Arrives,
    IsLost,
    ComesTwice,
    /// The publication comes, and once more behind the next one.
    ComesAgainLater,
    /// Only the beginning comes.
    IsCut(prop::sample::Index),
}

#[derive(Clone, Debug)]
pub enum Action {
    /// A client asks for a room.
    Enter(usize, usize),
    /// A client leaves for nowhere.
    Quit(usize),
    /// A client plays some notes at once.
    Play(usize, usize),
    Point(usize),
    Broadcast(usize),
    /// A broadcast that may wait.
    BroadcastSoon(usize),
    /// A broadcast with all participants.
    Roster(usize),
    /// A frame for a client alone, from the home of its room.
    Send(usize),
    /// The home of a client's room takes it out.
    Kick(usize),
    Rename(usize),
    /// The user of a client is muted, or hidden, or not.
    Mark(usize, bool, bool),
    Solo(usize, bool),
    /// The home describes the room to a node once more.
    Resnapshot(usize, usize),
    /// The end of a turn, after some time (µs).
    Turn(usize, u64),
    /// A node receives some publications of another one.
    Deliver(usize, usize, usize, Fate),
}

pub fn actions(fate: impl Strategy<Value = Fate> + 'static) -> impl Strategy<Value = Vec<Action>> {
    let (who, node) = (0..PEOPLE, 0..3_usize);
    let time = prop_oneof![Just(0), 1..3_000_u64, Just(50_000)];
    let action = prop_oneof![
        6 => (who.clone(), node.clone()).prop_map(|(who, room)| Action::Enter(who, room)),
        1 => who.clone().prop_map(Action::Quit),
        8 => (who.clone(), 1..3_usize).prop_map(|(who, count)| Action::Play(who, count)),
        4 => who.clone().prop_map(Action::Point),
        2 => node.clone().prop_map(Action::Broadcast),
        1 => node.clone().prop_map(Action::BroadcastSoon),
        1 => node.clone().prop_map(Action::Roster),
        2 => who.clone().prop_map(Action::Send),
        1 => who.clone().prop_map(Action::Kick),
        1 => who.clone().prop_map(Action::Rename),
        1 => (who, any::<bool>(), any::<bool>()).prop_map(|(who, muted, hidden)| Action::Mark(who, muted, hidden)),
        1 => (node.clone(), any::<bool>()).prop_map(|(room, solo)| Action::Solo(room, solo)),
        1 => (node.clone(), node.clone()).prop_map(|(room, node)| Action::Resnapshot(room, node)),
        10 => (node.clone(), time).prop_map(|(node, time)| Action::Turn(node, time)),
        12 => (node.clone(), node, 1..4_usize, fate)
            .prop_map(|(from, to, count, fate)| Action::Deliver(from, to, count, fate)),
    ];
    prop::collection::vec(action, 1..250)
}

/// A stay at the home of its room.
struct Guest {
    client: ClientId,
    who: usize,
}

/// A process: the home of one room, which may have replicas of the others.
struct Node {
    hub: Hub,
    room: RoomId,
    /// A client that is always in the room, says nothing, and reads all that the room hears.
    witness: Socket,
    /// The participants of the room: each user's number and tabs.
    users: HashMap<usize, (ParticipantId, usize)>,
    /// The stays of clients at other nodes.
    guests: HashMap<u32, (usize, Guest)>,
    /// The replicas by home.
    replicas: HashMap<usize, RoomId>,
    /// The number of messages that the room has heard, and each replica, by home; pointers are not counted.
    heard: HashMap<usize, u64>,
}

pub struct World {
    nodes: Vec<Node>,
    people: Vec<Person>,
    stays: HashMap<u32, Stay>,
    queues: HashMap<(usize, usize), VecDeque<Publication>>,
    /// A publication that comes once more, by sender and receiver.
    again: HashMap<(usize, usize), Publication>,
    /// Pairs of sender and receiver of which something is missing.
    reported: Vec<(usize, usize)>,
    next: u32,
    /// Whether any note may have been refused.
    was_refused: bool,
    /// Whether any publication was lost, doubled or cut.
    is_lossy: bool,
    /// How long messages may have been under way, by the clock of each node, µs.
    delays: Vec<u64>,
}

fn nid(node: usize) -> u16 {
    node as u16 + 1
}

fn epoch(node: usize) -> u64 {
    node as u64 * 1_000_007 + 9
}

fn inbox(node: usize) -> Vec<u8> {
    format!("P:n:{}", nid(node)).into_bytes()
}

fn head(user: usize, name: u32) -> Vec<u8> {
    format!("{{\"id\":\"{user}\",\"name\":\"{name}\"").into_bytes()
}

impl Node {
    fn new(number: usize, nodes: usize) -> Self {
        let settings = Settings { rest_ms: Milliseconds(0.0), duty: Share(1.0), ..Settings::default() };
        let mut hub = Hub::new(settings, Clock::manual(1_000)).unwrap();
        hub.join_cluster(nid(number), &inbox(number), EVERYBODY, b"P:r:", Milliseconds(2.0));
        for other in (0..nodes).filter(|other| *other != number) {
            hub.add_node(nid(other), &inbox(other));
        }
        let room = hub.open_room();
        hub.set_epoch(room, epoch(number));
        let witness = Socket::new(&mut hub);
        let participant = hub.add_participant(room, b"\"w\"", b"{\"id\":\"w\"", b"0", b"0").unwrap();
        hub.enter(witness.client, room, participant);
        Self {
            hub,
            room,
            witness,
            users: HashMap::new(),
            guests: HashMap::new(),
            replicas: HashMap::new(),
            heard: HashMap::from([(number, 0)]),
        }
    }

    /// Do something, and count the messages that the room of `home` has heard by it.
    fn count<T>(&mut self, home: usize, act: impl FnOnce(&mut Self) -> T) -> T {
        let heard = |hub: &Hub| hub.stats.broadcasts - hub.stats.moves_out;
        let before = heard(&self.hub);
        let result = act(self);
        *self.heard.entry(home).or_default() += heard(&self.hub) - before;
        result
    }

    /// Broadcast a message in the room of this node.
    fn broadcast(&mut self, home: usize, kind: &str, except: Option<ClientId>) {
        let payload = format!("[\"{kind}\",{home},{}]", self.heard[&home]);
        self.count(home, |it| it.hub.broadcast(it.room, payload.as_bytes(), except));
    }

    /// Add a tab of a user to the room of this node; return the participant, and whether it is new.
    fn add_tab(&mut self, user: usize) -> (ParticipantId, bool) {
        if let Some((participant, tabs)) = self.users.get_mut(&user) {
            *tabs += 1;
            return (*participant, false);
        }
        let id = format!("\"{user}\"");
        let participant =
            self.hub.add_participant(self.room, id.as_bytes(), &head(user, 0), b"0", b"0").unwrap();
        self.users.insert(user, (participant, 1));
        (participant, true)
    }

    /// Remove a tab of a user, which has left the room.
    fn remove_tab(&mut self, home: usize, user: usize) {
        let Some((participant, tabs)) = self.users.get_mut(&user) else { return };
        *tabs -= 1;
        if *tabs == 0 {
            let participant = *participant;
            self.users.remove(&user);
            self.hub.remove_participant(participant);
            self.broadcast(home, "bye", None);
        }
    }

    /// Let a client into the room of this node.
    fn admit(&mut self, home: usize, client: ClientId, stay: u32, user: usize) -> Stay {
        let (participant, is_new) = self.add_tab(user);
        self.hub.enter(client, self.room, participant);
        let start = self.heard[&home];
        let before = format!("[\"ch\",{stay},");
        // The client's own entry is there although it may be hidden.
        let viewer = Some(participant);
        let entries = self.hub.participants_json(self.room, viewer, false);
        self.hub.send_participants(client, self.room, before.as_bytes(), b"]", false);
        if is_new {
            self.broadcast(home, "p", Some(client));
        }
        Stay::new(home, start, [before.as_bytes(), &entries, b"]"].concat(), is_new)
    }
}

impl World {
    pub fn new(nodes: usize) -> Self {
        let mut nodes: Vec<Node> = (0..nodes).map(|number| Node::new(number, nodes)).collect();
        let count = nodes.len();
        let people =
            (0..PEOPLE).map(|who| Person::new(&mut nodes[who % count].hub, who, who % count)).collect();
        Self {
            nodes,
            people,
            stays: HashMap::new(),
            queues: HashMap::new(),
            again: HashMap::new(),
            reported: Vec::new(),
            next: 0,
            was_refused: false,
            is_lossy: false,
            delays: vec![0; count],
        }
    }

    fn number(&mut self) -> u32 {
        self.next += 1;
        self.next
    }

    pub fn act(&mut self, action: &Action) {
        let count = self.nodes.len();
        match *action {
            Action::Enter(who, room) => self.enter(who, room % count),
            Action::Quit(who) => self.quit(who),
            Action::Play(who, notes) => self.play(who, notes),
            Action::Point(who) => self.point(who),
            Action::Broadcast(room) => self.nodes[room % count].broadcast(room % count, "e", None),
            Action::BroadcastSoon(room) => {
                let room = room % count;
                let node = &mut self.nodes[room];
                let payload = format!("[\"soon\",{room},{}]", node.heard[&room]);
                node.count(room, |it| it.hub.broadcast_soon(it.room, payload.as_bytes(), None));
            }
            Action::Roster(room) => {
                let room = room % count;
                let node = &mut self.nodes[room];
                let before = format!("[\"all\",{room},{},", node.heard[&room]);
                node.count(room, |it| it.hub.broadcast_participants(it.room, before.as_bytes(), b"]"));
            }
            Action::Send(who) => self.send(who),
            Action::Kick(who) => self.kick(who),
            Action::Rename(who) => {
                let name = self.number();
                if let Some((node, participant)) = self.participant(who) {
                    node.hub.update_participant(participant, &head(who % (PEOPLE - 1), name));
                }
            }
            Action::Mark(who, muted, hidden) => {
                self.was_refused |= muted;
                if let Some((node, participant)) = self.participant(who) {
                    node.hub.set_participant_flags(participant, muted, hidden);
                }
            }
            Action::Solo(room, solo) => {
                self.was_refused |= solo;
                let node = &mut self.nodes[room % count];
                let holder = node.users.values().next().map(|user| user.0);
                node.hub.set_players(node.room, solo, holder);
            }
            Action::Resnapshot(room, to) => {
                let (room, to) = (room % count, to % count);
                if room != to && self.nodes[room].guests.values().any(|(from, _)| *from == to) {
                    let node = &mut self.nodes[room];
                    node.hub.resnapshot(node.room, nid(to));
                }
            }
            Action::Turn(node, time) => self.pass(node % count, time),
            Action::Deliver(from, to, most, ref fate) => self.deliver(from % count, to % count, most, fate),
        }
        for node in 0..count {
            self.publish(node);
        }
    }

    /// Return the participant of a client at the home of its room, as the home has it.
    fn participant(&mut self, who: usize) -> Option<(&mut Node, ParticipantId)> {
        let room = self.people[who].place.as_ref()?.room;
        let user = self.people[who].user();
        let node = &mut self.nodes[room];
        let participant = node.users.get(&user)?.0;
        Some((node, participant))
    }

    fn turn(&mut self, number: usize, time: u64) {
        let node = &mut self.nodes[number];
        node.hub.clock().advance(time);
        node.hub.begin_turn();
        node.hub.end_turn();
        node.hub.flush();
        node.witness.read();
        for person in self.people.iter_mut().filter(|person| person.node == number) {
            person.socket.read();
        }
    }

    /// Let time pass at a node, but never so much that it takes homes not to answer.
    fn pass(&mut self, node: usize, time: u64) {
        if self.delays[node] + time > LONGEST_DELAY {
            self.settle();
        }
        self.delays[node] += time;
        self.turn(node, time);
    }

    /// Let the publications of a node go on their way.
    fn publish(&mut self, from: usize) {
        let count = self.nodes.len();
        let queues = &mut self.queues;
        self.nodes[from].hub.drain_publications(|channel, message| {
            for to in (0..count).filter(|to| *to != from) {
                if channel.starts_with(b"P:r:") || channel == inbox(to) {
                    queues.entry((from, to)).or_default().push_back((channel.to_vec(), message.to_vec()));
                }
            }
        });
    }

    fn deliver(&mut self, from: usize, to: usize, most: usize, fate: &Fate) {
        let mut fate = fate;
        for _ in 0..most {
            let Some((channel, message)) = self.queues.entry((from, to)).or_default().pop_front() else {
                return;
            };
            let again = self.again.remove(&(from, to));
            self.is_lossy |= !matches!(fate, Fate::Arrives);
            match fate {
                Fate::Arrives => self.receive(from, to, &channel, &message),
                Fate::IsLost => {}
                Fate::ComesTwice => {
                    self.receive(from, to, &channel, &message);
                    self.receive(from, to, &channel, &message);
                }
                Fate::ComesAgainLater => {
                    self.receive(from, to, &channel, &message);
                    self.again.insert((from, to), (channel, message));
                }
                Fate::IsCut(at) => {
                    let end = at.index(message.len());
                    self.receive(from, to, &channel, &message[..end]);
                }
            }
            if let Some((channel, message)) = again {
                self.receive(from, to, &channel, &message);
            }
            fate = &Fate::Arrives;
        }
    }

    fn receive(&mut self, from: usize, to: usize, channel: &[u8], message: &[u8]) {
        // Notes of an edge are heard in the room here, a stream in its replica.
        let home = if channel.starts_with(b"P:r:") { from } else { to };
        let received = self.nodes[to].count(home, |node| node.hub.receive_publication(channel, message));
        match received {
            Received::Applied => {}
            Received::Message { payload, .. } => self.handle(from, to, payload),
            Received::Entered { stay, participant, .. } => self.entered(from, to, stay, participant),
            Received::Left { stay, .. } => self.left(to, stay),
            Received::Gap { .. } | Received::Garbage(_) => self.reported.push((from, to)),
            Received::Registry(_) | Received::Close { .. } => panic!("nobody has sent that"),
        }
    }

    /// Handle a message of another node: a client wants in, or is gone.
    fn handle(&mut self, from: usize, to: usize, payload: &[u8]) {
        let text = std::str::from_utf8(payload).unwrap();
        let mut words = text.split(' ');
        let (what, stay) = (words.next(), words.next().map_or(0, |word| word.parse().unwrap()));
        let node = &mut self.nodes[to];
        match (what, words.next()) {
            (Some("join"), Some(who)) => {
                let who: usize = who.parse().unwrap();
                let client = node.hub.attach_remote(nid(from), stay).unwrap();
                let quota = node.hub.add_quota(1_000_000, 1_000_000);
                node.hub.start_session(client, quota);
                node.guests.insert(stay, (from, Guest { client, who }));
                let admitted = node.admit(to, client, stay, self.people[who].user());
                self.stays.insert(stay, admitted);
            }
            (Some("leave"), _) => self.dismiss(to, stay),
            _ => {}
        }
    }

    /// Forget a stay at the home, if the home has it.
    fn dismiss(&mut self, home: usize, stay: u32) {
        let node = &mut self.nodes[home];
        let Some((_, guest)) = node.guests.remove(&stay) else { return };
        node.hub.leave(guest.client);
        node.remove_tab(home, self.people[guest.who].user());
        self.nodes[home].hub.detach(guest.client);
    }

    /// Let a client ask for a room, unless it is asking already.
    fn enter(&mut self, who: usize, room: usize) {
        if self.people[who].joining.is_some() {
            return;
        }
        let stay = self.number();
        let edge = self.people[who].node;
        if room == edge {
            self.leave_room(who, false);
            let person = &mut self.people[who];
            let (client, user) = (person.socket.client, person.user());
            let admitted = self.nodes[room].admit(room, client, stay, user);
            self.stays.insert(stay, admitted);
            let person = &mut self.people[who];
            person.order.push(stay);
            person.place = Some(Place { room, stay });
            return;
        }
        let client = self.people[who].socket.client;
        let hub = &mut self.nodes[edge].hub;
        hub.begin_stay(client, stay);
        if !self.nodes[edge].replicas.contains_key(&room) {
            let replica = self.nodes[edge].hub.open_replica(nid(room), epoch(room)).unwrap();
            self.nodes[edge].replicas.insert(room, replica);
        }
        self.nodes[edge].hub.post(nid(room), format!("join {stay} {who}").as_bytes(), None);
        self.people[who].joining = Some(Place { room, stay });
    }

    fn entered(&mut self, from: usize, to: usize, stay: u32, participant: u32) {
        let is_asking = |person: &Person| person.joining.as_ref().is_some_and(|it| it.stay == stay);
        let Some(who) = self.people.iter().position(is_asking) else { return };
        let Some(replica) = self.nodes[to].replicas.get(&from).copied() else { return };
        self.people[who].joining = None;
        self.leave_room(who, true);
        let start = self.stays[&stay].start;
        let others = self.people.iter().filter(|it| it.node == to && it.is_in(from)).count();
        let heard = self.nodes[to].heard.insert(from, start);
        if others > 0 && !self.is_lossy {
            assert_eq!(heard, Some(start), "the replica is not where its home is");
        }
        assert!(self.nodes[to].hub.enter_replica(stay, replica, participant).is_some());
        let person = &mut self.people[who];
        person.order.push(stay);
        person.place = Some(Place { room: from, stay });
    }

    /// Take a client out of its room, also at the room's home; `moves` if the hub does so by itself.
    fn leave_room(&mut self, who: usize, moves: bool) {
        let Some(Place { room, stay }) = self.people[who].place.take() else { return };
        let (edge, client, user) =
            (self.people[who].node, self.people[who].socket.client, self.people[who].user());
        let heard = self.nodes[edge].heard[&room];
        let it = self.stays.get_mut(&stay).unwrap();
        it.end = Some(heard);
        it.ended_at_home = room == edge;
        let node = &mut self.nodes[edge];
        if !moves || room == edge {
            node.hub.leave(client);
        }
        if room == edge {
            node.remove_tab(edge, user);
        } else {
            node.hub.post(nid(room), format!("leave {stay}").as_bytes(), None);
            node.hub.end_stay(stay);
            if !moves {
                self.tidy(edge, room);
            }
        }
    }

    /// Close a replica that nobody is in or asks for.
    fn tidy(&mut self, edge: usize, room: usize) {
        let is_needed = |it: &Person| {
            it.node == edge && (it.is_in(room) || it.joining.as_ref().is_some_and(|it| it.room == room))
        };
        if !self.people.iter().any(is_needed) {
            if let Some(replica) = self.nodes[edge].replicas.remove(&room) {
                self.nodes[edge].hub.close_room(replica);
            }
        }
    }

    fn left(&mut self, edge: usize, stay: u32) {
        let is_in = |person: &Person| person.place.as_ref().is_some_and(|it| it.stay == stay);
        self.nodes[edge].hub.end_stay(stay);
        let Some(who) = self.people.iter().position(is_in) else { return };
        let Some(Place { room, .. }) = self.people[who].place.take() else { return };
        let it = self.stays.get_mut(&stay).unwrap();
        it.end = it.kicked_at;
        it.ended_at_home = true;
        self.tidy(edge, room);
    }

    fn quit(&mut self, who: usize) {
        let edge = self.people[who].node;
        if let Some(Place { room, stay }) = self.people[who].joining.take() {
            let hub = &mut self.nodes[edge].hub;
            hub.end_stay(stay);
            hub.post(nid(room), format!("leave {stay}").as_bytes(), None);
            self.tidy(edge, room);
        }
        self.leave_room(who, false);
    }

    /// Let the home take a client out of its room.
    fn kick(&mut self, who: usize) {
        let Some(Place { room, stay }) = self.people[who].place else { return };
        let heard = self.nodes[room].heard[&room];
        if room == self.people[who].node {
            self.leave_room(who, false);
        } else if self.nodes[room].guests.contains_key(&stay) {
            self.stays.get_mut(&stay).unwrap().kicked_at = Some(heard);
            self.dismiss(room, stay);
        }
    }

    /// Let the home of a client's room send it a private frame.
    fn send(&mut self, who: usize) {
        let Some(Place { room, stay }) = self.people[who].place else { return };
        let payload = format!("[\"s\",{stay},{}]", self.number()).into_bytes();
        let node = &mut self.nodes[room];
        let client = if room == self.people[who].node {
            Some(self.people[who].socket.client)
        } else {
            node.guests.get(&stay).map(|(_, guest)| guest.client)
        };
        if let Some(client) = client {
            node.hub.send(client, &payload);
            self.stays.get_mut(&stay).unwrap().sent.push((node.heard[&room], payload));
        }
    }

    fn play(&mut self, who: usize, count: usize) {
        let person = &self.people[who];
        if person.joining.is_some() {
            return;
        }
        let (edge, user) = (person.node, person.user());
        // Where something was lost, people of a replica may hear each other at once.
        let room = person.place.map_or(edge, |place| place.room);
        for _ in 0..count {
            let t = self.number();
            let node = &mut self.nodes[edge];
            let client = self.people[who].socket.client;
            let message = format!("[{{\"m\":\"n\",\"t\":{t},\"n\":[{{\"n\":\"a4\"}}]}}]");
            node.count(room, |node| person::feed(&mut node.hub, client, message.as_bytes()));
            if let Some(place) = &self.people[who].place {
                let heard = format!("[{{\"m\":\"n\",\"t\":{t},\"p\":\"{user}\",\"n\":[{{\"n\":\"a4\"}}]}}]");
                self.stays.get_mut(&place.stay).unwrap().played.push(heard.into_bytes());
            }
        }
    }

    fn point(&mut self, who: usize) {
        let (x, edge) = (self.number(), self.people[who].node);
        if self.people[who].joining.is_none() {
            let message = format!("[{{\"m\":\"m\",\"x\":{x},\"y\":1}}]");
            person::feed(&mut self.nodes[edge].hub, self.people[who].socket.client, message.as_bytes());
        }
    }

    /// Deliver everything, also what is due later.
    pub fn settle(&mut self) {
        for _ in 0..8 {
            for node in 0..self.nodes.len() {
                self.turn(node, 60_000);
                self.publish(node);
            }
            let pairs: Vec<(usize, usize)> = self.queues.keys().copied().collect();
            for (from, to) in pairs {
                self.deliver(from, to, usize::MAX, &Fate::Arrives);
            }
        }
        assert!(self.queues.values().all(VecDeque::is_empty));
        self.delays.fill(0);
    }

    /// Send a last message on each channel, which shows what is missing before it.
    pub fn broadcast_last(&mut self) {
        for from in 0..self.nodes.len() {
            self.nodes[from].broadcast(from, "end", None);
            for to in (0..self.nodes.len()).filter(|to| *to != from) {
                self.nodes[from].hub.post(nid(to), b"end", None);
            }
        }
    }

    /// Return whether something is missing of what one node has sent to another one.
    fn is_torn(&self, from: usize, to: usize) -> bool {
        self.reported.contains(&(from, to))
    }

    pub fn publications(&self, node: usize) -> u64 {
        self.nodes[node].hub.relay_stats().publications
    }

    /// Check what all clients have read.
    pub fn check(&mut self) {
        assert!(self.is_lossy || self.reported.is_empty(), "a gap, and nothing was lost");
        let orders: Vec<Vec<Vec<u8>>> = self.nodes.iter().map(|node| node.witness.payloads()).collect();
        for (home, order) in orders.iter().enumerate() {
            let count = order.iter().filter(|payload| !person::is_pointer(payload)).count() as u64;
            assert_eq!(count, self.nodes[home].heard[&home], "the witness has not read all");
        }
        for person in &self.people {
            // Notes that were lost on the way to the home are heard at the edge alone.
            let is_whole = |room: usize| !self.is_torn(room, person.node) && !self.is_torn(person.node, room);
            let is_known = |room: usize| room == person.node || is_whole(room);
            person.check(&orders, &self.stays, is_known);
        }
        for edge in 0..self.nodes.len() {
            self.check_replicas(edge);
            self.check_notes(edge, &orders);
        }
    }

    /// Check that replicas in use have what their homes have.
    fn check_replicas(&mut self, edge: usize) {
        let replicas: Vec<(usize, RoomId)> =
            self.nodes[edge].replicas.iter().map(|(a, b)| (*a, *b)).collect();
        for (home, replica) in replicas {
            let is_used = self.nodes[home].guests.values().any(|(from, _)| *from == edge);
            let is_torn = self.is_torn(home, edge) || self.is_torn(edge, home);
            if is_used && !is_torn {
                let here = self.nodes[edge].hub.participants_json(replica, None, true);
                let there = self.nodes[home].hub.participants_json(self.nodes[home].room, None, true);
                assert_eq!(String::from_utf8_lossy(&here), String::from_utf8_lossy(&there));
            }
        }
    }

    /// Check that each note that was played reached its room once, or not at all if it was refused.
    fn check_notes(&self, edge: usize, orders: &[Vec<Vec<u8>>]) {
        for person in self.people.iter().filter(|person| person.node == edge) {
            for stay in person.order.iter().map(|stay| &self.stays[stay]) {
                for note in &stay.played {
                    let times = orders[stay.room].iter().filter(|payload| *payload == note).count();
                    let is_torn = self.is_torn(edge, stay.room) || self.is_torn(stay.room, edge);
                    let may_miss = self.was_refused || stay.kicked_at.is_some() || is_torn;
                    assert!(times == 1 || times == 0 && may_miss, "{times} times {}", note.escape_ascii());
                }
            }
        }
    }
}
