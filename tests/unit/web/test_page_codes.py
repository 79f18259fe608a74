"""The page goes by codes: its own are those of the server, and no sentence decides anything."""

from __future__ import annotations

import json
import re
from pathlib import Path

from fortepiano.http import public_site
from fortepiano.http.page_modules import GENERATED
from fortepiano.model.close_codes import CloseCode
from fortepiano.store.records import USER_ID_LENGTH

PACKAGE = Path(public_site.__file__).parents[1]
ASSETS = PACKAGE / "web" / "assets"


def test_the_module_has_all_close_codes_and_all_answers_of_readyz() -> None:
    head, _, table = GENERATED["codes.js"]().partition("=")
    assert head == "export const CODES "
    assert json.loads(table.rstrip(";\n")) == {
        **{str(int(code)): {"meaning": code.meaning, "retry": code.retry} for code in CloseCode},
        "server_full": {"retry": True},
        "too_many_sockets": {"retry": True},
        "connect_rate": {"retry": True},
        "site_ban": {"retry": False},
        "listed_network": {"retry": False},
    }


def test_no_script_has_close_codes() -> None:
    scripts = {path: path.read_text("utf-8") for path in ASSETS.rglob("*.js")}
    known = {
        path.name
        for path, text in scripts.items()
        if re.search(r"\b(400\d|10(0[1-9]|1\d))\b", text)
    }
    assert known == set()


def scripts_with(pattern: str) -> list[str]:
    """The names of the scripts of the page and of the admin page in which a pattern is found."""
    folders = (ASSETS, PACKAGE / "http" / "admin_page")
    scripts = [path for folder in folders for path in folder.rglob("*.js")]
    assert scripts
    return [path.name for path in scripts if re.search(pattern, path.read_text("utf-8"))]


def test_no_script_compares_sentences() -> None:
    compared = r"""(?:[!=]==|(?:includes|startsWith|endsWith|match|indexOf)\() ?["'`]\w+ \w"""
    assert scripts_with(compared) == []


def test_no_script_knows_the_form_of_user_ids() -> None:
    assert scripts_with(rf"\b{USER_ID_LENGTH}\}}|length ?[!=]== ?{USER_ID_LENGTH}\b") == []
