//! Handle hot messages, without Python: notes, pointer positions and requests for the time.

use crate::hub::ids::{ClientId, ParticipantId, RoomId};
use crate::hub::receive_state::{InboundState, Text};
use crate::hub::refusal::Refusal;
use crate::hub::room::{Participant, Room};
use crate::hub::room_log::append_joined;
use crate::hub::Hub;
use crate::wire::json::Span;
use crate::wire::note_array::Notes;

impl Hub {
    /// Broadcast notes if the sender may play and has enough quota.
    pub(super) fn play_notes(&mut self, client: ClientId, notes: Notes) {
        let Some(it) = self.clients.get(client).filter(|it| it.has_session) else { return };
        let (Some(place), Some(participant)) = (it.room, self.participants.get(it.participant)) else {
            return;
        };
        let Some(room) = self.rooms.get_mut(place) else { return };
        if participant.muted && !it.plays_anywhere {
            return self.refuse(client, Refusal::Muted);
        }
        if room.solo && room.holder != it.participant && !it.plays_anywhere {
            return self.refuse(client, Refusal::Solo);
        }
        if !it.quota.is_some_and(|quota| self.quotas.spend(quota, notes.count)) {
            return self.refuse(client, Refusal::Quota);
        }
        if notes.has_no_valid_notes {
            return self.refuse(client, Refusal::Notes);
        }
        let InboundState { text, buffer, scratch, .. } = &mut self.inbound;
        let text = match text {
            Text::Buffer(range) => &buffer[range.clone()],
            Text::Assembled(bytes) => bytes,
        };
        let (t, played) = if notes.verbatim {
            (notes.t.of(text), notes.notes.of(text))
        } else {
            scratch.clear();
            notes.write_time(text, scratch);
            let until = scratch.len();
            notes.write(text, scratch);
            scratch.split_at(until)
        };
        if room.relay.is_some() {
            // A participant without an id awaits the snapshot that describes it.
            if !participant.id.is_empty() {
                let payload = join_notes(t, &participant.id, played);
                self.play_relayed(client, place, notes.count, &payload);
            }
            return;
        }
        let range = append_joined!(
            room.log,
            false,
            [b"[{\"m\":\"n\",\"t\":", t, b",\"p\":", &participant.id, b",\"n\":", played, b"}]"]
        );
        self.stats.notes += 1;
        self.stats.broadcasts += 1;
        self.stats.deliveries += room.members.len() as u64 - 1;
        self.clients[client].skip(range);
        self.queue_room(place);
    }

    /// Refuse a message of which no note is valid.
    pub(super) fn refuse_notes(&mut self, client: ClientId) {
        if self.clients.get(client).is_some_and(|it| it.has_session) {
            self.refuse(client, Refusal::Notes);
        }
    }

    /// Store the newest pointer position for the next flush.
    pub(super) fn move_pointer(&mut self, client: ClientId, x: Span, y: Span) {
        let Some(it) = self.clients.get(client).filter(|it| it.has_session) else { return };
        let (Some(place), Some(mover)) = (it.room, it.participant) else { return };
        let (Some(room), Some(participant)) = (self.rooms.get_mut(place), self.participants.get_mut(mover))
        else {
            return;
        };
        let text = self.inbound.text();
        let (x, y) = (x.of(text), y.of(text));
        if room.is_replica() {
            participant.next_position = Some(Box::new((x.into(), y.into())));
        } else {
            participant.place(x, y);
        }
        self.stats.moves += 1;
        self.stats.conflated += u64::from(participant.pointer_moved);
        if let Some(at) = await_flush(room, participant, mover) {
            self.queue_room_at(place, at);
        }
    }

    /// Set the pointer position of a participant whose connection is at another node.
    pub(crate) fn move_participant(&mut self, place: RoomId, mover: ParticipantId, x: &[u8], y: &[u8]) {
        let (Some(room), Some(participant)) = (self.rooms.get_mut(place), self.participants.get_mut(mover))
        else {
            return;
        };
        participant.place(x, y);
        if let Some(at) = await_flush(room, participant, mover) {
            self.queue_room_at(place, at);
        }
    }

    /// Answer a request for the time, to its sender only; allowed before `hi`.
    pub(super) fn send_time(&mut self, client: ClientId, echo: Option<Span>) {
        let Some(it) = self.clients.get_mut(client) else { return };
        it.last_time_request = self.now;
        if !it.unlimited && !self.may_ask_time(client) {
            return self.refuse(client, Refusal::Time);
        }
        let mut payload = format!("[{{\"m\":\"t\",\"t\":{}", self.clock.unix_ms(self.now)).into_bytes();
        if let Some(echo) = echo {
            payload.extend_from_slice(b",\"e\":");
            payload.extend_from_slice(echo.of(self.inbound.text()));
        }
        payload.extend_from_slice(b"}]");
        self.stats.times += 1;
        self.send(client, &payload);
    }

    /// Return whether a client's user and address may ask for the time once more.
    ///
    /// Before `hi` a client has no user and uses a bucket of its own.
    fn may_ask_time(&mut self, client: ClientId) -> bool {
        let (rate, now) = (self.settings.rate_time, self.now);
        let Self { time_limiter, clients, .. } = self;
        let Some(it) = clients.get_mut(client) else { return false };
        let Some(user) = it.user() else {
            return time_limiter.try_take(&mut it.time_bucket, it.subscriber, rate, now);
        };
        let mut bucket = time_limiter.bucket(user);
        let may = time_limiter.try_take(&mut bucket, it.subscriber, rate, now);
        time_limiter.merge(user, bucket);
        may
    }

    /// Drop a hot message; send the notice for this refusal unless one was sent recently.
    pub(super) fn refuse(&mut self, client: ClientId, why: Refusal) {
        self.stats.refused += 1;
        self.stats.refusals[why as usize] += 1;
        if !self.notices[why as usize].is_empty() && self.may_notify(client, why) {
            let notice = std::mem::take(&mut self.notices[why as usize]);
            self.send_with(client, |out| out.extend_from_slice(&notice));
            self.notices[why as usize] = notice;
        }
    }
}

/// Return the message with notes that a room receives.
#[cold]
fn join_notes(t: &[u8], id: &[u8], played: &[u8]) -> Vec<u8> {
    [b"[{\"m\":\"n\",\"t\":", t, b",\"p\":", id, b",\"n\":", played, b"}]"].concat()
}

/// Let a pointer that has moved wait for a flush of its room; return when, unless it waits already.
#[inline]
fn await_flush(room: &mut Room, participant: &mut Participant, mover: ParticipantId) -> Option<u64> {
    if std::mem::replace(&mut participant.pointer_moved, true) {
        return None;
    }
    room.movers.push(mover);
    Some(participant.next_pointer_at.max(room.next_pointer_at))
}
