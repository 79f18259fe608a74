"""`make wheel`: a wheel for the Python that was asked for, beside those of other Pythons."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

OF_MAKE = {"MAKEFLAGS", "MFLAGS", "MAKEOVERRIDES", "PYTHON", "VENV", "DIST"}
"""Variables that a `make` around the tests passes on, with what was given on its command line."""

PYTHON = """\
#!/bin/sh
# Stands for the Python {version}.
case "$*" in
*cp%d*) echo cp{tag} ;;
*print*) echo {version} ;;
esac
"""

MATURIN = """\
#!/bin/sh
# Stands for maturin, as `make wheel` calls it: it makes the wheel of the interpreter.
while [ $# -gt 0 ]; do
    case $1 in
    --out) out=$2 ;;
    --interpreter) tag=$("$2" -c 'cp%d') ;;
    esac
    shift
done
mkdir -p "$out"
touch "$out/fortepiano-0.2.0-$tag-$tag-linux_x86_64.whl"
"""


def put(file: Path, text: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    file.chmod(0o755)
    return file


def python(file: Path, version: str) -> Path:
    return put(file, PYTHON.format(version=version, tag=version.replace(".", "")))


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """An environment of Python 3.11, with one of 3.99 that the Makefile has made beside it."""
    for name, version in (("venv", "3.11"), ("venv-3.99", "3.99")):
        folder = tmp_path / name
        python(folder / "bin" / "python", version)
        put(folder / "bin" / "maturin", MATURIN)
        (folder / ".python").touch()
    (tmp_path / "dist").mkdir()
    return tmp_path / "venv"


def make_wheel(environment: Path, *arguments: str) -> set[str]:
    dist = environment.parent / "dist"
    done = subprocess.run(
        ["make", "wheel", f"VENV={environment}", f"DIST={dist}", *arguments],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if name not in OF_MAKE},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return {file.name.split("-", 2)[1] + " " + file.name.split("-")[2] for file in dist.iterdir()}


@pytest.mark.needs("make")
def test_each_python_gets_its_wheel(environment: Path, tmp_path: Path) -> None:
    other = python(tmp_path / "python3.99", "3.99")
    assert make_wheel(environment) == {"0.2.0 cp311"}
    assert make_wheel(environment, f"PYTHON={other}") == {"0.2.0 cp311", "0.2.0 cp399"}
    # An older wheel of the same Python goes; those of others stay.
    (tmp_path / "dist" / "fortepiano-0.1.0-cp311-cp311-linux_x86_64.whl").touch()
    assert make_wheel(environment) == {"0.2.0 cp311", "0.2.0 cp399"}


@pytest.mark.needs("make")
def test_the_python_of_the_environment_builds_there(environment: Path, tmp_path: Path) -> None:
    same = python(tmp_path / "python3.11", "3.11")
    assert make_wheel(environment, f"PYTHON={same}") == {"0.2.0 cp311"}
