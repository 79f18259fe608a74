"""The command line: `fortepiano serve`, `token …`, `bans …`, `audit`, `version` and others.

After a mistake of the user, a command prints one clear line per problem to stderr and exits with
`ExitStatus.MISTAKE`. A traceback is always a bug.
"""

from collections.abc import Sequence
from typing import Annotated

import typer

from fortepiano.cli import (
    audit,
    backup,
    bans,
    config_commands,
    import_data,
    reload,
    serve,
    status,
    token,
    top,
    upgrade,
)
from fortepiano.cli.problems import print_problems
from fortepiano.errors import ExitStatus, FortepianoError

__all__ = ["main"]

_app = typer.Typer(
    name="fortepiano",
    help="A Multiplayer Piano server.",
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

_app.command()(serve.serve)
_app.add_typer(token.app, name="token")
_app.add_typer(bans.app, name="bans")
_app.command()(reload.reload)
_app.command()(upgrade.upgrade)
_app.command()(config_commands.check_config)
_app.command()(config_commands.gen_config)
_app.command()(audit.audit)
_app.command()(backup.backup)
_app.command()(backup.restore)
_app.command("import")(import_data.import_data)
_app.command()(status.status)
_app.command()(top.top)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        arguments: The arguments without the program's name; None for those of the process.

    Returns:
        The exit status.
    """
    try:
        status = _app(args=arguments, prog_name="fortepiano", standalone_mode=False)
    except typer.TyperException as error:
        print_problems(" ".join(error.format_message().split()))  # join the lines of choices
        return ExitStatus.MISTAKE
    except FortepianoError as error:
        print_problems(str(error))
        return ExitStatus.MISTAKE
    return status or ExitStatus.STOPPED


def _print_version(wanted: bool) -> None:
    if wanted:
        version()
        raise typer.Exit


@_app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@_app.command()
def version() -> None:
    """Show the version."""
    from fortepiano import __version__

    typer.echo(f"fortepiano {__version__}")
