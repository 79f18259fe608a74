"""Common parts of several commands: options, the store, and times for people."""

import contextlib
import time
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from fortepiano.errors import ConfigError, StoreError

if TYPE_CHECKING:
    from fortepiano.store import Store
    from fortepiano.store.lease import Lease

__all__ = ["ACTOR", "ConfigFile", "DataDir", "opened_store", "utc"]

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
    lease: "Lease | None" = None,
    *,
    only_reads: bool = False,
) -> Generator["Store"]:
    """Open the store of the settings; a server may run meanwhile.

    The end of the `with` block waits until all changes are on the disk.

    Args:
        config: The option `--config`.
        data_dir: The option `--data-dir`.
        lease: The lease in Redis of a command that keeps servers out.
        only_reads: Whether the command makes no store where there is none.

    Raises:
        ConfigError: The settings are wrong, or name a store in memory only.
        StoreError: The data cannot be read or written, or there is none.
    """
    from fortepiano import config as configuration
    from fortepiano.observe import logs
    from fortepiano.store import open_store
    from fortepiano.store.location import require_store

    settings = configuration.load(config, {"data_dir": data_dir})
    if settings.store.url == "memory:":
        problem = "memory: keeps nothing that a server would find; choose another store for tokens"
        raise ConfigError([f"store.url: {problem}"])
    require_store(settings, only_reads=only_reads)
    logs.configure("critical")  # stdout is for the command's output; failures are exceptions
    with contextlib.closing(open_store(settings, lease, copies_salts=not only_reads)) as store:
        if not store.healthy:  # a server can run without its store for a while, a command cannot
            raise StoreError("store.url", f"the store does not answer: {store.last_error}")
        yield store


def utc(moment: int) -> str:
    """Return a time in milliseconds since 1970 as text, in UTC."""
    return time.strftime("%Y-%m-%d %H:%M", time.gmtime(moment / 1000))
