"""The catalogue of conformance cases, its tests, and its document."""

from __future__ import annotations

from pathlib import Path

import pytest

from fortepiano.config import RuleSettings
from support.cases import BEGIN, CASES, DEFAULT_PRESET, END, find_tests, updated
from support.presets import PRESETS

DOCUMENT = Path(__file__).parents[3] / "docs" / "conformance.md"


def test_every_case_has_a_test_and_every_test_a_case() -> None:
    assert find_tests().keys() == CASES.keys() == set(range(1, len(CASES) + 1))


def test_a_case_has_the_presets_of_its_tests() -> None:
    assert RuleSettings().preset == DEFAULT_PRESET
    both, quick, net = (frozenset(names) for names in (PRESETS, ["quick"], ["net"]))
    assert {test.presets for test in find_tests()[23]} == {both}
    assert {test.presets for test in find_tests()[48]} == {both, quick, net}
    assert {test.presets for test in find_tests()[11]} == {quick}


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
