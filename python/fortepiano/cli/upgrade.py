"""`fortepiano upgrade`: a new process takes the place of the running one."""

import typer

from fortepiano.cli.options import ConfigFile, DataDir

__all__ = ["upgrade"]


def upgrade(data_dir: DataDir = None, config: ConfigFile = None) -> None:
    """Replace the running server's process by one of the version that is installed now.

    Nobody is disconnected. The server is found by its data folder. If the new process cannot take
    its place, the old one goes on.
    """
    from fortepiano import config as configuration
    from fortepiano.server.command_socket import ask

    settings = configuration.load(config, {"data_dir": data_dir})
    answer = ask(settings.data_dir, "upgrade")
    several = answer.get("processes")
    who = f"processes {', '.join(map(str, several))}" if several else f"process {answer['pid']}"
    typer.echo(
        f"Version {answer['version']} serves {answer['connections']} connections as {who},"
        f" after a pause of {answer['pause_ms']:.0f} ms."
    )
