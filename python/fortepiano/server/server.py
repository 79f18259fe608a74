"""Builds the parts of a server, serves, and stops without harm."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import resource
import signal
import socket
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import uvicorn
import uvloop

from fortepiano import store as stores
from fortepiano.errors import CloseCode
from fortepiano.handlers import rooms
from fortepiano.handlers.dispatch import Dispatch
from fortepiano.http.desk import Desk
from fortepiano.http.internal_site import internal_site
from fortepiano.http.metrics import Metrics
from fortepiano.http.public_site import public_site
from fortepiano.model.codes import Code
from fortepiano.native import Engine
from fortepiano.net.accept_budget import Turn
from fortepiano.net.admission import Gate
from fortepiano.net.client_address import Addresses
from fortepiano.net.deadlines import Deadlines
from fortepiano.net.http_connection import Front
from fortepiano.net.listeners import listening, name_of, url_of
from fortepiano.net.network_lists import Keeper
from fortepiano.net.page_connection import Visit
from fortepiano.net.proxied_connection import Porch
from fortepiano.observe.events import STOPPING
from fortepiano.observe.logs import logger
from fortepiano.observe.loop_lag import LoopLag
from fortepiano.observe.systemd import Watchdog, inherited, notify
from fortepiano.protocol.notices import notice
from fortepiano.server.assembly import make_context
from fortepiano.server.garbage_collector import Garbage
from fortepiano.server.reload import Reload
from fortepiano.store import dump
from fortepiano.store.keyring import open_keys
from fortepiano.store.lock import serving_from
from fortepiano.upgrade.old_process import Succession
from fortepiano.upgrade.respell import respell

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from starlette.types import ASGIApp

    from fortepiano.config import Settings
    from fortepiano.protocol.context import Context
    from fortepiano.protocol.outbound import Outbound
    from fortepiano.server.command_socket import Answer
    from fortepiano.store.base import Store
    from fortepiano.store.keyring import KeyRing
    from fortepiano.upgrade.new_process import Heritage, Predecessor

__all__ = ["run"]

_BACKLOG = 4096
"""Connections that wait to be accepted: after a restart everybody comes back at once."""

_LOOK_SECONDS = 1.0
"""How long the command line's bans and tokens take to reach a running server, at most."""

_CLOSE_GAP_SECONDS = 0.01
"""The longest pause between two closes while stopping: a hundred people are no stampede."""

_FILES_LEFT = 48
"""Open files that are no links, at least: the store, the loop's own, people who load the page."""

_FILES_AT_ONCE = 1 << 16
"""Open files that the kernel's table has room for from the start; half a MiB of its memory."""

_FAREWELL = "The server restarts. You will be back in a few seconds."

_LAST_WORDS_SECONDS = 2.0
"""How long closed connections get to answer before the process goes."""


def run(
    settings: Settings,
    read: Callable[[], Settings],
    watched: Sequence[Path] | None = None,
    predecessor: Predecessor | None = None,
) -> None:
    """Serve until told to stop.

    Args:
        settings: All settings.
        read: Reads them again, where the server is told to reload.
        watched: Settings files; whenever one of them or a handler changes, it reloads. None where
            it does so only when it is told to.
        predecessor: The server that this one is to go on for; None to begin with nobody.

    Raises:
        AddressError: Where a port is taken or an address is not ours.
        StoreError: Where the store cannot be opened.
        ReloadError: Where the predecessor has other settings that cannot change under its clients.
        ChannelError: Where the predecessor goes on itself.
    """
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until it means something
    _raise_file_limit()
    _enlarge_file_table()
    with contextlib.ExitStack() as stack:
        heritage = None
        if predecessor is not None:
            predecessor.prepare(settings)
            heritage = stack.enter_context(predecessor.heritage(settings))
            public, internal = heritage.public, heritage.internal
        else:
            public, internal = stack.enter_context(_listeners(settings))
        if settings.store.url != "memory:":
            stack.enter_context(serving_from(settings.data_dir))
        store = stores.open_store(settings)
        stack.callback(store.close)
        if heritage is not None and heritage.state.store:
            dump.replace(store, dump.items_of(heritage.state.store, settings.store.url))
        keys = open_keys(settings)
        legacy = (predecessor, heritage) if predecessor is not None and heritage else None
        uvloop.run(_serve(settings, read, store, keys, public, internal, watched, legacy))


@contextlib.contextmanager
def _listeners(settings: Settings) -> Generator[tuple[socket.socket, socket.socket]]:
    """Bind both ports, but for those that we were started with."""
    with contextlib.ExitStack() as stack:
        given = [stack.enter_context(one) for one in inherited()]
        public, internal = (
            given[number] if number < len(given) else stack.enter_context(listening(*address))
            for number, address in enumerate(
                [
                    (settings.host, settings.port),
                    (settings.internal_host, settings.internal_port),
                ]
            )
        )
        yield public, internal


async def _serve(
    settings: Settings,
    read: Callable[[], Settings],
    store: Store,
    keys: KeyRing,
    public: socket.socket,
    internal: socket.socket,
    watched: Sequence[Path] | None,
    legacy: tuple[Predecessor, Heritage] | None,
) -> None:
    log = logger(__name__)
    loop = asyncio.get_running_loop()
    stop, stop_now = asyncio.Event(), asyncio.Event()
    context = make_context(settings, store, keys, loop.call_later, stop.set)
    garbage = Garbage(context.hub.connections, loop.call_later)
    dispatch = Dispatch(context, garbage.stir)
    engine = Engine(context.hub, loop, dispatch.receive, dispatch.ended, dispatch.receive_binary)
    awaited = Deadlines(loop, settings.limits.head_seconds)
    gate = Gate(
        engine,
        settings.limits,
        context.identity,
        context.bans,
        awaited,
        Addresses(settings.proxy),
        context.throttle,
        Turn(loop),
        settings.limits.sockets or _most_sockets(),
        name_of(public),
        keeps_ips=settings.privacy.keep_ips,
        networks=context.networks,
    )

    def why_not_ready() -> str | None:
        if gate.is_draining:
            return "the server is stopping"
        return None if store.healthy else "the store does not take writes"

    def stopping() -> None:
        (stop_now if stop.is_set() else stop).set()

    lag = LoopLag(loop)
    metrics = Metrics(
        context.hub,
        context.directory,
        context.counters,
        store,
        lag,
        gate.refused,
        settings.flush.duty,
    )
    desk = Desk(context, engine, settings, metrics, why_not_ready, context.now())
    reload = desk.reload = Reload(desk, dispatch, gate, read, _most_sockets, garbage.stir)

    keeper = Keeper(
        context.networks,
        settings.data_dir,
        lambda: desk.settings.networks,
        reload.follow_networks,
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping)

    control = None
    if legacy is None:
        rooms.expect_back(context)
        await keeper.look(at_once=True)  # else a moment later: who is here waits for nothing
    else:
        predecessor, heritage = legacy
        control = heritage.control
        renamed = respell(heritage.state)
        await predecessor.take_over(heritage, context, engine)
        rooms.resume_waiting(context)
        rooms.refresh_quotas(context)
        rooms.tell_names(context, renamed)
    servers = [
        _uvicorn(
            public_site(why_not_ready, verdict=gate.verdict),
            http=partial(Porch if settings.proxy.protocol else Front, gate=gate),
        ),
        _uvicorn(internal_site(desk), http=Visit),
    ]
    tasks = [
        asyncio.create_task(server.serve(sockets=[listener]))
        for server, listener in zip(servers, (public, internal), strict=True)
    ]
    keeping = asyncio.create_task(keeper.run())
    store.attach(loop, reload.follow_store)
    _look_after(context, reload, keys, garbage, loop)
    succession = Succession(desk, partial(_is_quiet, gate, servers[0]))

    async def upgrade(answer: Answer) -> dict[str, Any]:
        return await succession((public, internal, control), answer)

    orders = {"upgrade": upgrade}
    async with reload.on_call(settings.data_dir, watched, orders, control) as control:
        log.info("listening", url=url_of(public), internal=url_of(internal), pid=os.getpid())
        watchdog = Watchdog(loop)
        notify("READY=1")
        await stop.wait()
    keeping.cancel()
    notify("STOPPING=1")
    log.info("stopping", connections=len(engine))
    gate.is_draining = True
    context.events.tell(STOPPING)
    context.directory.freeze(context.now())
    await _drain(engine, context.outbound, desk.settings.limits.drain_seconds, stop_now)
    for server in servers:
        server.end()
    await asyncio.gather(*tasks)
    lag.close()
    garbage.close()
    watchdog.close()
    engine.close()
    log.info("stopped")


def _is_quiet(gate: Gate, public: uvicorn.Server) -> bool:
    """Whether no request is half read, no page half sent, and no message put off."""
    visits = (one for one in public.server_state.connections if isinstance(one, Visit))
    is_behind = len(gate.awaited) or len(gate.turn) or gate.engine.owner.postponed
    return not is_behind and not any(visit.is_answering for visit in visits)


def _look_after(
    context: Context,
    reload: Reload,
    keys: KeyRing,
    garbage: Garbage,
    loop: asyncio.AbstractEventLoop,
) -> None:
    """Take over what other processes changed in the store; forget what has ended, and garbage."""
    reload.follow_store()
    context.bans.prune(context.now())
    context.networks.prune(context.now())
    context.throttle.prune()
    keys.follow()
    garbage.look()
    loop.call_later(_LOOK_SECONDS, _look_after, context, reload, keys, garbage, loop)


async def _drain(
    engine: Engine, outbound: Outbound, seconds: float, at_once: asyncio.Event
) -> None:
    """Close all connections with 4000, spread over the time, so that their return is spread too.

    Stock clients come back 50 ms after a close.
    """
    links = engine.connections()
    for link in links:
        if link.session is not None and link.session.user is not None:
            outbound.tell(link.session, [notice(_FAREWELL, Code.RESTART)])
    loop = asyncio.get_running_loop()
    pause = min(seconds / len(links), _CLOSE_GAP_SECONDS) if links else 0.0
    begun = loop.time()
    for number, link in enumerate(links):
        # By the clock, so that what each close takes does not add up.
        await _sleep_until(begun + number * pause, at_once)
        link.close(CloseCode.RESTART, "The server restarts.")
    deadline = loop.time() + _LAST_WORDS_SECONDS
    while len(engine) and not at_once.is_set() and loop.time() < deadline:
        await _sleep_until(loop.time() + 0.02, at_once)
    for link in engine.connections():
        link.abort()


async def _sleep_until(due: float, at_once: asyncio.Event) -> None:
    """Wait until the loop's clock says so, or the event is set."""
    left = due - asyncio.get_running_loop().time()
    if left > 0 and not at_once.is_set():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(at_once.wait(), left)


class _Uvicorn(uvicorn.Server):
    """uvicorn without its signal handlers: it would raise a caught signal again at the end.

    And without its look at itself ten times a second, which was half of what an idle server did.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._ended = asyncio.Event()

    def end(self) -> None:
        """Finish without waiting for anybody."""
        self.force_exit = True
        self._ended.set()

    async def main_loop(self) -> None:
        """Date the answers anew each second, until the end."""
        while not self._ended.is_set():
            await self.on_tick(0)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), 1)

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Leave signals to `_serve`."""
        yield


def _uvicorn(app: ASGIApp, *, http: Any) -> _Uvicorn:
    return _Uvicorn(
        uvicorn.Config(
            cast("Any", app),
            http=http,
            ws="none",
            loop="uvloop",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            backlog=_BACKLOG,
        )
    )


def _most_sockets() -> int:
    """Return how many links the limit of open files allows, with some left for all else."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(1, soft - max(_FILES_LEFT, soft // 16))


def _raise_file_limit() -> None:
    """Raise the soft limit of open files to the hard one: each connection is one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    logger(__name__).info("open files", soft=hard, before=soft)


def _enlarge_file_table() -> None:
    """Have the kernel make its table of this process's open files as large as it will have to be.

    Each doubling in a process with threads waits for an RCU grace period: `accept` would stop the
    loop for 6 to 17 ms.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    last = min(hard, _FILES_AT_ONCE) - 1
    with Path(os.devnull).open("rb") as one, contextlib.suppress(OSError):
        os.close(fcntl.fcntl(one, fcntl.F_DUPFD_CLOEXEC, last))
