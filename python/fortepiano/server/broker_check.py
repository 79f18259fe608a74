"""Checks of a broker by a node that starts, and advice about one that cannot be used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, cast

from redis.exceptions import (
    AuthenticationError,
    NoPermissionError,
    ReadOnlyError,
    RedisError,
)

from fortepiano.net.bus_errors import BusError, check_broker, explain, refusal

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

__all__ = ["FAILURES", "Trouble", "check", "trouble"]

FAILURES = (RedisError, BusError, OSError, TimeoutError)
"""Exceptions of a broker that does not answer, or not as it should."""

_REPLICA = refusal("READONLY")


class Trouble(NamedTuple):
    """Why a broker cannot be used.

    Attributes:
        text: The reason, which continues "the broker …".
        is_mistake: Whether only the operator can mend it, so that waiting is of no use.
    """

    text: str
    is_mistake: bool


def trouble(error: Exception) -> Trouble:
    """Return why a broker cannot be used.

    Args:
        error: One of `FAILURES`.
    """
    if isinstance(error, AuthenticationError):
        words = str(error)
        lacks = "NOAUTH" if "required" in words.lower() else "WRONGPASS"
        has_none = "without any password configured" in words
        return Trouble(refusal(words if has_none else f"{lacks} {words}"), is_mistake=True)
    if isinstance(error, NoPermissionError):
        return Trouble(refusal(f"NOPERM {error}"), is_mistake=True)
    if isinstance(error, ReadOnlyError):
        return Trouble(_REPLICA, is_mistake=False)
    if isinstance(error, BusError):
        return Trouble(str(error), is_mistake=str(error) != _REPLICA)
    return Trouble(explain(error), is_mistake=False)


async def check(execute: Callable[..., Awaitable[Any]], channel: str) -> None:
    """Check that a broker can be used: its version, its role, and this user's rights.

    Args:
        execute: Sends one command to the broker.
        channel: A channel to which a node must be able to publish; nothing readable is.

    Raises:
        BusError: It cannot be used.
        RedisError: It refuses, or does not answer.
        OSError: It cannot be reached.
    """
    try:
        found = cast("dict[str, Any]", await execute("INFO"))
    except NoPermissionError:
        pass  # not every user may ask
    else:
        words = {"version": "redis_version", "mode": "redis_mode", "role": "role"}
        check_broker({key.encode(): _encoded(found.get(name)) for key, name in words.items()})
    await execute("PUBLISH", channel, b"")


def _encoded(value: object) -> bytes:
    return b"" if value is None else str(value).encode()
