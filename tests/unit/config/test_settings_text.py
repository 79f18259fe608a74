"""Encodings of settings files, and the lines of their keys."""

from __future__ import annotations

import codecs
from pathlib import Path

import pytest

from fortepiano.config.settings_text import key_lines, read_text

TOML = "port = 1\n# é\n[limits]\nfragments = 7\n"


def written(folder: Path, content: bytes) -> Path:
    file = folder / "x.toml"
    file.write_bytes(content)
    return file


@pytest.mark.parametrize(
    "content",
    [
        TOML.encode(),
        codecs.BOM_UTF8 + TOML.encode(),
        TOML.replace("\n", "\r\n").encode(),
        codecs.BOM_UTF8 + TOML.replace("\n", "\r\n").encode(),
        TOML.replace("\n", "\r").encode(),
    ],
)
def test_marks_and_line_ends_of_other_systems_are_read(tmp_path: Path, content: bytes) -> None:
    assert read_text(written(tmp_path, content)) == TOML


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (codecs.BOM_UTF16_LE + TOML.encode("utf-16-le"), "UTF-16; save it as UTF-8"),
        (codecs.BOM_UTF16_BE + TOML.encode("utf-16-be"), "UTF-16; save it as UTF-8"),
        (codecs.BOM_UTF32_LE + TOML.encode("utf-32-le"), "UTF-32; save it as UTF-8"),
        (TOML.encode("utf-16-le"), "zero bytes"),
        (TOML.encode("latin-1"), "line 2 is in another encoding"),
    ],
)
def test_other_encodings_are_named(tmp_path: Path, content: bytes, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        read_text(written(tmp_path, content))


def test_each_key_has_its_line() -> None:
    text = (
        'a = 1\n\n# [b]\nb.c = [\n  "[x]",  # one\n  "y = 1",\n]\n[d."e f"]\n  g = """\n[h]\n'
        'i = 1\n"""\n[[j.k]]\nl = 1\n[[j.k]]\nl = 2\nm = {n = 1, o.p = 2}\n'
    )
    assert key_lines(text) == {
        ("a",): 1,
        ("b",): 4,
        ("b", "c"): 4,
        ("d", "e f"): 8,
        ("d", "e f", "g"): 9,
        ("j", "k"): 13,
        ("j", "k", "0"): 13,
        ("j", "k", "0", "l"): 14,
        ("j", "k", "1"): 15,
        ("j", "k", "1", "l"): 16,
        ("j", "k", "1", "m"): 17,
        ("j", "k", "1", "m", "n"): 17,
        ("j", "k", "1", "m", "o"): 17,
        ("j", "k", "1", "m", "o", "p"): 17,
    }
