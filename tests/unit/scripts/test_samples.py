"""Packages of npm for the page: fetched by npm or by Python, checked by hash, never by half."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import importlib
import io
import sys
import tarfile
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

SCRIPTS = Path(__file__).parents[3] / "scripts"


def tarball(files: dict[str, bytes]) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(f"package/{name}")
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return content.getvalue()


class Quiet(SimpleHTTPRequestHandler):
    """A registry that logs nothing."""

    def log_message(self, *_: object) -> None:
        """Do nothing."""


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    """The script, on a machine without npm, with a registry of one package."""
    monkeypatch.syspath_prepend(str(SCRIPTS))
    module = importlib.import_module("samples")
    registry = tmp_path / "registry"
    (registry / "beeps/-").mkdir(parents=True)
    content = tarball({"dist/beep.mjs": b"export {};", "LICENSE": b"free", "test.js": b"no"})
    (registry / "beeps/-/beeps-1.2.3.tgz").write_bytes(content)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(registry)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    package = module.Package(
        name="beeps",
        version="1.2.3",
        sha512=base64.b64encode(hashlib.sha512(content).digest()).decode(),
        kind="libraries",
        files=((r"dist/beep\.mjs", "index.js"), ("LICENSE", "LICENSE")),
        count=2,
        without="nothing beeps",
    )
    monkeypatch.setattr(module, "WEB", tmp_path / "web")
    monkeypatch.setattr(module, "PACKAGES", (package,))
    monkeypatch.setattr(module, "REGISTRY", f"http://127.0.0.1:{server.server_port}/")
    monkeypatch.setattr(module.shutil, "which", lambda _: None)
    yield module
    server.shutdown()
    thread.join()
    server.server_close()
    sys.modules.pop("samples")


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_python_fetches_where_npm_is_missing(script: Any, tmp_path: Path) -> None:
    old = tmp_path / "web/libraries/beeps-1.2.2"
    old.mkdir(parents=True)
    assert script.main() == 0
    web = tmp_path / "web/libraries"
    assert files(web) == ["beeps-1.2.3", "beeps-1.2.3/LICENSE", "beeps-1.2.3/index.js"]
    # A complete package needs no network.
    script.REGISTRY = "http://127.0.0.1:1"
    assert script.main() == 0


def test_another_package_of_that_name_is_not_unpacked(
    script: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (package,) = script.PACKAGES
    script.PACKAGES = (dataclasses.replace(package, sha512="AAAA"),)
    assert script.main() == 1
    assert files(tmp_path / "web/libraries") == []
    said = capsys.readouterr().err
    assert said.startswith("libraries: beeps 1.2.3 is not what it was: sha512 is ")
    assert said.count("\n") == 1
    assert said.endswith("; nothing beeps\n")


def test_half_a_package_is_fetched_again(script: Any, tmp_path: Path) -> None:
    folder = tmp_path / "web/libraries/beeps-1.2.3"
    folder.mkdir(parents=True)
    (folder / "index.js").write_text("half")
    assert script.main() == 0
    assert (folder / "index.js").read_text() == "export {};"


@pytest.mark.parametrize("registry", ["http://127.0.0.1:1", "http://no.such.host.invalid", "x"])
def test_without_a_network_one_line_says_what_is_missing(
    script: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], registry: str
) -> None:
    script.REGISTRY = registry
    assert script.main() == 1
    said = capsys.readouterr().err
    assert said.startswith("libraries: beeps could not be fetched: ")
    assert said.count("\n") == 1
    assert files(tmp_path / "web/libraries") == []


def test_the_server_looks_for_what_is_fetched(script: Any) -> None:
    from fortepiano.http.page_modules import LIBRARIES

    packages = importlib.reload(script).PACKAGES
    assert {one.stem for one in packages if one.kind == "libraries"} == set(LIBRARIES.values())
