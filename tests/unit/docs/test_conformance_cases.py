"""The catalogue of conformance cases, its tests, and its document."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.cases import BEGIN, CASES, END, count_tests, updated

DOCUMENT = Path(__file__).parents[3] / "docs" / "conformance.md"


def test_every_case_has_a_test_and_every_test_a_case() -> None:
    assert count_tests().keys() == CASES.keys() == set(range(1, len(CASES) + 1))


def test_levels_and_sentences() -> None:
    for case in CASES.values():
        assert case.level in {"M", "S", "O"}
        assert case.sentence.endswith(".")


def test_the_document_is_up_to_date() -> None:
    text = DOCUMENT.read_text("utf-8")
    assert updated(text) == text, "run `make docs`"


def test_a_document_without_marks_is_refused() -> None:
    for text in ("", BEGIN, END):
        with pytest.raises(ValueError):
            updated(text)
