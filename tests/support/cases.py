"""The conformance cases of docs/protocol.md, and the table of how they fared."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

__all__ = ["CASES", "Tally", "numbers"]

_CHAPTERS = {
    "transport": {8: "S", 11: "S"} | dict.fromkeys((*range(1, 8), 9, 10, 12), "M"),
    "hi": {19: "O"} | dict.fromkeys((*range(13, 19), 20), "M"),
    "t": dict.fromkeys((21, 22), "M"),
    "ch": {37: "S", 38: "O"} | dict.fromkeys(range(23, 37), "M"),
    "chset": dict.fromkeys(range(39, 44), "M"),
    "chown": {51: "S"} | dict.fromkeys(range(44, 51), "M"),
    "n": {57: "S"} | dict.fromkeys(range(52, 57), "M"),
    "a, dm": dict.fromkeys((63, 64), "O") | dict.fromkeys(range(58, 63), "M"),
    "userset, m": dict.fromkeys(range(65, 71), "M"),
    "ls": {71: "M", 72: "S", 73: "S"},
    "kickban": dict.fromkeys((79, 80, 81), "S") | dict.fromkeys(range(74, 79), "M"),
    "clients": {85: "S", 86: "S"} | dict.fromkeys((82, 83, 84), "M"),
}

CASES = {
    number: (level, chapter)
    for chapter, levels in _CHAPTERS.items()
    for number, level in sorted(levels.items())
}
"""Level (M must, S should, O optional) and chapter of each case."""

NOTES = {
    82: "by a browser and the page that comes along: `make test-browser`",
    83: "also by mpp-client-net itself: tests/clients/test_bots.py, test_evening.py",
    84: "also by mppclone-client itself: tests/clients/test_bots.py, test_evening.py",
    85: "its page is on no package index: what it sends and reads is played from docs/protocol.md",
    86: "also by stock bots, with their own reconnect: tests/clients/test_evening.py",
}
"""Where else a case is tried, or what stands in for it."""

_NAME = re.compile(r"test_case_(\d\d(?:_\d\d)*)_")


def numbers(test: str) -> list[int]:
    """Return the cases that a test is about, by its name: `test_case_35_36_special_rooms`."""
    found = _NAME.match(test)
    return [int(number) for number in found[1].split("_")] if found else []


class Tally:
    """How many tests of each case passed and failed, by preset."""

    def __init__(self, presets: list[str]) -> None:
        """Begin with nothing."""
        self.presets = presets
        self.passed: Counter[tuple[int, str]] = Counter()
        self.failed: Counter[tuple[int, str]] = Counter()

    def count(self, case: int, preset: str, *, passed: bool) -> None:
        """Add one test."""
        (self.passed if passed else self.failed)[case, preset] += 1

    def lines(self) -> Iterator[str]:
        """Yield the table line by line, and the counts below it."""
        yield "case  level  " + f"{'about':<12}" + "".join(f"{name:>12}" for name in self.presets)
        for case, (level, chapter) in CASES.items():
            cells = "".join(f"{self._cell(case, name):>12}" for name in self.presets)
            yield f"{case:>4}  {level:<5}  {chapter:<12}{cells}"
        for case, note in NOTES.items():
            yield f"{case:>4}  {note}"
        for name in self.presets:
            tested = {case for case, preset in self.passed | self.failed if preset == name}
            failed = {case for case, preset in self.failed if preset == name}
            yield f"{name}: {len(tested - failed)} of {len(CASES)} cases pass, {len(failed)} fail"

    def _cell(self, case: int, preset: str) -> str:
        passed, failed = self.passed[case, preset], self.failed[case, preset]
        if failed:
            return f"FAIL {failed}/{passed + failed}"
        return f"pass {passed}" if passed else "-"
