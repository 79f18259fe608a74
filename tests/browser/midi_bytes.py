"""MIDI files byte by byte, as no library writes them."""

from __future__ import annotations

import struct

END = "00FF2F00"
NOTE = "00903C40 60803C00"  # a fifth of a second at 240 ticks a beat


def track(events: str | bytes) -> bytes:
    data = bytes.fromhex(events) if isinstance(events, str) else events
    return b"MTrk" + struct.pack(">I", len(data)) + data


def smf(*tracks: str | bytes, kind: int = 1, division: int = 240) -> bytes:
    head = b"MThd" + struct.pack(">IHHH", 6, kind, len(tracks), division)
    return head + b"".join(track(events) for events in tracks)


def riff(*chunks: tuple[bytes, bytes]) -> bytes:
    body = b"RMID"
    for name, data in chunks:
        body += name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)
    return b"RIFF" + struct.pack("<I", len(body)) + body
