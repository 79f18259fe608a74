"""The servers that the tests of a run share."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from pathlib import Path

from support.cluster import Cluster
from support.presets import Preset
from support.redis import RedisServer, run_redis
from support.server import Server

__all__ = ["Fleet"]

_SCOPES = ("read", "moderate", "admin", "bot")

_MOST_CLUSTERS = 10
"""How many clusters run at the same time: each idle node costs a hundredth of a core."""


class Fleet:
    """Servers that tests share: one for each set of settings, started on first use.

    All of them accept the same staff tokens, one for each scope.

    Args:
        nodes: How many nodes each of these servers is; more than one are a `Cluster`.
    """

    def __init__(self, nodes: int = 1) -> None:
        self.nodes = nodes
        self._servers: dict[tuple[tuple[str, str], ...], Server] = {}
        self._mint: Server | None = None
        self._stack = ExitStack()
        self._redis: RedisServer | None = None

    def server(self, preset: Preset, **settings: str) -> Server:
        """Return the running server of these settings.

        Args:
            preset: The preset of its rules.
            settings: More environment variables; names of rules may omit FORTEPIANO_RULES__.
        """
        variables = {
            name
            if name == "NODE_ENV" or name.startswith("FORTEPIANO_")
            else f"FORTEPIANO_RULES__{name}": value
            for name, value in ({"PRESET": preset.name} | settings).items()
        }
        key = tuple(sorted(variables.items()))
        server = self._servers.pop(key, None)
        if server is None:
            self._make_room()
            server = self._made(variables)
            server.start()
        self._servers[key] = server  # the one that was used last comes last
        return server

    def close(self) -> None:
        """Stop all servers at the same time, and check their logs."""
        for server in self._servers.values():
            server.begin_stop()
        with self._stack as stack:
            for server in [*self._servers.values(), *filter(None, [self._mint])]:
                stack.callback(server.close)

    def _make_room(self) -> None:
        """Stop the cluster that was not used for the longest time, if there are many."""
        if self.nodes > 1 and len(self._servers) >= _MOST_CLUSTERS:
            self._servers.pop(next(iter(self._servers))).close()

    def _made(self, variables: dict[str, str]) -> Server:
        """Return a server that accepts the tokens and has not been started."""
        if self.nodes > 1:
            server: Server = self._cluster(variables)
        else:
            server = Server(**variables)
            shutil.copytree(self._data_with_tokens(), server.folder / "data")
        assert self._mint is not None
        server.tokens = self._mint.tokens
        return server

    def _cluster(self, variables: dict[str, str]) -> Cluster:
        if self._redis is None:
            # The broker of a cluster needs no disk, and tests of the store have their own Redis.
            self._redis = self._stack.enter_context(run_redis("--appendonly", "no"))
            self._mint = Server(**Cluster.store(self._redis, "mint"))
            self._make_tokens(self._mint)
        cluster = Cluster(self._redis, self.nodes, **variables)
        cluster.copy_store("mint")
        return cluster

    def _data_with_tokens(self) -> Path:
        if self._mint is None:
            self._mint = Server()
            self._make_tokens(self._mint)
        return self._mint.folder / "data"

    @staticmethod
    def _make_tokens(mint: Server) -> None:
        for scope in _SCOPES:
            mint.tokens[scope] = mint.make_token(scope)
