"""A server that runs from an installed version, in whose place a test may install another one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import fortepiano
from support.server import Server

__all__ = ["InstalledServer", "installed_server"]

_PACKAGE = Path(fortepiano.__file__).parent
_IGNORED = shutil.ignore_patterns("__pycache__", "samples")


class InstalledServer:
    """A server with an installation of its own: a copy of the package, as an installer leaves it.

    Attributes:
        server: The server.
        site: The folder where the packages are.
    """

    def __init__(self, server: Server) -> None:
        """Install version 1.0."""
        self.server = server
        self.site = server.folder / "site"
        self.site.mkdir()
        ours = [one for one in os.environ.get("PYTHONPATH", "").split(os.pathsep) if one]
        server.configure(PYTHONPATH=os.pathsep.join([str(self.site), *ours]))
        self.install("1.0")

    def remove(self) -> None:
        """Remove the version that is installed: the first half of what pip does."""
        for folder in (self.site / "fortepiano", *self.site.glob("fortepiano-*.dist-info")):
            shutil.rmtree(folder, ignore_errors=True)

    def install(self, version: str, **edits: tuple[str, str]) -> None:
        """Install a version, in place of another one.

        Args:
            version: The version.
            edits: What it has in place of what, by the path of a file, with __ for / and no suffix.
        """
        self.remove()
        package = self.site / "fortepiano"
        shutil.copytree(_PACKAGE, package, ignore=_IGNORED)
        for path, (old, new) in edits.items():
            self._edit(next(package.glob(f"{path.replace('__', '/')}.*")), old, new)
        info = self.site / f"fortepiano-{version}.dist-info"
        info.mkdir()
        text = f"Metadata-Version: 2.4\nName: fortepiano\nVersion: {version}\n"
        (info / "METADATA").write_text(f"{text}Requires-Dist: some-library>=1\n\nA piano.\n")
        (info / "RECORD").write_text(f"the files of {version}: {edits}\n")

    def install_library(self, version: str) -> None:
        """Install a version of a library that the package needs."""
        for folder in self.site.glob("some_library-*.dist-info"):
            shutil.rmtree(folder)
        info = self.site / f"some_library-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Name: some-library\nVersion: {version}\n\n")
        (info / "RECORD").write_text("")

    def append(self, file: str, text: str) -> None:
        """Edit the installed version in place: append a text to a file of the package."""
        with (self.site / "fortepiano" / file).open("a") as out:
            out.write(text)

    def _edit(self, path: Path, old: str, new: str) -> None:
        text = path.read_text()
        assert text.count(old) == 1, (path, old)
        path.write_text(text.replace(old, new))


@contextmanager
def installed_server(library: str = "") -> Iterator[InstalledServer]:
    """Run version 1.0 during a `with` block, perhaps with a version of a library."""
    server = Server()
    try:
        made = InstalledServer(server)
        if library:
            made.install_library(library)
        server.tokens["admin"] = server.make_token("admin")
        server.start()
        yield made
    finally:
        server.close()
