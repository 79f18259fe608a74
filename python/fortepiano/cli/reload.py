"""`fortepiano reload`: new settings and handlers in the running server."""

import typer

from fortepiano.cli.options import ConfigFile, DataDir

__all__ = ["reload"]


def reload(data_dir: DataDir = None, config: ConfigFile = None) -> None:
    """Reload the settings and handlers of the running server; nobody is disconnected.

    The server is found by its data folder. If anything is wrong, nothing changes. SIGHUP does the
    same, and writes the result to the log.
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
    # A server of an earlier version has no such answer.
    if refused := answer.pop("refused", ""):
        typer.echo(f"fortepiano: the handlers stay as they are: {refused}", err=True)
    typer.echo("Reloaded." if any(answer.values()) else "Nothing has changed.")
