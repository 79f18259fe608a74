"""docs/operating.md: its commands work, its tables are whole, and its links lead somewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from fortepiano.config import load
from fortepiano.errors import ExitStatus
from support.server import Server, environment

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "operating.md").read_text("utf-8")

RUN, STOPPED, NOT_RUN = "sh", "sh while the server is stopped", "sh not run here: "
AS_ROOT = "sh as root "
"""Kinds of code fences with commands; those of root are run on clean machines by other tests.

tests/e2e/test_first_steps.py has the first steps,
tests/ops/test_from_one_process_to_three_nodes.py the way to three nodes.
"""

pytestmark = pytest.mark.timeout(180)


class Fence(NamedTuple):
    """A piece of code in the document."""

    kind: str
    code: str


FENCES = [Fence(*found) for found in re.findall(r"^```(.*)\n((?:.*\n)*?)```$", TEXT, re.MULTILINE)]


def shell(server: Server, fence: Fence) -> None:
    """Run commands in the folder of the settings."""
    program = Path(sys.executable).parent
    settings = {
        "FORTEPIANO_PORT": str(server.port),
        "FORTEPIANO_INTERNAL_PORT": str(server.internal_port),
        "PATH": f"{program}:{os.environ['PATH']}",
    }
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", fence.code],
        cwd=server.folder,
        env=environment() | settings,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, f"{fence.code}\n{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stderr


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


def test_every_command_runs(server: Server) -> None:
    server.start()
    ran = [fence for fence in FENCES if fence.kind == RUN]
    for fence in ran:
        shell(server, fence)
    server.stop()
    stopped = [fence for fence in FENCES if fence.kind == STOPPED]
    for fence in stopped:
        shell(server, fence)
    server.start()
    assert len(ran) > 4
    assert len(stopped) == 1


def test_every_fence_says_what_becomes_of_it() -> None:
    for kind, code in FENCES:
        known = kind in (RUN, STOPPED, "toml", "nginx", "haproxy", "caddy")
        known = known or kind.startswith(AS_ROOT)
        reason = kind.removeprefix(NOT_RUN) if kind.startswith(NOT_RUN) else ""
        assert known or len(reason) > 5, (kind, code)


def test_settings_in_it_are_settings(tmp_path: Path) -> None:
    pieces = [code for kind, code in FENCES if kind == "toml"]
    for number, code in enumerate(pieces):
        file = tmp_path / f"{number}.toml"
        file.write_text(code)
        load(file, {})
    assert pieces


def test_every_exit_status_is_told() -> None:
    table = TEXT.partition("## Exit statuses")[2].partition("##")[0]
    told = {int(status) for status in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)}
    assert told == set(ExitStatus)


def test_every_alert_has_something_to_do() -> None:
    rules = yaml.safe_load((ROOT / "deploy" / "prometheus" / "alerts.yml").read_text())
    alerts = {rule["alert"] for group in rules["groups"] for rule in group["rules"]}
    assert set(re.findall(r"^\| `(Fortepiano\w+)` \|", TEXT, re.MULTILINE)) == alerts


def test_links_lead_somewhere() -> None:
    targets = re.findall(r"\]\(([^)]+)\)", TEXT)
    assert len(targets) > 15
    for target in targets:
        file, _, anchor = target.partition("#")
        path = ROOT / "docs" / file if file else ROOT / "docs" / "operating.md"
        assert path.exists(), target
        if anchor:
            titles = re.findall(r"^#+ (.+)$", path.read_text("utf-8"), re.MULTILINE)
            slugs = {re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in titles}
            assert anchor in slugs, (target, slugs)
