"""Changes that a store has not taken: written to a file, and taken in at the next start."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import structlog.testing

from fortepiano.config import Settings, StoreSettings
from fortepiano.errors import StoreError
from fortepiano.store import DATABASE, AuditQuery, Store, open_store
from fortepiano.store.record_kinds import Changes
from fortepiano.store.sqlite import SQLiteStore
from fortepiano.store.unsaved import UnsavedChanges
from fortepiano.store.writer import UnwritableError
from support.records import ANN, BANNED, BEA, FIRST, HOUR, KICKED, NOW, STUDIO, act


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    monkeypatch.setattr("fortepiano.store.unsaved._SHARED_MEMORY", tmp_path / "shm")
    for name in ("tmp", "shm"):
        (tmp_path / name).mkdir()
    return Settings(data_dir=tmp_path / "data")


@pytest.fixture
def broken(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[SQLiteStore]:
    """A store whose disk is full from now on."""
    store = SQLiteStore(settings.data_dir / DATABASE, close_seconds=0.1)
    store.open()
    store.save_token(FIRST)
    assert store.flush(10)

    def fail(_batch: Changes) -> None:
        raise UnwritableError("database or disk is full")

    monkeypatch.setattr(store, "_commit", fail)
    yield store
    assert store._writer is None, "the test has closed it"


def closed(settings: Settings, store: Store, unsaved: UnsavedChanges | None = None) -> str:
    """Close a store that takes nothing, and return what is said."""
    with pytest.raises(StoreError) as caught:
        (unsaved or UnsavedChanges(settings)).close(store)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def files(*folders: Path) -> list[Path]:
    return [path for folder in folders for path in folder.glob("fortepiano-unsaved-*")]


def test_everything_is_taken_in_once(settings: Settings, broken: SQLiteStore) -> None:
    broken.save_user(ANN)
    broken.save_ban(BANNED)
    broken.save_room(STUDIO)
    broken.save_chat(STUDIO.name, ("{}",))
    broken.add_audit(act(1))
    broken.remove_token(FIRST.id)
    told = closed(settings, broken)
    (file,) = files(settings.data_dir)
    assert "the last changes are not stored: database or disk is full; " in told
    assert f"1 chat, 1 audit, 1 token are in {file}, and the next start takes them in" in told
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with closing(open_store(settings)) as store, structlog.testing.capture_logs() as logs:
        UnsavedChanges(settings).take_in(store)
        UnsavedChanges(settings).take_in(store)
        assert [line["log_level"] for line in logs] == ["info"]
        assert files(settings.data_dir) == []
    with closing(open_store(settings)) as store:
        assert (store.users(), store.bans(), store.tokens()) == ([ANN], [BANNED], [])
        assert (store.rooms(), store.chat(STUDIO.name)) == ([STUDIO], ("{}",))
        assert [one.room for one in store.audit(AuditQuery())] == ["room 1"]


def test_nothing_is_left_of_a_store_that_takes_all(settings: Settings) -> None:
    store = open_store(settings)
    store.save_user(ANN)
    UnsavedChanges(settings).close(store)
    assert files(settings.data_dir) == []


def test_what_was_changed_since_then_stays(settings: Settings, broken: SQLiteStore) -> None:
    broken.save_ban(BANNED)
    broken.remove_ban(KICKED.room, KICKED.subject)
    broken.save_user(replace(ANN, last_seen=NOW))
    closed(settings, broken)
    later = NOW + HOUR
    newer = (replace(BANNED, at=later), replace(KICKED, at=later, until=None))
    with closing(open_store(settings)) as store:
        for ban in newer:
            store.save_ban(ban)
        store.save_user(replace(ANN, name="Later", last_seen=later))
        UnsavedChanges(settings).take_in(store)
        assert set(store.bans()) == set(newer)
        assert store.users()[0].name == "Later"


@pytest.mark.parametrize("place", ["run", "tmp", "shm"])
def test_the_next_place_where_there_is_no_room(
    settings: Settings,
    broken: SQLiteStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    place: str,
) -> None:
    (tmp_path / "run").mkdir()
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path / "run"))
    order = ["data", "run", "tmp", "shm"]
    full_up({tmp_path / name for name in order[: order.index(place)]}, monkeypatch)
    broken.save_ban(BANNED)
    closed(settings, broken)
    (file,) = files(*(tmp_path / name for name in order))
    assert file.parent.name == place
    with closing(open_store(settings)) as store:
        UnsavedChanges(settings).take_in(store)
        assert store.bans() == [BANNED]
    assert not file.exists()


def full_up(folders: set[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no draft be made in some folders."""
    import tempfile

    make = tempfile.mkstemp

    def refuse(*, dir: Path, prefix: str) -> tuple[int, str]:
        if dir in folders:
            raise OSError(28, "No space left on device")
        return make(dir=dir, prefix=prefix)

    monkeypatch.setattr("fortepiano.store.files.tempfile.mkstemp", refuse)


def test_the_urgent_ones_where_there_is_little_room(
    settings: Settings, broken: SQLiteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken.save_user(ANN)
    broken.save_user(BEA)
    broken.save_ban(BANNED)
    monkeypatch.setattr("fortepiano.store.unsaved.draft", _short_draft)
    told = closed(settings, broken)
    assert "1 ban are in " in told
    assert told.endswith("2 user are lost")


class _short_draft:  # noqa: N801 - stands for a function
    """A draft on a disk with room for three lines."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> _short_draft:
        return self

    def writelines(self, lines: Iterator[bytes]) -> None:
        text = list(lines)
        if len(text) > 3:
            raise OSError(28, "No space left on device")
        self._path.write_bytes(b"".join(text))

    def __exit__(self, *_: object) -> None:
        """Do nothing."""


def test_nowhere(
    settings: Settings, broken: SQLiteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full_up({tmp_path / name for name in ("data", "tmp", "shm")}, monkeypatch)
    broken.save_ban(BANNED)
    assert closed(settings, broken).endswith("database or disk is full; 1 ban are lost")


def test_a_store_that_still_takes_nothing(settings: Settings, broken: SQLiteStore) -> None:
    """The file stays until the changes are stored; a second one replaces it."""
    broken.save_ban(BANNED)
    closed(settings, broken)
    first = files(settings.data_dir)
    again = SQLiteStore(settings.data_dir / DATABASE, close_seconds=0.1)
    again.open()
    again._commit = broken._commit  # type: ignore[method-assign]
    unsaved = UnsavedChanges(settings)
    again.save_user(BEA)
    unsaved.take_in(again)
    assert again.bans() == [BANNED]
    assert files(settings.data_dir) == first
    closed(settings, again, unsaved)
    (second,) = files(settings.data_dir)
    assert [second] != first
    with closing(open_store(settings)) as store:
        UnsavedChanges(settings).take_in(store)
        assert (store.bans(), store.users()) == ([BANNED], [BEA])


@pytest.mark.parametrize("spoil", ["readable", "damaged", "cut", "link", "newer"])
def test_files_of_others_and_damaged_ones(
    settings: Settings, broken: SQLiteStore, spoil: str
) -> None:
    broken.save_ban(BANNED)
    closed(settings, broken)
    (file,) = files(settings.data_dir)
    lines = file.read_bytes().splitlines(keepends=True)
    if spoil == "readable":
        file.chmod(0o644)
    elif spoil == "damaged":
        file.write_bytes(b"\xff\x00")
    elif spoil == "cut":
        file.write_bytes(b"".join(lines[:-1]))
    elif spoil == "newer":
        file.write_bytes(b"".join([lines[0].replace(b":1,", b":9,"), *lines[1:]]))
    else:
        target = file.rename(file.parent / "elsewhere")
        file.symlink_to(target)
    with closing(open_store(settings)) as store, structlog.testing.capture_logs() as logs:
        unsaved = UnsavedChanges(settings)
        unsaved.take_in(store)
        assert store.bans() == []
        unsaved.close(store)
    assert {line["event"] for line in logs} == {"unsaved changes cannot be read"}
    assert file.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_files_of_another_user(settings: Settings, broken: SQLiteStore) -> None:
    broken.save_ban(BANNED)
    closed(settings, broken)
    (file,) = files(settings.data_dir)
    os.chown(file, 65_534, 65_534)
    with closing(open_store(settings)) as store, structlog.testing.capture_logs() as logs:
        UnsavedChanges(settings).take_in(store)
        assert store.bans() == []
    assert "belongs to another user" in logs[0]["reason"]


def test_another_servers_files(settings: Settings, broken: SQLiteStore) -> None:
    broken.save_ban(BANNED)
    closed(settings, broken)
    other = settings.model_copy(update={"store": StoreSettings(url="redis://127.0.0.1:1/0")})
    with closing(open_store(settings)) as store:
        UnsavedChanges(other).take_in(store)
        assert store.bans() == []


def test_a_file_that_was_not_taken_in_stays(settings: Settings, broken: SQLiteStore) -> None:
    """Its owner was wrong at the start, say, and is mended while the server runs."""
    broken.save_ban(BANNED)
    closed(settings, broken)
    (file,) = files(settings.data_dir)
    file.chmod(0o644)
    unsaved = UnsavedChanges(settings)
    store = open_store(settings)
    unsaved.take_in(store)
    file.chmod(0o600)
    unsaved.close(store)
    assert files(settings.data_dir) == [file]


def test_a_restore_of_everything_discards_them(settings: Settings, broken: SQLiteStore) -> None:
    broken.save_ban(BANNED)
    closed(settings, broken)
    UnsavedChanges(settings).discard()
    assert files(settings.data_dir) == []
