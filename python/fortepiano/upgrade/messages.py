"""The messages of the two processes of an upgrade, apart from the state."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from pydantic import SecretStr

from fortepiano.config.running import needs_restart, shown, values

if TYPE_CHECKING:
    from fortepiano.config import Settings

__all__ = ["Going", "Offer", "Reply", "fixed", "problems_of"]


class Offer(msgspec.Struct):
    """The first message, from the old process.

    Attributes:
        format: The format of its state.
        fixed: The settings that cannot change in an upgrade, as text by dotted name.
        notes_changes: Whether its state will have the changes of the store since this message.
        lock: The descriptor of the data folder's lock, which the new process has inherited; -1 for
            none.
        lease: The value of the lease in Redis; empty for none.
        node_format: The version of what its nodes send to each other; 0 for a server alone.
    """

    format: int
    fixed: dict[str, str]
    notes_changes: bool = False
    lock: int = -1
    lease: bytes = b""
    node_format: int = 0


class Reply(msgspec.Struct):
    """An answer of the new process: it is ready, has restored the state, or serves.

    Attributes:
        problems: Why the new process cannot continue, one line each; empty if it can.
        version: The version of the program.
        pause_ms: How long no process served the clients; milliseconds.
        adopts_visitors: Whether it adopts connections that speak HTTP.
        adopts_node: Whether it goes on as the same node of a cluster.
    """

    problems: list[str] = []
    version: str = ""
    pause_ms: float = 0.0
    adopts_visitors: bool = False
    adopts_node: bool = False


class Going(msgspec.Struct):
    """The last message of the old process, which will not touch the sockets again.

    Attributes:
        begun: When its event loop stopped, on the monotonic clock of the machine; nanoseconds.
    """

    begun: int


def fixed(settings: Settings) -> dict[str, str]:
    """Return the settings that cannot change in an upgrade, as text by dotted name."""
    return {".".join(keys): _text(value) for keys, value in values(settings) if needs_restart(keys)}


def problems_of(offer: Offer, settings: Settings, understood: int, node_format: int) -> list[str]:
    """Return why a new process cannot continue for the old one, one line each.

    Args:
        offer: The message of the old process.
        settings: The settings of the new process.
        understood: The format of states that the new process understands.
        node_format: The version of what its nodes send to each other.
    """
    if offer.format != understood:
        return ["the new version does not understand the old one: restart instead"]
    if offer.node_format not in (0, node_format):
        return ["nodes of the new version do not understand those of the old one: stop all first"]
    return [
        f"{'.'.join(keys)}: {shown(value)} needs a restart"
        for keys, value in values(settings)
        if needs_restart(keys) and _text(value) != offer.fixed.get(".".join(keys), _text(value))
    ]


def _text(value: object) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)
