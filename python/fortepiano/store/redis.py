"""A store in Redis or Valkey, of one server at a time or of the nodes of a cluster.

Commands use it beside them.

All keys are in one slot of a cluster, so that a group of changes is written in one transaction:

    {fortepiano}:version              version of this layout
    {fortepiano}:salt, :user, …       a hash for each kind: the key as JSON → the record as JSON
    {fortepiano}:audit                a sorted set of acts of staff and of commands by time
    {fortepiano}:audit_of_rooms       a sorted set of acts of moderators of rooms by time
    {fortepiano}:changes              a stream of the last groups, which every process follows
    {fortepiano}:owner                the server that has the lease (`fortepiano.store.lease`)

A process reads everything when it connects, users in pieces, and then follows the stream from the
position before that, remembering its position there. Chat is too long for the stream: a node reads
the chat of a room anew before the room opens there (`when_current`).

If Redis no longer has that position, Redis has lost data: it was killed before it had saved, or a
replica took over too early. Then this process writes again all records that it has and Redis lacks.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar, cast

import orjson
from redis.exceptions import RedisClusterException, RedisError

from fortepiano.errors import StoreError
from fortepiano.observe import logs
from fortepiano.store.base import Loop
from fortepiano.store.daemon_executor import DaemonExecutor
from fortepiano.store.held_records import HeldRecords
from fortepiano.store.lease import LEASE_MS, Lease, OwnedError
from fortepiano.store.record_kinds import (
    AUDIT,
    BAN,
    CHAT,
    KINDS,
    SALT,
    AnyKind,
    Changes,
    to_json,
)
from fortepiano.store.records import AuditQuery, AuditRecord
from fortepiano.store.redis_content import (
    VERSION,
    Content,
    content,
    found_acts,
    listed_changes,
    questions,
)
from fortepiano.store.redis_replies import Questions, Replies
from fortepiano.store.redis_transaction import (
    EVERYTHING,
    OF_ROOMS,
    STREAM_LENGTH,
    Command,
    Transactions,
)
from fortepiano.store.redis_url import Client, client_for, without_secrets
from fortepiano.store.salts import read_salts, write_salts
from fortepiano.store.writer import CLOSE_SECONDS, UnwritableError, WriterStore
from fortepiano.wall_clock import now_ms

__all__ = ["VERSION", "RedisStore", "run_script"]

START_SECONDS = 5.0
"""How long the first answer of a connection may take, with all sentinels and names to ask."""

ATTEMPT_SECONDS = 3.0
"""How long one transaction may take."""

CLAIM_SECONDS = LEASE_MS / 1000 + 2 * ATTEMPT_SECONDS
"""How long the claim to a lease may take: it is watched for the time that it lasts."""

LOAD_SECONDS = 120.0
"""How long reading everything may take; a connection that stays silent fails earlier."""

_PIECE = 2000
"""The most changes in one transaction: Redis serves nobody else meanwhile."""

_UNUSABLE = "cannot be used: no URL of Redis; write special characters of the login as %xx"

_FAILURES = (RedisError, RedisClusterException, OSError, TimeoutError)
"""Exceptions of a Redis that does not answer, or not as it should."""

_START = b""

_log = logs.logger(__name__)

T = TypeVar("T")


class RedisStore(WriterStore):
    """A store in Redis, with everything but the audit log in memory too.

    Args:
        url: The URL of Redis, see `fortepiano.store.redis_url`.
        prefix: The prefix of all keys; stores with different prefixes share nothing.
        salts: The file with a copy of the salts.
        lease: The lease of a server, which keeps others out; None for a command beside a server.
        close_seconds: How long `close` goes on trying to write.
        copies_salts: Whether the copy of the salts is made and kept up to date.
        kinds: The kinds of records that are held.
    """

    _runner: asyncio.Runner  # while open; used by the writer's thread only

    def __init__(
        self,
        url: str,
        prefix: str,
        salts: Path,
        lease: Lease | None = None,
        *,
        close_seconds: float = CLOSE_SECONDS,
        copies_salts: bool = True,
        kinds: Collection[AnyKind] = KINDS,
    ) -> None:
        super().__init__(
            without_secrets(url),
            close_seconds=close_seconds,
            last_seconds=2 * ATTEMPT_SECONDS,
            kinds=kinds,
        )
        self._held = tuple(kind for kind in self._records if kind is not AUDIT)
        self._url = url
        self._salts_path = salts
        self._lease = lease
        self._transactions = Transactions(prefix, lease)
        self._unfenced = Transactions(prefix, None)
        self._redis_key = self._transactions.key
        if lease is not None:
            lease.on_take_over = partial(self._poll_within, 0.0)
        self._copies_salts = copies_salts
        self._client: Client | None = None  # on the writer's loop, while Redis answers
        self._salts_given = False  # once `salts` has returned them, they must not change
        self._connected = False
        self._other_owner = b""  # the lease of another server, while that has it
        self._position = _START  # the last entry of the stream that has been read
        self._resumes = False  # whether the first connection goes on at that position
        self._questions = Questions()  # about rooms, for `when_current`

    def read(self) -> None:
        """Read everything and write nothing, neither a lease nor a copy of the salts."""
        self._forget_lost()
        self._set_salts(*(read_salts(self._salts_path) or super().salts()))
        self._runner = asyncio.Runner(loop_factory=_new_loop)
        try:
            there = _alone(self._url, self._read_all, LOAD_SECONDS)
        except (*_FAILURES, ValueError, TypeError, UnwritableError) as error:
            raise StoreError(self._place, f"cannot be read: {_reason(error)}") from None
        self._position = there.newest
        self._merge({**there.records, SALT: {**self._records[SALT], **there.records[SALT]}})
        self._is_read = self._resumes = True

    def open(self) -> None:
        """Connect and read everything; if Redis does not answer, start with the salts only.

        Raises:
            StoreError: The URL is wrong, or another server has the lease.
        """
        if self._writer is not None:
            return
        if self._is_read:
            self._start()
            return
        self._forget_lost()
        copied = read_salts(self._salts_path)
        if copied is not None:
            self._set_salts(*copied)
        elif self._copies_salts:
            write_salts(self._salts_path, super().salts())
        self._salts_given = self._connected = False
        try:
            client_for(self._url)
        except (ValueError, TypeError, RedisError):
            raise StoreError(self._place, _UNUSABLE) from None
        if self._lease is not None and not self._lease.is_shared:
            self._await_lease(self._lease)
        self._runner = asyncio.Runner(loop_factory=_new_loop)
        self._start()
        with self._changed:
            longest = START_SECONDS + LOAD_SECONDS
            self._changed.wait_for(lambda: self._connected or self._last_error, longest)

    def salts(self) -> tuple[str, str]:
        """Return the two secrets for user ids."""
        self._salts_given = True
        return super().salts()

    def attach(self, loop: Loop, changed: Callable[[], object]) -> None:
        """Call back on an event loop from now on."""
        super().attach(loop, changed)
        self._questions.attach(Replies(loop, changed))

    def when_current(self, room: str, callback: Callable[[bool], object]) -> None:
        """Call back once everything is here that other processes have written about a room."""
        with self._changed:
            self._questions.ask(room, callback)
            self._poll_within(0.0)

    def _await_lease(self, lease: Lease) -> None:
        """Take the lease; if Redis does not answer, the writer will.

        Raises:
            StoreError: Another server has the lease.
        """

        def claim(client: Client) -> Awaitable[None]:
            return self._transactions.claim(client, lease, asyncio.sleep)

        try:
            _alone(self._url, claim, CLAIM_SECONDS)
        except OwnedError as error:
            raise StoreError(self._place, str(error)) from None
        except _FAILURES:
            pass

    # Called on the writer's thread.

    def _commit(self, batch: Changes) -> None:
        self._connect()
        changes = iter(batch.items())
        while piece := dict(islice(changes, _PIECE)):
            entry = EVERYTHING if len(batch) > _PIECE else None
            commands = self._transactions.changing(piece, entry)
            self._run(self._transaction(*commands), ATTEMPT_SECONDS)

    def _poll(self) -> None:
        self._connect()
        with self._changed:
            asked = self._questions.asked()
        self._run(self._follow(asked), LOAD_SECONDS)
        with self._changed:
            self._questions.answer(asked)

    def _release(self) -> None:
        lease = self._lease
        if self._client is not None and lease is not None and not lease.outlives_process:
            with contextlib.suppress(UnwritableError):
                self._run(self._transactions.release(self._client), ATTEMPT_SECONDS)
        self._disconnect()
        self._runner.close()

    def _connect(self) -> None:
        if not self._connected:
            # A first question, since a large store takes longer to load than silence may last.
            self._run(self._first_answer(), START_SECONDS)
            if self._lease is not None:
                self._run(self._claim(self._lease), CLAIM_SECONDS)
            resumes, self._resumes = self._resumes and bool(self._position), False
            self._run(self._follow(()) if resumes else self._load(), LOAD_SECONDS)
            self._other_owner = b""
            with self._changed:
                self._connected = True
                self._changed.notify_all()

    async def _first_answer(self) -> None:
        """Ask for anything, whoever has the lease."""
        client = self._connected_client()
        await self._unfenced.run(client, ("GET", self._redis_key("version")))

    def _disconnect(self) -> None:
        self._connected = False
        client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(*_FAILURES):
                self._runner.run(asyncio.wait_for(_closed(client), ATTEMPT_SECONDS))

    def _run(self, work: Coroutine[Any, Any, T], seconds: float) -> T:
        """Run a coroutine on the writer's own loop; any failure ends the connection."""
        try:
            return self._runner.run(asyncio.wait_for(work, seconds))
        except Exception as error:
            self._disconnect()
            if isinstance(error, OwnedError):
                self._log_owner(error)
            if isinstance(error, _FAILURES):
                raise UnwritableError(_reason(error)) from None
            raise

    def _log_owner(self, error: OwnedError) -> None:
        """Log another owner once; not if this is the first failure, which is logged anyway."""
        if self._last_error is not None and error.value != self._other_owner:
            _log.error("store belongs to another server", place=str(self._place), reason=str(error))
        self._other_owner = error.value

    def _connected_client(self) -> Client:
        if self._client is None:
            self._client = client_for(self._url)
        return self._client

    async def _claim(self, lease: Lease) -> None:
        """Take the lease again, unless the store is closed meanwhile."""

        async def sleep(seconds: float) -> None:
            if self._closing():
                raise UnwritableError("another process may own it")
            await asyncio.sleep(seconds)

        await self._transactions.claim(self._connected_client(), lease, sleep)

    async def _transaction(self, *commands: Command) -> list[Any]:
        """Run some commands as one transaction, and return their answers."""
        return await self._transactions.run(self._connected_client(), *commands)

    async def _read_all(self, client: Client) -> Content:
        """Read everything, whoever has the lease."""
        answers = await self._unfenced.run(client, *questions(self._redis_key, _START, self._held))
        pause = partial(asyncio.sleep, 0)
        return await content(answers, self._held, self._redis_key, client, pause)

    async def _load(self) -> None:
        """Read everything.

        Raises:
            UnwritableError: A newer fortepiano uses this Redis.
        """
        salts = self._records[SALT]
        answers = await self._transaction(
            ("SETNX", self._redis_key("version"), VERSION),
            *(
                ("HSETNX", self._redis_key(SALT), to_json(key), to_json(record))
                for key, record in salts.items()
            ),
            *questions(self._redis_key, self._position, self._held),
        )
        there = await content(
            answers[1 + len(salts) :],
            self._held,
            self._redis_key,
            self._connected_client(),
            self._transaction,
        )
        newest, found = there.newest, there.records
        if not newest:  # a first entry, so that this stream can be distinguished from a later one
            (newest,) = await self._transaction(self._transactions.entry(b"[]"))
        if self._position and not there.is_followed and there.length < STREAM_LENGTH:
            self._write_again(found)
        self._settle_salts(found)
        self._position = newest
        self._merge(found)
        now = now_ms()
        for ban in self.bans() if BAN in self._held else ():
            if ban.until is not None and ban.until <= now:
                self.remove_ban(ban.room, ban.subject)
        await self._check_persistence()

    async def _follow(self, rooms: Iterable[str]) -> None:
        """Merge the new entries of the stream, which this process and others have added.

        Args:
            rooms: The rooms whose chat is read too.
        """
        stream = self._redis_key("changes")
        chats = [to_json((room,)) for room in rooms if CHAT in self._held]
        entries, *texts = await self._transaction(
            ("XRANGE", stream, self._position, "+", "COUNT", STREAM_LENGTH),
            *(("HGET", self._redis_key(CHAT), field) for field in chats),
        )
        if not entries or entries[0][0] != self._position or len(entries) == STREAM_LENGTH:
            await self._load()
            return
        listed = [[CHAT.name, *pair] for pair in zip(chats, texts, strict=True)]
        for _, fields in entries[1:]:
            changed = fields[1]  # fields[0] is the name, `changes`
            if changed == EVERYTHING:
                await self._load()
                return
            listed += orjson.loads(changed)
        self._position = entries[-1][0]
        self._merge({}, listed_changes(listed, self._held))

    def _write_again(self, found: dict[AnyKind, HeldRecords]) -> None:
        """Queue all records that this process has and Redis has lost."""
        with self._changed:
            missing: Changes = {
                (kind, key): record
                for kind in self._held
                for key, record in self._records[kind].items()
                if kind is not SALT and key not in found[kind]
            }
            self._pending = {**missing, **self._pending}
            self._change += 1
            self._set_due(0.0)
        _log.warning("store has lost records", place=str(self._place), written_again=len(missing))

    def _settle_salts(self, found: dict[AnyKind, HeldRecords]) -> None:
        """Choose between the salts of this process and those of Redis, and copy them to a file."""
        agreed = {**self._records[SALT], **found[SALT]}
        if self._salts_given and agreed != self._records[SALT]:
            # User ids must not change while people are connected, so the next start uses them.
            _log.warning("salts differ; all user ids change with the next start")
            found[SALT] = self._records[SALT]
        else:
            found[SALT] = agreed
        salts = (agreed["1",].value, agreed["2",].value)
        try:
            if self._copies_salts and read_salts(self._salts_path) != salts:
                write_salts(self._salts_path, salts)
        except StoreError as error:
            _log.warning("salts cannot be copied", path=str(error.path), reason=error.reason)

    async def _check_persistence(self) -> None:
        """Warn if a kill of Redis can lose writes that Redis has acknowledged."""
        with contextlib.suppress(RedisError):  # not every login may ask
            info = await self._connected_client().execute_command("INFO", "persistence")
            if isinstance(info, dict) and cast("dict[str, object]", info).get("aof_enabled") == 0:
                _log.warning(
                    "Redis keeps no log of its writes (appendonly no) and may lose the last ones",
                    place=str(self._place),
                )

    def _delete_acts(self, since: int, rows: int, most: int) -> bool:
        self._connect()
        return self._run(self._delete_oldest(since, rows, most), ATTEMPT_SECONDS)

    async def _delete_oldest(self, since: int, rows: int, most: int) -> bool:
        key = self._redis_key(OF_ROOMS)
        stored, old = await self._transaction(
            ("ZCARD", key), ("ZCOUNT", key, "-inf", f"({max(since, 0)}")
        )
        surplus = max(old, stored - rows if rows else 0)
        if surplus:
            await self._transaction(("ZREMRANGEBYRANK", key, 0, min(surplus, most) - 1))
        return bool(surplus > most)

    def _read_audit(self, query: AuditQuery) -> list[AuditRecord]:
        try:
            return _alone(self._url, partial(self._page_audit, query), LOAD_SECONDS)
        except _FAILURES as error:
            raise UnwritableError(_reason(error)) from None

    async def _page_audit(self, query: AuditQuery, client: Client) -> list[AuditRecord]:
        return [
            act
            for acts in (AUDIT.name, OF_ROOMS)
            for act in await found_acts(client, self._redis_key(acts), query)
        ]


def run_script(url: str, script: str, keys: Sequence[str]) -> list[Any]:
    """Run a Lua script on a connection of its own, and wait for its answer.

    Raises:
        StoreError: Redis does not answer, or refuses.
    """

    def run(client: Client) -> Awaitable[list[Any]]:
        return client.execute_command("EVAL", script, len(keys), *keys)

    try:
        return _alone(url, run, LOAD_SECONDS)
    except (*_FAILURES, ValueError, TypeError) as error:
        why = f"cannot be used (store.url): {_reason(error)}"
        raise StoreError(without_secrets(url), why) from None


def _alone(url: str, work: Callable[[Client], Awaitable[T]], seconds: float) -> T:
    """Do some work with a loop and a connection of its own, and return its result."""

    async def connected() -> T:
        client = client_for(url)
        try:
            return await work(client)
        finally:
            await _closed(client)

    with asyncio.Runner(loop_factory=_new_loop) as runner:
        return runner.run(asyncio.wait_for(connected(), seconds))


async def _closed(client: Client) -> None:
    await client.aclose()
    await asyncio.sleep(0)  # a cluster's client does not wait until its sockets are closed


def _new_loop() -> asyncio.AbstractEventLoop:
    """Return a loop that can be closed while a name server keeps it waiting."""
    loop = asyncio.new_event_loop()
    loop.set_default_executor(DaemonExecutor())
    return loop


def _reason(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
