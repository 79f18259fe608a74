"""The load generator against a server: all notes arrive, and mistakes are reported."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from support.server import Server, free_port

MANIFEST = Path(__file__).parents[2] / "rust" / "Cargo.toml"

# The first run may have to compile it.
pytestmark = [pytest.mark.needs("cargo"), pytest.mark.timeout(300)]


def load(*arguments: str) -> subprocess.CompletedProcess[str]:
    cargo = ["cargo", "run", "--quiet", "--locked", "--manifest-path", str(MANIFEST)]
    return subprocess.run(
        [*cargo, "-p", "fortepiano-load", "--", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )


def figures(server: Server, *arguments: str) -> dict[str, Any]:
    target = ["--port", str(server.port), "--server-pid", str(server.pid), "--json"]
    done = load(*arguments, *target)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def test_everybody_hears_every_note(server_by_address: Server) -> None:
    found = figures(
        server_by_address, "play", "--clients", "20", "--players", "4", "--seconds", "1"
    )
    assert found["sent"] == 200
    assert found["deliveries"] == 200 * 19
    assert found["lost"] == found["closed"] == 0
    assert 0 < found["p50_us"] <= found["p99_us"] <= found["max_us"]
    assert found["server_rss_bytes"] > 1 << 20


def test_small_rooms_hear_only_themselves(server_by_address: Server) -> None:
    found = figures(
        server_by_address, "rooms", "--clients", "23", "--people", "5", "--seconds", "1"
    )
    # Four rooms of five and one of three: each of their messages has four or two listeners.
    assert (found["sent"], found["rooms"]) == (115, 5)
    assert found["deliveries"] == 100 * 4 + 15 * 2
    assert found["lost"] == 0


def test_every_cursor_comes_to_rest_for_everybody(server_by_address: Server) -> None:
    found = figures(server_by_address, "mouse", "--clients", "10", "--seconds", "1")
    assert found["last_positions_missing"] == found["closed"] == 0
    assert 0 < found["deliveries"] <= 10 * 20 * 9


def test_people_come_and_stay_and_come_all_at_once(server_by_address: Server) -> None:
    found = figures(server_by_address, "connect", "--clients", "50", "--seconds", "0.5")
    assert (found["rooms"], found["closed"]) == (3, 0)
    assert found["connects_per_s"] > 0
    found = figures(server_by_address, "join-storm", "--clients", "50")
    assert found["joins_per_s"] > 0
    # Each client receives the entries of those that joined before it, or a `p` of those after.
    assert found["join_bytes"] > 50 * 49 * 100


def test_who_never_reads_is_put_out_and_the_others_lose_nothing(server_by_address: Server) -> None:
    many = ["--clients", "9", "--players", "8", "--rate", "50", "--notes", "150"]
    found = figures(server_by_address, "slow-reader", *many, "--seconds", "2")
    assert found["owed_bytes"] > 2 << 20
    assert found["lost"] == 0
    assert found["dismissed_after_s"] is not None


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["play", "--port", "{free}"], "nobody listens on 127.0.0.1:{free}: start the server"),
        (["play", "--host", "192.0.2.1"], "192.0.2.1 is not this machine"),
        (["play", "--clients", "900000"], "900000 clients need more open files"),
        (["play", "--server-pid", "4294967295"], "there is no process 4294967295"),
    ],
)
def test_a_mistake_is_one_line(arguments: list[str], line: str) -> None:
    free = str(free_port())
    done = load(*(argument.format(free=free) for argument in arguments))
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("fortepiano-load: " + line.format(free=free))
    assert done.stderr.count("\n") == 1


def test_a_server_of_something_else_is_told(server_by_address: Server) -> None:
    done = load("connect", "--port", str(server_by_address.internal_port))
    assert done.returncode == 2
    assert "refused a WebSocket with status" in done.stderr
