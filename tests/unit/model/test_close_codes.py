"""Close codes: one table in the binary, from which Python takes its members."""

from __future__ import annotations

import re
from pathlib import Path

import close_code_members
from fortepiano.model import close_codes
from fortepiano.model.close_codes import CloseCode
from fortepiano.native import CLOSE_CODES
from support.native_parts import make_test_hub

DOCUMENTS = Path(__file__).parents[3] / "docs"

CODE = re.compile(r"(?<![\w:])(?:40[0-8]\d|10(?:0[1-9]|1\d))\b")
"""A number that documents name for no other reason than that it is a close code."""


def test_members_are_the_rows_of_the_table() -> None:
    assert [(int(code), code.name, code.meaning, code.retry) for code in CloseCode] == [
        (number, name, meaning, retry)
        for number, name, meaning, retry, is_sent in CLOSE_CODES
        if is_sent
    ]


def test_the_module_is_what_the_generator_writes() -> None:
    text = Path(close_codes.__file__).read_text("utf-8")
    assert close_code_members.updated(text) == text, "run `make docs`"


def test_meanings_fit_into_a_close_frame() -> None:
    for code in CloseCode:
        assert 1000 <= code <= 4999
        assert 0 < len(code.meaning.encode()) <= 123
        assert "|" not in code.meaning


def test_codes_are_numbers_with_meaning() -> None:
    assert int(CloseCode.RESTART) == 4000
    assert CloseCode(1013) is CloseCode.TOO_SLOW
    assert CloseCode.RESTART.retry
    assert not CloseCode.BANNED.retry


def test_clients_know_the_numbers() -> None:
    """Numbers and their `retry` are a contract (docs/protocol.md)."""
    assert {int(code): code.retry for code in CloseCode} == {
        **dict.fromkeys([1001, 1011, 1013, 4000, 4004], True),
        **dict.fromkeys([1000, 1002, 1007, 1009, 4002, 4005, 4007, 4008, 4009], False),
    }


def test_every_code_of_the_table_is_counted_by_itself() -> None:
    numbers = [number for number, *_ in CLOSE_CODES]
    assert [code for code, _ in make_test_hub().closes()] == [*numbers, None]


def test_documents_name_only_codes_of_the_table() -> None:
    """docs/settings.md has the descriptions of all settings."""
    known = {str(number) for number, *_ in CLOSE_CODES}
    found = {
        (path.name, number)
        for path in DOCUMENTS.glob("*.md")
        for number in CODE.findall(path.read_text("utf-8"))
    }
    assert found
    assert {(name, number) for name, number in found if number not in known} == set()
