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
from typing import TYPE_CHECKING

from fortepiano.config.running import in_force
from fortepiano.net.listener_group import ListenerGroup, opened_group, resumed_group
from fortepiano.net.socket_addresses import url_of
from fortepiano.observe import logs
from fortepiano.observe.systemd import Watchdog, notify
from fortepiano.processes.children import Children
from fortepiano.processes.commands import Commands
from fortepiano.processes.notices import Notices
from fortepiano.processes.program_change import (
    WAITING_SIGNALS,
    Held,
    become_new_program,
    passed_on,
    resumed,
    state_of,
)
from fortepiano.server.command_socket import serving_commands
from fortepiano.server.member import STOP, STOP_NOW
from fortepiano.server.phases import Phases
from fortepiano.store.lock import FolderLock, locked_folder
from fortepiano.store.owner import serving_at, this_process

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from fortepiano.config import Settings
    from fortepiano.errors import ExitStatus
    from fortepiano.server.command_socket import Command

__all__ = ["run"]

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
        return asyncio.run(_serve(settings, read, group, lock, phases, held))


async def _serve(
    settings: Settings,
    read: Callable[[], Settings],
    group: ListenerGroup,
    lock: FolderLock,
    phases: Phases,
    held: Held | None,
) -> ExitStatus:
    return await Parent(settings, read, group, lock, phases, held).serve()


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
        held: What the program before this one held; None for a start.
    """

    def __init__(
        self,
        settings: Settings,
        read: Callable[[], Settings],
        group: ListenerGroup,
        lock: FolderLock,
        phases: Phases,
        held: Held | None,
    ) -> None:
        self._settings = settings
        self._read = read
        self._group = group
        self._lock = lock
        self._phases = phases
        self._is_resumed = held is not None
        self._children = Children(
            group,
            lock.descriptor,
            lambda: self._settings.proxy.trusted,
            Notices(None if held is None else passed_on(held.notices)),
        )
        self._command_listener = None if held is None else passed_on(held.commands)
        for child, state in zip(self._children.all, held.children if held else (), strict=False):
            channel = passed_on(state.channel)
            if channel is not None:
                child.resume(state.pid, channel, state.failures)
        self._commands = Commands(
            settings.data_dir,
            self._children.serving,
            self._follow_settings,
            self._become_new_program,
        )
        self._reloads = set[asyncio.Task[None]]()

    async def serve(self) -> ExitStatus:
        """Keep the processes running until a signal or a failure; return the exit status."""
        _adopt_orphans()
        self._handle_signals()
        commands: dict[str, Command] = {
            "reload": self._commands.reload,
            "upgrade": self._commands.upgrade,
        }
        async with serving_commands(
            self._settings.data_dir,
            commands,
            self._command_listener,
            otherwise=self._commands.forward,
        ) as self._command_listener:
            return await self._live()

    async def _live(self) -> ExitStatus:
        children, tasks = self._children, contextlib.ExitStack()
        with tasks:
            if self._is_resumed:
                children.resume()
            else:
                await children.start()
            if not children.stop.is_set():
                self._report_ready()
                tasks.callback(Watchdog(asyncio.get_running_loop()).close)
                tasks.callback(asyncio.create_task(children.watch()).cancel)
                await children.stop.wait()
                self._phases.stopping(self._settings.limits.drain_seconds)
            notify("STOPPING=1")
            children.order(STOP)
            await children.ended()
        _log.info("all processes have stopped")
        return children.status()

    def _report_ready(self) -> None:
        self._phases.serving()
        _log.info(
            "all processes serve",
            url=url_of(self._group.public[0]),
            internal=[url_of(member.internal) for member in self._group.members],
            pids=[child.pid for child in self._children.all],
            pid=os.getpid(),
        )
        notify("READY=1\n" + self._children.summary())

    # Signals

    def _handle_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._on_stop_signal)
        loop.add_signal_handler(signal.SIGHUP, self._on_reload_signal)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, WAITING_SIGNALS)

    def _on_stop_signal(self) -> None:
        """Stop all processes; at the second signal, without draining further."""
        if self._children.stop.is_set():
            self._children.order(STOP_NOW)
        self._children.stop.set()

    def _on_reload_signal(self) -> None:
        """Reload; the processes write the result to the log."""
        task = asyncio.create_task(self._reload())
        self._reloads.add(task)
        task.add_done_callback(self._reloads.discard)

    async def _reload(self) -> None:
        await self._commands.reload()

    # Called by commands

    def _follow_settings(self) -> None:
        """Follow changed settings, and try processes again that were given up.

        Raises:
            ConfigError: The settings are wrong.
        """
        self._settings = in_force(self._settings, self._read())
        logs.configure(self._settings.log_level, self._settings.log_severities)
        self._children.revive()
        self._children.spread()

    def _become_new_program(self) -> None:
        """Be the program that is installed now; returns only if that fails."""
        listener = self._command_listener
        held = Held(
            [state_of(child) for child in self._children.all],
            self._group.is_balanced,
            self._lock.descriptor,
            self._children.notices.socket.fileno(),
            -1 if listener is None else listener.fileno(),
        )
        try:
            become_new_program(held)
        except OSError as error:
            _log.error("the new program cannot run", why=error.strerror or str(error))
