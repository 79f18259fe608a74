"""`fortepiano status` and `fortepiano top` beside a running server."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from support.server import Server, environment, free_port, run_server
from support.websocket_clients import Clients, new_room

pytestmark = pytest.mark.timeout(90)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server of the tests' own: they count heads."""
    with run_server(NODE_ENV="development") as running:
        yield running


def run(server: Server, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "fortepiano", *arguments],
        cwd=server.folder,
        env=environment(**settings),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def where(server: Server) -> tuple[str, str]:
    return "--url", server.internal_url


async def test_status_for_people_and_for_scripts(server: Server) -> None:
    async with Clients(server) as people:
        for _ in range(3):
            await people.enter(new_room())
        shown = run(server, "status", *where(server))
        told = run(server, "status", "--json", *where(server))
    assert (shown.returncode, shown.stderr) == (0, "")
    first, *rows = shown.stdout.splitlines()
    assert re.fullmatch(r"fortepiano \S+, ready", first)
    assert re.search(r"^Clients +3$", "\n".join(rows), re.MULTILINE)
    document = json.loads(told.stdout)
    assert document["ready"] is True
    assert document["numbers"]["clients"] == 3
    assert document["by_label"]["messages_received_total"]["ch"] >= 3


def test_the_settings_say_where_the_server_is(server: Server) -> None:
    done = run(server, "status", FORTEPIANO_INTERNAL_PORT=str(server.internal_port))
    assert (done.returncode, done.stderr) == (0, "")


def test_a_server_that_is_not_there_is_told_in_one_line(server: Server) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    for command in ("status", "top"):
        done = run(server, command, "--url", url)
        assert (done.returncode, done.stdout) == (2, "")
        (line,) = done.stderr.splitlines()
        assert url in line and "Connection refused" in line
    done = run(server, "status", "--url", server.url)
    assert done.returncode == 2
    assert "something else" in done.stderr
    done = run(server, "status", "--url", "file:///etc/passwd")
    assert (done.returncode, done.stdout) == (2, "")


def test_top_looks_and_ends(server: Server) -> None:
    done = run(server, "top", "--count", "2", "--interval", "0.2", *where(server))
    assert (done.returncode, done.stderr) == (0, "")
    for title in ("clients", "deliveries", "loop lag", "memory"):
        assert title in done.stdout


def test_top_on_a_terminal_until_it_is_interrupted(server: Server) -> None:
    ours, theirs = pty.openpty()
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", "fortepiano", "top", "--interval", "0.1", *where(server)],
            env=environment(TERM="xterm", COLUMNS="100", LINES="40"),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            # A shell in the background ignores SIGINT, and `top` would inherit that.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
    finally:
        os.close(theirs)
    with process, ExitStack() as at_the_end:
        at_the_end.callback(process.kill)  # a test that fails leaves nobody waiting
        seen = b""
        while b"deliveries" not in seen:
            seen += os.read(ours, 65_536)
        process.send_signal(signal.SIGINT)
        try:
            while True:
                seen += os.read(ours, 65_536)
        except OSError:
            pass  # the terminal is closed with its last process
        os.close(ours)
        assert process.wait() == 0
    assert b"Traceback" not in seen


def test_health_checks_ask_the_internal_port(server: Server) -> None:
    """The public port may speak the PROXY protocol, or listen on another number."""
    port = {"FORTEPIANO_INTERNAL_PORT": str(server.internal_port)}
    for host in ("127.0.0.1", "0.0.0.0"):
        done = run(server, "status", "--alive", FORTEPIANO_INTERNAL_HOST=host, **port)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    for url in (f"http://127.0.0.1:{free_port()}", f"{server.url}/my-room"):
        done = run(server, "status", "--alive", "--url", url)
        assert (done.returncode, done.stdout) == (2, "")
        assert len(done.stderr.splitlines()) == 1


def test_the_internal_port_may_be_a_unix_socket(tmp_path: Path) -> None:
    where = {"FORTEPIANO_INTERNAL_HOST": f"unix:{tmp_path / 's'}"}
    with run_server(**where) as running:
        for arguments in (("--alive",), ()):
            done = run(running, "status", *arguments, **where)
            assert (done.returncode, done.stderr) == (0, "")
