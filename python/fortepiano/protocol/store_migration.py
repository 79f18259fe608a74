"""Renames users and rooms whose stored names earlier rules allowed, and present rules do not."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import orjson

from fortepiano.model.name_migration import line_now, name_now, numbered, room_names_now, text_now
from fortepiano.model.texts import mended
from fortepiano.observe.logs import logger
from fortepiano.store.records import AuditQuery, BanRecord, ChatRecord, RoomRecord, UserRecord

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fortepiano.store.base import Store
    from fortepiano.store.record_kinds import Changes, Record

__all__ = ["respell", "respell_changes"]


def respell(store: Store) -> None:
    """Bring stored names of users and rooms, and all that is stored under them, into normal form.

    Done at each start of a server, since backups and other servers bring older forms back. If
    nothing has to change, nothing is written.
    """
    users = _respell_users(store)
    names = room_names_now(_rooms_by_change(store))
    rooms = _respell_rooms(store, names)
    bans = _respell_bans(store, names)
    if users or rooms or bans:
        logger(__name__).info(
            "kept names were brought into form", users=users, rooms=rooms, bans=bans
        )


def respell_changes(store: Store, changes: Changes) -> None:
    """Do the same after some records have changed, if one of them is in an earlier form.

    Args:
        store: The store, in which all other records are in normal form.
        changes: The changed records.
    """
    if not all(_is_in_form(record) for record in changes.values()):
        respell(store)


def _is_in_form(record: Record | None) -> bool:
    match record:
        case UserRecord(name=name):
            return name == name_now(name)
        case RoomRecord(name=name, settings=settings):
            return name == mended(name) and settings == _settings_now(settings)
        case ChatRecord(room=room, lines=lines):
            return room == mended(room) and all(line == _line_now(line) for line in lines)
        case BanRecord(room=room):
            return room == mended(room)
        case _:
            return True


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
    """Return when each stored room was last changed; 0 if that is unknown or does not matter.

    The time matters only for rooms whose names have the same normal form.
    """
    rooms = {record.name: record for record in store.rooms()}
    forms = [mended(name) for name in rooms]
    return {
        name: _last_change(store, record) if forms.count(mended(name)) > 1 else 0
        for name, record in rooms.items()
    }


def _last_change(store: Store, record: RoomRecord) -> int:
    acts = store.audit(AuditQuery(limit=1, room=record.name))
    lines = [_parsed_line(line) for line in store.chat(record.name)[-1:]]
    times: list[Any] = [
        *(act.at for act in acts),
        *(line.get("t") for line in lines),
        record.crown.time if record.crown is not None else 0,
    ]
    return max((int(time) for time in times if isinstance(time, int | float)), default=0)


def _respell_rooms(store: Store, names: Mapping[str, str]) -> int:
    """Rename rooms and their chat; return how many changed."""
    records = {record.name: record for record in store.rooms()}
    chats = {record.room: record.lines for record in store.chats()}
    changed = 0
    # Rooms whose new name is free come first, so that nothing is lost if the server is killed here.
    for before, after in sorted(names.items(), key=lambda pair: pair[1] in records):
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
    stored = {(ban.room, ban.subject): ban for ban in store.bans()}
    after: dict[tuple[str, str], BanRecord] = {}
    taken = {*names.values(), *(room for room, _ in stored)}
    for ban in sorted(stored.values(), key=lambda ban: (-ban.at, ban.room)):
        room = names.get(ban.room) or mended(ban.room) or ban.room
        other = after.get((room, ban.subject))
        if other is not None and replace(ban, room=room) != other:
            room = numbered(room, taken)
            logger(__name__).warning(
                "two kept bans are of one room", name=ban.room, subject=ban.subject, kept_as=room
            )
        after[room, ban.subject] = replace(ban, room=room)
    changed = [ban for key, ban in after.items() if stored.get(key) != ban]
    for ban in changed:
        store.save_ban(ban)
    for room, subject in stored.keys() - after.keys():
        store.remove_ban(room, subject)
    return len(changed)


def _line_now(line: str) -> str:
    before = _parsed_line(line)
    now = line_now(before)
    return line if now == before else orjson.dumps(now).decode()


def _parsed_line(line: str) -> dict[str, Any]:
    parsed = orjson.loads(line)
    return cast("dict[str, Any]", parsed) if isinstance(parsed, dict) else {}
