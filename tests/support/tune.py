"""A tune with all velocities, and with some keys that no piano has.

Players of MIDI files send the strokes of a file in different ways. Listeners must receive all of
those that a piano can play.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from mido import Message, MidiFile, MidiTrack  # type: ignore[import-untyped]

__all__ = ["BATCH_MS", "STARTS", "Stroke", "batches", "expected_strokes", "key", "tune", "write"]

STARTS = 186
BATCH_MS = 200
"""Milliseconds for which players gather notes before they send them."""

LOWEST, HIGHEST = 21, 108
"""The keys of a piano, as MIDI numbers them."""

_EVERY_MS = 40.6
_TICKS = 480  # a beat, half a second
_OFF_THE_PIANO = [20, 109, 12, 127, 0, 115]
_NAMES = ["c", "cs", "d", "ds", "e", "f", "fs", "g", "gs", "a", "as", "b"]


class Stroke(NamedTuple):
    """A key that is pressed, or released if there is no velocity."""

    at: float
    """Milliseconds from the beginning."""

    number: int
    """The MIDI number of the key; a piano does not have all of them."""

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
    """Return the name of a key; None for keys that a piano does not have."""
    if not LOWEST <= number <= HIGHEST:
        return None
    return f"{_NAMES[number % 12]}{number // 12 - 2}"


def expected_strokes() -> Iterator[tuple[str, int | None]]:
    """Yield the strokes that listeners must receive: names, and velocities as in the file."""
    for _, number, velocity in tune():
        if (name := key(number)) is not None:
            yield name, velocity


def batches() -> list[list[Stroke]]:
    """Return the strokes as players gather them: one list for each message."""
    gathered: dict[int, list[Stroke]] = {}
    for stroke in tune():
        gathered.setdefault(int(stroke.at // BATCH_MS), []).append(stroke)
    return list(gathered.values())


def write(path: Path, faster: float = 1) -> None:
    """Write the tune as a MIDI file, `faster` times as fast as it is.

    Keys are released by a velocity of 0, so that only the first event needs a status byte. At
    events with one, midi-player-js takes velocities to be of 100; at all others, of 127.
    """
    track = MidiTrack()
    now = 0
    for at, number, velocity in tune():
        ticks = round(at / faster / 500 * _TICKS)
        track.append(Message("note_on", note=number, velocity=velocity or 0, time=ticks - now))
        now = ticks
    # The player stops at the last event, before it has reported the last few.
    track += [Message("note_on", note=0, velocity=0, time=_TICKS // 4)] * 4
    MidiFile(ticks_per_beat=_TICKS, tracks=[track]).save(path)
