"""SECURITY.md: each promise names tests, and the tests are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "SECURITY.md").read_text()
PROMISES = TEXT.partition("## What holds it")[2].partition("### What watches")[0]
LINK = re.compile(r"\[([^\]]+)\]\(([^)]+)\)")
LINKS = LINK.findall(PROMISES)


def rows() -> list[tuple[str, str]]:
    """Return the promises and their cells of tests."""
    cells = [
        line.strip("|").split(" | ") for line in PROMISES.splitlines() if line.startswith("| ")
    ]
    return [(promise.strip(), tests) for promise, tests in cells if promise.strip() != "promise"]


def test_there_are_promises() -> None:
    assert len(rows()) > 20


@pytest.mark.parametrize(("promise", "tests"), rows())
def test_each_promise_has_tests(promise: str, tests: str) -> None:
    assert LINK.findall(tests), promise


@pytest.mark.parametrize(("name", "path"), sorted(set(LINKS)))
def test_each_test_is_there(name: str, path: str) -> None:
    text = (ROOT / path).read_text()
    if path.endswith(".rs"):
        assert Path(path).stem == name and "fuzz_target!" in text
    else:
        assert re.search(rf"^ *(async def|def|class) {name}\b", text, re.MULTILINE)


@pytest.mark.parametrize("path", sorted({path for _, path in LINK.findall(TEXT)}))
def test_each_link_leads_somewhere(path: str) -> None:
    assert (ROOT / path).exists()


def test_each_fuzz_target_holds_a_promise() -> None:
    targets = {path.stem for path in (ROOT / "rust/fuzz/fuzz_targets").glob("*.rs")}
    assert targets == {name for name, path in LINKS if path.endswith(".rs")}
