"""What the two processes say to each other around the state."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from pydantic import SecretStr

from fortepiano.config.running import needs_restart, shown, values

if TYPE_CHECKING:
    from fortepiano.config import Settings

__all__ = ["Going", "Offer", "Reply", "fixed", "problems_of"]


class Offer(msgspec.Struct):
    """What the running server says first.

    Attributes:
        format: That of its state.
        fixed: The settings that cannot change under those who are connected, by dotted name.
    """

    format: int
    fixed: dict[str, str]


class Reply(msgspec.Struct):
    """What the new process says: that it is ready, has taken over, and serves.

    Attributes:
        problems: Why it is not and has not, one line each.
        version: That of the program.
        pause_ms: For how long nobody was served.
    """

    problems: list[str] = []
    version: str = ""
    pause_ms: float = 0.0


class Going(msgspec.Struct):
    """The running server has touched the sockets for the last time.

    Attributes:
        begun: When it last read from them, on the monotonic clock of the machine; nanoseconds.
    """

    begun: int


def fixed(settings: Settings) -> dict[str, str]:
    """Return the settings that cannot change under those who are connected, as text."""
    return {".".join(keys): _text(value) for keys, value in values(settings) if needs_restart(keys)}


def problems_of(offer: Offer, settings: Settings, understood: int) -> list[str]:
    """Return why a server cannot be gone on for with other settings, one line each.

    Args:
        offer: What it says.
        settings: Those of the process that is to go on.
        understood: The format of a state that it understands.
    """
    if offer.format != understood:
        return ["the new version does not understand the old one: restart instead"]
    return [
        f"{'.'.join(keys)}: {shown(value)} needs a restart"
        for keys, value in values(settings)
        if needs_restart(keys) and _text(value) != offer.fixed.get(".".join(keys), _text(value))
    ]


def _text(value: object) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)
