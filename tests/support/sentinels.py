"""A Redis master with a replica, and three sentinels that replace the master."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from support.redis import RedisServer, run_redis

__all__ = ["Sentinels", "run_sentinels"]

_COUNT = 3
_QUORUM = 2
_DOWN_MS = 1000
_READY_SECONDS = 20.0
_SETTINGS = f"""\
sentinel monitor main 127.0.0.1 {{port}} {_QUORUM}
sentinel down-after-milliseconds main {_DOWN_MS}
sentinel failover-timeout main 5000
"""


class Sentinels:
    """The sentinels, and the two servers that they watch.

    Attributes:
        master: The server that is the master at first.
        replica: The other one.
    """

    def __init__(self, master: RedisServer, replica: RedisServer, ports: list[int]) -> None:
        self.master = master
        self.replica = replica
        self._ports = ports

    @property
    def url(self) -> str:
        """The URL of the service."""
        hosts = ",".join(f"127.0.0.1:{port}" for port in self._ports)
        return f"redis+sentinel://{hosts}/main"


def _follow(master: RedisServer, replica: RedisServer) -> None:
    """Let one server be the replica of another."""
    deadline = time.monotonic() + _READY_SECONDS
    with replica.client() as client:
        client.execute_command("REPLICAOF", "127.0.0.1", master.port)
        while client.info("replication")["master_link_status"] != "up":  # type: ignore[index]
            assert time.monotonic() < deadline, "the replica has no link to its master"
            time.sleep(0.05)


def _await_knowledge(sentinel: RedisServer) -> None:
    """Wait until a sentinel knows the replica and the other sentinels."""
    deadline = time.monotonic() + _READY_SECONDS
    with sentinel.client() as client:
        while True:
            known = client.sentinel_master("main")
            if known["num-slaves"] == 1 and known["num-other-sentinels"] == _COUNT - 1:  # type: ignore[index]
                return
            assert time.monotonic() < deadline, known
            time.sleep(0.1)


@contextmanager
def run_sentinels() -> Iterator[Sentinels]:
    """Run the servers and their sentinels during a `with` block."""
    with (
        run_redis("--appendonly", "no", "--repl-diskless-sync-delay", "0") as master,
        run_redis("--appendonly", "no", "--repl-diskless-sync-delay", "0") as replica,
        tempfile.TemporaryDirectory(prefix="fortepiano-sentinels-") as folder,
        ExitStack() as stack,
    ):
        _follow(master, replica)
        sentinels: list[RedisServer] = []
        for number in range(_COUNT):
            home = Path(folder, str(number))
            home.mkdir()
            config = home / "sentinel.conf"
            config.write_text(_SETTINGS.format(port=master.port))
            sentinel = RedisServer(home)
            stack.callback(sentinel.kill)
            sentinel.start_sentinel(config)
            sentinels.append(sentinel)
        for sentinel in sentinels:
            _await_knowledge(sentinel)
        yield Sentinels(master, replica, [sentinel.port for sentinel in sentinels])
