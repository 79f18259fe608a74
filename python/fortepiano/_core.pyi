"""The Rust core: frames, hot messages, room logs, quotas and bans.

The names are imported from `fortepiano.native`, which alone knows this binary.
"""

from typing import Any, ClassVar, Final, Literal, TypeAlias, final

SHARE_SECONDS: Final[float]
"""The share of one turn of the loop that whatever may be cut off has: sending, the handlers of
messages, requests; seconds."""

_Element: TypeAlias = (
    tuple[Literal["n"], bytes, bytes, int]
    | tuple[Literal["bad notes"]]
    | tuple[Literal["m"], bytes, bytes]
    | tuple[Literal["t"], bytes | None]
    | tuple[Literal["cold"], bytes]
)

_Refusal: TypeAlias = Literal["quota", "solo", "muted", "t", "bytes", "messages", "notes"]

def scan(text: bytes, custom_notes: bool = False) -> list[_Element] | None:
    """Split one text message into its elements, in order.

    The rules are those of docs/protocol.md: the text is one strict JSON array (RFC 8259) of valid
    UTF-8, nested at most 64 deep, without numbers beyond a double. Of repeated keys the last one
    counts. Numbers keep the digits they came with, unless they are mended. An escape of half a
    surrogate pair becomes that of U+FFFD.

    Args:
        text: The payload of the message.
        custom_notes: Whether notes that are no keys of the piano go out too.

    Returns:
        None if the message is to be ignored whole, else one tuple per element:

        - ``("n", t, notes, count)``: the time, the array of notes as it goes out to the others
          (mended, without white space, unknown keys, and notes that make no sense; ``[]`` where
          nothing is left), and how many notes came, which is what they cost.
        - ``("bad notes",)``: notes without a time, or without an array.
        - ``("m", x, y)``: a position; numbers, or numeric strings with their quotes.
        - ``("t", e)``: a request for the time and the number to send back, or None.
        - ``("cold", raw)``: any other object with a string ``m``.

        Elements that cannot mean anything, malformed positions among them, are left out.
    """

@final
class Quotas:
    """The note quotas of all users (docs/protocol.md), ticked in one pass.

    Each user has a slot number; the number of a removed user is given out again. Points are what
    notes cost, one each; a class is an allowance, the points given back per tick, and a maximum.

    Args:
        history: How many ticks are remembered to find those who never let their points recover.

    Raises:
        ValueError: `history` is 0.
    """

    def __new__(cls, history: int = 3) -> Quotas: ...
    def __len__(self) -> int: ...
    def add(self, allowance: int, max: int) -> int:
        """Add a user with all his points.

        Args:
            allowance: Points given back per tick; below 1 it is 8000, as for offline clients.
            max: Most points he can have; below 1 it is 24000.

        Returns:
            His slot.
        """

    def remove(self, slot: int) -> None:
        """Remove a user.

        Raises:
            IndexError: Nobody has that slot.
        """

    def set_params(self, slot: int, allowance: int, max: int) -> bool:
        """Give a user another class; if it is the one he has, nothing happens.

        Args:
            slot: The user.
            allowance: Points given back per tick; below 1 it stays as it is.
            max: Most points he can have; below 1 it stays as it is.

        Returns:
            Whether something differed, in which case his points are full again.

        Raises:
            IndexError: Nobody has that slot.
        """

    def spend(self, slot: int, k: int) -> bool:
        """Take the price of `k` notes, or nothing if he cannot pay.

        Who had no points at any of the remembered ticks pays `allowance` times as much.

        Returns:
            Whether he could pay.

        Raises:
            IndexError: Nobody has that slot.
        """

    def tick(self) -> None:
        """Remember everybody's points, then give each his allowance, up to his maximum."""

    def points(self, slot: int) -> int:
        """Return what a user can spend.

        Raises:
            IndexError: Nobody has that slot.
        """

@final
class Bans:
    """Who is banned from where, and until when.

    Bans are pairs of a scope (a room's name) and a user, and networks that are banned from
    everywhere. A network is written as an address (`203.0.113.7`) or with the number of bits that
    count (`203.0.113.0/24`, `2001:db8::/32`); IPv4 mapped into IPv6 is IPv4.

    Times are milliseconds on whatever clock the caller uses for all calls.
    """

    PERMANENT: ClassVar[int]
    """The end of a ban that never ends: 2**64 - 1."""

    def __new__(cls) -> Bans: ...
    def __len__(self) -> int:
        """Return the number of bans, ended ones included until they are pruned."""

    def add(self, scope: str, user: str, until_ms: int | None) -> None:
        """Ban `user` in `scope`, replacing an earlier ban.

        Args:
            scope: Where.
            user: Whom.
            until_ms: The first millisecond at which he may come back; None for never.
        """

    def remove(self, scope: str, user: str) -> bool:
        """Lift a ban and tell whether there was one."""

    def add_network(self, network: str, until_ms: int | None) -> None:
        """Ban all addresses of a network, replacing an earlier ban of the same one.

        Args:
            network: An address or a network; the bits that do not count may be anything.
            until_ms: As in `add`.

        Raises:
            ValueError: It is neither.
        """

    def remove_network(self, network: str) -> bool:
        """Lift the ban of a network, and tell whether there was one.

        Raises:
            ValueError: It is neither an address nor a network.
        """

    def banned_until(self, scope: str, user: str, now_ms: int) -> int | None:
        """Return when the ban ends (`PERMANENT` for never), or None if he is not banned now."""

    def address_banned_until(self, address: str, now_ms: int) -> int | None:
        """Return when the ban of an address ends, None if it is not banned now.

        The smallest network around it decides whose ban is in force. What is no IP address, such
        as the name of a Unix socket, is not banned.
        """

    def network_around(self, address: str, now_ms: int) -> str | None:
        """Return the network whose ban decides for an address, None if there is none.

        It is written as `203.0.113.7`, `203.0.113.0/24` or `2001:db8::/32`.
        """

    def is_any_within(self, network: str) -> bool:
        """Tell whether a banned network is within this one; ended bans count until pruned.

        Raises:
            ValueError: It is neither an address nor a network.
        """

    def prune(self, now_ms: int) -> int:
        """Forget the bans that have ended and return their number."""

    def bans_of(self, scope: str) -> list[tuple[str, int]]:
        """List users and ends of one scope's bans, ended ones included until they are pruned."""

@final
class ParsedNetworks:
    """What stands in a file of networks.

    A line has an address, a network or a range such as `192.0.2.0 - 192.0.2.9`, then perhaps more
    columns, behind a comma, a semicolon or white space. `#`, `;` and `//` begin a comment. A first
    line of words alone names the columns. An IPv6 address alone stands for its /64. The interpreter
    is free meanwhile.

    Args:
        file: The file.
    """

    def __new__(cls, file: bytes) -> ParsedNetworks: ...
    def __len__(self) -> int:
        """Return the number of networks; one that is named twice counts twice."""

    @property
    def problems(self) -> list[tuple[int, str]]:
        """The first hundred lines that are wrong, by number, with what is wrong."""

    @property
    def wrong(self) -> int:
        """How many lines are wrong."""

    def texts(self) -> list[str]:
        """Return the networks, as `203.0.113.7`, `203.0.113.0/24` or `2001:db8::/32`."""

@final
class NetworkTable:
    """Several lists of networks in one table; it never changes, another one takes its place.

    Args:
        lists: 64 at most.

    Raises:
        ValueError: There are more.
    """

    def __new__(cls, lists: list[ParsedNetworks]) -> NetworkTable: ...
    def __len__(self) -> int:
        """Return the number of networks, each counted once."""

    def around(self, address: str) -> int:
        """Return which lists an address is in: bit 0 is of the first one.

        What is no IP address, such as the name of a Unix socket, is in none.
        """

    def size(self) -> int:
        """Return the bytes of memory that are in use, as near as can be told."""

@final
class Throttle:
    """What each address may cost: sockets at once, and how fast it may do what is dear.

    Whoever shares limits is a place: an IPv4 address, or a /64 of IPv6; sockets are counted for
    each /48 too. What has no IP address, such as a Unix socket, and what is exempt, is not limited.

    Args:
        sockets: Sockets at once of a place.
        sockets_48: Sockets at once of a /48 of IPv6.
        connects: Connections of a place: how many at once, and how many more per second.
        rooms: Rooms that it makes; likewise.
        failures: Tokens of it that are none; likewise.
        new_users: New users of a subscriber in any hour.
        subscribers: How many subscribers are remembered; of more only those with sockets.
        exempt: ClientAddresses and networks that are not limited.
        standing_at: Milliseconds since 1970 at which a clock for tests stands; None for a clock
            that runs.

    Raises:
        ValueError: A rate is out of range, or what is exempt is no network.
    """

    ADMITTED: ClassVar[int]
    """Answer of `connect`: it may, and is counted until it is released."""
    EXEMPT: ClassVar[int]
    """Answer of `connect`: it may, and is not counted."""
    CROWDED: ClassVar[int]
    """Answer of `connect`: there are as many sockets as may be."""
    HASTY: ClassVar[int]
    """Answer of `connect`: there have been too many connections of late."""

    def __new__(
        cls,
        *,
        sockets: int = 16,
        sockets_48: int = 64,
        connects: tuple[int, float] = ...,  # (20, 5.0)
        rooms: tuple[int, float] = ...,  # (10, 1.0)
        failures: tuple[int, float] = ...,  # (10, 0.1)
        new_users: int = 3,
        subscribers: int = 100000,
        exempt: list[str] = ...,
        standing_at: int | None = None,
    ) -> Throttle: ...
    def __len__(self) -> int:
        """Return how many places are remembered."""

    def advance_clock(self, seconds: float) -> None:
        """Turn a standing clock on; a running one takes no notice."""

    def apply_settings(self, other: Throttle) -> None:
        """Go by another throttle's numbers from now on; what has been counted stays."""

    def connect(self, address: str) -> int:
        """Tell whether an address may connect: one of the four answers."""

    def peek(self, address: str) -> int:
        """Return what `connect` would; nothing is counted."""

    def release(self, address: str) -> None:
        """Count a socket less; once for each that was admitted."""

    def open_room(self, address: str) -> bool:
        """Tell whether an address may make a room, and count it if so."""

    def count_failure(self, address: str) -> bool:
        """Count a token that is none; false where there were too many before."""

    def may_fail(self, address: str) -> bool:
        """Tell whether `fail` would say so, and count nothing."""

    def admit_new_user(self, address: str) -> bool:
        """Tell whether an address may bring a new user, and count him if so."""

    def prune(self) -> int:
        """Forget the places of which nothing needs to be known, and return their number."""

    def size(self) -> int:
        """Return how much memory is in use; bytes."""

@final
class Networks:
    """Some networks, each an address or one with the number of bits that count.

    Raises:
        ValueError: One of them is neither.
    """

    def __new__(cls, networks: list[str]) -> Networks: ...
    def __len__(self) -> int:
        """Return how many there are."""

    def holds(self, address: str) -> bool:
        """Tell whether an address is in one of them; what is no IP address is in none."""

def version() -> str:
    """Returns the version of the binary, which must be the package's."""

def profile() -> str:
    """Returns how the binary was built: "release" or "debug"."""

@final
class FrameReader:
    """Parses the WebSocket frames of a client (RFC 6455), for tests and raw clients.

    Args:
        message_bytes: The largest message, all fragments together.
        fragments: The most fragments of a message.
    """

    def __new__(cls, message_bytes: int = 65536, fragments: int = 1024) -> FrameReader: ...
    def feed(
        self, data: bytes
    ) -> list[tuple[str, bytes] | tuple[str, int] | tuple[str, int, bytes]]:
        """Takes bytes and returns what they complete.

        Returns:
            `("text", bytes)`, `("binary", bytes)`, `("ping", bytes)`, `("pong", bytes)`,
            `("close", code, reason)`; last `("violation", code)` where the connection must be
            closed with that code.
        """

def frame_bytes(opcode: int, payload: bytes) -> bytes:
    """Returns one unmasked, final frame.

    Args:
        opcode: 1 text, 2 binary, 8 close, 9 ping, 10 pong.
        payload: Its payload.
    """

def close_frame(code: int, reason: str) -> bytes:
    """Returns a close frame; the reason is cut to what a control frame holds (123 bytes)."""

@final
class Hub:
    """All connections, rooms and people as plain data, and their writes to sockets.

    DANGER: it belongs to the thread that made it; another thread's call raises. Numbers of
    clients, rooms, people and quotas are used again after they are given back. Unknown numbers are
    ignored, so that an order that comes too late harms nobody.

    Args:
        message_bytes: The largest message of a client.
        fragments: The most fragments of a message.
        lag_soft_bytes: A reader further behind misses cursor positions.
        lag_hard_bytes: A reader further behind is closed with 1013.
        stall_seconds: A full socket that takes nothing for so long is closed with 1013.
        hello_seconds: Without `hi` after so long a client is closed with 4004.
        silence_seconds: Without a `t` for so long after `hi` a client is closed with 4004; 0 for
            never.
        ping_seconds: A client silent for so long is pinged.
        pong_seconds: A pinged client silent for so long is gone.
        linger_seconds: How long a peer may take to answer a close frame.
        duty: The share of its time that a room may spend sending, in (0, 1].
        rest_seconds: The longest rest of a room after a flush.
        move_seconds: The time between two positions of one cursor; what comes between is replaced
            by what comes next, and the last one always goes out.
        quota_tick_seconds: The time between two refills of the quotas.
        quota_history: How many ticks a quota remembers (`maxHistLen`).
        quota_forgiven: How many ticks may be spent before they come.
        time_burst: How many `t` of a user may come at once, and thirty times as many of the
            address of a metered client.
        time_per_second: How many more may come in a second.
        bytes_per_second: How many bytes a metered client may send; more is 4002.
        messages_per_second: How many messages; more is 4007.
        burst_seconds: For how long it may do twice as much, after a rest: what fits into the
            buckets of both, in seconds.
        custom_notes: Whether notes that are no keys of the piano are passed on.
        notice_gap_seconds: For how long a client is not told again why something of one kind was
            refused.
        standing_at: Milliseconds since 1970 at which a clock for tests stands; None for a clock
            that runs.

    Raises:
        OSError: Where the process has no file descriptor left.
        ValueError: Where `duty`, `quota_tick_seconds` or `time_per_second` is out of range.
    """

    def __new__(
        cls,
        *,
        message_bytes: int = 1048576,
        fragments: int = 1024,
        lag_soft_bytes: int = 262144,
        lag_hard_bytes: int = 2097152,
        stall_seconds: float = 10.0,
        hello_seconds: float = 30.0,
        silence_seconds: float = 0.0,
        ping_seconds: float = 25.0,
        pong_seconds: float = 10.0,
        linger_seconds: float = 2.0,
        duty: float = 0.75,
        rest_seconds: float = 0.02,
        move_seconds: float = 0.04,
        quota_tick_seconds: float = 1.0,
        quota_history: int = 3,
        quota_forgiven: int = 0,
        time_burst: int = 30,
        time_per_second: float = 10.0,
        bytes_per_second: int = 1048576,
        messages_per_second: int = 5000,
        burst_seconds: float = 5.0,
        custom_notes: bool = False,
        notice_gap_seconds: float = 5.0,
        standing_at: int | None = None,
    ) -> Hub: ...
    @property
    def address(self) -> int:
        """Where the hub lies in memory, for the Cython link."""

    @property
    def deferred(self) -> int:
        """How many connections sent what Python handles in a later turn of the loop."""

    def fileno(self) -> int:
        """Returns the descriptor that an event loop watches for reading; then `wake` is due."""

    def now_ms(self) -> int:
        """Returns the time in milliseconds since 1970; it never jumps."""

    def advance_clock(self, seconds: float) -> None:
        """Turns a standing clock on; a running one takes no notice."""

    def apply_settings(self, other: Hub) -> None:
        """Goes by the numbers that another hub was made with; nobody is disconnected."""

    def set_notice(self, refusal: _Refusal, payload: bytes) -> None:
        """Sets what a client is told, once in a while, when a hot message is refused.

        Args:
            refusal: Notes over the quota; notes where only the crown's holder may play; notes of a
                client that is muted; too many `t`; notes of which none makes sense; or, before the
                connection ends, more bytes or messages per second than a metered client may send.
            payload: A JSON array.

        Raises:
            ValueError: For any other refusal.
        """

    def may_notify(self, client: int, refusal: _Refusal) -> bool:
        """Returns whether a client may be told now why something was refused.

        If so, it is told and may not be told again for `notice_gap_seconds`. `quota` and `t` share
        that time, since both have one code; so do `bytes` and `messages`.

        Raises:
            ValueError: For any other refusal.
        """

    def attach(self, fd: int) -> int:
        """Takes a socket in; returns the client's number. `detach` must come before its close."""

    def detach(self, client: int) -> None:
        """Forgets a client."""

    def start_session(self, client: int, quota: int) -> None:
        """Lets a client play, on this quota."""

    def meter(self, client: int, address: str = "") -> None:
        """Bounds how many bytes and messages a client sends; it is closed where there are more.

        Args:
            client: The client.
            address: Where it comes from; how often `t` comes from there is bounded too.
        """

    def set_privileges(self, client: int, plays_anywhere: bool, unlimited: bool) -> None:
        """Frees a client from `crownsolo` and mutes, from the rate limit of `t`, or from both."""

    def send_raw(self, client: int, data: bytes) -> None:
        """Queues finished bytes for one client, after all that it has been told."""

    def send(self, client: int, payload: bytes) -> None:
        """Queues a JSON array for one client, after all that it has been told."""

    def send_binary(self, client: int, payload: bytes) -> None:
        """Queues a binary message for one client, after all that it has been told."""

    def send_participants(
        self, client: int, room: int, before: bytes, after: bytes, sees_all: bool = False
    ) -> None:
        """Queues a text with the entries of a room's `ppl` between two parts.

        Hidden people are among them if the client `sees_all`; it always sees itself.
        """

    def broadcast(self, room: int, payload: bytes, except_client: int = -1) -> None:
        """Says a JSON array to all in a room, but for one client."""

    def broadcast_soon(self, room: int, payload: bytes, except_client: int = -1) -> None:
        """Says something that can wait until `rest_seconds` after the room's last flush.

        What else is said meanwhile takes it along, and the first one after quiet goes at once.
        """

    def broadcast_participants(self, room: int, before: bytes, after: bytes) -> None:
        """Says a text with the entries of a room's `ppl` between two parts."""

    def close(self, client: int, code: int, reason: str = "") -> None:
        """Closes a connection, after what it is owed unless its socket is full."""

    def open_room(self) -> int:
        """Makes a room and returns its number."""

    def close_room(self, room: int) -> None:
        """Forgets a room."""

    def set_players(self, room: int, solo: bool, holder: int) -> None:
        """Says who may play: all, or with `solo` the person `holder` only (-1 for nobody)."""

    def add_participant(self, room: int, id: bytes, head: bytes, x: bytes, y: bytes) -> int:
        """Puts somebody into a room's `ppl` and returns his number.

        Args:
            room: The room.
            id: His participant id as JSON, with quotes.
            head: His entry as a JSON object without `x`, `y` and the closing brace.
            x: Where his cursor is, as JSON.
            y: As `x`.
        """

    def update_participant(self, participant: int, head: bytes) -> None:
        """Changes somebody's entry of `ppl`."""

    def set_participant_flags(self, participant: int, muted: bool, hidden: bool) -> None:
        """Says whether somebody may play, and whether others see him."""

    def remove_participant(self, participant: int) -> None:
        """Takes somebody out of `ppl`, after his clients have left."""

    def position(self, participant: int) -> tuple[bytes, bytes] | None:
        """Returns where somebody's cursor is: x and y as JSON, as his client wrote them."""

    def participants(self, room: int) -> bytes:
        """Returns the entries of a room's `ppl`, separated by commas."""

    def enter(self, client: int, room: int, participant: int) -> None:
        """Puts a client into a room as a tab of a person; it hears what is said from now on."""

    def leave(self, client: int) -> None:
        """Takes a client out of its room; what it is owed of the room still reaches it."""

    def add_quota(self, allowance: int, max: int) -> int:
        """Makes a full note quota and returns its number."""

    def set_quota(self, quota: int, allowance: int, max: int) -> bool:
        """Changes a quota's numbers; returns whether they differ. The points stay, cut to `max`."""

    def remove_quota(self, quota: int) -> None:
        """Forgets a quota."""

    def connections(self) -> int:
        """Returns how many clients are attached."""

    def lag(self, client: int) -> int:
        """Returns how many bytes wait for a client."""

    def stats(self) -> dict[str, int]:
        """Returns counters since the start."""

    def closes(self) -> list[tuple[int | None, int]]:
        """Returns how many connections ended, by close code.

        The codes are those that mean something here, and 1006 for an end without a close frame;
        None stands for all others together: a peer may choose among thousands.
        """

    def flush_times(self) -> list[tuple[float, int]]:
        """Returns how many flushes took how long.

        Each is counted once, under the least bound that it did not exceed: seconds, ascending, the
        last one infinite.
        """

    def gauges(self) -> dict[str, int]:
        """Returns how things stand; looks at every connection.

        `connections` are all, `clients` those that are open and have said `hi`, `blocked` those
        whose socket is full; `people` counts a person once for each room; `queue_bytes` wait for
        all clients together, `longest_queue_bytes` for one.
        """

def pack_clock(hub: Hub) -> tuple[int, int, int]:
    """Returns where a hub's clock stands, for another process (microseconds).

    Returns:
        When it stood at nothing, since 1970; how long ago that is; when quotas are next filled up.
    """

def unpack_clock(hub: Hub, anchor: int, now: int, next_quota_tick: int) -> None:
    """Lets a hub's clock go on where another one stands; nobody must be connected yet."""

def flush_pointers(hub: Hub) -> None:
    """Says all positions of cursors that wait for their time."""

def pack_client(hub: Hub, client: int) -> dict[str, Any] | None:
    """Returns all that there is to know of a client but its room, person and quota.

    That includes the bytes of half-received frames, and all bytes that it is owed. The hub stays
    as it is.
    """

def unpack_client(hub: Hub, fd: int, quota: int, packed: dict[str, Any]) -> int:
    """Takes a client over from another process, in no room yet; returns its number.

    Args:
        hub: The hub.
        fd: Its socket, as in `Hub.attach`.
        quota: Its quota; -1 for none.
        packed: What `pack_client` told, maybe in another version.

    Raises:
        KeyError: Something is missing that no version left out.
        ValueError: It is in a state that this version does not know.
    """

def pack_quota(hub: Hub, quota: int) -> tuple[int, int, int, int, list[int]] | None:
    """Returns points, allowance, maximum, points lent, and the points at the last ticks."""

def unpack_quota(hub: Hub, quota: int, packed: tuple[int, int, int, int, list[int]]) -> None:
    """Makes a quota what it was in another process."""

def pack_throttle(
    throttle: Throttle,
) -> tuple[int, list[tuple[str, int, list[int], list[int]]]]:
    """Returns the time (microseconds), and what is known of each place.

    Of each: an address, open sockets, when its buckets are full again, when new users came.
    """

def unpack_throttle(
    throttle: Throttle, now: int, packed: list[tuple[str, int, list[int], list[int]]]
) -> None:
    """Knows what a throttle knew in another process.

    Raises:
        ValueError: Something in it is no address.
    """
