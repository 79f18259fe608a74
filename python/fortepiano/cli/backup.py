"""`fortepiano backup` and `fortepiano restore`."""

import contextlib
import sys
from collections import Counter
from collections.abc import Generator, Iterable
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from fortepiano.cli.options import ConfigFile, DataDir, store_of
from fortepiano.errors import ConfigError, FortepianoError, StoreError
from fortepiano.store.files import draft
from fortepiano.wall_clock import now_ms

if TYPE_CHECKING:
    from fortepiano.config import Settings
    from fortepiano.store import Store
    from fortepiano.store.dump import Item

__all__ = ["backup", "merged_into_store", "restore"]

_STDIO = "-"

_ANSWER_SECONDS = 3.0
"""How long a running server may take to say where it stores; a frozen one must not stop backups."""


def backup(
    file: Annotated[str, typer.Argument(metavar="FILE", help="The file to write; - for stdout.")],
    force: Annotated[bool, typer.Option("--force", help="Write over an existing file.")] = False,
    data_dir: DataDir = None,
    config: ConfigFile = None,
) -> None:
    """Write all stored data to a file; a server may run meanwhile.

    The file contains the salts of user ids, the keys that sign tokens and digests of tokens: only
    its owner may read it. Nothing is made or changed in the data folder or in Redis.
    """
    from fortepiano import config as configuration
    from fortepiano.store.dump import lines_with
    from fortepiano.store.location import check_empty, items_of_settings, stored_keys

    path = Path(file)
    if file != _STDIO and path.is_file() and not force:
        raise StoreError(file, "exists already; --force writes over it")
    if not path.parent.is_dir():
        raise StoreError(file, "cannot be written: No such file or directory")
    settings = configuration.load(config, {"data_dir": data_dir})
    if settings.store.url == "memory:":
        raise ConfigError(["store.url: memory: keeps nothing that could be saved"])
    _check_server(settings)
    with items_of_settings(settings) as items:
        following = iter(items)
        first = list(islice(following, 3))  # two salts, and one more
        check_empty(settings, first)
        keys = stored_keys(settings).keys()
        lines = lines_with(chain(first, following), keys, now_ms())
        records = _write_stdout(lines) if file == _STDIO else _write(path, lines)
    typer.echo(f"{records} records in {file}", err=file == _STDIO)


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `backup` wrote.")],
    force: Annotated[
        bool, typer.Option("--force", help="Remove the data stored now, except the audit log.")
    ] = False,
    merge: Annotated[
        bool, typer.Option("--merge", help="Add to the data stored now; the newer record wins.")
    ] = False,
    data_dir: DataDir = None,
    config: ConfigFile = None,
) -> None:
    """Restore the data of a backup into any store.

    A server that uses the data folder, or the prefix in Redis, must be stopped first.
    """
    from fortepiano import config as configuration
    from fortepiano.protocol.record_checks import problem_of
    from fortepiano.store import dump
    from fortepiano.store.unsaved import UnsavedChanges

    if force and merge:
        raise typer.BadParameter("goes with --force no more than with --merge", param_hint="FILE")
    items = dump.read(file, problem_of)
    settings = configuration.load(config, {"data_dir": data_dir})
    if merge:
        typer.echo(f"merged: {merged_into_store(items, settings)}")
        return
    with _store_alone(settings) as store:
        if not force and not dump.is_empty(store):
            raise StoreError(
                file,
                "is not restored: something is kept already; --merge adds to it,"
                " --force removes it",
            )
        dump.replace(store, items)
        _replace_keys(settings, items)
        if force:
            UnsavedChanges(settings).discard()
    counts = Counter(kind.name for kind, _ in items)
    typer.echo(f"restored: {', '.join(f'{counts[name]} {name}' for name in counts)}")


@contextlib.contextmanager
def _store_alone(settings: "Settings") -> "Generator[Store]":
    """Open the store of some settings while no server uses it.

    Raises:
        ConfigError: The settings name a store in memory only.
        StoreError: The store cannot be used, or a server runs on it.
    """
    from fortepiano.store.ownership import owning

    with owning(settings) as ownership, store_of(settings, ownership.lease) as store:
        yield store


def merged_into_store(items: "Iterable[Item]", settings: "Settings") -> str:
    """Merge records into the store of the settings, and return how many, for people.

    Signing keys are taken only where the data folder has none: a key that was dropped because it
    leaked must not come back.
    """
    from fortepiano.store.location import stored_keys
    from fortepiano.store.merge import merge
    from fortepiano.store.record_kinds import KEY

    items = list(items)
    with _store_alone(settings) as store:
        merged = merge(store, items, now_ms())
        has_keys = bool(stored_keys(settings).keys())
        keys = sum(kind is KEY for kind, _ in items)
        if keys:
            (merged.kept if has_keys else merged.added)[KEY.name] += keys
            if not has_keys:
                _replace_keys(settings, items)
    return str(merged)


def _replace_keys(settings: "Settings", items: "Iterable[Item]") -> None:
    """Replace the signing keys by those among some records, if there are any."""
    from fortepiano.store.location import stored_keys
    from fortepiano.store.records import SigningKey

    keys = [record for _, record in items if isinstance(record, SigningKey)]
    if keys:
        stored_keys(settings).replace(keys)


def _check_server(settings: "Settings") -> None:
    """Refuse to back up another store than the one that a running server uses.

    Raises:
        StoreError: The server on the data folder stores somewhere else.
    """
    from fortepiano.server.command_socket import ask
    from fortepiano.store.location import place_of

    try:
        found = ask(settings.data_dir, "store", _ANSWER_SECONDS)
    except FortepianoError:
        return  # no server runs there, or one that does not know the question
    if found != place_of(settings):
        there = str(found["url"] or "SQLite")
        if found["prefix"]:
            there += f" (store.prefix {found['prefix']})"
        raise StoreError(
            settings.data_dir,
            f"the server that runs on this folder stores in {there}: give its settings (--config)",
        )


def _write(file: Path, lines: Iterable[bytes]) -> int:
    """Write a backup atomically, and return the number of records in it."""
    try:
        with draft(file) as out:
            return _copy(lines, out)
    except OSError as error:
        raise StoreError(file, f"cannot be written: {error.strerror or error}") from None


def _write_stdout(lines: Iterable[bytes]) -> int:
    """Write a backup to stdout, and return the number of records in it."""
    records = _copy(lines, sys.stdout.buffer)
    sys.stdout.buffer.flush()
    return records


def _copy(lines: Iterable[bytes], out: BinaryIO) -> int:
    """Write the lines of a backup, and return the number of records among them."""
    count = 0
    for line in lines:
        count += 1
        out.write(line)
    return count - 2  # without the header and the last line
