"""The forty rows of docs/design/reliability.md: each has a figure, and tests that exist."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docs" / "design" / "reliability.md").read_text("utf-8")

ROW = re.compile(r"^\| +(\d+) +\| (.+) \|$", re.MULTILINE)
TEST = re.compile(r"`([\w/]+\.(?:py|rs))::([\w:]+)`")


class Row(NamedTuple):
    """One row of the table."""

    number: int
    fault: str
    answer: str
    survived: str
    measured: str
    tests: list[tuple[str, str]]


def rows() -> list[Row]:
    found = []
    for number, rest in ROW.findall(TEXT):
        fault, answer, survived, measured, tests = rest.split(" | ")
        names = TEST.findall(tests)
        assert re.sub(TEST, "", tests).strip() == "", f"row {number}: {tests}"
        found.append(Row(int(number), fault, answer, survived, measured, names))
    return found


def named(body: list[ast.stmt], path: list[str]) -> bool:
    """Tell whether a module or class has a test, by the names of its classes and its own."""
    for node in body:
        if isinstance(node, ast.ClassDef) and node.name == path[0] and len(path) > 1:
            return named(node.body, path[1:])
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and path == [node.name]:
            return node.name.startswith("test_")
    return False


@cache
def source(file: str) -> str:
    path = ROOT / file if file.startswith("rust/") else ROOT / "tests" / file
    return path.read_text("utf-8")


def exists(file: str, name: str) -> bool:
    """Tell whether a test exists, in Python or in Rust."""
    if file.endswith(".rs"):
        return re.search(rf"#\[test\]\s+fn {name}\(", source(file)) is not None
    return named(ast.parse(source(file)).body, name.split("::"))


def test_there_are_forty_rows() -> None:
    assert [row.number for row in rows()] == list(range(1, 41))


@pytest.mark.parametrize("row", rows(), ids=lambda row: str(row.number))
def test_a_row_is_survived_measured_and_tested(row: Row) -> None:
    assert row.survived in {"yes", "documented"}
    assert row.measured.strip()
    assert row.tests
    assert [test for test in row.tests if not exists(*test)] == []


@pytest.mark.parametrize(
    "test",
    [
        ("attacks/test_ban_evasion.py", "test_by_magic"),
        ("e2e/test_limits.py", "test_it_lives_without_open_files_and_recovers"),
        ("e2e/test_limits.py", "TestSockets::few_files"),
        ("rust/core/tests/hub.rs", "drain"),
    ],
)
def test_other_names_are_no_tests(test: tuple[str, str]) -> None:
    assert not exists(*test)
