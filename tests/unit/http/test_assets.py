"""The page's files: where they are served from, and what the page names."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import httpx
import pytest

from fortepiano.http import public_site
from fortepiano.http.page_modules import GENERATED
from fortepiano.model.close_codes import CloseCode
from fortepiano.net.refusal_codes import RefusalCode

WEB = Path(public_site.__file__).parents[1] / "web"
SAMPLES = re.compile(r'<meta name="samples" content="([^"]*)">')


def visit(web: Path) -> httpx.AsyncClient:
    """Return a client of a site that serves the folder `web`."""
    app = public_site.public_site(lambda: None, web=web)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://piano")


async def test_the_page_names_recordings_where_there_are_some(tmp_path: Path) -> None:
    web = tmp_path / "web"
    shutil.copytree(WEB, web, ignore=shutil.ignore_patterns("samples", "libraries"))
    async with visit(web) as visitor:
        assert SAMPLES.findall((await visitor.get("/room")).text) == [""]

    folder = web / "samples" / "piano-1.2.3"
    folder.mkdir(parents=True)
    (folder / "C4.mp3").write_bytes(b"sound")
    async with visit(web) as visitor:
        page = (await visitor.get("/room")).text
        assert SAMPLES.findall(page) == ["/assets/samples/piano-1.2.3/"]
        sound = await visitor.get("/assets/samples/piano-1.2.3/C4.mp3")
        assert sound.content == b"sound"
        assert sound.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert (await visitor.get("/assets/samples/piano-1.2.3/D4.mp3")).status_code == 404
        assert (await visitor.get("/assets/samples/../index.html")).status_code == 404


LIBRARY = re.compile(r'"midi": "([^"]*)"')


async def test_libraries_are_served_where_they_were_fetched(tmp_path: Path) -> None:
    web = tmp_path / "web"
    shutil.copytree(WEB, web, ignore=shutil.ignore_patterns("samples", "libraries"))
    async with visit(web) as visitor:
        module = await visitor.get("/assets/libraries.js")
        assert module.headers["content-type"] == "text/javascript; charset=utf-8"
        assert LIBRARY.findall(module.text) == [""]
        without = (await visitor.get("/")).text

    folder = web / "libraries" / "midifile-ts-1.2.3"
    folder.mkdir(parents=True)
    (folder / "index.js").write_bytes(b"export {};")
    async with visit(web) as visitor:
        address = "/assets/libraries/midifile-ts-1.2.3/index.js"
        assert LIBRARY.findall((await visitor.get("/assets/libraries.js")).text) == [address]
        library = await visitor.get(address)
        assert library.content == b"export {};"
        assert library.headers["content-type"].startswith("text/javascript")
        assert library.headers["cache-control"] == "public, max-age=31536000, immutable"
        # Other libraries are other files, under other addresses.
        assert (await visitor.get("/")).text != without


async def test_workers_are_no_modules_of_the_page() -> None:
    async with visit(WEB) as visitor:
        page = (await visitor.get("/")).text
        assert "/midi/files.js" in page
        assert "work" not in " ".join(re.findall(r'modulepreload" href="([^"]+)"', page))
        assert (await visitor.get("/assets/midi/worker/file_worker.js")).status_code == 200


async def test_a_changed_file_has_a_new_address(tmp_path: Path) -> None:
    web = tmp_path / "web"
    shutil.copytree(WEB, web, ignore=shutil.ignore_patterns("samples", "libraries"))
    addresses = []
    for _ in range(2):
        async with visit(web) as visitor:
            page = (await visitor.get("/")).text
        addresses += re.findall(r'<script type="module" src="([^"]+)"', page)
        (web / "assets" / "main.js").write_text("// another one")
    assert len(set(addresses)) == 2
    assert all(re.fullmatch("/assets/[0-9a-f]{12}/main.js", address) for address in addresses)


async def test_a_generated_module_is_served_like_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(GENERATED, "facts.js", lambda: "export const FACT = 1;\n")
    async with visit(WEB) as visitor:
        page = (await visitor.get("/")).text
        (address,) = re.findall(r'<link rel="modulepreload" href="([^"]+/facts.js)">', page)
        assert re.fullmatch("/assets/[0-9a-f]{12}/facts.js", address)
        module, plain = await visitor.get(address), await visitor.get("/assets/facts.js")
        assert module.text == plain.text == "export const FACT = 1;\n"
        assert module.headers["content-type"] == "text/javascript; charset=utf-8"
        assert module.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert plain.headers["cache-control"] == "no-cache"
        known = {"if-none-match": plain.headers["etag"]}
        assert (await visitor.get("/assets/facts.js", headers=known)).status_code == 304
        other = {"if-none-match": '"another"'}
        assert (await visitor.get("/assets/facts.js", headers=other)).status_code == 200


async def test_a_changed_generated_module_has_a_new_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pages = []
    for text in ("1", "2"):
        monkeypatch.setitem(GENERATED, "facts.js", lambda text=text: text)
        async with visit(WEB) as visitor:
            pages.append((await visitor.get("/")).text)
    assert pages[0] != pages[1]


def test_no_file_has_the_name_of_a_generated_module() -> None:
    assert [name for name in GENERATED if (WEB / "assets" / name).exists()] == []
    types = [(WEB / "assets" / name).with_suffix(".d.ts") for name in GENERATED]
    assert all(path.exists() for path in types)


def test_every_word_of_the_page_has_a_translation() -> None:
    words = json.loads((WEB / "assets/strings/de.json").read_text())
    scripts = "".join(script.read_text() for script in (WEB / "assets").rglob("*.js"))
    said = set(re.findall(r'\bt\("((?:[^"\\]|\\.)*)"', scripts))
    # Faults of files come as words from a worker.
    said |= {
        words
        for script in (WEB / "assets/midi").rglob("*.js")
        for words in re.findall(r'"([A-Z][^"\n]+\.)"', script.read_text())
    }
    page = re.sub(r"<(svg|script)\b.*?</\1>", "", (WEB / "index.html").read_text(), flags=re.S)
    page = page.partition("<body>")[2]
    said |= set(re.findall(r'(?:aria-label|title|placeholder)="([^"]+)"', page))
    said |= {" ".join(text.split()) for text in re.findall(r">([^<>]*[a-z]{2}[^<>]*)<", page)}
    said |= {code.meaning for code in CloseCode} | {code.words for code in RefusalCode} - {""}
    assert said - words.keys() == {"fortepiano"}
