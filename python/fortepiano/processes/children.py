"""All processes: starts them, watches them, and starts again those that have ended."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from typing import TYPE_CHECKING

from fortepiano.errors import ExitStatus
from fortepiano.observe.logs import logger
from fortepiano.observe.systemd import notify
from fortepiano.processes.child import Child, Condition
from fortepiano.processes.notices import Notices

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Collection, Sequence

    from fortepiano.net.listener_group import ListenerGroup

__all__ = ["Children"]

_PAUSES = 0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0
"""The pauses before a process is started again, by its failures in a row; seconds."""

_LOOK_SECONDS = 5.0
"""The interval at which silent processes are looked for."""

_log = logger(__name__)


class Children:
    """All processes.

    Args:
        group: Their listeners.
        lock: The descriptor of the data folder's lock.
        trusted: Returns `proxy.trusted`, as it is now.
        notices: The socket for what they tell.

    Attributes:
        all: The processes.
        notices: Likewise.
        is_complete: Whether all have served at the same time since the start.
        stop: Set when the parent stops.
    """

    def __init__(
        self,
        group: ListenerGroup,
        lock: int,
        trusted: Callable[[], Sequence[str]],
        notices: Notices,
    ) -> None:
        count = len(group.members)
        self.all = [Child(place, count, one) for place, one in enumerate(group.members, 1)]
        self.notices = notices
        self.is_complete = False
        self.stop = asyncio.Event()
        self._group = group
        self._lock = lock
        self._trusted = trusted
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Start all; return when they serve, or when the parent is to stop.

        The first one is alone until it serves: it makes what all share, such as salts and keys.
        """
        asyncio.get_running_loop().add_reader(self.notices.socket, self._read_notices)
        self.spread()
        first, *others = self.all
        for children in ([first], others):
            if not self.stop.is_set():
                self._tasks += [asyncio.create_task(self._keep(child)) for child in children]
                for child in children:
                    await self._until(child, Condition.SERVING)
        self.is_complete = not self.stop.is_set()

    def resume(self) -> None:
        """Go on with those that run, and start the others."""
        asyncio.get_running_loop().add_reader(self.notices.socket, self._read_notices)
        self.is_complete = True
        self._tasks = [asyncio.create_task(self._keep(child)) for child in self.all]
        self.spread()

    async def watch(self) -> None:
        """Kill processes that give no sign of life."""
        loop = asyncio.get_running_loop()
        while True:
            before = loop.time()
            await asyncio.sleep(_LOOK_SECONDS)
            self._read_notices()
            if loop.time() - before > 2 * _LOOK_SECONDS:
                for child in self.all:
                    child.hear()  # all stood still, this process too
            for child in self.all:
                if child.is_silent():
                    _log.error("a process is silent: it is killed", number=child.number)
                    child.kill()

    async def ended(self) -> None:
        """Wait for the end of all, after the parent was told to stop."""
        await asyncio.gather(*self._tasks)
        self.notices.close()

    def order(self, word: bytes) -> None:
        """Send all an order."""
        for child in self.all:
            child.order(word)

    def serving(self) -> list[Child]:
        """Return those that serve."""
        return [child for child in self.all if child.condition is Condition.SERVING]

    def revive(self) -> None:
        """Try those again that were given up."""
        for child in self.all:
            if child.condition is Condition.GIVEN_UP:
                child.revive()

    def summary(self) -> str:
        """Return what `systemctl status` shows."""
        given_up = [str(it.number) for it in self.all if it.condition is Condition.GIVEN_UP]
        more = f"; given up: {', '.join(given_up)}" if given_up else ""
        return f"STATUS={len(self.serving())} of {len(self.all)} processes serve{more}"

    def status(self) -> ExitStatus:
        """Return the exit status of the whole: that of the worst process."""
        statuses = {child.status for child in self.all}
        if statuses <= {ExitStatus.STOPPED}:
            return ExitStatus.STOPPED
        if statuses <= {ExitStatus.STOPPED, ExitStatus.MISTAKE}:
            return ExitStatus.MISTAKE
        return ExitStatus.BUG

    def spread(self) -> None:
        """Spread new connections over the processes that serve.

        At the start over all: the first one is not to get all that wait.
        """
        without: Collection[int] = ()
        if self.is_complete:
            serving = self.serving()
            without = [place for place, it in enumerate(self.all) if it not in serving]
            notify(self.summary())
        self._group.balance(self._trusted(), without)

    # One process

    async def _keep(self, child: Child) -> None:
        """Keep a process running until the parent stops."""
        while True:
            status = await self._run(child)
            was_told = child.condition is Condition.STOPPING and status == 0
            child.note_end(status)
            self.spread()
            if self.stop.is_set():
                return
            if not self.is_complete:
                self._fail_start(child)
                return
            _log_end(child, was_told=was_told)
            if not await self._may_start(child):
                return

    async def _run(self, child: Child) -> int:
        """Start a process unless it runs already, and return its exit status."""
        if child.channel is None:
            try:
                child.start(self._lock, self.notices.address)
            except OSError as error:  # as while another version is being installed
                why = error.strerror or str(error)
                _log.error("the program cannot be run", number=child.number, why=why)
                return ExitStatus.BUG
        return await self._end_of(child)

    async def _end_of(self, child: Child) -> int:
        """Return the exit status of a process, or of the last one that has taken its place."""
        while True:
            pid = child.pid
            status = await child.end_of(pid)
            self._read_notices()  # the last one of an upgraded process names its successor
            if child.pid != pid:
                continue
            # Told to stop before it followed orders.
            return 0 if self.stop.is_set() and status == -signal.SIGTERM else status

    def _fail_start(self, child: Child) -> None:
        """End the start; of a mistake of the operator's the process has written the one line."""
        if child.status not in (ExitStatus.STOPPED, ExitStatus.MISTAKE):
            _log.error("a process cannot start", number=child.number, status=child.status)
        self.stop.set()

    async def _may_start(self, child: Child) -> bool:
        """Wait before a process is started again; return false if the parent stops meanwhile."""
        if child.failures > len(_PAUSES):
            self._give_up(child)
            await self._until(child, Condition.DOWN)
            asyncio.get_running_loop().remove_reader(child.listeners.public[0])
        elif child.failures:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_PAUSES[child.failures - 1]):
                    await self.stop.wait()
        if self.stop.is_set() and child.condition is Condition.DOWN:
            child.status = 0  # would have been started again: the stop is no failure
        return not self.stop.is_set()

    async def _until(self, child: Child, condition: Condition) -> None:
        """Wait for a condition of a process, or for the stop of the parent."""
        while child.condition is not condition and not self.stop.is_set():
            child.changed.clear()
            waits = [asyncio.create_task(it.wait()) for it in (child.changed, self.stop)]
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            for task in waits:
                task.cancel()

    def _give_up(self, child: Child) -> None:
        """Start a process no more; with the last one, the parent stops."""
        child.give_up()
        _log.error(
            "a process is given up: `fortepiano reload` tries it again",
            number=child.number,
            failures=child.failures,
            status=child.status,
        )
        self.spread()
        if all(it.condition is Condition.GIVEN_UP for it in self.all):
            self.stop.set()
        elif self._group.is_balanced:
            # Connections that wait in its queue, or come in spite of `spread`, are to come again.
            listener = child.listeners.public[0]
            asyncio.get_running_loop().add_reader(listener, _hang_up, listener)

    def _read_notices(self) -> None:
        """Follow what the processes tell."""
        by_pid = {child.pid: child for child in self.all}
        for notice in self.notices.received():
            child = by_pid.get(notice.pid)
            if child is None:
                continue
            child.hear()
            if notice.name == "MAINPID":
                _log.info("a process is upgraded", number=child.number, pid=notice.value)
                child.follow(int(notice.value))
                by_pid[child.pid] = child
            elif notice.name == "READY":
                child.serve()
                self.spread()
            elif notice.name == "STOPPING":
                child.leave()
                self.spread()


def _log_end(child: Child, *, was_told: bool) -> None:
    what = {"number": child.number, "pid": child.pid, "status": child.status}
    if was_told:
        _log.info("a process has stopped: it starts again", **what)
    else:
        _log.error("a process has failed", **what, failures=child.failures)


def _hang_up(listener: socket.socket) -> None:
    """Close a connection that nobody will serve."""
    with contextlib.suppress(OSError):
        connection, _ = listener.accept()
        connection.close()
