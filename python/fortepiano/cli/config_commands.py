"""`fortepiano gen-config` and `check-config`: the settings as a file."""

from pathlib import Path
from typing import Annotated

import typer

from fortepiano.cli.options import ConfigFile
from fortepiano.errors import InputError

__all__ = ["check_config", "gen_config"]


def gen_config(
    file: Annotated[
        Path | None,
        typer.Argument(help="File to write, which must not exist.", show_default="to stdout"),
    ] = None,
) -> None:
    """Write a settings file with all settings, their units and defaults."""
    from fortepiano.config.example import example
    from fortepiano.store.files import write_private

    if file is None:
        typer.echo(example(), nl=False)
        return
    try:
        # Private, so that secrets which are added later are safe.
        write_private(file, example().encode(), is_new=True)
    except OSError as error:
        raise InputError([f"{file}: {error.strerror or error}"]) from error


def check_config(config: ConfigFile = None) -> None:
    """Show the problems of the settings, or else which settings are set, and where.

    The command reads the environment, .env and the settings file, as a server started here would.
    """
    from fortepiano.config import Settings, sources
    from fortepiano.config.running import shown, values

    layers = sources.read(config, {})
    settings = sources.build(Settings, layers)
    origins = sources.origins(Settings, layers)
    for keys, value in values(settings):
        if keys in origins:
            typer.echo(f"{'.'.join(keys)} = {shown(value)}  (from {origins[keys]})")
    typer.echo("The settings are fine." if origins else "The settings are fine: all are defaults.")
