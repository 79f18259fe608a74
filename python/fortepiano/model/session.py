"""Sessions: connections, from the upgrade to the end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from fortepiano.model.participant import Participant
    from fortepiano.model.user import User
    from fortepiano.store.base import Scope

__all__ = ["Connection", "Session"]

_NOTHING: frozenset[str] = frozenset()


class Connection(Protocol):
    """What a session may do to the connection under it."""

    def close(self, code: int, reason: str = "") -> None:
        """Ends the session and closes the connection with a code of `errors.CloseCode`."""


class Session:
    """One connection.

    Ten thousand of them may idle, so it has slots, and nothing in them until it is needed.

    Attributes:
        client: Its number in the hub.
        connection: What it runs over.
        user_id: Whose it is, from its address.
        address: Its IP address, behind proxies that are trusted; never written down.
        is_bot: Whether no browser, with a person before it, is at the other end.
        is_known_by_token: Whether a token said whose it is, and not its address.
        is_limited: Whether its socket is counted among its address's, and what it sends metered.
        user: Whose it is, with his name and all; None before `hi`.
        participant: As whom it is in its room; None outside of rooms.
        scope: Of a member of staff: "read", "moderate" or "admin".
        permissions: What a member of staff may do, as `hi` announces it.
        refusals: When it was last told why something was refused, by code; milliseconds.
        buckets: Before `hi`: when its bucket of each kind of message is full again; milliseconds.
        has_sent_devices: Whether it has sent `devices`.
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
        self.scope: Scope | None = None
        self.permissions: frozenset[str] = _NOTHING
        self.refusals: dict[str, int] | None = None
        self.buckets: dict[str, float] | None = None
        self.has_sent_devices = False

    def become(self, user_id: str, *, is_bot: bool) -> None:
        """Belong to whom a token names, before `hi` is answered.

        Args:
            user_id: Whose it is.
            is_bot: Whether his token is a bot's.
        """
        self.user_id = user_id
        self.is_bot = is_bot
        self.is_known_by_token = True

    @property
    def is_known_bot(self) -> bool:
        """Whether it is a bot that has a token of the operator's."""
        # A token that is not a bot's makes no bot of anybody: see `become`.
        return self.is_bot and self.is_known_by_token
