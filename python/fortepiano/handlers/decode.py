"""Decodes a message: from JSON to a typed Struct."""

from typing import Any, TypeVar

import msgspec
import orjson

from fortepiano.protocol.shape import Shape

__all__ = ["decode", "kind_of", "shaped"]

_AnyShape = TypeVar("_AnyShape", bound=Shape)


def decode(raw: bytes) -> dict[str, Any]:
    """Decode one message.

    Args:
        raw: A JSON object, which the native scanner has already found to be strict JSON.

    Raises:
        orjson.JSONDecodeError: The decoder disagrees with the scanner, which is a bug.
    """
    message: dict[str, Any] = orjson.loads(raw)
    return message


def kind_of(message: dict[str, Any]) -> str:
    """Return a message's type, `m`; empty if that is no text."""
    kind = message.get("m")
    return kind if isinstance(kind, str) else ""


def shaped(message: dict[str, Any], shape: type[_AnyShape]) -> _AnyShape | None:
    """Convert a message to its shape; return None if it does not fit."""
    try:
        return msgspec.convert(message, shape)
    except msgspec.ValidationError:
        return None
