"""Five hundred clients play through twenty reloads that change what the handlers say."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path

import pytest

from support.editable_server import editable_server

MANIFEST = Path(__file__).parents[2] / "rust" / "Cargo.toml"

pytestmark = [pytest.mark.ops, pytest.mark.needs("cargo"), pytest.mark.timeout(600)]

CLIENTS, PLAYERS, SECONDS, RELOADS = 500, 20, 30, 20
LONGEST_P99_US = 250_000
"""Clients sound notes a second late, so nobody hears a pause of this length."""


def test_nobody_is_disconnected_and_no_note_is_lost() -> None:
    cargo = ["cargo", "build", "--quiet", "--release", "--locked", "--manifest-path"]
    subprocess.run([*cargo, str(MANIFEST), "-p", "fortepiano-load"], check=True)
    load = MANIFEST.parent / "target" / "release" / "fortepiano-load"
    with editable_server() as made:
        server = made.server
        line = '"motd": context.motd,'
        options = {
            "clients": CLIENTS,
            "players": PLAYERS,
            "seconds": SECONDS,
            "port": server.port,
            "server-pid": server.pid,
        }
        arguments = [part for name, value in options.items() for part in (f"--{name}", str(value))]
        playing = subprocess.Popen([load, "play", *arguments, "--json"], stdout=subprocess.PIPE)
        with playing:
            for number in range(RELOADS):
                time.sleep(SECONDS / (RELOADS + 5))  # the load generator has a clock of its own
                new = f'"motd": "reload {number:02}",'
                made.edit("handlers/hello.py", line, new)
                line = new
                assert '"reloaded"' in made.reload()
            assert playing.poll() is None, "the reloads were to happen while people play"
            out, _ = playing.communicate(timeout=300)
        found = json.loads(out)
    assert (found["lost"], found["closed"]) == (0, 0), found
    assert found["deliveries"] == found["sent"] * (CLIENTS - 1)
    assert found["p99_us"] < LONGEST_P99_US, found
