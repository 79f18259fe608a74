"""A model of the hub: what each client is told and in which order, and nothing about sockets."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from support.reference.frame import Event, FrameReader
from support.reference.meter import Meter
from support.reference.quota import Quotas
from support.reference.scan import scan

Thing = TypeVar("Thing")

NONE = -1
NEVER = 2**64
PEOPLE_OF_A_PLACE = 30


class Slots(Generic[Thing]):
    """Numbers for things; the number that was freed last is given out first."""

    def __init__(self) -> None:
        self.things: dict[int, Thing] = {}
        self.free: list[int] = []

    def add(self, thing: Thing) -> int:
        """Give a number to something."""
        number = self.free.pop() if self.free else len(self.things)
        self.things[number] = thing
        return number

    def get(self, number: int) -> Thing | None:
        """Return what has the number."""
        return self.things.get(number)

    def pop(self, number: int) -> Thing | None:
        """Free a number and return what had it."""
        if number in self.things:
            self.free.append(number)
        return self.things.pop(number, None)


# Refusals that have one code, and so one notice in a while.
TOLD_AS = {"t": "quota", "messages": "bytes"}


@dataclass
class Bucket:
    """What was used of a bucket of requests for the time, in the microseconds that give it back."""

    used: int = 0
    since: int = 0

    def left(self, now: int) -> int:
        """Return what is used of it now."""
        self.used, self.since = max(0, self.used - (now - self.since)), now
        return self.used

    def has(self, burst: int, interval: int, now: int) -> bool:
        """Tell whether there is a token."""
        return self.left(now) <= interval * (burst - 1)


def as_text(event: Event) -> Event:
    """Return an array of messages in a binary frame as text, which it was meant to be."""
    match event:
        case ("binary", bytes(data)) if data.lstrip(b" \t\n\r\x0c")[:1] == b"[":
            with suppress(UnicodeDecodeError):
                data.decode()
                return ("text", data)
    return event


@dataclass(frozen=True)
class Sent:
    """A frame for a client."""

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
    quota: int = NONE
    is_greeted: bool = False
    plays_anywhere: bool = False
    is_unlimited: bool = False
    time: Bucket = field(default_factory=Bucket)
    place: str = ""
    is_open: bool = True
    has_ended: bool = False
    quiet_until: dict[str, int] = field(default_factory=dict)
    meter: Meter | None = None

    def send(self, payload: bytes, *, is_move: bool = False) -> None:
        """Tell a JSON array, unless the close frame has been told."""
        if self.is_open:
            self.sent.append(Sent(("text", payload), is_move))


@dataclass(eq=False)
class Participant:
    """Somebody in a room with all his tabs."""

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
        """Return his entry of `ppl`."""
        return self.head + b',"x":%b,"y":%b}' % self.position


@dataclass(eq=False)
class Room:
    """A room; the movers wait for a flush, which is due at a time or not at all."""

    members: list[Client] = field(default_factory=list)
    people: list[Participant] = field(default_factory=list)
    movers: list[Participant] = field(default_factory=list)
    due: int = NEVER
    may_move: int = 0
    is_solo: bool = False
    holder: int = NONE

    def broadcast(self, payload: bytes, *, but: list[Client], is_move: bool = False) -> None:
        """Tell all members but some."""
        for member in self.members:
            if member not in but:
                member.send(payload, is_move=is_move)

    def wait(self, until: int) -> None:
        """Have the room flushed at a time, or before."""
        self.due = min(self.due, until)


class Hub:
    """The hub under the names of the compiled class, with what the link adds.

    Args:
        receive: Called with a client and a message that is not hot.
        ended: Called once with a client, when it has ended.
        standing_at: Milliseconds since 1970.
        message_bytes: As for the compiled class.
        fragments: As for the compiled class.
        move_seconds: As for the compiled class.
        quota_tick_seconds: As for the compiled class.
        time_burst: As for the compiled class.
        time_per_second: As for the compiled class.
        bytes_per_second: As for the compiled class.
        messages_per_second: As for the compiled class.
        burst_seconds: As for the compiled class.
        custom_notes: As for the compiled class.
        notice_gap_seconds: As for the compiled class.
    """

    def __init__(
        self,
        receive: Callable[[int, bytes], object],
        ended: Callable[[int], object],
        *,
        standing_at: int,
        message_bytes: int = 1 << 20,
        fragments: int = 1024,
        move_seconds: float = 0.04,
        quota_tick_seconds: float = 1.0,
        time_burst: int = 30,
        time_per_second: float = 10.0,
        bytes_per_second: int = 1 << 20,
        messages_per_second: int = 5000,
        burst_seconds: float = 5.0,
        custom_notes: bool = False,
        notice_gap_seconds: float = 5.0,
    ) -> None:
        self.receive = receive
        self.ended = ended
        self.limits = (message_bytes, fragments)
        self.anchor = standing_at * 1000
        self.now = 0
        self.move_gap = int(move_seconds * 1e6)
        self.quota_tick = self.next_quota_tick = int(quota_tick_seconds * 1e6)
        self.time_burst = time_burst
        self.time_interval = int(1e6 / time_per_second)
        self.custom_notes = custom_notes
        self.notice_gap = int(notice_gap_seconds * 1e6)
        self.users: dict[int, Bucket] = {}
        self.places: dict[str, Bucket] = {}
        self.flows = (bytes_per_second, messages_per_second, burst_seconds)
        self.quotas = Quotas()
        self.clients: Slots[Client] = Slots()
        self.rooms: Slots[Room] = Slots()
        self.participant_slots: Slots[Participant] = Slots()
        self.notices: dict[str, bytes] = {}

    # Time

    def now_ms(self) -> int:
        """Return milliseconds since 1970."""
        return (self.anchor + self.now) // 1000

    def advance_clock(self, seconds: float) -> None:
        """Let time pass."""
        self.now += int(seconds * 1e6)

    def wake(self) -> None:
        """Do what is due."""
        while self.next_quota_tick <= self.now:
            self.quotas.tick()
            self.next_quota_tick += self.quota_tick
        self.flush()

    def flush(self) -> None:
        """Tell the newest positions in the rooms whose flush is due."""
        for room in self.rooms.things.values():
            if room.due <= self.now:
                self.flush_room(room)

    def flush_room(self, room: Room) -> None:
        """Tell the newest positions of those who may move again."""
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
        """Take a connection in."""
        client = Client(NONE, FrameReader(*self.limits))
        client.number = self.clients.add(client)
        return client.number

    def detach(self, client: int) -> None:
        """Forget a connection, which ends it."""
        if it := self.clients.get(client):
            self.end(it)
            self.leave(client)
            self.clients.pop(client)

    def end(self, client: Client) -> None:
        """Say once that a client has ended."""
        if not client.has_ended:
            client.has_ended = True
            self.ended(client.number)

    def start_session(self, client: int, quota: int) -> None:
        """Let a client play."""
        if it := self.clients.get(client):
            it.is_greeted, it.quota = True, quota
            # What it asked for before counts for its user.
            user = self.users.setdefault(quota, Bucket())
            user.used = max(user.left(self.now), it.time.left(self.now))

    def send(self, client: int, payload: bytes) -> None:
        """Tell one client something."""
        if it := self.clients.get(client):
            it.send(payload)

    def meter(self, client: int, address: str = "") -> None:
        """Bound what a client sends, and how often its address asks for the time."""
        if it := self.clients.get(client):
            it.meter, it.place = Meter(*self.flows), address

    def set_privileges(self, client: int, plays_anywhere: bool, unlimited: bool) -> None:
        """Free a client from crownsolo and mutes, or from rate limits."""
        if it := self.clients.get(client):
            it.plays_anywhere, it.is_unlimited = plays_anywhere, unlimited

    def send_participants(
        self, client: int, room: int, before: bytes, after: bytes, sees_all: bool = False
    ) -> None:
        """Tell one client who is in a room, as far as he sees it."""
        it, where = self.clients.get(client), self.rooms.get(room)
        people = [
            participant.entry()
            for participant in (where.people if where else [])
            if sees_all or not participant.is_hidden or (it and it.participant is participant)
        ]
        self.send(client, before + b",".join(people) + after)

    def broadcast(self, room: int, payload: bytes, except_client: int = NONE) -> None:
        """Tell all in a room, but one."""
        if it := self.rooms.get(room):
            but = self.clients.get(except_client)
            it.broadcast(payload, but=[but] if but else [])
            it.wait(self.now)

    def broadcast_participants(self, room: int, before: bytes, after: bytes) -> None:
        """Tell all in a room who is there."""
        it = self.rooms.get(room)
        people = [
            participant.entry()
            for participant in (it.people if it else [])
            if not participant.is_hidden
        ]
        self.broadcast(room, before + b",".join(people) + after)

    def close(self, client: int, code: int, reason: str = "") -> None:
        """Tell a client that it is closed, and nothing after that."""
        it = self.clients.get(client)
        if it is None or not it.is_open:
            return
        self.leave(client)
        payload = b"" if code == 1005 else reason.encode()
        it.sent.append(Sent(("close", code, payload)))
        it.is_open = False

    def dismiss(self, client: int, code: int, reason: str = "") -> None:
        """End a client, then close it, as the link does."""
        if it := self.clients.get(client):
            self.end(it)
            self.close(client, code, reason)

    # Rooms and people

    def open_room(self) -> int:
        """Make a room."""
        return self.rooms.add(Room())

    def close_room(self, room: int) -> None:
        """Forget a room with all who are in it."""
        if gone := self.rooms.pop(room):
            for member in gone.members:
                member.room = None
            for participant in gone.people:
                self.participant_slots.pop(participant.number)

    def set_players(self, room: int, solo: bool, holder: int) -> None:
        """Say who may play."""
        if it := self.rooms.get(room):
            it.is_solo, it.holder = solo, holder

    def add_participant(self, room: int, id: bytes, head: bytes, x: bytes, y: bytes) -> int:
        """Put somebody into a room."""
        it = self.rooms.get(room)
        if it is None:
            return NONE
        participant = Participant(NONE, it, id, head, (x, y))
        it.people.append(participant)
        participant.number = self.participant_slots.add(participant)
        return participant.number

    def update_participant(self, participant: int, head: bytes) -> None:
        """Change somebody's entry."""
        if it := self.participant_slots.get(participant):
            it.head = head

    def set_participant_flags(self, participant: int, muted: bool, hidden: bool) -> None:
        """Say whether somebody may play, and whether others see him."""
        if it := self.participant_slots.get(participant):
            it.is_muted, it.is_hidden = muted, hidden

    def remove_participant(self, participant: int) -> None:
        """Take somebody out of his room; where he moved last is not told any more."""
        if gone := self.participant_slots.pop(participant):
            gone.room.people.remove(gone)
            if gone in gone.room.movers:
                gone.room.movers.remove(gone)
            if gone.room.holder == participant:
                gone.room.holder = NONE
            for tab in gone.tabs:
                tab.participant = None

    def position(self, participant: int) -> tuple[bytes, bytes] | None:
        """Return where somebody is."""
        it = self.participant_slots.get(participant)
        return it.position if it else None

    def participants(self, room: int) -> bytes:
        """Return the entries of a room's `ppl`."""
        it = self.rooms.get(room)
        return b",".join(participant.entry() for participant in it.people) if it else b""

    def enter(self, client: int, room: int, participant: int) -> None:
        """Put a client into a room as a tab of somebody."""
        self.leave(client)
        it, to, who = (
            self.clients.get(client),
            self.rooms.get(room),
            self.participant_slots.get(participant),
        )
        if it and to and who and it.is_open:
            it.room, it.participant = to, who
            to.members.append(it)
            who.tabs.append(it)

    def leave(self, client: int) -> None:
        """Take a client out of its room."""
        if it := self.clients.get(client):
            if it.room:
                it.room.members.remove(it)
            if it.participant and it in it.participant.tabs:
                it.participant.tabs.remove(it)
            it.room = it.participant = None

    def add_quota(self, allowance: int, max: int) -> int:
        """Make the quota of a new user."""
        quota = self.quotas.add(allowance, max)
        self.users.pop(quota, None)
        return quota

    # What clients send

    def set_notice(self, refusal: str, payload: bytes) -> None:
        """Set what is told to whom something is refused."""
        self.notices[refusal] = payload

    def feed(self, client: int, data: bytes) -> None:
        """Handle what a client sent."""
        it = self.clients.get(client)
        if it and it.meter and not it.meter.bytes.pour(len(data), self.now):
            return self.cut(it, "bytes", 4002)
        for event in map(as_text, it.reader.feed(data) if it else []):
            assert it
            elements = (scan(event[1], self.custom_notes) or []) if event[0] == "text" else []
            if it.meter and event[0] not in ("close", "violation"):
                if not it.meter.messages.pour(max(1, len(elements)), self.now):
                    return self.cut(it, "messages", 4007)
            match event:
                case (_, int(code), *_) if it.is_open:
                    self.close(client, code)
                    self.end(it)
                case ("text", _):
                    for element in elements:
                        self.handle(it, element)
                case ("ping", bytes(payload)) if it.is_open:
                    it.sent.append(Sent(("pong", payload)))

    def cut(self, client: Client, why: str, code: int) -> None:
        """End a client that sends too much."""
        if client.is_open:
            self.refuse(client, why)
            self.close(client.number, code)
            self.end(client)

    def handle(self, client: Client, element: tuple[object, ...]) -> None:
        """Handle one element; nothing counts after the end."""
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
        """Answer a request for the time, unless there were too many of its user or address."""
        if not client.is_unlimited:
            own = client.time
            if client.is_greeted:
                own = self.users.setdefault(client.quota, Bucket())
            burst, interval = self.time_burst, self.time_interval
            buckets = [(own, burst, interval)]
            if client.place:
                shared = self.places.setdefault(client.place, Bucket())
                buckets.append((shared, PEOPLE_OF_A_PLACE * burst, interval // PEOPLE_OF_A_PLACE))
            if not all(bucket.has(burst, rate, self.now) for bucket, burst, rate in buckets):
                return self.refuse(client, "t")
            for bucket, _, rate in buckets:
                bucket.used += rate
        client.send(b'[{"m":"t","t":%d%b}]' % (self.now_ms(), tail))

    def play(self, client: Client, time: bytes, notes: bytes, count: int) -> None:
        """Pass notes on, if the sender may play and can pay."""
        room, participant = client.room, client.participant
        if not (client.is_greeted and room and participant):
            return
        if participant.is_muted and not client.plays_anywhere:
            self.refuse(client, "muted")
        elif room.is_solo and room.holder != participant.number and not client.plays_anywhere:
            self.refuse(client, "solo")
        elif not self.quotas.spend(client.quota, count):
            self.refuse(client, "quota")
        elif notes == b"[]":
            self.refuse(client, "notes")
        else:
            payload = b'[{"m":"n","t":%b,"p":%b,"n":%b}]' % (time, participant.id, notes)
            room.broadcast(payload, but=[client])
            room.wait(self.now)

    def point(self, client: Client, x: bytes, y: bytes) -> None:
        """Keep a position; the older one that nobody was told is forgotten."""
        room, participant = client.room, client.participant
        if not (client.is_greeted and room and participant):
            return
        participant.position = (x, y)
        if participant not in room.movers:
            room.movers.append(participant)
            room.wait(max(participant.may_move, room.may_move))

    def refuse(self, client: Client, why: str) -> None:
        """Tell why something was refused, once in five seconds."""
        if why in self.notices and self.may_notify(client.number, why):
            client.send(self.notices[why])

    def may_notify(self, client: int, refusal: str) -> bool:
        """Tell whether a client may be told now why something was refused; then it is not."""
        it = self.clients.get(client)
        kind = TOLD_AS.get(refusal, refusal)
        if it is None or it.quiet_until.get(kind, 0) > self.now:
            return False
        it.quiet_until[kind] = self.now + self.notice_gap
        return True
