"""Problems on stderr: their severity for the journal, and readers that are gone or stopped."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fortepiano import cli

PROGRAM = "import sys; from fortepiano import cli; sys.exit(cli.main(['serve', '--port', '99999']))"


def run(stderr: int) -> int:
    """Run a command with a mistake; return its exit status."""
    return subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stderr=stderr,
        timeout=60,
        check=False,
    ).returncode


def test_line_in_the_journal_is_an_error(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    file = os.fstat(2)
    monkeypatch.setenv("JOURNAL_STREAM", f"{file.st_dev}:{file.st_ino}")
    assert cli.main(["serve", "--port", "99999"]) == 2
    assert capfd.readouterr().err.startswith("<3>fortepiano: port: ")


def test_reader_that_is_gone() -> None:
    far, near = os.pipe()
    os.close(far)
    assert run(near) == 2
    os.close(near)


def test_full_disk() -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    assert run(full) == 2
    os.close(full)


def test_reader_that_does_not_read() -> None:
    far, near = os.pipe()
    os.set_blocking(near, False)
    os.write(near, bytes(1_000_000))
    os.set_blocking(near, True)
    began = time.monotonic()
    assert run(near) == 2
    assert time.monotonic() - began < 20
    os.close(far)
    os.close(near)


@pytest.mark.parametrize("descriptors", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_streams_that_are_closed(descriptors: str, tmp_path: Path) -> None:
    done = subprocess.run(
        ["bash", "-c", f'"$0" -c "$1" {descriptors}', sys.executable, PROGRAM],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        cwd=tmp_path,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
