"""Drafts: what takes a file's place does so as a whole, or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fortepiano.store.files import draft, make_folder, write_private


def test_it_takes_the_place_of_what_was_there(tmp_path: Path) -> None:
    file = tmp_path / "kept"
    file.write_bytes(b"before")
    with draft(file) as out:
        out.write(b"after")
        assert file.read_bytes() == b"before"
    assert file.read_bytes() == b"after"
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [file]


def test_what_fails_changes_nothing_and_leaves_nothing(tmp_path: Path) -> None:
    file = tmp_path / "kept"
    file.write_bytes(b"before")
    with pytest.raises(ValueError, match="half way"), draft(file) as out:
        out.write(b"aft")
        raise ValueError("half way")
    assert file.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [file]


def test_a_folder_that_is_missing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), draft(tmp_path / "none" / "kept"):
        pytest.fail("there is no draft to write")


def test_what_is_written_is_private_and_whole(tmp_path: Path) -> None:
    file = tmp_path / "a" / "b" / "kept"
    make_folder(file.parent)
    make_folder(file.parent)
    for content in (b"one", b"other"):
        write_private(file, content)
        assert file.read_bytes() == content
    assert [path.stat().st_mode & 0o777 for path in (file.parent, file)] == [0o700, 0o600]


def test_a_new_file_replaces_none(tmp_path: Path) -> None:
    file = tmp_path / "new"
    write_private(file, b"one", is_new=True)
    assert (file.read_bytes(), file.stat().st_mode & 0o777) == (b"one", 0o600)
    with pytest.raises(FileExistsError):
        write_private(file, b"other", is_new=True)
    assert file.read_bytes() == b"one"


def test_a_new_file_that_fails_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_descriptor: int) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr("fortepiano.store.files.os.fsync", fail)
    with pytest.raises(OSError, match="full"):
        write_private(tmp_path / "new", b"one", is_new=True)
    assert list(tmp_path.iterdir()) == []


def test_a_device_is_written_to_and_never_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        with draft(pipe) as out:
            out.write(b"through")
        assert os.read(reader, 100) == b"through"
    finally:
        os.close(reader)
    assert pipe.is_fifo()
