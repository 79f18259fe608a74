"""Binary frames of `custom`: a length, a head in JSON, and bytes that mean what they like."""

from __future__ import annotations

import json
import struct
from typing import Any

__all__ = ["PAYLOAD", "binary", "parted"]

PAYLOAD = b"\xff\x00\xfe\x01"
"""Bytes that are no text, so that whoever takes them for one trips."""


def binary(head: Any, payload: bytes = PAYLOAD) -> bytes:
    """Return a frame (docs/protocol.md, `custom`); a head of bytes goes as it is."""
    said = head if isinstance(head, bytes) else json.dumps(head).encode()
    return struct.pack(">I", len(said)) + said + payload


def parted(frame: bytes) -> tuple[dict[str, Any], bytes]:
    """Return the head and the bytes of a frame."""
    (length,) = struct.unpack_from(">I", frame)
    head: dict[str, Any] = json.loads(frame[4 : 4 + length])
    return head, frame[4 + length :]
