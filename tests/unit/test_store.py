import asyncio
import dataclasses
import os
import resource
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
import structlog.testing

from fortepiano.config import Settings, StoreSettings
from fortepiano.errors import StoreError
from fortepiano.store import (
    DATABASE,
    AuditQuery,
    AuditRecord,
    BanRecord,
    ChatRecord,
    CrownRecord,
    MuteRecord,
    RoomRecord,
    Store,
    TokenRecord,
    UserRecord,
    open_store,
)
from fortepiano.store.answers import ANSWER_SECONDS
from fortepiano.store.base import CHAT_LINES
from fortepiano.store.memory import MemoryStore
from fortepiano.store.redis import RedisStore
from fortepiano.store.salts import SALTS
from fortepiano.store.schema import MIGRATIONS
from fortepiano.store.sqlite import SQLiteStore
from fortepiano.store.writer import LAZY_SECONDS, LOOK_SECONDS
from support.redis import RedisServer, run_redis

ANN = UserRecord("a" * 24, "Ann", "#112233")
BEA = UserRecord("b" * 24, "Béa 🎹", "#445566")

NOW = time.time_ns() // 1_000_000
HOUR = 3_600_000

KICKED = BanRecord("Duets 🎹", ANN.id, NOW + HOUR, BEA.id, "", NOW)
BANNED = BanRecord("", ANN.id, None, "1f2e3d4c", "spam", NOW)

FIRST = TokenRecord("00000001", "d1" * 32, "admin", "Bea's", NOW, None)
SECOND = TokenRecord("00000000", "d2" * 32, "read", "", NOW + 1, NOW + HOUR)

STUDIO = RoomRecord(
    "Studio 🎹",
    {"visible": False, "color": "#112233", "limit": 7},
    owner_id=ANN.id,
    co_owners=(BEA.id,),
    invited=(ANN.id, BEA.id),
    mutes={BEA.id: MuteRecord(notes=True, chat=False)},
    crown=CrownRecord(ANN.id, NOW, (50.0, 50.0), (12.5, 80.0)),
)


def act(number: int) -> AuditRecord:
    return AuditRecord(
        AuditRecord.next_id(NOW + number),
        NOW + number,
        "admin",
        ("ban", "mute")[number % 2],
        f"room {number}",
        ANN.id,
        "noise",
        {"until": None, "ms": number, "all": True, "name": "Béa"},
    )


LONG = 10.0
"""A wait that ends early unless something is broken; seconds."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / DATABASE


@pytest.fixture(scope="module")
def redis_server() -> Iterator[RedisServer]:
    with run_redis() as running:
        yield running


REDIS = pytest.param("redis", marks=pytest.mark.needs("redis-server"))


@pytest.fixture(params=["memory", "sqlite", REDIS])
def store(request: pytest.FixtureRequest, path: Path) -> Iterator[Store]:
    made: Store
    if request.param == "redis":
        server: RedisServer = request.getfixturevalue("redis_server")
        with server.client() as client:
            client.flushall()
        made = RedisStore(server.url, "test", path.parent / SALTS)
    else:
        made = MemoryStore() if request.param == "memory" else SQLiteStore(path)
    made.open()
    yield made
    made.close()


def until(store: SQLiteStore, reached: Callable[[], bool]) -> None:
    """Wait for something the writer does by itself, without hurrying it as flush would."""
    with store._changed:
        assert store._changed.wait_for(reached, LONG)


def reopened(path: Path) -> SQLiteStore:
    store = SQLiteStore(path)
    store.open()
    return store


class TestEveryStore:
    def test_nobody_is_known_at_first(self, store: Store) -> None:
        assert store.user(ANN.id) is None
        assert store.healthy
        assert store.last_error is None

    def test_saved_is_there_at_once(self, store: Store) -> None:
        store.save_user(ANN)
        assert store.user(ANN.id) == ANN
        assert store.user(BEA.id) is None

    def test_last_save_counts(self, store: Store) -> None:
        for number in range(100):
            store.save_user(UserRecord(ANN.id, f"Ann {number}", ANN.color))
        assert store.user(ANN.id) == UserRecord(ANN.id, "Ann 99", ANN.color)

    def test_salts_are_two_secrets_that_stay(self, store: Store) -> None:
        first, second = store.salts()
        assert first != second
        assert min(len(first), len(second)) >= 32
        assert store.salts() == (first, second)

    def test_flush_reports_success(self, store: Store) -> None:
        assert store.flush(LONG)
        store.save_user(ANN)
        assert store.flush(LONG)
        assert store.healthy

    def test_nobody_is_banned_at_first(self, store: Store) -> None:
        assert store.bans() == []
        store.remove_ban(KICKED.room, KICKED.subject)
        assert store.bans() == []

    def test_bans_of_one_user_are_independent(self, store: Store) -> None:
        store.save_ban(KICKED)
        store.save_ban(BANNED)
        assert sorted(store.bans(), key=lambda ban: ban.room) == [BANNED, KICKED]
        store.remove_ban("", ANN.id)
        store.remove_ban(KICKED.room, BEA.id)
        assert store.bans() == [KICKED]

    def test_second_ban_replaces_the_first(self, store: Store) -> None:
        longer = dataclasses.replace(KICKED, until=None, by=ANN.id)
        store.save_ban(KICKED)
        store.save_ban(longer)
        assert store.bans() == [longer]

    def test_lists_are_the_askers_own(self, store: Store) -> None:
        store.save_ban(KICKED)
        store.save_token(FIRST)
        store.bans().clear()
        store.tokens().clear()
        assert (store.bans(), store.tokens()) == ([KICKED], [FIRST])

    def test_tokens_are_found_by_digest(self, store: Store) -> None:
        assert store.token(FIRST.digest) is None
        store.save_token(SECOND)
        store.save_token(FIRST)
        assert store.token(FIRST.digest) == FIRST
        assert store.token(SECOND.digest) == SECOND
        assert store.token(FIRST.id) is None
        assert store.tokens() == [FIRST, SECOND]

    def test_removed_token_is_gone(self, store: Store) -> None:
        store.save_token(FIRST)
        store.save_token(SECOND)
        store.remove_token(FIRST.id)
        store.remove_token("nobody's")
        assert store.token(FIRST.digest) is None
        assert store.tokens() == [SECOND]

    def test_new_secret_of_a_token_replaces_the_old(self, store: Store) -> None:
        renewed = dataclasses.replace(FIRST, digest="d3" * 32)
        store.save_token(FIRST)
        store.save_token(renewed)
        assert store.token(FIRST.digest) is None
        assert store.tokens() == [renewed]

    def test_revoked_token_is_kept_by_its_id(self, store: Store) -> None:
        revoked = TokenRecord("r1", "", "user", "", NOW, None, ANN.id, NOW)
        other = dataclasses.replace(revoked, id="r2")
        store.save_token(revoked)
        store.save_token(other)
        assert (store.token_by_id("r1"), store.token_by_id("r2")) == (revoked, other)
        assert store.token("") is None

    def test_networks_are_banned_like_users(self, store: Store) -> None:
        network = dataclasses.replace(BANNED, subject="2001:db8::/64")
        store.save_ban(network)
        store.save_ban(BANNED)
        store.remove_ban("", BANNED.subject)
        assert store.bans() == [network]

    def test_rooms(self, store: Store) -> None:
        store.save_room(STUDIO)
        store.save_room(RoomRecord("other", {}))
        assert store.room("Studio 🎹") == STUDIO
        assert sorted(room.name for room in store.rooms()) == ["Studio 🎹", "other"]
        store.remove_room("other")
        store.remove_room("nowhere")
        assert store.rooms() == [STUDIO]
        assert store.room("other") is None

    def test_room_is_kept_as_it_was(self, store: Store) -> None:
        settings: dict[str, bool | int | str] = {"visible": True}
        store.save_room(RoomRecord("hall", settings))
        settings["visible"] = False
        assert store.room("hall") == RoomRecord("hall", {"visible": True})

    def test_chat(self, store: Store) -> None:
        assert store.chat("hall") == ()
        store.save_chat("hall", ('{"a":1}', '{"a":"é"}'))
        store.save_chat("other", ("{}",))
        assert store.chat("hall") == ('{"a":1}', '{"a":"é"}')
        store.remove_chat("other")
        assert store.chats() == [ChatRecord("hall", ('{"a":1}', '{"a":"é"}'))]

    def test_chat_is_bounded(self, store: Store) -> None:
        store.save_chat("hall", tuple(str(number) for number in range(CHAT_LINES + 3)))
        lines = store.chat("hall")
        assert (len(lines), lines[0], lines[-1]) == (CHAT_LINES, "3", str(CHAT_LINES + 2))

    def test_audit_is_read_from_the_newest(self, store: Store) -> None:
        acts = [act(number) for number in range(20)]
        for one in acts:
            store.add_audit(one)
        assert store.audit(AuditQuery()) == acts[::-1]
        assert store.audit(AuditQuery(limit=3)) == acts[:-4:-1]
        assert store.audit(AuditQuery(actor="nobody")) == []

    @pytest.mark.parametrize(
        ("query", "numbers"),
        [
            (AuditQuery(actor="admin"), [5, 4, 3, 2, 1, 0]),
            (AuditQuery(action="ban"), [4, 2, 0]),
            (AuditQuery(action="mute", limit=2), [5, 3]),
            (AuditQuery(room="room 3"), [3]),
            (AuditQuery(subject=ANN.id, since=NOW + 2, before=NOW + 4), [3, 2]),
        ],
    )
    def test_audit_is_filtered(self, store: Store, query: AuditQuery, numbers: list[int]) -> None:
        acts = [act(number) for number in range(6)]
        for one in acts:
            store.add_audit(one)
        assert store.audit(query) == [acts[number] for number in numbers]

    def test_acts_of_one_moment_keep_their_order(self, store: Store) -> None:
        acts = [dataclasses.replace(act(0), id=AuditRecord.next_id(NOW)) for _ in range(300)]
        for one in acts:
            store.add_audit(one)
        assert store.audit(AuditQuery(limit=1000)) == acts[::-1]

    def test_without_a_loop_the_answer_is_waited_for(self, store: Store) -> None:
        answers: list[bool] = []
        store.save_ban(KICKED)
        store.when_saved(answers.append)
        assert answers == [True]

    async def test_on_a_loop_the_answer_comes_after_the_commit(self, store: Store) -> None:
        loop = asyncio.get_running_loop()
        store.attach(loop, lambda: None)
        answers: asyncio.Queue[tuple[bool, int]] = asyncio.Queue()

        def told(number: int, is_safe: bool) -> None:
            answers.put_nowait((is_safe, number))

        for number in range(3):
            store.save_ban(dataclasses.replace(KICKED, room=str(number)))
            store.when_saved(partial(told, number))
        got = [await asyncio.wait_for(answers.get(), LONG) for _ in range(3)]
        assert got == [(True, 0), (True, 1), (True, 2)]
        on: asyncio.Future[int] = loop.create_future()
        store.save_ban(BANNED)
        store.when_saved(lambda _: on.set_result(threading.get_ident()))
        assert await asyncio.wait_for(on, LONG) == threading.get_ident()

    def test_own_changes_are_no_revision(self, store: Store) -> None:
        store.save_ban(KICKED)
        store.save_token(FIRST)
        assert store.flush(LONG)
        assert store.revision == 0

    def test_opening_and_closing_twice_is_harmless(self, store: Store) -> None:
        store.save_user(ANN)
        store.open()
        assert store.user(ANN.id) == ANN
        store.close()
        store.close()

    def test_saves_from_several_threads(self, store: Store) -> None:
        def save(letter: str) -> None:
            for number in range(200):
                store.save_user(UserRecord(letter * 24, f"{letter} {number}", "#000000"))

        threads = [threading.Thread(target=save, args=(letter,)) for letter in "abcd"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert store.flush(LONG)
        for letter in "abcd":
            record = store.user(letter * 24)
            assert record is not None
            assert record.name == f"{letter} 199"


class TestRestart:
    def test_users_and_salts_are_still_there(self, path: Path) -> None:
        store = reopened(path)
        salts = store.salts()
        store.save_user(ANN)
        store.save_user(BEA)
        store.close()
        with closing(reopened(path)) as again:
            assert again.salts() == salts
            assert (again.user(ANN.id), again.user(BEA.id)) == (ANN, BEA)

    def test_one_store_can_be_opened_again(self, path: Path) -> None:
        store = reopened(path)
        store.save_user(ANN)
        store.close()
        store.open()
        assert store.user(ANN.id) == ANN
        store.save_user(BEA)
        store.close()
        with closing(reopened(path)) as again:
            assert again.user(BEA.id) == BEA

    def test_written_without_being_asked(self, path: Path) -> None:
        with closing(reopened(path)) as store, closing(sqlite3.connect(path)) as other:
            store.save_user(ANN)
            until(store, lambda: not store._pending and not store._in_flight)
            assert other.execute("SELECT id, name, color FROM user").fetchall() == [
                (ANN.id, ANN.name, ANN.color)
            ]

    def test_many_saves_of_one_user_wait_as_one(self, path: Path) -> None:
        with closing(reopened(path)) as store:
            for number in range(1000):
                store.save_user(UserRecord(ANN.id, f"Ann {number}", ANN.color))
                assert len(store._pending) <= 1

    def test_bans_and_tokens_are_still_there(self, path: Path) -> None:
        store = reopened(path)
        for ban in (KICKED, BANNED):
            store.save_ban(ban)
        for token in (FIRST, SECOND):
            store.save_token(token)
        store.close()
        with closing(reopened(path)) as again:
            assert sorted(again.bans(), key=lambda ban: ban.room) == [BANNED, KICKED]
            assert again.tokens() == [FIRST, SECOND]
            assert again.token(SECOND.digest) == SECOND
            again.remove_ban("", ANN.id)
            again.remove_token(FIRST.id)
        with closing(reopened(path)) as again:
            assert (again.bans(), again.tokens()) == ([KICKED], [SECOND])

    def test_ended_bans_are_forgotten(self, path: Path) -> None:
        store = reopened(path)
        ended = dataclasses.replace(KICKED, room="ended", until=NOW - 1)
        for ban in (ended, KICKED, BANNED):
            store.save_ban(ban)
        assert ended in store.bans()
        store.close()
        with closing(reopened(path)) as again:
            assert {ban.room for ban in again.bans()} == {KICKED.room, ""}
        with closing(sqlite3.connect(path)) as database:
            assert database.execute("SELECT count(*) FROM ban").fetchone() == (2,)

    def test_saved_and_removed_at_once_leaves_nothing(self, path: Path) -> None:
        store = reopened(path)
        store.save_ban(KICKED)
        store.remove_ban(KICKED.room, KICKED.subject)
        store.close()
        with closing(reopened(path)) as again:
            assert again.bans() == []

    def test_ten_thousand_bans(self, path: Path) -> None:
        bans = [dataclasses.replace(KICKED, subject=f"{one:024x}") for one in range(10_000)]
        store = reopened(path)
        for ban in bans:
            store.save_ban(ban)
        store.close()
        with closing(reopened(path)) as again:
            assert again.bans() == bans

    def test_what_is_committed_outlives_a_power_cut(self, path: Path) -> None:
        path.parent.mkdir()
        with closing(SQLiteStore(path)._connect()) as database:
            (level,) = database.execute("PRAGMA synchronous").fetchone()
        assert level == 2  # FULL

    def test_end_beyond_sqlite_does_not_stop_the_writer(self, path: Path) -> None:
        store = reopened(path)
        store.save_ban(dataclasses.replace(KICKED, until=10**300))
        store.close()
        with closing(reopened(path)) as again:
            assert again.bans() == [dataclasses.replace(KICKED, until=2**63 - 1)]

    def test_lone_surrogate_does_not_stop_the_writer(self, path: Path) -> None:
        store = reopened(path)
        store.save_user(UserRecord(ANN.id, "A\ud800nn", ANN.color))
        store.save_user(BEA)
        store.close()
        with closing(reopened(path)) as again:
            assert again.user(ANN.id) == UserRecord(ANN.id, "A?nn", ANN.color)
            assert again.user(BEA.id) == BEA

    def test_secrets_are_for_the_owner_only(self, path: Path) -> None:
        with closing(reopened(path)) as store:
            store.save_user(ANN)
            assert store.flush(LONG)
            assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
            for file in path.parent.iterdir():
                assert stat.S_IMODE(file.stat().st_mode) == 0o600, file

    def test_killed_while_writing(self, path: Path) -> None:
        program = (
            "import sys; from pathlib import Path\n"
            "from fortepiano.store import BanRecord, UserRecord\n"
            "from fortepiano.store.sqlite import SQLiteStore\n"
            "store = SQLiteStore(Path(sys.argv[1])); store.open()\n"
            "number = 0\n"
            "while True:\n"
            "    for user in range(50):\n"
            "        store.save_user(UserRecord(f'{user:024x}', str(number), '#000000'))\n"
            "        store.save_ban(BanRecord('room', f'{user:024x}', None, '', str(number), 0))\n"
            "    assert store.flush(10)\n"
            "    print(number, flush=True); number += 1\n"
        )
        salts = None
        for rounds in (1, 5, 20):
            acknowledged = _run_and_kill(program, path, rounds)
            with closing(sqlite3.connect(path)) as database:
                assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            with closing(reopened(path)) as store:
                salts = salts or store.salts()
                assert store.salts() == salts
                numbers = set()
                for user in range(50):
                    record = store.user(f"{user:024x}")
                    assert record is not None
                    numbers.add(int(record.name))
                assert len(store.bans()) == 50
                numbers.update(int(ban.reason) for ban in store.bans())
                assert min(numbers) >= acknowledged
                assert max(numbers) - min(numbers) <= 1


def _run_and_kill(program: str, path: Path, rounds: int) -> int:
    """Kill a writing process once it has told of some rounds; return the last one told."""
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(path)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    with process:
        assert process.stdout is not None
        for _ in range(rounds):
            assert process.stdout.readline().strip().isdigit()
        process.send_signal(signal.SIGKILL)
        told = process.stdout.read().split()
    return int(told[-1]) if told else rounds - 1


def _scribble(path: Path) -> None:
    path.write_bytes(b"this is not a database, it is a poem\n" * 100)


def _damage(path: Path) -> None:
    with closing(reopened(path)) as store:
        for number in range(2000):
            store.save_user(UserRecord(f"{number:024x}", "x" * 40, "#000000"))
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(8192)
        file.write(b"\xff" * (size - 8192))


def _age(path: Path) -> None:
    reopened(path).close()
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA user_version = 7")


def _put_folder(path: Path) -> None:
    path.mkdir()


class TestUnusableFile:
    @pytest.mark.parametrize(
        ("spoil", "told"),
        [
            (_scribble, "cannot be used as a database: file is not a database"),
            (_damage, "damaged|malformed"),
            (_age, f"written by a newer fortepiano: version 7 .* knows {len(MIGRATIONS)}"),
            (_put_folder, "cannot be written: Is a directory"),
        ],
    )
    def test_is_told_in_one_line(
        self, path: Path, spoil: Callable[[Path], None], told: str
    ) -> None:
        path.parent.mkdir()
        spoil(path)
        before = path.read_bytes() if path.is_file() else b""
        with pytest.raises(StoreError, match=told) as caught:
            SQLiteStore(path).open()
        assert str(caught.value).startswith(f"{path}: ")
        assert "\n" not in str(caught.value)
        assert (path.read_bytes() if path.is_file() else b"") == before

    def test_file_where_the_folder_belongs(self, path: Path) -> None:
        path.parent.write_text("")
        with pytest.raises(StoreError, match="cannot be written: "):
            SQLiteStore(path).open()
        with pytest.raises(StoreError, match="cannot be written: "):
            SQLiteStore(path.parent / "deeper" / DATABASE).open()

    def test_folder_without_permission(self, path: Path) -> None:
        path.parent.mkdir(mode=0o500)
        before = os.geteuid()
        if before == 0:  # who may do everything
            os.seteuid(65_534)
        try:
            with pytest.raises(StoreError, match="cannot be written: Permission denied"):
                SQLiteStore(path).open()
        finally:
            os.seteuid(before)

    def test_locked_at_the_start(self, path: Path) -> None:
        reopened(path).close()
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreError, match="database is locked"):
                SQLiteStore(path, busy_seconds=0.01).open()

    def test_file_of_the_first_version_is_migrated(self, path: Path) -> None:
        path.parent.mkdir()
        with closing(sqlite3.connect(path, isolation_level=None)) as database:
            for statement in MIGRATIONS[0]:
                database.execute(statement)
            database.execute("PRAGMA user_version = 1")
            database.execute("INSERT INTO salt VALUES (1, 'one'), (2, 'two')")
            database.execute("INSERT INTO user VALUES (?, ?, ?)", (ANN.id, ANN.name, ANN.color))
        with closing(reopened(path)) as store:
            assert (store.salts(), store.user(ANN.id)) == (("one", "two"), ANN)
            store.save_ban(BANNED)
        with closing(reopened(path)) as again:
            assert (again.user(ANN.id), again.bans()) == (ANN, [BANNED])

    def test_old_file_is_migrated(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        store = reopened(path)
        store.save_user(ANN)
        store.close()
        added = ("ALTER TABLE user ADD COLUMN tag TEXT",)
        monkeypatch.setattr("fortepiano.store.sqlite.MIGRATIONS", (*MIGRATIONS, added))
        with closing(reopened(path)) as again:
            assert again.user(ANN.id) == ANN
        with closing(sqlite3.connect(path)) as database:
            assert database.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS) + 1,)

    def test_failed_migration_leaves_the_file_as_it_was(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        reopened(path).close()
        steps = (*MIGRATIONS, ("ALTER TABLE user ADD COLUMN tag TEXT", "NONSENSE"))
        with monkeypatch.context() as patched:
            patched.setattr("fortepiano.store.sqlite.MIGRATIONS", steps)
            with pytest.raises(StoreError, match="syntax error"):
                SQLiteStore(path).open()
        reopened(path).close()


class TestLockedFile:
    """Another process holds the write lock, as a backup or a curious operator may."""

    @pytest.fixture
    def impatient(self, path: Path) -> SQLiteStore:
        store = SQLiteStore(path, busy_seconds=0.01, close_seconds=0.2)
        store.open()
        return store

    @pytest.fixture
    def other(self, impatient: SQLiteStore, path: Path) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield connection

    def test_saves_go_on_and_are_written_later(
        self, impatient: SQLiteStore, other: sqlite3.Connection, path: Path
    ) -> None:
        with structlog.testing.capture_logs() as logged:
            impatient.save_user(ANN)
            assert not impatient.flush(0.3)
            assert not impatient.healthy
            assert impatient.last_error == "database is locked"
            impatient.save_user(BEA)
            impatient.save_user(UserRecord(ANN.id, "Anna", ANN.color))
            assert impatient.user(BEA.id) == BEA
            other.execute("ROLLBACK")
            assert impatient.flush(LONG)
        assert impatient.healthy
        assert impatient.last_error is None
        # Told when it begins and when it ends, however many attempts there were.
        assert [event["event"] for event in logged] == [
            "store cannot be written",
            "store is written again",
        ]
        impatient.close()
        with closing(reopened(path)) as again:
            assert again.user(ANN.id) == UserRecord(ANN.id, "Anna", ANN.color)
            assert again.user(BEA.id) == BEA

    def test_closing_says_what_is_lost(
        self, impatient: SQLiteStore, other: sqlite3.Connection
    ) -> None:
        impatient.save_user(ANN)
        with pytest.raises(StoreError, match="the last changes are lost: database is locked"):
            impatient.close()
        impatient.close()
        assert not any(thread.name == "store-writer" for thread in threading.enumerate())

    def test_closing_waits_for_a_lock_that_goes_away(
        self, impatient: SQLiteStore, other: sqlite3.Connection, path: Path
    ) -> None:
        impatient._close_seconds = LONG
        impatient.save_user(ANN)
        assert not impatient.flush(0.05)
        closer = threading.Thread(target=impatient.close)
        closer.start()
        other.execute("ROLLBACK")
        closer.join(LONG)
        with closing(reopened(path)) as again:
            assert again.user(ANN.id) == ANN


class TestFullDisk:
    """No file may grow any more, as on a full disk (tests/faults has a real one)."""

    @pytest.fixture
    def full(self) -> Iterator[Callable[[int], None]]:
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

        def limit(size: int) -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))

        yield limit
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    def test_saves_go_on_and_are_written_later(
        self, path: Path, full: Callable[[int], None]
    ) -> None:
        with closing(reopened(path)) as store:
            full(path.with_name(f"{DATABASE}-wal").stat().st_size)
            with structlog.testing.capture_logs() as logged:
                store.save_ban(KICKED)
                answers: list[bool] = []
                store.when_saved(answers.append)
                assert answers == [False]
                assert not store.healthy
                assert store.bans() == [KICKED]
                full(resource.RLIM_INFINITY)
                assert store.flush(LONG)
            assert store.healthy
            assert len(logged) == 2
        with closing(reopened(path)) as again:
            assert again.bans() == [KICKED]


class TestWriter:
    def test_answer_is_bounded_while_the_file_is_locked(self, path: Path) -> None:
        async def asked(store: SQLiteStore) -> tuple[bool, float]:
            loop = asyncio.get_running_loop()
            store.attach(loop, lambda: None)
            answer: asyncio.Future[bool] = loop.create_future()
            began = loop.time()
            store.save_ban(KICKED)
            store.when_saved(answer.set_result)
            return await answer, loop.time() - began

        store = SQLiteStore(path, busy_seconds=LONG)
        store.open()
        with closing(store), closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            is_safe, seconds = asyncio.run(asked(store))
            other.execute("ROLLBACK")
            assert not is_safe
            assert ANSWER_SECONDS <= seconds < LONG / 2
            assert store.flush(LONG)
        with closing(reopened(path)) as again:
            assert again.bans() == [KICKED]

    def test_callbacks_never_reach_the_writer(self, path: Path) -> None:
        class Guest:
            freed_on: int | None = None

            def __call__(self, is_safe: bool) -> None:
                assert is_safe

            def __del__(self) -> None:
                Guest.freed_on = threading.get_ident()

        async def ask(store: SQLiteStore) -> None:
            loop = asyncio.get_running_loop()
            store.attach(loop, lambda: None)
            store.save_ban(KICKED)
            store.when_saved(Guest())
            done = loop.create_future()
            store.when_saved(done.set_result)
            assert await done

        with closing(reopened(path)) as store:
            asyncio.run(ask(store))
        assert Guest.freed_on == threading.get_ident()

    def test_urgent_changes_do_not_wait_for_names(self, path: Path) -> None:
        with closing(reopened(path)) as store:
            store.save_user(ANN)
            began = time.monotonic()
            store.save_ban(KICKED)
            until(store, lambda: not store._pending and not store._in_flight)
            assert time.monotonic() - began < LAZY_SECONDS

    def test_full_queue_leaves_out_names_first(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("fortepiano.store.writer.QUEUE_LENGTH", 3)
        store = SQLiteStore(path, busy_seconds=0.01)
        store.open()
        with (
            closing(store),
            closing(sqlite3.connect(path, isolation_level=None)) as other,
            structlog.testing.capture_logs() as logged,
        ):
            other.execute("BEGIN IMMEDIATE")
            for number in range(9):
                store.save_user(UserRecord(f"{number:024x}", "x", "#000000"))
            store.save_ban(KICKED)
            assert len(store.users()) == 9
            other.execute("ROLLBACK")
            assert store.flush(LONG)
        assert [line["event"] for line in logged].count("store queue is full") == 1
        with closing(reopened(path)) as again:
            assert again.bans() == [KICKED]
            assert 3 <= len(again.users()) < 9

    def test_fault_of_ours_does_not_end_it(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with closing(reopened(path)) as store, structlog.testing.capture_logs() as logged:
            with monkeypatch.context() as patched:
                patched.setattr(store, "_commit", lambda batch: 1 / 0)
                store.save_ban(KICKED)
                assert not store.flush(0.3)
                assert store.last_error == "ZeroDivisionError: division by zero"
            assert store.flush(LONG)
        assert [line["event"] for line in logged].count("store writer failed") == 1
        with closing(reopened(path)) as again:
            assert again.bans() == [KICKED]


class TestTwoProcesses:
    """A store beside the one of a running server, as the command line opens it."""

    @pytest.fixture
    def server(self, path: Path) -> Iterator[SQLiteStore]:
        with closing(reopened(path)) as store:
            yield store

    @pytest.fixture
    def other(self, server: SQLiteStore, path: Path) -> Iterator[SQLiteStore]:
        with closing(reopened(path)) as store:
            yield store

    def test_token_made_elsewhere_is_accepted_within_a_second(
        self, server: SQLiteStore, other: SQLiteStore
    ) -> None:
        other.save_token(FIRST)
        assert other.flush(LONG)
        assert LOOK_SECONDS < 1
        until(server, lambda: server.token(FIRST.digest) == FIRST)
        assert server.revision == 1

    def test_token_revoked_elsewhere_is_gone(self, server: SQLiteStore, other: SQLiteStore) -> None:
        server.save_token(FIRST)
        assert server.flush(LONG)
        until(other, lambda: other.tokens() == [FIRST])
        other.remove_token(FIRST.id)
        until(server, lambda: server.token(FIRST.digest) is None)

    def test_bans_set_and_lifted_elsewhere(self, server: SQLiteStore, other: SQLiteStore) -> None:
        other.save_ban(KICKED)
        until(server, lambda: server.bans() == [KICKED])
        other.remove_ban(KICKED.room, KICKED.subject)
        until(server, lambda: server.bans() == [])
        assert server.revision == 2

    def test_own_saves_between_two_looks_hide_nothing(
        self, server: SQLiteStore, other: SQLiteStore
    ) -> None:
        other.save_ban(BANNED)
        assert other.flush(LONG)
        server.save_user(ANN)
        server.save_ban(KICKED)
        assert server.flush(LONG)
        until(server, lambda: len(server.bans()) == 2)
        until(other, lambda: len(other.bans()) == 2)

    def test_what_is_not_yet_written_stands(
        self, server: SQLiteStore, path: Path, other: SQLiteStore
    ) -> None:
        gone = dataclasses.replace(KICKED, room="gone")
        for ban in (gone, KICKED):
            other.save_ban(ban)
        other.save_token(FIRST)
        until(server, lambda: len(server.bans()) == 2 and server.tokens() == [FIRST])
        other.save_ban(BANNED)
        assert other.flush(LONG)
        # What the server has queued when it looks, taken away from its writer for a moment.
        server.close()
        server.save_ban(dataclasses.replace(KICKED, until=None))
        server.remove_ban(gone.room, gone.subject)
        server.remove_token(FIRST.id)
        server.save_token(SECOND)
        server.save_user(BEA)
        with closing(server._connect()) as server._database:
            server._look()
        bans = {(ban.room, ban.until) for ban in server.bans()}
        assert bans == {(KICKED.room, None), ("", None)}
        assert server.tokens() == [SECOND]

    def test_looking_without_a_change_is_no_revision(
        self, server: SQLiteStore, other: SQLiteStore, path: Path
    ) -> None:
        before = server._file_version
        other.save_user(ANN)
        until(server, lambda: server._file_version != before)
        reopened(path).close()
        other.save_token(FIRST)
        until(server, lambda: server.tokens() == [FIRST])
        assert server.revision == 1

    def test_looking_goes_on_under_steady_writing(
        self, server: SQLiteStore, other: SQLiteStore
    ) -> None:
        other.save_token(FIRST)
        deadline = time.monotonic() + LONG
        while server.token(FIRST.digest) is None:
            server.save_user(ANN)
            assert server.flush(LONG)
            assert time.monotonic() < deadline


class TestFactory:
    def test_data_folder_by_default(self, tmp_path: Path) -> None:
        with closing(open_store(Settings(data_dir=tmp_path / "d"))) as store:
            assert isinstance(store, SQLiteStore)
            assert (tmp_path / "d" / DATABASE).is_file()

    def test_memory_leaves_no_trace(self, tmp_path: Path) -> None:
        settings = Settings(data_dir=tmp_path / "d", store=StoreSettings(url="memory:"))
        with closing(open_store(settings)) as store:
            store.save_user(ANN)
            assert isinstance(store, MemoryStore)
        assert not (tmp_path / "d").exists()
