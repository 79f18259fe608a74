"""Drafts: what takes a file's place does so as a whole, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from fortepiano.store.files import draft


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
