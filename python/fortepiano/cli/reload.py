"""`fortepiano reload`: new settings and handlers in the running server."""

from typing import Annotated, Any

import typer

from fortepiano.cli.options import ConfigFile, DataDir
from fortepiano.cli.problems import print_problems
from fortepiano.errors import ExitStatus

__all__ = ["reload"]


def reload(
    data_dir: DataDir = None,
    config: ConfigFile = None,
    is_for_all: Annotated[
        bool, typer.Option("--all", help="Let all nodes of its cluster reload theirs.")
    ] = False,
) -> None:
    """Reload the settings and handlers of the running server; nobody is disconnected.

    The server is found by its data folder. If anything is wrong, nothing changes. SIGHUP does the
    same, and writes the result to the log. Of a cluster, only this node reloads without --all.
    """
    from fortepiano import config as configuration
    from fortepiano.server.command_socket import ask

    settings = configuration.load(config, {"data_dir": data_dir})
    answer = ask(settings.data_dir, "reload all" if is_for_all else "reload")
    # A server of an earlier version has no differences.
    differences = answer.pop("differences", [])
    if "nodes" in answer:
        is_done = _show_all(answer)
    else:
        _show(answer)
        is_done = True
    for line in differences:
        print_problems(f"nodes differ: {line}")
    if not is_done:
        raise typer.Exit(ExitStatus.MISTAKE)


def _show_all(answer: dict[str, Any]) -> bool:
    """Show what each node has changed; return whether all have reloaded."""
    is_done = not answer["missing_nodes"]
    for node, report in answer["nodes"].items():
        typer.echo(f"[{node}]")
        if "problems" in report:
            is_done = False
            for line in report["problems"]:
                print_problems(f"{node}: {line}")
        else:
            _show(report)
    for node in answer["missing_nodes"]:
        print_problems(f"{node}: the node does not answer; it goes on with what it has")
    return is_done


def _show(report: dict[str, Any]) -> None:
    """Show what a server has changed."""
    for name, (before, after) in report["changed"].items():
        typer.echo(f"{name}: {before} → {after}")
    for name, (before, after) in report["waiting"].items():
        typer.echo(f"{name}: {before} → {after} needs a restart")
    if report["handlers"]:
        typer.echo("handlers: read anew")
    # A server of an earlier version has no such answer.
    if refused := report.pop("refused", ""):
        print_problems(f"the handlers stay as they are: {refused}")
    typer.echo("Reloaded." if any(report.values()) else "Nothing has changed.")
