"""The owner of a data folder or of a prefix in Redis: one process, as others read of it."""

from __future__ import annotations

import os
import time
from enum import Enum, auto
from pathlib import Path

import msgspec

from fortepiano.wall_clock import now_ms

__all__ = ["Fate", "Owner", "fate_of", "owner_of", "serving_at", "this_process"]

_TEXT_LENGTH = 100
"""The most characters of a text that another process wrote, in messages."""

_FIRST_NAMESPACE = "pid:[4026531836]"
"""The namespace of process ids outside of all containers (PROC_PID_INIT_INO in Linux)."""

_BOOT_SECONDS = 2
"""Times of boot that differ by less are of one boot: rounding, and small steps of the clock."""

_BOOT = Path("/proc/sys/kernel/random/boot_id")
_MACHINE = Path("/etc/machine-id")
_NAMESPACE = Path("/proc/self/ns/pid")

_STATE, _START = 0, 19
"""Fields of `/proc/<pid>/stat` behind the name: the state, and the start in ticks since boot."""

_ENDED = ("Z", "X", "x")
"""States of processes that have ended, and whose parents have not asked for their status yet."""


class Fate(Enum):
    """The state of a process, as far as this process can know."""

    ALIVE = auto()
    DEAD = auto()
    UNKNOWN = auto()
    """Another host's, another container's, or hidden from this user."""


class Owner(msgspec.Struct, frozen=True):
    """A process that owns a data folder, or a prefix in Redis.

    Attributes:
        pid: The process id; 0 where it is not known.
        host: The name of its host.
        url: The URL for its clients; empty where there is none.
        since: When it became the owner; milliseconds since 1970.
        nonce: A text at random, so that no two owners are the same.
        start: When the process started; ticks since its machine's boot.
        namespace: The namespace of its process id.
        boot: The boot of its machine; empty where that is hidden.
        machine: The machine; empty where that is hidden.
        booted: When the machine was booted, by its clock now; seconds since 1970.
        is_cluster: Whether all nodes of a cluster are the owner together.
    """

    pid: int = 0
    host: str = ""
    url: str = ""
    since: int = 0
    nonce: str = ""
    start: int = 0
    namespace: str = ""
    boot: str = ""
    machine: str = ""
    booted: int = 0
    is_cluster: bool = False

    def __str__(self) -> str:
        if self.is_cluster:
            return "a cluster of servers"
        if not self.pid:
            return "a process that does not give its id"
        since = time.strftime("%Y-%m-%d %H:%M", time.gmtime(_clamped(self.since) / 1000))
        details = [*filter(None, [_one_line(self.url)]), f"since {since} UTC"]
        return f"process {self.pid} on {_one_line(self.host) or '?'} ({', '.join(details)})"


def this_process() -> Owner:
    """Return this process as an owner, without a URL."""
    pid = os.getpid()
    return Owner(
        pid=pid,
        host=_one_line(os.uname().nodename),
        since=now_ms(),
        nonce=os.urandom(12).hex(),
        start=_start_of(pid) or 0,
        namespace=_link(_NAMESPACE),
        boot=_text(_BOOT),
        machine=_text(_MACHINE),
        booted=round(time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)),
    )


def serving_at(owner: Owner, url: str) -> Owner:
    """Return an owner with another URL."""
    return msgspec.structs.replace(owner, url=_one_line(url))


def owner_of(data: bytes) -> Owner:
    """Return an owner from its JSON; one without an id where that is damaged or missing."""
    try:
        return msgspec.json.decode(data, type=Owner, strict=False)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return Owner()


def fate_of(other: Owner, here: Owner) -> Fate:
    """Return whether another owner still runs.

    Args:
        other: The other owner.
        here: This process.
    """
    if other.pid <= 0 or not _shares_processes(other, here):
        return Fate.UNKNOWN
    start = _start_of(other.pid)
    if start is None:
        return Fate.UNKNOWN
    return Fate.ALIVE if start == other.start else Fate.DEAD


def _shares_processes(other: Owner, here: Owner) -> bool:
    """Return whether two owners see the same processes under the same ids.

    Containers often have equal names, and even an equal `/etc/machine-id`. So the boot must be the
    same; a namespace's number is used again within a boot, but only after all its processes have
    ended. Where the boot is hidden (`ProcSubset=pid` of systemd), the machine and the time of its
    boot are enough outside of containers: copies of a machine may have equal names.
    """
    if not other.namespace or (other.host, other.namespace) != (here.host, here.namespace):
        return False
    if other.boot and here.boot:
        return other.boot == here.boot
    is_one_boot = abs(other.booted - here.booted) <= _BOOT_SECONDS
    is_outside = here.namespace == _FIRST_NAMESPACE
    return is_outside and is_one_boot and bool(here.machine) and other.machine == here.machine


def _start_of(pid: int) -> int | None:
    """Return when a process started, in ticks since boot; 0 if it has ended, None if unknown."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return 0
    except PermissionError:
        pass  # another user's
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
        return 0 if fields[_STATE] in _ENDED else int(fields[_START])
    except (OSError, IndexError, ValueError):
        return None


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""


def _link(path: Path) -> str:
    try:
        return str(path.readlink())
    except OSError:
        return ""


def _one_line(text: str) -> str:
    return "".join(filter(str.isprintable, text))[:_TEXT_LENGTH]


def _clamped(moment: int) -> int:
    """Return a time that the calendar has; other processes may have written any number."""
    return min(max(moment, 0), 253_402_300_799_000)
