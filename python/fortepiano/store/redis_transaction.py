"""Transactions in Redis: several commands as a whole, and only while the lease is this process's.

A transaction is a Lua script instead of MULTI, because the library's cluster client starts a thread
for each command of a MULTI. All keys are in one slot of a cluster.
"""

from itertools import chain
from typing import Any, TypeAlias

from fortepiano.store.lease import LEASE_MS, RENEW_MS, Lease, OwnedError
from fortepiano.store.record_kinds import AnyKind
from fortepiano.store.redis_url import Client

__all__ = ["Command", "Transactions"]

Command: TypeAlias = tuple[str | bytes | int, ...]
"""The words of one command."""

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

With a second key, the lease, four words come before the commands: the own value, the value that may
be replaced, the time of a lease, and the remaining time at which it is renewed. The answers are in
a list; behind the list of a transaction that was not done are the lease and its remaining time.
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
        lease = self._lease
        if lease is None:
            (answers,) = await client.execute_command("EVAL", _SCRIPT, 1, self.key("changes"), *words)
            return list(answers)
        terms = lease.terms
        answers, *other = await client.execute_command(
            *("EVAL", _SCRIPT, 2, self.key("changes"), self.key("owner")),
            *(*terms, LEASE_MS, LEASE_MS - RENEW_MS),
            *words,
        )
        if other:
            raise OwnedError(self._prefix, *other)
        lease.taken(terms)
        return list(answers)

    async def release(self, client: Client) -> None:
        """Give the lease back, if this process has it."""
        if self._lease is not None:
            value = self._lease.terms.value
            await client.execute_command("EVAL", _RELEASE, 1, self.key("owner"), value)
