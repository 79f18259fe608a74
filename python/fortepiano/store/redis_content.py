"""The content of Redis, as a process reads it: all records, the end of the stream, acts."""

import contextlib
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Sequence
from itertools import count
from typing import Any, NamedTuple

import msgspec
import orjson

from fortepiano.observe import logs
from fortepiano.store.held_records import HeldRecords, empty_table
from fortepiano.store.record_kinds import AUDIT, NAMED, USER, AnyKind, Changes, Key, to_json
from fortepiano.store.records import AuditQuery, AuditRecord
from fortepiano.store.redis_transaction import Command
from fortepiano.store.redis_url import Client
from fortepiano.store.writer import UnwritableError

__all__ = [
    "VERSION",
    "Content",
    "content",
    "found_acts",
    "listed_changes",
    "newer_layout",
    "questions",
]

VERSION = 1
"""The version of the layout."""

_PIECE = 2000
"""The most records of one answer: Redis serves nobody else meanwhile."""

_SCAN = """
local answer, parts = redis.call('HSCAN', KEYS[1], ARGV[1], 'COUNT', ARGV[2]), {}
for number, text in ipairs(answer[2]) do
    parts[2 * number - 1], parts[2 * number] = #text, text
end
return {answer[1], table.concat(parts, ':')}
"""
"""A Lua script that scans a part of a hash, and joins all texts with their lengths before them.

The library takes five times as long to read them one by one.
"""

_FIND = """
local page = redis.call('ZREVRANGEBYSCORE', KEYS[1], ARGV[1], ARGV[2], 'LIMIT', ARGV[3], ARGV[4])
local found = {}
for _, act in ipairs(page) do
    local fits = true
    for number = 5, #ARGV do
        fits = fits and string.find(act, ARGV[number], 1, true)
    end
    if fits then
        found[#found + 1] = act
    end
end
return {#page, found}
"""
"""A Lua script that reads a page of acts, and returns its size and the acts with some texts.

To read all acts of a year here, for the ten of one user, took a second.
"""

_log = logs.logger(__name__)


class Content(NamedTuple):
    """The content of Redis.

    Attributes:
        is_followed: Whether the stream still has the position that was asked for.
        length: The number of entries in the stream.
        newest: The position of the last entry; empty if there is none.
        records: All records of the kinds that are held.
    """

    is_followed: bool
    length: int
    newest: bytes
    records: dict[AnyKind, HeldRecords]


def questions(
    key: Callable[[AnyKind | str], str], position: bytes, kinds: Collection[AnyKind]
) -> Iterator[Command]:
    """Return the commands, of one transaction, whose answers `content` needs.

    Args:
        key: Returns the key of a kind of records, or of something else.
        position: The position in the stream to ask for; empty for none.
        kinds: The kinds of records that are held.
    """
    stream = key("changes")
    yield ("GET", key("version"))
    yield ("XRANGE", stream, position or "-", position or "+", "COUNT", 1)
    yield ("XLEN", stream)
    yield ("XREVRANGE", stream, "+", "-", "COUNT", 1)
    yield from (("HGETALL", key(kind)) for kind in kinds if kind is not USER)


async def content(
    answers: list[Any],
    kinds: Collection[AnyKind],
    key: Callable[[AnyKind | str], str],
    client: Client,
    renew: Callable[[], Awaitable[object]],
) -> Content:
    """Return the content of Redis.

    Users are read after the transaction in pieces, since nobody else is served meanwhile. Those who
    change in between are in the stream, after its newest entry in the answers.

    Args:
        answers: The answers to `questions`.
        kinds: The kinds of records that are held.
        key: Returns the key of a kind of records.
        client: A connected client.
        renew: Called after each piece.

    Raises:
        UnwritableError: A newer fortepiano uses this Redis.
    """
    version, there, length, last = answers[:4]
    if version and (why := newer_layout(version)):
        raise UnwritableError(why)
    small = [kind for kind in kinds if kind is not USER]
    records = {kind: _decoded(kind, held) for kind, held in zip(small, answers[4:], strict=True)}
    if USER in kinds:
        records[USER] = await _all_users(client, key(USER), renew)
    return Content(bool(there), length, last[0][0] if last else b"", records)


def newer_layout(version: bytes) -> str:
    """Return why a layout cannot be read; an empty text if it can."""
    if int(version) <= VERSION:
        return ""
    return (
        f"was written by a newer fortepiano: version {int(version)} of the layout,"
        f" and this one knows {VERSION}"
    )


async def _all_users(
    client: Client, key: str, renew: Callable[[], Awaitable[object]]
) -> HeldRecords:
    """Read the users in pieces; those that are there all the time are found (HSCAN)."""
    found, cursor = empty_table(USER), b"0"
    while True:
        cursor, joined = await client.execute_command("EVAL", _SCAN, 1, key, cursor, _PIECE)
        found.update(_decoded(USER, list(_parts(joined))))
        if int(cursor) == 0:
            return found
        await renew()


async def found_acts(client: Client, key: str, query: AuditQuery) -> list[AuditRecord]:
    """Return acts of one sorted set, the newest first; a few more than the query's limit."""
    last = "+inf" if query.before is None else f"({query.before}"
    first = "-inf" if query.since is None else str(query.since)
    wanted = (query.actor, query.action, query.room, query.subject)
    texts = [to_json(text) for text in wanted if text is not None]
    found = list[AuditRecord]()
    for offset in count(0, _PIECE):
        size, page = await client.execute_command(
            "EVAL", _FIND, 1, key, last, first, offset, _PIECE, *texts
        )
        found += filter(query.matches, map(AUDIT.from_json, page))
        if size < _PIECE or len(found) >= query.limit:
            break
    return found


def listed_changes(listed: Iterable[Sequence[Any]], kinds: Collection[AnyKind]) -> Changes:
    """Return single changes, as the stream has them, by kind and key.

    Args:
        listed: The name of each one's kind, its field in the kind's hash, and its text or None.
        kinds: The kinds of records that are held.
    """
    changes: Changes = {}
    for name, field, text in listed:
        # Records that cannot be read are of a newer fortepiano.
        with contextlib.suppress(msgspec.DecodeError, KeyError):
            kind = NAMED[name]
            if kind in kinds:
                changes[kind, _key_of(field)] = None if text is None else kind.from_json(text)
    return changes


def _key_of(field: str | bytes) -> Key:
    """Return the key of a record, whose field in a hash this is."""
    return tuple(orjson.loads(field))


def _decoded(kind: AnyKind, held: list[bytes]) -> HeldRecords:
    found = empty_table(kind)
    for field, text in zip(held[::2], held[1::2], strict=True):
        try:
            found[_key_of(field)] = kind.from_json(text)
        except (msgspec.DecodeError, orjson.JSONDecodeError):
            _log.warning(
                "record cannot be read", kind=kind.name, key=field.decode(errors="replace")
            )
    return found


def _parts(joined: bytes) -> Iterator[bytes]:
    """Yield the texts that `_SCAN` has joined."""
    at = 0
    while at < len(joined):
        begin = joined.index(b":", at) + 1
        end = begin + int(joined[at : begin - 1])
        yield joined[begin:end]
        at = end + 1
