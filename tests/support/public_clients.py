"""The clients that the tests know: what each is, and what of the protocol works with it.

What is said here is held to by tests/clients; docs/clients.md is made from it (support.register).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

__all__ = ["FEATURES", "FOLDER", "LIBRARIES", "Client", "Library", "Replay", "replays"]

FOLDER = Path(__file__).parents[1] / "clients"
"""Where the tests of clients are, with npm's libraries and the replays."""

FEATURES = {
    "join": "says `hi` in its own way, comes into a room and knows who is there",
    "people": "hears who comes, who changes and who goes",
    "notes": "is heard as it plays; where it listens, hears others",
    "chat": "is read, and reads others where it listens",
    "cursor": "moves, and sees others move where it listens",
    "name": "takes a name, a colour or both",
    "crown": "gives, drops or picks up the crown",
    "settings": "changes the room, or sends its settings along when it comes",
    "list": "reads the list of rooms",
    "kickban": "throws somebody out",
    "banned": "is thrown out, is told why, and comes back",
    "notices": "is told of notifications",
    "lobby": "stands a room without a crown",
    "binary": "stands what visitors send in binary form, or speaks it itself",
    "custom": "sends and hears `custom`",
    "return": "is in its room again after the server was restarted",
}
"""The columns of the table, with what they mean."""


@dataclass(frozen=True)
class Client:
    """One client.

    Attributes:
        name: As its authors write it.
        version: The version, or the first digits of the commit.
        works: Which features work; the others it does not have, if they are not in `fails`.
        fails: Which it has, but which do not work, and why.
        remarks: What its users should know.
    """

    name: str
    version: str
    works: frozenset[str]
    fails: dict[str, str] = field(default_factory=dict[str, str])
    remarks: str = ""

    def __post_init__(self) -> None:
        """Hold what is said to the list of features.

        Raises:
            ValueError: There is no such feature, or it both works and fails.
        """
        if unknown := (self.works | self.fails.keys()) - FEATURES.keys():
            raise ValueError(f"{self.name}: no such features: {sorted(unknown)}")
        if both := self.works & self.fails.keys():
            raise ValueError(f"{self.name}: work and fail: {sorted(both)}")


@dataclass(frozen=True)
class Library(Client):
    """A library of npm's, which runs unmodified in the tests."""


@dataclass(frozen=True)
class Replay(Client):
    """A client that no registry has: what it sends, read from its source, is sent by a test.

    Attributes:
        kind: What it is, in a few words.
        arrives: The frames with which it comes into the room `$room`.
        scenes: What it does there, each with what is to come of it (support.scenes).
    """

    kind: str = ""
    arrives: tuple[Any, ...] = ()
    scenes: tuple[dict[str, Any], ...] = ()


def _library(
    name: str, *lacks: str, fails: dict[str, str] | None = None, remarks: str = ""
) -> Library:
    """Return a library that has all features but `lacks`; package.json has its version."""
    package = json.loads((FOLDER / "npm" / "package.json").read_text("utf-8"))
    fails = fails or {}
    works = FEATURES.keys() - {*lacks, *fails, "custom"}
    return Library(name, package["dependencies"][name], frozenset(works), fails, remarks)


_BINARY_ENDS_IT = "Do not send `+custom` with it: a binary frame ends it."
_NO_CROWN = "it reads the crown of a room that has none, and ends itself"

LIBRARIES = {
    library.name: library
    for library in (
        _library(
            "mpp-client-net",
            remarks=f"Leaves out keys off the piano itself. {_BINARY_ENDS_IT}",
        ),
        _library(
            "mppclone-client",
            remarks=_BINARY_ENDS_IT,
        ),
        _library(
            "mpp-client",
            remarks=_BINARY_ENDS_IT,
        ),
        _library("mpp-client-xt", remarks="Ignores binary frames."),
        _library(
            "multiplayerpianojs",
            fails={"lobby": _NO_CROWN, "banned": f"`test/awkward` has no crown: {_NO_CROWN}"},
            remarks="Ignores binary frames. Keep it out of lobbies.",
        ),
    )
}
"""npm's libraries by name."""


@cache
def replays() -> dict[str, Replay]:
    """Return the clients that are replayed, by the names of their files."""
    return {
        path.stem: _replay(json.loads(path.read_text("utf-8")))
        for path in sorted((FOLDER / "replays").glob("*.json"))
    }


def _replay(data: dict[str, Any]) -> Replay:
    """Return what one file says; what works is what its scenes show."""
    shown = {feature for scene in data["scenes"] for feature in scene["shows"]}
    # These are tried with each of them (tests/clients/test_replays.py).
    shown |= {"join", "people", "lobby", "binary", "return"}
    return Replay(
        name=data["name"],
        version=data["version"],
        works=frozenset(shown),
        remarks=data.get("remarks", ""),
        kind=data["kind"],
        arrives=tuple(data["arrives"]),
        scenes=tuple(data["scenes"]),
    )
