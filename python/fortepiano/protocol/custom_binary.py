"""The binary form of `custom`: a length, a JSON object of that length, and a payload."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from collections.abc import Callable

    from fortepiano.protocol.room_messages import Message

__all__ = ["decode", "encode"]

_LENGTH = struct.Struct(">I")


def decode(
    data: bytes, strict_object: Callable[[bytes], bytes | None]
) -> tuple[Message, bytes] | None:
    """Decode a binary message.

    Args:
        data: The message.
        strict_object: Returns a JSON object if it is strict, else None (`Hub.strict_object`).

    Returns:
        The JSON object, whose type `m` is `custom`, and the payload. None for any other message.
    """
    if len(data) < _LENGTH.size:
        return None
    (size,) = _LENGTH.unpack_from(data)
    end = _LENGTH.size + size
    head = strict_object(data[_LENGTH.size : end]) if len(data) >= end else None
    if head is None:
        return None
    message: Message = orjson.loads(head)
    return (message, data[end:]) if message.get("m") == "custom" else None


def encode(message: Message, payload: bytes) -> bytes:
    """Encode a binary message.

    Args:
        message: The JSON object.
        payload: The payload.
    """
    head = orjson.dumps(message)
    return _LENGTH.pack(len(head)) + head + payload
