"""Commands of operators answer at once, however many users a server has had."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from support.large_store import fill_redis, fill_sqlite
from support.redis import run_redis
from support.server import environment

pytestmark = [pytest.mark.ops, pytest.mark.timeout(420)]

PEOPLE, ACTS = 1_000_000, 75_000
SECONDS = 0.3
ATTEMPTS = 20
WITHOUT_STORE = 1.5
"""How much longer than `version`, which needs no store, a command may take on a busy machine."""


@pytest.fixture(
    scope="module",
    params=["sqlite", pytest.param("redis", marks=pytest.mark.needs("redis-server"))],
)
def folder(request: pytest.FixtureRequest) -> Iterator[Path]:
    """A working folder whose settings and data are those of a server with a million users."""
    with TemporaryDirectory() as name:
        if request.param == "sqlite":
            fill_sqlite(Path(name) / "data", people=PEOPLE, acts=ACTS, bans=1000)
            yield Path(name)
            return
        with run_redis("--appendfsync", "no") as redis:
            with redis.client() as client:
                fill_redis(client, "fortepiano", people=PEOPLE, acts=ACTS)
            (Path(name) / "fortepiano.toml").write_text(f'[store]\nurl = "{redis.url}"\n')
            yield Path(name)


@pytest.mark.parametrize(
    "command",
    [
        "bans list",
        "bans add 203.0.113.7 --for 1h",
        "bans remove 203.0.113.7",
        "bans export",
        "audit --limit 1",
        "audit --user 5f0c3d1e9a7b2c4d6e8f0a1b",
        "token list",
    ],
)
def test_a_command_takes_less_than_a_third_of_a_second(folder: Path, command: str) -> None:
    taken: list[float] = []
    # Other work on the machine slows processors too, and what takes no store as well.
    bound = max(SECONDS, WITHOUT_STORE * processor_seconds(folder, "version"))
    while len(taken) < ATTEMPTS and not (taken and min(taken) <= bound):
        if command == "bans remove 203.0.113.7":
            processor_seconds(folder, "bans add 203.0.113.7")
        taken.append(processor_seconds(folder, command))
    assert min(taken) <= bound, (bound, taken)


def processor_seconds(folder: Path, command: str) -> float:
    """Run a command; return its processor time, since another process may have the processor."""
    with subprocess.Popen(
        [sys.executable, "-m", "fortepiano", *command.split()],
        cwd=folder,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        said = process.stderr.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert (process.returncode, said) == (0, "")
    return used.ru_utime + used.ru_stime
