"""A model of the hub: the frames of each client and their order, without sockets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from fortepiano.model.close_codes import CloseCode
from support.reference.frame import Event, FrameReader
from support.reference.meter import Meter
from support.reference.quota import Quotas
from support.reference.scan import scan

Thing = TypeVar("Thing")

NONE = -1
NEVER = 2**64
PEOPLE_PER_ADDRESS = 30

MEANINGS = {int(code): code.meaning for code in CloseCode}


def server_close(code: int) -> Event:
    """Return the close frame of a server that closes with a code by itself."""
    return ("close", code, MEANINGS.get(code, "").encode())


class Slots(Generic[Thing]):
    """Things by number; the number that was freed last is used first."""

    def __init__(self) -> None:
        self.things: dict[int, Thing] = {}
        self.free: list[int] = []

    def add(self, thing: Thing) -> int:
        """Store a thing and return its number."""
        number = self.free.pop() if self.free else len(self.things)
        self.things[number] = thing
        return number

    def get(self, number: int) -> Thing | None:
        """Return the thing with this number."""
        return self.things.get(number)

    def pop(self, number: int) -> Thing | None:
        """Remove the thing with this number and return it."""
        if number in self.things:
            self.free.append(number)
        return self.things.pop(number, None)


# Refusals with the same code as another, which share the time between two notices.
NOTICE_KINDS = {"t": "quota", "messages": "bytes"}


@dataclass
class Bucket:
    """The used part of a token bucket for `t`, in the microseconds that refill it."""

    used: int = 0
    since: int = 0

    def left(self, now: int) -> int:
        """Return the used part now."""
        self.used, self.since = max(0, self.used - (now - self.since)), now
        return self.used

    def has(self, burst: int, interval: int, now: int) -> bool:
        """Return whether there is a token."""
        return self.left(now) <= interval * (burst - 1)


def as_text(event: Event) -> Event:
    """Treat a binary frame with an array of messages as text, as the hub does."""
    match event:
        case ("binary", bytes(data)) if data.lstrip(b" \t\n\r\x0c")[:1] == b"[":
            with suppress(UnicodeDecodeError):
                data.decode()
                return ("text", data)
    return event


@dataclass(frozen=True)
class Sent:
    """A frame that was sent to a client."""

    event: Event
    is_move: bool = False


@dataclass(eq=False)
class Client:
    """A connection."""

    number: int
    reader: FrameReader
    sent: list[Sent] = field(default_factory=list)
    room: Room | None = None
    participant: Participant | None = None
    quota: int | None = None
    is_greeted: bool = False
    plays_anywhere: bool = False
    is_unlimited: bool = False
    time: Bucket = field(default_factory=Bucket)
    address: str = ""
    is_open: bool = True
    has_ended: bool = False
    quiet_until: dict[str, int] = field(default_factory=dict)
    meter: Meter | None = None

    def send(self, payload: bytes, *, is_move: bool = False) -> None:
        """Send a JSON array, unless the close frame has been sent."""
        if self.is_open:
            self.sent.append(Sent(("text", payload), is_move))


@dataclass(eq=False)
class Participant:
    """A user in a room, with all their tabs."""

    number: int
    room: Room
    id: bytes
    head: bytes
    position: tuple[bytes, bytes]
    tabs: list[Client] = field(default_factory=list)
    may_move: int = 0
    is_muted: bool = False
    is_hidden: bool = False

    def entry(self) -> bytes:
        """Return the entry of `ppl`."""
        return self.head + b',"x":%b,"y":%b}' % self.position


@dataclass(eq=False)
class Room:
    """A room; participants that moved wait for the flush that is `due`."""

    members: list[Client] = field(default_factory=list)
    people: list[Participant] = field(default_factory=list)
    movers: list[Participant] = field(default_factory=list)
    due: int = NEVER
    may_move: int = 0
    is_solo: bool = False
    holder: int | None = None

    def broadcast(self, payload: bytes, *, but: list[Client], is_move: bool = False) -> None:
        """Send to all members except some."""
        for member in self.members:
            if member not in but:
                member.send(payload, is_move=is_move)

    def wait(self, until: int) -> None:
        """Schedule the flush of the room at this time or earlier."""
        self.due = min(self.due, until)


class Hub:
    """The hub with the interface of the compiled class, and what the link adds to it.

    Args:
        receive: Called with a client and a message that is not hot.
        ended: Called once with a client, when it has ended.
        settings: The settings by name, as for the compiled class; the model reads some of them.
        standing_at: Milliseconds since 1970.
    """

    def __init__(
        self,
        receive: Callable[[int, bytes], object],
        ended: Callable[[int], object],
        settings: Mapping[str, Any],
        *,
        standing_at: int,
    ) -> None:
        self.receive = receive
        self.ended = ended
        self.limits = (settings["message_bytes"], settings["fragments"])
        self.anchor = standing_at * 1000
        self.now = 0
        self.move_gap = int(settings["move_ms"] * 1000)
        self.quota_tick = self.next_quota_tick = int(settings["quota_tick_ms"] * 1000)
        self.time_burst = settings["rate_time"].burst
        self.time_interval = int(1e6 / settings["rate_time"].per_second)
        self.custom_notes = settings["custom_notes"]
        self.notice_gap = int(settings["notice_gap_ms"] * 1000)
        self.users: dict[int, Bucket] = {}
        self.address_buckets: dict[str, Bucket] = {}
        self.flows = tuple(
            settings[name] for name in ("bytes_per_second", "messages_per_second", "burst_seconds")
        )
        self.quotas = Quotas(settings["quota_history"])
        self.clients: Slots[Client] = Slots()
        self.rooms: Slots[Room] = Slots()
        self.participant_slots: Slots[Participant] = Slots()
        self.notices: dict[str, bytes] = {}

    # Time

    def now_ms(self) -> int:
        """Return milliseconds since 1970."""
        return (self.anchor + self.now) // 1000

    def advance_clock(self, seconds: float) -> None:
        """Advance the clock."""
        self.now += int(seconds * 1e6)

    def wake(self) -> None:
        """Do all that is due."""
        while self.next_quota_tick <= self.now:
            self.quotas.tick()
            self.next_quota_tick += self.quota_tick
        self.flush()

    def flush(self) -> None:
        """Flush the rooms that are due."""
        for room in self.rooms.things.values():
            if room.due <= self.now:
                self.flush_room(room)

    def flush_room(self, room: Room) -> None:
        """Broadcast the newest positions of participants whose move interval is over."""
        room.due = NEVER
        for participant in list(room.movers):
            if participant.may_move > self.now:
                room.wait(participant.may_move)
                continue
            room.movers.remove(participant)
            if participant.is_hidden:
                continue
            participant.may_move = self.now + self.move_gap
            room.may_move = self.now + self.move_gap // 2
            parts = (participant.id, *participant.position)
            room.broadcast(
                b'[{"m":"m","id":%b,"x":%b,"y":%b}]' % parts, but=participant.tabs, is_move=True
            )

    # Connections

    def attach(self) -> int:
        """Add a client."""
        client = Client(NONE, FrameReader(*self.limits))
        client.number = self.clients.add(client)
        return client.number

    def detach(self, client: int) -> None:
        """Forget a client, which ends it."""
        if found := self.clients.get(client):
            self.end(found)
            self.leave(client)
            self.clients.pop(client)

    def end(self, client: Client) -> None:
        """Report once that a client has ended."""
        if not client.has_ended:
            client.has_ended = True
            self.ended(client.number)

    def start_session(self, client: int, quota: int) -> None:
        """Let a client play."""
        if found := self.clients.get(client):
            found.is_greeted, found.quota = True, quota
            # Earlier requests of the client count for its user.
            user = self.users.setdefault(quota, Bucket())
            user.used = max(user.left(self.now), found.time.left(self.now))

    def send(self, client: int, payload: bytes) -> None:
        """Send to one client."""
        if found := self.clients.get(client):
            found.send(payload)

    def meter(self, client: int, address: str = "") -> None:
        """Limit what a client sends, and the `t` of its address."""
        if found := self.clients.get(client):
            found.meter, found.address = Meter(*self.flows), address

    def set_privileges(self, client: int, plays_anywhere: bool, unlimited: bool) -> None:
        """Free a client from crownsolo and mutes, or from rate limits."""
        if found := self.clients.get(client):
            found.plays_anywhere, found.is_unlimited = plays_anywhere, unlimited

    def send_participants(
        self, client: int, room: int, before: bytes, after: bytes, sees_all: bool = False
    ) -> None:
        """Send the participants of a room that a client may see."""
        found, where = self.clients.get(client), self.rooms.get(room)
        people = [
            participant.entry()
            for participant in (where.people if where else [])
            if sees_all or not participant.is_hidden or (found and found.participant is participant)
        ]
        self.send(client, before + b",".join(people) + after)

    def broadcast(self, room: int, payload: bytes, except_client: int | None = None) -> None:
        """Broadcast to a room, perhaps except one client."""
        if found := self.rooms.get(room):
            but = None if except_client is None else self.clients.get(except_client)
            found.broadcast(payload, but=[but] if but else [])
            found.wait(self.now)

    def broadcast_participants(self, room: int, before: bytes, after: bytes) -> None:
        """Broadcast the visible participants of a room."""
        found = self.rooms.get(room)
        people = [
            participant.entry()
            for participant in (found.people if found else [])
            if not participant.is_hidden
        ]
        self.broadcast(room, before + b",".join(people) + after)

    def close(self, client: int, code: int, reason: str = "") -> None:
        """Send a close frame, and nothing after it; without a reason, the meaning of the code."""
        self.send_close(client, ("close", code, reason.encode()) if reason else server_close(code))

    def send_close(self, client: int, frame: Event) -> None:
        """Send exactly this close frame, and nothing after it."""
        found = self.clients.get(client)
        if found is None or not found.is_open:
            return
        self.leave(client)
        found.sent.append(Sent(frame))
        found.is_open = False

    def dismiss(self, client: int, code: int, reason: str = "") -> None:
        """End a client, then close it, as the link does."""
        if found := self.clients.get(client):
            self.end(found)
            self.close(client, code, reason)

    # Rooms and participants

    def open_room(self) -> int:
        """Make a room."""
        return self.rooms.add(Room())

    def close_room(self, room: int) -> None:
        """Forget a room with all its participants."""
        if gone := self.rooms.pop(room):
            for member in gone.members:
                member.room = None
            for participant in gone.people:
                self.participant_slots.pop(participant.number)

    def set_players(self, room: int, solo: bool, holder: int | None = None) -> None:
        """Set who may play: all, or the holder only."""
        if found := self.rooms.get(room):
            found.is_solo, found.holder = solo, holder

    def add_participant(self, room: int, id: bytes, head: bytes, x: bytes, y: bytes) -> int:
        """Add a participant to a room."""
        found = self.rooms.get(room)
        if found is None:
            raise KeyError(room)
        participant = Participant(NONE, found, id, head, (x, y))
        found.people.append(participant)
        participant.number = self.participant_slots.add(participant)
        return participant.number

    def update_participant(self, participant: int, head: bytes) -> None:
        """Change the entry of a participant."""
        if found := self.participant_slots.get(participant):
            found.head = head

    def set_participant_flags(self, participant: int, muted: bool, hidden: bool) -> None:
        """Set whether a participant is muted, and whether others see them."""
        if found := self.participant_slots.get(participant):
            found.is_muted, found.is_hidden = muted, hidden

    def remove_participant(self, participant: int) -> None:
        """Remove a participant from their room; their last move is not broadcast any more."""
        if gone := self.participant_slots.pop(participant):
            gone.room.people.remove(gone)
            if gone in gone.room.movers:
                gone.room.movers.remove(gone)
            if gone.room.holder == participant:
                gone.room.holder = None
            for tab in gone.tabs:
                tab.participant = None

    def position(self, participant: int) -> tuple[bytes, bytes] | None:
        """Return the position of a participant."""
        found = self.participant_slots.get(participant)
        return found.position if found else None

    def participants(self, room: int) -> bytes:
        """Return the entries of a room's `ppl`."""
        found = self.rooms.get(room)
        return b",".join(participant.entry() for participant in found.people) if found else b""

    def enter(self, client: int, room: int, participant: int) -> None:
        """Put a client into a room as a tab of a participant."""
        self.leave(client)
        found, to, who = (
            self.clients.get(client),
            self.rooms.get(room),
            self.participant_slots.get(participant),
        )
        if found and to and who and found.is_open:
            found.room, found.participant = to, who
            to.members.append(found)
            who.tabs.append(found)

    def leave(self, client: int) -> None:
        """Take a client out of its room."""
        if found := self.clients.get(client):
            if found.room:
                found.room.members.remove(found)
            if found.participant and found in found.participant.tabs:
                found.participant.tabs.remove(found)
            found.room = found.participant = None

    def add_quota(self, allowance: int, max: int) -> int:
        """Make the quota of a new user."""
        quota = self.quotas.add(allowance, max)
        self.users.pop(quota, None)
        return quota

    # Messages of clients

    def set_notice(self, refusal: str, payload: bytes) -> None:
        """Set the notice of a refusal."""
        self.notices[refusal] = payload

    def feed(self, client: int, data: bytes) -> None:
        """Handle bytes of a client."""
        found = self.clients.get(client)
        if found and found.meter and not found.meter.bytes.pour(len(data), self.now):
            return self.cut(found, "bytes", 4002)
        for event in map(as_text, found.reader.feed(data) if found else []):
            assert found
            elements = (scan(event[1], self.custom_notes) or []) if event[0] == "text" else []
            if found.meter and event[0] not in ("close", "violation"):
                if not found.meter.messages.pour(max(1, len(elements)), self.now):
                    return self.cut(found, "messages", 4007)
            match event:
                case ("close", int(code), _) if found.is_open:
                    self.send_close(client, ("close", code, b""))
                    self.end(found)
                case (_, int(code), *_) if found.is_open:
                    self.close(client, code)
                    self.end(found)
                case ("text", _):
                    for element in elements:
                        self.handle(found, element)
                case ("ping", bytes(payload)) if found.is_open:
                    found.sent.append(Sent(("pong", payload)))

    def cut(self, client: Client, why: str, code: int) -> None:
        """Close a client that sends too much."""
        if client.is_open:
            self.refuse(client, why)
            self.close(client.number, code)
            self.end(client)

    def handle(self, client: Client, element: tuple[object, ...]) -> None:
        """Handle one element, unless the client has ended."""
        if not client.is_open:
            return
        match element:
            case ("n", bytes(time), bytes(notes), int(count)):
                self.play(client, time, notes, count)
            case ("bad notes",):
                if client.is_greeted:
                    self.refuse(client, "notes")
            case ("m", bytes(x), bytes(y)):
                self.point(client, x, y)
            case ("t", bytes(echo)):
                self.send_time(client, b',"e":%b' % echo)
            case ("t", None):
                self.send_time(client, b"")
            case ("cold", bytes(raw)) if not client.has_ended:
                self.receive(client.number, raw)

    def send_time(self, client: Client, tail: bytes) -> None:
        """Answer `t`, unless its user or address sent too many."""
        if not client.is_unlimited:
            own = client.time
            if client.quota is not None:
                own = self.users.setdefault(client.quota, Bucket())
            burst, interval = self.time_burst, self.time_interval
            buckets = [(own, burst, interval)]
            if client.address:
                shared = self.address_buckets.setdefault(client.address, Bucket())
                buckets.append((shared, PEOPLE_PER_ADDRESS * burst, interval // PEOPLE_PER_ADDRESS))
            if not all(bucket.has(burst, rate, self.now) for bucket, burst, rate in buckets):
                return self.refuse(client, "t")
            for bucket, _, rate in buckets:
                bucket.used += rate
        client.send(b'[{"m":"t","t":%d%b}]' % (self.now_ms(), tail))

    def play(self, client: Client, time: bytes, notes: bytes, count: int) -> None:
        """Broadcast notes, if the sender may play and has the points."""
        room, participant = client.room, client.participant
        if not (client.is_greeted and room and participant):
            return
        if participant.is_muted and not client.plays_anywhere:
            self.refuse(client, "muted")
        elif room.is_solo and room.holder != participant.number and not client.plays_anywhere:
            self.refuse(client, "solo")
        elif client.quota is None or not self.quotas.spend(client.quota, count):
            self.refuse(client, "quota")
        elif notes == b"[]":
            self.refuse(client, "notes")
        else:
            payload = b'[{"m":"n","t":%b,"p":%b,"n":%b}]' % (time, participant.id, notes)
            room.broadcast(payload, but=[client])
            room.wait(self.now)

    def point(self, client: Client, x: bytes, y: bytes) -> None:
        """Store a position for the next flush; it replaces one that was not broadcast yet."""
        room, participant = client.room, client.participant
        if not (client.is_greeted and room and participant):
            return
        participant.position = (x, y)
        if participant not in room.movers:
            room.movers.append(participant)
            room.wait(max(participant.may_move, room.may_move))

    def refuse(self, client: Client, why: str) -> None:
        """Send the notice of a refusal, at most once in five seconds."""
        if why in self.notices and self.may_notify(client.number, why):
            client.send(self.notices[why])

    def may_notify(self, client: int, refusal: str) -> bool:
        """Return whether a notice may be sent now, and if so, start the time until the next."""
        found = self.clients.get(client)
        kind = NOTICE_KINDS.get(refusal, refusal)
        if found is None or found.quiet_until.get(kind, 0) > self.now:
            return False
        found.quiet_until[kind] = self.now + self.notice_gap
        return True
