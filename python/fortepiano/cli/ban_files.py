"""Files of bans: JSON lines, and CSV with the same fields as columns."""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeAlias

from fortepiano.cli.durations import PERMANENT, duration
from fortepiano.errors import InputError
from fortepiano.model.ban_list import LONGEST_REASON, SITE, is_network, parse_subject
from fortepiano.model.texts import settled
from fortepiano.store.records import BanRecord

if TYPE_CHECKING:
    from fortepiano.cli.bans import FileFormat

__all__ = ["read", "written"]

_FIELDS = [field.name for field in fields(BanRecord)]
_KNOWN = {*_FIELDS, "for"}
_LONGEST_ROOM = 512
_LAST_MS = 253_402_300_799_999
"""The last millisecond of the year 9999: later times are mistakes, such as nanoseconds."""

_PROBLEMS_SHOWN = 20

Row: TypeAlias = Mapping[str, Any]


def written(bans: Iterable[BanRecord], file_format: "FileFormat") -> str:
    """Return bans as the text of a file.

    Times are milliseconds since 1970. The end of a permanent ban is null, or empty in CSV.
    """
    if file_format == "jsonl":
        return "".join(f"{json.dumps(asdict(ban), ensure_ascii=False)}\n" for ban in bans)
    text = io.StringIO()
    rows = csv.DictWriter(text, _FIELDS, lineterminator="\n")
    rows.writeheader()
    rows.writerows(asdict(ban) for ban in bans)
    return text.getvalue()


def read(name: str, text: str, file_format: "FileFormat", at: int, by: str) -> list[BanRecord]:
    """Return the bans in a file; of their fields, only `subject` is required.

    Args:
        name: The name of the file in error messages.
        text: The content of the file.
        file_format: The format of the file.
        at: The current time; milliseconds since 1970. Bans without `at` begin now.
        by: The author of bans without `by`.

    Raises:
        InputError: The file has mistakes; has one line for each problem.
    """
    bans: list[BanRecord] = []
    problems: list[str] = []
    for number, row in _rows(name, text, file_format):
        try:
            bans.append(_ban(row, at, by))
        except ValueError as error:
            problems.append(f"{name}, line {number}: {error}")
    if problems:
        more = len(problems) - _PROBLEMS_SHOWN
        shown = problems[:_PROBLEMS_SHOWN]
        raise InputError([*shown, f"{name}: {more} more such lines"] if more > 0 else shown)
    return bans


def _rows(name: str, text: str, file_format: "FileFormat") -> Iterator[tuple[int, Row | str]]:
    """Yield the number of each line and its row; a text in place of a row is an error message."""
    if file_format == "csv":
        rows = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")), strict=True)
        if "subject" not in (rows.fieldnames or ()):
            raise InputError(
                [f"{name}: the first line must name the columns, `subject` among them"]
            )
        try:
            for row in rows:
                yield rows.line_num, row
        except csv.Error as error:
            yield rows.line_num, str(error)
        return
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), 1):
        if line.strip():
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                yield number, f"no JSON: {error}"
            else:
                yield number, row if isinstance(row, dict) else "must be a JSON object"


def _ban(row: Row | str, at: int, by: str) -> BanRecord:
    if isinstance(row, str):
        raise ValueError(row)
    unknown = sorted(str(key) for key in row.keys() - _KNOWN)
    if unknown:
        raise ValueError(f"unknown field {unknown[0]!r}; known are {', '.join(sorted(_KNOWN))}")
    room = settled(_text(row, "room", _LONGEST_ROOM))
    banned = parse_subject(_text(row, "subject", _LONGEST_ROOM))
    if room != SITE and is_network(banned):
        raise ValueError(f"{banned} is a network, which can be banned from the whole site only")
    since = _moment(row.get("at"), "at")
    return BanRecord(
        room,
        banned,
        _end(row, at),
        _text(row, "by", _LONGEST_ROOM) or by,
        _text(row, "reason", LONGEST_REASON),
        at if since is None else since,
    )


def _end(row: Row, at: int) -> int | None:
    length = _text(row, "for", LONGEST_REASON)
    if not length:
        return _moment(row.get("until"), "until")
    if row.get("until") not in (None, ""):
        raise ValueError("has both `for` and `until`")
    milliseconds = duration(length)
    return None if milliseconds is None else at + milliseconds


def _text(row: Row, key: str, longest: int) -> str:
    value = row.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ValueError(f"{key} must be a text")
    if len(value) > longest:
        raise ValueError(f"{key} must have at most {longest} characters")
    return value


def _moment(value: object, key: str) -> int | None:
    """Read a time: milliseconds since 1970, a date with a time of day, or nothing for None."""
    if value in (None, "", PERMANENT):
        return None
    if isinstance(value, str) and not value.isdecimal():
        try:
            when = datetime.fromisoformat(value)
        except ValueError:
            raise ValueError(
                f"{key} is {value!r}: must be milliseconds since 1970, a time such as "
                "2030-01-31T12:00Z, or nothing"
            ) from None
        when = when if when.tzinfo is not None else when.replace(tzinfo=UTC)
        value = int(when.timestamp() * 1000)
    if isinstance(value, str):
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _LAST_MS:
        raise ValueError(f"{key} must be milliseconds since 1970")
    return value
