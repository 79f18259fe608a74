"""Two people who play in a room of their own while others attack: what they notice of it.

An attacker has a machine of their own; in a test they share the cores with the server. So the
server and the bystanders get real-time priority, where the machine permits that (root, or
`RLIMIT_RTPRIO`). Each has a core as soon as it needs one, and attackers get the rest. The kernel
still gives all others a twentieth of a core; the time that the server waited for its core is left
out. Then the bystanders measure how long the server was busy with others, and not which process had
to wait. Elsewhere the bound is looser.

The bystanders are a process of their own, since an attack in the same one would delay them by
itself. Run as a program, this module is that process.
"""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

from support.processor import Spending, load, spending
from support.raw_peer import TEXT, arrival, frame
from support.server import Server, environment

__all__ = ["untroubled"]

_BEFORE_SECONDS = 2.0
_SETTLE_SECONDS = 15.0
_LONG = 30.0
"""Seconds after which a note that has not come is taken for lost."""

_GAP_SECONDS = 0.02
_ADDRESSES = ("127.9.9.1", "127.9.9.2")
_NOTE = frame(TEXT, b'[{"m":"n","t":0,"n":[{"n":"a1","v":0.5}]}]')

_MOST_MS = 5
_SHARED_MS = 100
"""The 99th percentile where attackers and bystanders share the cores with the server as equals."""

_MOST_BYTES = 32 << 20
_KEPT_BYTES = 8 << 20
"""Free memory that the allocator may keep."""

_PAGE_BYTES = os.sysconf("SC_PAGESIZE")


class Played(NamedTuple):
    """How late notes were heard, in milliseconds, and the most memory that the server had."""

    median: float
    p99: float
    latest: float
    peak_bytes: int


class Bystanders:
    """Two people on a server, who play when they are measured."""

    def __init__(self, process: subprocess.Popen[str], server: Server) -> None:
        """Wrap the process, and wait until both are in the room."""
        self._process = process
        self._server = server
        self.have_priority: bool = self._answer()

    def begin(self) -> None:
        """Begin to play, and return at once."""
        self._order(str(self._server.pid))

    def end(self) -> Played:
        """Stop playing, and return what all notes have shown since `begin`."""
        self._order("")
        return Played(*self._answer())

    def measure(self, seconds: float) -> Played:
        """Play for a time."""
        self.begin()
        time.sleep(seconds)
        return self.end()

    def _order(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def _answer(self) -> object:
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())


@contextmanager
def _bystanders_on(server: Server) -> Iterator[Bystanders]:
    """Let two people play on a server, each from an address of their own."""
    with subprocess.Popen(
        [sys.executable, "-m", "support.bystanders", str(server.port)],
        env=environment(PYTHONPATH=os.pathsep.join(sys.path)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield Bystanders(process, server)
        finally:
            process.kill()


@contextmanager
def untroubled(
    server: Server,
    attack: str,
    *,
    most_ms: float = _MOST_MS,
    most_bytes: int = _MOST_BYTES,
    kept_bytes: int = _KEPT_BYTES,
) -> Iterator[None]:
    """Assert that an attack, which is the block, troubles nobody else and leaves nothing behind.

    Notes of bystanders are as quick as before, the server takes a bounded amount of memory, and
    gives it back. One line of figures is printed, a row for docs/design/reliability.md.

    Args:
        server: The server.
        attack: A name for the figures.
        most_ms: The 99th percentile that notes may have in any case.
        most_bytes: By how much the memory may grow meanwhile.
        kept_bytes: How much of that may stay.
    """
    with _bystanders_on(server) as bystanders, _priority(server.pid, bystanders.have_priority):
        before = bystanders.measure(_BEFORE_SECONDS)
        resident = server.resident_bytes
        bystanders.begin()
        with spending(server) as spent:
            yield
        during = bystanders.end()
        kept = _settled(server, resident + kept_bytes)
        memory = [resident, during.peak_bytes, kept]
        _print(attack, spent, before, during, memory)
        _assert_quick(before, during, most_ms if bystanders.have_priority else None)
        assert during.peak_bytes - resident <= most_bytes, f"bytes before, most, after: {memory}"
        assert kept - resident <= kept_bytes, f"bytes before, most, after: {memory}"


def _print(attack: str, spent: Spending, before: Played, during: Played, memory: list[int]) -> None:
    """Print a row: the server's share of a core, p99 before and during, memory before to after."""
    share = f"{100 * spent.cpu_seconds / spent.seconds:.0f} %"
    delays = f"{before.p99:.1f} | {during.p99:.1f} | {during.latest:.1f}"
    sizes = " | ".join(f"{size / (1 << 20):.0f}" for size in memory)
    print(f"\n| {attack} | {spent.seconds:.0f} s | {share} | {delays} | {sizes} |")


def _assert_quick(before: Played, during: Played, most_ms: float | None) -> None:
    """Assert that notes are as quick as before; None: load multiplies the bounds of equals."""
    most, busy = (_SHARED_MS, load()) if most_ms is None else (most_ms, 1.0)
    assert during.median <= max(_MOST_MS, 3 * before.median) * busy, (before, during)
    assert during.p99 <= max(most, 3 * before.p99) * busy, (before, during)


def _settled(server: Server, most: int) -> int:
    """Wait until the server has no more memory than this; return how much it has at last."""
    end = time.monotonic() + _SETTLE_SECONDS
    while (size := server.resident_bytes) > most and time.monotonic() < end:
        time.sleep(0.1)
    return size


@contextmanager
def _priority(process: int, is_permitted: bool) -> Iterator[None]:
    """Give all threads of a process real-time priority, where that is permitted."""
    if is_permitted:
        _schedule(process, os.SCHED_RR, 1)
    try:
        yield
    finally:
        if is_permitted:
            _schedule(process, os.SCHED_OTHER, 0)


def _schedule(process: int, policy: int, priority: int) -> None:
    """Set the priority of all threads of a process, which may have ended."""
    with suppress(FileNotFoundError, ProcessLookupError):
        for thread in os.listdir(f"/proc/{process}/task"):
            os.sched_setscheduler(int(thread), policy, os.sched_param(priority))


def _enter(port: int, address: str) -> socket.socket:
    """Enter the room from an address."""
    person = socket.create_connection(("127.0.0.1", port), source_address=(address, 0))
    person.settimeout(_LONG)
    person.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    person.sendall(arrival("bystanders"))
    received = b""
    while b'"m":"ch"' not in received:
        received += person.recv(65_536)
    return person


def _play(player: socket.socket, listener: socket.socket, process: int) -> Played:
    """Play fifty notes a second until a line comes; find out when each was heard after its time."""
    delays: list[float] = []
    peak = 0
    due = time.perf_counter()
    while not delays or not _is_over(due):
        began, waited = max(due, time.perf_counter()), _waited_seconds(process)
        player.sendall(_NOTE)
        while b'"m":"n"' not in listener.recv(65_536):
            pass
        waited = _waited_seconds(process) - waited
        delays += _with_missed(max(0.0, time.perf_counter() - began - waited))
        due = max(due + _GAP_SECONDS, time.perf_counter())
        peak = max(peak, _resident_bytes(process))
    sys.stdin.readline()
    delays = sorted(delay * 1000 for delay in delays)
    return Played(delays[len(delays) // 2], delays[int(len(delays) * 0.99)], delays[-1], peak)


def _with_missed(delay: float) -> list[float]:
    """Return the delay of a note, and of those that were due until it was heard; seconds."""
    return [delay - missed * _GAP_SECONDS for missed in range(1 + int(delay / _GAP_SECONDS))]


def _is_over(due: float) -> bool:
    """Wait until a time of the clock, or for a line of stdin; return whether there is one."""
    return bool(select.select([sys.stdin], [], [], max(0.0, due - time.perf_counter()))[0])


def _waited_seconds(process: int) -> float:
    """Return how long the first thread of a process has waited for a core: that of the loop."""
    try:
        with open(f"/proc/{process}/task/{process}/schedstat") as file:
            return int(file.read().split()[1]) / 1e9
    except OSError:
        return 0.0


def _resident_bytes(process: int) -> int:
    """Return the memory of a process; none of one that an upgrade has ended."""
    try:
        with open(f"/proc/{process}/statm") as file:
            return int(file.read().split()[1]) * _PAGE_BYTES
    except OSError:
        return 0


def _has_priority() -> bool:
    """Take real-time priority over the server's; return whether the machine permits it."""
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(2))
    except PermissionError:
        return False
    return True


def main() -> None:
    """Enter the room, and play between each two lines of stdin."""
    has_priority = _has_priority()
    player, listener = (_enter(int(sys.argv[1]), address) for address in _ADDRESSES)
    print(json.dumps(has_priority), flush=True)
    for line in iter(sys.stdin.readline, ""):
        print(json.dumps(_play(player, listener, int(line))), flush=True)


if __name__ == "__main__":
    main()
