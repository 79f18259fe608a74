"""The parent of several processes that serve one port: starts, watches, restarts and stops them.

To systemd, signals and commands the parent is the server. It serves nobody itself, and holds what
must outlive each process: the listeners, so that no connection is lost while one restarts, and the
lock of the data folder.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import socket
from typing import TYPE_CHECKING

from fortepiano.errors import ExitStatus
from fortepiano.net.listener_group import ListenerGroup, opened_group, resumed_group
from fortepiano.net.socket_addresses import url_of
from fortepiano.observe import logs
from fortepiano.observe.systemd import Watchdog, notify
from fortepiano.processes.child import Child, Condition
from fortepiano.processes.commands import Commands
from fortepiano.processes.notices import Notices
from fortepiano.processes.program_change import (
    ChildState,
    Held,
    become_new_program,
    resumed,
)
from fortepiano.server.command_socket import serving_commands
from fortepiano.server.member import STOP, STOP_NOW
from fortepiano.server.phases import Phases
from fortepiano.store.lock import FolderLock, locked_folder
from fortepiano.store.owner import serving_at, this_process

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from fortepiano.config import Settings

__all__ = ["run"]

_PAUSES = 0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0
"""The pauses before a process is started again, by its failures in a row; seconds."""

_LOOK_SECONDS = 5.0
"""The interval at which silent processes are looked for."""

_PR_SET_CHILD_SUBREAPER = 36

_log = logs.logger(__name__)


def run(settings: Settings, read: Callable[[], Settings], resume: int | None = None) -> ExitStatus:
    """Serve with several processes until a signal or a failure stops them.

    Args:
        settings: All settings.
        read: Reads the settings again, for a reload.
        resume: The descriptor of what the program before this one held; None for a start.

    Returns:
        The exit status.

    Raises:
        AddressError: A port is in use, or an address is not this machine's.
        StartError: Something else prevents the start.
        StoreError: The data folder cannot be used, or another server owns it.
    """
    logs.log_uncaught()
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until the parent handles the signal
    held = None if resume is None else resumed(resume)
    with contextlib.ExitStack() as stack:
        phases = stack.enter_context(Phases(is_upgrade=held is not None))
        owner = this_process()
        lock = stack.enter_context(
            locked_folder(settings.data_dir, owner, inherited=held.lock if held else None)
        )
        if held is None:
            count = settings.cluster.process_count
            group = stack.enter_context(opened_group(settings, count))
        else:
            known: dict[int, socket.socket] = {}
            members = [child.listeners(known) for child in held.children]
            group = stack.enter_context(resumed_group(members, is_balanced=held.is_balanced))
        lock.write(serving_at(owner, url_of(group.public[0])))
        parent = Parent(settings, read, group, lock, phases)
        return asyncio.run(parent.serve(held))


def _adopt_orphans() -> None:
    """Become the parent of what a process leaves behind: in an upgrade, its new process."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


class Parent:
    """The parent of several processes.

    Args:
        settings: All settings.
        read: Reads them again.
        group: The listeners of the processes.
        lock: The lock of the data folder.
        phases: The start, the service and the stop, for systemd.

    Attributes:
        children: The processes.
    """

    def __init__(
        self,
        settings: Settings,
        read: Callable[[], Settings],
        group: ListenerGroup,
        lock: FolderLock,
        phases: Phases,
    ) -> None:
        self._settings = settings
        self._read = read
        self._group = group
        self._lock = lock
        self._phases = phases
        count = len(group.members)
        self.children = [
            Child(place + 1, count, listeners) for place, listeners in enumerate(group.members)
        ]
        self._notices = Notices()
        self._commands = Commands(
            settings.data_dir, self._serving, self._follow_settings, self._become_new_program
        )
        self._command_listener: socket.socket | None = None
        self._stop = asyncio.Event()
        self._is_complete = False  # whether all have served
        self._reloads = set[asyncio.Task[None]]()

    # The life of the parent

    async def serve(self, held: Held | None) -> ExitStatus:
        """Start the processes, and keep them running until a signal or a failure.

        Args:
            held: What the program before this one held; None for a start.

        Returns:
            The exit status.
        """
        commands = None
        if held is not None:
            self._notices.close()
            self._notices = Notices(socket.socket(fileno=held.notices))
            commands = socket.socket(fileno=held.commands) if held.commands >= 0 else None
            self._take_over(held)
        _adopt_orphans()
        self._handle_signals()
        self._spread()
        asyncio.get_running_loop().add_reader(self._notices.socket, self._read_notices)
        all_commands = {"reload": self._commands.reload, "upgrade": self._commands.upgrade}
        async with serving_commands(
            self._settings.data_dir, all_commands, commands, otherwise=self._commands.forward
        ) as self._command_listener:
            try:
                return await self._live()
            finally:
                self._notices.close()

    async def _live(self) -> ExitStatus:
        keepers = [asyncio.create_task(self._keep(child)) for child in self.children[:1]]
        first, *others = self.children
        await self._settled([first])
        if not self._stop.is_set():
            keepers += [asyncio.create_task(self._keep(child)) for child in others]
            await self._settled(others)
        watchdog = silence = None
        if not self._stop.is_set():
            self._is_complete = True
            self._report_ready()
            watchdog = Watchdog(asyncio.get_running_loop())
            silence = asyncio.create_task(self._look_for_silent())
            await self._stop.wait()
        if self._is_complete:
            self._phases.stopping(self._settings.limits.drain_seconds)
        notify("STOPPING=1")
        self._order(STOP)
        await asyncio.gather(*keepers)
        if watchdog is not None and silence is not None:
            watchdog.close()
            silence.cancel()
        _log.info("all processes have stopped")
        return self._status()

    async def _settled(self, children: Sequence[Child]) -> None:
        """Wait until each of some processes serves, or one has failed, or the parent stops."""
        for child in children:
            await self._until(child, lambda child=child: child.condition is Condition.SERVING)

    def _report_ready(self) -> None:
        self._phases.serving()
        _log.info(
            "all processes serve",
            url=url_of(self._group.public[0]),
            internal=[url_of(member.internal) for member in self._group.members],
            pids=[child.pid for child in self.children],
            pid=os.getpid(),
        )
        notify("READY=1\n" + self._summary())

    def _summary(self) -> str:
        """Return what `systemctl status` shows."""
        given_up = [str(it.number) for it in self.children if it.condition is Condition.GIVEN_UP]
        more = f"; given up: {', '.join(given_up)}" if given_up else ""
        return f"STATUS={len(self._serving())} of {len(self.children)} processes serve{more}"

    def _status(self) -> ExitStatus:
        """Return the exit status: that of the worst process."""
        statuses = {child.status for child in self.children if child.pid}
        if statuses <= {ExitStatus.STOPPED}:
            return ExitStatus.STOPPED
        if statuses <= {ExitStatus.STOPPED, ExitStatus.MISTAKE}:
            return ExitStatus.MISTAKE
        return ExitStatus.BUG

    # Signals

    def _handle_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._on_stop_signal)
        loop.add_signal_handler(signal.SIGHUP, self._on_reload_signal)
        signals = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
        signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)

    def _on_stop_signal(self) -> None:
        """Stop all processes; at the second signal, without draining further."""
        if self._stop.is_set():
            self._order(STOP_NOW)
        self._stop.set()

    def _order(self, word: bytes) -> None:
        for child in self.children:
            child.order(word)

    def _on_reload_signal(self) -> None:
        """Reload; the processes write the result to the log."""
        task = asyncio.create_task(self._reload())
        self._reloads.add(task)
        task.add_done_callback(self._reloads.discard)

    async def _reload(self) -> None:
        await self._commands.reload()

    def _follow_settings(self) -> None:
        """Follow changed settings, and try processes again that were given up.

        Raises:
            ConfigError: The settings are wrong.
        """
        self._settings = self._read()
        logs.configure(self._settings.log_level, self._settings.log_severities)
        for child in self.children:
            if child.condition is Condition.GIVEN_UP:
                child.revive()
        self._spread()

    # The processes

    def _serving(self) -> list[Child]:
        return [child for child in self.children if child.condition is Condition.SERVING]

    async def _keep(self, child: Child) -> None:
        """Keep a process running until the parent stops."""
        while True:
            if not child.channel:
                child.start(self._lock.descriptor, self._notices.address)
            status = await self._ended(child)
            if self._stop.is_set() and status == -signal.SIGTERM:
                status = 0  # told to stop before it followed orders
            was_told = child.condition is Condition.STOPPING and status == 0
            child.note_end(status)
            self._spread()
            if self._stop.is_set():
                return
            if not self._is_complete:
                self._fail_start(child)
                return
            what = {"number": child.number, "pid": child.pid, "status": status}
            if was_told:
                _log.info("a process has stopped: it starts again", **what)
            else:
                _log.error("a process has failed", **what, failures=child.failures)
            if not await self._may_start(child):
                return

    async def _ended(self, child: Child) -> int:
        """Wait for the end of a process, or of the last one that has taken its place."""
        while True:
            pid = child.pid
            status = await child.end_of(pid)
            self._read_notices()  # the last one of an upgraded process names its successor
            if child.pid == pid:
                return status

    def _fail_start(self, child: Child) -> None:
        """End the start: a process that cannot serve has said why, if it was an operator's mistake."""
        if child.status not in (ExitStatus.STOPPED, ExitStatus.MISTAKE):
            _log.error("a process cannot start", number=child.number, status=child.status)
        self._stop.set()

    async def _may_start(self, child: Child) -> bool:
        """Wait before a process is started again; return false if the parent stops meanwhile."""
        if child.failures > len(_PAUSES):
            self._give_up(child)
            await self._until(child, lambda: child.condition is not Condition.GIVEN_UP)
            asyncio.get_running_loop().remove_reader(child.listeners.public[0])
        elif child.failures:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_PAUSES[child.failures - 1]):
                    await self._stop.wait()
        if self._stop.is_set() and child.condition is Condition.DOWN:
            child.status = 0  # would have been started again: the stop is no failure
        return not self._stop.is_set()

    async def _until(self, child: Child, is_so: Callable[[], bool]) -> None:
        """Wait for a condition of a process, or for the stop of the parent."""
        while not is_so() and not self._stop.is_set():
            child.changed.clear()
            waits = [asyncio.create_task(it.wait()) for it in (child.changed, self._stop)]
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
        self._spread()
        if all(it.condition is Condition.GIVEN_UP for it in self.children):
            self._stop.set()
        elif self._group.is_balanced:
            # What waits in its queue, or comes in spite of `_spread`, is to connect again.
            listener = child.listeners.public[0]
            asyncio.get_running_loop().add_reader(listener, _hang_up, listener)

    def _spread(self) -> None:
        """Spread new connections over the processes that serve.

        At the start over all: the first one is not to get all that wait.
        """
        without: Collection[int] = ()
        if self._is_complete:
            serving = self._serving()
            without = [place for place, it in enumerate(self.children) if it not in serving]
            notify(self._summary())
        self._group.balance(self._settings.proxy.trusted, without)

    def _read_notices(self) -> None:
        """Follow what the processes tell."""
        by_pid = {child.pid: child for child in self.children}
        for notice in self._notices.received():
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
                self._spread()
            elif notice.name == "STOPPING":
                child.stop()
                self._spread()

    async def _look_for_silent(self) -> None:
        """Kill processes that give no sign of life."""
        while True:
            before = asyncio.get_running_loop().time()
            await asyncio.sleep(_LOOK_SECONDS)
            self._read_notices()
            if asyncio.get_running_loop().time() - before > 2 * _LOOK_SECONDS:
                for child in self.children:
                    child.hear()  # all stood still, this process too
            for child in self.children:
                if child.is_silent():
                    _log.error("a process is silent: it is killed", number=child.number)
                    child.kill()

    # An upgrade

    def _take_over(self, held: Held) -> None:
        """Go on with the processes of the program before this one."""
        for child, state in zip(self.children, held.children, strict=True):
            if state.pid:
                channel = socket.socket(fileno=state.channel)
                os.set_inheritable(state.channel, False)
                child.resume(state.pid, channel, state.failures)
        for number in (held.notices, held.commands):
            if number >= 0:
                os.set_inheritable(number, False)

    def _become_new_program(self) -> None:
        """Be the program that is installed now; returns only if that fails."""
        listener = self._command_listener
        held = Held(
            [_state_of(child) for child in self.children],
            self._group.is_balanced,
            self._lock.descriptor,
            self._notices.socket.fileno(),
            -1 if listener is None else listener.fileno(),
        )
        try:
            become_new_program(held)
        except OSError as error:
            _log.error("the new program cannot run", why=error.strerror or str(error))


def _state_of(child: Child) -> ChildState:
    runs = child.channel is not None
    return ChildState(
        child.pid if runs else 0,
        child.channel.fileno() if child.channel is not None else -1,
        child.failures,
        [it.fileno() for it in child.listeners.public],
        child.listeners.internal.fileno(),
        list(child.listeners.own),
    )


def _hang_up(listener: socket.socket) -> None:
    """Close a connection that nobody will serve."""
    with contextlib.suppress(OSError):
        connection, _ = listener.accept()
        connection.close()


