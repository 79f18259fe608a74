"""Brings what was kept under other rules for texts into its one form."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import orjson

from fortepiano.model.respelling import line_now, name_now, numbered, room_names_now, text_now
from fortepiano.model.texts import mended
from fortepiano.observe.logs import logger
from fortepiano.store.records import AuditQuery, BanRecord, RoomRecord

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fortepiano.store.base import Store

__all__ = ["respell"]


def respell(store: Store) -> None:
    """Give names of users and rooms, and what stands under them, their one form.

    Done at each start of a server: backups and other servers bring older forms back. Where there is
    nothing to do, nothing is written.
    """
    users = _respell_users(store)
    names = room_names_now(_rooms_by_change(store))
    rooms = _respell_rooms(store, names)
    bans = _respell_bans(store, names)
    if users or rooms or bans:
        logger(__name__).info(
            "kept names were brought into form", users=users, rooms=rooms, bans=bans
        )


def _respell_users(store: Store) -> int:
    """Rename users; return how many."""
    changed = 0
    for record in store.users():
        name = name_now(record.name)
        if name != record.name:
            store.save_user(replace(record, name=name))
            changed += 1
    return changed


def _rooms_by_change(store: Store) -> dict[str, int]:
    """Return when each kept room was last changed, as far as anybody can tell."""
    rooms = {record.name: record for record in store.rooms()}
    forms = [mended(name) for name in rooms]
    return {
        name: _last_change(store, record) if forms.count(mended(name)) > 1 else 0
        for name, record in rooms.items()
    }


def _last_change(store: Store, record: RoomRecord) -> int:
    acts = store.audit(AuditQuery(limit=1, room=record.name))
    lines = [_read(line) for line in store.chat(record.name)[-1:]]
    moments: list[Any] = [
        *(act.at for act in acts),
        *(line.get("t") for line in lines),
        record.crown.time if record.crown is not None else 0,
    ]
    return max((int(one) for one in moments if isinstance(one, int | float)), default=0)


def _respell_rooms(store: Store, names: Mapping[str, str]) -> int:
    """Rename rooms and their chat; return how many changed."""
    records = {record.name: record for record in store.rooms()}
    chats = {record.room: record.lines for record in store.chats()}
    changed = 0
    # First those that take no other's place, so that nothing is lost where this is cut short.
    for before, after in sorted(names.items(), key=lambda one: one[1] in records):
        record = replace(
            records[before], name=after, settings=_settings_now(records[before].settings)
        )
        lines = tuple(_line_now(line) for line in chats.get(before, ()))
        if record != records.get(after):
            store.save_room(record)
        if lines and lines != chats.get(after):
            store.save_chat(after, lines)
        elif not lines and before != after and after in chats:
            store.remove_chat(after)
        changed += record != records[before]
        if before != after and mended(before) != after:
            logger(__name__).warning("two kept rooms have one name", name=before, kept_as=after)
    for gone in names.keys() - set(names.values()):
        store.remove_room(gone)
        store.remove_chat(gone)
    for name, lines in chats.items():
        if name not in names and (now := tuple(map(_line_now, lines))) != lines:
            store.save_chat(name, now)
    return changed


def _settings_now(settings: Mapping[str, bool | int | str]) -> dict[str, bool | int | str]:
    text = settings.get("notice")
    if not isinstance(text, str):
        return dict(settings)
    return {**settings, "notice": text_now(text)}


def _respell_bans(store: Store, names: Mapping[str, str]) -> int:
    """Rename the rooms of bans; return how many bans changed."""
    kept = {(ban.room, ban.subject): ban for ban in store.bans()}
    after: dict[tuple[str, str], BanRecord] = {}
    taken = {*names.values(), *(room for room, _ in kept)}
    for ban in sorted(kept.values(), key=lambda one: (-one.at, one.room)):
        room = names.get(ban.room) or mended(ban.room) or ban.room
        other = after.get((room, ban.subject))
        if other is not None and replace(ban, room=room) != other:
            room = numbered(room, taken)
            logger(__name__).warning(
                "two kept bans are of one room", name=ban.room, subject=ban.subject, kept_as=room
            )
        after[room, ban.subject] = replace(ban, room=room)
    changed = [ban for key, ban in after.items() if kept.get(key) != ban]
    for ban in changed:
        store.save_ban(ban)
    for room, who in kept.keys() - after.keys():
        store.remove_ban(room, who)
    return len(changed)


def _line_now(line: str) -> str:
    said = _read(line)
    now = line_now(said)
    return line if now == said else orjson.dumps(now).decode()


def _read(line: str) -> dict[str, Any]:
    said = orjson.loads(line)
    return cast("dict[str, Any]", said) if isinstance(said, dict) else {}
