"""`fortepiano reload`."""

import typer

from fortepiano.cli.options import ConfigFile, DataDir

__all__ = ["reload"]


def reload(data_dir: DataDir = None, config: ConfigFile = None) -> None:
    """Let the running server read its settings and handlers anew; nobody is disconnected.

    The server is found by its data folder. Where anything is wrong, nothing changes. SIGHUP does
    the same, and tells in the log.
    """
    from fortepiano import config as configuration
    from fortepiano.server.command_socket import ask

    settings = configuration.load(config, {"data_dir": data_dir})
    answer = ask(settings.data_dir, "reload")
    for name, (before, after) in answer["changed"].items():
        typer.echo(f"{name}: {before} → {after}")
    for name, (before, after) in answer["waiting"].items():
        typer.echo(f"{name}: {before} → {after} needs a restart")
    if answer["handlers"]:
        typer.echo("handlers: read anew")
    typer.echo("Reloaded." if any(answer.values()) else "Nothing has changed.")
