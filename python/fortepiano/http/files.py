"""Files of a folder, served from memory: all of one version, whatever is installed meanwhile."""

from __future__ import annotations

import hashlib
import mimetypes
import time
from itertools import chain
from typing import TYPE_CHECKING

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.staticfiles import NotModifiedResponse, StaticFiles

from fortepiano.observe.installation import INSTALLATION

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from starlette.types import Scope

__all__ = ["INDEX", "Files", "FilesSite"]

INDEX = "index.html"
"""The file that every such folder has; without it the others are being replaced."""

_CHECK_SECONDS = 1.0
"""How often files are checked for changes, at most: it costs a system call for each."""


class Files:
    """The files of a folder, read again when they change, so that a reloaded page has them.

    Not after another version has been installed: its files fit only a server of that version.

    Args:
        folder: The folder.
        patterns: The files of the folder, as globs.
        generated: Further files, by path.

    Attributes:
        content: The content of each file by its path in the folder.
    """

    def __init__(
        self,
        folder: Path,
        patterns: Sequence[str] = ("**/*",),
        generated: Mapping[str, bytes] | None = None,
    ) -> None:
        self._folder = folder
        self._patterns = patterns
        self._generated = generated or {}
        self._seen: list[tuple[Path, int]] = []
        self._checked_at = -_CHECK_SECONDS
        self.content: dict[str, bytes] = {}
        self.refresh()

    def refresh(self) -> bool:
        """Read the files again if some have changed; return whether they have."""
        if time.monotonic() - self._checked_at < _CHECK_SECONDS:
            return False
        self._checked_at = time.monotonic()
        try:
            matches = chain.from_iterable(map(self._folder.glob, self._patterns))
            paths = sorted(path for path in matches if path.is_file())
            seen = [(path, path.stat().st_mtime_ns) for path in paths]
            if seen == self._seen or (self._seen and self._is_replaced(paths)):
                return False
            found = {path.relative_to(self._folder).as_posix(): path.read_bytes() for path in paths}
        except OSError:  # an installer replaces them
            return False
        if self._seen and self._is_replaced(paths):  # since they were read
            return False
        self._seen, self.content = seen, found | dict(self._generated)
        return True

    def _is_replaced(self, paths: list[Path]) -> bool:
        """Return whether other files take, or have taken, the place of these."""
        return self._folder / INDEX not in paths or INSTALLATION.problem() is not None


class FilesSite(StaticFiles):
    """An application that serves files; subclasses add headers.

    Args:
        files: The files.
        prefix: Comes before the path of a request, in the folder of the files.
    """

    def __init__(self, files: Files, prefix: str = "") -> None:
        super().__init__(check_dir=False)
        self._files = files
        self._prefix = prefix

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Return a file, or 304 to a browser that has it."""
        if scope["method"] not in ("GET", "HEAD"):
            raise HTTPException(405, headers={"Allow": "GET, HEAD"})
        content = self._files.content.get(self._prefix + path)
        if content is None:
            raise HTTPException(404)
        media_type, _ = mimetypes.guess_type(path)
        headers = {"etag": f'"{hashlib.sha256(content).hexdigest()}"'}
        response = Response(content, media_type=media_type, headers=headers)
        if self.is_not_modified(response.headers, Headers(scope=scope)):
            return NotModifiedResponse(response.headers)
        return response
