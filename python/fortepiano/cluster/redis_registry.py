"""The registry in Redis or Valkey: each transition is a call of `registry.lua`."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from redis.exceptions import NoScriptError

from fortepiano.cluster.description import Description
from fortepiano.cluster.registry import ForgottenError, Home, Joined, Node, Renewed, TakenError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

__all__ = ["RedisRegistry"]

_SCRIPT = Path(__file__).with_name("registry.lua").read_bytes()
_DIGEST = hashlib.sha1(_SCRIPT, usedforsecurity=False).hexdigest()

_KEYS = ("epoch", "nid", "nodes", "nids", "leases", "homes")
_VALUES = 6
"""The values of each node in an answer."""

_MOST_ROOMS = 1000
"""The most rooms of one question: a script in Lua takes some thousand arguments."""


class RedisRegistry:
    """The registry in the broker, as one node uses it; see `Registry`.

    Args:
        execute: Sends one command to the broker, and returns the answer with texts as bytes.
        prefix: The store's prefix.
        name: The name of this node.
        new_incarnation: Returns a text without spaces that it has never returned before, at any
            node.
        lease_ms: How long a lease lasts.

    Attributes:
        nid: The number of this node; 0 while it is none.
        incarnation: The incarnation of this node, another one after each time it was forgotten.
    """

    def __init__(
        self,
        execute: Callable[..., Awaitable[Any]],
        prefix: str,
        name: str,
        new_incarnation: Callable[[], str],
        lease_ms: int,
    ) -> None:
        self._execute = execute
        self._channels = f"{{{prefix}}}"
        self._keys = [f"{self._channels}:c:{key}" for key in _KEYS]
        self._name = name
        self._new_incarnation = new_incarnation
        self.incarnation = new_incarnation()
        self._lease_ms = lease_ms
        self.nid = 0

    async def join(self, description: Description) -> Joined:
        """Become a node, or remain one; see `Registry.join`."""
        told = msgspec.json.encode(description)
        what, *answer = await self._run("join", self._name, self.incarnation, self._lease_ms, told)
        if what == b"taken":
            nid, incarnation, remaining, described = answer
            raise TakenError(_node(self._name.encode(), nid, incarnation, remaining, 0, described))
        self.nid, nodes = int(answer[0]), answer[1]
        return Joined(self.nid, self.incarnation, _nodes(nodes))

    async def renew(self) -> Renewed:
        """Renew the lease of this node; see `Registry.renew`."""
        (nodes,) = await self._run_as_node("renew", self._lease_ms)
        return Renewed(_nodes(nodes))

    async def claim(self, room: str, epoch: int = 0) -> Home:
        """Return the home of a room; see `Registry.claim`."""
        held, nid, node = await self._run_as_node("claim", room, epoch)
        return Home(int(held), int(nid), node.decode())

    async def hand(self, room: str, epoch: int, nid: int) -> Home | None:
        """Give the home of a room to another node; see `Registry.hand`."""
        what, *found = await self._run("hand", self.nid, self.incarnation, room, epoch, nid)
        if what != b"home":
            return None
        held, _, node = found
        return Home(int(held), nid, node.decode())

    async def release(self, room: str, epoch: int) -> bool:
        """End a reign of this node; see `Registry.release`."""
        answer = await self._run("release", self.nid, self.incarnation, room, epoch)
        return answer == [b"released"]

    async def bury(self, node: Node, *, is_certain: bool = False) -> bool:
        """Remove a node that is dead; see `Registry.bury`."""
        answer = await self._run("bury", node.nid, node.incarnation, int(is_certain))
        return answer == [b"buried"]

    async def homes(self, rooms: Sequence[str]) -> dict[str, str]:
        """Return the names of the homes of rooms; see `Registry.homes`."""
        found: dict[str, str] = {}
        for at in range(0, len(rooms), _MOST_ROOMS):
            part = rooms[at : at + _MOST_ROOMS]
            _, *names = await self._run("look", *part)
            found |= {room: name.decode() for room, name in zip(part, names, strict=True) if name}
        return found

    async def leave(self) -> None:
        """Stop being a node."""
        await self._run("leave", self.nid, self.incarnation)

    async def _run_as_node(self, transition: str, *arguments: str | int) -> Sequence[Any]:
        what, *answer = await self._run(transition, self.nid, self.incarnation, *arguments)
        if what == b"forgotten":
            # Others have ended all that was of this incarnation, so the node begins anew.
            self.nid, self.incarnation = 0, self._new_incarnation()
            raise ForgottenError
        return answer

    async def _run(self, *arguments: str | int | bytes) -> list[Any]:
        transition, *rest = arguments
        words = (len(self._keys), *self._keys, transition, self._channels, *rest)
        answer: list[Any]
        try:
            answer = await self._execute("EVALSHA", _DIGEST, *words)
        except NoScriptError:
            answer = await self._execute("EVAL", _SCRIPT, *words)
        return answer


def _nodes(values: list[Any]) -> list[Node]:
    return [_node(*values[at : at + _VALUES]) for at in range(0, len(values), _VALUES)]


def _node(
    name: bytes, nid: bytes, incarnation: bytes, remaining: int, heard: int, described: bytes
) -> Node:
    try:
        description = msgspec.json.decode(described, type=Description)
    except (msgspec.DecodeError, UnicodeDecodeError):
        description = Description()  # of a version that says it otherwise
    return Node(name.decode(), int(nid), incarnation.decode(), remaining, heard, description)
