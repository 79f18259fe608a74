"""Modules of the page, run by Node: how it treats addresses and texts of people."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from fortepiano.http import public_site

ASSETS = Path(public_site.__file__).parents[1] / "web" / "assets"

pytestmark = pytest.mark.needs("node")

# A link is all that the modules make of a document.
DOCUMENT = "globalThis.document = { createElement: () => ({}) };"


def evaluated(module: str, expression: str, folder: Path) -> Any:
    """Return what an expression with the names of a module is, run by Node."""
    copy = folder / f"{module}.mjs"
    copy.write_text((ASSETS / f"{module}.js").read_text("utf-8"), "utf-8")
    program = f"{DOCUMENT} const it = await import({json.dumps(copy.as_uri())});"
    program += f"console.log(JSON.stringify({expression}))"
    done = subprocess.run(
        ["node", "--input-type=module", "-e", program],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    return json.loads(done.stdout)


ROOMS = {
    "/": "lobby",
    "/lobby": "lobby",
    "/lobby/": "lobby",
    "/lobby//": "lobby",
    "/duets/": "duets",
    "/test/awkward/": "test/awkward",
    "/some%20room": "some room",
    "/100%": "100%",
    "/ws": "lobby",
    "/?c=jazz%2F": "jazz/",
}


def test_a_slash_at_the_end_of_a_path_is_no_part_of_the_name(tmp_path: Path) -> None:
    paths = json.dumps(list(ROOMS))
    expression = f"{paths}.map((one) => it.roomOf(new URL(one, 'http://piano')))"
    assert evaluated("address", expression, tmp_path) == list(ROOMS.values())


def test_every_room_has_an_address_of_its_own(tmp_path: Path) -> None:
    rooms = [
        "lobby",
        "jazz/",
        "/",
        "//",
        "a/b",
        "a/../b",
        "..",
        "ws",
        "assets/x",
        "é %",
        "(12) j",
    ]
    expression = (
        f"{json.dumps(rooms)}.map((one) => it.roomOf(new URL(it.pathOf(one), 'http://piano')))"
    )
    assert evaluated("address", expression, tmp_path) == rooms


LINKS = {
    "http://ebаy.com": ("http://ebаy.com", "http://xn--eby-7cd.com", ""),
    "https://en.wikipedia.org/wiki/Fugue_(music)": (
        "https://en.wikipedia.org/wiki/Fugue_(music)",
        "https://en.wikipedia.org/wiki/Fugue_(music)",
        "",
    ),
    "https://a.org/x_(y_(z))": ("https://a.org/x_(y_(z))", "https://a.org/x_(y_(z))", ""),
    "https://a.org/[x]": ("https://a.org/[x]", "https://a.org/[x]", ""),
    "https://example.com/\u200b": ("https://example.com/", "https://example.com/", "\u200b"),
    "https://example.com/\u2060x": ("https://example.com/", "https://example.com/", "\u2060x"),
    "https://a.org/x.": ("https://a.org/x", "https://a.org/x", "."),
    "https://a.org/x)": ("https://a.org/x", "https://a.org/x", ")"),
    "https://a.org/x_(y)).": ("https://a.org/x_(y)", "https://a.org/x_(y)", ")."),
    "https://a.org/x?": ("https://a.org/x", "https://a.org/x", "?"),
    "https://a.org/x”": ("https://a.org/x", "https://a.org/x", "”"),
    "https://bank.com@evil.org/": ("https://bank.com@evil.org/", "https://evil.org/", ""),
    "https://a.org\\@b.com": (
        "https://a.org\\@b.com",
        "https://a.org\\@b.com",
        "",
    ),
    "HTTPS://GRÜN.DE/Weg": ("HTTPS://GRÜN.DE/Weg", "HTTPS://xn--grn-ioa.de/Weg", ""),
    "https://a.org:8080/x": ("https://a.org:8080/x", "https://a.org:8080/x", ""),
    "https://a.org/é": ("https://a.org/é", "https://a.org/é", ""),
}


def test_links_show_where_they_lead(tmp_path: Path) -> None:
    expression = f"{json.dumps(list(LINKS))}.map((one) => it.withLinks(`so ${{one}} `))"
    for typed, parts in zip(LINKS, evaluated("text", expression, tmp_path), strict=True):
        address, text, rest = LINKS[typed]
        before, link, *after = parts
        assert (before, link["href"], link["textContent"]) == ("so ", address, text)
        assert "".join(after) == f"{rest} "


def test_a_whole_line_stays_what_it_says(tmp_path: Path) -> None:
    line = "(see https://a.org/x_(y), or http://, https://b.org/z\u200b!) 🎹"
    parts = evaluated("text", f"it.withLinks({json.dumps(line)})", tmp_path)
    said = [part if isinstance(part, str) else part["textContent"] for part in parts]
    assert "".join(said) == line
    links = [part["href"] for part in parts if not isinstance(part, str)]
    assert links == ["https://a.org/x_(y)", "https://b.org/z"]


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        ("  Ann  ", "Ann"),
        ("a\nb\u2028c\x85d", "a b c d"),
        ("a\u202eb", "a b"),
        ("Cafe\u0301", "Café"),
        ("🎹" * 30, "🎹" * 20),
        ("x" + "🎹" * 30, "x" + "🎹" * 19),
        ("می‌خواهم", "می‌خواهم"),
    ],
)
def test_what_is_typed_is_sent_as_the_server_takes_it(
    tmp_path: Path, typed: str, sent: str
) -> None:
    assert evaluated("text", f"it.oneLine({json.dumps(typed)}, 40)", tmp_path) == sent
