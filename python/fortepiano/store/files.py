"""Atomic replacement of files."""

import os
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

__all__ = ["draft"]


@contextmanager
def draft(path: Path) -> Generator[BinaryIO]:
    """Open a draft of a file; the draft replaces the file at the end of the `with` block.

    Only the owner can read the file. If writing fails, the draft is deleted and the file stays as
    it was.

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
