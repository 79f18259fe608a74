"""`fortepiano upgrade`."""

import typer

from fortepiano.cli.options import ConfigFile, DataDir

__all__ = ["upgrade"]


def upgrade(data_dir: DataDir = None, config: ConfigFile = None) -> None:
    """Let the version that is installed now go on in the running server's place.

    Nobody is disconnected. The server is found by its data folder. Where the new process cannot
    take over, the old one goes on.
    """
    from fortepiano import config as configuration
    from fortepiano.server.command_socket import ask

    settings = configuration.load(config, {"data_dir": data_dir})
    answer = ask(settings.data_dir, "upgrade")
    typer.echo(
        f"Version {answer['version']} serves {answer['connections']} connections as process"
        f" {answer['pid']}, after a pause of {answer['pause_ms']:.0f} ms."
    )
