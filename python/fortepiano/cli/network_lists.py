"""The commands of `fortepiano bans` that import, show and remove network lists."""

import re
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fortepiano.cli.options import ACTOR, ConfigFile, DataDir, store_of, utc
from fortepiano.errors import InputError
from fortepiano.wall_clock import now_ms

if TYPE_CHECKING:
    from fortepiano.config import Settings
    from fortepiano.model.network_lists import Effect

__all__ = ["import_list", "list_lists", "remove_list"]

_STDIO = "-"

Name = Annotated[str, typer.Argument(metavar="NAME", help="The list.")]


def import_list(
    file: str,
    name: str | None,
    effect: "Effect",
    words: str,
    data_dir: Path | None,
    config: Path | None,
) -> None:
    """Import the networks of a file as a list, replacing a list of the same name.

    Args:
        file: The file; `-` for stdin.
        name: The name of the list; None for the name of the file.
        effect: What people in the list may not do: enter or chat.
        words: The text that those people are shown.
        data_dir: The option `--data-dir`.
        config: The option `--config`.
    """
    # Imported here: other commands, such as `bans add`, work without the compiled part.
    from fortepiano import config as configuration
    from fortepiano.config.networks import LONGEST_WORDS
    from fortepiano.model.audit_actions import AuditAction
    from fortepiano.model.network_lists import NetworkList
    from fortepiano.native import ParsedNetworks
    from fortepiano.net.network_lists import content_of, store_list, unpacked
    from fortepiano.protocol.audit_log import write_act

    settings = configuration.load(config, {"data_dir": data_dir})
    name = _checked_name(name or Path(file).name.partition(".")[0], settings)
    if len(words) > LONGEST_WORDS:
        raise typer.BadParameter(
            f"must have at most {LONGEST_WORDS} characters", param_hint="--words"
        )
    is_stdin = file == _STDIO
    data = unpacked(sys.stdin.buffer.read(), "stdin") if is_stdin else content_of(Path(file))
    source = "stdin" if is_stdin else file
    start = time.perf_counter()
    networks = ParsedNetworks(data)
    for line, why in networks.problems:
        typer.echo(f"{source}, line {line}: {why}; left out", err=True)
    if not len(networks):
        raise InputError([f"{source}: there is no network in it"])
    at = now_ms()
    with store_of(settings, kinds=()) as store:
        store_list(settings.data_dir, NetworkList(name, effect, words), source, networks)
        details = {"count": len(networks), "effect": effect}
        act = AuditAction.IMPORT_NETWORKS
        write_act(store, at, ACTOR, act, subject=name, reason=source, details=details)
    took = time.perf_counter() - start
    left_out = f", {networks.wrong} lines left out" if networks.wrong else ""
    may_not = "may not enter" if effect == "enter" else "may not chat"
    typer.echo(
        f"{len(networks)} networks in the list {name}, which {may_not}{left_out} ({took:.1f} s)"
    )


def _checked_name(name: str, settings: "Settings") -> str:
    from fortepiano.config.networks import LIST_NAME

    if not re.fullmatch(LIST_NAME, name):
        raise typer.BadParameter(
            "a list has a name of letters, digits, dots, _ and -", param_hint="--list"
        )
    if any(known.name == name for known in settings.networks.lists):
        raise typer.BadParameter(
            f"{name!r} is a list of the settings: write to its file", param_hint="--list"
        )
    return name


def list_lists(data_dir: DataDir = None, config: ConfigFile = None) -> None:
    """Show the network lists: those of the settings, and those that were imported."""
    from fortepiano import config as configuration
    from fortepiano.model.network_lists import NetworkList
    from fortepiano.native import ParsedNetworks
    from fortepiano.net.network_lists import content_of, imported_lists

    settings = configuration.load(config, {"data_dir": data_dir})
    lists = {
        entry.path: NetworkList(entry.name, entry.effect, entry.words)
        for entry in settings.networks.lists
    }
    named = {known.name for known in lists.values()}
    for path, meaning in imported_lists(settings.data_dir).items():
        if meaning.name not in named:
            lists[path] = meaning
    typer.echo(f"{'NAME':<20}  {'MAY NOT':<7}  {'NETWORKS':>8}  {'CHANGED':<16}  FILE")
    for path, known in lists.items():
        try:
            count = str(len(ParsedNetworks(content_of(path))))
            changed = utc(int(path.stat().st_mtime * 1000))
        except (InputError, OSError):
            count, changed = "-", "is missing"
        typer.echo(f"{known.name:<20}  {known.effect:<7}  {count:>8}  {changed:<16}  {path}")


def remove_list(name: Name, data_dir: DataDir = None, config: ConfigFile = None) -> None:
    """Remove an imported network list."""
    from fortepiano import config as configuration
    from fortepiano.config.networks import LIST_NAME
    from fortepiano.model.audit_actions import AuditAction
    from fortepiano.net import network_lists
    from fortepiano.protocol.audit_log import write_act

    settings = configuration.load(config, {"data_dir": data_dir})
    at = now_ms()
    with store_of(settings, kinds=()) as store:
        is_name = re.fullmatch(LIST_NAME, name) is not None
        if not is_name or not network_lists.remove_list(settings.data_dir, name):
            raise typer.BadParameter(
                "there is no such imported list, see `fortepiano bans lists`", param_hint="NAME"
            )
        write_act(store, at, ACTOR, AuditAction.REMOVE_NETWORKS, subject=name)
