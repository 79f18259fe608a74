"""Watches the files of handlers and settings, for `serve --dev`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import fortepiano

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Sequence

__all__ = ["watch"]

_PACKAGE = Path(fortepiano.__file__).parent
_CODE = (_PACKAGE / "actions", _PACKAGE / "handlers", _PACKAGE / "protocol")


async def watch(files: Sequence[Path], changed: asyncio.Event) -> None:
    """Set an event after each change of handlers or of settings files, until cancelled.

    Args:
        files: The settings files, which need not exist.
        changed: The event.
    """
    # Imported here, as only developers have the package.
    from watchfiles import Change, awatch  # pyright: ignore[reportUnknownVariableType]

    wanted = {str(file.resolve()) for file in files}

    def matters(_change: Change, path: str) -> bool:
        return path.endswith(".py") or path in wanted

    # The folders are watched, since editors replace a file by another one.
    folders = {file.resolve().parent for file in files}
    async for _ in awatch(
        *_CODE,
        *(folder for folder in folders if folder.is_dir()),
        watch_filter=matters,
        recursive=False,
    ):
        changed.set()
