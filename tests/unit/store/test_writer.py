"""The writer that all stores share: answers, urgency, a full queue, faults of its own."""

import asyncio
import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest
import structlog.testing

from fortepiano.store import DATABASE, UserRecord
from fortepiano.store.redis_replies import ANSWER_SECONDS
from fortepiano.store.sqlite import SQLiteStore
from fortepiano.store.writer import LAZY_SECONDS
from support.records import ANN, KICKED, LONG, reopened, until


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / DATABASE


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
