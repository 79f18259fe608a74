"""`fortepiano backup` and `restore`: what is saved, from where, and what is refused."""

from __future__ import annotations

import json
import sqlite3
import stat
import threading
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from fortepiano import cli
from fortepiano.store import DATABASE, BanRecord, UserRecord
from fortepiano.store.keyring import FILE, KeyRing
from fortepiano.store.lock import LOCK
from fortepiano.store.redis import RedisStore
from fortepiano.store.salts import SALTS, write_salts
from fortepiano.store.schema import MIGRATIONS
from fortepiano.store.sqlite import SQLiteStore
from support.records import ANN, BEA, HOUR, NOW
from support.redis import RedisServer

needs_redis = pytest.mark.needs("redis-server")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("fortepiano.observe.logs.configure", lambda _level: None)
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """Run a command; return its status and what it said."""
    status = cli.main(arguments)
    told = capsys.readouterr()
    return status, (told.out + told.err).strip()


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Run a command that fails with one line, and return the line."""
    status, told = run(capsys, *arguments)
    assert status == 2
    assert told.startswith("fortepiano: ")
    assert "\n" not in told
    return told


def filled(path: Path, *users: UserRecord) -> None:
    store = SQLiteStore(path / DATABASE)
    store.open()
    for user in users:
        store.save_user(user)
    store.close()


def records(path: Path) -> list[dict[str, Any]]:
    """Return the records in a backup."""
    return [json.loads(text) for text in path.read_text().splitlines()[1:-1]]


class TestNothingIsMade:
    @pytest.mark.parametrize(
        "command",
        [
            *(["backup", "b"], ["backup", "-"], ["token", "list"], ["bans", "list"]),
            *(["bans", "export"], ["audit"]),
        ],
        ids=" ".join,
    )
    def test_where_there_is_nothing(
        self, folder: Path, capsys: pytest.CaptureFixture[str], command: list[str]
    ) -> None:
        told = refused(capsys, *command)
        assert "data/fortepiano.sqlite3: No such file: no server stores in " in told
        assert list(folder.iterdir()) == []
        (folder / "data").mkdir()
        refused(capsys, *command)
        assert list((folder / "data").iterdir()) == []

    @pytest.mark.parametrize(
        "command",
        [["backup", "b"], ["bans", "list"], ["token", "create", "--scope", "read"]],
        ids=" ".join,
    )
    def test_in_the_folder_of_a_server_on_redis(
        self, folder: Path, capsys: pytest.CaptureFixture[str], command: list[str]
    ) -> None:
        write_salts(folder / "data" / SALTS, ("a", "b"))
        assert "is of a server that stores in Redis" in refused(capsys, *command)
        assert [path.name for path in (folder / "data").iterdir()] == [SALTS]

    def test_beside_the_database(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        filled(folder / "data", ANN)
        before = (folder / "data" / DATABASE).read_bytes()
        assert run(capsys, "backup", "b") == (0, "3 records in b")
        assert [path.name for path in (folder / "data").iterdir()] == [DATABASE]
        assert (folder / "data" / DATABASE).read_bytes() == before

    def test_an_older_database_is_not_migrated(
        self, folder: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        path = folder / "data" / DATABASE
        path.parent.mkdir()
        with closing(sqlite3.connect(path)) as database:
            for statement in (*MIGRATIONS[0], *MIGRATIONS[1]):
                database.execute(statement)
            database.execute("INSERT INTO user VALUES (?, ?, ?)", (ANN.id, ANN.name, ANN.color))
            database.execute("PRAGMA user_version = 2")
            database.commit()
        before = path.read_bytes()
        assert run(capsys, "backup", "b") == (0, "1 records in b")
        assert path.read_bytes() == before
        assert records(folder / "b")[0]["record"]["first_seen"] == 0

    @needs_redis
    @pytest.mark.parametrize(
        "command",
        [["backup", "b"], ["bans", "list"], ["bans", "export"], ["token", "list"], ["audit"]],
        ids=" ".join,
    )
    def test_in_redis(
        self,
        folder: Path,
        capsys: pytest.CaptureFixture[str],
        redis_server: RedisServer,
        command: list[str],
    ) -> None:
        (folder / "x.toml").write_text(
            f'[store]\nurl = "{redis_server.url}"\nprefix = "{folder.name}"\n'
        )
        told = refused(capsys, *command, "-c", "x.toml")
        assert told.endswith(
            f"no server has stored anything there under store.prefix {folder.name}"
        )
        with redis_server.client() as client:
            assert client.keys(f"{{{folder.name}}}:*") == []
        assert [path.name for path in folder.iterdir()] == ["x.toml"]


class TestEmptyStore:
    def test_of_no_server(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        filled(folder / "data")
        assert "is empty, and no server has ever run on it" in refused(capsys, "backup", "b")
        assert not (folder / "b").exists()

    def test_of_a_server_on_redis(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        filled(folder / "data")
        (folder / "data" / LOCK).touch()
        write_salts(folder / "data" / SALTS, ("a", "b"))
        assert "is of a server that stores in Redis" in refused(capsys, "backup", "b")

    def test_of_a_server_without_names(
        self, folder: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        filled(folder / "data")
        (folder / "data" / LOCK).touch()
        assert run(capsys, "backup", "b") == (0, "2 records in b")

    def test_a_file_of_nothing(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (folder / "data").mkdir()
        (folder / "data" / DATABASE).touch()
        assert "holds no data of a server" in refused(capsys, "backup", "b")

    def test_no_database(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (folder / "data").mkdir()
        (folder / "data" / DATABASE).write_bytes(b"a poem about a piano " * 100)
        assert "cannot be read as a database" in refused(capsys, "backup", "b")

    def test_of_a_newer_version(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        filled(folder / "data", ANN)
        with closing(sqlite3.connect(folder / "data" / DATABASE)) as database:
            database.execute("PRAGMA user_version = 99")
        assert "was written by a newer fortepiano: version 99" in refused(capsys, "backup", "b")

    def test_in_memory(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("FORTEPIANO_STORE__URL", "memory:")
        assert "store.url: memory: keeps nothing" in refused(capsys, "backup", "b")


class TestKeys:
    def test_come_back(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        filled(folder / "data", ANN)
        ring = KeyRing(folder / "data" / FILE, 3)
        ring.rotate(NOW)
        ring.rotate(NOW)
        assert run(capsys, "backup", "b") == (0, "5 records in b")
        assert stat.S_IMODE((folder / "b").stat().st_mode) == 0o600
        told = run(capsys, "restore", "b", "--data-dir", "new")
        assert told == (0, "restored: 2 key, 2 salt, 1 user")
        restored = KeyRing(folder / "new" / FILE, 3)
        restored.refresh()
        assert restored.keys() == ring.keys()
        assert stat.S_IMODE((folder / "new" / FILE).stat().st_mode) == 0o600

    def test_older_versions_are_told_of_keys(
        self, folder: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        filled(folder / "data", ANN)
        assert run(capsys, "backup", "a")[0] == 0
        KeyRing(folder / "data" / FILE, 3).rotate(NOW)
        assert run(capsys, "backup", "b")[0] == 0
        versions = [json.loads((folder / name).read_text().splitlines()[0]) for name in "ab"]
        assert [header["fortepiano_backup"] for header in versions] == [1, 2]

    def test_of_a_backup_without_any_stay(
        self, folder: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        filled(folder / "data", ANN)
        assert run(capsys, "backup", "b")[0] == 0
        KeyRing(folder / "data" / FILE, 3).rotate(NOW)
        before = (folder / "data" / FILE).read_bytes()
        assert run(capsys, "restore", "b", "--force")[0] == 0
        assert (folder / "data" / FILE).read_bytes() == before

    def test_that_are_damaged_are_no_backup(
        self, folder: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        filled(folder / "data", ANN)
        (folder / "data" / FILE).write_text("{")
        (folder / "data" / FILE).chmod(0o600)
        assert "keys.json: is damaged" in refused(capsys, "backup", "b")
        assert not (folder / "b").exists()


class TestMerge:
    def test_numbers_are_told(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        filled(folder / "old", ANN, UserRecord(BEA.id, "Old Bea", BEA.color, 0, 5))
        KeyRing(folder / "old" / FILE, 3).rotate(NOW)
        assert run(capsys, "backup", "b", "--data-dir", "old")[0] == 0
        filled(folder / "data", UserRecord(BEA.id, "Bea", BEA.color, 0, 7))
        assert run(capsys, "restore", "b", "--merge") == (
            0,
            "merged: 2 added (1 user, 1 key), 0 changed, 3 kept (1 user, 2 salt)",
        )
        assert run(capsys, "restore", "b", "--merge") == (
            0,
            "merged: 0 added, 0 changed, 5 kept (2 user, 2 salt, 1 key)",
        )

    def test_keys_stay(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """A key that was dropped, since it had leaked, does not come back."""
        filled(folder / "data", ANN)
        KeyRing(folder / "data" / FILE, 1).rotate(NOW)
        assert run(capsys, "backup", "b")[0] == 0
        KeyRing(folder / "data" / FILE, 1).rotate(NOW)
        before = (folder / "data" / FILE).read_bytes()
        assert run(capsys, "restore", "b", "--merge")[0] == 0
        assert (folder / "data" / FILE).read_bytes() == before

    def test_not_with_force(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (folder / "b").touch()
        refused(capsys, "restore", "b", "--merge", "--force")


def test_to_stdout(folder: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    filled(folder / "data", ANN)
    assert cli.main(["backup", "-"]) == 0
    told = capsysbinary.readouterr()
    assert told.err == b"3 records in -\n"
    assert len(told.out.splitlines()) == 5
    assert not (folder / "-").exists()


def test_beside_a_writer_it_is_of_one_moment(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A name and a ban that are written together are together in each backup."""
    store = SQLiteStore(folder / "data" / DATABASE)
    store.open()
    ended, has_begun = threading.Event(), threading.Event()

    def write() -> None:
        number = 0
        while not ended.is_set():
            number += 1
            with store._changed:  # one group
                store.save_user(UserRecord(f"{number:024x}", "x", "#000000", 0, NOW))
                store.save_ban(BanRecord("", f"{number:024x}", None, "", "", NOW))
            store.flush(10)
            has_begun.set()

    writer = threading.Thread(target=write)
    writer.start()
    assert has_begun.wait(10)
    try:
        for number in range(12):
            assert run(capsys, "backup", f"b{number}")[0] == 0
    finally:
        ended.set()
        writer.join()
        store.close()
    seen = [Counter(one["kind"] for one in records(folder / f"b{n}")) for n in range(12)]
    assert all(counts["user"] == counts["ban"] for counts in seen), seen
    assert seen[-1]["user"] > seen[0]["user"]


@needs_redis
def test_of_redis(
    folder: Path, capsys: pytest.CaptureFixture[str], redis_server: RedisServer
) -> None:
    store = RedisStore(redis_server.url, folder.name, folder / "data" / SALTS)
    store.open()
    store.save_user(ANN)
    store.save_ban(BanRecord("", ANN.id, NOW + HOUR, "", "", NOW))
    salts = store.salts()
    store.close()
    (folder / "x.toml").write_text(
        f'[store]\nurl = "{redis_server.url}"\nprefix = "{folder.name}"\n'
    )
    (folder / "data" / SALTS).rename(folder / "salts")
    for command in (["bans", "list"], ["token", "list"], ["audit"], ["bans", "export"]):
        assert run(capsys, *command, "-c", "x.toml")[0] == 0
    assert list((folder / "data").iterdir()) == []
    (folder / "salts").rename(folder / "data" / SALTS)
    assert run(capsys, "backup", "b", "-c", "x.toml") == (0, "4 records in b")
    found = records(folder / "b")
    assert [one["record"]["value"] for one in found if one["kind"] == "salt"] == list(salts)
    # Without the settings, nothing is saved.
    assert "is of a server that stores in Redis" in refused(capsys, "backup", "c")
    with redis_server.client() as client:
        client.hset(f"{{{folder.name}}}:user", '["x"]', "{")
    assert 'user ["x"] cannot be read' in refused(capsys, "backup", "d", "-c", "x.toml")
    assert not (folder / "d").exists()
