//! Rooms, the people in them, and their connections.

use crate::hub::client::Phase;
use crate::hub::room::{Person, Room};
use crate::hub::{Hub, NONE};

impl Hub {
    /// Makes a room.
    pub fn open_room(&mut self) -> u32 {
        self.rooms.insert(Room::default()) as u32
    }

    /// Forgets a room, which everybody has left.
    pub fn close_room(&mut self, room: u32) {
        if let Some(gone) = self.rooms.try_remove(room as usize) {
            for member in gone.members {
                if let Some(client) = self.clients.get_mut(member as usize) {
                    client.leave_log(&gone.log, false);
                }
                self.queue_client(member);
            }
            for person in gone.people {
                self.people.try_remove(person as usize);
            }
        }
    }

    /// Says who may play in a room.
    pub fn guard_room(&mut self, room: u32, solo: bool, holder: u32) {
        if let Some(room) = self.rooms.get_mut(room as usize) {
            room.solo = solo;
            room.holder = holder;
        }
    }

    /// Puts somebody into a room: his id, his entry of `ppl` without x, y and the closing brace.
    ///
    /// Returns [`NONE`] where there is no such room.
    pub fn add_person(&mut self, room: u32, id: &[u8], head: &[u8], x: &[u8], y: &[u8]) -> u32 {
        let Some(it) = self.rooms.get_mut(room as usize) else { return NONE };
        let person = self.people.insert(Person {
            room,
            id: id.into(),
            head: head.into(),
            x: x.into(),
            y: y.into(),
            moved: false,
            may_move: 0,
            muted: false,
            hidden: false,
            tabs: Vec::new(),
        }) as u32;
        it.people.push(person);
        person
    }

    /// Changes somebody's entry of `ppl`.
    pub fn update_person(&mut self, person: u32, head: &[u8]) {
        if let Some(person) = self.people.get_mut(person as usize) {
            person.head = head.into();
        }
    }

    /// Says whether somebody may play, and whether others see him.
    pub fn mark_person(&mut self, person: u32, muted: bool, hidden: bool) {
        if let Some(person) = self.people.get_mut(person as usize) {
            person.muted = muted;
            person.hidden = hidden;
        }
    }

    /// Takes somebody out of his room; his connections have left it.
    pub fn remove_person(&mut self, person: u32) {
        let Some(gone) = self.people.try_remove(person as usize) else { return };
        if let Some(room) = self.rooms.get_mut(gone.room as usize) {
            room.people.retain(|other| *other != person);
            room.movers.retain(|other| *other != person);
            if room.holder == person {
                room.holder = NONE;
            }
        }
        for tab in gone.tabs {
            if let Some(client) = self.clients.get_mut(tab as usize) {
                client.person = NONE;
            }
        }
    }

    /// Where somebody's cursor is, as JSON.
    #[must_use]
    pub fn position(&self, person: u32) -> Option<(&[u8], &[u8])> {
        self.people.get(person as usize).map(|person| (&*person.x, &*person.y))
    }

    /// The entries of a room's `ppl` that the person `viewer` sees, separated by commas.
    #[must_use]
    pub fn people_of(&self, room: u32, viewer: u32, sees_all: bool) -> Vec<u8> {
        let mut out = Vec::new();
        for number in self.rooms.get(room as usize).iter().flat_map(|room| &room.people) {
            let person = &self.people[*number as usize];
            if person.hidden && !sees_all && *number != viewer {
                continue;
            }
            if !out.is_empty() {
                out.push(b',');
            }
            person.write(&mut out);
        }
        out
    }

    /// Puts a connection into a room as one of the tabs of a person there.
    ///
    /// It hears what is said from now on, after what it was told so far.
    pub fn enter(&mut self, client: u32, room: u32, person: u32) {
        self.leave(client);
        let (Some(it), Some(to), Some(who)) = (
            self.clients.get_mut(client as usize).filter(|it| it.phase == Phase::Open),
            self.rooms.get_mut(room as usize),
            self.people.get_mut(person as usize),
        ) else {
            return;
        };
        it.room = room;
        it.person = person;
        it.seat = to.members.len() as u32;
        it.cursor = to.log.head();
        to.members.push(client);
        who.tabs.push(client);
    }

    /// Takes a connection out of its room; what it is owed of the room still reaches it.
    pub fn leave(&mut self, client: u32) {
        self.part(client, false);
    }

    /// Takes a connection out of its room; a full socket may lose the backlog.
    pub(super) fn part(&mut self, client: u32, closing: bool) {
        let Some(it) = self.clients.get_mut(client as usize) else { return };
        let (from, seat, person) = (it.room, it.seat as usize, it.person);
        let drop_backlog = closing && it.blocked;
        let nowhere = Room::default();
        it.leave_log(self.rooms.get(from as usize).map_or(&nowhere.log, |room| &room.log), drop_backlog);
        it.person = NONE;
        let is_owed = it.is_owed_inserts();
        if let Some(room) = self.rooms.get_mut(from as usize) {
            let clients = &mut self.clients;
            room.part(seat, |member, seat| clients[member as usize].seat = seat as u32);
        }
        if let Some(person) = self.people.get_mut(person as usize) {
            person.tabs.retain(|tab| *tab != client);
        }
        if is_owed {
            self.queue_client(client);
        }
    }
}
