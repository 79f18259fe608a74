"""`fortepiano backup` and `fortepiano restore`."""

import contextlib
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from fortepiano.cli.options import ConfigFile, DataDir, opened_store
from fortepiano.errors import StoreError
from fortepiano.store.files import draft
from fortepiano.wall_clock import now_ms

__all__ = ["backup", "restore"]


def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What to write.")],
    force: Annotated[bool, typer.Option("--force", help="Write over an existing file.")] = False,
    data_dir: DataDir = None,
    config: ConfigFile = None,
) -> None:
    """Write all stored data to a file; a server may run meanwhile.

    The file contains the salts of user ids and digests of tokens: only its owner may read it.
    """
    from fortepiano.store.dump import lines_of

    if file.exists() and not force:
        raise StoreError(file, "exists already; --force writes over it")
    with opened_store(config, data_dir) as store:
        records = _write(file, lines_of(store, now_ms()))
    typer.echo(f"{records} records in {file}")


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `backup` wrote.")],
    force: Annotated[
        bool, typer.Option("--force", help="Remove the data stored now, except the audit log.")
    ] = False,
    data_dir: DataDir = None,
    config: ConfigFile = None,
) -> None:
    """Restore the data of a backup into any store.

    A server that uses the data folder, or the prefix in Redis, must be stopped first.
    """
    from fortepiano import config as configuration
    from fortepiano.store import dump
    from fortepiano.store.ownership import owning

    items = dump.read(file)
    settings = configuration.load(config, {"data_dir": data_dir})
    with contextlib.ExitStack() as stack:
        ownership = stack.enter_context(owning(settings))
        store = stack.enter_context(opened_store(config, data_dir, ownership.lease))
        if not force and not dump.is_empty(store):
            raise StoreError(file, "is not restored: something is kept already; --force removes it")
        dump.replace(store, items)
    counts = Counter(kind.name for kind, _ in items)
    typer.echo(f"restored: {', '.join(f'{counts[name]} {name}' for name in counts)}")


def _write(file: Path, lines: Iterable[bytes]) -> int:
    """Write a backup atomically, and return the number of records in it."""
    count = 0
    try:
        with draft(file) as out:
            for line in lines:
                count += 1
                out.write(line)
    except OSError as error:
        raise StoreError(file, f"cannot be written: {error.strerror or error}") from None
    return count - 2  # without the header and the last line
