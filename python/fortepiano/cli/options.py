"""Common parts of several commands: options, the store, and times for people."""

import contextlib
import gc
import time
from collections.abc import Collection, Generator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from fortepiano.errors import ConfigError, StoreError

if TYPE_CHECKING:
    from fortepiano.config import Settings
    from fortepiano.store import Store
    from fortepiano.store.lease import Lease
    from fortepiano.store.record_kinds import AnyKind

__all__ = ["ACTOR", "ConfigFile", "DataDir", "opened_store", "store_of", "utc"]

ACTOR = "cli"
"""The author of what commands do, as bans and the audit log name it."""

DataDir: TypeAlias = Annotated[
    Path | None,
    typer.Option(help="Folder of everything that survives a restart.", show_default="./data"),
]
ConfigFile: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        help="Settings file.",
        show_default="fortepiano.toml in the current folder, if there is one",
    ),
]


@contextlib.contextmanager
def opened_store(
    config: Path | None,
    data_dir: Path | None,
    *,
    kinds: "Collection[AnyKind] | None" = None,
    only_reads: bool = False,
) -> Generator["Store"]:
    """Read the settings, and open their store; see `store_of`.

    Args:
        config: The option `--config`.
        data_dir: The option `--data-dir`.
        kinds: As of `store_of`.
        only_reads: Likewise.

    Raises:
        ConfigError: The settings are wrong, or name a store in memory only.
        StoreError: The data cannot be read or written, or there is none.
    """
    gc.disable()  # the imports make no garbage, and a collection visits all of their objects
    from fortepiano import config as configuration

    settings = configuration.load(config, {"data_dir": data_dir})
    with store_of(settings, kinds=kinds, only_reads=only_reads) as store:
        yield store


@contextlib.contextmanager
def store_of(
    settings: "Settings",
    lease: "Lease | None" = None,
    *,
    kinds: "Collection[AnyKind] | None" = None,
    only_reads: bool = False,
) -> Generator["Store"]:
    """Open the store of some settings; a server may run meanwhile.

    The end of the `with` block waits until all changes are on the disk.

    Args:
        settings: All settings.
        lease: The lease in Redis of a command that keeps servers out.
        kinds: The kinds of records that the command needs beside the audit log; None for all. No
            others are read, so that a command does not wait for a million users.
        only_reads: Whether the command makes no store where there is none.

    Raises:
        ConfigError: The settings name a store in memory only.
        StoreError: The data cannot be read or written, or there is none.
    """
    gc.disable()  # as above
    from fortepiano.observe import logs
    from fortepiano.store import open_store
    from fortepiano.store.location import require_store
    from fortepiano.store.record_kinds import KINDS

    if settings.store.url == "memory:":
        problem = "memory: keeps nothing that a server would find; choose another store for tokens"
        raise ConfigError([f"store.url: {problem}"])
    require_store(settings, only_reads=only_reads)
    logs.configure("critical")  # stdout is for the command's output; failures are exceptions
    wanted = KINDS if kinds is None else kinds
    opened = open_store(settings, lease, copies_salts=not only_reads, kinds=wanted)
    with contextlib.closing(opened) as store:
        if not store.healthy:  # a server can run without its store for a while, a command cannot
            raise StoreError("store.url", f"the store does not answer: {store.last_error}")
        yield store


def utc(moment: int) -> str:
    """Return a time in milliseconds since 1970 as text, in UTC."""
    return time.strftime("%Y-%m-%d %H:%M", time.gmtime(moment / 1000))
