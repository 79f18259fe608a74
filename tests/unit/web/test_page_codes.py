"""The page goes by codes: its own are those of the server, and no sentence decides anything."""

from __future__ import annotations

import json
import re
from pathlib import Path

from fortepiano.http import public_site
from fortepiano.http.page_modules import GENERATED
from fortepiano.model.close_codes import CloseCode

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


def test_no_script_compares_sentences() -> None:
    folders = (ASSETS, PACKAGE / "http" / "admin_page")
    compared = re.compile(
        r"""(?:[!=]==|(?:includes|startsWith|endsWith|match|indexOf)\() ?["'`]\w+ \w"""
    )
    scripts = [path for folder in folders for path in folder.rglob("*.js")]
    assert scripts
    assert [path.name for path in scripts if compared.search(path.read_text("utf-8"))] == []
