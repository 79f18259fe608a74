"""Drafts: files that take the place of others as a whole, or not at all."""

import os
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

__all__ = ["draft"]


@contextmanager
def draft(path: Path) -> Generator[BinaryIO]:
    """Open a draft of a file, which takes the file's place when all has been written.

    Only the owner can read the file. Where writing fails, the draft goes and the file stays as it
    was.

    Args:
        path: The file.

    Yields:
        The draft, open for writing.

    Raises:
        OSError: It cannot be written.
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
