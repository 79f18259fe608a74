"""The command line and the environment of the next process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fortepiano.observe.program import command, environment


@pytest.fixture
def two_versions(tmp_path: Path) -> Path:
    """A folder with an environment for each of two versions, and a link to the first."""
    for version in ("1.0", "2.0"):
        environment = tmp_path / version
        (environment / "bin").mkdir(parents=True)
        (environment / "pyvenv.cfg").touch()
        for program in ("python", "fortepiano"):
            (environment / "bin" / program).touch()
    (tmp_path / "current").symlink_to(tmp_path / "1.0")
    return tmp_path


def test_the_environment_is_looked_up_by_its_link(
    two_versions: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", [str(two_versions / "current/bin/fortepiano"), "serve"])
    (two_versions / "current").unlink()
    (two_versions / "current").symlink_to(two_versions / "2.0")
    found = command()
    assert found[0] == str(two_versions / "current/bin/python")
    assert found[-3:] == ["-m", "fortepiano", "serve"]


def test_a_link_to_the_command_is_followed(
    two_versions: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (two_versions / "bin").mkdir()
    link = two_versions / "bin" / "fortepiano"
    link.symlink_to("../current/bin/fortepiano")
    monkeypatch.setattr(sys, "argv", [str(link), "serve"])
    python = Path(command()[0])
    assert python.resolve() == two_versions / "1.0/bin/python"


@pytest.mark.parametrize("name", ["fortepiano", "./fortepiano", "/nowhere/bin/fortepiano"])
def test_other_commands_leave_the_interpreter(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", [name, "serve"])
    assert command()[0] == sys.executable


def test_a_command_beside_a_python_of_the_system_is_none_of_an_environment(
    two_versions: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (two_versions / "1.0" / "pyvenv.cfg").unlink()
    monkeypatch.setattr(sys, "argv", [str(two_versions / "1.0/bin/fortepiano"), "serve"])
    assert command()[0] == sys.executable


def test_the_next_process_of_a_next_process_has_its_descriptor_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "argv", ["-m", "serve", "--port", "1", "--take-over", "7"])
    assert command()[-3:] == ["serve", "--port", "1"]


OPTIONS = "import sys; print(*sys.flags, *sys.warnoptions, sorted(sys._xoptions))"


@pytest.mark.parametrize(
    "options",
    [[], ["-I"], ["-E"], ["-s"], ["-E", "-s"], ["-B", "-OO"], ["-Xdev"], ["-Xutf8", "-Wignore"]],
    ids=" ".join,
)
def test_the_interpreter_has_the_options_of_this_one_and_a_safe_path(options: list[str]) -> None:
    # In a process of its own, since an interpreter keeps its options.
    told = "from fortepiano.observe import program; print(*program._options())"
    path = os.pathsep.join(sys.path)
    run = f"import sys; sys.path[:] = {path!r}.split({os.pathsep!r}); {told}"
    found = subprocess.run(
        [sys.executable, *options, "-c", run], capture_output=True, text=True, check=True
    ).stdout.split()
    assert found[0] == "-P"

    def flags(some: list[str]) -> str:
        running = [sys.executable, *some, "-c", OPTIONS]
        return subprocess.run(running, capture_output=True, text=True, check=True).stdout

    assert flags(found) == flags(["-P", *options])


@pytest.mark.parametrize(
    ("before", "after"),
    [(None, None), ("", None), (":", None), (".", None), ("/a", "/a"), (":/a:.:/b:", "/a:/b")],
)
def test_the_environment_names_no_working_folder(
    before: str | None, after: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHDOG_PID", "1")
    monkeypatch.setenv("OTHER", "kept")
    monkeypatch.delenv("PYTHONPATH", raising=False)
    if before is not None:
        monkeypatch.setenv("PYTHONPATH", before)
    found = environment()
    assert (found.get("PYTHONPATH"), found.get("OTHER")) == (after, "kept")
    assert "WATCHDOG_PID" not in found
