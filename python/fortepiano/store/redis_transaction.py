"""Transactions in Redis: several commands as a whole, and only while the lease is this process's.

A transaction is a Lua script instead of MULTI, because the library's cluster client starts a thread
for each command of a MULTI. All keys are in one slot of a cluster.
"""

from collections.abc import Awaitable, Callable, Iterator
from itertools import chain, count
from typing import Any, TypeAlias

import orjson

from fortepiano.observe import logs
from fortepiano.store.lease import LEASE_MS, RENEW_MS, Lease, OwnedError, Verdict
from fortepiano.store.record_kinds import (
    AUDIT,
    BAN,
    ROOM,
    TOKEN,
    USER,
    AnyKind,
    Changes,
    to_json,
)
from fortepiano.store.records import AuditRecord
from fortepiano.store.redis_url import Client

__all__ = ["EVERYTHING", "OF_ROOMS", "STREAM_LENGTH", "Command", "Transactions"]

Command: TypeAlias = tuple[str | bytes | int, ...]
"""The words of one command."""

STREAM_LENGTH = 1000
"""Groups of changes in the stream; a process that is further behind reads everything again."""

OF_ROOMS = "audit_of_rooms"
"""The sorted set of acts of moderators of rooms, of which the oldest are deleted."""

EVERYTHING = b"everything"
"""Entry of the stream for a group too large to list: readers read everything again."""

_LOOK_SECONDS = 0.2
"""The interval at which the lease of another owner is looked at."""

_SHARED = (USER, BAN, TOKEN, ROOM)

_log = logs.logger(__name__)

_SCRIPT = """
local at = 1
if KEYS[2] then
    local held = redis.call('GET', KEYS[2])
    local value, replaced, lease, rest = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
    if not held or (held == replaced and held ~= value) then
        redis.call('SET', KEYS[2], value, 'PX', lease)
    elseif held ~= value then
        return {{}, held, redis.call('PTTL', KEYS[2])}
    elseif redis.call('PTTL', KEYS[2]) <= rest then
        redis.call('PEXPIRE', KEYS[2], lease)
    end
    at = 5
end
local answers = {}
while at <= #ARGV do
    local length = tonumber(ARGV[at])
    answers[#answers + 1] = redis.call(unpack(ARGV, at + 1, at + length))
    at = at + length + 1
end
return {answers}
"""
"""The script. Each command is given as its number of words and then the words.

The second key is the lease, if the process has one. Then four words come before the commands: the
own value, a value that may be replaced, the time of a lease, and the remaining time at which it is
renewed. The answers are in a list. Behind the list of a transaction that was not done are the lease
and its remaining time.
"""

_RELEASE = """
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
"""


class Transactions:
    """Transactions under one prefix.

    Args:
        prefix: The prefix of all keys.
        lease: The lease of this process; None for a command, which may write beside a server.
    """

    def __init__(self, prefix: str, lease: Lease | None) -> None:
        self._prefix = prefix
        self._lease = lease

    def key(self, of: AnyKind | str) -> str:
        """Return the key of a kind of records, or of something else."""
        # The braces keep all keys in one slot of a cluster.
        return f"{{{self._prefix}}}:{of if isinstance(of, str) else of.name}"

    async def run(self, client: Client, *commands: Command) -> list[Any]:
        """Run some commands as one transaction, and return their answers.

        Raises:
            OwnedError: Another process has the lease, and nothing was done.
        """
        words = chain.from_iterable((len(command), *command) for command in commands)
        lease, keys = self._lease, [self.key("changes")]
        if lease is None:
            (answers,) = await client.execute_command("EVAL", _SCRIPT, len(keys), *keys, *words)
            return list(answers)
        terms = lease.terms
        keys.append(self.key("owner"))
        fence = (*terms, LEASE_MS, LEASE_MS - RENEW_MS)
        answers, *other = await client.execute_command(
            "EVAL", _SCRIPT, len(keys), *keys, *fence, *words
        )
        if other:
            raise OwnedError(self._prefix, *other)
        lease.taken(terms)
        return list(answers)

    async def claim(
        self,
        client: Client,
        lease: Lease,
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        """Take the lease, waiting for an owner that may be gone.

        Args:
            client: The client.
            lease: The lease of this process.
            sleep: Waits for some seconds.

        Raises:
            OwnedError: The owner lives.
        """
        for number in count():
            try:
                await self.run(client)
            except OwnedError as error:
                verdict = lease.judge(error)
                if verdict is Verdict.REFUSE:
                    raise
                if verdict is Verdict.WAIT:
                    if not (number or lease.was_held):
                        _log.info("looking whether the store's owner lives", reason=str(error))
                    await sleep(_LOOK_SECONDS)
            else:
                return

    async def release(self, client: Client) -> None:
        """Give the lease back, if this process has it."""
        if self._lease is not None:
            value = self._lease.terms.value
            await client.execute_command("EVAL", _RELEASE, 1, self.key("owner"), value)

    def changing(self, piece: Changes, entry: bytes | None) -> Iterator[Command]:
        """Return the commands that write some changes and add them to the stream.

        Args:
            piece: The changes.
            entry: The entry that other processes read; None for the changes themselves.
        """
        shared: list[tuple[str, str, str | None]] = []
        for (kind, key), record in piece.items():
            field, text = to_json(key), None if record is None else to_json(record)
            if isinstance(record, AuditRecord) and text is not None:
                # Safe to repeat after a commit that may have failed: the member stays the same.
                yield ("ZADD", self.key(_acts_of(record)), record.at, text)
            elif text is not None:
                yield ("HSET", self.key(kind), field, text)
            else:
                yield ("HDEL", self.key(kind), field)
            if kind in _SHARED:
                shared.append((kind.name, field.decode(), None if text is None else text.decode()))
        if shared:
            yield self.entry(entry or orjson.dumps(shared))

    def entry(self, payload: bytes) -> Command:
        """Return the command that adds an entry to the stream."""
        stream = self.key("changes")
        return ("XADD", stream, "MAXLEN", "~", STREAM_LENGTH, "*", "changes", payload)


def _acts_of(record: AuditRecord) -> str:
    """Return the sorted set of an act; with one alone, old acts could not be found by rank."""
    return OF_ROOMS if record.is_of_room else AUDIT.name
