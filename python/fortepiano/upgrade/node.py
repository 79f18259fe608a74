"""The interface of a node of a cluster to an upgrade; `server.node_handover` implements it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping, Sequence

    from fortepiano.model.session import Session

__all__ = ["UpgradableNode"]


class UpgradableNode(Protocol):
    """A node of a cluster, as each of the two processes of an upgrade sees it."""

    @property
    def format(self) -> int:
        """The version of what it sends to other nodes."""
        ...

    # The old process

    def hold(self) -> None:
        """Ask and send nothing more until `let_go`."""
        ...

    def send_kept(self) -> None:
        """Send what was kept so far."""
        ...

    def let_go(self) -> None:
        """Go on; nothing happens if the node is not held."""
        ...

    @property
    def is_idle(self) -> bool:
        """Whether the node can be handed over at this moment, once it is held."""
        ...

    @property
    def is_quiet(self) -> bool:
        """Whether no message waits for answers of other nodes."""
        ...

    def flush(self) -> None:
        """Handle all messages now that wait for answers of other nodes."""
        ...

    def problem(self) -> str | None:
        """Return why the node cannot be handed over now; None where it can."""
        ...

    def sessions(self) -> Sequence[Session]:
        """Return the sessions of other nodes; in a state they follow those of connections."""
        ...

    def pack(self, indexes: Mapping[Session, int]) -> tuple[bytes, int]:
        """Return the state, and the descriptor that goes along; -1 for none.

        Args:
            indexes: The indexes of this node's sessions.
        """
        ...

    # The new process

    def begin(self, state: bytes) -> Sequence[Session]:
        """Be the node that the other process is; return the sessions of other nodes.

        Args:
            state: The state of the other process.
        """
        ...

    def finish(self, sessions: Sequence[Session]) -> None:
        """Restore the rest, once rooms are here.

        Args:
            sessions: This node's sessions, by their indexes.
        """
        ...

    async def connect(self, connection: socket.socket | None) -> None:
        """Go on with the connection to the broker; the other process does not use it any more.

        Args:
            connection: The socket; None where it could not go along.
        """
        ...
