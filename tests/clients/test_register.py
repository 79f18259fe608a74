"""docs/clients.md says of clients what the tests hold them to."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from support.public_clients import FEATURES, FOLDER, LIBRARIES, PublicClient, replays
from support.register import register, updated

DOCUMENT = Path(__file__).parents[2] / "docs" / "clients.md"


def test_the_document_is_as_the_tests_are() -> None:
    text = DOCUMENT.read_text("utf-8")
    assert updated(text) == text, "run `make docs`"


def test_every_library_that_is_installed_is_in_the_table() -> None:
    package = json.loads((FOLDER / "npm" / "package.json").read_text("utf-8"))
    assert package["dependencies"].keys() - {"midi-player-js"} == LIBRARIES.keys()
    rows = re.findall(r"^\| (\S+) \| (\S+) \| runs \|", register(), re.MULTILINE)
    assert dict(rows) == {name: package["dependencies"][name] for name in LIBRARIES}


def test_the_lock_pins_what_is_installed_and_names_no_host() -> None:
    lock = json.loads((FOLDER / "npm" / "package-lock.json").read_text("utf-8"))
    package = json.loads((FOLDER / "npm" / "package.json").read_text("utf-8"))
    for name, version in package["dependencies"].items():
        assert lock["packages"][f"node_modules/{name}"]["version"] == version
    for name, entry in lock["packages"].items():
        assert "resolved" not in entry
        assert not name or entry["integrity"].startswith("sha512-")


@pytest.mark.parametrize("file", replays())
def test_every_scene_shows_something_and_says_what_comes_of_it(file: str) -> None:
    replay = replays()[file]
    assert replay.arrives[0][0]["m"] in {"hi", "devices"}
    for scene in replay.scenes:
        assert scene.keys() >= {"shows", "about", "does"}
        assert scene.keys() & {"others", "other sees", "other goes", "self"}
        assert set(scene["shows"]) <= FEATURES.keys()
        assert scene.keys() <= {
            "shows",
            "about",
            "rules",
            "does",
            "self",
            "others",
            "other sees",
            "other goes",
            "other binaries",
        }


def test_a_feature_that_nobody_knows_is_refused() -> None:
    with pytest.raises(ValueError, match="no such features"):
        PublicClient("x", "1", frozenset({"teleport"}))
    with pytest.raises(ValueError, match="work and fail"):
        PublicClient("x", "1", frozenset({"join"}), {"join": "never"})
