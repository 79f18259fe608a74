"""The lock of a data folder, between servers and commands that must not run beside one."""

import contextlib
import fcntl
import os
from collections.abc import Generator
from pathlib import Path

from fortepiano.errors import StoreError

__all__ = ["LOCK", "alone_in", "serving_from"]

LOCK = "server.lock"
"""Name of the locked file. The file stays empty; the lock ends with its process."""


@contextlib.contextmanager
def serving_from(folder: Path) -> Generator[None]:
    """Mark a data folder as used by a server.

    Raises:
        StoreError: The folder cannot be written, or a backup is being restored into it.
    """
    with _locked(folder, fcntl.LOCK_SH, "a backup is being restored into it"):
        yield


@contextlib.contextmanager
def alone_in(folder: Path) -> Generator[None]:
    """Keep servers out of a data folder.

    Raises:
        StoreError: The folder cannot be written, or a server uses it.
    """
    with _locked(folder, fcntl.LOCK_EX, "a server runs on it; stop it first"):
        yield


@contextlib.contextmanager
def _locked(folder: Path, kind: int, refusal: str) -> Generator[None]:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreError(folder, f"cannot be written: {error.strerror or error}") from None
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise StoreError(folder, refusal) from None
    try:
        yield
    finally:
        os.close(descriptor)
