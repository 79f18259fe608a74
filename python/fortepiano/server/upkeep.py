"""What a running server does once a second."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

    from fortepiano.protocol.context import Context
    from fortepiano.server.garbage_collector import GarbageCollector
    from fortepiano.server.reload import Reload
    from fortepiano.store.keyring import KeyRing

__all__ = ["Upkeep"]

_EVERY_SECONDS = 1.0
"""How long the command line's bans and tokens take to reach a running server, at most."""


class Upkeep:
    """Merges what other processes changed in the store, and forgets what has ended.

    Args:
        loop: The event loop.
        context: The world.
        reload: The handlers in force, which enforce new bans.
        keys: The signing keys of tokens.
        collector: The garbage collector.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        context: Context,
        reload: Reload,
        keys: KeyRing,
        collector: GarbageCollector,
    ) -> None:
        self._loop = loop
        self._context = context
        self._reload = reload
        self._keys = keys
        self._collector = collector
        self._timer: asyncio.TimerHandle | None = None

    def run(self) -> None:
        """Do it now, and each second from now on."""
        now = self._context.now()
        self._reload.follow_store()
        self._context.bans.prune(now)
        self._context.networks.prune(now)
        self._context.throttle.prune()
        self._keys.follow()
        self._collector.collect()
        self._timer = self._loop.call_later(_EVERY_SECONDS, self.run)

    def close(self) -> None:
        """Do it no more."""
        if self._timer is not None:
            self._timer.cancel()
