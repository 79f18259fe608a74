"""Bystanders (`support/bystanders.py`) notice what harms a server."""

from __future__ import annotations

import os
import signal
import time

import httpx
import pytest

from support.bystanders import untroubled
from support.server import Server, run_server

STOPS = 20


def stop_for(server: Server, seconds: float) -> None:
    """Let the process of a server stand."""
    os.kill(server.pid, signal.SIGSTOP)
    time.sleep(seconds)
    os.kill(server.pid, signal.SIGCONT)


def test_a_server_that_stands_again_and_again_is_noticed() -> None:
    with run_server() as server:
        with pytest.raises(AssertionError, match="p99="), untroubled(server, "stops"):
            for _ in range(STOPS):
                stop_for(server, 0.2)
                time.sleep(0.1)


def test_memory_that_is_kept_is_noticed() -> None:
    with run_server(scopes=("read",)) as server:
        # The framework of the admin API is imported at the first call, and stays.
        token = {"Authorization": f"Bearer {server.tokens['read']}"}
        with (
            pytest.raises(AssertionError, match="bytes before"),
            untroubled(server, "kept", most_ms=100),
        ):
            httpx.get(f"{server.internal_url}/api/v1/status", headers=token)
            time.sleep(0.1)  # until a note has been heard since


def test_the_figures_are_a_row(capsys: pytest.CaptureFixture[str]) -> None:
    with run_server() as server, untroubled(server, "nothing"):
        time.sleep(0.5)
    (row,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| ")]
    name, seconds, share, *figures = [part.strip() for part in row.strip("|").split("|")]
    assert (name, seconds.split()[1], share.split()[1]) == ("nothing", "s", "%")
    assert len([float(figure) for figure in figures]) == 6
