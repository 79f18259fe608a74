"""A tune that is too much for a piano: loud, soft, and here and there off the keyboard.

Players of MIDI files send what is in a file in ways of their own; whoever listens must hear all
that a piano can play of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from mido import Message, MidiFile, MidiTrack  # type: ignore[import-untyped]

__all__ = ["BATCH_MS", "STARTS", "Stroke", "batches", "heard", "key", "tune", "write"]

STARTS = 186
BATCH_MS = 200
"""For how long players gather notes before they send them."""

LOWEST, HIGHEST = 21, 108
"""The keys of a piano, as MIDI numbers them."""

_EVERY_MS = 40.6
_TICKS = 480  # a beat, half a second
_OFF_THE_PIANO = [20, 109, 12, 127, 0, 115]
_NAMES = ["c", "cs", "d", "ds", "e", "f", "fs", "g", "gs", "a", "as", "b"]


class Stroke(NamedTuple):
    """A key that is pressed, or released where there is no velocity."""

    at: float
    """Milliseconds from the beginning."""

    number: int
    """Of the key, as in MIDI; not all are on a piano."""

    velocity: int | None
    """1 to 127."""


def tune() -> list[Stroke]:
    """Return all strokes in order: velocities from 40 to 127, and six keys off the piano."""
    strokes: list[Stroke] = []
    for index in range(STARTS):
        at = index * _EVERY_MS
        number = 36 + index * 5 % 61
        if index % 31 == 0:
            number = _OFF_THE_PIANO[index // 31]
        strokes += [Stroke(at, number, 40 + index * 7 % 88), Stroke(at + 30, number, None)]
    return strokes


def key(number: int) -> str | None:
    """Return the name of a key; None where a piano has none."""
    if not LOWEST <= number <= HIGHEST:
        return None
    return f"{_NAMES[number % 12]}{number // 12 - 2}"


def heard() -> Iterator[tuple[str, int | None]]:
    """Yield what is to be heard: names, and velocities as the file has them."""
    for _, number, velocity in tune():
        if (name := key(number)) is not None:
            yield name, velocity


def batches() -> list[list[Stroke]]:
    """Return the strokes as they are gathered: one list for each message."""
    gathered: dict[int, list[Stroke]] = {}
    for stroke in tune():
        gathered.setdefault(int(stroke.at // BATCH_MS), []).append(stroke)
    return list(gathered.values())


def write(path: Path, faster: float = 1) -> None:
    """Write the tune as a MIDI file, `faster` times as fast as it is.

    Keys are released by a velocity of 0, so that nothing but the first note says what it is: at
    those midi-player-js takes velocities to be of 100, at all others of 127.
    """
    track = MidiTrack()
    now = 0
    for at, number, velocity in tune():
        ticks = round(at / faster / 500 * _TICKS)
        track.append(Message("note_on", note=number, velocity=velocity or 0, time=ticks - now))
        now = ticks
    # The player stops as soon as it has seen the last event, before it has told of the last few.
    track += [Message("note_on", note=0, velocity=0, time=_TICKS // 4)] * 4
    MidiFile(ticks_per_beat=_TICKS, tracks=[track]).save(path)
