"""The conformance cases: what a Multiplayer Piano server must do, and which tests show it.

`python -m support.cases docs/conformance.md` writes the table between the two marks there;
tests/unit/docs/test_conformance_cases.py checks that it is up to date. Tests name their cases by
`@pytest.mark.case(52)`.
"""

from __future__ import annotations

import ast
from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from marked_section import replace_section, update_document
from support.presets import PRESETS

__all__ = [
    "BEGIN",
    "CASES",
    "DEFAULT_PRESET",
    "END",
    "Case",
    "Shown",
    "Tally",
    "find_tests",
    "updated",
]

BEGIN = "<!-- cases: made by `make docs` -->"
END = "<!-- cases: end -->"

TESTS = Path(__file__).parents[1]
"""The folder of all tests."""

DEFAULT_PRESET = "quick"
"""The preset of a server with default settings, which tests without the fixture `preset` use."""


class Case(NamedTuple):
    """One case of the catalogue."""

    level: str
    """M must, S should, O optional."""

    topic: str
    """The message or the layer that the case is about."""

    sentence: str
    """The behaviour of the server."""


_CATALOGUE = {
    "transport": [
        "1 M Any path opens a WebSocket.",
        "2 M A frame that is not strict JSON is ignored whole.",
        "3 M A frame that is not an array is ignored.",
        "4 M The elements of a frame are handled in order; a bad one does not stop the others.",
        "5 M Messages with an unknown name, or one that is no string, are ignored.",
        "6 M An array in a binary frame is read as text; other binary frames are ignored.",
        "7 M Frames and fragments follow RFC 6455; what is too large closes with 1009.",
        "8 S The first message is `b`.",
        "9 M Clients that still answer stay; those that fall silent are closed.",
        "10 M A client that never reads is dropped, and costs little memory.",
        "11 S SIGTERM closes all connections with 4000, and the process exits with 0.",
        "12 M The same port serves the page and its files to browsers, and nothing else.",
    ],
    "hi": [
        "13 M `hi` is answered with the user; each address is one user.",
        "14 M Two tabs are one user and work independently.",
        "15 M A second `hi` is answered and changes nothing.",
        "16 M Before `hi` only `t` is answered; outside of rooms nothing reaches a room.",
        "17 M `devices` is never answered.",
        "18 M Name and colour outlive a reconnect and a restart.",
        "19 O Tokens give staff their rights, and browsers their user, across restarts.",
        "20 M Only trusted proxies can say who connects.",
    ],
    "t": [
        "21 M `t` is answered to the sender, with the time and the same `e`.",
        "22 M Without an `e`, or with one that is no number, the answer has none.",
    ],
    "ch": [
        "23 M A join is answered by one frame with `ch`, `c` and `nq`.",
        "24 M The quota of the room comes with the join.",
        "25 M The others get a `p` of the new participant.",
        "26 M The first to join sets the settings of a new room.",
        "27 M Joining an existing room changes no settings.",
        "28 M Bad settings of a join are dropped one by one.",
        "29 M A join with a bad name, or without a name, leads nowhere.",
        "30 M Joining the same room again sends everything again and changes nothing.",
        "31 M A participant who leaves is one `bye`, or with the crown one `ch`; empty rooms end.",
        "32 M Several tabs in a room are one participant, until the last one leaves.",
        "33 M A connection that is reset leaves its room.",
        "34 M A full lobby overflows into the next one, where the preset has a limit.",
        "35 M Special rooms have no crown, and nobody moderates them.",
        "36 M Test rooms take everybody, and keep their history while they are among the latest.",
        "37 S Rooms that only look special are ordinary, except for the way into a full lobby.",
        "38 O A full room takes its holder and second tabs, and nobody else.",
    ],
    "chset": [
        "39 M The holder changes settings, and everybody gets the whole room.",
        "40 M Others change no settings.",
        "41 M A `chset` without settings changes nothing.",
        "42 M Bad settings are dropped one by one; an empty value removes a setting.",
        "43 M A hidden room is not listed.",
    ],
    "chown": [
        "44 M The holder gives the crown to a participant, and the quotas follow it.",
        "45 M The holder drops the crown.",
        "46 M Others may take a dropped crown after a while, and not before.",
        "47 M The last holder takes it back, or gives it away, at once.",
        "48 M The crown of a holder who leaves passes on or is free; a quick return regains it.",
        "49 M An unknown id drops the crown; others can neither take nor give it.",
        "50 M The crown never goes to another room.",
        "51 S The owner of a room takes the crown at any time.",
    ],
    "n": [
        "52 M The others, and the other tabs of the player, receive notes unchanged and in order.",
        "53 M Slightly wrong notes are repaired, senseless ones are left out.",
        "54 M With `crownsolo` only the holder plays.",
        "55 M Notes cost points, which come back with ticks; all tabs share them.",
        "56 M Each class has its own quota; changing rooms refills nothing.",
        "57 S Messages with more notes than the maximum are dropped whole.",
    ],
    "a, dm": [
        "58 M Everybody in the room receives a line of up to 512 units, the sender too.",
        "59 M Newcomers get the last 32 lines, with the names of that time.",
        "60 M There is no chat where it is off.",
        "61 M Bad lines are refused; a lone surrogate is replaced.",
        "62 M Too many messages of a kind are dropped, with one notification.",
        "63 O Lines have ids, and replies name them.",
        "64 O A `dm` reaches all tabs of both parties in the room, and nobody else.",
    ],
    "userset, m": [
        "65 M A new name or colour reaches all rooms of the user.",
        "66 M Bad names and colours change nothing.",
        "67 M The others receive a pointer as it was sent.",
        "68 M Bad coordinates are ignored.",
        "69 M Moves are merged to about twenty-five a second, and the last one arrives.",
        "70 M Newcomers see the positions of all pointers.",
    ],
    "ls": [
        "71 M `+ls` gets the whole list, then the changes, until `-ls`.",
        "72 S An empty room is listed once more, with a count of 0.",
        "73 S Only banned users see `banned` in the list.",
    ],
    "kickban": [
        "74 M A ban moves the user out, tells everybody, and keeps the user out for its time.",
        "75 M Times are cut to the longest of the preset; without a time it is half an hour.",
        "76 M Each room has its own bans; `unban` lifts one.",
        "77 M Only the holder bans and lifts bans.",
        "78 M Holders may ban themselves, and do not get the crown back.",
        "79 S Users who are elsewhere can be banned too.",
        "80 S A second ban replaces the first.",
        "81 S A ban outlives the empty room and a restart.",
    ],
    "clients": [
        "82 M The page of the original site plays a whole evening.",
        "83 M Clients that send `hi` before anything arrives work.",
        "84 M Clients that send `hi` only after `b` work.",
        "85 S The page of the other site finds what it relies on.",
        "86 S All clients are back in their rooms after a restart.",
    ],
}


def _case(topic: str, line: str) -> tuple[int, Case]:
    number, level, sentence = line.split(" ", 2)
    return int(number), Case(level, topic, sentence)


CASES = dict(_case(topic, line) for topic, lines in _CATALOGUE.items() for line in lines)
"""All cases by number."""

NOTES = {
    82: "by a browser and the page that comes along: `make test-browser`",
    83: "also by mpp-client-net itself: tests/clients/test_bots.py, test_evening.py",
    84: "also by mppclone-client itself: tests/clients/test_bots.py, test_evening.py",
    85: "its page is on no package index: what it sends and reads is played from docs/protocol.md",
    86: "also by stock bots, with their own reconnect: tests/clients/test_evening.py",
}
"""Further tests of a case, or what stands in for them."""


class Shown(NamedTuple):
    """A test that shows a case."""

    file: str
    """The file, below the folder of all tests."""

    presets: frozenset[str]
    """The presets of rules that the test runs with."""


@cache
def find_tests() -> dict[int, list[Shown]]:
    """Return the tests of each case."""
    found: dict[int, list[Shown]] = defaultdict(list)
    for path in sorted(TESTS.rglob("test_*.py")):
        file = path.relative_to(TESTS).as_posix()
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                for case in _arguments(node, "pytest.mark.case"):
                    found[case].append(Shown(file, _presets(node, file)))
    return found


def _arguments(function: ast.FunctionDef | ast.AsyncFunctionDef, mark: str) -> Iterator[Any]:
    """Yield the arguments of all decorators of a function that have one name."""
    for decorator in function.decorator_list:
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == mark:
            yield from map(ast.literal_eval, decorator.args)


def _presets(function: ast.FunctionDef | ast.AsyncFunctionDef, file: str) -> frozenset[str]:
    """Return the presets that a test runs with; tests of other folders use the default one."""
    single = frozenset(_arguments(function, "only"))
    return single or frozenset(PRESETS if file.startswith("conformance/") else [DEFAULT_PRESET])


def table() -> str:
    """Return the table of all cases, as Markdown."""
    lines = [
        "| case | level | about | the server | preset | tests |",
        "| --: | :-: | --- | --- | --- | --- |",
    ]
    for number, case in CASES.items():
        tests = find_tests()[number]
        files = ", ".join(
            f"[{Path(file).name}](../tests/{file})" + (f" ({count})" if count > 1 else "")
            for file, count in Counter(test.file for test in tests).items()
        )
        presets = frozenset[str]().union(*(test.presets for test in tests))
        preset = "both" if presets == PRESETS.keys() else ", ".join(sorted(presets))
        lines.append(
            f"| {number} | {case.level} | {case.topic} | {case.sentence} | {preset} | {files} |"
        )
    notes = [f"- Case {number}: {note}." for number, note in NOTES.items()]
    return "\n".join([*lines, "", *notes])


def updated(text: str) -> str:
    """Return a document with a new table between its marks.

    Raises:
        ValueError: The marks are missing.
    """
    return replace_section(text, BEGIN, END, table())


class Tally:
    """How many tests of each case passed and failed, by preset."""

    def __init__(self, presets: list[str]) -> None:
        """Begin with no tests."""
        self.presets = presets
        self.passed: Counter[tuple[int, str]] = Counter()
        self.failed: Counter[tuple[int, str]] = Counter()

    def count(self, case: int, preset: str, *, passed: bool) -> None:
        """Add one test."""
        (self.passed if passed else self.failed)[case, preset] += 1

    def lines(self) -> Iterator[str]:
        """Yield the table line by line, and the counts below it."""
        yield "case  level  " + f"{'about':<12}" + "".join(f"{name:>12}" for name in self.presets)
        for number, case in CASES.items():
            cells = "".join(f"{self._cell(number, name):>12}" for name in self.presets)
            yield f"{number:>4}  {case.level:<5}  {case.topic:<12}{cells}"
        for number, note in NOTES.items():
            yield f"{number:>4}  {note}"
        for name in self.presets:
            tested = {case for case, preset in self.passed | self.failed if preset == name}
            failed = {case for case, preset in self.failed if preset == name}
            yield f"{name}: {len(tested - failed)} of {len(CASES)} cases pass, {len(failed)} fail"

    def _cell(self, case: int, preset: str) -> str:
        passed, failed = self.passed[case, preset], self.failed[case, preset]
        if failed:
            return f"FAIL {failed}/{passed + failed}"
        return f"pass {passed}" if passed else "-"


if __name__ == "__main__":
    update_document(updated)
