"""A store that is read while another process uses it: what an upgrade rests on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from fortepiano.config import Settings, StoreSettings
from fortepiano.errors import StoreError
from fortepiano.store import AuditQuery, Store, closed_store, open_store
from fortepiano.store.record_kinds import BAN, TOKEN, USER, AnyKind
from fortepiano.store.records import UserRecord
from fortepiano.store.writer import WriterStore
from support.records import ANN, BANNED, BEA, FIRST, KICKED, LONG, SECOND, STUDIO, act, until
from support.redis import run_redis


@pytest.fixture(params=["sqlite", pytest.param("redis", marks=pytest.mark.needs("redis-server"))])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Settings]:
    if request.param == "sqlite":
        yield Settings(data_dir=tmp_path)
        return
    with run_redis() as server:
        yield Settings(data_dir=tmp_path, store=StoreSettings(url=server.url))


@pytest.fixture
def old(settings: Settings) -> Iterator[Store]:
    """The store of the process that goes on until the other one has everything."""
    with closing(open_store(settings)) as store:
        yield store


def filled(store: Store) -> None:
    store.save_user(ANN)
    store.save_ban(KICKED)
    store.save_token(FIRST)
    store.save_room(STUDIO)
    store.save_chat(STUDIO.name, ('{"m":"a"}',))
    store.add_audit(act(1))
    assert store.flush(LONG)


def content(store: Store) -> tuple[object, ...]:
    return (
        store.salts(),
        sorted(store.users(), key=lambda user: user.id),
        sorted(store.bans(), key=lambda ban: ban.room),
        store.tokens(),
        store.rooms(),
        store.chats(),
        store.audit(AuditQuery()),
    )


def eventually(store: Store, reached: Callable[[], bool]) -> None:
    """Wait for something that a store's writer does by itself."""
    assert isinstance(store, WriterStore)
    until(store, reached)


def test_reading_writes_nothing_until_it_is_opened(settings: Settings, old: Store) -> None:
    filled(old)
    before = content(old)
    with closing(closed_store(settings)) as new:
        new.read()
        assert content(new) == before
        new.save_user(BEA)
        new.remove_ban(KICKED.room, KICKED.subject)
        assert not new.flush(0)
    with closing(closed_store(settings)) as other:
        other.read()
        assert content(other) == before
    with closing(closed_store(settings)) as new:
        new.read()
        new.save_user(BEA)
        new.open()
        assert new.flush(LONG)
    with closing(open_store(settings)) as other:
        assert other.user(BEA.id) == BEA


def test_what_changes_while_another_process_reads_is_noted(settings: Settings, old: Store) -> None:
    filled(old)
    late = UserRecord("c" * 24, "Late", "#000000")
    old.save_user(late)  # not written yet
    with old.noting_changes() as changes, closing(closed_store(settings)) as new:
        new.read()
        old.save_user(replace(ANN, name="Anna"))
        old.save_user(BEA)
        old.remove_ban(KICKED.room, KICKED.subject)
        old.save_ban(BANNED)
        old.save_token(SECOND)
        old.save_room(replace(STUDIO, owner_id=BEA.id))
        old.remove_chat(STUDIO.name)
        old.add_audit(act(2))
        revision = new.revision
        assert old.flush(LONG)
        new.adopt(changes())
        assert content(new) == content(old)
        assert new.token(SECOND.digest) == SECOND
        assert new.revision > revision
        new.open()
        assert new.flush(LONG)
        assert content(new) == content(old)
    assert changes() == {}


def test_an_adopted_record_wins_over_a_change_that_was_made_of_an_older_one(
    settings: Settings, old: Store
) -> None:
    filled(old)
    with old.noting_changes() as changes, closing(closed_store(settings)) as new:
        new.read()
        new.save_user(replace(ANN, name="in present form"))
        new.save_user(BEA)
        old.save_user(replace(ANN, name="chosen since"))
        assert old.flush(LONG)
        new.adopt(changes())
        new.open()
        assert new.flush(LONG)
    with closing(open_store(settings)) as other:
        assert other.user(ANN.id) == replace(ANN, name="chosen since")
        assert other.user(BEA.id) == BEA


def test_changes_of_a_third_process_reach_the_new_one(settings: Settings, old: Store) -> None:
    filled(old)
    with old.noting_changes() as changes, closing(closed_store(settings)) as new:
        new.read()
        with closing(open_store(settings)) as command:
            command.save_ban(BANNED)
        eventually(old, lambda: BANNED in old.bans())
        new.adopt(changes())
        assert BANNED in new.bans()
        with closing(open_store(settings)) as command:
            command.save_token(SECOND)
        new.open()
        eventually(new, lambda: SECOND in new.tokens())


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "fortepiano.sqlite3").write_bytes(b"no database" * 1000)
    with pytest.raises(StoreError, match="cannot be used as a database"):
        closed_store(Settings(data_dir=tmp_path)).read()


def test_a_redis_that_does_not_answer_is_told(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, store=StoreSettings(url="redis://127.0.0.1:1/0"))
    with pytest.raises(StoreError, match="cannot be read"):
        closed_store(settings).read()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kinds", [(), (BAN,), (TOKEN,)])
def test_kinds_that_a_command_does_not_need_are_not_read(
    settings: Settings, old: Store, kinds: tuple[AnyKind, ...]
) -> None:
    filled(old)
    with closing(open_store(settings, kinds=kinds)) as store:
        assert store.salts() == old.salts()
        assert store.audit(AuditQuery()) == old.audit(AuditQuery())
        for kind, read in ((BAN, store.bans), (TOKEN, store.tokens), (USER, store.users)):
            if kind in kinds:
                assert read()
            else:
                with pytest.raises(KeyError):
                    read()
        old.save_user(BEA)
        if BAN in kinds:
            store.save_ban(BANNED)
        store.add_audit(act(3))
        assert store.flush(LONG)
    assert len(old.audit(AuditQuery())) == 2
    eventually(old, lambda: (BANNED in old.bans()) is (BAN in kinds))
    assert old.user(BEA.id) == BEA
