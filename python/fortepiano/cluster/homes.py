"""The homes of rooms: which are this node's own, and which other nodes' this one knows."""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import TYPE_CHECKING

from fortepiano.cluster.registry import Home
from fortepiano.observe.logs import logger

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine
    from typing import Any

    from fortepiano.cluster.registry import Registry

__all__ = ["Homes"]

_MOST_KNOWN = 20_000
"""The most rooms of other nodes whose homes are remembered."""

_log = logger(__name__)


class Homes:
    """Finds, claims and releases the homes of rooms.

    What is asked of the registry about one room is asked one after the other: an answer that is
    overtaken by another would make two homes.

    Args:
        registry: The registry.
        run: Runs a coroutine to its end.

    Attributes:
        nid: The number of this node; None while it is no node of the cluster.
        on_claimed: Called with each room of which this node has become the home.
    """

    def __init__(
        self, registry: Registry, run: Callable[[Coroutine[Any, Any, None]], object]
    ) -> None:
        self.nid: int | None = None
        self.on_claimed: Callable[[str], object] = lambda room: None
        self._registry = registry
        self._run = run
        self._own: dict[str, int] = {}
        self._known: dict[str, Home] = {}
        self._lines: dict[str, deque[Callable[[], Awaitable[None]]]] = {}

    def is_own(self, room: str) -> bool:
        """Tell whether this node is the home of a room."""
        return room in self._own

    def epoch(self, room: str) -> int | None:
        """Return the epoch of this node's reign in a room; None if it has none."""
        return self._own.get(room)

    def find(self, room: str, call: Callable[[Home | None], None]) -> None:
        """Find the home of a room; if it has none, this node becomes it.

        Args:
            room: The room's name.
            call: Called with the home, at once or later; None if it cannot be found now.
        """
        home = self._remembered(room)
        if home is not None and room not in self._lines:
            call(home)
        else:
            self._enqueue(room, partial(self._find, room, call))

    def after(self, room: str, call: Callable[[], None]) -> None:
        """Call a function once all that is being asked about a room has been answered."""

        async def step() -> None:
            call()

        if room in self._lines:
            self._enqueue(room, step)
        else:
            call()

    def forget(self, room: str) -> None:
        """Forget which other node is the home of a room."""
        self._known.pop(room, None)

    def forget_node(self, nid: int) -> None:
        """Forget all rooms of another node."""
        self._known = {room: home for room, home in self._known.items() if home.nid != nid}

    def reset(self) -> None:
        """Forget everything: the registry knows nothing of this node any more."""
        self._own.clear()
        self._known.clear()

    def release(self, room: str) -> None:
        """End this node's reign in a room, if it has one, as nobody is there."""
        epoch = self._own.pop(room, None)
        if epoch is not None:
            self._enqueue(room, partial(self._release, room, epoch))

    def _remembered(self, room: str) -> Home | None:
        epoch = self._own.get(room)
        if epoch is not None and self.nid is not None:
            return Home(epoch, self.nid, "")
        return self._known.get(room)

    def _remember(self, room: str, home: Home) -> None:
        if home.nid == self.nid:
            self._own[room] = home.epoch
            self.on_claimed(room)
            return
        if len(self._known) >= _MOST_KNOWN:
            del self._known[next(iter(self._known))]
        self._known[room] = home

    def _enqueue(self, room: str, step: Callable[[], Awaitable[None]]) -> None:
        line = self._lines.get(room)
        if line is not None:
            line.append(step)
            return
        self._lines[room] = deque([step])
        self._run(self._work(room))

    async def _work(self, room: str) -> None:
        """Take one step after the other, until none is left."""
        line = self._lines[room]
        while line:
            try:
                await line[0]()
            except Exception as error:
                _log.error("a room's home is not found", exc_info=error)
            line.popleft()
        del self._lines[room]

    async def _find(self, room: str, call: Callable[[Home | None], None]) -> None:
        home = self._remembered(room)
        if home is None and self.nid is not None:
            home = await self._claim(room)
        call(home)

    async def _claim(self, room: str) -> Home | None:
        nid = self.nid
        try:
            home = await self._registry.claim(room)
        except Exception as error:
            _log.warning("the registry does not answer", why=str(error) or repr(error))
            return None
        if nid != self.nid:
            return None  # this node has got another number meanwhile
        self._remember(room, home)
        return home

    async def _release(self, room: str, epoch: int) -> None:
        try:
            await self._registry.release(room, epoch)
        except Exception as error:
            _log.warning("the registry does not answer", why=str(error) or repr(error))
