"""The installed files of this process's version, which an installer may replace while it runs.

What is imported, or read, after that would be of another version than what runs already. In a
source tree, or in an editable installation, nothing is installed, and files may be edited.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import NamedTuple

import fortepiano

__all__ = ["INSTALLATION", "Installation"]

_NAME = "fortepiano"
_RECORD = "RECORD"
"""The installer's list of all files of a package, with their digests."""

_REQUIREMENT = re.compile(r"Requires-Dist: ([A-Za-z0-9._-]+)(?!.*;.*\bextra\b)")


class _Seen(NamedTuple):
    """The facts that tell whether a list of files is still the same one."""

    inode: int
    changed_ns: int
    size: int


class Installation:
    """The packages in a folder from which this process runs, as they were when it started.

    Args:
        folder: The folder with this package.

    Attributes:
        version: The version that runs; empty if it is not installed there.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        found = _packages(folder)
        self._own = found.get(_NAME)
        self.version = "" if self._own is None else _version(self._own)
        self._packages = {} if self._own is None else _needed(_NAME, found)
        self._digest = b"" if self._own is None else _digest(self._own)
        self._seen = None if self._own is None else _seen(self._own)

    def problem(self) -> str | None:
        """Return why files are not to be used any more: others took their place. None if none did.

        Costs some system calls while all is as it was.
        """
        if self._own is None:
            return None
        if _seen(self._own) != self._seen and _digest(self._own) != self._digest:
            found = _packages(self._folder).get(_NAME)
            return self._explained(_NAME, found)
        for name, package in self._packages.items():
            if not package.joinpath(_RECORD).exists():
                return self._explained(name, _packages(self._folder).get(name))
        return None

    def _explained(self, name: str, found: Path | None) -> str:
        what = f"another {name}" if found is None else f"{name} {_version(found)}"
        if name == _NAME and found is not None and _version(found) == self.version:
            what = f"another build of {what}"
        return f"{what} was installed, this server runs {self.version}: `fortepiano upgrade`"


def _packages(folder: Path) -> dict[str, Path]:
    """Return the folders in which an installer describes its packages, by normalised name."""
    return {
        _normalised(path.name.partition("-")[0]): path
        for path in folder.glob("*.dist-info")
        if path.joinpath(_RECORD).exists()
    }


def _needed(name: str, found: dict[str, Path]) -> dict[str, Path]:
    """Return the packages that a package needs, directly or not; those in its folder."""
    needed: dict[str, Path] = {}
    names = [name]
    while names:
        for requirement in _requirements(found[names.pop()]):
            if requirement in found and requirement not in needed:
                needed[requirement] = found[requirement]
                names.append(requirement)
    return needed


def _requirements(package: Path) -> list[str]:
    try:
        text = package.joinpath("METADATA").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return [_normalised(one) for one in _REQUIREMENT.findall(text.partition("\n\n")[0])]


def _normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _version(package: Path) -> str:
    return package.name.removesuffix(".dist-info").partition("-")[2]


def _seen(package: Path) -> _Seen | None:
    try:
        found = package.joinpath(_RECORD).stat()
    except OSError:
        return None
    return _Seen(found.st_ino, found.st_mtime_ns, found.st_size)


def _digest(package: Path) -> bytes:
    try:
        return hashlib.sha256(package.joinpath(_RECORD).read_bytes()).digest()
    except OSError:
        return b""


INSTALLATION = Installation(Path(fortepiano.__file__).parents[1])
"""That of this process; noted when this module is imported, at its start."""
