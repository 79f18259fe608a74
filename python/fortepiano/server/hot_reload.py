"""Handlers read anew from their files, beside the ones that run."""

from __future__ import annotations

import hashlib
import sys
from contextlib import contextmanager
from importlib import import_module, invalidate_caches
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from typing import TYPE_CHECKING

import fortepiano
from fortepiano.errors import ReloadError

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from types import CodeType, ModuleType

__all__ = ["DISPATCH", "fingerprint", "install", "invalidate_importers", "reloaded_modules"]

DISPATCH = "fortepiano.handlers.dispatch"

_HANDLERS = "fortepiano.handlers"
_MODULES = ("fortepiano.protocol.incoming", "fortepiano.protocol.staff_incoming")
_RELOADED = (_HANDLERS, *_MODULES)
"""What a message looks like, what it does, and the table that joins the two."""

_IMPORTERS = ("fortepiano.http.admin",)
"""What imports handlers, and is imported again when it is next asked for."""


def fingerprint() -> bytes:
    """Return what differs whenever one of their files does."""
    above = Path(fortepiano.__file__).parent.parent
    files = sorted(above.joinpath(*_HANDLERS.split(".")).glob("*.py"))
    files += [above.joinpath(*name.split(".")).with_suffix(".py") for name in _MODULES]
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.name}\0".encode() + hashlib.sha256(file.read_bytes()).digest())
    return digest.digest()


def reloaded_modules() -> dict[str, ModuleType]:
    """Import handlers and the table anew, and return them; those that run stay as they are.

    May run on another thread than the event loop's, one at a time.

    Raises:
        ReloadError: One of them cannot be imported.
    """
    running = {name: sys.modules.pop(name) for name in list(sys.modules) if _covers(name)}
    invalidate_caches()
    try:
        with _from_source():
            import_module(DISPATCH)
        return {name: module for name, module in sys.modules.items() if _covers(name)}
    except SyntaxError as error:
        raise ReloadError([f"{error.filename}: line {error.lineno}: {error.msg}"]) from error
    except Exception as error:
        raise ReloadError([f"the handlers cannot be imported: {error!r}"]) from error
    finally:
        for name in [name for name in sys.modules if _covers(name)]:
            del sys.modules[name]
        install(running)


def install(modules: dict[str, ModuleType]) -> None:
    """Let modules be those that the names stand for from now on."""
    for name, module in modules.items():
        sys.modules[name] = module
        parent, _, child = name.rpartition(".")
        setattr(sys.modules[parent], child, module)


def invalidate_importers() -> None:
    """Drop importers of handlers from `sys.modules`, so that the next import sees the new code."""
    for name in list(sys.modules):
        if any(_is_in(name, package) for package in _IMPORTERS):
            del sys.modules[name]


def _covers(name: str) -> bool:
    return any(_is_in(name, package) for package in _RELOADED)


def _is_in(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


class _Source(SourceFileLoader):
    """Compiles what is there now.

    What Python has cached of a file counts as fresh while its size and the second of its last
    change are the same: two edits within a second would be one.
    """

    def get_code(self, fullname: str) -> CodeType:
        """Return the code of a module."""
        path = self.get_filename(fullname)
        return self.source_to_code(self.get_data(path), path)


class _Finder(PathFinder):
    @classmethod
    def find_spec(
        cls, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find one of our modules."""
        spec = super().find_spec(fullname, path, target) if _covers(fullname) else None
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = _Source(fullname, spec.loader.path)
        return spec


@contextmanager
def _from_source() -> Generator[None]:
    sys.meta_path.insert(0, _Finder)
    try:
        yield
    finally:
        sys.meta_path.remove(_Finder)
