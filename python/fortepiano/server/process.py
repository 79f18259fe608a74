"""The process of a server: opens sockets and the store, runs the event loop, and closes them."""

from __future__ import annotations

import contextlib
import gc
import signal
import sys
from typing import TYPE_CHECKING, NamedTuple

import uvloop

from fortepiano import store as stores
from fortepiano.net.listeners import closing_listeners, opened_listeners
from fortepiano.net.socket_addresses import url_of
from fortepiano.observe.logs import log_uncaught
from fortepiano.protocol.store_migration import respell_changes
from fortepiano.server.assembly import Foundation, make_foundation, salts_of
from fortepiano.server.file_limits import enlarge_file_table, raise_file_limit
from fortepiano.server.phases import Phases
from fortepiano.server.server import Server
from fortepiano.store import dump
from fortepiano.store.keyring import KeyRing, open_keys
from fortepiano.store.ownership import Handed, Ownership, owning
from fortepiano.store.unsaved import UnsavedChanges
from fortepiano.upgrade.state import unpack_changes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from fortepiano.cluster.description import Description
    from fortepiano.config import Settings
    from fortepiano.errors import ExitStatus
    from fortepiano.net.listeners import Listeners
    from fortepiano.server.member import Member
    from fortepiano.store.base import Store
    from fortepiano.upgrade.new_process import Inheritance, NewProcess
    from fortepiano.upgrade.state import State

__all__ = ["run"]

_SWITCH_SECONDS = 0.0005
"""The time for which another thread may keep the interpreter while the event loop waits for it.
With the default of 5 ms, notes were up to 15 ms late while a thread imported the admin API."""


def run(
    settings: Settings,
    read: Callable[[], Settings],
    watched: Sequence[Path] | None = None,
    upgrade: NewProcess | None = None,
    member: Member | None = None,
) -> ExitStatus:
    """Serve until a signal, a message of the staff or a failure stops the server.

    Args:
        settings: All settings.
        read: Reads the settings again, for a reload.
        watched: Settings files: a change of one of them, or of a handler, causes a reload. None to
            reload on request only.
        upgrade: The new process's side of an upgrade; None to start without clients.
        member: This process as one of several; None for the only one.

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
        stack.callback(gc.enable)
        gc.disable()  # until the server serves: what is read until then stays
        phases = stack.enter_context(Phases(is_upgrade=upgrade is not None))
        inheritance = parts = None
        # First of all, so that a second start says who runs already, and harms nothing.
        ownership, passed_on = _owned(settings, stack, upgrade, member)
        if upgrade is not None:
            if upgrade.gets_changes:  # then all that takes long is done beside the old process
                parts = _parts(settings, stack, ownership, is_upgrade=True)
            upgrade.report_ready()
            inheritance = stack.enter_context(upgrade.inheritance(settings))
            listeners = inheritance.listeners
        else:
            listeners = passed_on or stack.enter_context(opened_listeners(settings))
        ownership.name(url_of(listeners.public[0]))
        if parts is None:
            content = b"" if inheritance is None else inheritance.state.store
            is_upgrade = upgrade is not None
            parts = _parts(settings, stack, ownership, is_upgrade=is_upgrade, content=content)
        elif inheritance is not None:
            _adopt_changes(parts.foundation, inheritance.state)
        serving = _serve(parts, read, listeners, watched, upgrade, inheritance, phases, member)
        stack.callback(serving.close)  # without a loop it never begins
        return uvloop.run(serving)


def _owned(
    settings: Settings,
    stack: contextlib.ExitStack,
    upgrade: NewProcess | None,
    member: Member | None,
) -> tuple[Ownership, Listeners | None]:
    """Own the data folder and the store; return the listeners too that a parent passes on."""
    handed = listeners = None
    if upgrade is not None:
        handed = upgrade.check(settings)
    elif member is not None:
        listeners = member.receive()
        handed = Handed(member.lock)
        stack.enter_context(closing_listeners(listeners, lambda: False))
    is_node, is_member = bool(settings.cluster.url), member is not None
    owned = owning(settings, handed, is_node=is_node, is_member=is_member)
    return stack.enter_context(owned), listeners


class _Parts(NamedTuple):
    """The parts of a server that are made of the store and the data folder."""

    foundation: Foundation
    keys: KeyRing
    ownership: Ownership
    description: Description | None


def _parts(
    settings: Settings,
    stack: contextlib.ExitStack,
    ownership: Ownership,
    *,
    is_upgrade: bool,
    content: bytes = b"",
) -> _Parts:
    """Return parts of a server, with a store that an upgrade only reads yet.

    Args:
        settings: All settings.
        stack: Closes the store.
        ownership: The ownership of the data folder and the store.
        is_upgrade: Whether another process may have to go on with the store.
        content: What that process had in a store in memory.
    """
    unsaved = UnsavedChanges(settings)
    if is_upgrade:
        store = stores.closed_store(settings, ownership.lease)
        store.read()
    else:
        store = stores.open_store(settings, ownership.lease)
    stack.callback(unsaved.close, store)
    if not is_upgrade:  # else the old process has taken them in
        unsaved.take_in(store)
    if content:
        dump.replace(store, dump.items_of(content, settings.store.url))
    keys = open_keys(settings)
    foundation = make_foundation(settings, store, keys)
    return _Parts(foundation, keys, ownership, _described(settings, store, keys, ownership))


def _described(
    settings: Settings, store: Store, keys: KeyRing, ownership: Ownership
) -> Description | None:
    """Return what a node of a cluster says of itself; None for a server alone.

    The digests of secrets take a tenth of a second, in which nobody is served if it is made later.
    """
    if not settings.cluster.url:
        return None
    # Imported here: a server alone does without, and starts sooner.
    from fortepiano.server.node import describe

    return describe(settings, ownership.owner, salts_of(settings, store), keys.keys())


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
    phases: Phases,
    member: Member | None,
) -> ExitStatus:
    server = Server(
        parts.foundation,
        read,
        parts.keys,
        parts.ownership,
        listeners,
        member=member,
        description=parts.description,
    )
    if upgrade is not None and inheritance is not None:
        await server.start_from(upgrade, inheritance)
    else:
        await server.start()
    await server.serve(watched, phases.serving)
    phases.stopping(server.settings.limits.drain_seconds)
    await server.drain()
    return await server.stop()
