"""The Rust core: frames, hot messages, room logs, quotas, bans and limits.

Other modules import the names from `fortepiano.native`, the only one that imports this binary.
"""

from typing import Any, ClassVar, Final, Literal, TypeAlias, final

CLOSE_CODES: Final[tuple[tuple[int, str, str, bool, bool], ...]]
"""All close codes, each with its number, its name, its meaning in one line for people, whether a
client should connect again, and whether close frames have the code."""

SHARE_SECONDS: Final[float]
"""The budget of each kind of work in one turn of the loop: sending, the handlers of messages, and
requests; seconds."""

_Element: TypeAlias = (
    tuple[Literal["n"], bytes, bytes, int]
    | tuple[Literal["bad notes"]]
    | tuple[Literal["m"], bytes, bytes]
    | tuple[Literal["t"], bytes | None]
    | tuple[Literal["cold"], bytes]
)

_Refusal: TypeAlias = Literal["quota", "solo", "muted", "t", "bytes", "messages", "notes"]

def scan(text: bytes, custom_notes: bool = False) -> list[_Element] | None:
    """Split the payload of a text frame into its messages, in order.

    The rules are those of docs/protocol.md. The payload is one strict JSON array (RFC 8259) of
    valid UTF-8, nested at most 64 deep, without numbers beyond a double. Of repeated keys the last
    one counts. Numbers keep their digits, unless they are corrected. An escape of half a surrogate
    pair becomes the escape of U+FFFD.

    Args:
        text: The payload.
        custom_notes: Whether notes that are no keys of the piano are broadcast too.

    Returns:
        None if the whole payload is to be ignored, else one tuple per message:

        - ``("n", t, notes, count)``: the time (ms, as JSON), the array of notes to broadcast, and
          the number of received notes, which is their price. The array is corrected: without white
          space, unknown keys and invalid notes; ``[]`` if no note is left.
        - ``("bad notes",)``: notes without a time, or without an array.
        - ``("m", x, y)``: a position of the pointer; numbers, or numeric strings with their quotes.
        - ``("t", e)``: a request for the time, with the number to send back, or None.
        - ``("cold", raw)``: any other object with a string ``m``.

        Meaningless elements, malformed positions included, are left out.
    """

@final
class Quotas:
    """The note quotas of all users (docs/protocol.md), refilled in one pass.

    Each user has a slot; the slots of removed users are used again. A note costs one point. A class
    has an allowance (the points returned per tick) and a maximum.

    Args:
        history: The number of remembered ticks, by which users without points are recognised.

    Raises:
        ValueError: `history` is 0.
    """

    def __new__(cls, history: int) -> Quotas: ...
    def __len__(self) -> int:
        """Return the number of users."""

    def add(self, allowance: int, max: int) -> int:
        """Add a user with all points.

        Args:
            allowance: The points returned per tick; below 1: 8000, as for unconnected clients.
            max: The largest number of points; below 1: 24000.

        Returns:
            The user's slot.
        """

    def remove(self, slot: int) -> None:
        """Remove a user.

        Args:
            slot: The user's slot.

        Raises:
            IndexError: The slot is free.
        """

    def set_params(self, slot: int, allowance: int, max: int) -> bool:
        """Give a user another class; the points stay, cut to the new maximum.

        Args:
            slot: The user's slot.
            allowance: The points returned per tick; below 1 to leave the value.
            max: The largest number of points; below 1 to leave the value.

        Returns:
            Whether a value changed.

        Raises:
            IndexError: The slot is free.
        """

    def spend(self, slot: int, k: int) -> bool:
        """Pay for notes, or take nothing if the user lacks points.

        A user without points at all remembered ticks pays `allowance` times as much.

        Args:
            slot: The user's slot.
            k: The number of notes.

        Returns:
            Whether the user could pay.

        Raises:
            IndexError: The slot is free.
        """

    def tick(self) -> None:
        """Remember the points of all users, then return each allowance, up to each maximum."""

    def points(self, slot: int) -> int:
        """Return the points that a user can spend.

        Args:
            slot: The user's slot.

        Raises:
            IndexError: The slot is free.
        """

@final
class Bans:
    """Bans of users by scope (such as a room's name), and of networks from the whole site.

    A network is written as an address (`203.0.113.7`) or with the length of its prefix
    (`203.0.113.0/24`, `2001:db8::/32`); IPv4 mapped into IPv6 is IPv4.

    Times are milliseconds on the caller's clock, which must be the same for all calls.
    """

    PERMANENT: ClassVar[int]
    """The end of a permanent ban: 2**64 - 1."""

    def __new__(cls) -> Bans: ...
    def __len__(self) -> int:
        """Return the number of bans, ended ones included until they are pruned."""

    def add(self, scope: str, user: str, until_ms: int | None) -> None:
        """Ban a user in a scope; replace an earlier ban.

        Args:
            scope: The scope, such as a room's name.
            user: The user's id.
            until_ms: The end of the ban; ms, None for never.
        """

    def remove(self, scope: str, user: str) -> bool:
        """Lift a ban; return whether there was one.

        Args:
            scope: The scope.
            user: The user's id.
        """

    def add_network(self, network: str, until_ms: int | None) -> None:
        """Ban a network from the whole site; replace an earlier ban of the same network.

        Args:
            network: An address or a network; bits after the prefix are ignored.
            until_ms: The end of the ban; ms, None for never.

        Raises:
            ValueError: The text is neither an address nor a network.
        """

    def remove_network(self, network: str) -> bool:
        """Lift the ban of a network; return whether there was one.

        Args:
            network: An address or a network.

        Raises:
            ValueError: The text is neither an address nor a network.
        """

    def banned_until(self, scope: str, user: str, now_ms: int) -> int | None:
        """Return the end of a user's ban (ms, or `PERMANENT`); None if they are not banned now.

        Args:
            scope: The scope.
            user: The user's id.
            now_ms: The time; ms.
        """

    def address_banned_until(self, address: str, now_ms: int) -> int | None:
        """Return the end of an address's ban (ms, or `PERMANENT`); None if it is not banned now.

        The smallest network around the address with a ban in force decides.

        Args:
            address: An IP address. Any other text, such as the name of a Unix socket, is not
                banned.
            now_ms: The time; ms.
        """

    def network_around(self, address: str, now_ms: int) -> str | None:
        """Return the smallest network around an address with a ban in force; None without one.

        Args:
            address: An IP address, or any other text.
            now_ms: The time; ms.

        Returns:
            The network, written as `203.0.113.7`, `203.0.113.0/24` or `2001:db8::/32`.
        """

    def is_any_within(self, network: str) -> bool:
        """Return whether a banned network lies within another one.

        Ended bans count until they are pruned.

        Args:
            network: An address or a network.

        Raises:
            ValueError: The text is neither an address nor a network.
        """

    def prune(self, now_ms: int) -> int:
        """Forget the bans that have ended, and return their number.

        Args:
            now_ms: The time; ms.
        """

    def bans_of(self, scope: str) -> list[tuple[str, int]]:
        """Return the user and the end (ms, or `PERMANENT`) of each ban in a scope.

        Ended bans are included until they are pruned.

        Args:
            scope: The scope.
        """

@final
class ParsedNetworks:
    """The content of a file of networks.

    A line has an address, a network or a range such as `192.0.2.0 - 192.0.2.9`. More columns may
    follow after a comma, a semicolon or white space; they are ignored. `#`, `;` and `//` begin a
    comment. A first line of words alone names the columns. An IPv6 address alone stands for its
    /64. The parser releases the GIL.

    Args:
        file: The bytes of the file.
    """

    def __new__(cls, file: bytes) -> ParsedNetworks: ...
    def __len__(self) -> int:
        """Return the number of networks; a network that is listed twice counts twice."""

    @property
    def problems(self) -> list[tuple[int, str]]:
        """The first hundred invalid lines: the number of each, from 1, and the problem."""

    @property
    def wrong(self) -> int:
        """The number of invalid lines."""

    def texts(self) -> list[str]:
        """Return the networks, as `203.0.113.7`, `203.0.113.0/24` or `2001:db8::/32`."""

@final
class NetworkTable:
    """Several network lists in one table, which never changes: a new table replaces it.

    Args:
        lists: The lists, 64 at most.

    Raises:
        ValueError: There are more than 64 lists.
    """

    def __new__(cls, lists: list[ParsedNetworks]) -> NetworkTable: ...
    def __len__(self) -> int:
        """Return the number of networks, each counted once."""

    def around(self, address: str) -> int:
        """Return the lists with an address, one bit for each; bit 0 stands for the first list.

        Args:
            address: An IP address. Any other text, such as the name of a Unix socket, is in no
                list.
        """

    def size(self) -> int:
        """Return the approximate use of memory; bytes."""

@final
class ThrottleSettings:
    """The settings of a throttle.

    Args:
        **settings: All settings that `rust/core/src/limits/throttle.rs` declares, by the operator's
            names and in the operator's units (docs/settings.md).

    Raises:
        ValueError: A setting is missing, unknown or out of range.
    """

    def __new__(cls, **settings: object) -> ThrottleSettings: ...

@final
class Throttle:
    """The limits per subscriber: connections, and rates of connects, rooms, users and failures.

    A subscriber is an IPv4 address, or a /64 of IPv6; connections are counted per /48 too. Exempt
    addresses, and peers without an IP address such as those of a Unix socket, are not limited. With
    `always` an exempt address is limited all the same.

    Args:
        settings: The limits.
        standing_at: The time of a stopped clock, for tests; ms since 1970. None for a running one.
    """

    ADMITTED: ClassVar[int]
    """Result of `connect` and `accept`: the address may connect, and its connection is counted."""
    EXEMPT: ClassVar[int]
    """Result of `connect` and `accept`: the address may connect, and nothing is counted."""
    CROWDED: ClassVar[int]
    """Result of `connect` and `accept`: the address has reached its limit of open connections."""
    HASTY: ClassVar[int]
    """Result of `connect`: the address connects too fast."""

    def __new__(cls, settings: ThrottleSettings, *, standing_at: int | None = None) -> Throttle: ...
    def __len__(self) -> int:
        """Return the number of remembered subscribers."""

    def advance_clock(self, seconds: float) -> None:
        """Advance a stopped clock; a running one ignores the call.

        Args:
            seconds: The time; seconds.
        """

    def apply_settings(self, settings: ThrottleSettings) -> None:
        """Apply other settings from now on; all counts stay.

        Args:
            settings: The new limits.
        """

    def limit_connections(self, most: int) -> None:
        """Set the largest number of open connections of any address, whatever the settings allow.

        Args:
            most: The number, which holds for a /48 of IPv6 too.
        """

    def accept(self, address: str, always: bool = False) -> int:
        """Return whether a connection of an address may speak HTTP, and count it if so.

        Args:
            address: An IP address, or the name of a Unix socket.
            always: Whether to limit an exempt address too.

        Returns:
            `ADMITTED`, `EXEMPT` or `CROWDED`.
        """

    def hang_up(self, address: str) -> None:
        """Count one connection less that speaks HTTP, for each `ADMITTED` of `accept`.

        Args:
            address: The address of the connection.
        """

    def connect(self, address: str, always: bool = False) -> int:
        """Return whether an address may open a socket, and count the socket if so.

        Args:
            address: An IP address, or the name of a Unix socket.
            always: Whether to limit an exempt address too.

        Returns:
            `ADMITTED`, `EXEMPT`, `CROWDED` or `HASTY`.
        """

    def peek(self, address: str) -> int:
        """Return what `connect` would return, and count nothing.

        Args:
            address: An IP address, or the name of a Unix socket.
        """

    def release(self, address: str) -> None:
        """Count one socket less, for each `ADMITTED` of `connect`.

        Args:
            address: The address of the socket.
        """

    def open_room(self, address: str, always: bool = False) -> bool:
        """Return whether an address may create a room, and count the room if so.

        Args:
            address: An IP address, or the name of a Unix socket.
            always: Whether to limit an exempt address too.
        """

    def count_failure(self, address: str) -> bool:
        """Count an invalid token; return False where there have been too many.

        Args:
            address: An IP address, or the name of a Unix socket.
        """

    def may_fail(self, address: str) -> bool:
        """Return what `count_failure` would return, and count nothing.

        Args:
            address: An IP address, or the name of a Unix socket.
        """

    def admit_new_user(self, address: str, always: bool = False) -> bool:
        """Return whether an address may have a new user, and count the user if so.

        Args:
            address: An IP address, or the name of a Unix socket.
            always: Whether to limit an exempt address too.
        """

    def prune(self) -> int:
        """Forget the subscribers without open connections and recent use; return their number."""

    def size(self) -> int:
        """Return the approximate use of memory; bytes."""

@final
class Networks:
    """A set of networks.

    Args:
        networks: Addresses (`203.0.113.7`) and networks (`203.0.113.0/24`, `2001:db8::/32`).

    Raises:
        ValueError: A text is neither an address nor a network.
    """

    def __new__(cls, networks: list[str]) -> Networks: ...
    def __len__(self) -> int:
        """Return the number of networks."""

    def holds(self, address: str) -> bool:
        """Return whether an address is in one of the networks.

        Args:
            address: An IP address. Any other text is in no network.
        """

def subscriber(address: str) -> str:
    """Return the subscriber of an address in one spelling: an IPv4 address, or an IPv6 /64.

    Args:
        address: An IP address. Any other text, such as the name of a Unix socket, is its own
            subscriber.
    """

@final
class Buckets:
    """The token buckets of one user or connection: one for each kind of message.

    Args:
        full_at_ms: When each bucket is full again, by kind; ms.
    """

    def __new__(cls, full_at_ms: dict[str, float] = ...) -> Buckets: ...
    def full_at_ms(self) -> dict[str, float]:
        """Return when each bucket that was used is full again, by kind; ms."""

    def charge(self, kind: str, cost_ms: float, burst: int, per_second: float, now_ms: int) -> None:
        """Take tokens whether there are so many or not; the bucket is empty at worst.

        Args:
            kind: The kind of message.
            cost_ms: The time in which these tokens refill; ms.
            burst: The number of tokens in a full bucket.
            per_second: How many tokens are added per second.
            now_ms: The time; ms.

        Raises:
            ValueError: The rate is out of range.
        """

@final
class MessageRates:
    """How fast users and subscribers send each kind of message: the token buckets of subscribers.

    A subscriber's rate is thirty times that of a user. Of more than 20 000 subscribers half are
    forgotten; full buckets are forgotten earlier.

    Times are milliseconds on the caller's clock, which must be the same for all calls.
    """

    def __new__(cls) -> MessageRates: ...
    def __len__(self) -> int:
        """Return the number of remembered subscribers."""

    @staticmethod
    def new_buckets() -> Buckets:
        """Return full buckets, for a new user or connection."""

    def take(
        self,
        own: Buckets,
        address: str | None,
        kind: str,
        burst: int,
        per_second: float,
        free: bool,
        now_ms: int,
    ) -> bool:
        """Take a token from the user's bucket and from the subscriber's, or from neither.

        Args:
            own: The buckets of the user.
            address: The address of the client; None, or any other text, if only the user's bucket
                counts.
            kind: The kind of message.
            burst: The number of tokens in a user's full bucket.
            per_second: How many tokens are added to it per second.
            free: Whether the message needs no token of the user; it takes one if there is one.
            now_ms: The time; ms.

        Returns:
            Whether there was a token.

        Raises:
            ValueError: The rate is out of range.
        """

    def take_shared(
        self,
        own: Buckets,
        address: str | None,
        kind: str,
        burst: int,
        per_second: float,
        now_ms: int,
    ) -> bool:
        """Take a token from the bucket that all users of a subscriber share.

        Args:
            own: The buckets of the user, which count if there is no address.
            address: The address of the client; None, or any other text, for exempt networks.
            kind: The kind of message or act.
            burst: The number of tokens in a full bucket.
            per_second: How many tokens are added to it per second.
            now_ms: The time; ms.

        Returns:
            Whether there was a token.

        Raises:
            ValueError: The rate is out of range.
        """

    def charge(self, address: str, kind: str, cost_ms: float, most_ms: int, now_ms: int) -> float:
        """Take from a subscriber's bucket, whether it holds as much or not.

        Args:
            address: The address of the client; for any other text nothing is counted.
            kind: The kind of message, or what else is counted.
            cost_ms: The part to take: how long it takes to refill; ms.
            most_ms: How long an empty bucket takes to refill; it is empty at worst; ms.
            now_ms: The time; ms.

        Returns:
            When the bucket is full again; ms.
        """

    def full_at_ms(self, address: str, kind: str) -> float:
        """Return when a subscriber's bucket is full again, in ms; 0 if nothing was taken from it.

        Args:
            address: The address of the client.
            kind: The kind of message, or what else is counted.
        """

    def take_share(
        self, address: str | None, kind: str, amount: float, window_ms: int, now_ms: int
    ) -> bool:
        """Take a part of what a subscriber may send in a window; return whether enough was left.

        Args:
            address: The address of the client; None, or any other text, if nothing is counted.
            kind: The kind of message.
            amount: The part to take; 1 is all that one user may send in the window.
            window_ms: The length of the window; ms.
            now_ms: The time; ms.
        """

def version() -> str:
    """Return the version of the binary, which must equal the package's."""

def profile() -> str:
    """Return how the binary was built: "release" or "debug"."""

@final
class FrameReader:
    """Parses the WebSocket frames of a client (RFC 6455), for tests and raw clients.

    Args:
        message_bytes: The largest message, all fragments together; bytes.
        fragments: The largest number of fragments of a message.
    """

    def __new__(cls, message_bytes: int, fragments: int) -> FrameReader: ...
    def feed(
        self, data: bytes
    ) -> list[tuple[str, bytes] | tuple[str, int] | tuple[str, int, bytes]]:
        """Parse bytes; return the frames and messages that they complete.

        Args:
            data: The next bytes of the connection.

        Returns:
            `("text", bytes)`, `("binary", bytes)`, `("ping", bytes)`, `("pong", bytes)` or
            `("close", code, reason)` for each; last `("violation", code)` if the connection must be
            closed with that code.
        """

def frame_bytes(opcode: int, payload: bytes) -> bytes:
    """Return one unmasked, final frame.

    Args:
        opcode: 1 text, 2 binary, 8 close, 9 ping, 10 pong.
        payload: The payload.
    """

def close_frame(code: int, reason: str) -> bytes:
    """Return a close frame.

    Args:
        code: The close code.
        reason: The reason, cut to the 123 bytes of UTF-8 that fit into a control frame.
    """

@final
class HubSettings:
    """The settings of a hub.

    Args:
        **settings: All settings that `rust/core/src/hub/settings.rs` declares, by the operator's
            names and in the operator's units (docs/settings.md).

    Raises:
        ValueError: A setting is missing, unknown or out of range.
    """

    def __new__(cls, **settings: object) -> HubSettings: ...

@final
class Hub:
    """All connections, rooms and participants as plain data, and the writes to their sockets.

    DANGER: a hub belongs to the thread that made it; a call from another thread raises. The numbers
    of clients, rooms, participants and quotas are reused after they are removed. Unknown numbers
    are ignored, so that a call that comes too late does no harm.

    Args:
        settings: The settings.
        linger_seconds: The time in which a peer may answer a close frame, for tests; seconds. None
            for two seconds.
        standing_at: The time of a stopped clock, for tests; ms since 1970. None for a running one.

    Raises:
        OSError: The process has no file descriptor left.
    """

    def __new__(
        cls,
        settings: HubSettings,
        *,
        linger_seconds: float | None = None,
        standing_at: int | None = None,
    ) -> Hub: ...
    @property
    def address(self) -> int:
        """The address of the hub in memory, for the Cython link."""

    @property
    def queued_bytes(self) -> int:
        """Bytes queued for clients since the start, once for each receiver.

        Notes and pointers that rooms receive are not included.
        """

    @property
    def deferred(self) -> int:
        """The number of connections whose messages for Python are deferred to a later turn."""

    def fileno(self) -> int:
        """Return the descriptor that an event loop watches for reading, to call `Engine.wake`."""

    def now_ms(self) -> int:
        """Return the time in milliseconds since 1970; it never jumps."""

    def now_us(self) -> int:
        """Return the time in microseconds since 1970."""

    def set_clock(self, offset_us: int) -> None:
        """Move the time at once: before anybody has seen it.

        Args:
            offset_us: How far; microseconds.
        """

    def steer_clock(self, offset_us: int) -> None:
        """Move the time slowly, by 500 microseconds a second; it never goes back.

        Args:
            offset_us: How far from now on, in place of what is left of the last call; microseconds.
        """

    def advance_clock(self, seconds: float) -> None:
        """Advance a stopped clock; a running one ignores the call.

        Args:
            seconds: The time; seconds.
        """

    def apply_settings(self, settings: HubSettings) -> None:
        """Apply other settings from now on; no client is disconnected.

        Args:
            settings: The new settings.
        """

    def set_notice(self, refusal: _Refusal, payload: bytes) -> None:
        """Set the notice that a client gets, from time to time, when a hot message is refused.

        The refusals are:

        - `quota`: notes beyond the quota,
        - `solo`: notes where only the holder of the crown may play,
        - `muted`: notes of a muted client,
        - `t`: too many `t`,
        - `notes`: notes without a single valid one,
        - `bytes`, `messages`: a metered client sent too many per second, and is closed next.

        Args:
            refusal: The kind of refusal.
            payload: The notice as a JSON array.

        Raises:
            ValueError: There is no such kind of refusal.
        """

    def may_notify(self, client: int, refusal: _Refusal) -> bool:
        """Return whether a client may get a notice about a kind of refusal now.

        If so, it may not get another one for `notice_gap_ms`. `quota` and `t` share that time,
        since both have one code; so do `bytes` and `messages`.

        Args:
            client: The client's number.
            refusal: The kind of refusal; see `set_notice`.

        Raises:
            ValueError: There is no such kind of refusal.
        """

    def attach(self, fd: int) -> int:
        """Add a connection and return its client's number.

        `detach` must be called before the socket is closed.

        Args:
            fd: The descriptor of the socket.
        """

    def detach(self, client: int) -> None:
        """Forget a client.

        Args:
            client: The client's number.
        """

    def start_session(self, client: int, quota: int) -> None:
        """Let a client play, after `hi`.

        Args:
            client: The client's number.
            quota: The number of its user's quota.
        """

    def meter(self, client: int, address: str = "") -> None:
        """Limit the bytes and messages per second of a client, and the `t` of its address.

        A client that sends too many bytes or messages is closed.

        Args:
            client: The client's number.
            address: The client's IP address; any other text to limit no `t` by address.
        """

    def set_privileges(self, client: int, plays_anywhere: bool, unlimited: bool) -> None:
        """Set the limits that do not apply to a client.

        Args:
            client: The client's number.
            plays_anywhere: Whether the client may play despite `crownsolo` and mutes.
            unlimited: Whether the client is exempt from the rate limit of `t`.
        """

    def send_raw(self, client: int, data: bytes) -> None:
        """Queue finished bytes for one client, after everything queued before.

        Args:
            client: The client's number.
            data: The bytes: the answer to a handshake, or frames.
        """

    def send(self, client: int, payload: bytes) -> None:
        """Queue a text frame for one client, after everything queued before.

        Args:
            client: The client's number.
            payload: A JSON array.
        """

    @staticmethod
    def strict_object(text: bytes) -> bytes | None:
        """Check one JSON object as strictly as the elements of a text message; see `scan`.

        Args:
            text: The object, with or without white space around it.

        Returns:
            The object, in which an escape of half a surrogate pair is that of U+FFFD. None if the
            text is not one strict object.
        """

    def send_binary(self, client: int, payload: bytes) -> None:
        """Queue a binary frame for one client, after everything queued before.

        Args:
            client: The client's number.
            payload: The bytes of the message.
        """

    def send_participants(
        self, client: int, room: int, before: bytes, after: bytes, sees_all: bool = False
    ) -> None:
        """Queue a text frame with the entries of a room's `ppl` between two parts.

        Args:
            client: The client's number.
            room: The number of the room.
            before: The JSON before the entries.
            after: The JSON after the entries.
            sees_all: Whether hidden participants are included; the client's own always is.
        """

    def broadcast(self, room: int, payload: bytes, except_client: int | None = None) -> None:
        """Broadcast a JSON array to a room.

        Args:
            room: The number of the room.
            payload: The array.
            except_client: The client that does not get the array; None for none.
        """

    def broadcast_soon(self, room: int, payload: bytes, except_client: int | None = None) -> None:
        """Broadcast a JSON array that may wait for `rest_ms` after the room's last flush.

        An earlier flush for another broadcast sends it too. After a quiet time it is sent at once.

        Args:
            room: The number of the room.
            payload: The array.
            except_client: The client that does not get the array; None for none.
        """

    def broadcast_participants(self, room: int, before: bytes, after: bytes) -> None:
        """Broadcast a text frame with the entries of a room's `ppl` between two parts.

        Args:
            room: The number of the room.
            before: The JSON before the entries.
            after: The JSON after the entries.
        """

    def close(self, client: int, code: int, reason: str = "") -> None:
        """Close a connection, after all queued frames unless its socket is full.

        Args:
            client: The client's number.
            code: The close code.
            reason: The reason, cut to 123 bytes of UTF-8; empty for the meaning of the code.
        """

    def open_room(self) -> int:
        """Create a room and return its number."""

    def close_room(self, room: int) -> None:
        """Forget a room that all participants have left.

        Args:
            room: The number of the room.
        """

    def set_players(self, room: int, solo: bool, holder: int | None = None) -> None:
        """Set which participants may play in a room.

        Args:
            room: The number of the room.
            solo: Whether only the holder of the crown may play.
            holder: The number of the participant with the crown; None for none.
        """

    def add_participant(self, room: int, id: bytes, head: bytes, x: bytes, y: bytes) -> int:
        """Add a participant to a room's `ppl` and return the participant's number.

        Args:
            room: The number of the room.
            id: The participant's id as JSON, with quotes.
            head: The participant's entry as a JSON object without `x`, `y` and the closing brace.
            x: The pointer's horizontal position, as JSON.
            y: The pointer's vertical position, as JSON.

        Raises:
            KeyError: There is no such room.
        """

    def update_participant(self, participant: int, head: bytes) -> None:
        """Change a participant's entry of `ppl`.

        Args:
            participant: The participant's number.
            head: The entry as a JSON object without `x`, `y` and the closing brace.
        """

    def set_participant_flags(self, participant: int, muted: bool, hidden: bool) -> None:
        """Set whether a participant may play, and whether others see the participant.

        Args:
            participant: The participant's number.
            muted: Whether the participant's notes are refused.
            hidden: Whether others do not see the participant.
        """

    def remove_participant(self, participant: int) -> None:
        """Remove a participant from `ppl`, after all tabs have left.

        Args:
            participant: The participant's number.
        """

    def position(self, participant: int) -> tuple[bytes, bytes] | None:
        """Return x and y of a participant's pointer, as JSON with the digits of the client.

        Args:
            participant: The participant's number.
        """

    def participants(self, room: int) -> bytes:
        """Return the entries of a room's `ppl`, separated by commas.

        Args:
            room: The number of the room.
        """

    def enter(self, client: int, room: int, participant: int) -> None:
        """Put a client into a room as a tab of a participant; it gets all later broadcasts.

        Args:
            client: The client's number.
            room: The number of the room.
            participant: The participant's number.
        """

    def leave(self, client: int) -> None:
        """Take a client out of its room; it still gets the broadcasts queued before.

        Args:
            client: The client's number.
        """

    def add_quota(self, allowance: int, max: int) -> int:
        """Create a note quota with all points and return its number.

        Args:
            allowance: The points returned per tick; below 1: 8000, as for unconnected clients.
            max: The largest number of points; below 1: 24000.
        """

    def set_quota(self, quota: int, allowance: int, max: int) -> bool:
        """Change a quota; return whether a value changed. The points stay, cut to `max`.

        Args:
            quota: The quota's number.
            allowance: The points returned per tick; below 1 to leave the value.
            max: The largest number of points; below 1 to leave the value.
        """

    def remove_quota(self, quota: int) -> None:
        """Forget a quota.

        Args:
            quota: The quota's number.
        """

    def connections(self) -> int:
        """Return the number of attached clients that have a socket here."""

    def join_cluster(
        self, nid: int, inbox: bytes, everybody: bytes, rooms: bytes, gap_ms: float
    ) -> None:
        """Join a cluster; without this call the hub is a lone one.

        A later call joins again under another number: rooms and stays remain, and all numbers of
        messages begin anew.

        Args:
            nid: The number of this node.
            inbox: The channel of this node.
            everybody: The channel of all nodes.
            rooms: The beginning of the channels of rooms; the epoch in decimal digits follows.
            gap_ms: The shortest time between two publications of one room; ms.
        """

    def add_node(self, nid: int, inbox: bytes) -> None:
        """Set the channel of a node's inbox; what is sent to an unknown node is dropped.

        Args:
            nid: The number of the node.
            inbox: The channel.
        """

    def remove_node(self, nid: int) -> None:
        """Forget a node that is gone. Its clients here, and its rooms, remain until they are ended.

        Args:
            nid: The number of the node.
        """

    def set_epoch(self, room: int, epoch: int) -> None:
        """Make this node the home of a room, which other nodes may follow from now on.

        The room's stream is published while clients of other nodes are in the room.

        Args:
            room: The number of the room.
            epoch: The number of the home's reign, which names the channel.
        """

    def attach_remote(self, nid: int, stay: int) -> int:
        """Add a client whose socket is at another node, and return its number.

        `start_session`, `set_privileges`, `enter`, `leave`, `send`, `send_binary`,
        `send_participants`, `close`, `detach` and the exception of `broadcast` work as for any
        client. `enter` needs a room with an epoch. The client has no lag and no time-outs.

        Args:
            nid: The node that has the socket.
            stay: That node's number of the stay.

        Raises:
            RuntimeError: The hub has not joined a cluster.
        """

    def drop_remote(self, client: int) -> None:
        """Take a client of another node out of its room without a word, before it is detached.

        There it remains in the room's replica, until another home of the room has taken it in.

        Args:
            client: The client's number.
        """

    def resnapshot(self, room: int, nid: int) -> None:
        """Send a node all that it must know of a room, after the node reported a gap.

        Args:
            room: The number of the room.
            nid: The number of the node.
        """

    def begin_stay(self, client: int, stay: int) -> None:
        """Begin a stay of a client elsewhere: what a home sends to the stay reaches the client.

        Args:
            client: The client's number.
            stay: The number of the stay, which this node never uses again.
        """

    def end_stay(self, stay: int) -> None:
        """End a stay: later messages for it are dropped. `detach` ends all stays of a client.

        Args:
            stay: The number of the stay.
        """

    def open_replica(self, nid: int, epoch: int) -> int:
        """Create a room that another node feeds, and return its number.

        The home's stream counts from the home's first snapshot on, which comes before `entered`.
        `close_room` forgets the replica.

        Args:
            nid: The number of the home.
            epoch: The epoch of the home.

        Raises:
            RuntimeError: The hub has not joined a cluster.
        """

    def enter_replica(self, stay: int, room: int, participant: int) -> int | None:
        """Put the client of a stay into a replica, as a tab of one of the home's participants.

        DANGER: this must be called before the publication after `entered` is received. Else the
        client misses what the room hears meanwhile.

        Args:
            stay: The number of the stay.
            room: The number of the replica.
            participant: The participant's number at the home.

        Returns:
            The participant's number here; None if the stay has ended, the client is closing, or
            there is no such replica.
        """

    def pack_relay(self) -> dict[str, Any] | None:
        """Publish all that is pending; return the numbers of messages, None outside of clusters."""

    def unpack_relay(self, packed: dict[str, Any]) -> None:
        """Go on with the numbers of messages of another process; the hub has just joined.

        Args:
            packed: The result of `pack_relay`.
        """

    def pack_home(self, room: int) -> tuple[int, int, int] | None:
        """Return epoch, publications and position of a room's stream; None without one here.

        Args:
            room: The room's number.
        """

    def unpack_home(self, room: int, packed: tuple[int, int, int]) -> None:
        """Go on with the stream of a room.

        Args:
            room: The room's number.
            packed: The result of `pack_home`.
        """

    def enter_again(self, client: int, room: int, participant: int) -> None:
        """Put a connection at another node into a room, as that node knows already.

        Args:
            client: The number of the connection here.
            room: The number of the room, whose home is here.
            participant: The number of the participant.
        """

    def pack_replica(self, room: int) -> dict[str, Any] | None:
        """Return the state of a replica without its connections; None if the room is none.

        Args:
            room: The room's number.
        """

    def unpack_replica(self, room: int, packed: dict[str, Any]) -> None:
        """Make a replica, which was just opened, what it was in another process.

        Args:
            room: The room's number.
            packed: The result of `pack_replica`.
        """

    def stay_participant(self, stay: int) -> int | None:
        """Return the home's number of the participant of a stay; None if the stay has not begun.

        Args:
            stay: The number of the stay.
        """

    def reserve_participants(self, numbers: list[int]) -> None:
        """Keep the numbers of participants free for `add_participant_again`; there are none yet.

        Args:
            numbers: The numbers.
        """

    def add_participant_again(
        self, number: int, room: int, id: bytes, head: bytes, x: bytes, y: bytes
    ) -> int | None:
        """Add a participant under the number that was kept for it; see `Hub.add_participant`.

        Args:
            number: The number in another process.
            room: The room's number.
            id: The participant id as JSON.
            head: The entry of `ppl` without x, y and the closing brace.
            x: The horizontal pointer position as JSON.
            y: The vertical pointer position as JSON.

        Returns:
            The number, which is another one if the wanted one was not kept.
        """

    def cut_replicas(self, nid: int | None) -> None:
        """Let the clients of replicas hear each other at once, as the home cannot be reached.

        The same happens by itself if notes do not come back from the home within 300 ms. What comes
        back later is left out then. The next message of the home ends it.

        Args:
            nid: The number of the home; None for all homes.
        """

    def cut_replica(self, room: int) -> None:
        """Let the clients of one replica hear each other at once; see `cut_replicas`.

        Args:
            room: The number of the replica.
        """

    def promote_replica(self, room: int) -> None:
        """Make a replica a room of this node, with its participants and their clients here.

        Args:
            room: The number of the replica, which is that of the room from then on.
        """

    def set_record(self, room: int, record: bytes) -> None:
        """Set what the next home of a room must know, in the room's stream.

        Args:
            room: The number of a room whose home is here.
            record: What must be known, beside chat.
        """

    def add_line(self, room: int, line: bytes, most: int) -> None:
        """Add a line of chat that the next home of a room must know, in the room's stream.

        Args:
            room: The number of a room whose home is here.
            line: The line; empty to forget all lines.
            most: How many lines are kept.
        """

    def records(self, room: int) -> tuple[bytes, list[bytes]]:
        """Return what the home of a replica has set last, and the lines of chat, oldest first.

        Args:
            room: The number of the replica. Of another room nothing is known.
        """

    def entries(self, room: int) -> list[tuple[int, bytes]]:
        """Return the participants of a room, and their entries of `ppl` (see `add_participant`).

        Args:
            room: The number of the room or replica.
        """

    def set_lease(self, seconds: float | None) -> None:
        """Set for how long this node may publish; after that everything waits for the next call.

        Args:
            seconds: The time from now on; None for ever.
        """

    def hold(self, client: int) -> None:
        """Let all that a client sends wait, in order, behind the message that is being handled.

        If the connection ends meanwhile, what waits is dropped.

        Args:
            client: The client's number.
        """

    def release(self, client: int) -> None:
        """Let what a held client has sent be handled, in this turn or the next one.

        Args:
            client: The client's number.
        """

    def post(self, nid: int, payload: bytes, room: int | None = None) -> None:
        """Post a message into a node's inbox.

        What clients here have played in rooms of that home leaves first.

        Args:
            nid: The number of the node.
            payload: The message.
            room: The number of a room of which all that is pending leaves first; None for none.
        """

    def post_all(self, payload: bytes) -> None:
        """Post a message to all other nodes.

        Args:
            payload: The message.
        """

    def take_publications(self) -> list[tuple[bytes, bytes]]:
        """Return channel and message of all publications that wait, in order, and forget them."""

    def receive_publication(self, channel: bytes, message: bytes) -> tuple[Any, ...] | None:
        """Apply a publication; the publications of each node must come in the order they left it.

        Args:
            channel: The channel.
            message: The message.

        Returns:
            None, or what must be done before the next publication is received:

            - `("message", nid, payload)`: a message of `post` or `post_all` from a node,
            - `("registry", payload)`: a message of the registry,
            - `("entered", nid, stay, epoch, participant)`: the home has let a stay in; see
              `enter_replica`,
            - `("left", nid, stay)`: the home has taken a stay out of its room; the client is in
              no room,
            - `("close", nid, stay, code, reason)`: the home wants the client of a stay closed,
            - `("gap", nid, epoch)`: something of a room's stream is missing, once for each gap;
              epoch 0 for messages of the node's own. A message that shows a gap of those is
              dropped, too,
            - `("garbage", why)`: the message is unreadable, and nothing was done.
        """

    def relay_stats(self) -> dict[str, int]:
        """Return counters of the cluster since `join_cluster`, by name, and three gauges.

        The gauges are `remotes`, clients whose socket is elsewhere; `replicas`; and `stays`.
        """

    def lag(self, client: int) -> int:
        """Return the number of bytes queued for a client.

        Args:
            client: The client's number.
        """

    def stats(self) -> dict[str, int]:
        """Return counters since the start, by name."""

    def closes(self) -> list[tuple[int | None, int]]:
        """Return the number of ended connections by close code.

        The codes are those with a meaning here, and 1006 for an end without a close frame. None
        stands for all other codes together: a peer may choose among thousands.
        """

    def flush_times(self) -> list[tuple[float, int]]:
        """Return a histogram of the duration of flushes.

        Returns:
            Upper bounds (seconds, ascending, the last one infinite), and the number of flushes
            above the bound before and up to this one.
        """

    def gauges(self) -> dict[str, int]:
        """Return the state of the hub by name; visits every connection.

        Returns:
            - `connections`: all connections, closing ones included,
            - `clients`: open connections that have sent `hi`,
            - `blocked`: connections whose socket is full,
            - `rooms`: rooms,
            - `people`: participants, once for each room,
            - `queue_bytes`: bytes queued for all clients,
            - `longest_queue_bytes`: bytes queued for the client with the most.
        """

def pack_clock(hub: Hub) -> tuple[int, int, int]:
    """Return the state of a hub's clock, for another process.

    Args:
        hub: The hub.

    Returns:
        The clock's zero (µs since 1970), its time since then (µs), and the time of the next refill
        of the quotas (µs on this clock).
    """

def unpack_clock(hub: Hub, anchor: int, now: int, next_quota_tick: int) -> None:
    """Continue the clock of a hub in another process; to be called before any client is added.

    Args:
        hub: The hub.
        anchor: The clock's zero; µs since 1970.
        now: The clock's time; µs since its zero.
        next_quota_tick: The time of the next refill of the quotas; µs since the clock's zero.
    """

def flush_pointers(hub: Hub) -> None:
    """Queue all pointer positions that wait for their time.

    Args:
        hub: The hub.
    """

def pack_client(hub: Hub, client: int) -> dict[str, Any] | None:
    """Return the state of a client except its room, participant and quota; the hub stays as it is.

    The state includes the bytes of incompletely received frames, and all queued bytes.

    Args:
        hub: The hub.
        client: The client's number.
    """

def unpack_client(hub: Hub, fd: int, quota: int | None, packed: dict[str, Any]) -> int:
    """Adopt a client from another process, in no room yet; return its number.

    Args:
        hub: The hub.
        fd: The descriptor of the client's socket; see `Hub.attach`.
        quota: The number of its quota; None for none.
        packed: The result of `pack_client`, possibly in another version.

    Raises:
        KeyError: The state lacks a value that all versions have.
        ValueError: The client is in a phase that this version does not know.
    """

def pack_quota(hub: Hub, quota: int) -> tuple[int, int, int, int, list[int]] | None:
    """Return points, allowance, maximum, points lent, and the points at the last ticks.

    Args:
        hub: The hub.
        quota: The quota's number.
    """

def unpack_quota(hub: Hub, quota: int, packed: tuple[int, int, int, int, list[int]]) -> None:
    """Restore a quota from another process.

    Args:
        hub: The hub.
        quota: The quota's number.
        packed: The result of `pack_quota`.
    """

def pack_throttle(
    throttle: Throttle,
) -> tuple[int, list[tuple[str, int, list[int], list[int]]]]:
    """Return the time (µs) and the use of each subscriber.

    Args:
        throttle: The throttle.

    Returns:
        The time, and for each subscriber:

        - one of its addresses,
        - the number of its open sockets,
        - the times when its buckets are full again (µs),
        - the times of its new users in the last hour (µs).
    """

def unpack_throttle(
    throttle: Throttle, now: int, packed: list[tuple[str, int, list[int], list[int]]]
) -> None:
    """Restore the clock and the counts of a throttle from another process.

    Args:
        throttle: The throttle, still without counts.
        now: The time of that throttle; µs.
        packed: The use of each subscriber, as `pack_throttle` returned it.

    Raises:
        ValueError: An address is invalid.
    """
