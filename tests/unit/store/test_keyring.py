"""The keys that sign tokens, and their file."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from fortepiano.config import Settings
from fortepiano.errors import StoreError
from fortepiano.store.keyring import FILE, KeyRing, open_keys


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / FILE


def opened(path: Path | None, kept: int = 3) -> KeyRing:
    ring = KeyRing(path, kept)
    ring.open(1000)
    return ring


def test_the_first_key_is_made_once(path: Path) -> None:
    (key,) = opened(path).keys()
    assert len(key.secret) == 32
    assert opened(path).keys() == (key,)


def test_only_its_owner_can_read_the_file(path: Path) -> None:
    opened(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert os.listdir(path.parent) == [FILE]


def test_a_new_key_stands_last_and_the_oldest_go(path: Path) -> None:
    ring = opened(path)
    (first,) = ring.keys()
    made = [ring.rotate(now) for now in (2000, 3000, 4000)]
    assert ring.keys() == tuple(made)
    assert first not in opened(path).keys()
    assert [key.created for key in opened(path).keys()] == [2000, 3000, 4000]
    assert len({key.id for key in (first, *made)}) == 4


def test_what_another_process_changes_is_taken_over(path: Path) -> None:
    ring, other = opened(path), opened(path)
    key = other.rotate(2000)
    assert key not in ring.keys()
    ring.follow()
    assert ring.keys() == other.keys()


def test_two_who_rotate_lose_no_key(path: Path) -> None:
    ring, other = opened(path), opened(path)
    one = other.rotate(2000)
    another = ring.rotate(3000)
    assert ring.keys()[-2:] == (one, another)


def test_without_a_file_they_are_in_memory() -> None:
    ring = opened(None)
    (first,) = ring.keys()
    ring.follow()
    assert ring.keys() == (first,)
    assert opened(None).keys() != (first,)


def test_a_file_that_others_may_read_is_refused(path: Path) -> None:
    opened(path)
    path.chmod(0o640)
    with pytest.raises(StoreError, match="may be read by others: chmod 600"):
        opened(path)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "null",
        "{}",
        '{"version": 1}',
        '{"version": 2, "keys": []}',
        '{"version": 1, "keys": [5]}',
        '{"version": 1, "keys": [{"id": "a", "secret": "x", "created": 1}]}',
        '{"version": 1, "keys": [{"id": "a", "secret": "ab", "created": 1}]}',
        "\udcff",
    ],
)
def test_a_damaged_file_is_refused_in_one_line(path: Path, content: str) -> None:
    opened(path)
    path.write_text(content, errors="surrogateescape")
    with pytest.raises(StoreError, match="is damaged"):
        opened(path)


def test_a_running_server_keeps_its_keys_where_the_file_breaks(path: Path) -> None:
    ring = opened(path)
    keys = ring.keys()
    path.write_text("{")
    ring.follow()
    assert ring.keys() == keys
    path.unlink()
    ring.follow()
    assert ring.keys() == keys


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    with pytest.raises(StoreError, match="cannot be"):
        opened(tmp_path / "data" / FILE)


class TestOfAServer:
    def test_nobody_needs_keys_where_addresses_are_users(self, tmp_path: Path) -> None:
        assert open_keys(Settings(data_dir=tmp_path)).keys() == ()
        assert not (tmp_path / FILE).exists()

    def test_tokens_need_one(self, tmp_path: Path) -> None:
        settings = Settings.model_validate({"data_dir": tmp_path, "identity": {"mode": "token"}})
        assert len(open_keys(settings).keys()) == 1
        (kept,) = json.loads((tmp_path / FILE).read_text())["keys"]
        assert open_keys(settings).keys()[0].id == kept["id"]

    def test_a_store_in_memory_keeps_none(self, tmp_path: Path) -> None:
        settings = Settings.model_validate(
            {"data_dir": tmp_path, "identity": {"mode": "token"}, "store": {"url": "memory:"}}
        )
        assert len(open_keys(settings).keys()) == 1
        assert not (tmp_path / FILE).exists()
