"""Write bwv846.mid: J. S. Bach, Prelude in C major BWV 846, all 35 bars.

The score is a table, so that a reader can check it against any edition of the public-domain text:
the 35 bars of the autograph, without Schwencke's additional one. Run this file to write the MIDI
file.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mido import (  # type: ignore[import-untyped]
    Message,
    MetaMessage,
    MidiFile,
    MidiTrack,
    bpm2tempo,
)

FILE = Path(__file__).with_name("bwv846.mid")

SIXTEENTH = 120  # ticks; 480 make a quarter
QUARTERS_A_MINUTE = 76

# Bars 1 to 32: five pitches each. Half a bar is 1 2 3 4 5 3 4 5, where 1 and 2 sound on until its
# end; each half is played twice.
BROKEN_CHORDS = """
C4 E4 G4 C5 E5,  C4 D4 A4 D5 F5,  B3 D4 G4 D5 F5,  C4 E4 G4 C5 E5,
C4 E4 A4 E5 A5,  C4 D4 F#4 A4 D5, B3 D4 G4 D5 G5,  B3 C4 E4 G4 C5,
A3 C4 E4 G4 C5,  D3 A3 D4 F#4 C5, G3 B3 D4 G4 B4,  G3 Bb3 E4 G4 C#5,
F3 A3 D4 A4 D5,  F3 Ab3 D4 F4 B4, E3 G3 C4 G4 C5,  E3 F3 A3 C4 F4,
D3 F3 A3 C4 F4,  G2 D3 G3 B3 F4,  C3 E3 G3 C4 E4,  C3 G3 Bb3 C4 E4,
F2 F3 A3 C4 E4,  F#2 C3 A3 C4 Eb4, Ab2 F3 B3 C4 D4, G2 F3 G3 B3 D4,
G2 E3 G3 C4 E4,  G2 D3 G3 C4 F4,  G2 D3 G3 B3 F4,  G2 Eb3 A3 C4 F#4,
G2 E3 G3 C4 G4,  G2 D3 G3 C4 F4,  G2 D3 G3 B3 F4,  C2 C3 G3 Bb3 E4
"""

# Bars 33 and 34: the two lowest sound through the bar, the sixteenths run above them.
RUNS = """
C2 C3 F3 A3 C4 F4 C4 A3 C4 A3 F3 A3 F3 D3 F3 D3,
C2 B2 G3 B3 D4 F4 D4 B3 D4 B3 G3 B3 D3 F3 E3 D3
"""

FINAL_CHORD = "C2 C3 E4 G4 C5"

STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}

Note = tuple[int, int, int]
"""First sixteenth, length in sixteenths, MIDI number."""


def number(pitch: str) -> int:
    """Return the MIDI number of a pitch such as F#4; C4 is 60."""
    return 12 * (int(pitch[-1]) + 1) + STEPS[pitch[0]] + pitch.count("#") - pitch.count("b")


def bars(table: str) -> Iterator[list[int]]:
    """Yield the MIDI numbers of each bar of a table."""
    for bar in table.replace("\n", " ").strip().split(","):
        yield [number(pitch) for pitch in bar.split()]


def score() -> Iterator[Note]:
    """Yield all notes of the piece."""
    begin = 0
    for one, two, *rest in bars(BROKEN_CHORDS):
        for half in (begin, begin + 8):
            yield half, 8, one
            yield half + 1, 7, two
            for step, pitch in enumerate(rest * 2):
                yield half + 2 + step, 1, pitch
        begin += 16
    for one, two, *rest in bars(RUNS):
        yield begin, 16, one
        yield begin + 1, 15, two
        for step, pitch in enumerate(rest):
            yield begin + 2 + step, 1, pitch
        begin += 16
    for chord in bars(FINAL_CHORD):
        yield from ((begin, 16, pitch) for pitch in chord)


def velocity(begin: int) -> int:
    """Return how hard a note is played: a little harder on the beat."""
    return {0: 72, 8: 68}.get(begin % 16, 60 if begin % 4 == 0 else 54)


def midi() -> MidiFile:
    """Return the piece as a MIDI file of one track."""
    strokes: list[tuple[int, int, Message]] = []
    for begin, length, pitch in score():
        on = Message("note_on", note=pitch, velocity=velocity(begin))
        strokes.append((begin, 1, on))
        # Releases go before the strokes of the same moment, or a repeated key would fall silent.
        strokes.append((begin + length, 0, Message("note_off", note=pitch)))
    strokes.sort(key=lambda stroke: stroke[:2])
    track = MidiTrack(
        [
            MetaMessage("track_name", name="J. S. Bach: Prelude in C major, BWV 846"),
            MetaMessage("set_tempo", tempo=bpm2tempo(QUARTERS_A_MINUTE)),
            MetaMessage("time_signature", numerator=4, denominator=4),
        ]
    )
    now = 0
    for moment, _, message in strokes:
        track.append(message.copy(time=(moment - now) * SIXTEENTH))
        now = moment
    track.append(MetaMessage("end_of_track"))
    return MidiFile(type=0, ticks_per_beat=4 * SIXTEENTH, tracks=[track])


if __name__ == "__main__":
    midi().save(FILE)
