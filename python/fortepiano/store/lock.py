"""The lock of a data folder: one server, or one `restore`, owns the folder at a time.

The lock is of flock(2), on a file that also says who has it. It belongs to the open file, so a
descriptor that a process inherits has the same lock, and the lock ends with the last of them. Other
commands need no lock.
"""

import contextlib
import fcntl
import os
import threading
from collections.abc import Generator
from pathlib import Path

import msgspec

from fortepiano.errors import StoreError
from fortepiano.store.files import make_folder, open_private
from fortepiano.store.owner import Owner, owner_of

__all__ = ["LOCK", "FolderLock", "locked_folder"]

LOCK = "server.lock"
"""Name of the locked file."""

_FILE_BYTES = 4096


class FolderLock:
    """The lock of a data folder, held or, in a successor, soon to be held.

    Args:
        descriptor: The descriptor of the file.
        is_shared: Whether the lock is that of a parent, which stays the owner.

    Attributes:
        descriptor: Likewise; a successor inherits it.
    """

    def __init__(self, descriptor: int, *, is_shared: bool = False) -> None:
        self.descriptor = descriptor
        self._is_shared = is_shared

    def write(self, owner: Owner) -> None:
        """Write the owner into the file; on a full disk it stays without one."""
        if not self._is_shared:
            _write(self.descriptor, owner)

    def take_over(self, owner: Owner) -> None:
        """Hold the lock for a new owner once the old process has ended; do not wait for that.

        An inherited lock is held already, except on network file systems, where locks belong to
        processes. Servers of older versions share the lock and hand nothing over.
        """
        if self._is_shared:
            return
        # A thread or a descriptor may be one too many. The clients are here already, so go on.
        with contextlib.suppress(OSError, RuntimeError):
            threading.Thread(
                target=_wait_and_write,
                args=(os.dup(self.descriptor), owner),
                name="folder-lock",
                daemon=True,
            ).start()


@contextlib.contextmanager
def locked_folder(
    folder: Path, owner: Owner, *, inherited: int | None = None, is_shared: bool = False
) -> Generator[FolderLock]:
    """Own a data folder.

    Args:
        folder: The folder.
        owner: This process.
        inherited: In a successor, the descriptor of the old process's lock, -1 for none: then the
            lock is not held until `take_over`.
        is_shared: Whether the inherited lock is that of a parent, which stays the owner.

    Raises:
        StoreError: The folder cannot be written or locked, or another process owns it.
    """
    descriptor = _opened(folder) if inherited is None else _adopted(folder, inherited)
    lock = FolderLock(descriptor, is_shared=is_shared)
    try:
        if inherited is None:
            _acquire(folder, descriptor)
            lock.write(owner)
        yield lock
    finally:
        os.close(descriptor)


def _opened(folder: Path) -> int:
    try:
        make_folder(folder)
        return open_private(
            folder / LOCK, os.O_NOFOLLOW
        )  # the target of a link would be overwritten
    except OSError as error:
        raise StoreError(folder, f"cannot be written: {error.strerror or error}") from None


def _adopted(folder: Path, inherited: int) -> int:
    """Return the inherited descriptor, or another one if it is not of the folder's lock."""
    opened = _opened(folder)
    if inherited < 0:
        return opened
    try:
        is_lock = os.path.sameopenfile(opened, inherited)
    except OSError:
        is_lock = False
    if not is_lock:
        return opened
    os.close(opened)
    os.set_inheritable(inherited, False)
    return inherited


def _acquire(folder: Path, descriptor: int) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        other = owner_of(os.pread(descriptor, _FILE_BYTES, 0))
        raise StoreError(
            folder, f"{other} uses this folder; stop it, or choose another `data_dir`"
        ) from None
    except OSError as error:
        raise StoreError(
            folder,
            f"cannot be locked: {error.strerror or error};"
            " choose a `data_dir` on a disk of this machine",
        ) from None


def _write(descriptor: int, owner: Owner) -> None:
    data = msgspec.json.encode(owner) + b"\n"
    with contextlib.suppress(OSError):
        os.pwrite(descriptor, data, 0)
        os.ftruncate(descriptor, len(data))


def _wait_and_write(descriptor: int, owner: Owner) -> None:
    """Wait for the lock, with a descriptor of this thread's own, and write the owner."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        _write(descriptor, owner)
    except OSError:
        pass  # as before: the old process held no lock that could be taken
    finally:
        os.close(descriptor)
