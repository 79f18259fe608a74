"""Imports the handlers and their actions again from their files, while the old ones run."""

from __future__ import annotations

import hashlib
import sys
from contextlib import contextmanager
from importlib import import_module, invalidate_caches
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import fortepiano
from fortepiano.errors import ReloadError

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from types import CodeType, ModuleType

__all__ = ["DISPATCH", "fingerprint", "install", "invalidate_importers", "reloaded_modules"]

DISPATCH = "fortepiano.handlers.dispatch"

_FOLDERS = ("fortepiano.actions", "fortepiano.handlers")
_MODULES = ("fortepiano.protocol.incoming", "fortepiano.protocol.staff_incoming")
_RELOADED = (*_FOLDERS, *_MODULES)
"""The modules that a reload imports again: the handlers, their actions, and their messages' shapes.

Actions are reloaded because they have no state, and most of what handlers do is there.
"""

_IMPORTERS = ("fortepiano.http.admin",)
"""Modules that import actions or handlers; they are imported again when they are next needed."""


def fingerprint() -> bytes:
    """Return a digest of all files that a reload imports again."""
    root = Path(fortepiano.__file__).parent.parent
    files = [file for name in _FOLDERS for file in root.joinpath(*name.split(".")).glob("*.py")]
    files.sort()
    files += [root.joinpath(*name.split(".")).with_suffix(".py") for name in _MODULES]
    digest = hashlib.sha256()
    for file in files:
        digest.update(
            f"{file.relative_to(root)}\0".encode() + hashlib.sha256(file.read_bytes()).digest()
        )
    return digest.digest()


def reloaded_modules() -> dict[str, ModuleType]:
    """Import the handlers again and return the new modules; the running ones stay installed.

    May run on another thread than the event loop's, but only one call at a time.

    Raises:
        ReloadError: A module cannot be imported.
    """
    running = _uninstalled()
    invalidate_caches()
    try:
        with _from_source():
            import_module(DISPATCH)
            # Actions of the admin API alone would stay as they are, beside new ones.
            for name in running.keys() - sys.modules.keys():
                if find_spec(name) is not None:
                    import_module(name)
        return {name: module for name, module in sys.modules.items() if _is_reloaded(name)}
    except SyntaxError as error:
        raise ReloadError([f"{error.filename}: line {error.lineno}: {error.msg}"]) from error
    except Exception as error:
        raise ReloadError([f"the handlers cannot be imported: {error!r}"]) from error
    finally:
        _uninstalled()
        install(running)


def install(modules: dict[str, ModuleType]) -> None:
    """Put modules into `sys.modules` and into their packages, in place of the old ones."""
    for name, module in modules.items():
        sys.modules[name] = module
        parent, _, child = name.rpartition(".")
        setattr(sys.modules[parent], child, module)


def _uninstalled() -> dict[str, ModuleType]:
    """Take the modules out of `sys.modules` and out of their packages, and return them.

    `from package import module` would find the old module in a package that is not imported again.
    """
    modules = {name: sys.modules.pop(name) for name in list(sys.modules) if _is_reloaded(name)}
    for name in modules.keys() & set(_MODULES):
        parent, _, child = name.rpartition(".")
        vars(sys.modules[parent]).pop(child, None)
    return modules


def invalidate_importers() -> None:
    """Drop importers of actions from `sys.modules`, so that the next import sees the new code."""
    for name in list(sys.modules):
        if any(_is_in(name, package) for package in _IMPORTERS):
            del sys.modules[name]


def _is_reloaded(name: str) -> bool:
    return any(_is_in(name, package) for package in _RELOADED)


def _is_in(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


class _Source(SourceFileLoader):
    """Compiles the source file, without Python's cache.

    The cache is valid while the size of the file and the second of its last change stay the same.
    So the second of two edits within one second could be missed.
    """

    def get_code(self, fullname: str) -> CodeType:
        """Return the code of a module."""
        path = self.get_filename(fullname)
        return self.source_to_code(self.get_data(path), path)


class _Finder(PathFinder):
    """Finds the modules that a reload imports again, with `_Source` as their loader."""

    @classmethod
    def find_spec(
        cls, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec of a module; None for a module that is not imported again."""
        spec = super().find_spec(fullname, path, target) if _is_reloaded(fullname) else None
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = _Source(fullname, spec.loader.path)
        return spec


@contextmanager
def _from_source() -> Generator[None]:
    """Import from source files, not from Python's cache, while the context lasts."""
    sys.meta_path.insert(0, _Finder)
    try:
        yield
    finally:
        sys.meta_path.remove(_Finder)
