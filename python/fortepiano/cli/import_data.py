"""`fortepiano import`: the data of another server."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from fortepiano.cli.backup import merged_into_store
from fortepiano.cli.options import ConfigFile, DataDir
from fortepiano.errors import ConfigError, NothingStoredError
from fortepiano.wall_clock import now_ms

if TYPE_CHECKING:
    from fortepiano.cli.sources.found import Found, Source
    from fortepiano.config import Settings

__all__ = ["import_data"]


def import_data(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The other server's data.")],
    source: Annotated[
        Literal["dev2"],
        typer.Option("--from", help="The other server: dev2 is mpp-server-dev2, a SQLite file."),
    ],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be done, and change nothing.")
    ] = False,
    users: Annotated[
        bool,
        typer.Option(
            "--users/--no-users",
            help="Users, and what is stored by their ids; not where ids cannot stay.",
        ),
    ] = True,
    data_dir: DataDir = None,
    config: ConfigFile = None,
) -> None:
    """Import the data of another server, as `restore --merge` does.

    The command says what it has added, and counts what cannot be carried over. A server that uses
    the data folder must be stopped first. See docs/moving.md for ids.
    """
    from fortepiano import config as configuration
    from fortepiano.cli.sources.found import Wishes

    settings = configuration.load(config, {"data_dir": data_dir})
    if settings.store.url == "memory:":
        raise ConfigError(["store.url: memory: keeps nothing that a server would find"])
    wishes = Wishes(now_ms(), users, settings.chat.keep == "permanent")
    found = _sources()[source](file, wishes)
    if dry_run:
        typer.echo(f"would be imported: {_tried(settings, found, wishes.at)}")
    else:
        typer.echo(f"imported: {merged_into_store(found.items, settings)}")
    if found.left_out:
        counts = ", ".join(f"{count} {what}" for what, count in found.left_out.items())
        typer.echo(f"left out: {counts}")
    if users and not (settings.salt1.get_secret_value() or settings.salt2.get_secret_value()):
        typer.echo("No id stays the same without the old salts: see docs/moving.md", err=True)


def _sources() -> "dict[str, Source]":
    """Return the readers of other servers' data, by the name that `--from` has."""
    from fortepiano.cli.sources import dev2

    return {"dev2": dev2.read}


def _tried(settings: "Settings", found: "Found", at: int) -> str:
    """Return what an import would do, tried in a copy of the store in memory."""
    from fortepiano.store.dump import replace
    from fortepiano.store.location import items_of_settings
    from fortepiano.store.memory import MemoryStore
    from fortepiano.store.merge import merge

    copy = MemoryStore()
    try:
        with items_of_settings(settings) as items:
            replace(copy, items)
    except NothingStoredError:
        pass  # the import would begin a store
    return str(merge(copy, found.items, at))
