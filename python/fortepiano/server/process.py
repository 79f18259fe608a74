"""The process of a server: opens sockets and the store, runs the event loop, and closes them."""

from __future__ import annotations

import contextlib
import signal
import sys
from typing import TYPE_CHECKING

import uvloop

from fortepiano import store as stores
from fortepiano.net.listeners import opened_listeners
from fortepiano.net.socket_addresses import url_of
from fortepiano.observe.logs import log_uncaught
from fortepiano.server.file_limits import enlarge_file_table, raise_file_limit
from fortepiano.server.phases import Phases
from fortepiano.server.server import Server
from fortepiano.store import dump
from fortepiano.store.keyring import open_keys
from fortepiano.store.ownership import owning
from fortepiano.store.unsaved import UnsavedChanges

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from fortepiano.config import Settings
    from fortepiano.errors import ExitStatus
    from fortepiano.net.listeners import Listeners
    from fortepiano.store.base import Store
    from fortepiano.store.keyring import KeyRing
    from fortepiano.store.ownership import Ownership
    from fortepiano.upgrade.new_process import Inheritance, NewProcess

__all__ = ["run"]

_SWITCH_SECONDS = 0.0005
"""The time for which another thread may keep the interpreter while the event loop waits for it.
With the default of 5 ms, notes were up to 15 ms late while a thread imported the admin API."""


def run(
    settings: Settings,
    read: Callable[[], Settings],
    watched: Sequence[Path] | None = None,
    upgrade: NewProcess | None = None,
) -> ExitStatus:
    """Serve until a signal, a message of the staff or a failure stops the server.

    Args:
        settings: All settings.
        read: Reads the settings again, for a reload.
        watched: Settings files: a change of one of them, or of a handler, causes a reload. None to
            reload on request only.
        upgrade: The new process's side of an upgrade; None to start without clients.

    Returns:
        The exit status.

    Raises:
        AddressError: A port is in use, or an address is not this machine's.
        StartError: Something else prevents the start.
        StoreError: The store cannot be opened, or another server owns it.
        ReloadError: A setting that differs from the old process's cannot change in an upgrade.
        ChannelError: The upgrade failed; the old process continues.
    """
    log_uncaught()
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until the server handles the signal
    sys.setswitchinterval(_SWITCH_SECONDS)
    raise_file_limit()
    enlarge_file_table()
    with contextlib.ExitStack() as stack:
        phases = stack.enter_context(Phases(is_upgrade=upgrade is not None))
        inheritance = handed = None
        if upgrade is not None:
            handed = upgrade.prepare(settings)
        # First of all, so that a second start says who runs already, and harms nothing.
        ownership = stack.enter_context(owning(settings, handed))
        if upgrade is not None:
            inheritance = stack.enter_context(upgrade.inheritance(settings))
            listeners = inheritance.listeners
        else:
            listeners = stack.enter_context(opened_listeners(settings))
        ownership.name(url_of(listeners.public[0]))
        store = stores.open_store(settings, ownership.lease)
        unsaved = UnsavedChanges(settings)
        stack.callback(unsaved.close, store)
        if inheritance is None:  # else the old process has taken them in
            unsaved.take_in(store)
        if inheritance is not None and inheritance.state.store:
            dump.replace(store, dump.items_of(inheritance.state.store, settings.store.url))
        keys = open_keys(settings)
        parts = store, keys, ownership, listeners
        serving = _serve(settings, read, parts, watched, upgrade, inheritance, phases)
        stack.callback(serving.close)  # without a loop it never begins
        return uvloop.run(serving)


async def _serve(
    settings: Settings,
    read: Callable[[], Settings],
    parts: tuple[Store, KeyRing, Ownership, Listeners],
    watched: Sequence[Path] | None,
    upgrade: NewProcess | None,
    inheritance: Inheritance | None,
    phases: Phases,
) -> ExitStatus:
    server = Server(settings, read, *parts)
    if upgrade is not None and inheritance is not None:
        await server.start_from(upgrade, inheritance)
    else:
        await server.start()
    await server.serve(watched, phases.serving)
    phases.stopping(server.settings.limits.drain_seconds)
    await server.drain()
    return await server.stop()
