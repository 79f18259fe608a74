"""The idle server's memory, import by import: `python benchmarks/imports.py`."""

from __future__ import annotations

import builtins
import resource
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import ModuleType

_PAGE_KB = resource.getpagesize() / 1024
_LEAST_KB = 400
"""Packages below this are shown together."""


def resident_kb() -> float:
    """Return the resident memory of this process; kB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE_KB


class Ledger:
    """The resident memory that each package's own imports add, without their nested imports.

    Attributes:
        own: kB by package.
    """

    def __init__(self) -> None:
        self.own: Counter[str] = Counter()
        self._inner: list[float] = []
        self._import = builtins.__import__

    def __enter__(self) -> Ledger:
        builtins.__import__ = self._note
        return self

    def __exit__(self, *_: object) -> None:
        builtins.__import__ = self._import

    def _note(
        self,
        name: str,
        globals: Mapping[str, object] | None = None,
        locals: Mapping[str, object] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        package = str((globals or {}).get("__name__", "")) if level else name
        before = resident_kb()
        self._inner.append(0.0)
        try:
            return self._import(name, globals, locals, fromlist, level)
        finally:
            total = resident_kb() - before
            self.own[package.split(".")[0]] += int(total - self._inner.pop())
            if self._inner:
                self._inner[-1] += total


def main() -> None:
    """Import the server's modules, and print the memory that they take."""
    start = resident_kb()
    with Ledger() as ledger:
        from fortepiano.server import process as server
    rows = [("the interpreter", start)]
    rows += [(f"`{name}`", kb) for name, kb in ledger.own.most_common() if kb >= _LEAST_KB]
    rows.append(("all others", resident_kb() - sum(kb for _, kb in rows)))
    rows.append((f"**`{server.__name__}`, imported**", resident_kb()))
    print(f"Python {sys.version.split()[0]}\n\n| import | MB |\n| --- | --- |")
    for name, kb in rows:
        print(f"| {name} | {kb / 1024:.1f} |")


if __name__ == "__main__":
    main()
