"""`fortepiano bans …`: bans and network lists."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from fortepiano.cli.durations import PERMANENT, duration
from fortepiano.cli.network_lists import import_list, list_lists, remove_list
from fortepiano.cli.options import ACTOR, ConfigFile, DataDir, opened_store, utc
from fortepiano.errors import InputError
from fortepiano.store.files import write_private
from fortepiano.store.record_kinds import BAN
from fortepiano.store.records import SITE, BanRecord
from fortepiano.wall_clock import now_ms

if TYPE_CHECKING:
    from fortepiano.store import Store

# Other modules are imported by the commands that need them: listing bans must not wait for the
# modules that make them, which take a third of its time.

__all__ = ["app"]

_STDIO = "-"

Subject = Annotated[
    str,
    typer.Argument(
        metavar="WHO", help="A user id, an IP address, or a network such as 203.0.113.0/24."
    ),
]
FileFormat = Literal["jsonl", "csv"]
ImportFormat = Literal["jsonl", "csv", "networks"]
_LISTS = (".txt", ".list", ".netset", ".ipset", ".zone", ".gz")
"""Name endings of files that hold nothing but networks."""


def _settled(room: str) -> str:
    if not room:
        return room
    from fortepiano.model.texts import settled

    return settled(room)


Room = Annotated[
    str, typer.Option(help="The room.", show_default="the whole site", callback=_settled)
]
FormatOption = Annotated[
    FileFormat | None,
    typer.Option("--format", help="How the file is written.", show_default="by its name"),
]

app = typer.Typer(help="Who may not come in.", rich_markup_mode=None)
app.command("lists")(list_lists)
app.command("remove-list")(remove_list)


@app.callback(invoke_without_command=True)
def _bans_root(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def _checked(who: str, room: str) -> str:
    from fortepiano.model.ban_list import is_network, parse_subject

    try:
        who = parse_subject(who)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="WHO") from None
    if room != SITE and is_network(who):
        raise typer.BadParameter(
            "networks can be banned from the whole site only", param_hint="--room"
        )
    return who


@app.command("list")
def list_bans(
    room: Annotated[str | None, typer.Option(help="Only of this room.", show_default="all")] = None,
    site: Annotated[bool, typer.Option("--site", help="Only of the whole site.")] = False,
    data_dir: DataDir = None,
    config: ConfigFile = None,
) -> None:
    """List the bans in force; times are UTC."""
    at = now_ms()
    with opened_store(config, data_dir, kinds=(BAN,), only_reads=True) as store:
        bans = _in_force(store, at)
    wanted = SITE if site else room and _settled(room)
    _print_row("WHO", "UNTIL", "BY", "ROOM", "REASON")
    for ban in bans:
        if wanted is None or ban.room == wanted:
            until = PERMANENT if ban.until is None else utc(ban.until)
            _print_row(ban.subject, until, ban.by, ban.room or "(the whole site)", ban.reason)


@app.command("add")
def add_ban(
    who: Subject,
    room: Room = SITE,
    length: Annotated[
        str, typer.Option("--for", help="For how long, such as 30m, 7d or permanent.")
    ] = PERMANENT,
    reason: Annotated[
        str, typer.Option(help="The reason, which the user is shown.", show_default=False)
    ] = "",
    network: Annotated[
        int | None,
        typer.Option(
            help="Also the network around: of IPv6 64, 56 or 48 bits, of IPv4 24.",
            show_default=False,
        ),
    ] = None,
    data_dir: DataDir = None,
    config: ConfigFile = None,
) -> None:
    """Ban a user, an address or a network; the ban replaces an earlier one.

    A running server applies it within a second. An IPv6 address stands for its /64, which is one
    subscriber. The network around a user is known only while they are connected; it is not shown.
    When the command ends without an error, the ban is on the disk.
    """
    from fortepiano.actions.ban import store_ban
    from fortepiano.model.ban_list import LONGEST_REASON

    who = _checked(who, room)
    around = [] if network is None else _around(who, room, network, data_dir, config)
    if len(reason) > LONGEST_REASON:
        raise typer.BadParameter(
            f"must have at most {LONGEST_REASON} characters", param_hint="--reason"
        )
    try:
        milliseconds = duration(length)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--for") from None
    at = now_ms()
    until = None if milliseconds is None else at + milliseconds
    with opened_store(config, data_dir, kinds=(BAN,)) as store:
        store_ban(store, BanRecord(room, who, until, ACTOR, reason, at), around)
    whom = f"{who} and the network around (/{network}) are" if around else f"{who} is"
    typer.echo(f"{whom} banned: " + (PERMANENT if until is None else f"until {utc(until)} UTC"))


def _around(
    who: str, room: str, bits: int, data_dir: Path | None, config: Path | None
) -> list[str]:
    """Return the network around an address; around a user, as ids that the running server gives."""
    from fortepiano import config as configuration
    from fortepiano.model.ban_list import is_network, parse_subject
    from fortepiano.model.identity import OFFERED_BITS
    from fortepiano.server.command_socket import ask

    if bits not in OFFERED_BITS or room != SITE:
        raise typer.BadParameter(
            f"must be one of {', '.join(map(str, OFFERED_BITS))}, from the whole site",
            param_hint="--network",
        )
    if not is_network(who):
        settings = configuration.load(config, {"data_dir": data_dir})
        found: list[str] = ask(settings.data_dir, f"networks {who} {bits}")["networks"]
        return found
    address = who.partition("/")[0]
    return [parse_subject(f"{address}/{OFFERED_BITS[bits][6 if ':' in who else 4]}")]


@app.command("remove")
def remove_ban(
    who: Subject, room: Room = SITE, data_dir: DataDir = None, config: ConfigFile = None
) -> None:
    """Lift a ban."""
    from fortepiano.actions.ban import store_unban

    who = _checked(who, room)
    at = now_ms()
    with opened_store(config, data_dir, kinds=(BAN,)) as store:
        if not store_unban(store, ACTOR, at, room, who):
            raise typer.BadParameter(
                "there is no such ban, see `fortepiano bans list`", param_hint="WHO"
            )


@app.command("import")
def import_bans(
    file: Annotated[str, typer.Argument(help="The file; - for stdin.")],
    file_format: Annotated[
        ImportFormat | None,
        typer.Option("--format", help="How the file is written.", show_default="by its name"),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option("--list", help="Import networks as the list of this name, replacing it."),
    ] = None,
    effect: Annotated[
        Literal["enter", "chat"], typer.Option(help="What people in the list may not do.")
    ] = "enter",
    words: Annotated[
        str, typer.Option(help="The text that those people are shown.", show_default=False)
    ] = "",
    data_dir: DataDir = None,
    config: ConfigFile = None,
) -> None:
    """Import the bans of a file: all of them, or none if one is wrong.

    The file is JSON lines or CSV with the fields subject, room, until or for, reason, by and at.
    Only subject is required.

    Or the file is a published list of networks, plain or packed by gzip. Each line has an address,
    a network or a range, in CSV in the first column. Wrong lines are reported and left out; a
    running server applies the list within two seconds.
    """
    is_by_name = file_format is None and file.lower().endswith(_LISTS)
    if file_format == "networks" or name is not None or is_by_name:
        import_list(file, name, effect, words, data_dir, config)
        return
    from fortepiano.cli.ban_files import read
    from fortepiano.model.audit_actions import AuditAction
    from fortepiano.protocol.audit_log import write_act

    at = now_ms()
    source, text = ("stdin", sys.stdin.read()) if file == _STDIO else (file, _text_of(Path(file)))
    bans = read(source, text, file_format or _format_of(file), at, ACTOR)
    lasting = [ban for ban in bans if ban.until is None or at < ban.until]
    with opened_store(config, data_dir, kinds=(BAN,)) as store:
        for ban in lasting:
            store.save_ban(ban)
        details = {"count": len(lasting)}
        write_act(store, at, ACTOR, AuditAction.IMPORT_BANS, reason=source, details=details)
    ended = len(bans) - len(lasting)
    typer.echo(f"{len(lasting)} bans imported" + (f", {ended} had ended already" if ended else ""))


@app.command("export")
def export_bans(
    file: Annotated[str, typer.Argument(help="The file; - for stdout.")] = _STDIO,
    file_format: FormatOption = None,
    data_dir: DataDir = None,
    config: ConfigFile = None,
) -> None:
    """Write the bans in force to a file that `import` reads; only its owner may read it."""
    from fortepiano.cli.ban_files import written

    with opened_store(config, data_dir, kinds=(BAN,), only_reads=True) as store:
        bans = _in_force(store, now_ms())
    text = written(bans, file_format or _format_of(file))
    if file == _STDIO:
        typer.echo(text, nl=False)
        return
    try:
        write_private(Path(file), text.encode())
    except OSError as error:
        raise InputError([f"{file}: {error.strerror or error}"]) from None


def _format_of(file: str) -> FileFormat:
    return "csv" if file.lower().endswith(".csv") else "jsonl"


def _text_of(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError([f"{file}: {error.strerror or error}"]) from None
    except UnicodeDecodeError:
        raise InputError([f"{file}: is not UTF-8"]) from None


def _in_force(store: "Store", at: int) -> list[BanRecord]:
    bans = [ban for ban in store.bans() if ban.until is None or at < ban.until]
    return sorted(bans, key=lambda ban: (ban.room, ban.at, ban.subject))


def _print_row(who: str, until: str, by: str, room: str, reason: str) -> None:
    row = f"{who:<24}  {until:<16}  {by:<24}  {_plain(room)}  {_plain(reason)}"
    typer.echo(row.rstrip())


def _plain(text: str) -> str:
    """Return a text with characters replaced that would control the terminal."""
    return "".join(char if char.isprintable() else "\ufffd" for char in text)
