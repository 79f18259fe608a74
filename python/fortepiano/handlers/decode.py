"""A message's JSON to a typed Struct."""

from typing import Any

import msgspec
import orjson

from fortepiano.protocol.shape import Shape

__all__ = ["decode", "kind_of", "shaped"]


def decode(raw: bytes) -> dict[str, Any]:
    """Decode one message.

    Args:
        raw: A JSON object that the native scanner has let through, so it is strict JSON.

    Raises:
        orjson.JSONDecodeError: Where scanner and decoder disagree, which is a bug.
    """
    message: dict[str, Any] = orjson.loads(raw)
    return message


def kind_of(message: dict[str, Any]) -> str:
    """Return a message's `m`."""
    kind = message.get("m")
    return kind if isinstance(kind, str) else ""


def shaped(message: dict[str, Any], shape: type[Shape]) -> Shape | None:
    """Fit a message to its shape; None where it does not fit."""
    try:
        return msgspec.convert(message, shape)
    except msgspec.ValidationError:
        return None
