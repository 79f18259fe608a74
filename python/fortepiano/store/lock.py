"""The lock of a data folder, between servers and commands that must not run beside one."""

import contextlib
import fcntl
import os
from collections.abc import Generator
from pathlib import Path

from fortepiano.errors import StoreError
from fortepiano.store.files import make_folder, open_private

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
        make_folder(folder)
        descriptor = open_private(folder / LOCK)
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
