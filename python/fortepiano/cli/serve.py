"""`fortepiano serve`: runs the server."""

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from fortepiano.cli.options import ConfigFile, DataDir
from fortepiano.errors import BinaryError

if TYPE_CHECKING:
    from pathlib import Path

    from fortepiano.config import Settings
    from fortepiano.upgrade.new_process import NewProcess

__all__ = ["serve"]


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
    dev: Annotated[
        bool, typer.Option("--dev", help="Reload when a handler or a settings file changes.")
    ] = False,
    processes: Annotated[
        int | None,
        typer.Option(
            help="How many processes; 0 for one a core. More than one need cluster.url.",
            show_default="1",
        ),
    ] = None,
    take_over: Annotated[int | None, typer.Option(hidden=True)] = None,
    member: Annotated[str | None, typer.Option(hidden=True)] = None,
    resume: Annotated[int | None, typer.Option(hidden=True)] = None,
) -> int:
    """Serve until SIGTERM or SIGINT.

    Flags win over the environment (FORTEPIANO_…), that over .env, and that over the settings file.
    """
    # Imported here, so that --help and --version do not wait for these modules.
    from fortepiano import config as configuration
    from fortepiano.config.sources import DEFAULT_FILE, DOTENV_FILE
    from fortepiano.observe import logs
    from fortepiano.observe.standard_streams import fill_standard_streams

    fill_standard_streams()
    flags: dict[str, object] = {
        "host": host,
        "port": port,
        "internal_port": internal_port,
        "data_dir": data_dir,
        "log_level": log_level,
        "cluster.processes": processes,
    }
    load = partial(configuration.load, config, flags)
    watched = (config or DEFAULT_FILE, DOTENV_FILE) if dev else None
    with _new_process(take_over) as upgrade:
        # Others listen already, and write into the folder: an old process, or a parent.
        is_first = upgrade is None and member is None and resume is None
        settings, warnings = _checked(config, flags, is_first=is_first)
        # A server alone stays alone in an upgrade, which refuses another number of processes.
        is_several = resume is not None or (upgrade is None and settings.cluster.process_count > 1)
        run = _run_parent(resume) if is_several and member is None else _run_server(member)
        for line in warnings if member is None else ():
            logs.logger(__name__).warning("a setting is doubtful", setting=line)
        return run(settings, load, watched, upgrade)


def _checked(
    config: "Path | None", flags: "Mapping[str, object]", *, is_first: bool
) -> "tuple[Settings, list[str]]":
    """Return the settings, and lines about doubtful ones; the log is as they say from then on.

    Args:
        config: The option `--config`.
        flags: Settings by dotted name.
        is_first: Whether no other process serves for this one: then the machine is looked at.

    Raises:
        ConfigError: The settings are wrong.
    """
    from fortepiano import config as configuration
    from fortepiano.config.finding import refuse_errors, warning_lines
    from fortepiano.net.inherited import are_passed_on
    from fortepiano.observe import logs
    from fortepiano.server.machine import machine_findings

    reading = configuration.read(config, flags)
    findings = [*reading.findings]
    if is_first:
        findings += machine_findings(reading.settings, has_sockets=are_passed_on())
    refuse_errors(findings, reading.origins)
    logs.configure(reading.settings.log_level, reading.settings.log_severities)
    return reading.settings, list(warning_lines(findings, reading.origins))


def _run_parent(resume: int | None) -> "Callable[..., int]":
    """Return the program of the parent of several processes.

    Args:
        resume: The descriptor of what the program before this one held; None for a start.
    """
    from fortepiano.processes.parent import run

    def run_here(settings: "Settings", load: "Callable[[], Settings]", *_: object) -> int:
        return run(settings, load, resume)

    return run_here


def _run_server(member: str | None) -> "Callable[..., int]":
    """Return the program of a server, which may be one of several processes.

    Args:
        member: The value of the option `--member`.

    Raises:
        BinaryError: The compiled part is missing.
    """
    # Imported last, so that mistakes in the settings are reported even if the compiled part is
    # missing.
    try:
        from fortepiano.server.process import run
    except ImportError as error:
        raise BinaryError(str(error)) from error
    if member is None:
        return run
    from fortepiano.observe import logs
    from fortepiano.server.member import Member

    this = Member.of(member)
    logs.name_process(this.number)
    return partial(run, member=this)


@contextmanager
def _new_process(descriptor: int | None) -> "Generator[NewProcess | None]":
    """Yield the new side of an upgrade, or None; any exception is reported to the old process.

    Args:
        descriptor: The channel to the old process; None if this is no upgrade.
    """
    if descriptor is None:
        yield None
        return
    try:
        from fortepiano.upgrade.new_process import NewProcess
    except ImportError as error:
        raise BinaryError(str(error)) from error
    upgrade = NewProcess(descriptor)
    try:
        yield upgrade
    except BaseException as error:
        upgrade.refuse(error)
        raise
