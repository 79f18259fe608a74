"""The database of mpp-server-dev2: SQLite, with the tables of its Prisma schema.

Tables that a version of that server lacks count as empty. Its dates are whole milliseconds since
1970, or texts in ISO 8601.
"""

import contextlib
import hashlib
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import orjson

from fortepiano.cli.sources.found import Found, Wishes
from fortepiano.errors import InputError
from fortepiano.model.ban_list import LONGEST_REASON, SITE, parse_subject
from fortepiano.model.name_migration import name_now
from fortepiano.model.room import AWKWARD, LOBBY
from fortepiano.model.room_settings import SETTINGS, Setter
from fortepiano.model.user_ids import default_color, is_user_id
from fortepiano.protocol.record_checks import is_line, is_room_setting
from fortepiano.protocol.validate import tag_color
from fortepiano.store.record_kinds import BAN, CHAT, ROOM, USER
from fortepiano.store.records import BanRecord, ChatRecord, RoomRecord, UserRecord

__all__ = ["read"]

_NEEDED = {"_id", "name", "color"}
"""Columns of the table `User`, without which the file is of another program."""

_LONGEST_NAME = 40
_LONGEST_ROOM = 512
_USUAL_FLAGS = {"volume"}
"""Flags that all users have."""

_LINE_ID_LENGTH = 8

_BY = "dev2"
_LAST_MS = 253_402_300_799_999
"""The last millisecond of the year 9999: later ends of bans stand for none."""


def read(path: Path, wishes: Wishes) -> Found:
    """Read a database of mpp-server-dev2, which may be in use.

    Raises:
        InputError: The file cannot be read, or is no such database.
    """
    if not path.is_file():
        raise InputError([f"{path}: is not a file"])
    url = f"{path.absolute().as_uri()}?mode=ro"
    try:
        with contextlib.closing(sqlite3.connect(url, uri=True)) as database:
            database.row_factory = sqlite3.Row
            database.text_factory = _text
            database.execute("BEGIN")  # one snapshot of all tables
            return _Reader(database, path, wishes).found
    except sqlite3.Error as error:
        raise InputError([f"{path}: is no database of mpp-server-dev2: {error}"]) from None


class _Reader:
    """One reading of a database.

    Args:
        database: The database.
        path: Its file, for errors.
        wishes: What is wanted.
    """

    def __init__(self, database: sqlite3.Connection, path: Path, wishes: Wishes) -> None:
        self._database = database
        self._wishes = wishes
        self.found = Found()
        columns = {row["name"] for row in database.execute('PRAGMA table_info("User")')}
        if not columns >= _NEEDED:
            raise InputError([f"{path}: is no database of mpp-server-dev2: it has no such users"])
        for user in self._rows("User"):
            self._read_user(user)
        rooms = {LOBBY, AWKWARD}  # where chat is kept in any case
        for room in self._rows("Channel"):
            rooms |= self._read_room(room)
        for chat in self._rows("ChatHistory"):
            self._read_chat(chat, rooms)
        for ban in self._rows("Ban"):
            self._read_ban(ban)
        for table, what in (("Token", "token"), ("Role", "role of a user")):
            self._leave_out(what, sum(1 for _ in self._rows(table)))

    def _rows(self, table: str) -> Iterator[dict[str, Any]]:
        exists = self._database.execute(
            "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", (table,)
        ).fetchone()
        if exists:
            yield from map(dict, self._database.execute(f'SELECT * FROM "{table}"'))  # noqa: S608

    def _leave_out(self, what: str, count: int = 1) -> None:
        if count:
            self.found.left_out[what] += count

    def _read_user(self, row: dict[str, Any]) -> None:
        if not self._wishes.with_users:
            self._leave_out("user")
            return
        user_id = row["_id"]
        if not isinstance(user_id, str) or not is_user_id(user_id):
            self._leave_out("user with an id of another form")
            return
        name, color = name_now(str(row["name"])), _color(row["color"])
        if len(name) > _LONGEST_NAME:
            self._leave_out("end of a long name")
        if color is None:
            self._leave_out("colour that is none")
        record = UserRecord(user_id, name[:_LONGEST_NAME], color or default_color(user_id))
        self.found.items.append((USER, record))
        self._leave_out("tag", bool(_object(row.get("tag"))))
        self._leave_out("user flag", len(_object(row.get("flags")).keys() - _USUAL_FLAGS))
        self._leave_out("group of a user", row.get("group") not in (None, "", "default"))
        self._leave_out("token", len(_list(row.get("tokens"))))

    def _read_room(self, row: dict[str, Any]) -> set[str]:
        """Add a room; return its name, or nothing if it is left out."""
        name, given = str(row["_id"]), _object(row.get("settings"))
        is_special = given.get("lobby") is True or name == LOBBY or name.startswith("test/")
        if is_special or not row.get("forceload"):
            self._leave_out("lobby" if is_special else "room that is not permanent")
            return set()
        if not 0 < len(name) <= _LONGEST_ROOM:
            self._leave_out("room with too long a name")
            return set()
        flags = _object(row.get("flags"))
        owner = str(flags.pop("owner_id", given.get("owner_id", "")))
        given.pop("owner_id", None)
        if "limit" in flags:
            given["limit"] = flags.pop("limit")
        self._leave_out("room flag", len(flags))
        settings = self._room_settings(given)
        if owner and self._wishes.with_users and is_user_id(owner):
            settings["owner_id"] = owner
        elif owner:
            self._leave_out("owner of a room")
        record = RoomRecord(name, settings, owner_id=str(settings.get("owner_id", "")))
        self.found.items.append((ROOM, record))
        return {name}

    def _room_settings(self, given: dict[str, Any]) -> dict[str, bool | int | str]:
        settings: dict[str, bool | int | str] = {}
        for key, value in given.items():
            known = SETTINGS.get(key)
            if known is not None and known.setter is not Setter.SERVER:
                if is_room_setting(key, value):
                    settings[key] = value
                    continue
                self._leave_out(f"room setting {key!r} that is wrong")
            elif key != "lobby":
                self._leave_out(f"room setting {key!r}")
        return settings

    def _read_chat(self, row: dict[str, Any], rooms: set[str]) -> None:
        lines = _list(row.get("messages"))
        if not lines:
            return
        if row["_id"] not in rooms:
            self._leave_out("chat of a room that is not permanent")
            return
        if not self._wishes.with_chat:
            self._leave_out('chat of a room (chat.keep is not "permanent")')
            return
        found = [cast("dict[str, Any]", one) for one in lines if is_line(one)]
        texts = [orjson.dumps(_line(one)).decode() for one in found]
        self._leave_out("line of chat that is none", len(lines) - len(texts))
        if texts:
            self.found.items.append((CHAT, ChatRecord(row["_id"], tuple(texts))))

    def _read_ban(self, row: dict[str, Any]) -> None:
        is_of_user, until = row.get("banType") == "user", _moment(row.get("expires"))
        if is_of_user and not self._wishes.with_users:
            self._leave_out("ban of a user")
            return
        try:
            subject = parse_subject(str(row.get("userId" if is_of_user else "ip")))
        except ValueError:
            until = None
            subject = ""
        if until is None or not subject:
            self._leave_out("ban of another form")
        elif until <= self._wishes.at:
            self._leave_out("ban that has ended")
        else:
            end = until if until <= _LAST_MS else None
            reason = str(row.get("reason") or "")[:LONGEST_REASON]
            record = BanRecord(SITE, subject, end, _BY, reason, self._wishes.at)
            self.found.items.append((BAN, record))


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")


def _parsed(text: object) -> object:
    """Return JSON that is in a column; None if there is none."""
    try:
        return orjson.loads(text) if isinstance(text, str) else None
    except orjson.JSONDecodeError:
        return None


def _object(text: object) -> dict[str, Any]:
    """Return a JSON object that is in a column; an empty one if there is none."""
    found = _parsed(text)
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def _list(text: object) -> list[object]:
    """Return a JSON array that is in a column; an empty one if there is none."""
    found = _parsed(text)
    return cast("list[object]", found) if isinstance(found, list) else []


def _color(value: object) -> str | None:
    color = tag_color(value)
    return None if color is None else color.lower()


def _line(line: dict[str, Any]) -> dict[str, Any]:
    """Return a line of chat with the fields that lines have here."""
    sender = line["p"]
    person = {key: sender[key] for key in ("_id", "name", "color")}
    named = {"m": "a", "a": line["a"], "p": person | {"id": person["_id"]}, "t": line["t"]}
    return named | {"id": hashlib.sha256(orjson.dumps(named)).hexdigest()[:_LINE_ID_LENGTH]}


def _moment(value: object) -> int | None:
    """Return a date as milliseconds since 1970; None if it is none."""
    try:
        if isinstance(value, int | float):
            return int(value)
        moment = datetime.fromisoformat(str(value))
    except (ValueError, OverflowError):
        return None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
