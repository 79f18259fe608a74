"""The public clients that the tests know, and which features work with each.

The tests in tests/clients check these claims; support.register makes docs/clients.md from them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

__all__ = ["FEATURES", "FOLDER", "LIBRARIES", "Library", "PublicClient", "Replay", "replays"]

FOLDER = Path(__file__).parents[1] / "clients"
"""The folder with the tests of clients, the libraries from npm and the replays."""

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
"""The columns of the table, with their meanings."""


@dataclass(frozen=True)
class PublicClient:
    """One client that people use.

    Attributes:
        name: The name, as its authors write it.
        version: The version, or the first digits of the commit.
        works: The features that work. A feature neither here nor in `fails` does not exist.
        fails: The features that do not work, each with the reason.
        remarks: Advice for its users.
    """

    name: str
    version: str
    works: frozenset[str]
    fails: dict[str, str] = field(default_factory=dict[str, str])
    remarks: str = ""

    def __post_init__(self) -> None:
        """Check the features against the list.

        Raises:
            ValueError: There is no such feature, or it both works and fails.
        """
        if unknown := (self.works | self.fails.keys()) - FEATURES.keys():
            raise ValueError(f"{self.name}: no such features: {sorted(unknown)}")
        if both := self.works & self.fails.keys():
            raise ValueError(f"{self.name}: work and fail: {sorted(both)}")


@dataclass(frozen=True)
class Library(PublicClient):
    """A library from npm, which runs unmodified in the tests."""


@dataclass(frozen=True)
class Replay(PublicClient):
    """A client that no registry has: a test sends the messages that its source sends.

    Attributes:
        kind: A description in a few words.
        arrives: The frames with which it joins the room `$room`.
        scenes: Its actions there, with their expected effects (support.scenes).
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
"""The libraries from npm, by name."""


@cache
def replays() -> dict[str, Replay]:
    """Return the clients that are replayed, by the names of their files."""
    return {
        path.stem: _replay(json.loads(path.read_text("utf-8")))
        for path in sorted((FOLDER / "replays").glob("*.json"))
    }


def _replay(data: dict[str, Any]) -> Replay:
    """Return the client of one file; the features that work are those its scenes show."""
    shown = {feature for scene in data["scenes"] for feature in scene["shows"]}
    # tests/clients/test_replays.py tries these with every replay.
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
