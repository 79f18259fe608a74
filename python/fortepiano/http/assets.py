"""The browser client's page and files: their URLs, and how long caches may store them."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from fortepiano.http.files import INDEX, Files, FilesSite
from fortepiano.http.page_modules import GENERATED, libraries_module
from fortepiano.observe.installation import INSTALLATION

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.responses import Response
    from starlette.routing import BaseRoute
    from starlette.types import Scope

__all__ = ["Client"]

_ASSETS = "assets/"
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
    page's own files change. They alone are not held in memory.
    """

    def __init__(self, web: Path) -> None:
        """Serve the browser client in a folder.

        Args:
            web: The folder with `index.html`, `assets/` and, if they were fetched, `samples/` and
                `libraries/`.
        """
        self._web = web
        generated = {_ASSETS + name: text().encode() for name, text in GENERATED.items()}
        generated[f"{_ASSETS}libraries.js"] = libraries_module(web).encode()
        patterns = (f"{_ASSETS}**/*", INDEX)
        self._files = Files(web, patterns, generated)
        self._page = b""
        self.digest = ""
        self._make()

    def routes(self) -> list[BaseRoute]:
        """Return the routes of the files."""
        files = Mount("/assets", _Versioned(self, self._files))
        fetched = [name for name in ("samples", "libraries") if (self._web / name).is_dir()]
        mounts = [
            Mount(f"/assets/{name}", _Fetched(directory=self._web / name)) for name in fetched
        ]
        return [*mounts, files]

    def page(self) -> bytes:
        """Return the page, with the present URLs of the files."""
        if self._files.refresh():
            self._make()
        return self._page

    def _make(self) -> None:
        files = {
            name.removeprefix(_ASSETS): data
            for name, data in self._files.content.items()
            if name != INDEX
        }
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
        page = self._files.content[INDEX].decode()
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


class _Fetched(StaticFiles):
    """Files of others, which never change under their URL."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        try:
            response = await super().get_response(path, scope)
        except HTTPException as error:
            why = INSTALLATION.problem()
            if why is None or error.status_code == 405:
                raise
            return PlainTextResponse(f"{why}\n", 503)
        response.headers["cache-control"] = _IMMUTABLE
        return response


class _Versioned(FilesSite):
    """The files below `/assets/`, with and without the digest in their URL."""

    def __init__(self, client: Client, files: Files) -> None:
        super().__init__(files, _ASSETS)
        self._client = client

    async def get_response(self, path: str, scope: Scope) -> Response:
        digest, _, rest = path.partition("/")
        versioned = re.fullmatch(r"[0-9a-f]{12}", digest) is not None
        self._client.page()  # reads changed files
        response = await super().get_response(rest if versioned else path, scope)
        # A page of another version, loaded before a restart or from another node, gets the present
        # file, but caches may not store it under that URL.
        if versioned and digest == self._client.digest:
            response.headers["cache-control"] = _IMMUTABLE
        return response
