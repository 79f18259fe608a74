"""The store in SQLite: restarts, kills, and other processes at the same file."""

import dataclasses
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from fortepiano.store import DATABASE, UserRecord
from fortepiano.store.sqlite import BUSY_SECONDS, LOG_BYTES, SQLiteStore
from fortepiano.store.writer import POLL_SECONDS
from support.records import ANN, BANNED, BEA, FIRST, KICKED, LONG, NOW, SECOND, reopened, until


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / DATABASE


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
            "from fortepiano.store.sqlite import BUSY_SECONDS, LOG_BYTES, SQLiteStore\n"
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
    """Kill a writing process after it has reported some rounds; return the last one reported."""
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


class TestLogOfWrites:
    """The file `-wal`, which grows while another process reads, and must shrink afterwards."""

    @pytest.fixture
    def grown(self, path: Path) -> Iterator[SQLiteStore]:
        """A store whose log grew during a long look of another process that is over."""
        with closing(reopened(path)) as store:
            with closing(sqlite3.connect(path, isolation_level=None)) as reader:
                reader.execute("BEGIN")
                reader.execute("SELECT count(*) FROM user").fetchone()
                for turn in range(7):
                    rename(store, range(1000), f"{turn} {'x' * 2000}")
                assert log_size(path) > 3 * LOG_BYTES
                began = time.monotonic()
                rename(store, range(1), "quick")
                assert time.monotonic() - began < 1  # nobody waits for the reader
            yield store

    def test_it_is_small_after_further_writes(
        self, path: Path, grown: SQLiteStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(grown, "_shrink_log", lambda: None)
        for number in range(100):
            rename(grown, range(1), f"{number}")
        assert log_size(path) <= LOG_BYTES

    def test_it_is_small_without_further_writes(self, path: Path, grown: SQLiteStore) -> None:
        grown._shrink_at = 0.0
        until(grown, lambda: log_size(path) == 0)
        (milliseconds,) = grown._database.execute("PRAGMA busy_timeout").fetchone()
        assert milliseconds == BUSY_SECONDS * 1000
        rename(grown, range(1), "again")
        assert 0 < log_size(path) < LOG_BYTES


def log_size(path: Path) -> int:
    """Return the size of SQLite's log of writes."""
    return path.with_name(f"{path.name}-wal").stat().st_size


def rename(store: SQLiteStore, users: range, name: str) -> None:
    """Give users a name, in one group of changes, and wait until it is written."""
    for number in users:
        store.save_user(UserRecord(f"{number:024x}", name, ANN.color))
    assert store.flush(LONG)


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
        assert POLL_SECONDS < 1
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
        # Changes that the server has queued when it polls; its writer is stopped for a moment.
        server.close()
        server.save_ban(dataclasses.replace(KICKED, until=None))
        server.remove_ban(gone.room, gone.subject)
        server.remove_token(FIRST.id)
        server.save_token(SECOND)
        server.save_user(BEA)
        with closing(server._connect()) as server._database:
            server._poll()
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
