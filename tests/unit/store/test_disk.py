"""The SQLite store with faulty files and disks."""

import os
import resource
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
import structlog.testing

from fortepiano.errors import StoreError
from fortepiano.store import DATABASE, UserRecord
from fortepiano.store.schema import MIGRATIONS
from fortepiano.store.sqlite import SQLiteStore
from support.records import ANN, BANNED, BEA, KICKED, LONG, reopened


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / DATABASE


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
        if before == 0:  # root may write anywhere
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
        monkeypatch.setattr("fortepiano.store.schema.MIGRATIONS", (*MIGRATIONS, added))
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
            patched.setattr("fortepiano.store.schema.MIGRATIONS", steps)
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
        # Logged when the failure begins and when it ends, however many attempts there were.
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
