"""docs/records.md: its tables are those of the code, and its example can be restored."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fortepiano.protocol.record_checks import problem_of
from fortepiano.store import dump
from fortepiano.store.record_kinds import KEY, KINDS
from records_reference import reference, updated

DOCUMENT = Path(__file__).parents[3] / "docs" / "records.md"
TEXT = DOCUMENT.read_text("utf-8")


def test_the_tables_are_up_to_date() -> None:
    assert updated(TEXT) == TEXT, "run `make docs`"


def test_a_document_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="records"):
        updated("# Records\n")


def test_every_field_has_a_type_and_a_meaning() -> None:
    rows = re.findall(r"^\| `([^`]+)` \| (.+) \| (.+) \| (.+) \|$", reference(), re.MULTILINE)
    assert {"color", "mutes.….notes", "crown.start", "secret"} <= {name for name, *_ in rows}
    assert all(meaning.endswith(".") and kind for _, kind, _, meaning in rows)
    assert re.findall(r"^### `(\w+)`$", TEXT, re.MULTILINE) == [kind.name for kind in (*KINDS, KEY)]


def test_the_example_is_a_backup() -> None:
    [example] = re.findall(r"^```json\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    items = dump.items_of(example.encode(), "example", problem_of)
    assert [kind.name for kind, _ in items] == ["user", "user", "ban", "ban", "room", "chat"]


def test_the_version_is_the_present_one() -> None:
    assert f'{{"fortepiano_backup": {dump.VERSION}, "at": 0}}' in TEXT
