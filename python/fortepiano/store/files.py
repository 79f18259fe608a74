"""Private files and folders, which only their owner can read; files are replaced as a whole.

A file that root makes in a folder of another user belongs to that user. So a command that root runs
leaves nothing that the server cannot open. SQLite does likewise: its files beside the database get
the owner of the database.
"""

import os
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

__all__ = ["draft", "make_folder", "open_private", "write_private"]

_ROOT = 0


def make_folder(path: Path) -> None:
    """Make a private folder unless it exists; folders around it that are missing are made too.

    Raises:
        OSError: The folder cannot be made.
    """
    missing = [one for one in (path, *path.parents) if not one.exists()]
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    for made in reversed(missing):
        descriptor = os.open(made, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            _give_to_owner(descriptor, made)
        finally:
            os.close(descriptor)


def open_private(path: Path, flags: int = 0) -> int:
    """Open a file to read and write, which is made if need be; return the descriptor.

    Args:
        path: The file.
        flags: Further flags of `os.open`.

    Raises:
        OSError: The file cannot be opened.
    """
    flags |= os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
    try:
        # Only a file made here is given away: a link may lead to any file of the machine.
        descriptor = os.open(path, flags | os.O_EXCL, 0o600)
    except FileExistsError:
        if flags & os.O_EXCL:
            raise
        return os.open(path, flags, 0o600)
    try:
        _give_to_owner(descriptor, path)
    except BaseException:
        os.close(descriptor)
        path.unlink(missing_ok=True)
        raise
    return descriptor


@contextmanager
def draft(path: Path) -> Generator[BinaryIO]:
    """Open a draft of a private file; the draft replaces the file at the end of the `with` block.

    If writing fails, the draft is deleted and the file stays as it was. A pipe or a device, such as
    `/dev/stdout`, is never replaced but written to.

    Args:
        path: The file.

    Yields:
        The draft, open for writing.

    Raises:
        OSError: The file cannot be written.
    """
    if path.exists() and not path.is_file():
        with path.open("wb") as file:
            yield file
        return
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")  # mode 600
    try:
        with os.fdopen(handle, "wb") as file:
            _give_to_owner(handle, path)
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


def _give_to_owner(descriptor: int, path: Path) -> None:
    """Give a new file or folder of root to the user whom the folder around it belongs to.

    In a folder of root, a file that is replaced keeps its owner.

    Args:
        descriptor: The new file.
        path: The place of the file, where an older one may be.

    Raises:
        OSError: The owner cannot be changed; then the file must not stay.
    """
    if os.geteuid() != _ROOT:
        return
    owner = path.parent.stat()
    if owner.st_uid == _ROOT:
        try:
            owner = path.stat(follow_symlinks=False)
        except FileNotFoundError:
            return
    if os.fstat(descriptor).st_uid != owner.st_uid:
        os.fchown(descriptor, owner.st_uid, owner.st_gid)
