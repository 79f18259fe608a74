"""The homes of rooms: which are this node's own, and which other nodes' this one knows."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from fortepiano.cluster.node_state import HomesState
from fortepiano.cluster.registry import Home
from fortepiano.observe.logs import logger

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Any

    from fortepiano.cluster.registry import Registry

__all__ = ["Homes"]

_MOST_KNOWN = 20_000
"""The most rooms of other nodes whose homes are remembered."""

_log = logger(__name__)


_Step: TypeAlias = "Callable[[Callable[[], None]], None]"
"""A step of what is asked about a room; given a function to call when the step is done."""


@dataclass(slots=True)
class _Line:
    """The steps about one room.

    Attributes:
        steps: The steps that are still to be taken.
        is_waiting: Whether a step is not done yet.
        is_working: Whether a step is being taken, or the next one will be.
    """

    steps: deque[_Step] = field(default_factory=deque["_Step"])
    is_waiting: bool = False
    is_working: bool = False


class Homes:
    """Finds, claims and releases the homes of rooms.

    What is asked of the registry about one room is asked one after the other: an answer that is
    overtaken by another would make two homes.

    Args:
        registry: The registry.
        run: Runs a coroutine to its end.
        renew: Makes ready for a room of which this node has become the home; then calls a function.
        when_saved: Calls a function once all that this node has stored can be read by others.

    Attributes:
        nid: The number of this node; None while it is no node of the cluster.
        is_alone: Whether no other node can be reached, so that nothing is asked.
        gone: The numbers of nodes that are gone, and of which nothing is heeded any more.
        claims: The claims since the start by outcome: this node became the home (`granted`),
            another one was (`refused`), or the registry did not answer (`failed`).
    """

    def __init__(
        self,
        registry: Registry,
        run: Callable[[Coroutine[Any, Any, None]], object],
        renew: Callable[[str, Callable[[], object]], None],
        when_saved: Callable[[Callable[[bool], object]], None],
    ) -> None:
        self.nid: int | None = None
        self.is_alone = False
        self.claims = {"granted": 0, "refused": 0, "failed": 0}
        self._registry = registry
        self._run = run
        self._renew = renew
        self._when_saved = when_saved
        self._own: dict[str, int] = {}
        self._ending: dict[str, int] = {}
        self._known: dict[str, Home] = {}
        self._lines: dict[str, _Line] = {}
        self.gone: set[int] = set()
        self._is_failing = False
        self._is_held = False

    def __len__(self) -> int:
        """Return the number of rooms of which this node is the home."""
        return len(self._own)

    def is_own(self, room: str) -> bool:
        """Tell whether this node is the home of a room."""
        return room in self._own

    def is_known(self, room: str) -> bool:
        """Tell whether another node is known as the home of a room."""
        return room in self._known

    def epoch(self, room: str) -> int | None:
        """Return the epoch of this node's reign in a room; None if it has none."""
        return self._own.get(room)

    def find(self, room: str, call: Callable[[Home | None], None]) -> None:
        """Find the home of a room; if it has none, this node becomes it.

        Args:
            room: The room's name.
            call: Called with the home, at once or later; None if it cannot be found now.
        """
        is_ending = room in self._ending
        home = self._remembered(room)
        if self.is_alone:
            call(home if self.is_own(room) else None)
        elif home is not None and (is_ending or room not in self._lines):
            call(home)
        else:
            self._enqueue(room, partial(self._find, room, call))

    def own(self) -> list[tuple[str, int]]:
        """Return the rooms of this node, and the epochs of its reigns."""
        return list(self._own.items())

    def confirm(self, room: str, call: Callable[[Home | None], None]) -> None:
        """Ask whether this node is still the home of one of its rooms.

        The broker may have forgotten that, or have given the room to another node, if it has lost
        its last changes. Of two homes the one with the greater epoch stays.

        Args:
            room: The room's name.
            call: Called with the home; None if that cannot be found now, or is this node no more.
        """

        def step(done: Callable[[], None]) -> None:
            self._run(self._confirm(room, call, done))

        self._enqueue(room, step)

    async def _confirm(
        self, room: str, call: Callable[[Home | None], None], done: Callable[[], None]
    ) -> None:
        nid, epoch = self.nid, self._own.get(room)
        home = None if epoch is None else await self._ask(room, epoch)
        if epoch is not None and (nid, epoch) != (self.nid, self._own.get(room)):
            home = None  # the room was left meanwhile
        elif home is not None and home.nid == nid:
            self._own[room] = home.epoch
        elif home is not None:
            del self._own[room]
            self._remember(room, home)
        call(home)
        done()

    def hand(self, room: str, nid: int, call: Callable[[Home | None], None]) -> None:
        """Give one of this node's rooms to another node.

        Args:
            room: The room's name.
            nid: The number of the other node.
            call: Called with the new home, at the moment at which this node is the home no more;
                None if it stays the home, or has not been it.
        """

        def step(done: Callable[[], None]) -> None:
            self._run(self._hand(room, nid, call, done))

        self._enqueue(room, step)

    async def _hand(
        self, room: str, nid: int, call: Callable[[Home | None], None], done: Callable[[], None]
    ) -> None:
        epoch, home = self._own.get(room), None
        if epoch is not None:
            try:
                home = await self._registry.hand(room, epoch, nid)
            except Exception as error:
                self._note_failure(error)
        if home is not None and self._own.get(room) == epoch:
            del self._own[room]
            self._remember(room, home)
        call(home)
        done()

    def disown(self, room: str, epoch: int) -> None:
        """End a reign of which only others know: its end, or its beginning, was not heard.

        Of a room that another node is about to hand over, this one will hear.
        """

        def step(done: Callable[[], None]) -> None:
            self._run(self._end(room, epoch, done))

        is_unknown = room not in self._known and room not in self._lines
        if self._own.get(room) != epoch and is_unknown:
            self._enqueue(room, step)

    def after(self, room: str, call: Callable[[], None]) -> None:
        """Call a function once all that is being asked about a room has been answered."""

        def step(done: Callable[[], None]) -> None:
            call()
            done()

        if room in self._lines:
            self._enqueue(room, step)
        else:
            call()

    def forget(self, room: str) -> None:
        """Forget which other node is the home of a room."""
        self._known.pop(room, None)

    def forget_node(self, nid: int) -> None:
        """Forget all rooms of another node, which is gone; older answers may still name it."""
        self.gone.add(nid)
        self._known = {room: home for room, home in self._known.items() if home.nid != nid}

    def meet_node(self, nid: int) -> None:
        """Note that another node is there, perhaps with the number of one that is gone."""
        self.gone.discard(nid)

    def reset(self) -> None:
        """Forget everything: the registry knows nothing of this node any more."""
        self._own.clear()
        self._ending.clear()
        self._known.clear()

    def release(self, room: str) -> None:
        """End this node's reign in a room, if it has one, as nobody is there."""
        epoch = self._own.pop(room, None)
        if epoch is not None:
            self._ending[room] = epoch
            if not self._is_held:
                self._enqueue(room, partial(self._release, room, epoch))

    # An upgrade

    @property
    def is_idle(self) -> bool:
        """Whether nothing is being asked of the registry."""
        return not self._lines

    def hold(self) -> None:
        """End no reign until `let_go`: another process may do so."""
        self._is_held = True

    def let_go(self) -> None:
        """End reigns again."""
        if not self._is_held:
            return
        self._is_held = False
        for room, epoch in list(self._ending.items()):
            self._enqueue(room, partial(self._release, room, epoch))

    def state(self) -> HomesState:
        """Return everything for another process."""
        return HomesState(dict(self._own), dict(self._ending), dict(self._known))

    def restore(self, nid: int, state: HomesState) -> None:
        """Go on where another process was, after `let_go`.

        Args:
            nid: The number of this node.
            state: The result of `state` there.
        """
        self.nid = nid
        self._own, self._ending, self._known = state.own, state.ending, state.known

    def _remembered(self, room: str) -> Home | None:
        epoch = self._ending.pop(room, None)
        if epoch is not None:
            self._own[room] = epoch  # the reign goes on, as the next one has not begun
        epoch = self._own.get(room)
        if epoch is not None and self.nid is not None:
            return Home(epoch, self.nid, "")
        return self._known.get(room)

    def _remember(self, room: str, home: Home) -> None:
        if len(self._known) >= _MOST_KNOWN:
            del self._known[next(iter(self._known))]
        self._known[room] = home

    # One step after the other

    def _enqueue(self, room: str, step: _Step) -> None:
        line = self._lines.setdefault(room, _Line())
        line.steps.append(step)
        self._work(room, line)

    def _work(self, room: str, line: _Line) -> None:
        """Take steps until one of them has to wait for an answer."""
        if line.is_working:
            return
        line.is_working = True
        while line.steps and not line.is_waiting:
            line.is_waiting = True
            line.steps.popleft()(partial(self._on_done, room, line))
        line.is_working = False
        if not line.is_waiting:
            del self._lines[room]

    def _on_done(self, room: str, line: _Line) -> None:
        line.is_waiting = False
        self._work(room, line)

    def _find(
        self, room: str, call: Callable[[Home | None], None], done: Callable[[], None]
    ) -> None:
        home = self._remembered(room)
        if home is None and self.nid is not None:
            self._run(self._claim(room, call, done))
        else:
            call(home)
            done()

    async def _claim(
        self, room: str, call: Callable[[Home | None], None], done: Callable[[], None]
    ) -> None:
        nid = self.nid
        home = await self._ask(room)
        if nid != self.nid or (home is not None and home.nid in self.gone):
            home = None  # this node has got another number meanwhile, or the home is gone
        if home is not None and home.nid == nid:
            self._renew(room, partial(self._reign, room, home, call, done))
            return
        if home is not None:
            self._remember(room, home)
        call(home)
        done()

    async def _ask(self, room: str, epoch: int = 0) -> Home | None:
        try:
            home = await self._registry.claim(room, epoch)
        except Exception as error:
            self.claims["failed"] += 1
            self._note_failure(error)
            return None
        self.claims["granted" if home.nid == self.nid else "refused"] += 1
        self._is_failing = False
        return home

    def _note_failure(self, error: Exception) -> None:
        """Log that the registry does not answer, once until it does."""
        if not self._is_failing:
            _log.warning("the registry does not answer", why=str(error) or repr(error))
        self._is_failing = True

    def _reign(
        self,
        room: str,
        home: Home,
        call: Callable[[Home | None], None],
        done: Callable[[], None],
    ) -> None:
        """Be the home of a room that is ready."""
        if home.nid == self.nid:
            self._own[room] = home.epoch
        call(home if home.nid == self.nid else None)
        done()

    def _release(self, room: str, epoch: int, done: Callable[[], None]) -> None:
        """End a reign once the next home can read all of it, unless somebody comes meanwhile."""

        def on_saved(_is_saved: bool) -> None:
            if self._ending.get(room) == epoch:
                del self._ending[room]
                self._run(self._end(room, epoch, done))
            else:
                done()

        self._when_saved(on_saved)

    async def _end(self, room: str, epoch: int, done: Callable[[], None]) -> None:
        try:
            await self._registry.release(room, epoch)
        except Exception as error:
            self._note_failure(error)
        done()
