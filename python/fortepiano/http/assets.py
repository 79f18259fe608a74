"""The browser client's page and files: their URLs, and how long caches may store them."""

from __future__ import annotations

import hashlib
import re
import time
from typing import TYPE_CHECKING

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.routing import Mount
from starlette.staticfiles import NotModifiedResponse, StaticFiles

from fortepiano.http.page_modules import GENERATED, libraries_module

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.routing import BaseRoute
    from starlette.types import Scope

__all__ = ["Client"]

_CHECK_SECONDS = 1.0
_IMMUTABLE = "public, max-age=31536000, immutable"


class Client:
    """The page and the files below `/assets/`.

    Each file has two URLs. The page uses URLs such as `/assets/<digest>/net.js`, where the digest
    covers all files. So a change gives all files new URLs, caches may store them for good, and
    relative imports of modules stay within one version. Browsers revalidate `/assets/net.js` each
    time.

    Generated modules (`page_modules.py`) are served, and named in the page, as if they were files.

    Recorded sounds are at `/assets/samples/<package and version>/`, and libraries of others at
    `/assets/libraries/<package and version>/`, without the digest: they stay the same while the
    page's own files change.
    """

    def __init__(self, web: Path) -> None:
        """Serve the browser client in a folder.

        Args:
            web: The folder with `index.html`, `assets/` and, if they were fetched, `samples/` and
                `libraries/`.
        """
        self._web = web
        self._generated = {name: text().encode() for name, text in GENERATED.items()}
        self._generated["libraries.js"] = libraries_module(web).encode()
        self._seen: list[tuple[Path, int]] = []
        self._checked_at = -_CHECK_SECONDS
        self._page = b""
        self.digest = ""

    def routes(self) -> list[BaseRoute]:
        """Return the routes of the files."""
        files = Mount("/assets", _Files(self, self._web / "assets", self._generated))
        fetched = [name for name in ("samples", "libraries") if (self._web / name).is_dir()]
        mounts = [
            Mount(f"/assets/{name}", _Immutable(directory=self._web / name)) for name in fetched
        ]
        return [*mounts, files]

    def page(self) -> bytes:
        """Return the page, with the present URLs of the files."""
        # Files are checked for changes again and again, so that a reloaded page has them. They are
        # not checked at each request, because that costs a system call for each file.
        if time.monotonic() - self._checked_at < _CHECK_SECONDS:
            return self._page
        self._checked_at = time.monotonic()
        paths = [path for path in sorted(self._web.glob("assets/**/*")) if path.is_file()]
        seen = [(path, path.stat().st_mtime_ns) for path in (*paths, self._web / "index.html")]
        if seen != self._seen:
            self._make(paths)
            self._seen = seen
        return self._page

    def _make(self, paths: list[Path]) -> None:
        assets = self._web / "assets"
        files = {path.relative_to(assets).as_posix(): path.read_bytes() for path in paths}
        files |= self._generated
        content = hashlib.sha256()
        for name, data in files.items():
            content.update(f"{name}\0".encode() + data)
        self.digest = content.hexdigest()[:12]
        # Without preloading, the browser would learn of a module's imports only after loading the
        # module, and fetch the modules one level of imports after the other.
        modules = "".join(
            f'    <link rel="modulepreload" href="/assets/{name}">\n'
            for name in files
            if name.endswith(".js") and not re.search("worklet|worker", name)
        )
        page = (self._web / "index.html").read_text(encoding="utf-8")
        page = page.replace("  </head>", f"{modules}  </head>", 1)
        page = page.replace('"/assets/', f'"/assets/{self.digest}/')
        # The folder of recorded sounds; empty if there are none.
        page = page.replace(
            'name="samples" content=""', f'name="samples" content="{self._samples()}"'
        )
        self._page = page.encode()

    def _samples(self) -> str:
        folders = sorted(path.parent for path in self._web.glob("samples/*/C4.mp3"))
        return f"/assets/samples/{folders[-1].name}/" if folders else ""


class _Immutable(StaticFiles):
    """Files that never change under their URL."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["cache-control"] = _IMMUTABLE
        return response


class _Files(StaticFiles):
    """The files below `/assets/`, with and without the digest in their URL."""

    def __init__(self, client: Client, directory: Path, generated: dict[str, bytes]) -> None:
        super().__init__(directory=directory)
        self._client = client
        self._generated = generated

    async def get_response(self, path: str, scope: Scope) -> Response:
        digest, _, rest = path.partition("/")
        versioned = re.fullmatch(r"[0-9a-f]{12}", digest) is not None
        name = rest if versioned else path
        if name in self._generated:
            response = self._module(self._generated[name], scope)
        else:
            response = await super().get_response(name, scope)
        # A page of another version, loaded before a restart or from another node, gets the present
        # file, but caches may not store it under that URL.
        if versioned and digest == self._client.digest:
            response.headers["cache-control"] = _IMMUTABLE
        return response

    def _module(self, text: bytes, scope: Scope) -> Response:
        """Return a generated module, or 304 to a browser that has it."""
        headers = {"etag": f'"{hashlib.sha256(text).hexdigest()}"'}
        response = Response(text, media_type="text/javascript", headers=headers)
        if self.is_not_modified(response.headers, Headers(scope=scope)):
            return NotModifiedResponse(response.headers)
        return response
