"""`fortepiano gen-config` and `check-config`: the settings as a file."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fortepiano.cli.options import ConfigFile
from fortepiano.errors import InputError

if TYPE_CHECKING:
    from fortepiano.config import Reading

__all__ = ["check_config", "gen_config"]


def gen_config(
    file: Annotated[
        Path | None,
        typer.Argument(help="File to write, which must not exist.", show_default="to stdout"),
    ] = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="Folder of everything that survives a restart.")
    ] = None,
    trusted: Annotated[
        list[str] | None,
        typer.Option(help="Address, network or unix:/path of a proxy; may be given several times."),
    ] = None,
) -> None:
    """Write a settings file: all settings with their units, and their defaults as comments."""
    from fortepiano.config.example import example
    from fortepiano.store.files import write_private

    text = example(data_dir=data_dir, trusted=trusted or ())
    if file is None:
        typer.echo(text, nl=False)
        return
    try:
        # Private, so that secrets which are added later are safe.
        write_private(file, text.encode(), is_new=True)
    except OSError as error:
        raise InputError([f"{file}: {error.strerror or error}"]) from error


def check_config(config: ConfigFile = None) -> None:
    """Show the problems of the settings, and which settings differ from their defaults.

    The command reads the environment, .env and the settings file, as a server started here would.
    Where systemd's unit starts the server with this file, its user and its limits count. The exit
    status is 2 if a server would not start, and 0 if there are warnings only.
    """
    from fortepiano import config as configuration
    from fortepiano.config.finding import refuse_errors, warning_lines
    from fortepiano.config.sources import DEFAULT_FILE
    from fortepiano.server.installed_unit import unit_of
    from fortepiano.server.machine import machine_findings

    reading = configuration.read(config, {})
    unit = unit_of(config or DEFAULT_FILE)
    findings = [*reading.findings, *machine_findings(reading.settings, unit)]
    refuse_errors(findings, reading.origins)
    _show_changes(reading)
    warnings = warning_lines(findings, reading.origins)
    for line in warnings:
        typer.echo(f"fortepiano: warning: {line}", err=True)
    if warnings:
        typer.echo(f"The settings can be used; warnings: {len(warnings)}.")
    elif reading.origins:
        typer.echo("The settings are fine.")
    else:
        typer.echo("The settings are fine: all are defaults.")


def _show_changes(reading: "Reading") -> None:
    """Print the settings that differ from their defaults, and how many are only set to them."""
    from fortepiano.config import Settings
    from fortepiano.config.running import changes, shown

    changed = changes(Settings(), reading.settings)
    for keys, (_, value) in changed.items():
        if keys in reading.origins:
            place = reading.origins[keys].place
            typer.echo(f"{'.'.join(keys)} = {shown(value)}  (from {place})")
    same = len(reading.origins.keys() - changed.keys())
    if same:
        typer.echo(f"Set to what is the default: {same}.")
