"""Sessions: what the server knows of a client, from the handshake to the close."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from fortepiano.model.elsewhere import Stay
    from fortepiano.model.identity import Bearer
    from fortepiano.model.participant import Participant
    from fortepiano.model.user import User
    from fortepiano.native import Buckets
    from fortepiano.store.base import Scope, TokenRecord

__all__ = ["Connection", "Session"]

_NOTHING: frozenset[str] = frozenset()


class Connection(Protocol):
    """The connection under a session, which the session can close."""

    def close(self, code: int, reason: str = "") -> None:
        """End the session and close the connection with a code of `CloseCode`.

        An empty reason stands for the meaning of the code.
        """


class Session:
    """One connection of one user.

    Ten thousand sessions may idle. So the class has slots, and empty ones until they are needed.

    Attributes:
        client: The connection's number in the hub.
        connection: The connection.
        user_id: The id of the user, from the address or from a token.
        address: The client's IP address, as seen by trusted proxies; never logged or stored.
        is_bot: Whether the client is a program, and no browser that a person uses.
        is_known_by_token: Whether the user id comes from a token, and not from the address.
        is_limited: Whether limits apply: the socket counts among those of its address, and
            messages have rates.
        user: The user; None before `hi`.
        participant: The participant in the session's room; None outside of rooms, and in rooms
            whose home is another node.
        stay: The stay in such a room; else None.
        scope: The scope of a member of staff: "read", "moderate" or "admin".
        permissions: The permissions of a member of staff, as `hi` sends them.
        token: The token by which the session acts as staff or is known as its user; None without.
        refusals: When the client was last sent a notice of each code; milliseconds since 1970.
        buckets: Before `hi`: the token bucket of each kind of message.
        has_sent_devices: Whether the client has sent `devices`.
    """

    __slots__ = (
        "address",
        "buckets",
        "client",
        "connection",
        "has_sent_devices",
        "is_bot",
        "is_known_by_token",
        "is_limited",
        "participant",
        "permissions",
        "refusals",
        "scope",
        "stay",
        "token",
        "user",
        "user_id",
    )

    def __init__(
        self,
        client: int,
        connection: Connection,
        user_id: str,
        *,
        address: str = "",
        is_bot: bool = False,
        is_limited: bool = False,
    ) -> None:
        self.client = client
        self.connection = connection
        self.user_id = user_id
        self.address = address
        self.is_bot = is_bot
        self.is_known_by_token = False
        self.is_limited = is_limited
        self.user: User | None = None
        self.participant: Participant | None = None
        self.stay: Stay | None = None
        self.scope: Scope | None = None
        self.permissions: frozenset[str] = _NOTHING
        self.token: TokenRecord | Bearer | None = None
        self.refusals: dict[str, int] | None = None
        self.buckets: Buckets | None = None
        self.has_sent_devices = False

    def become(self, user_id: str, *, is_bot: bool) -> None:
        """Set the user that a token names, before `hi` is answered.

        Args:
            user_id: The user.
            is_bot: Whether the token is that of a bot.
        """
        self.user_id = user_id
        self.is_bot = is_bot
        self.is_known_by_token = True

    @property
    def is_in_room(self) -> bool:
        """Whether the session is in a room, of this node or of another one."""
        return self.participant is not None or self.stay is not None

    @property
    def room_name(self) -> str | None:
        """The name of the session's room, of this node or of another one; None outside."""
        if self.participant is not None:
            return self.participant.room.name
        return None if self.stay is None else self.stay.room

    @property
    def is_known_bot(self) -> bool:
        """Whether the client is a bot with a token from the operator."""
        # Other tokens set `is_bot` to False: see `become`.
        return self.is_bot and self.is_known_by_token
