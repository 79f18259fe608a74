"""The description of a node: the settings that must be equal on all nodes of a cluster.

Two nodes with other salts would give one person two ids; with other rules, a note that one node
accepts would be one too many at the other. Values are compared by their digests, so that none of
them is in the broker.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from fortepiano import __version__
from fortepiano.config.running import values
from fortepiano.store.owner import Owner

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from fortepiano.config import Settings
    from fortepiano.store.records import SigningKey

__all__ = ["BUS_VERSION", "Description", "Differences", "describe", "describe_again", "differences"]

BUS_VERSION = 1
"""The version of what nodes send to each other; nodes of two versions cannot be one cluster."""

_SALTS = "salt1, salt2"
_MODE = "identity.mode"
_KEYS = "keys.json"

_SEEN_BY_CLIENTS = ("rules", "chat", "limits", "motd")
"""The settings that should be equal: clients would notice on which node they are."""

_ROUNDS = 100_000
"""The rounds of the digest of secrets, which somebody may have chosen badly."""

_NAMED = 5
"""The most settings that one line names."""


class Description(msgspec.Struct, frozen=True):
    """The description that a node gives of itself.

    Attributes:
        owner: Its process.
        version: Its version of fortepiano.
        bus: Its version of what nodes send to each other; 0 where it said nothing readable.
        fixed: Digests of what must be equal, by name.
        shared: Digests of the settings that should be equal, by name.
    """

    owner: Owner = Owner()
    version: str = ""
    bus: int = 0
    fixed: dict[str, str] = {}
    shared: dict[str, str] = {}


class Differences(NamedTuple):
    """The differences between two nodes, a line each.

    Attributes:
        refused: Those with which they cannot be in one cluster.
        warned: Those that people notice.
    """

    refused: list[str]
    warned: list[str]


def describe(
    settings: Settings, owner: Owner, salts: tuple[str, str], keys: Iterable[SigningKey]
) -> Description:
    """Return the description of a node.

    Args:
        settings: Its settings.
        owner: Its process.
        salts: The salts of user ids that it uses.
        keys: The keys that sign its tokens; none unless identity.mode is "token".
    """
    secrets = b"".join(sorted(key.id.encode() + b"\0" + key.secret for key in keys))
    return Description(
        owner=owner,
        version=__version__,
        bus=BUS_VERSION,
        fixed={
            _SALTS: _digest_of_secret("\0".join(salts).encode()),
            _MODE: _digest(settings.identity_mode),
            _KEYS: _digest_of_secret(secrets),
        },
        shared=_shared(settings),
    )


def describe_again(description: Description, settings: Settings) -> Description:
    """Return the description of a node that has other settings now.

    Args:
        description: What it said of itself before.
        settings: Its settings; those that must be equal on all nodes need a restart.
    """
    return msgspec.structs.replace(description, shared=_shared(settings))


def _shared(settings: Settings) -> dict[str, str]:
    return {
        ".".join(path): _digest(value)
        for path, value in values(settings)
        if path[0] in _SEEN_BY_CLIENTS
    }


def differences(here: Description, node: str, there: Description) -> Differences:
    """Return in what two nodes differ that must, or should, be equal.

    Args:
        here: The description of this node.
        node: The name of the other node.
        there: The description of the other node.
    """
    if here.bus != there.bus:
        return Differences([_other_bus(here, node, there)], [])
    return Differences([*_refused(here, node, there)], [*_warned(here, node, there)])


def _other_bus(here: Description, node: str, there: Description) -> str:
    return (
        f"fortepiano {here.version} cannot be in one cluster with {there.version or 'that'} of the"
        f" node {node}: it speaks version {here.bus} of the protocol between nodes, not {there.bus}"
    )


def _refused(here: Description, node: str, there: Description) -> Iterator[str]:
    whys = {
        _SALTS: "one person would get two ids; set the same ones at all nodes, or at none",
        _MODE: "one person would get two ids",
        _KEYS: "tokens of one node would be none at the other; copy the file from there",
    }
    differ = [name for name in whys if here.fixed.get(name) != there.fixed.get(name)]
    if _MODE in differ and _KEYS in differ:
        differ.remove(_KEYS)  # keys are of one mode: a copy of the file would not help
    for name in differ:
        yield f"{name}: other than at the node {node}: {whys[name]}"


def _warned(here: Description, node: str, there: Description) -> Iterator[str]:
    if here.version != there.version:
        yield f"fortepiano {here.version}: the node {node} has {there.version}"
    names = here.shared.keys() | there.shared.keys()
    # A preset sets many rules, so it is named first.
    differ = sorted(
        (name for name in names if here.shared.get(name) != there.shared.get(name)),
        key=lambda name: (name != "rules.preset", name),
    )
    if differ:
        more = f" and {len(differ) - _NAMED} more" if len(differ) > _NAMED else ""
        yield f"{', '.join(differ[:_NAMED])}{more}: other than at the node {node}"


def _digest(value: object) -> str:
    """Return a digest of a setting: short, since there are many, and none is a secret."""
    return hashlib.sha256(repr(value).encode()).hexdigest()[:8]


def _digest_of_secret(value: bytes) -> str:
    return hashlib.pbkdf2_hmac("sha256", value, b"fortepiano.cluster", _ROUNDS).hex()[:32]
