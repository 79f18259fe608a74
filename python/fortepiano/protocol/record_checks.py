"""The checks of records that come from outside: from backups, hand-made files, other servers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import orjson

from fortepiano.model.ban_list import LONGEST_REASON, SITE, is_network, parse_subject
from fortepiano.model.room_settings import SETTINGS, Color, Switch, Text, WholeNumber
from fortepiano.model.user_ids import is_user_id
from fortepiano.protocol import validate
from fortepiano.store.keyring import SECRET_BYTES
from fortepiano.store.record_kinds import BAN, CHAT, KEY, LARGEST, ROOM, SALT, TOKEN, USER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from fortepiano.store.record_kinds import AnyKind, Record
    from fortepiano.store.records import (
        BanRecord,
        ChatRecord,
        RoomRecord,
        SaltRecord,
        SigningKey,
        TokenRecord,
        UserRecord,
    )

__all__ = ["is_line", "is_room_setting", "problem_of"]

_Checks: TypeAlias = "Iterable[tuple[bool, str]]"
"""Conditions that must hold, and what to say where one does not."""

_DIGEST = re.compile("[0-9a-f]{64}|")

_LONGEST_NAME = 512
_LONGEST_ROOM = 4096
"""The greatest values of `rules.name_length` and `rules.room_name_length`."""


def problem_of(kind: AnyKind, record: Record) -> str:
    """Return what is wrong with the values of a record; an empty text if nothing is.

    All records that a server has written pass. Their types must be right already.

    Args:
        kind: The kind of the record.
        record: The record.
    """
    check = _CHECKS.get(kind)
    if problem := _number_problem(record):
        return problem
    found = () if check is None else check(record)
    return next((problem for holds, problem in found if not holds), "")


def is_room_setting(name: str, value: object) -> bool:
    """Tell whether a room may have a setting with this name and value."""
    setting = SETTINGS.get(name)
    match setting and setting.kind:
        case Switch():
            return isinstance(value, bool)
        case Color():
            return validate.color(value) is not None
        case WholeNumber(most):
            return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most
        case Text(longest):
            return isinstance(value, str) and len(value) <= longest
        case _:
            return False


def is_line(value: object) -> bool:
    """Tell whether a value is a line of chat as clients get it (docs/protocol.md, `a`)."""
    if not isinstance(value, dict):
        return False
    line = cast("dict[str, object]", value)
    sender = line.get("p")
    if not isinstance(sender, dict) or line.get("m") != "a" or not isinstance(line.get("a"), str):
        return False
    person = cast("dict[str, object]", sender)
    is_timed = isinstance(line.get("t"), int)
    return is_timed and all(isinstance(person.get(key), str) for key in ("_id", "name", "color"))


def _number_problem(record: Record) -> str:
    """Return which number of a record no store can hold."""
    for name in type(record).__dataclass_fields__:
        value = getattr(record, name)
        if isinstance(value, int) and not 0 <= value <= LARGEST:
            return f"{name}: must be from 0 to {LARGEST}, not {value}"
    return ""


def _salt(record: SaltRecord) -> _Checks:
    yield record.number in (1, 2), f"number: must be 1 or 2, not {record.number}"
    yield record.value != "", "value: must not be empty"


def _key(record: SigningKey) -> _Checks:
    yield record.id != "", "id: must not be empty"
    yield len(record.secret) >= SECRET_BYTES, f"secret: must have {SECRET_BYTES} bytes or more"


def _user(record: UserRecord) -> _Checks:
    yield is_user_id(record.id), _no_user("id", record.id)
    yield 0 < len(record.name) <= _LONGEST_NAME, f"name: must have 1 to {_LONGEST_NAME} characters"
    yield (
        validate.color(record.color) is not None,
        f"color: must be `#rrggbb`, not {record.color!r}",
    )


def _ban(record: BanRecord) -> _Checks:
    yield _room_name_fits(record.room), f"room: must have at most {_LONGEST_ROOM} characters"
    yield from _subject(record)
    fits = len(record.reason) <= LONGEST_REASON
    yield fits, f"reason: must have at most {LONGEST_REASON} characters"


def _subject(record: BanRecord) -> _Checks:
    try:
        spelled = parse_subject(record.subject)
    except ValueError as error:
        yield False, f"subject: {error}"
        return
    yield spelled == record.subject, f"subject: is spelled {spelled}, not {record.subject}"
    is_fit = record.room == SITE or not is_network(record.subject)
    yield is_fit, f"subject: {record.subject} can be banned from the whole site only"


def _token(record: TokenRecord) -> _Checks:
    yield record.id != "", "id: must not be empty"
    is_digest = _DIGEST.fullmatch(record.digest) is not None
    yield is_digest, "digest: must be empty or 64 hex digits in lower case"
    yield record.user_id == "" or is_user_id(record.user_id), _no_user("user_id", record.user_id)
    is_whole = record.scope not in ("bot", "user") or record.user_id != ""
    yield is_whole, f"user_id: must not be empty with the scope {record.scope}"


def _room(record: RoomRecord) -> _Checks:
    yield record.name != "", "name: must not be empty"
    yield _room_name_fits(record.name), f"name: must have at most {_LONGEST_ROOM} characters"
    for name, value in record.settings.items():
        yield name in SETTINGS, f"settings.{name}: no such setting of rooms"
        yield is_room_setting(name, value), f"settings.{name}: must not be {value!r}"
    people = (
        ("owner_id", (record.owner_id,) if record.owner_id else ()),
        ("maker", (record.maker,) if record.maker else ()),
        ("co_owners", record.co_owners),
        ("invited", record.invited),
        ("mutes", record.mutes),
        ("crown.user_id", () if record.crown is None else (record.crown.user_id,)),
        ("claims", [user_id for user_id, _ in record.claims]),
    )
    for field, ids in people:
        yield from ((is_user_id(one), _no_user(field, one)) for one in ids)


def _chat(record: ChatRecord) -> _Checks:
    yield record.room != "", "room: must not be empty"
    for number, text in enumerate(record.lines, 1):
        yield _is_object(text), f"lines: number {number} is no JSON object"


def _is_object(text: str) -> bool:
    try:
        return isinstance(orjson.loads(text), dict)
    except orjson.JSONDecodeError:
        return False


def _room_name_fits(name: str) -> bool:
    return len(name) <= _LONGEST_ROOM


def _no_user(field: str, value: str) -> str:
    return f"{field}: must be a user id (24 hex digits in lower case), not {value!r}"


_CHECKS: dict[AnyKind, Callable[[Any], _Checks]] = {
    SALT: _salt,
    KEY: _key,
    USER: _user,
    BAN: _ban,
    TOKEN: _token,
    ROOM: _room,
    CHAT: _chat,
}
