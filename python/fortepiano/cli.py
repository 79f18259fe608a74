"""The command line: `fortepiano serve`, `fortepiano token …` and `fortepiano version`.

A mistake of the user ends with one clear line per problem on stderr and `ExitStatus.MISTAKE`, never
with a traceback; a traceback is a bug.
"""

import contextlib
import sys
import time
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

import typer

from fortepiano.errors import BinaryError, ConfigError, ExitStatus, FortepianoError

if TYPE_CHECKING:
    from fortepiano.store import Store

__all__ = ["main"]

_LONGEST_LABEL = 80

_app = typer.Typer(
    name="fortepiano",
    help="A Multiplayer Piano server.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

_token = typer.Typer(help="Tokens of the staff.", rich_markup_mode=None)
_app.add_typer(_token, name="token")

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
        _complain(" ".join(error.format_message().split()))  # choices come one a line
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
    data_dir: DataDir = None,
    log_level: Annotated[
        str | None, typer.Option(help="debug, info, warning or error.", show_default="info")
    ] = None,
    config: ConfigFile = None,
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


@_token.callback(invoke_without_command=True)
def _token_root(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def _checked_label(label: str) -> str:
    if len(label) > _LONGEST_LABEL or not label.isprintable():
        raise typer.BadParameter(f"must be at most {_LONGEST_LABEL} printable characters")
    return label


@_token.command("create")
def create_token(
    scope: Annotated[
        Literal["read", "moderate", "admin"],
        typer.Option(help="What its holder may do.", show_default=False),
    ],
    label: Annotated[
        str,
        typer.Option(
            help="Whose it is or what it is for.", callback=_checked_label, show_default=False
        ),
    ] = "",
    days: Annotated[
        int | None,
        typer.Option(help="For how long it is valid.", min=1, max=36_500, show_default="for ever"),
    ] = None,
    data_dir: DataDir = None,
    config: ConfigFile = None,
) -> None:
    """Make a token of the staff and show it, this once.

    A running server accepts it within a second. Nothing but the token is on stdout, for scripts.
    """
    from fortepiano.model.staff import mint

    secret, record = mint(scope, label, _now(), days)
    with _store(config, data_dir) as store:
        store.save_token(record)
    # Only now is it on disk.
    typer.echo(secret)
    typer.echo(
        f"It is not shown again. To revoke it: fortepiano token revoke {record.id}", err=True
    )


@_token.command("list")
def list_tokens(data_dir: DataDir = None, config: ConfigFile = None) -> None:
    """List the tokens of the staff; times are UTC."""
    from fortepiano.model.staff import is_valid

    now = _now()
    with _store(config, data_dir) as store:
        tokens = store.tokens()
    _tell_row("ID", "SCOPE", "CREATED", "EXPIRES", "LABEL")
    for one in tokens:
        end = "never" if one.expires is None else _utc(one.expires)
        expires = end if is_valid(one, now) else "expired"
        _tell_row(one.id, one.scope, _utc(one.created), expires, one.label)


@_token.command("revoke")
def revoke_token(
    token_id: Annotated[str, typer.Argument(metavar="ID", help="As `token list` shows it.")],
    data_dir: DataDir = None,
    config: ConfigFile = None,
) -> None:
    """Make a token of the staff worthless.

    A running server knows within a second.
    """
    with _store(config, data_dir) as store:
        if all(one.id != token_id for one in store.tokens()):
            raise typer.BadParameter(
                "no token has it, see `fortepiano token list`", param_hint="ID"
            )
        store.remove_token(token_id)


@contextlib.contextmanager
def _store(config: Path | None, data_dir: Path | None) -> Generator["Store"]:
    """Open the store of the settings, beside a running server too; leaving it waits for the disk.

    Raises:
        ConfigError: The settings are wrong, or nothing is kept with them.
        StoreError: The data cannot be read or written.
    """
    from fortepiano import config as configuration
    from fortepiano import logs
    from fortepiano.store import open_store

    settings = configuration.load(config, {"data_dir": data_dir})
    if settings.store.url == "memory:":
        problem = "memory: keeps nothing that a server would find; choose another store for tokens"
        raise ConfigError([f"store.url: {problem}"])
    logs.configure("critical")  # stdout is for what was asked for; a failure is an exception
    with contextlib.closing(open_store(settings)) as store:
        yield store


def _now() -> int:
    """Return the present; milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def _utc(moment: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.gmtime(moment / 1000))


def _tell_row(token_id: str, scope: str, created: str, expires: str, label: str) -> None:
    typer.echo(f"{token_id:<8}  {scope:<8}  {created:<16}  {expires:<16}  {label}".rstrip())
