"""The process of a server: opens sockets and the store, runs the event loop, and closes them."""

from __future__ import annotations

import contextlib
import signal
from typing import TYPE_CHECKING

import uvloop

from fortepiano import store as stores
from fortepiano.net.listeners import opened_listeners
from fortepiano.observe.logs import log_uncaught
from fortepiano.server.file_limits import enlarge_file_table, raise_file_limit
from fortepiano.server.phases import Phases
from fortepiano.server.server import Server
from fortepiano.store import dump
from fortepiano.store.keyring import open_keys
from fortepiano.store.lock import serving_from

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from fortepiano.config import Settings
    from fortepiano.errors import ExitStatus
    from fortepiano.net.listeners import Listeners
    from fortepiano.store.base import Store
    from fortepiano.store.keyring import KeyRing
    from fortepiano.upgrade.new_process import Inheritance, NewProcess

__all__ = ["run"]


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
        StoreError: The store cannot be opened.
        ReloadError: A setting that differs from the old process's cannot change in an upgrade.
        ChannelError: The upgrade failed; the old process continues.
    """
    log_uncaught()
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until the server handles the signal
    raise_file_limit()
    enlarge_file_table()
    with contextlib.ExitStack() as stack:
        phases = stack.enter_context(Phases(is_upgrade=upgrade is not None))
        inheritance = None
        if upgrade is not None:
            upgrade.prepare(settings)
            inheritance = stack.enter_context(upgrade.inheritance(settings))
            listeners = inheritance.listeners
        else:
            listeners = stack.enter_context(opened_listeners(settings))
        if settings.store.url != "memory:":
            stack.enter_context(serving_from(settings.data_dir))
        store = stores.open_store(settings)
        stack.callback(store.close)
        if inheritance is not None and inheritance.state.store:
            dump.replace(store, dump.items_of(inheritance.state.store, settings.store.url))
        keys = open_keys(settings)
        serving = _serve(
            settings, read, store, keys, listeners, watched, upgrade, inheritance, phases
        )
        stack.callback(serving.close)  # without a loop it never begins
        return uvloop.run(serving)


async def _serve(
    settings: Settings,
    read: Callable[[], Settings],
    store: Store,
    keys: KeyRing,
    listeners: Listeners,
    watched: Sequence[Path] | None,
    upgrade: NewProcess | None,
    inheritance: Inheritance | None,
    phases: Phases,
) -> ExitStatus:
    server = Server(settings, read, store, keys, listeners)
    if upgrade is not None and inheritance is not None:
        await server.start_from(upgrade, inheritance)
    else:
        await server.start()
    await server.serve(watched, phases.serving)
    phases.stopping(server.settings.limits.drain_seconds)
    await server.drain()
    return await server.stop()
