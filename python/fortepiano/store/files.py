"""Private files and folders, which only their owner can read; files are replaced as a whole."""

import os
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

__all__ = ["draft", "make_folder", "open_private", "write_private"]


def make_folder(path: Path) -> None:
    """Make a private folder unless it exists; folders around it that are missing are made too.

    Raises:
        OSError: The folder cannot be made.
    """
    path.mkdir(mode=0o700, parents=True, exist_ok=True)


def open_private(path: Path, flags: int = 0) -> int:
    """Open a file to read and write, which is made if need be; return the descriptor.

    Args:
        path: The file.
        flags: Further flags of `os.open`.

    Raises:
        OSError: The file cannot be opened.
    """
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | flags, 0o600)


@contextmanager
def draft(path: Path) -> Generator[BinaryIO]:
    """Open a draft of a private file; the draft replaces the file at the end of the `with` block.

    If writing fails, the draft is deleted and the file stays as it was.

    Args:
        path: The file.

    Yields:
        The draft, open for writing.

    Raises:
        OSError: The file cannot be written.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")  # mode 600
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def write_private(path: Path, content: bytes, *, is_new: bool = False) -> None:
    """Write a private file as a whole.

    Args:
        path: The file.
        content: The new content.
        is_new: Whether there must be no such file yet.

    Raises:
        OSError: The file cannot be written, or exists already though it must not.
    """
    if is_new:
        os.close(open_private(path, os.O_EXCL))
    try:
        with draft(path) as file:
            file.write(content)
    except BaseException:
        if is_new:
            path.unlink(missing_ok=True)
        raise
