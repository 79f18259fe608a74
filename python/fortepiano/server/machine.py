"""Settings that this machine cannot follow: its addresses, users, folders and limits."""

import contextlib
import errno
import os
import pwd
import resource
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from fortepiano.config.finding import Finding
from fortepiano.config.section import UNIX
from fortepiano.config.sources import Keys
from fortepiano.net.socket_addresses import resolved
from fortepiano.server.installed_unit import Unit

if TYPE_CHECKING:
    from fortepiano.config import Settings

__all__ = ["machine_findings"]

_LAST_WRITES = 10.0
"""How long the end of a server may take after the drain: the last writes of its store; seconds."""

_OUR_STOP_SECONDS = 30.0
"""How long the unit and the compose file in deploy/ wait for a stop."""

_LONGEST_PATH = 107
"""The most bytes of a Unix socket's path (unix(7))."""

_NET_BIND_SERVICE = 10

_UNPRIVILEGED = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")


def machine_findings(
    settings: "Settings", unit: Unit | None = None, *, has_sockets: bool = False
) -> Iterator[Finding]:
    """Yield what this machine does not allow; a port in use is no finding.

    Args:
        settings: All settings.
        unit: The unit that starts the server, where it is known.
        has_sockets: Whether the server inherits its sockets, so that no address counts.
    """
    yield from _folder(settings, unit)
    if not (has_sockets or (unit is not None and unit.has_sockets)):
        yield from _addresses(settings, unit)
    yield from _limits(settings, unit)


def _addresses(settings: "Settings", unit: Unit | None) -> Iterator[Finding]:
    """Yield an error for each address on which a server cannot listen."""
    listeners = (
        (("host",), settings.host, ("port",), settings.port),
        (("internal_host",), settings.internal_host, ("internal_port",), settings.internal_port),
    )
    for host_key, host, port_key, port in listeners:
        if host.startswith(UNIX):
            problem = _path_problem(Path(host.removeprefix(UNIX)), unit)
        else:
            problem = _address_problem(host, port)
        if problem:
            yield Finding((host_key,), f"{host} {problem}", is_error=True)
        elif not host.startswith(UNIX) and _is_privileged(port, unit):
            text = f"{port} is for root: take one from {_first_free_port()} on, and a proxy"
            yield Finding((port_key,), text, is_error=True)


def _path_problem(path: Path, unit: Unit | None) -> str:
    if len(os.fsencode(path)) > _LONGEST_PATH:
        return f"is longer than the {_LONGEST_PATH} bytes of a Unix socket's path"
    if unit is not None and unit.forbids_writing(path.parent):
        return f"cannot be made under {unit.path}: see its RuntimeDirectory"
    if unit is not None and path.is_relative_to("/run"):
        return ""  # systemd makes the folder
    return "" if path.parent.is_dir() else f"cannot be made: there is no folder {path.parent}"


def _address_problem(host: str, port: int) -> str:
    try:
        family, address = resolved(host, port)
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.bind((address[0], 0, *address[2:]))
    except socket.gaierror as error:
        return f"is no address, and no name that is known here: {error.strerror}"
    except ValueError:
        return "is no address, and no name"
    except OSError as error:
        if error.errno == errno.EADDRNOTAVAIL:
            return "is not an address of this machine"
        return f"cannot be listened on: {error.strerror}"
    return ""


def _is_privileged(port: int, unit: Unit | None) -> bool:
    """Return whether the server's user may not bind a port."""
    if not 0 < port < _first_free_port():
        return False
    if unit is None:
        return os.geteuid() != 0 and not _has_capability(_NET_BIND_SERVICE)
    is_root = unit.last("User", "root") == "root"
    may = any("CAP_NET_BIND_SERVICE" in word for word in unit.words("AmbientCapabilities"))
    return not (is_root or may)


def _has_capability(number: int) -> bool:
    """Return whether this process has a capability (capabilities(7)) in force."""
    with contextlib.suppress(OSError, ValueError, StopIteration):
        lines = Path("/proc/self/status").read_text().splitlines()
        found = next(line for line in lines if line.startswith("CapEff:"))
        return bool(int(found.split()[1], 16) >> number & 1)
    return False


def _first_free_port() -> int:
    with contextlib.suppress(OSError, ValueError):
        return int(_UNPRIVILEGED.read_text())
    return 1024


def _folder(settings: "Settings", unit: Unit | None) -> Iterator[Finding]:
    """Yield an error if the server cannot write into its data folder.

    Without a unit the folder's owner counts for root, and for all others they themselves.
    """
    if settings.store.url == "memory:":
        return
    at = Path(unit.last("WorkingDirectory", "/")) if unit else Path.cwd()
    folder = at / settings.data_dir
    user = unit.last("User", "root") if unit else ""
    problem = _sandbox_problem(folder, unit) or _folder_problem(folder, user)
    if problem:
        yield Finding((("data_dir",),), problem, is_error=True)


def _sandbox_problem(folder: Path, unit: Unit | None) -> str:
    if unit is None or not unit.forbids_writing(folder):
        return ""
    state = unit.words("StateDirectory")
    advice = f": take /var/lib/{state[0]}" if state else ", see its ReadWritePaths"
    return f"{folder} cannot be written under {unit.path}{advice}"


def _folder_problem(folder: Path, user: str) -> str:
    """Return why a folder cannot be made or written; empty if it can, or nobody knows."""
    existing = folder
    try:
        while not existing.exists():
            existing = existing.parent
        if not existing.is_dir():
            return f"{folder} cannot be made: {existing} is no folder"
        name, may_write = _access(existing, user, is_whole=existing == folder)
    except PermissionError:
        return "" if user else f"{folder} cannot be reached by {_own_name()}"
    except (OSError, KeyError):
        return ""
    if may_write:
        return ""
    verb = "written" if existing == folder else f"made in {existing}"
    return f"{folder} cannot be {verb} by {name}"


def _access(folder: Path, user: str, *, is_whole: bool) -> tuple[str, bool]:
    """Return the server's user, and whether this user can write into an existing folder.

    Args:
        folder: The folder.
        user: The user; empty where no unit names one.
        is_whole: Whether the folder is the data folder itself, whose owner is the user then.

    Raises:
        KeyError: There is no such user.
    """
    found = folder.stat()
    own = os.geteuid()
    if not user and own == 0 and is_whole and found.st_uid != 0:
        user = pwd.getpwuid(found.st_uid).pw_name
    entry = pwd.getpwnam(user) if user else None
    if entry is None or entry.pw_uid == own:
        return _own_name(), os.access(folder, os.W_OK | os.X_OK, effective_ids=True)
    if entry.pw_uid == 0:
        return user, True
    groups = os.getgrouplist(user, entry.pw_gid)
    parents = all(_has(parent, 1, entry.pw_uid, groups) for parent in folder.parents)
    return user, parents and _has(folder, 3, entry.pw_uid, groups)


def _has(path: Path, bits: int, uid: int, groups: list[int]) -> bool:
    """Return whether a user has permissions on a folder, by its mode."""
    found = path.stat()
    shift = 6 if found.st_uid == uid else 3 if found.st_gid in groups else 0
    return found.st_mode >> shift & bits == bits


def _own_name() -> str:
    with contextlib.suppress(KeyError):
        return pwd.getpwuid(os.geteuid()).pw_name
    return f"user {os.geteuid()}"


def _limits(settings: "Settings", unit: Unit | None) -> Iterator[Finding]:
    """Yield settings beyond what systemd and the kernel allow, and files that are missing."""
    drain = settings.limits.drain_seconds
    most = unit.stop_seconds if unit else _OUR_STOP_SECONDS
    who = str(unit.path) if unit else "the unit and the compose file in deploy/"
    if drain + _LAST_WRITES > most:
        text = (
            f"{drain:g} and {_LAST_WRITES:g} for the last writes are more than the {most:g} seconds"
            f" after which {who} kill the server: raise TimeoutStopSec or stop_grace_period"
        )
        yield Finding((_limit("drain_seconds"),), text)
    files = _open_files(unit)
    if settings.limits.sockets > files:
        text = (
            f"{settings.limits.sockets} sockets are more than {files} open files: raise LimitNOFILE"
        )
        yield Finding((_limit("sockets"),), text)
    for one in settings.networks.lists:
        if not one.path.exists():
            text = f"{one.path} of the list {one.name} does not exist: nobody is kept out by it"
            yield Finding((("networks", "lists"),), text)


def _limit(name: str) -> Keys:
    return "limits", name


def _open_files(unit: Unit | None) -> float:
    text = unit.last("LimitNOFILE").rpartition(":")[2] if unit else ""
    if text == "infinity":
        return float("inf")
    return int(text) if text.isdecimal() else resource.getrlimit(resource.RLIMIT_NOFILE)[1]
