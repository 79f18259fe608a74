"""A server whose stdout is systemd's journal: each line has the severity that journalctl reads."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from support.server import Server, environment

SECONDS = 30.0


def stream_of(descriptor: int) -> str:
    """Return what systemd says of a descriptor that leads to the journal."""
    file = os.fstat(descriptor)
    return f"{file.st_dev}:{file.st_ino}"


def read_until(journal: socket.socket, event: str) -> list[tuple[str, str]]:
    """Return the marks and the events of all lines up to one with this event."""
    found: list[tuple[str, str]] = []
    rest = b""
    journal.settimeout(SECONDS)
    while not any(one == event for _, one in found):
        *whole, rest = (rest + journal.recv(65_536)).split(b"\n")
        for line in whole:
            mark, brace, fields = line.decode().partition("{")
            found.append((mark, json.loads(brace + fields)["event"]))
    return found


def test_lines_have_their_severity_also_after_an_upgrade_and_until_a_reload() -> None:
    journal, stdout = socket.socketpair()  # as journald's own: a stream of a Unix socket
    with (
        journal,
        stdout,
        closing(
            Server(stdout=stdout.fileno(), JOURNAL_STREAM=stream_of(stdout.fileno()))
        ) as server,
    ):
        settings = server.folder / "fortepiano.toml"
        server.start()
        assert {mark for mark, _ in read_until(journal, "listening")} == {"<6>"}
        server.upgrade()
        assert {mark for mark, _ in read_until(journal, "upgraded")} == {"<6>"}
        settings.write_text("motd = 7\n")
        os.kill(server.pid, signal.SIGHUP)
        marks = read_until(journal, "not reloaded, nothing has changed")
        assert marks[-1][0] == "<3>"
        settings.write_text('log_severities = "never"\n')
        os.kill(server.pid, signal.SIGHUP)
        assert {mark for mark, _ in read_until(journal, "reloaded")} == {""}
        assert server.stop() == 0
        assert {mark for mark, _ in read_until(journal, "stopped")} == {""}


def test_line_about_a_mistake_is_an_error(tmp_path: Path) -> None:
    far, near = os.pipe()
    command = [sys.executable, "-m", "fortepiano", "serve", "--port", "99999"]
    with os.fdopen(far) as reader:
        status = subprocess.run(
            command,
            cwd=tmp_path,
            env=environment(JOURNAL_STREAM=stream_of(near)),
            stderr=near,
            timeout=60,
            check=False,
        ).returncode
        os.close(near)
        assert reader.read().startswith("<3>fortepiano: port: ")
    assert status == 2
