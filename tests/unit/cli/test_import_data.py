"""`fortepiano import`: what another server keeps, in a store of ours."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from fortepiano import cli
from fortepiano.cli.sources import dev2
from fortepiano.cli.sources.found import Wishes
from fortepiano.store import DATABASE, BanRecord, RoomRecord, UserRecord
from fortepiano.store.lock import LOCK
from fortepiano.store.sqlite import SQLiteStore
from support.dev2 import Dev2Database
from support.records import NOW

ANN, BEA = "a" * 24, "b" * 24
LATER = NOW + 3_600_000


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("fortepiano.observe.logs.configure", lambda _level: None)
    monkeypatch.setenv("SALT2", "as there")
    monkeypatch.setenv("FORTEPIANO_CHAT__KEEP", "permanent")
    return tmp_path


@pytest.fixture
def theirs(folder: Path) -> Dev2Database:
    return Dev2Database(folder / "dev.db")


def line(text: str, time: int = 1) -> dict[str, object]:
    sender = {"_id": ANN, "id": "x", "name": "Ann", "color": "#33aa77", "tag": {"text": "MOD"}}
    return {"m": "a", "a": text, "t": time, "p": sender}


def fill(theirs: Dev2Database) -> None:
    """Fill a database with one of each, and with all that cannot be carried over."""
    volume = {"volume": 100}
    theirs.add("User", _id=ANN, name="Ann ♪", color="#33AA77", flags=volume)
    theirs.add("User", _id=BEA, name="x" * 50, color="red", flags=volume | {"mod": 1, "vanish": 1},
               tag={"text": "MOD", "color": "#ff0000"}, group="mod")  # fmt: skip
    theirs.add("User", _id="0", name="mpp", color="#fff")
    theirs.add("Token", token="x", userId=ANN)  # noqa: S106 - no password
    theirs.add("Role", userId=BEA, roleId="mod")
    hall = {"visible": True, "chat": False, "crownsolo": False, "color": "#112233", "lobby": False,
            "lyrical notes": True, "noindex": 7}  # fmt: skip
    theirs.add("Channel", _id="The hall", settings=hall, forceload=1,
               flags={"owner_id": ANN, "limit": 12, "rainbow": True})  # fmt: skip
    theirs.add("Channel", _id="passing", settings=hall, forceload=0)
    theirs.add("Channel", _id="lobby", settings=hall | {"lobby": True}, forceload=1)
    theirs.add("ChatHistory", _id="The hall", messages=[line("Hello"), {"m": "a"}])
    theirs.add("ChatHistory", _id="lobby", messages=[line("Hi")])
    theirs.add("ChatHistory", _id="passing", messages=[line("Bye")])
    theirs.add("Ban", banType="user", expires=LATER, userId=BEA, reason="spam")
    theirs.add("Ban", banType="socket", expires="2999-01-01T00:00:00.000Z", ip="203.0.113.7")
    theirs.add("Ban", banType="socket", expires=253_402_300_800_000, ip="::ffff:203.0.113.8")
    theirs.add("Ban", banType="socket", expires=5, ip="203.0.113.9")
    theirs.add("Ban", banType="socket", expires=LATER, ip="somewhere")


ADDED = "8 added (2 user, 1 room, 2 chat, 3 ban), 0 changed, 0 kept"
LEFT_OUT = (
    "left out: 1 end of a long name, 1 colour that is none, 1 tag, 2 user flag, 1 group of a user,"
    " 1 user with an id of another form, 1 room flag, 1 room setting 'lyrical notes', 1 room"
    " setting 'noindex' that is wrong, 1 room that is not permanent, 1 lobby, 1 line of chat that"
    " is none, 1 chat of a room that is not permanent, 1 ban that has ended, 1 ban of another form,"
    " 1 token, 1 role of a user"
)


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, list[str], str]:
    """Run an import; return its status, its lines, and what it said on stderr."""
    status = cli.main(["import", "--from", "dev2", *arguments])
    told = capsys.readouterr()
    return status, told.out.splitlines(), told.err.strip()


def opened() -> SQLiteStore:
    store = SQLiteStore(Path("data") / DATABASE)
    store.open()
    return store


def test_everything_that_has_a_place(
    theirs: Dev2Database, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(theirs)
    before = theirs.path.read_bytes()
    assert run(capsys, "dev.db") == (0, [f"imported: {ADDED}", LEFT_OUT], "")
    assert theirs.path.read_bytes() == before
    with closing(opened()) as store:
        assert store.users() == [
            UserRecord(ANN, "Ann ♪", "#33aa77"),
            UserRecord(BEA, "x" * 40, "#bbbbbb"),
        ]
        settings = {"visible": True, "chat": False, "crownsolo": False, "color": "#112233",
                    "limit": 12, "owner_id": ANN}  # fmt: skip
        assert store.rooms() == [RoomRecord("The hall", settings, owner_id=ANN)]
        said = json.loads(store.chat("The hall")[0])
        assert len(said.pop("id")) == 8
        assert said == {
            "m": "a", "a": "Hello", "t": 1,
            "p": {"_id": ANN, "name": "Ann", "color": "#33aa77", "id": ANN},
        }  # fmt: skip
        assert len(store.chat("lobby")) == 1
        bans = {(ban.room, ban.subject, ban.until, ban.by, ban.reason) for ban in store.bans()}
        assert bans == {
            ("", BEA, LATER, "dev2", "spam"),
            ("", "203.0.113.7", 32_472_144_000_000, "dev2", ""),
            ("", "203.0.113.8", None, "dev2", ""),
        }


def test_what_would_be_done(
    theirs: Dev2Database, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(theirs)
    assert run(capsys, "dev.db", "--dry-run") == (0, [f"would be imported: {ADDED}", LEFT_OUT], "")
    assert sorted(path.name for path in folder.iterdir()) == ["dev.db"]
    with closing(opened()) as store:
        store.save_user(UserRecord(ANN, "Ann here", "#000000", 5, 5))
    told = run(capsys, "dev.db", "--dry-run")[1][0]
    assert told.endswith("7 added (1 user, 1 room, 2 chat, 3 ban), 0 changed, 1 kept (1 user)")
    with closing(opened()) as store:
        assert [user.name for user in store.users()] == ["Ann here"]
        assert store.rooms() == []


def test_where_ids_change(theirs: Dev2Database, capsys: pytest.CaptureFixture[str]) -> None:
    fill(theirs)
    status, lines, _ = run(capsys, "dev.db", "--no-users")
    assert (status, lines[0]) == (
        0,
        "imported: 5 added (1 room, 2 chat, 2 ban), 0 changed, 0 kept",
    )
    assert "3 user, " in lines[1]
    assert "1 owner of a room" in lines[1]
    assert "1 ban of a user" in lines[1]
    with closing(opened()) as store:
        assert store.users() == []
        assert "owner_id" not in store.rooms()[0].settings


def test_a_second_time(theirs: Dev2Database, capsys: pytest.CaptureFixture[str]) -> None:
    theirs.add("User", _id=ANN, name="Ann", color="#33aa77")
    assert run(capsys, "dev.db")[1] == ["imported: 1 added (1 user), 0 changed, 0 kept"]
    assert run(capsys, "dev.db")[1] == ["imported: 0 added, 0 changed, 1 kept (1 user)"]


def test_chat_that_would_not_be_kept(
    theirs: Dev2Database, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FORTEPIANO_CHAT__KEEP")
    theirs.add("ChatHistory", _id="lobby", messages=[line("Hi")])
    assert run(capsys, "dev.db")[1] == [
        "imported: 0 added, 0 changed, 0 kept",
        'left out: 1 chat of a room (chat.keep is not "permanent")',
    ]


def test_salts_of_ones_own(
    theirs: Dev2Database, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert theirs.path.exists()
    monkeypatch.delenv("SALT2")
    assert run(capsys, "dev.db")[2].startswith("No id stays the same without the old salts")
    assert run(capsys, "dev.db", "--no-users")[2] == ""


def test_an_older_version(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Only users had a table, and tokens were a column of it."""
    theirs = Dev2Database(
        folder / "old.db",
        'CREATE TABLE "User" ("_id" TEXT PRIMARY KEY, name TEXT, color TEXT, tokens TEXT)',
    )
    theirs.add("User", _id=ANN, name="Ann", color="#33aa77", tokens=["x", "y"])
    assert run(capsys, "old.db")[1] == [
        "imported: 1 added (1 user), 0 changed, 0 kept",
        "left out: 2 token",
    ]


@pytest.mark.parametrize("content", ["poem", "empty", "other", "folder", "nothing"])
def test_what_is_no_such_file(
    folder: Path, capsys: pytest.CaptureFixture[str], content: str
) -> None:
    file = folder / "x"
    if content == "poem":
        file.write_bytes(b"a poem about a piano " * 100)
    elif content == "empty":
        file.touch()
    elif content == "other":
        with closing(sqlite3.connect(file)) as database:
            database.execute('CREATE TABLE "User" (id TEXT, name TEXT, color TEXT)')
    elif content == "folder":
        file.mkdir()
    status, lines, told = run(capsys, "x")
    assert (status, lines) == (2, [])
    assert told.startswith("fortepiano: x: is ")
    assert "\n" not in told
    assert not (folder / "data").exists()


def test_strange_values_are_counted(theirs: Dev2Database) -> None:
    theirs.add("User", _id=ANN, name="\u202e", color=b"\xff", flags="[]", tag="{}")
    theirs.add("Channel", _id="hall", settings="not JSON", forceload=1, flags="7")
    theirs.add("Channel", _id="x" * 600, forceload=1)
    theirs.add("ChatHistory", _id="hall", messages="{}")
    theirs.add("Ban", banType="user", expires=float("inf"), userId=ANN)
    found = dev2.read(theirs.path, Wishes(NOW))
    assert [record for _, record in found.items] == [
        UserRecord(ANN, "Anonymous", "#aaaaaa"),
        RoomRecord("hall", {}),
    ]
    assert found.left_out == {
        "colour that is none": 1,
        "room with too long a name": 1,
        "ban of another form": 1,
    }


def test_other_servers_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["import", "--from", "dev3", "x"]) == 2
    assert "dev2" in capsys.readouterr().err


def test_not_below_a_server_on_redis(
    theirs: Dev2Database, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert theirs.path.exists()
    (folder / "data").mkdir()
    (folder / "data" / "salts.json").write_text("{}")
    for extra in ([], ["--dry-run"]):
        status, _, told = run(capsys, "dev.db", *extra)
        assert (status, "is of a server that stores in Redis" in told) == (2, True)
    assert {path.name for path in (folder / "data").iterdir()} <= {"salts.json", LOCK}


def test_bans_are_of_the_site(theirs: Dev2Database) -> None:
    theirs.add("Ban", banType="user", expires=LATER, userId=ANN)
    ((_, ban),) = dev2.read(theirs.path, Wishes(NOW)).items
    assert ban == BanRecord("", ANN, LATER, "dev2", "", NOW)
