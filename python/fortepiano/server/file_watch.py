"""Sees files change, for `serve --dev`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import fortepiano

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Sequence

__all__ = ["watch"]

_PACKAGE = Path(fortepiano.__file__).parent
_CODE = (_PACKAGE / "handlers", _PACKAGE / "protocol")


async def watch(files: Sequence[Path], changed: asyncio.Event) -> None:
    """Set an event after each change of handlers or of settings files.

    Args:
        files: The settings files, which need not exist.
        changed: What is set.
    """
    # Here, as only developers need it.
    from watchfiles import Change, awatch  # pyright: ignore[reportUnknownVariableType]

    wanted = {str(file.resolve()) for file in files}

    def matters(_change: Change, path: str) -> bool:
        return path.endswith(".py") or path in wanted

    # Folders, since editors put another file in a file's place.
    folders = {file.resolve().parent for file in files}
    async for _ in awatch(
        *_CODE, *(one for one in folders if one.is_dir()), watch_filter=matters, recursive=False
    ):
        changed.set()
