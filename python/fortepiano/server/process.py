"""The process of a server: opens sockets and the store, runs the event loop, and closes them."""

from __future__ import annotations

import contextlib
import signal
import sys
from typing import TYPE_CHECKING

import uvloop

from fortepiano import store as stores
from fortepiano.net.listeners import listening
from fortepiano.observe.logs import log_uncaught
from fortepiano.observe.systemd import inherited
from fortepiano.server.file_limits import enlarge_file_table, raise_file_limit
from fortepiano.server.server import Listeners, Server
from fortepiano.store import dump
from fortepiano.store.keyring import open_keys
from fortepiano.store.lock import serving_from

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence
    from pathlib import Path

    from fortepiano.config import Settings
    from fortepiano.store.base import Store
    from fortepiano.store.keyring import KeyRing
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
) -> None:
    """Serve until a signal, or a message of the staff, stops the server.

    Args:
        settings: All settings.
        read: Reads the settings again, for a reload.
        watched: Settings files: a change of one of them, or of a handler, causes a reload. None to
            reload on request only.
        upgrade: The new process's side of an upgrade; None to start without clients.

    Raises:
        AddressError: A port is in use, or an address is not this machine's.
        StoreError: The store cannot be opened.
        ReloadError: A setting that differs from the old process's cannot change in an upgrade.
        ChannelError: The upgrade failed; the old process continues.
    """
    log_uncaught()
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until the server handles the signal
    sys.setswitchinterval(_SWITCH_SECONDS)
    raise_file_limit()
    enlarge_file_table()
    with contextlib.ExitStack() as stack:
        inheritance = None
        if upgrade is not None:
            upgrade.prepare(settings)
            inheritance = stack.enter_context(upgrade.inheritance(settings))
            listeners = Listeners(inheritance.public, inheritance.internal)
        else:
            listeners = stack.enter_context(_listeners(settings))
        if settings.store.url != "memory:":
            stack.enter_context(serving_from(settings.data_dir))
        store = stores.open_store(settings)
        stack.callback(store.close)
        if inheritance is not None and inheritance.state.store:
            dump.replace(store, dump.items_of(inheritance.state.store, settings.store.url))
        keys = open_keys(settings)
        uvloop.run(_serve(settings, read, store, keys, listeners, watched, upgrade, inheritance))


async def _serve(
    settings: Settings,
    read: Callable[[], Settings],
    store: Store,
    keys: KeyRing,
    listeners: Listeners,
    watched: Sequence[Path] | None,
    upgrade: NewProcess | None,
    inheritance: Inheritance | None,
) -> None:
    server = Server(settings, read, store, keys, listeners)
    if upgrade is not None and inheritance is not None:
        await server.start_from(upgrade, inheritance)
    else:
        await server.start()
    await server.serve(watched)
    await server.drain()
    await server.stop()


@contextlib.contextmanager
def _listeners(settings: Settings) -> Generator[Listeners]:
    """Bind both ports, except those that systemd has bound."""
    with contextlib.ExitStack() as stack:
        given = [stack.enter_context(listener) for listener in inherited()]
        addresses = [
            (settings.host, settings.port),
            (settings.internal_host, settings.internal_port),
        ]
        public, internal = (
            given[number] if number < len(given) else stack.enter_context(listening(*address))
            for number, address in enumerate(addresses)
        )
        yield Listeners(public, internal)
