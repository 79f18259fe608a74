"""The limit of open files of this process, and how many connections that allows."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import resource
from pathlib import Path

from fortepiano.errors import StartError
from fortepiano.observe.logs import logger

__all__ = [
    "enlarge_file_table",
    "has_free_file",
    "most_connections",
    "most_files",
    "raise_file_limit",
]

_RESERVED_FILES = 48
"""The files reserved for other uses, at least: the store, the event loop, requests for pages."""

_OWN_FILES = 36
"""The files that are never used for connections: the store, the event loop, listeners, upgrades."""

_MAX_TABLE_SIZE = 1 << 16
"""The most files for which the kernel's table is enlarged; half a MiB of its memory."""


def most_connections() -> int:
    """Return how many connections the limit of open files allows, less those for other uses."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(1, soft - max(_RESERVED_FILES, soft // 16))


def most_files() -> int:
    """Return how many connections of all kinds the limit of open files allows."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(1, soft - _OWN_FILES)


def has_free_file() -> bool:
    """Return whether this process can open one more file.

    Without one the event loop accepts new connections only to close them, and reports nothing.
    """
    try:
        os.close(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))
    except OSError as error:
        return error.errno not in (errno.EMFILE, errno.ENFILE)
    return True


def raise_file_limit() -> None:
    """Raise the soft limit of open files to the hard one, since each connection is a file.

    Raises:
        StartError: The hard limit leaves no file for connections.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < _RESERVED_FILES:  # libuv would abort the process
        needed = f"at least {_RESERVED_FILES} are needed (LimitNOFILE=, ulimit -n)"
        raise StartError(f"{hard} open files are allowed, and {needed}")
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    logger(__name__).info("open files", soft=hard, before=soft)


def enlarge_file_table() -> None:
    """Make the kernel allocate this process's table of open files in its final size.

    In a process with threads each doubling of the table waits for an RCU grace period. Then
    `accept` would stop the event loop for 6 to 17 ms.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    last = min(hard, _MAX_TABLE_SIZE) - 1
    with Path(os.devnull).open("rb") as file, contextlib.suppress(OSError):
        os.close(fcntl.fcntl(file, fcntl.F_DUPFD_CLOEXEC, last))
