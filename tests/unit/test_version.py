"""The version stands in one place, rust/Cargo.toml; everything else that tells it agrees."""

from __future__ import annotations

import re
import tomllib
from importlib import metadata
from pathlib import Path

import fortepiano
from fortepiano import native

ROOT = Path(__file__).parents[2]


def test_the_package_and_its_binary_are_of_one_version() -> None:
    assert native.version() == metadata.version("fortepiano") == fortepiano.__version__


def test_the_version_is_that_of_the_sources() -> None:
    cargo = tomllib.loads((ROOT / "rust" / "Cargo.toml").read_text())
    assert native.version() == cargo["workspace"]["package"]["version"]


def test_the_changelog_begins_with_this_version() -> None:
    found = re.search(r"^## \[(\d[^\]]*)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert found is not None
    assert found[1] == native.version()


def test_the_binary_tells_how_it_was_built() -> None:
    assert native.profile() in {"release", "debug"}
