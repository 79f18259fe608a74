"""docs/protocol.md knows every message."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fortepiano.handlers.dispatch import TABLE
from protocol_reference import BEGIN, reference, updated

DOCUMENT = Path(__file__).parents[3] / "docs" / "protocol.md"
HOT = ("n", "m", "t")
OUTGOING = ("b", "hi", "nq", "ch", "c", "p", "bye", "m", "n", "a", "dm", "ls", "t", "notification")


def test_the_reference_is_the_codes() -> None:
    text = DOCUMENT.read_text("utf-8")
    assert updated(text) == text, "run `make docs`"


@pytest.mark.parametrize("kind", [*TABLE, *HOT])
def test_every_message_of_clients_is_described(kind: str) -> None:
    text = DOCUMENT.read_text("utf-8").partition(BEGIN)[0]
    assert re.search(rf"`{re.escape(kind)}[ `]", text)


@pytest.mark.parametrize("kind", [*OUTGOING, "custom", "bans"])
def test_every_message_of_the_server_is_described(kind: str) -> None:
    section = DOCUMENT.read_text("utf-8").partition("## 1.4")[2].partition("## 1.5")[0]
    assert f"`{kind}`" in section


def test_every_field_has_a_meaning() -> None:
    rows = re.findall(r"^\| `([^`]+)` \| ([^|]*) \| ([^|]*) \|$", reference(), re.MULTILINE)
    assert len(rows) > 20
    assert [name for name, kind, meaning in rows if not (kind.strip() and meaning.strip())] == []


def test_a_document_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="has no"):
        updated("# The protocol\n")
