"""`fortepiano audit`: the audit log."""

import json
from dataclasses import asdict
from typing import Annotated

import typer

from fortepiano.cli.options import ConfigFile, DataDir, opened_store, utc
from fortepiano.model.audit_actions import find_acts
from fortepiano.store.records import AuditQuery, AuditRecord

__all__ = ["audit"]


def audit(
    limit: Annotated[int, typer.Option(help="How many at most, the latest.", min=1)] = 100,
    room: Annotated[str | None, typer.Option(help="Only what was done in this room.")] = None,
    user: Annotated[
        str | None, typer.Option(help="Only what this user (or network) did or suffered.")
    ] = None,
    action: Annotated[
        str | None, typer.Option(help="Only this, such as kickban or setname.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    data_dir: DataDir = None,
    config: ConfigFile = None,
) -> None:
    """Show who banned, muted, moved or renamed whom, where, when and why; the latest last.

    Times are UTC.
    """
    with opened_store(config, data_dir, kinds=(), only_reads=True) as store:
        if user is None:
            acts = find_acts(store, AuditQuery(limit, action=action, room=room))
        else:
            by_user = find_acts(store, AuditQuery(limit, actor=user, action=action, room=room))
            to_user = find_acts(store, AuditQuery(limit, subject=user, action=action, room=room))
            both = {act.id: act for act in (*by_user, *to_user)}
            acts = [both[key] for key in sorted(both, reverse=True)][:limit]
    for act in reversed(acts):
        if as_json:
            typer.echo(json.dumps(asdict(act), ensure_ascii=False))
        else:
            typer.echo(_line(act))


def _line(act: AuditRecord) -> str:
    line = f"{utc(act.at)}  {act.actor:<24}  {act.action}"
    if act.subject:
        line += f" {act.subject}"
    if act.room:
        line += f" in {json.dumps(act.room, ensure_ascii=False)}"
    known = {key: value for key, value in act.details.items() if value is not None and value != ""}
    if isinstance(until := known.get("until"), int):
        known["until"] = utc(until)
    line += "".join(f" {key}={json.dumps(known[key], ensure_ascii=False)}" for key in known)
    return line + (f": {json.dumps(act.reason, ensure_ascii=False)}" if act.reason else "")
