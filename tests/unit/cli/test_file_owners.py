"""Files that commands make as root in a folder of another user are that user's."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from fortepiano import cli
from fortepiano.store import DATABASE
from fortepiano.store.files import make_folder, open_private, write_private
from fortepiano.store.sqlite import SQLiteStore
from support.server import Server, environment

OTHER = 65_534

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files of others")

# Modules are imported first: the other user may not be able to read them.
AS_OTHER = f"""
import os, sys
from pathlib import Path
from fortepiano import cli
from fortepiano.config import Settings
from fortepiano.store import open_store
from fortepiano.store.keyring import open_keys
from fortepiano.store.files import open_private
from fortepiano.store.lock import LOCK

os.setgroups([])
os.setgid({OTHER})
os.setuid({OTHER})
settings = Settings(data_dir=Path(sys.argv[1]), identity={{"mode": "token"}})
store = open_store(settings)
store.save_salts(*store.salts())
store.close()
os.close(open_private(settings.data_dir / LOCK))
open_keys(settings).rotate(0)
"""


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A data folder of another user, in the middle of nowhere."""
    monkeypatch.setattr("fortepiano.observe.logs.configure", lambda _level: None)
    with tempfile.TemporaryDirectory(prefix="fortepiano-owner-") as made:
        path = Path(made)
        monkeypatch.chdir(path)
        os.chown(path, OTHER, OTHER)
        yield path


def owners(folder: Path) -> dict[str, int]:
    """Return the owners of all files and folders in a folder."""
    return {str(path.relative_to(folder)): path.stat().st_uid for path in folder.rglob("*")}


def assert_all_are_the_others(folder: Path) -> None:
    assert set(owners(folder).values()) == {OTHER}, owners(folder)
    done = subprocess.run(
        [sys.executable, "-c", AS_OTHER, str(folder / "data")],
        cwd="/",
        env=environment(PYTHONPATH=os.pathsep.join(sys.path)),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "commands",
    [
        [["token", "create", "--scope", "admin"]],
        [["token", "rotate"]],
        [["token", "rotate"], ["token", "rotate"]],
        [["bans", "add", "203.0.113.7"], ["bans", "export", "bans.csv"]],
        [["bans", "import", "list.txt"]],
        [["gen-config", "fortepiano.toml"]],
        [["token", "rotate"], ["bans", "add", "203.0.113.7"], ["backup", "made/x.backup"],
         ["restore", "made/x.backup", "--data-dir", "other/data"],
         ["restore", "made/x.backup", "--merge"]],
    ],
    ids=lambda commands: " ".join(commands[-1][:2]),
)  # fmt: skip
def test_commands_of_root_leave_what_the_server_can_open(
    folder: Path, commands: list[list[str]]
) -> None:
    (folder / "list.txt").write_text("203.0.113.0/24\n")
    os.chown(folder / "list.txt", OTHER, OTHER)
    make_folder(folder / "made")
    for command in commands:
        assert cli.main(command) == 0, command
    assert_all_are_the_others(folder)
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != "list.txt"]
    assert files
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}


def test_files_beside_the_database(folder: Path) -> None:
    store = SQLiteStore(folder / "data" / DATABASE)
    store.open()
    with closing(store):
        found = owners(folder)
        assert {f"data/{DATABASE}", f"data/{DATABASE}-wal", f"data/{DATABASE}-shm"} <= set(found)
        assert set(found.values()) == {OTHER}


def test_a_server_of_root_before_its_first_start(folder: Path) -> None:
    server = Server("--data-dir", str(folder / "data"), FORTEPIANO_IDENTITY__MODE="token")
    with closing(server):
        server.start()
        assert set(owners(folder).values()) == {OTHER}
        server.stop()
    assert_all_are_the_others(folder)


def test_a_file_that_root_left_behind_is_mended(folder: Path) -> None:
    (folder / "keys").write_bytes(b"old")
    write_private(folder / "keys", b"new")
    assert owners(folder) == {"keys": OTHER}


def test_in_a_folder_of_root_a_replaced_file_keeps_its_owner(folder: Path) -> None:
    os.chown(folder, 0, 0)
    write_private(folder / "new", b"")
    write_private(folder / "old", b"")
    os.chown(folder / "old", OTHER, OTHER)
    write_private(folder / "old", b"newer")
    assert owners(folder) == {"new": 0, "old": OTHER}


def test_a_link_gives_no_file_of_root_away(folder: Path, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_bytes(b"")
    (folder / "link").symlink_to(precious)
    os.close(open_private(folder / "link"))
    assert precious.stat().st_uid == 0


def test_owner_that_cannot_be_changed_is_an_error(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("fortepiano.store.files.os.fchown", refuse)
    for attempt in (
        lambda: write_private(folder / "new", b"x", is_new=True),
        lambda: write_private(folder / "new", b"x"),
        lambda: os.close(open_private(folder / "new")),
    ):
        with pytest.raises(PermissionError):
            attempt()
    assert list(folder.iterdir()) == []
