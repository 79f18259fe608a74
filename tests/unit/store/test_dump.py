"""Backups: what is in them, and that they go from any store to any other."""

from __future__ import annotations

import stat
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from fortepiano import cli
from fortepiano.errors import StoreError
from fortepiano.store import (
    DATABASE,
    AuditQuery,
    AuditRecord,
    BanRecord,
    RoomRecord,
    Store,
    TokenRecord,
    UserRecord,
    dump,
)
from fortepiano.store.lock import locked_folder
from fortepiano.store.memory import MemoryStore
from fortepiano.store.owner import Owner
from fortepiano.store.redis import RedisStore
from fortepiano.store.salts import SALTS
from fortepiano.store.sqlite import SQLiteStore
from fortepiano.wall_clock import now_ms
from support.redis import RedisServer

NOW = now_ms()

ANN = UserRecord("a" * 24, "A\ud800nn\u2028\n", "#112233", NOW, NOW)
BAN = BanRecord("", "2001:db8::/64", None, "1f2e3d4c", "spam", NOW)
TOKEN = TokenRecord("00000001", "d1" * 32, "admin", "Béa's", NOW, None)
HALL = RoomRecord("hall", {"visible": True}, ANN.id)

KINDS = ("memory", "sqlite", pytest.param("redis", marks=pytest.mark.needs("redis-server")))

Make = Callable[[str], Store]


@pytest.fixture
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Make]:
    """Opens empty stores, each in a folder of its own."""

    def made(kind: str) -> Store:
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        folder.mkdir()
        store: Store
        if kind == "redis":
            server: RedisServer = request.getfixturevalue("redis_server")
            store = RedisStore(server.url, folder.name + str(time.monotonic_ns()), folder / SALTS)
        else:
            store = MemoryStore() if kind == "memory" else SQLiteStore(folder / DATABASE)
        store.open()
        stack.callback(store.close)
        return store

    with ExitStack() as stack:
        yield made


def fill(store: Store) -> list[AuditRecord]:
    """Save one of each, and two acts, which are returned."""
    acts = [AuditRecord(AuditRecord.next_id(NOW), NOW, "admin", what) for what in ("ban", "mute")]
    store.save_user(ANN)
    store.save_ban(BAN)
    store.save_token(TOKEN)
    store.save_room(HALL)
    store.save_chat("hall", ("{}", '{"a":"é"}'))
    for act in acts:
        store.add_audit(act)
    return acts


def written(store: Store, path: Path) -> Path:
    """Back up a store."""
    path.write_bytes(b"".join(dump.lines_of(store, NOW)))
    return path


def kept(store: Store) -> list[object]:
    """Return all that a store keeps."""
    return [
        *(store.salts(), store.users(), store.bans(), store.tokens(), store.rooms()),
        *(store.chats(), store.audit(AuditQuery())),
    ]


class TestEveryPair:
    @pytest.mark.parametrize("old", KINDS)
    @pytest.mark.parametrize("new", KINDS)
    def test_everything_goes_over(self, make: Make, tmp_path: Path, old: str, new: str) -> None:
        before, after = make(old), make(new)
        acts = fill(before)
        assert dump.is_empty(after)
        dump.replace(after, dump.read(written(before, tmp_path / "backup")))
        assert not dump.is_empty(after)
        found = kept(after)
        found[1] = before.users()  # of the lone surrogate a question mark is left
        assert found == kept(before)
        assert after.user(ANN.id) == UserRecord(ANN.id, "A?nn\u2028\n", ANN.color, NOW, NOW)
        assert after.audit(AuditQuery()) == acts[::-1]

    @pytest.mark.parametrize("kind", KINDS)
    def test_what_is_not_in_it_goes_but_for_the_audit_log(
        self, make: Make, tmp_path: Path, kind: str
    ) -> None:
        items = dump.read(written(make("memory"), tmp_path / "backup"))
        store = make(kind)
        acts = fill(store)
        dump.replace(store, items)
        assert kept(store)[1:] == [[], [], [], [], [], acts[::-1]]
        assert store.flush(10)


class TestDamage:
    @pytest.fixture
    def lines(self) -> list[bytes]:
        store = MemoryStore()
        fill(store)
        return list(dump.lines_of(store, NOW))

    @pytest.mark.parametrize(
        ("spoil", "told"),
        [
            (lambda lines: lines[:-1], "is not whole: its end is missing"),
            (lambda lines: [*lines[:2], *lines[3:]], "is not whole"),
            (lambda lines: [*lines[:2], lines[2][:20], b"\n", *lines[3:]], "damaged in line 3"),
            (lambda lines: [*lines[:2], b'{"kind":"spell","record":{}}\n', *lines[3:]], "line 3"),
            (lambda lines: [*lines[:2], b"\xff\n", *lines[3:]], "line 3"),
            (lambda lines: lines[1:], "is no backup of fortepiano"),
            (lambda _: [], "is no backup of fortepiano"),
            (lambda _: [b"\x00\xff" * 9], "is no backup of fortepiano"),
            (lambda lines: [lines[0].replace(b":1", b":2", 1), *lines[1:]], "newer fortepiano"),
        ],
    )
    def test_is_told_in_one_line(
        self,
        lines: list[bytes],
        tmp_path: Path,
        spoil: Callable[[list[bytes]], list[bytes]],
        told: str,
    ) -> None:
        path = tmp_path / "backup"
        path.write_bytes(b"".join(spoil(lines)))
        with pytest.raises(StoreError, match=told) as caught:
            dump.read(path)
        assert "\n" not in str(caught.value)

    def test_no_file(self, tmp_path: Path) -> None:
        with pytest.raises(StoreError, match="cannot be read: No such file"):
            dump.read(tmp_path / "nothing")


class TestCommands:
    @pytest.fixture(autouse=True)
    def folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr("fortepiano.observe.logs.configure", lambda _level: None)
        return tmp_path

    def run(self, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
        status = cli.main(arguments)
        told = capsys.readouterr()
        return status, (told.out + told.err).strip()

    def fill(self, folder: Path) -> None:
        store = SQLiteStore(folder / DATABASE)
        store.open()
        fill(store)
        store.close()

    def test_back_and_forth(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.fill(folder / "data")
        assert self.run(capsys, "backup", "b") == (0, "9 records in b")
        assert stat.S_IMODE((folder / "b").stat().st_mode) == 0o600
        assert self.run(capsys, "restore", "b", "--data-dir", "new") == (
            0,
            "restored: 2 salt, 1 user, 1 ban, 1 token, 1 room, 1 chat, 2 audit",
        )
        assert self.run(capsys, "backup", "c", "--data-dir", "new")[0] == 0
        texts = [(folder / name).read_bytes().splitlines()[1:] for name in "bc"]
        assert texts[0] == texts[1]

    def test_existing_file_is_not_written_over(
        self, folder: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (folder / "b").write_text("precious")
        status, told = self.run(capsys, "backup", "b")
        assert (status, told) == (2, "fortepiano: b: exists already; --force writes over it")
        assert (folder / "b").read_text() == "precious"
        assert self.run(capsys, "backup", "b", "--force")[0] == 0

    def test_records_are_not_removed_unasked(
        self, folder: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self.fill(folder / "data")
        assert self.run(capsys, "backup", "b")[0] == 0
        status, told = self.run(capsys, "restore", "b")
        assert (status, "--force removes it" in told) == (2, True)
        assert self.run(capsys, "restore", "b", "--force")[0] == 0

    def test_not_below_a_running_server(
        self, folder: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert self.run(capsys, "backup", "b")[0] == 0
        server = Owner(pid=17, host="piano", url="http://localhost:8080", since=0)
        with locked_folder(folder / "data", server):
            assert self.run(capsys, "restore", "b") == (
                2,
                "fortepiano: data: process 17 on piano (http://localhost:8080, since 1970-01-01"
                " 00:00 UTC) uses this folder; stop it, or choose another `data_dir`",
            )
        assert self.run(capsys, "restore", "b")[0] == 0

    def test_folder_that_is_not_there(self, capsys: pytest.CaptureFixture[str]) -> None:
        status, told = self.run(capsys, "backup", "nowhere/b")
        assert (status, told) == (
            2,
            "fortepiano: nowhere/b: cannot be written: No such file or directory",
        )

    def test_redis_that_is_away(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("FORTEPIANO_STORE__URL", "redis://:sesame@127.0.0.1:1/0")
        status, told = self.run(capsys, "backup", "b")
        assert status == 2
        assert "cannot be used (store.url): " in told
        assert "sesame" not in told
