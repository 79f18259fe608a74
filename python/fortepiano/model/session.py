"""Sessions: connections, from the upgrade to the end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from fortepiano.model.participant import Participant
    from fortepiano.model.user import User

__all__ = ["Connection", "Session"]


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
        address: Where it comes from.
        user: Whose it is; None before `hi`.
        participant: As whom it is in its room; None outside of rooms.
        refusals: When it was last told why something was refused, by kind; milliseconds.
    """

    __slots__ = ("address", "client", "connection", "participant", "refusals", "user")

    def __init__(self, client: int, connection: Connection, address: str) -> None:
        self.client = client
        self.connection = connection
        self.address = address
        self.user: User | None = None
        self.participant: Participant | None = None
        self.refusals: dict[str, int] | None = None
