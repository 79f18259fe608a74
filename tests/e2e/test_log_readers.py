"""The log's reader stops, dies or comes back, or its disk is full: people do not notice."""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import Iterator
from contextlib import closing

import httpx
import pytest

from support.log_pipe import LoggingServer, numbers
from support.recovery import delays
from support.server import Server
from support.websocket_clients import Clients

LINES = 120
"""How many lines of 4 kB are too many: the pipe takes 64 KiB, and 256 KiB wait."""

BLOCKED_SECONDS = 3.0
"""A server that waits for the reader answers never; the machine of the tests is shared."""


@pytest.fixture
def logging() -> Iterator[LoggingServer]:
    with LoggingServer.running() as running:
        yield running


async def play_meanwhile(clients: Clients, server: Server, trouble: asyncio.Task[None]) -> None:
    """Play until the trouble is over: no note is lost, no answer late, and the site answers."""
    ann, bea, cleo = await clients.group(3)
    watching = asyncio.create_task(delays(ann, trouble.done))
    number = 0
    while not trouble.done():
        number += 1
        await bea.send({"m": "n", "t": 0, "n": [{"n": "a-1", "v": number / 1000}]})
        heard = await cleo.expect("n")
        assert heard["n"][0]["v"] == number / 1000
        async with httpx.AsyncClient(trust_env=False) as site:
            answer = await site.get(f"{server.url}/healthz", timeout=BLOCKED_SECONDS)
        assert answer.status_code == 200
        await asyncio.sleep(0.05)  # within the quota
    await trouble
    assert number > 3
    assert max(await watching) < BLOCKED_SECONDS


@pytest.mark.timeout(90)
async def test_nobody_reads(logging: LoggingServer) -> None:
    async with Clients(logging.server) as clients:
        trouble = asyncio.create_task(asyncio.to_thread(logging.log_lines, LINES))
        await play_meanwhile(clients, logging.server, trouble)
    assert 0 < logging.dropped() < LINES
    began = time.monotonic()
    assert await asyncio.to_thread(logging.server.stop) == 0
    assert time.monotonic() - began < 10
    assert logging.server.log == ""  # nothing on stderr


def test_the_reader_comes_back(logging: LoggingServer) -> None:
    logging.log_lines(LINES)
    dropped = logging.dropped()
    lines = logging.read_until(f"{dropped} lines were dropped: the reader was too slow")
    assert lines[-1]["level"] == "warning"
    assert lines[0]["event"] == "open files"
    assert numbers(lines) == list(range(1, LINES - dropped + 1))
    logging.log_lines(1)
    assert numbers(logging.read_until("reloaded")) == [LINES + 1]
    assert logging.dropped() == dropped
    assert logging.server.stop() == 0
    assert [line["event"] for line in logging.read_until("stopped")][-2:] == ["stopping", "stopped"]


def test_an_upgrade_and_a_command_work_and_the_new_process_is_heard(logging: LoggingServer) -> None:
    logging.log_lines(LINES)
    with logging.server.command_of("reload") as command:
        output, _ = command.communicate(timeout=30)
    assert command.returncode == 0, output
    logging.server.upgrade()
    assert logging.dropped() == 0  # a new process, whose lines wait
    logging.reload()
    lines = logging.read_until("reloaded")
    while lines[-1]["event"] != "reloaded" or lines[-1]["changed"]:
        lines += logging.read_until("reloaded")
    assert logging.server.stop() == 0
    assert "stopped" in {line["event"] for line in logging.read_until("stopped")}
    assert logging.server.log == ""


@pytest.mark.timeout(90)
async def test_the_reader_dies(logging: LoggingServer) -> None:
    logging.close_reader()
    async with Clients(logging.server) as clients:
        trouble = asyncio.create_task(asyncio.to_thread(logging.log_lines, 30))
        await play_meanwhile(clients, logging.server, trouble)
    assert logging.dropped() >= 30
    assert await asyncio.to_thread(logging.server.stop) == 0
    assert logging.server.log == ""


def test_the_reader_dies_while_a_line_waits_for_it(logging: LoggingServer) -> None:
    logging.log_lines(LINES)
    logging.close_reader()
    logging.log_lines(1)
    assert logging.server.is_ready()
    assert logging.server.stop() == 0
    assert logging.server.log == ""


def test_the_disk_of_the_log_is_full() -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    with closing(Server(stdout=full)) as server:
        server.start()
        os.close(full)
        metrics = httpx.get(f"http://127.0.0.1:{server.internal_port}/metrics", trust_env=False)
        (dropped,) = re.findall(r"^fortepiano_log_lines_dropped_total (\S+)", metrics.text, re.M)
        assert float(dropped) >= 2
        assert server.stop() == 0
        assert server.log == ""


def test_stdout_and_the_others_may_be_closed() -> None:
    def close_all() -> None:
        for descriptor in range(3):
            os.close(descriptor)

    with closing(Server(before_exec=close_all)) as server:
        server.start()
        server.upgrade()
        for descriptor in range(3):
            assert os.readlink(f"/proc/{server.pid}/fd/{descriptor}") == "/dev/null"
        assert server.stop() == 0


def test_an_upgrade_while_the_reader_reads_loses_no_line(logging: LoggingServer) -> None:
    logging.server.upgrade()
    lines = logging.read_until("upgraded")
    assert logging.server.stop() == 0
    lines += logging.read_until("stopped")
    events = [line["event"] for line in lines]
    assert events.count("open files") == events.count("listening") == 2
    assert events[-2:] == ["stopping", "stopped"]
