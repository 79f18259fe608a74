"""No command, and no process of an upgrade, runs what lies in its working folder."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from support.large_store import fill_sqlite
from support.server import Server, environment, run_server

NAMES = ("structlog", "typer", "pydantic", "uvloop", "orjson", "starlette", "fastapi")
TRAP = "raise SystemExit(f'{__file__} was run')\n"


def lay_traps(folder: Path) -> None:
    """Put files with the names of libraries into a folder."""
    for name in NAMES:
        (folder / f"{name}.py").write_text(TRAP)


OURS = os.environ.get("PYTHONPATH", "")
"""Where this process looks for packages first."""


@pytest.mark.parametrize("entry", ["", "."])
def test_the_next_process_does_not_look_there(entry: str) -> None:
    # The first process does, as the operator wishes, so the traps come after its start.
    with run_server(PYTHONPATH=os.pathsep.join([entry, OURS])) as server:
        lay_traps(server.folder)
        server.configure(PYTHONPATH=OURS)  # for the commands
        for _ in range(2):
            server.upgrade()
        assert server.is_ready()


def test_a_server_does_not_look_there() -> None:
    server = Server()
    with closing(server):
        lay_traps(server.folder)
        server.start()
        server.upgrade()
        with server.command_of("reload") as command:
            said, _ = command.communicate(timeout=60)
        assert said == "Nothing has changed.\n"


@pytest.mark.parametrize(
    "command",
    [
        "version",
        "--help",
        "gen-config",
        "check-config",
        "bans list",
        "bans add 203.0.113.7",
        "bans lists",
        "audit",
        "token list",
        "token create --scope read",
        "status --help",
        "top --help",
        "backup saved.backup",
        "serve --help",
    ],
)
def test_commands_do_not_look_there(tmp_path: Path, command: str) -> None:
    lay_traps(tmp_path)
    fill_sqlite(tmp_path / "data", people=1)
    done = subprocess.run(
        [sys.executable, "-m", "fortepiano", *command.split()],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, "was run" in done.stdout + done.stderr) == (0, False), done.stderr
