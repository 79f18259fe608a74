"""The process of a server: opens sockets and the store, runs the event loop, and closes them."""

from __future__ import annotations

import contextlib
import gc
import signal
from typing import TYPE_CHECKING, NamedTuple

import uvloop

from fortepiano import store as stores
from fortepiano.net.listeners import listening
from fortepiano.observe.logs import log_uncaught
from fortepiano.observe.systemd import inherited
from fortepiano.protocol.store_migration import respell_changes
from fortepiano.server.assembly import Foundation, make_foundation
from fortepiano.server.file_limits import enlarge_file_table, raise_file_limit
from fortepiano.server.server import Listeners, Server
from fortepiano.store import dump
from fortepiano.store.keyring import KeyRing, open_keys
from fortepiano.store.lock import serving_from
from fortepiano.upgrade.state import unpack_changes

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence
    from pathlib import Path

    from fortepiano.config import Settings
    from fortepiano.upgrade.new_process import Inheritance, NewProcess
    from fortepiano.upgrade.state import State

__all__ = ["run"]


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
    gc.disable()  # until the server serves: what is read until then stays
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until the server handles the signal
    raise_file_limit()
    enlarge_file_table()
    with contextlib.ExitStack() as stack:
        inheritance = parts = None
        if upgrade is not None:
            upgrade.check(settings)
            if upgrade.gets_changes:  # then all that takes long is done beside the old process
                parts = _parts(settings, stack, is_upgrade=True)
            upgrade.report_ready()
            inheritance = stack.enter_context(upgrade.inheritance(settings))
            listeners = Listeners(inheritance.public, inheritance.internal)
        else:
            listeners = stack.enter_context(_listeners(settings))
        if settings.store.url != "memory:":
            stack.enter_context(serving_from(settings.data_dir))
        if parts is None:
            content = b"" if inheritance is None else inheritance.state.store
            parts = _parts(settings, stack, is_upgrade=upgrade is not None, content=content)
        elif inheritance is not None:
            _adopt_changes(parts.foundation, inheritance.state)
        uvloop.run(_serve(parts, read, listeners, watched, upgrade, inheritance))


class _Parts(NamedTuple):
    """The parts of a server that are made of the store and the data folder."""

    foundation: Foundation
    keys: KeyRing


def _parts(
    settings: Settings, stack: contextlib.ExitStack, *, is_upgrade: bool, content: bytes = b""
) -> _Parts:
    """Return parts of a server, with a store that an upgrade only reads yet.

    Args:
        settings: All settings.
        stack: Closes the store.
        is_upgrade: Whether another process may have to go on with the store.
        content: What that process had in a store in memory.
    """
    store = stores.closed_store(settings)
    stack.callback(store.close)
    if is_upgrade:
        store.read()
    else:
        store.open()
    if content:
        dump.replace(store, dump.items_of(content, settings.store.url))
    keys = open_keys(settings)
    return _Parts(make_foundation(settings, store, keys), keys)


def _adopt_changes(foundation: Foundation, state: State) -> None:
    """Bring parts that were made beside the old process up to date."""
    changes = unpack_changes(state.changes)
    foundation.store.adopt(changes)
    respell_changes(foundation.store, changes)
    foundation.bans.refresh()


async def _serve(
    parts: _Parts,
    read: Callable[[], Settings],
    listeners: Listeners,
    watched: Sequence[Path] | None,
    upgrade: NewProcess | None,
    inheritance: Inheritance | None,
) -> None:
    server = Server(parts.foundation, read, parts.keys, listeners)
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
