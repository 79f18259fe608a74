"""Backups: what is in them, and that they go from any store to any other."""

from __future__ import annotations

import dataclasses
import json
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from fortepiano import cli
from fortepiano.errors import StoreError
from fortepiano.protocol.record_checks import problem_of
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
from support.records import KICKED, STUDIO
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


def line(kind: str, record: dict[str, object]) -> str:
    """Return a line of a backup."""
    return json.dumps({"kind": kind, "record": record})


def user(**changes: object) -> str:
    return line("user", {"id": "a" * 24, "name": "Ann", "color": "#112233"} | changes)


def ban(**changes: object) -> str:
    return line("ban", dataclasses.asdict(BAN) | changes)


def room(**changes: object) -> str:
    return line("room", {"name": "hall", "settings": {}} | changes)


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
            (lambda lines: [lines[0].replace(b":1", b":3", 1), *lines[1:]], "newer fortepiano"),
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


class TestWrongRecords:
    @pytest.mark.parametrize(
        ("line", "told"),
        [
            ("7", "must be a kind and a record: Expected `object`, got `int`"),
            ('{"kind":"spell","record":{}}', "'spell' is no kind; known are salt, user, ban,"),
            ('{"kind":"user","record":{},"x":1}', "x"),
            ('{"kind":"user","record":[]}', "user: Expected `object`, got `array`"),
            (user(colour="#112233"), "user: colour: no such field"),
            (user(name=7), "user: name: Expected `str`, got `int`"),
            (user(id="Ann"), "user: id: must be a user id (24 hex digits in lower case), not"),
            (user(name=""), "user: name: must have 1 to 512 characters"),
            (user(color="red"), "user: color: must be `#rrggbb`, not 'red'"),
            (user(last_seen=-1), "user: last_seen: must be from 0 to"),
            (user(last_seen=2**63), "user: last_seen: must be from 0 to"),
            (user(last_seen="now"), "user: last_seen: Expected `int`, got `str`"),
            ('{"kind":"user","record":{"id":"a","name":"b"}}', "missing required field `color`"),
            (ban(subject="Ann"), "ban: subject: 'Ann' is neither a user id"),
            (ban(subject="203.0.113.7/32"), "ban: subject: is spelled 203.0.113.7, not 203"),
            (ban(subject="203.0.113.7", room="hall"), "can be banned from the whole site only"),
            (ban(until="never"), "ban: until: Expected `int | null`, got `str`"),
            (ban(reason="x" * 513), "ban: reason: must have at most 512 characters"),
            (line("token", dataclasses.asdict(TOKEN) | {"scope": "god"}), "token: scope: Invalid"),
            (line("token", dataclasses.asdict(TOKEN) | {"digest": "x"}), "token: digest: must be"),
            (line("token", dataclasses.asdict(TOKEN) | {"scope": "bot"}), "token: user_id: must"),
            (room(settings={"colour": "#112233"}), "room: settings.colour: no such setting"),
            (room(settings={"color": "red"}), "room: settings.color: must not be 'red'"),
            (room(settings={"limit": True}), "room: settings.limit: must not be True"),
            (room(settings={"visible": 1}), "room: settings.visible: must not be 1"),
            (room(mutes={"a" * 24: {"notes": True, "chat": False, "x": 1}}), "x: no such field"),
            (room(crown={"user_id": "a" * 24, "time": 1, "start": [1, 2], "end": [1, 2], "at": 1}),
             "room: crown.at: no such field"),
            (room(co_owners=["Ann"]), "room: co_owners: must be a user id"),
            (room(name=""), "room: name: must not be empty"),
            (line("chat", {"room": "hall", "lines": ["{}", "7"]}), "chat: lines: number 2 is no"),
            (line("salt", {"number": 3, "value": "x"}), "salt: number: must be 1 or 2, not 3"),
            (line("key", {"id": "x", "secret": "c2hvcnQ=", "created": 1}), "key: secret: must"),
        ],
    )  # fmt: skip
    def test_are_refused_with_line_and_name(self, line: str, told: str) -> None:
        text = f'{{"fortepiano_backup": 2, "at": 0}}\n{user()}\n{line}\n{{"records": 2}}\n'
        with pytest.raises(StoreError) as caught:
            dump.items_of(text.encode(), "b", problem_of)
        assert str(caught.value).startswith("b: is damaged in line 3: ")
        assert told in str(caught.value)
        assert "\n" not in str(caught.value)

    def test_the_same_record_twice(self) -> None:
        text = f'{{"fortepiano_backup": 1, "at": 0}}\n{user()}\n{user()}\n{{"records": 2}}\n'
        with pytest.raises(StoreError, match="line 3: user: line 2 has the same one"):
            dump.items_of(text.encode(), "b", problem_of)

    def test_the_count_at_the_end(self) -> None:
        text = f'{{"fortepiano_backup": 1, "at": 0}}\n{user()}\n{{"records": 7}}\n'
        with pytest.raises(StoreError, match="its end counts 7 records, not 1"):
            dump.items_of(text.encode(), "b", problem_of)

    def test_a_file_of_an_editor(self) -> None:
        text = f'\ufeff{{"fortepiano_backup": 1, "at": 0}}\r\n{user()}\r\n{{"records": 1}}\r\n\r\n'
        assert [kind.name for kind, _ in dump.items_of(text.encode(), "b", problem_of)] == ["user"]

    def test_all_that_a_store_has_passes(self, tmp_path: Path) -> None:
        store = SQLiteStore(tmp_path / DATABASE)
        store.open()
        fill(store)
        store.save_room(STUDIO)
        store.save_ban(KICKED)
        data = b"".join(dump.lines_of(store, NOW))
        store.close()
        assert dump.items_of(data, "b", problem_of) == dump.items_of(data, "b")


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
        self.fill(folder / "data")
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
        self.fill(folder / "old")
        assert self.run(capsys, "backup", "b", "--data-dir", "old")[0] == 0
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
