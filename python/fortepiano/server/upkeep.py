"""Periodic upkeep of a running server, once a second."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fortepiano.observe.clock_steps import ClockSteps
from fortepiano.observe.logs import logger
from fortepiano.server.file_limits import has_free_file

if TYPE_CHECKING:
    import asyncio

    from fortepiano.net.hidden_people import HiddenPeople
    from fortepiano.protocol.context import Context
    from fortepiano.server.garbage_collector import GarbageCollector
    from fortepiano.server.reload import Reload
    from fortepiano.store.keyring import KeyRing

__all__ = ["Upkeep"]

_PERIOD_SECONDS = 1.0
"""The time between two runs: within it the server applies bans and tokens of the command line."""

_RETENTION_RUNS = 60
"""The runs between two looks for acts of moderation that are too old or too many."""

_HIDDEN_RUNS = 10
"""The runs between two looks for people who share the address of a proxy."""

_DAY_MS = 86_400_000

_log = logger(__name__)


class Upkeep:
    """Merges changes of other processes in the store, and forgets bans and counts that have ended.

    A wall clock that was set is reported too.

    Args:
        loop: The event loop.
        context: The world and the ways to change it.
        reload: Knows the handlers in force, which enforce new bans.
        keys: The signing keys of tokens.
        collector: The garbage collector.
        hidden: Finds people who share the address of a proxy.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        context: Context,
        reload: Reload,
        keys: KeyRing,
        collector: GarbageCollector,
        hidden: HiddenPeople,
    ) -> None:
        self._loop = loop
        self._context = context
        self._reload = reload
        self._keys = keys
        self._collector = collector
        self._hidden = hidden
        self._clock_steps = ClockSteps(context.now)
        self._timer: asyncio.TimerHandle | None = None
        self._runs = 0

    def run(self) -> None:
        """Run the upkeep now, and each second from now on, even if it fails once."""
        self._timer = self._loop.call_later(_PERIOD_SECONDS, self.run)
        now = self._context.now()
        self._reload.follow_store()
        self._context.bans.prune(now)
        self._context.networks.prune(now)
        self._context.throttle.prune()
        self._keys.follow()
        self._check_files()
        self._collector.collect()
        self._clock_steps.check()
        if self._runs % _RETENTION_RUNS == 0 and self._context.elsewhere.keeps_house():
            self._retain_audit(now)
        if self._runs % _HIDDEN_RUNS == 0:
            self._hidden.look()
        self._runs += 1

    def _retain_audit(self, now: int) -> None:
        retention = self._context.live.settings.retention
        since = now - retention.audit_days * _DAY_MS if retention.audit_days else 0
        self._context.store.retain_audit(since, retention.audit_rows)

    def _check_files(self) -> None:
        """Count and log that no file is left; connections are then closed as they come."""
        if not has_free_file():
            self._context.counters.file_shortages += 1
            _log.warning("no open files are left: new connections are closed")

    def close(self) -> None:
        """Cancel the next run."""
        if self._timer is not None:
            self._timer.cancel()
