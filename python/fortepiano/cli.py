"""The command line: `fortepiano serve` and `fortepiano version`.

A mistake of the user ends with one clear line per problem on stderr and `ExitStatus.MISTAKE`, never
with a traceback; a traceback is a bug.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from fortepiano.errors import BinaryError, ExitStatus, FortepianoError

__all__ = ["main"]

_app = typer.Typer(
    name="fortepiano",
    help="A Multiplayer Piano server.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        arguments: What stands behind the program's name; None for the arguments of the process.

    Returns:
        The exit status.
    """
    try:
        status = _app(args=arguments, prog_name="fortepiano", standalone_mode=False)
    except typer.TyperException as error:
        _complain(error.format_message())
        return ExitStatus.MISTAKE
    except FortepianoError as error:
        _complain(str(error))
        return ExitStatus.MISTAKE
    return status or ExitStatus.STOPPED


def _complain(message: str) -> None:
    for line in message.splitlines():
        print(f"fortepiano: {line}", file=sys.stderr)


def _tell_version(wanted: bool) -> None:
    if wanted:
        version()
        raise typer.Exit


@_app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_tell_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@_app.command()
def serve(
    host: Annotated[
        str | None, typer.Option(help="Public address.", show_default="0.0.0.0")  # noqa: S104
    ] = None,
    port: Annotated[int | None, typer.Option(help="Public TCP port.", show_default="8080")] = None,
    internal_port: Annotated[
        int | None,
        typer.Option(help="TCP port of metrics and administration.", show_default="9180"),
    ] = None,
    data_dir: Annotated[
        Path | None,
        typer.Option(help="Folder of everything that survives a restart.", show_default="./data"),
    ] = None,
    log_level: Annotated[
        str | None, typer.Option(help="debug, info, warning or error.", show_default="info")
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            "-c",
            help="Settings file.",
            show_default="fortepiano.toml in the current folder, if there is one",
        ),
    ] = None,
) -> None:
    """Serve until SIGTERM or SIGINT.

    Flags win over the environment (FORTEPIANO_…), that over .env, and that over the settings file.
    """
    # Imported here, so that --help and --version do not wait for it.
    from fortepiano import config as configuration
    from fortepiano import logs

    settings = configuration.load(
        config,
        {
            "host": host,
            "port": port,
            "internal_port": internal_port,
            "data_dir": data_dir,
            "log_level": log_level,
        },
    )
    logs.configure(settings.log_level)
    # Last, so that a mistake in the settings is told even where the compiled part is missing.
    try:
        from fortepiano.server import run
    except ImportError as error:
        raise BinaryError(str(error)) from error
    run(settings)


@_app.command()
def version() -> None:
    """Show the version."""
    from fortepiano import __version__

    typer.echo(f"fortepiano {__version__}")
