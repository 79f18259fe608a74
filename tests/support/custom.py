"""Binary frames of `custom`: a length, a head in JSON, and arbitrary bytes."""

from __future__ import annotations

import json
import struct
from typing import Any

__all__ = ["PAYLOAD", "binary", "parted"]

PAYLOAD = b"\xff\x00\xfe\x01"
"""Bytes that are not UTF-8, so that decoding them as text fails."""


def binary(head: Any, payload: bytes = PAYLOAD) -> bytes:
    """Return a frame (docs/protocol.md, `custom`); a head of bytes is used as it is."""
    encoded = head if isinstance(head, bytes) else json.dumps(head).encode()
    return struct.pack(">I", len(encoded)) + encoded + payload


def parted(frame: bytes) -> tuple[dict[str, Any], bytes]:
    """Split a frame into its head and its payload."""
    (length,) = struct.unpack_from(">I", frame)
    head: dict[str, Any] = json.loads(frame[4 : 4 + length])
    return head, frame[4 + length :]
